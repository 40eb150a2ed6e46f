//! Whole HDF5 files: whatever can be read is read within the limits, and it does not depend on how the bytes come.
#![no_main]

use hyperslab_core::{Container, Limits, NodeKind, Result, Selection, Source, digest};
use hyperslab_hdf5::{File, testing};
use libfuzzer_sys::fuzz_target;

/// The same bytes, but never in memory.
struct ByPosition<'a>(&'a [u8]);

impl Source for ByPosition<'_> {
    fn len(&self) -> Result<u64> {
        Ok(self.0.len() as u64)
    }
    fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        hyperslab_core::source::SliceSource(self.0).read_exact_at(offset, out)
    }
}

fn read(file: Result<File<'_>>) -> Vec<(String, Option<String>)> {
    let limits = Limits::new(16 << 20, 100_000, 32);
    let Ok(file) = file else { return Vec::new() };
    let Ok(nodes) = file.nodes("/", None, true, &limits) else { return Vec::new() };
    let mut out = Vec::new();
    for node in nodes.into_iter().filter(|n| n.kind == NodeKind::Array).take(50) {
        let view = file.read(&node.path, &Selection::ALL, &limits);
        let sum = view.and_then(|v| if v.nbytes() < 1 << 20 { digest::digest(&v) } else { Ok(None) });
        out.push((node.path, sum.ok().flatten()));
    }
    out
}

fuzz_target!(|data: &[u8]| {
    let mut bytes = data.to_vec();
    // The last byte says whether checksums are put right, so that damage gets behind them.
    if data.last().is_some_and(|b| b & 1 == 1) {
        testing::repair(&mut bytes);
    }
    assert_eq!(read(File::from_image(&bytes)), read(File::from_source(ByPosition(&bytes))));
});
