//! Chunks that reach over all rows: streamed by way of a temporary file, each decoded once.

#![allow(clippy::unwrap_used, reason = "tests: a panic is the failure report")]

use hyperslab_core::testing::{oracle_python, run_python};
use hyperslab_core::{Container, Limits, Selection, digest};
use hyperslab_hdf5::File;

/// Rows of chunks of more than 64 MiB: in the second dimension, in the third, in two bands, and of narrow rows.
const MAKE: &str = r#"
import sys, h5py, numpy as np
with h5py.File(sys.argv[1], "w", libver="latest") as f:
    for name, shape, chunks in (
        ("two", (3001, 30011), (3001, 1100)),
        ("three", (70, 1201, 1003), (70, 700, 99)),
        ("bands", (140, 1201, 1003), (100, 401, 1003)),
        ("small", (1000, 100), (1000, 10)),
    ):
        a = np.arange(np.prod(shape), dtype="u4").reshape(shape).astype("u1") if name != "bands" else (
            np.arange(np.prod(shape), dtype="u4") // 999).reshape(shape).astype("u1")
        f.create_dataset(name, data=a, chunks=chunks, compression=1)
"#;

#[test]
fn wide_chunks_are_streamed_in_order() {
    let Some(python) = oracle_python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wide.h5");
    run_python(&python, MAKE, &[path.as_os_str()]);
    let file = File::open(&path).unwrap();
    let limits = Limits::default();
    for name in ["two", "three", "bands"] {
        // What may be allocated at one time is less than the array.
        let few = Limits::new(if name == "bands" { 130 << 20 } else { 80 << 20 }, 1 << 20, 64);
        let mut stream = file.stream(name, &few).unwrap().unwrap();
        let mut hasher = digest::Hasher::new();
        while let Some(part) = stream.next_part().unwrap() {
            hasher.update(&part).unwrap();
        }
        let whole = digest::digest(&file.read(name, &Selection::ALL, &limits).unwrap()).unwrap();
        assert_eq!(Some(hasher.finish()), whole, "{name}");
    }
    assert!(file.stream("small", &limits).unwrap().is_none());
}
