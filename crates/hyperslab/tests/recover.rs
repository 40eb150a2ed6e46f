//! Damaged packs of Nengo cache objects and damaged archives through the facade: what is whole is saved, the damaged
//! file stays as it is, and the new one appears whole or not at all.
//!
//! Logs and archives have tests of their own, in `larpix` and `npy`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests: a panic is the failure report")]

use hyperslab::larpix::log::RecoverOptions;
use hyperslab::nco::{Nco, write};
use hyperslab::recover::{Recovered, recover};
use hyperslab::source::{FileSource, SliceSource};
use hyperslab::{Kind, Limits, Selection, testing};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Pickle and array of an object.
type Object = (Vec<u8>, Vec<u8>);

/// All objects of a pack.
fn objects(path: &Path) -> Vec<Object> {
    let limits = Limits::default();
    let pack = Nco::open(FileSource::open(path).unwrap(), &limits).unwrap();
    let one = |e: &hyperslab::nco::Entry| {
        let array = e.array(pack.source(), &Selection::ALL, &limits).unwrap();
        (e.pickle(pack.source(), &limits).unwrap().to_vec(), array.to_bytes(&limits).unwrap().to_vec())
    };
    pack.entries().iter().map(one).collect()
}

/// A pack of six objects and where each of them lies.
fn pack(dir: &Path) -> (PathBuf, Vec<u8>, Vec<Range<usize>>) {
    let limits = Limits::default();
    let source = FileSource::open(testing::fixture("demo/pack.nco")).unwrap();
    let from = Nco::open(source, &limits).unwrap();
    let mut out = std::io::Cursor::new(Vec::new());
    let (mut end, mut places) = (0, Vec::new());
    for entry in from.entries().iter().cycle().take(6) {
        let array = entry.array(from.source(), &Selection::ALL, &limits).unwrap();
        let pickle = entry.pickle(from.source(), &limits).unwrap();
        let start = end;
        end = write::write_to(&mut out, end, &pickle, &array).unwrap();
        places.push(start as usize..end as usize);
    }
    let bytes = out.into_inner();
    assert_eq!(bytes.len(), places.last().unwrap().end);
    let path = dir.join("whole.nco");
    std::fs::write(&path, &bytes).unwrap();
    (path, bytes, places)
}

/// Recovers damaged bytes, checks that the saved objects are these of the whole pack, and returns the account.
fn saves(dir: &Path, whole: &[Object], damaged: &[u8], want: &[usize]) -> Recovered {
    let (path, out) = (dir.join("damaged.nco"), dir.join("saved.nco"));
    std::fs::write(&path, damaged).unwrap();
    let done = recover(&path, &out, &RecoverOptions { replace: true, ..RecoverOptions::default() }).unwrap();
    assert!(std::fs::read(&path).unwrap() == damaged, "the damaged file was changed");
    assert_eq!((done.format, done.unit, done.report.saved), ("nco-pack", "objects", want.len() as u64));
    let saved = objects(&out);
    let want: Vec<Object> = want.iter().map(|&i| whole[i].clone()).collect();
    assert!(saved == want, "{} objects, other than wanted: {:?}", saved.len(), done.report);
    assert_eq!(done.report.bytes, saved.iter().map(|o| o.1.len() as u64).sum::<u64>());
    done
}

#[test]
fn a_whole_pack_is_saved_whole() {
    let dir = tempfile::tempdir().unwrap();
    let (path, bytes, _) = pack(dir.path());
    let done = saves(dir.path(), &objects(&path), &bytes, &[0, 1, 2, 3, 4, 5]);
    assert!(done.report.is_complete(), "{:?}", done.report);
    assert!(std::fs::read(dir.path().join("saved.nco")).unwrap() == bytes);
}

#[test]
fn a_torn_tail_loses_the_object_that_is_torn() {
    let dir = tempfile::tempdir().unwrap();
    let (path, bytes, places) = pack(dir.path());
    let whole = objects(&path);
    let Range { start, end } = places[5];
    for cut in [start + 1, start + 39, start + 40, start + 60, (start + end) / 2, end - 1] {
        let done = saves(dir.path(), &whole, &bytes[..cut], &[0, 1, 2, 3, 4]);
        let said = format!("bytes {start} to {cut} hold no whole object");
        // Two letters of a magic are no sign of an object.
        assert_eq!(done.report.lost, u64::from(cut >= start + 3), "cut at {cut}: {:?}", done.report);
        assert!(done.report.notes.iter().any(|n| n.starts_with(&said)), "cut at {cut}: {:?}", done.report);
    }
    // The header of the last object was never written, as that of one whose writer died.
    let mut zero = bytes.clone();
    zero[start..start + 40].fill(0);
    assert_eq!(saves(dir.path(), &whole, &zero, &[0, 1, 2, 3, 4]).report.lost, 1);
}

#[test]
fn a_lost_header_in_the_middle_loses_that_object_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (path, bytes, places) = pack(dir.path());
    let whole = objects(&path);
    for fill in [0, 0xFF] {
        let mut damaged = bytes.clone();
        damaged[places[2].start..places[2].start + 40].fill(fill);
        let done = saves(dir.path(), &whole, &damaged, &[0, 1, 3, 4, 5]);
        assert!(!done.report.notes.is_empty(), "{:?}", done.report);
        // And the first one, and the tail.
        damaged[..40].fill(fill);
        if fill == 0xFF {
            damaged[..4].copy_from_slice(b"NCO\0");
        } else {
            // A pack that begins with nothing is recognised by no one.
            continue;
        }
        damaged.truncate(places[5].end - 7);
        let done = saves(dir.path(), &whole, &damaged, &[1, 3, 4]);
        assert!(!done.report.is_complete(), "{:?}", done.report);
    }
    // An array that is damaged is lost, and those around it are not.
    let mut damaged = bytes.clone();
    let npy = bytes[places[1].clone()].windows(6).position(|w| w == b"\x93NUMPY").unwrap();
    damaged[places[1].start + npy..][..16].fill(0);
    let done = saves(dir.path(), &whole, &damaged, &[0, 2, 3, 4, 5]);
    assert_eq!(done.report.lost, 1, "{:?}", done.report);
}

#[test]
fn nothing_is_written_where_nothing_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let (path, bytes, places) = pack(dir.path());
    let out = dir.path().join("out.nco");
    let damaged = dir.path().join("damaged.nco");
    std::fs::write(&damaged, &bytes[..places[0].end / 2]).unwrap();
    let e = recover(&damaged, &out, &RecoverOptions::default()).unwrap_err();
    assert_eq!(e.kind(), Kind::Invalid, "{e}");
    assert!(!out.exists());
    let e =
        recover(&path, &path, &RecoverOptions { replace: true, ..RecoverOptions::default() }).unwrap_err();
    assert_eq!(e.kind(), Kind::Usage, "{e}");
    assert!(std::fs::read(&path).unwrap() == bytes);
    // Nothing was left beside them.
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
}

#[test]
fn an_archive_is_saved_without_its_directory_and_without_its_first_header() {
    use hyperslab::npy::{Npz, NpzWriter};
    let dir = tempfile::tempdir().unwrap();
    let mut archive = NpzWriter::new(std::io::Cursor::new(Vec::new()));
    for (key, level) in [("a", None), ("b", Some(6)), ("c", None)] {
        let view = hyperslab::View::from_slice([4], &[1.0f64, 2.0, 3.0, 4.0]).unwrap();
        archive.add(key, &view, level).unwrap();
    }
    let bytes = archive.into_inner().unwrap().into_inner();
    let (path, out) = (dir.path().join("damaged"), dir.path().join("out.npz"));
    let keys = |path: &Path| -> Vec<String> {
        let bytes = std::fs::read(path).unwrap();
        Npz::open(SliceSource(&bytes), &Limits::default()).unwrap().keys().map(str::to_owned).collect()
    };
    let options = RecoverOptions { replace: true, ..RecoverOptions::default() };
    std::fs::write(&path, &bytes[..bytes.len() - 100]).unwrap();
    let done = recover(&path, &out, &options).unwrap();
    assert_eq!((done.format, done.unit, done.report.saved, done.report.lost), ("npz", "members", 3, 0));
    assert_eq!(keys(&out), ["a", "b", "c"]);
    // Not recognised by its start any more, and without any entry of the directory.
    let directory = bytes.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    let mut damaged = bytes[..directory].to_vec();
    damaged[..20].fill(0);
    std::fs::write(&path, &damaged).unwrap();
    let done = recover(&path, &out, &options).unwrap();
    assert_eq!((done.format, done.report.saved), ("npz", 2), "{:?}", done.report);
    assert_eq!(keys(&out), ["b", "c"]);
    let json = done.to_json(&path, &out);
    assert_eq!(json["format"], "npz");
    assert!(std::fs::read(&path).unwrap() == damaged);
}
