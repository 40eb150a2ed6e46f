//! Part 2: decoders and their metadata, out of Nengo's cache and back into it; then the cache itself (`cache.rs`).

use super::contents::Contents;
use super::data::{GRID, PACK, SOLVER_A, SOLVER_B};
use super::table::{Check, Demo, contents};
use hyperslab::ConvertOptions;

pub(super) fn run(demo: &mut Demo<'_>) {
    let options = ConvertOptions { name: "decoders".into(), ..ConvertOptions::default() };
    for (what, (name, bytes)) in [
        ("one object, its pickle read without running it", SOLVER_A),
        ("one in Fortran order, with NumPy scalars", SOLVER_B),
        ("a pack of five", PACK),
    ] {
        demo.step(what, name, |folder| {
            let file = folder.write(name, bytes)?;
            let found = contents(&file)?;
            Ok(Check::new(move || Ok(Contents::truth(name)?.difference(&found, false))))
        });
    }
    demo.carry("array and metadata to NPZ", SOLVER_A.0, "", "solver_a.npz", &options);
    demo.carry("NPZ to NCO", "solver_a.npz", "", "solver_a_again.nco", &options);
    demo.carry("raw, with the metadata beside it", SOLVER_B.0, "", "decoders_float64_75_1.dat", &options);
    demo.carry("raw and metadata to NCO", "decoders_float64_75_1.dat", "", "solver_b_again.nco", &options);
    demo.carry("the pack to NPZ", PACK.0, "", "pack.npz", &options);
    demo.carry("NPZ to pack", "pack.npz", "", "pack_again.nco", &options);
    demo.carry("the grid to NCO", GRID.0, "elevation", "elevation.nco", &options);
    super::cache::run(demo);
}
