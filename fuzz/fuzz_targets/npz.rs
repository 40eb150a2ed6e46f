//! NPZ archives: the same is found whether the bytes lie in memory or are read by position; what was read is written
//! and read as the same.
#![no_main]

use hyperslab_core::container::{Container, NodeKind};
use hyperslab_core::source::SliceSource;
use hyperslab_core::{Limits, Result, Selection, Source, View};
use hyperslab_npy::{Npz, NpzWriter};
use libfuzzer_sys::fuzz_target;
use std::io::Cursor;

/// Bytes that are only read by position, as a file's are.
struct Positioned<'a>(SliceSource<'a>);

impl Source for Positioned<'_> {
    fn len(&self) -> Result<u64> {
        self.0.len()
    }
    fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        self.0.read_exact_at(offset, out)
    }
}

fn limits() -> Limits {
    Limits::new(32 << 20, 10_000, 64)
}

fn arrays<S: Source>(npz: &Npz<S>) -> Result<Vec<(String, View<'_>)>> {
    let nodes = npz.nodes("", None, true, &limits())?;
    let mut out = Vec::new();
    for node in nodes.into_iter().filter(|n| n.kind == NodeKind::Array).take(50) {
        let Ok(view) = npz.read(&node.path, &Selection::ALL, &limits()) else { continue };
        assert_eq!((node.dtype.as_ref(), node.shape.as_ref()), (Some(view.dtype()), Some(view.shape())));
        out.push((node.path, view));
    }
    Ok(out)
}

fuzz_target!(|data: &[u8]| {
    let here = Npz::open(SliceSource(data), &limits());
    let there = Npz::open(Positioned(SliceSource(data)), &limits());
    let (Ok(here), Ok(there)) = (&here, &there) else {
        assert_eq!(here.is_ok(), there.is_ok());
        return;
    };
    let (Ok(here), Ok(there)) = (arrays(here), arrays(there)) else { return };
    assert_eq!(here.len(), there.len());
    let mut writer = NpzWriter::new(Cursor::new(Vec::new()));
    let mut written = Vec::new();
    for ((path, view), (other_path, other)) in here.iter().zip(&there) {
        assert_eq!((path, view.dtype(), view.shape()), (other_path, other.dtype(), other.shape()));
        assert_eq!(view.to_bytes(&limits()).unwrap(), other.to_bytes(&limits()).unwrap());
        if writer.add(path, view, (data.len() % 2 == 0).then_some(1)).is_ok() {
            written.push((path, view));
        }
    }
    let again = writer.into_inner().unwrap().into_inner();
    let again = Npz::open(SliceSource(&again), &limits()).unwrap();
    assert_eq!(again.keys().count(), written.len());
    for (path, view) in written {
        // A long header is written, as NumPy writes it, and refused on reading, as NumPy refuses it.
        if let Ok(back) = again.read(path, &Selection::ALL, &limits()) {
            assert_eq!((back.dtype(), back.shape()), (view.dtype(), view.shape()));
            assert_eq!(back.to_bytes(&limits()).unwrap(), view.to_bytes(&limits()).unwrap());
        }
    }
});
