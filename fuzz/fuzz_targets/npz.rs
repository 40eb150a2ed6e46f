//! NPZ archives: the same is found whether the bytes lie in memory or are read by position, as a whole, in parts or
//! streamed; what was read is written and read as the same. Editing has a target of its own.
#![no_main]

use hyperslab_core::container::{Container, NodeKind};
use hyperslab_core::source::SliceSource;
use hyperslab_core::{Kind, Limits, Result, Selection, Source, View};
use hyperslab_fuzz::{Positioned, choice, pool, repair_crcs};
use hyperslab_npy::{Npz, NpzWriter};
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use std::io::Cursor;

/// Members that are read and written; the directory of any number of them is.
const MEMBERS: usize = 6;

/// What is asked of a small input; more takes time and shows nothing else.
fn limits() -> Limits {
    Limits::new(1 << 20, 10_000, 64)
}

/// What a stream hands out, where there is one that comes to its end before the limit.
fn streamed<S: Source>(npz: &Npz<S>, path: &str) -> Result<Option<Vec<u8>>> {
    let limits = limits();
    let Some(mut stream) = npz.stream(path, &limits)? else { return Ok(None) };
    let mut out = Vec::new();
    while let Some(part) = stream.next_part()? {
        out.extend_from_slice(&part.to_bytes(&Limits::default())?);
        if out.len() > 1 << 20 {
            return Ok(None);
        }
    }
    Ok(Some(out))
}

fn arrays<S: Source>(npz: &Npz<S>, skip: usize) -> Result<Vec<(String, View<'_>)>> {
    let nodes = npz.nodes("", None, true, &limits())?;
    let mut out = Vec::new();
    for node in nodes.into_iter().filter(|n| n.kind == NodeKind::Array).skip(skip).take(MEMBERS) {
        let stream = streamed(npz, &node.path);
        let view = match npz.read(&node.path, &Selection::ALL, &limits()) {
            Ok(view) => view,
            Err(e) => {
                // What is too large to be read as a whole may be streamed.
                assert!(e.kind() == Kind::Limit || !matches!(stream, Ok(Some(_))), "streamed, not read: {e}");
                continue;
            }
        };
        match stream {
            Ok(None) => {}
            Ok(Some(bytes)) => assert_eq!(bytes, *view.to_bytes(&limits()).unwrap()),
            Err(e) => assert_eq!(e.kind(), Kind::Limit),
        }
        assert_eq!((node.dtype.as_ref(), node.shape.as_ref()), (Some(view.dtype()), Some(view.shape())));
        out.push((node.path, view));
    }
    Ok(out)
}

fuzz_mutator!(|data: &mut [u8], size: usize, most: usize, seed: u32| {
    let size = fuzzer_mutate(data, size, most);
    if seed % 4 != 0 {
        repair_crcs(&mut data[..size]);
    }
    size
});

fuzz_target!(init: pool(), |data: &[u8]| {
    let here = Npz::open(SliceSource(data), &limits());
    let there = Npz::open(Positioned(SliceSource(data)), &limits());
    let (Ok(here), Ok(there)) = (&here, &there) else {
        assert_eq!(here.is_ok(), there.is_ok());
        return;
    };
    let keys: Vec<&str> = here.keys().collect();
    assert!(keys.iter().copied().eq(there.keys()));
    // Of many members some, others for other data; and seldom, for all their headers are read.
    let choice = choice(data);
    let many = keys.len() > MEMBERS;
    if many && choice % 16 != 0 {
        return;
    }
    let skip = if many { data.len() % keys.len() } else { 0 };
    let (Ok(here), Ok(there)) = (arrays(here, skip), arrays(there, skip)) else { return };
    assert_eq!(here.len(), there.len());
    let mut writer = NpzWriter::new(Cursor::new(Vec::new()));
    let mut written = Vec::new();
    for ((path, view), (other_path, other)) in here.iter().zip(&there) {
        assert_eq!((path, view.dtype(), view.shape()), (other_path, other.dtype(), other.shape()));
        assert_eq!(view.to_bytes(&limits()).unwrap(), other.to_bytes(&limits()).unwrap());
        // Packing takes a quarter of a megabyte of state: it is rare.
        if writer.add(path, view, (choice >> 4 == 0).then_some(1)).is_ok() {
            written.push((path, view));
        }
    }
    if written.is_empty() {
        return;
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
