//! What commands print, as snapshots in `cmd/*.md`, on the project's fixtures and on files that the cases make.
//!
//! `TRYCMD=overwrite cargo test -p hyperslab-cli --test cmd` writes the snapshots anew; read the difference.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic here is the failure report")]

mod layouts;

use std::path::Path;

/// Fixtures that the cases use, under the names that they have there.
const FILES: [(&str, &str); 14] = [
    ("demo/jacksboro_fault_dem.npz", "dem.npz"),
    ("demo/solver_a.nco", "solver.nco"),
    ("demo/pack.nco", "pack.nco"),
    ("demo/messages.bin", "messages.bin"),
    ("hdf5/tree_latest_2.0.h5", "tree.h5"),
    ("hdf5/types_latest_2.0.h5", "types.h5"),
    ("npy/struct_flat.npy", "struct.npy"),
    ("npy/type_f4.npy", "f4.npy"),
    ("npy/shape_f_order.npy", "f_order.npy"),
    ("npz/groups.npz", "groups.npz"),
    ("npz/keys.npz", "keys.npz"),
    ("raw/name_int32_4_5.dat", "name_int32_4_5.dat"),
    ("nco/meta_nested.nco", "nested.nco"),
    ("larpix/generated_sizes_2.0.h5", "log.h5"),
];

#[test]
fn commands_print_what_they_did() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let dir = tempfile::tempdir().unwrap();
    for (from, to) in FILES {
        std::fs::copy(here.join("../../fixtures/files").join(from), dir.path().join(to)).unwrap();
    }
    for name in
        ["truncated_data.npy", "crc_deflated.npz", "pickle_runs.nco", "header_sum.h5", "log_unequal.h5"]
    {
        std::fs::copy(here.join("../../fixtures/hostile").join(name), dir.path().join(name)).unwrap();
    }
    std::fs::write(dir.path().join("mask.npy"), mask([true, false, false, true, true])).unwrap();
    std::fs::write(dir.path().join("short.npy"), mask([true])).unwrap();
    cache(&dir.path().join("cache"));
    layouts::keyed(&dir.path().join("nengo-2.0"));
    layouts::unversioned(&dir.path().join("nengo-2.1"));
    // The only test of this binary: nobody else has a current directory here.
    std::env::set_current_dir(dir.path()).unwrap();
    trycmd::TestCases::new().case(here.join("tests/cmd/*.md"));
}

/// An NPY file of booleans.
fn mask<const N: usize>(values: [bool; N]) -> Vec<u8> {
    let header = format!("{{'descr': '|b1', 'fortran_order': False, 'shape': ({N},), }}");
    let mut out = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    out.extend_from_slice(format!("{header:<117}\n").as_bytes());
    out.extend(values.map(u8::from));
    out
}

/// A cache with three entries in one pack.
fn cache(dir: &Path) {
    use hyperslab::nco::cache::{Cache, CacheOptions, Commit, Key};
    use hyperslab::{Value, View};
    let options = CacheOptions { commit: Commit::Flush, ..CacheOptions::default() };
    let cache = Cache::open(dir, &options).unwrap();
    for name in ["solver a", "solver b", "solver c"] {
        let metadata = Value::map([("solver", Value::from(name))]);
        let array = View::from_slice([3, 2], &[0.5; 6]).unwrap();
        cache.put(&Key::from(name), &metadata, &array).unwrap();
    }
}
