//! Part 1: an elevation grid through NPZ, NPY, raw and back.

use super::contents::Contents;
use super::data::GRID;
use super::table::{Check, Demo, contents};
use hyperslab::{ArrayOptions, ConvertOptions, Error, Limits, Result, Selection, digest, open};

const RAW: &str = "elevation_int16_344_403.dat";

pub(super) fn run(demo: &mut Demo<'_>) {
    let plain = ConvertOptions::default();
    let named = ConvertOptions { name: "elevation".into(), ..plain.clone() };
    let deflated = ArrayOptions { deflate: Some(6), ..ArrayOptions::default() };
    let deflated = ConvertOptions { array: deflated, ..named.clone() };

    demo.step("the grid as shipped, beside NumPy's digests", GRID.0, |folder| {
        let file = folder.write(GRID.0, GRID.1)?;
        let found = contents(&file)?;
        Ok(Check::new(move || Ok(Contents::truth(GRID.0)?.difference(&found, false))))
    });
    demo.carry("one member to NPY", GRID.0, "elevation", "elevation.npy", &plain);
    demo.carry("NPY to raw, shape and dtype in its name", "elevation.npy", "", RAW, &plain);
    demo.carry("raw, described by its name, to deflated NPZ", RAW, "", "elevation.npz", &deflated);
    demo.carry("all seven members to stored NPZ", GRID.0, "", "dem_stored.npz", &plain);
    demo.step("[100:20:-7, ::50] of NPZ, NPY and raw", "", |folder| {
        let part: Selection = "[100:20:-7, ::50]".parse()?;
        let files = [(GRID.0, "elevation"), ("elevation.npy", ""), (RAW, ""), ("elevation.npz", "elevation")];
        let digests = files
            .iter()
            .map(|(file, path)| {
                let container = open(folder.file(file))?;
                digest::digest(&container.read(path, &part, &Limits::default())?)
            })
            .collect::<Result<Vec<_>>>()?;
        let same = digests.windows(2).all(|w| w.first() == w.last());
        Ok(Check::new(move || Ok((!same).then(|| Error::invalid("the parts differ")))))
    });
}
