//! HDF5 files that are no message log: every way in says so, and what they are instead, and leaves them as they are.

#![expect(clippy::unwrap_used, reason = "a panic is the failure report")]

mod common;

use common::{pythons, run};
use hyperslab_core::{Error, Kind};
use hyperslab_larpix::log::{
    LogOptions, LogReader, LogStats, LogWriter, RecoverOptions, SplitAt, merge, recover, split,
};
use std::path::Path;

/// Makes files that are no log, and prints a line of name and what is said for each.
const MAKE: &str = r#"
import os
os.chdir(sys.argv[1])
vlen, head = h5py.vlen_dtype("u1"), np.dtype([("io_groups", "u1")])

def make(name, said, fill, **options):
    with h5py.File(name + ".h5", "w", **options) as f:
        fill(f)
    print(name + ".h5", said, sep="|")

def nothing(f):
    pass

def tree(f):
    f["x"] = np.arange(3)
    f.create_group("g")

def members(msgs=vlen, headers=head, meta=True, shape=(0,), maxshape=(None,)):
    def fill(f):
        if meta:
            f.create_group("meta").attrs.update({"version": "0.0", "created": 1.0, "modified": 1.0})
        if msgs is not None:
            f.create_dataset("msgs", shape, msgs, maxshape=maxshape)
        if headers is not None:
            f.create_dataset("msg_headers", shape, headers, maxshape=maxshape)
    return fill

for kind, options in ("old", {}), ("new", {"libver": "latest"}), ("behind", {"userblock_size": 512}):
    make(kind + "_empty", "an HDF5 file with nothing in it", nothing, **options)
    make(kind + "_tree", "an HDF5 file with /", tree, **options)
make("old_members", "the root group is stored in the old style", members())
new = {"libver": "latest"}
make("fixed", "shape (2,) cannot grow without limit", members(shape=(2,), maxshape=None), **new)
make("numbers", "<i4 where a message log has sequences of bytes", members(msgs="i4"), **new)
make("plain", '|u1 where a message log has structs with a one-byte field "io_groups"', members(headers="u1"), **new)
make("three", 'no member "meta" and "msgs" in the root group', members(meta=False, msgs=None), **new)

from larpix.format import hdf5format
from larpix import Packet_v2
for version in "2.4", "2.0":
    hdf5format.to_file("packets.h5", [Packet_v2()], version=version, workers=1)
    os.rename("packets.h5", f"packets_{version}.h5")
    print(f"packets_{version}.h5", "this is a LArPix packet file", sep="|")
"#;

/// Logs that are not complete: nothing reads them as they are, and recovering them is right.
const PARTS: &str = r#"
import os
os.chdir(sys.argv[1])
vlen = h5py.vlen_dtype("u1")
with h5py.File("old_draft.h5", "w", libver="latest") as f:
    f.create_group("meta").attrs.update({"version": "0.0", "created": 1.0, "modified": 1.0})
    f.create_dataset("msgs", (0,), vlen, maxshape=(None,), chunks=(1024,))
    f.create_dataset("io_groups", (0,), "u1", maxshape=(None,), chunks=(1024,))
"#;

fn check(e: &Error, path: &Path, said: &str, how: &str) {
    let text = e.to_string();
    assert_eq!(e.kind(), Kind::Unsupported, "{how}: {text}");
    assert!(e.message().starts_with("not a message log: ") && e.message().contains(said), "{how}: {text}");
    assert_eq!(e.file_path(), Some(path), "{how}: {text}");
    if said.contains("packet file") {
        assert!(text.ends_with(&format!("use 'slab show {}:/packets'", path.display())), "{how}: {text}");
    }
}

#[test]
fn every_way_in_says_what_a_file_is_instead() {
    for (hdf5, python) in pythons() {
        let dir = tempfile::tempdir().unwrap();
        let made = run(&python, MAKE, &[&dir.path()]);
        assert!(made.lines().count() >= 13, "{hdf5}: {made}");
        for line in made.lines() {
            let (name, said) = line.split_once('|').unwrap();
            let path = dir.path().join(name);
            let before = std::fs::read(&path).unwrap();
            let out = dir.path().join("out");
            let how = |what: &str| format!("{hdf5}: {name}: {what}");
            check(&LogReader::open(&path).unwrap_err(), &path, said, &how("reader"));
            check(&LogReader::open_mapped(&path).unwrap_err(), &path, said, &how("mapped"));
            check(&LogStats::read(&path).unwrap_err(), &path, said, &how("info"));
            for take_over in [false, true] {
                let options = LogOptions { take_over, ..LogOptions::default() };
                check(&LogWriter::open(&path, &options).unwrap_err(), &path, said, &how("writer"));
                check(&LogWriter::open_or_create(&path, &options).unwrap_err(), &path, said, &how("append"));
            }
            let joined = merge(&out, std::slice::from_ref(&path), false, &mut |_| {});
            check(&joined.unwrap_err(), &path, said, &how("merge"));
            let at = SplitAt { messages: Some(1), bytes: None };
            check(&split(&path, &out, at, false, &mut |_| {}).unwrap_err(), &path, said, &how("split"));
            // What has one of the two datasets in a log's form may have been a log.
            if name != "three.h5" && name != "plain.h5" {
                let recovered = recover(&path, &out, &RecoverOptions::default());
                check(&recovered.unwrap_err(), &path, said, &how("recover"));
            }
            assert!(!out.exists(), "{}", how("something was written"));
            assert!(std::fs::read(&path).unwrap() == before, "{}", how("it was changed"));
        }
    }
}

#[test]
fn a_log_of_before_version_0_0_is_named() {
    for (hdf5, python) in pythons() {
        let dir = tempfile::tempdir().unwrap();
        run(&python, PARTS, &[&dir.path()]);
        let path = dir.path().join("old_draft.h5");
        let e = LogReader::open(&path).unwrap_err();
        assert_eq!(e.kind(), Kind::Unsupported, "{hdf5}: {e}");
        assert!(e.message().contains("a log of before version 0.0"), "{hdf5}: {e}");
    }
}

#[test]
fn what_is_no_hdf5_file_is_no_log_either() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("text.h5");
    std::fs::write(&path, "a text of some length").unwrap();
    for e in
        [LogReader::open(&path).unwrap_err(), LogWriter::open(&path, &LogOptions::default()).unwrap_err()]
    {
        assert_eq!(e.message(), "not a message log: not an HDF5 file, no signature");
        assert_eq!(e.file_path(), Some(path.as_path()));
    }
    assert_eq!(std::fs::read(&path).unwrap(), b"a text of some length");
}
