//! NPZ archives through the public interface: packed by many threads, streamed, read in part, read together, edited.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests: a panic is the failure report")]

mod common;

use hyperslab_core::codec::deflate::Backend;
use hyperslab_core::container::{Container, NodeKind};
use hyperslab_core::source::{FileSource, MemorySource};
use hyperslab_core::{Kind, Limits, Result, Selection, Source, Value, View};
use hyperslab_npy::{Npz, NpzEditor, NpzWriter};
use std::fs;
use std::io::Cursor;
use std::path::Path;

fn noise(n: usize, seed: u32) -> Vec<u32> {
    let mut x = seed | 1;
    (0..n)
        .map(|i| {
            x ^= x << 13;
            x ^= x >> 17;
            x ^= x << 5;
            x >> (i / 1000 % 28)
        })
        .collect()
}

fn archive(members: &[(&str, &View<'_>, Option<u32>)], backend: Backend) -> Vec<u8> {
    let mut w = NpzWriter::new(Cursor::new(Vec::new())).with_backend(backend);
    for (key, view, deflate) in members {
        w.add(key, view, *deflate).unwrap();
    }
    w.into_inner().unwrap().into_inner()
}

fn open(bytes: &[u8]) -> Npz<MemorySource> {
    Npz::open(MemorySource::new(bytes.to_vec()), &Limits::default()).unwrap()
}

fn dense(view: &View<'_>) -> Vec<u8> {
    view.to_bytes(&Limits::default()).unwrap().into_owned()
}

/// All parts of a stream, one after another; `None` where there is none.
fn streamed<S: Source>(npz: &Npz<S>, key: &str, limits: &Limits) -> Result<Option<Vec<u8>>> {
    let Some(mut stream) = npz.stream(key, limits)? else { return Ok(None) };
    let mut out = Vec::new();
    while let Some(part) = stream.next_part()? {
        out.extend_from_slice(&part.to_bytes(&Limits::default()).unwrap());
    }
    Ok(Some(out))
}

#[test]
fn any_number_of_threads_writes_the_same_arrays() {
    // Longer than what waits in memory, and members of all sizes before and behind it.
    let values = noise(9_000_000, 7);
    let long = View::from_slice([values.len() as u64], &values).unwrap();
    let none = View::from_slice::<u32>([0], &[]).unwrap();
    let mut members = vec![("long", long.borrow(), Some(1)), ("none", none, Some(6))];
    let names: Vec<String> = (0..40).map(|i| format!("m{i}")).collect();
    for (i, name) in names.iter().enumerate() {
        let part = format!("{}:{}", i * 10, i * 10 + i * 16_384).parse().unwrap();
        let level = [Some(6), Some(2), None, Some(0)][i % 4];
        members.push((name, long.borrow().select(&part).unwrap(), level));
    }
    let members: Vec<_> = members.iter().map(|(k, v, l)| (*k, v, *l)).collect();
    for backend in [Backend::Rust, Backend::BEST] {
        let write = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| archive(&members, backend))
        };
        // A thread alone cuts nothing; threads that share a member cut it alike, however many there are.
        let (one, two) = (write(1), write(2));
        assert!(write(3) == two);
        for bytes in [&one, &two] {
            let npz = open(bytes);
            let keys: Vec<&str> = npz.keys().collect();
            assert_eq!(keys, members.iter().map(|m| m.0).collect::<Vec<_>>());
            let views = npz.read_many(&keys, &Limits::default()).unwrap();
            for ((key, want, _), got) in members.iter().zip(&views) {
                assert_eq!(got.shape(), want.shape());
                assert!(got.bytes() == want.bytes(), "{key}");
            }
        }
    }
    // Alone, a member has the same bytes as behind others: its pieces do not depend on what waits with it.
    let packed = |bytes: &[u8]| {
        let nodes = open(bytes).nodes("", None, false, &Limits::default()).unwrap();
        nodes.into_iter().find(|n| n.path == "long").unwrap().stored_bytes.unwrap()
    };
    let alone = archive(&[("long", &long, Some(1))], Backend::BEST);
    let behind = archive(
        &[
            ("m", &long.borrow().select(&":300000".parse().unwrap()).unwrap(), Some(1)),
            ("long", &long, Some(1)),
        ],
        Backend::BEST,
    );
    assert_eq!(packed(&alone), packed(&behind));
}

#[test]
fn the_first_unreadable_member_is_named() {
    let v = View::from_slice([3], &[1u8, 2, 3]).unwrap();
    let npz = open(&archive(&[("a", &v, None), ("b", &v, Some(6))], Backend::BEST));
    let e = npz.read_many(&["a", "x", "y"], &Limits::default()).unwrap_err();
    assert_eq!((e.kind(), e.object_path()), (Kind::Usage, Some("x")));
}

#[test]
fn streams_and_parts_are_the_whole_in_bounded_memory() {
    let values = noise(6_000_000, 3);
    let flat = View::from_slice([2000, 3000], &values).unwrap();
    let fortran = View::from_slice_f([2000, 3000], &values).unwrap();
    let few = View::from_slice([5], &values[..5]).unwrap();
    let members = [
        ("stored", &flat, None),
        ("deflated", &flat, Some(1)),
        ("stored_f", &fortran, None),
        ("deflated_f", &fortran, Some(1)),
        ("few", &few, Some(6)),
    ];
    let bytes = archive(&members, Backend::BEST);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.npz");
    fs::write(&path, &bytes).unwrap();
    let memory = open(&bytes);
    let file = Npz::open(FileSource::open(&path).unwrap(), &Limits::default()).unwrap();
    // 24 MB each; the parts of an array in Fortran order take the most.
    let small = Limits::new(20 << 20, 1000, 64);
    for (key, want, _) in members {
        let whole = dense(want);
        for got in [streamed(&memory, key, &small).unwrap(), streamed(&file, key, &small).unwrap()] {
            match got {
                Some(got) => assert!(got == whole, "{key}"),
                None => assert!(key == "stored_f", "{key}"),
            }
        }
        if key == "few" {
            continue;
        }
        for s in ["0", "1999", "5:9, ::-7", "::-500, 3", "-1, -1", "4:4", "1500::300, ::700"] {
            // From the first row to the last: no less than the whole.
            let much = key.ends_with("_f") || s.starts_with("::");
            let s: Selection = s.parse().unwrap();
            let want = want.borrow().select(&s).unwrap();
            let few = Limits::new(if much { 64 << 20 } else { 20 << 20 }, 1000, 64);
            assert_eq!(memory.read(key, &s, &few).unwrap(), want, "{key} {s:?}");
            assert_eq!(file.read(key, &s, &few).unwrap(), want, "{key} {s:?}");
        }
        assert_eq!(memory.read(key, &"9999".parse().unwrap(), &small).unwrap_err().kind(), Kind::Usage);
    }
    assert!(memory.stream("nothing", &small).is_err());
    assert!(memory.read("stored", &"7".parse().unwrap(), &Limits::default()).unwrap().is_view());
}

#[test]
fn damage_is_seen_before_the_last_part() {
    let values = noise(2_000_000, 3);
    let view = View::from_slice([values.len() as u64], &values).unwrap();
    for deflate in [None, Some(6)] {
        let good = archive(&[("x", &view, deflate)], Backend::BEST);
        let limits = Limits::default();
        for at in [200, good.len() / 2, good.len() - 120] {
            let mut bad = good.clone();
            bad[at] ^= 4;
            let npz = open(&bad);
            let e = streamed(&npz, "x", &limits).unwrap_err();
            assert_eq!(e.kind(), Kind::Invalid, "{deflate:?} {at}: {e}");
            assert_eq!(npz.read("x", &Selection::ALL, &limits).unwrap_err().kind(), Kind::Invalid);
            // A part that ends before the damage is not touched by it.
            if at > 300 {
                let part = npz.read("x", &":10".parse().unwrap(), &limits).unwrap();
                assert_eq!(part.to_vec::<u32>().unwrap(), values[..10]);
            }
        }
    }
}

/// The paths, and the packed bytes, of all members.
fn listed(path: &Path) -> Vec<(String, Option<u64>)> {
    let npz = Npz::open(FileSource::open(path).unwrap(), &Limits::default()).unwrap();
    let nodes = npz.nodes("", None, true, &Limits::default()).unwrap();
    nodes.into_iter().map(|n| (n.path, n.stored_bytes.filter(|_| n.kind == NodeKind::Array))).collect()
}

#[test]
fn members_are_put_in_replaced_and_taken_out() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.npz");
    let values = noise(100_000, 1);
    let big = View::from_slice([values.len() as u64], &values).unwrap();
    let small = View::from_slice([2], &[1i64, 2]).unwrap();
    let limits = Limits::default();
    let mut w = NpzWriter::create(&path, false).unwrap();
    w.add("a", &small, None).unwrap();
    w.add("b", &big, Some(9)).unwrap();
    w.add("c", &big, None).unwrap();
    w.add_raw("notes.txt", b"hello", None).unwrap();
    w.into_inner().unwrap().commit().unwrap();
    let before = listed(&path);

    let mut edit = NpzEditor::open(&path, &limits).unwrap();
    for taken in ["a", "a.npy", "notes.txt", "metadata.json", "../x", ""] {
        assert_eq!(edit.put(taken, &small, None).unwrap_err().kind(), Kind::Usage, "{taken}");
    }
    assert_eq!(edit.replace("d", &small, None).unwrap_err().kind(), Kind::Usage);
    assert_eq!(edit.remove("d").unwrap_err().kind(), Kind::Usage);
    assert!(edit.set_attribute("d", "unit", &"V".into()).is_err());
    edit.put("run/d", &big, Some(6)).unwrap();
    edit.replace("a", &big, Some(1)).unwrap();
    edit.replace("a", &small.borrow().select(&"::-1".parse().unwrap()).unwrap(), None).unwrap();
    edit.remove("notes.txt").unwrap();
    edit.put("gone", &small, None).unwrap();
    edit.remove("gone").unwrap();
    edit.set_attribute("", "title", &"T".into()).unwrap();
    edit.set_attribute("a", "unit", &"mV".into()).unwrap();
    edit.set_attribute("c", "n", &Value::Int(3)).unwrap();
    assert_eq!(listed(&path), before);
    edit.commit().unwrap();

    let npz = Npz::open(FileSource::open(&path).unwrap(), &limits).unwrap();
    assert_eq!(npz.keys().collect::<Vec<_>>(), ["a", "b", "c", "run/d", "metadata.json"]);
    let read = |key| npz.read(key, &Selection::ALL, &limits).unwrap();
    assert_eq!(read("a").to_vec::<i64>().unwrap(), [2, 1]);
    assert!(["b", "c", "run/d"].iter().all(|key| read(key).to_vec::<u32>().unwrap() == values));
    // The packed bytes are those of level 9 still.
    assert_eq!(listed(&path)[1], before[1]);
    assert_eq!(npz.attribute("a", "unit", &limits).unwrap(), "mV".into());
    assert_eq!(npz.attributes("", &limits).unwrap(), [("title".to_string(), "T".into())]);
    let map = hyperslab_core::source::map(&path).unwrap();
    let mapped = Npz::open(map, &limits).unwrap();
    for key in ["a", "c"] {
        let view = mapped.read(key, &Selection::ALL, &limits).unwrap();
        assert!(view.is_view() && (view.bytes().unwrap().as_ptr() as usize).is_multiple_of(64), "{key}");
    }

    // A second time: attributes stay, go with their member, or are taken away; the rest is copied as it is.
    let mut edit = NpzEditor::open(&path, &limits).unwrap();
    edit.remove("a").unwrap();
    edit.remove_attribute("c", "n").unwrap();
    assert!(edit.remove_attribute("c", "n").is_err());
    assert!(edit.remove("metadata.json").is_err());
    edit.commit().unwrap();
    let npz = Npz::open(FileSource::open(&path).unwrap(), &limits).unwrap();
    assert_eq!(npz.keys().collect::<Vec<_>>(), ["b", "c", "run/d", "metadata.json"]);
    assert_eq!(npz.attributes("", &limits).unwrap().len(), 1);
    assert!(npz.attributes("c", &limits).unwrap().is_empty());
    // An edit without a change gives the same file.
    let same = fs::read(&path).unwrap();
    NpzEditor::open(&path, &limits).unwrap().commit().unwrap();
    assert!(fs::read(&path).unwrap() == same);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn an_edit_that_cannot_be_finished_leaves_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.npz");
    let small = View::from_slice([2], &[1i64, 2]).unwrap();
    let limits = Limits::default();
    let write = |members: &[(&str, &View<'_>, Option<u32>)]| {
        fs::write(&path, archive(members, Backend::BEST)).unwrap();
        fs::read(&path).unwrap()
    };
    let edit = || {
        let mut edit = NpzEditor::open(&path, &limits).unwrap();
        edit.put("new", &small, None).unwrap();
        edit
    };
    // Changed meanwhile, in place or by another file with this name.
    write(&[("a", &small, None)]);
    let late = edit();
    let theirs = write(&[("a", &small, None), ("b", &small, None)]);
    assert_eq!(late.commit().unwrap_err().kind(), Kind::Conflict);
    assert_eq!(fs::read(&path).unwrap(), theirs);
    let late = edit();
    let other = dir.path().join("other");
    fs::write(&other, &theirs).unwrap();
    fs::rename(&other, &path).unwrap();
    assert_eq!(late.commit().unwrap_err().kind(), Kind::Conflict);
    // One editor at a time: what a second one wrote would be lost.
    let first = edit();
    assert_eq!(NpzEditor::open(&path, &limits).unwrap_err().kind(), Kind::Conflict);
    first.commit().unwrap();
    drop(NpzEditor::open(&path, &limits).unwrap());
    fs::remove_file(&path).unwrap();
    // A member whose local header lies.
    let mut bytes = write(&[("a", &small, None), ("b", &small, None)]);
    bytes[30] = b'z';
    fs::write(&path, &bytes).unwrap();
    assert_eq!(edit().commit().unwrap_err().kind(), Kind::Invalid);
    assert_eq!(fs::read(&path).unwrap(), bytes);
    // What would be lost is refused.
    let commented = [&write(&[("a", &small, None)])[..], b"tail"].concat();
    fs::write(&path, &commented).unwrap();
    assert_eq!(NpzEditor::open(&path, &limits).unwrap_err().kind(), Kind::Unsupported);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[cfg(unix)]
#[test]
fn an_edited_file_keeps_its_permissions() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.npz");
    let small = View::from_slice([2], &[1i64, 2]).unwrap();
    fs::write(&path, archive(&[("a", &small, None)], Backend::BEST)).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let mut edit = NpzEditor::open(&path, &Limits::default()).unwrap();
    edit.put("b", &small, None).unwrap();
    edit.commit().unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn foreign_metadata_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.npz");
    let small = View::from_slice([2], &[1i64, 2]).unwrap();
    let mut w = NpzWriter::create(&path, false).unwrap();
    w.add_raw("metadatx.json", b"[1, 2]", None).unwrap();
    w.into_inner().unwrap().commit().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let places: Vec<usize> = (0..bytes.len()).filter(|&i| bytes[i..].starts_with(b"metadatx")).collect();
    places.into_iter().for_each(|i| bytes[i + 7] = b'a');
    fs::write(&path, &bytes).unwrap();
    let mut edit = NpzEditor::open(&path, &Limits::default()).unwrap();
    edit.put("b", &small, None).unwrap();
    assert_eq!(edit.set_attribute("b", "unit", &"V".into()).unwrap_err().kind(), Kind::Usage);
    edit.commit().unwrap();
    let npz = Npz::open(FileSource::open(&path).unwrap(), &Limits::default()).unwrap();
    let raw = npz.read("metadata.json", &Selection::ALL, &Limits::default()).unwrap();
    assert_eq!(raw.bytes().unwrap(), b"[1, 2]");
}
