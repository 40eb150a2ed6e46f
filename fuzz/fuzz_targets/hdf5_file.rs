//! Whole HDF5 files: whatever can be read is read within the limits, and it does not depend on how the bytes come.
#![no_main]

use hyperslab_core::source::SliceSource;
use hyperslab_core::{Container, Limits, NodeKind, Result, Selection, digest};
use hyperslab_fuzz::Positioned;
use hyperslab_hdf5::File;
use libfuzzer_sys::fuzz_target;

/// Arrays that are read; all are listed.
const ARRAYS: usize = 20;

fn read(file: Result<File<'_>>) -> Vec<(String, Option<String>)> {
    // What a small file honestly holds, and no more: all that a lie can cost is time.
    let limits = Limits::new(1 << 20, 2000, 32);
    let Ok(file) = file else { return Vec::new() };
    let Ok(nodes) = file.nodes("/", None, true, &limits) else { return Vec::new() };
    let mut out = Vec::new();
    for node in nodes.into_iter().filter(|n| n.kind == NodeKind::Array).take(ARRAYS) {
        let view = file.read(&node.path, &Selection::ALL, &limits);
        let sum = view.and_then(|v| if v.nbytes() < 1 << 16 { digest::digest(&v) } else { Ok(None) });
        out.push((node.path, sum.ok().flatten()));
    }
    out
}

// Checksums do not count in a fuzzer's build, so nothing has to be put right.
fuzz_target!(|data: &[u8]| {
    assert_eq!(read(File::from_image(data)), read(File::from_source(Positioned(SliceSource(data)))));
});
