//! NPZ archives: the same is found whether the bytes lie in memory or are read by position, as a whole, in parts or
//! streamed; what was read is written, edited and read as the same.
#![no_main]

use hyperslab_core::container::{Container, NodeKind};
use hyperslab_core::source::SliceSource;
use hyperslab_core::{Kind, Limits, Result, Selection, Source, View};
use hyperslab_npy::{Npz, NpzEditor, NpzWriter};
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

/// What a stream hands out, where there is one, and whether it came to its end.
fn streamed<S: Source>(npz: &Npz<S>, path: &str) -> Result<Option<Vec<u8>>> {
    let limits = limits();
    let Some(mut stream) = npz.stream(path, &limits)? else { return Ok(None) };
    let mut out = Vec::new();
    while let Some(part) = stream.next_part()? {
        out.extend_from_slice(&part.to_bytes(&Limits::default())?);
    }
    Ok(Some(out))
}

fn arrays<S: Source>(npz: &Npz<S>) -> Result<Vec<(String, View<'_>)>> {
    let nodes = npz.nodes("", None, true, &limits())?;
    let mut out = Vec::new();
    for node in nodes.into_iter().filter(|n| n.kind == NodeKind::Array).take(50) {
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

/// An edit keeps what it does not touch, and puts in what it is given.
fn edit(archive: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npz");
    std::fs::write(&path, archive).unwrap();
    let before = Npz::open(SliceSource(archive), &limits()).unwrap();
    let keys: Vec<&str> = before.keys().collect();
    let small = View::from_slice([2], &[1i64, 2]).unwrap();
    let mut edit = NpzEditor::open(&path, &limits()).unwrap();
    let added = edit.put("fuzz", &small, Some(1)).is_ok();
    let gone = keys.first().filter(|_| archive.len() % 3 == 0);
    gone.into_iter().for_each(|key| edit.remove(key).unwrap());
    edit.commit().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let after = Npz::open(SliceSource(&bytes), &limits()).unwrap();
    let mut want: Vec<&str> = keys.iter().copied().filter(|key| Some(key) != gone).collect();
    for key in &want {
        let [a, b] = [&before, &after].map(|npz| npz.read(key, &Selection::ALL, &limits()));
        match (a, b) {
            (Ok(a), Ok(b)) => assert_eq!(a.to_bytes(&limits()).unwrap(), b.to_bytes(&limits()).unwrap()),
            (a, b) => assert_eq!(a.is_ok(), b.is_ok()),
        }
    }
    want.extend(added.then_some("fuzz"));
    assert_eq!(after.keys().collect::<Vec<_>>(), want);
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
    edit(&again);
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
