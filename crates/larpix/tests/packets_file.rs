//! Packet files made of logs, beside those that larpix-control makes of the same logs, and read by it.

#![expect(clippy::unwrap_used, reason = "a panic is the failure report")]

mod common;
#[path = "common/pacman.rs"]
mod pacman;

use hyperslab_core::{Kind, testing};
use hyperslab_larpix::convert::{Options, Report, convert};
use hyperslab_larpix::packet::Asic;
use hyperslab_larpix::packets::{RowForm, TableFormat};
use hyperslab_larpix::pacman::{Check, MessageType, Word, format};
use pacman::{log, message};
use std::ffi::OsStr;
use std::path::Path;

fn quiet(raw: &Path, out: &Path, options: &Options) -> hyperslab_core::Result<Report> {
    convert(raw, out, options, &mut |_, _| {})
}

fn jobs(n: usize) -> Options {
    Options { jobs: n, ..Options::default() }
}

/// The bytes of `/packets` and everything around it, by h5py; the packets, by larpix-control.
const READ: &str = r#"
import json, hashlib
from larpix.format import hdf5format as hf
def look(path):
    with h5py.File(path, "r") as f:
        d = f["packets"]
        out = {"rows": hashlib.sha256(d[:].tobytes()).hexdigest(), "n": len(d), "dtype": str(d.dtype.descr),
               "maxshape": d.maxshape, "packet_types": d.attrs.get("packet_types"),
               "header": {k: (v if isinstance(v, str) else float(v)) for k, v in f["_header"].attrs.items()},
               "messages": [str(f["messages"].dtype.descr), len(f["messages"]), f["messages"].maxshape],
               "configs": [str(f["configs"].dtype.descr), len(f["configs"]), f["configs"].maxshape],
               "members": sorted(f), "chunk": d.chunks[0]}
    return out
def packets(path):
    return [str(p) for p in hf.from_file(path)["packets"]]
"#;

#[test]
fn logs_give_the_tables_of_larpix_control() {
    let Some(corpus) = testing::corpus() else { return };
    let folder = corpus.join("larpix");
    let dir = tempfile::tempdir().unwrap();
    let pairs = [
        ("raw_real20_1.12.2.h5", "packets_real20_1.12.2.h5"),
        ("raw_real20_2.0.0.h5", "packets_direct_real20_1.14.2.h5"),
        ("raw_live6000_1.14.2.h5", "packets_live6000_1.14.2.h5"),
        ("raw_live6000_2.0.0.h5", "packets_direct_live6000_1.14.2.h5"),
    ];
    let mut args = vec![OsStr::new("ours").to_owned()];
    for (i, (raw, golden)) in pairs.iter().enumerate() {
        let out = dir.path().join(format!("{i}.h5"));
        let report = quiet(&folder.join(raw), &out, &jobs(1 + i)).unwrap();
        assert!(report.skipped.is_empty() && report.notes.is_empty());
        args.extend([out.into_os_string(), folder.join(golden).into_os_string()]);
    }
    let script = r#"
for ours, golden in zip(sys.argv[2::2], sys.argv[3::2]):
    a, b = look(ours), look(golden)
    for key in ("rows", "n", "dtype", "maxshape", "messages", "configs", "members"):
        assert a[key] == b[key], (ours, key, a[key], b[key])
    assert b["packet_types"] in (None, a["packet_types"])
    assert a["packet_types"] is not None and a["chunk"] >= 1024
    assert set(a["header"]) == {"version", "created", "modified"} and a["header"]["version"] == "2.4"
    if a["n"] < 1000:
        assert packets(ours) == packets(golden)
"#;
    for (_, python) in common::pythons() {
        let args: Vec<&dyn AsRef<OsStr>> = args.iter().map(|a| a as &dyn AsRef<OsStr>).collect();
        common::run(&python, &format!("{READ}{script}"), &args);
    }
}

/// Messages of every type and word: our file holds the rows that larpix-control's parse and to_file make of them, and
/// larpix-control appends to it.
#[test]
fn every_word_type_gives_the_rows_of_larpix_control() {
    let dir = tempfile::tempdir().unwrap();
    let (raw, out) = (dir.path().join("raw.h5"), dir.path().join("packets.h5"));
    let messages: Vec<_> = (0..300).map(message).collect();
    log(&raw, &messages);
    let report = quiet(&raw, &out, &jobs(3)).unwrap();
    assert_eq!(report.messages, 300);
    let one = dir.path().join("one.h5");
    quiet(&raw, &one, &jobs(1)).unwrap();
    let script = r#"
from larpix.format import pacman_msg_format as pm
rd = raw.from_rawfile(sys.argv[2])
all = []
for m, g in zip(rd["msgs"], rd["msg_headers"]["io_groups"]):
    all.extend(pm.parse(m, io_group=int(g)))
theirs = sys.argv[4]
hf.to_file(theirs, all, workers=1)
a, b, one = look(sys.argv[3]), look(theirs), look(sys.argv[5])
for key in ("rows", "n", "dtype", "maxshape", "packet_types", "messages", "configs", "members"):
    assert a[key] == b[key] == one[key], (key, a[key], b[key])
assert packets(sys.argv[3]) == packets(theirs)
# Larpix-control appends to ours, twice over: the tree of chunks is one that libhdf5 can continue.
for path in (sys.argv[3], theirs):
    for _ in range(2):
        hf.to_file(path, all, workers=1)
a, b = look(sys.argv[3]), look(theirs)
assert a["rows"] == b["rows"] and a["n"] == b["n"] == 3 * one["n"], (a["n"], b["n"])
"#;
    for (version, python) in common::pythons() {
        let copy = dir.path().join(format!("{version}.h5"));
        let theirs = dir.path().join(format!("theirs-{version}.h5"));
        std::fs::copy(&out, &copy).unwrap();
        common::run(&python, &format!("{READ}{script}"), &[&"ours", &raw, &copy, &theirs, &one]);
    }
}

/// More chunks than one node of their tree has room for.
#[test]
fn a_long_table_is_read_by_h5py() {
    let Some(python) = testing::oracle_python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (raw, out) = (dir.path().join("raw.h5"), dir.path().join("packets.h5"));
    let mut long = Vec::new();
    let word =
        |i: u32| Word::Data { io_channel: 1, receipt_timestamp: i, packet: u64::from(i).to_le_bytes() };
    format(&mut long, MessageType::Data, 9, &(0..20_000).map(word).collect::<Vec<_>>()).unwrap();
    let messages = vec![(1, long); 90];
    log(&raw, &messages);
    let report = quiet(&raw, &out, &jobs(2)).unwrap();
    assert_eq!(report.rows, 90 * 20_001);
    let script = r#"
with h5py.File(sys.argv[2], "r") as f:
    d = f["packets"]
    assert len(d) == 90 * 20001 and len(d) / d.chunks[0] > 64, d.chunks
    want = np.r_[[0], np.arange(20000)].astype("u4")
    for i in range(90):
        assert (d["receipt_timestamp"][i * 20001 : (i + 1) * 20001] == want).all()
with h5py.File(sys.argv[2], "r+") as f:
    d = f["packets"]
    n = len(d)
    d.resize(n + 200000, axis=0)
    d[n:] = d[:200000]
with h5py.File(sys.argv[2], "r") as f:
    assert (f["packets"][n:] == f["packets"][:200000]).all()
"#;
    common::run(&python, &format!("{READ}{script}"), &[&"ours", &out]);
}

/// What a log holds besides messages goes along, and what stands in the way is left alone.
#[test]
fn contents_are_carried_over_and_files_are_kept() {
    let Some(python) = testing::oracle_python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (raw, out) = (dir.path().join("raw.h5"), dir.path().join("packets.h5"));
    log(&raw, &(0..50).map(message).collect::<Vec<_>>());
    let script = r#"
with h5py.File(sys.argv[1], "a") as f:
    d = f.create_dataset("daq_configs", data=np.arange(5000).astype("u1"))
    d.attrs["dirname"] = "configs/äöü"
    f["meta"].attrs["run"] = 17
    f["meta"].attrs["data_stream"] = "test"
"#;
    common::run(&python, script, &[&raw]);
    let before = std::fs::read(&raw).unwrap();
    quiet(&raw, &out, &jobs(2)).unwrap();
    assert!(std::fs::read(&raw).unwrap() == before);
    let script = r#"
a = look(sys.argv[2])
assert a["header"]["run"] == 17 and a["header"]["data_stream"] == "test" and "io_version" not in a["header"]
with h5py.File(sys.argv[2], "r") as f:
    d = f["daq_configs"]
    assert (d[:] == np.arange(5000).astype("u1")).all() and dict(d.attrs) == {"dirname": "configs/äöü"}
"#;
    common::run(&python, &format!("{READ}{script}"), &[&"ours", &out]);

    let made = std::fs::read(&out).unwrap();
    assert_eq!(quiet(&raw, &out, &jobs(1)).unwrap_err().kind(), Kind::Usage);
    assert!(std::fs::read(&out).unwrap() == made);
    quiet(&raw, &out, &Options { replace: true, ..jobs(1) }).unwrap();
    let e = quiet(&raw, &raw, &Options { replace: true, ..jobs(1) }).unwrap_err();
    assert_eq!(e.kind(), Kind::Usage);
    assert!(std::fs::read(&raw).unwrap() == before);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
}

/// Messages that cannot be decoded: the first is named and nothing appears, or they are counted and the rest is there.
#[test]
fn what_cannot_be_decoded_is_named_or_counted() {
    let dir = tempfile::tempdir().unwrap();
    let (raw, out) = (dir.path().join("raw.h5"), dir.path().join("packets.h5"));
    let mut messages: Vec<_> = (0..30_000).map(message).collect();
    let whole: u64 = {
        log(&raw, &messages);
        quiet(&raw, &out, &jobs(2)).unwrap().rows
    };
    std::fs::remove_file(&raw).unwrap();
    std::fs::remove_file(&out).unwrap();
    let bad = [9_000, 9_001, 17_000, 29_999];
    // No header, an unknown type, a torn word, an unknown word.
    messages[bad[0]].1.truncate(0);
    messages[bad[1]].1[0] = b'X';
    let torn = messages[bad[2]].1.len() - 3;
    messages[bad[2]].1.truncate(torn);
    messages[bad[3]].1[8] = b'?';
    log(&raw, &messages);
    for n in [1, 2, 5] {
        let e = quiet(&raw, &out, &jobs(n)).unwrap_err();
        assert_eq!(e.kind(), Kind::Invalid);
        assert!(e.to_string().contains("/msgs[9000]"), "{e}");
        assert!(!out.exists() && std::fs::read_dir(dir.path()).unwrap().count() == 1);
        let options = Options { check: Check::Lenient, replace: true, ..jobs(n) };
        let report = quiet(&raw, &out, &options).unwrap();
        let s = &report.skipped;
        assert_eq!((s.messages, s.words, s.miscounted), (2, 2, 1));
        assert_eq!(s.first.as_ref().unwrap().0, 9_000);
        assert_eq!(report.messages, 30_000);
        let lost = message(9_000).1.len().div_ceil(16) + message(9_001).1.len().div_ceil(16);
        assert!(report.rows < whole && report.rows >= whole - lost as u64 - 2, "{} of {whole}", report.rows);
        std::fs::remove_file(&out).unwrap();
    }
}

/// Format 3.0: 39-byte rows for either ASIC; version 2 rows are those of 2.4, field by field.
#[test]
fn format_3_0_is_format_2_4_with_more_room() {
    let Some(python) = testing::oracle_python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let raw = dir.path().join("raw.h5");
    log(&raw, &(0..500).map(message).collect::<Vec<_>>());
    let make = |name: &str, format, asic| {
        let out = dir.path().join(name);
        let form = RowForm::new(format, asic).unwrap();
        quiet(&raw, &out, &Options { form, ..jobs(2) }).unwrap();
        out
    };
    let old = make("old.h5", TableFormat::V2_4, Asic::V2);
    let new = make("new.h5", TableFormat::V3_0, Asic::V2);
    let v3 = make("v3.h5", TableFormat::V3_0, Asic::V3);
    let script = r#"
old, new, v3 = (h5py.File(p, "r") for p in sys.argv[2:])
assert new["_header"].attrs["version"] == "3.0" and "packet_types" not in new["packets"].attrs
a, b, c = (f["packets"][:] for f in (old, new, v3))
assert b.dtype.itemsize == c.dtype.itemsize == 39 and b.dtype["dataword"] == "<u2"
for name in a.dtype.names:
    assert (a[name] == b[name]).all(), name
assert not b["reset_sample_flag"].any() and not b["cds_flag"].any()
data = np.isin(c["packet_type"], [0, 1, 2, 3])
for name in a.dtype.names:
    if name not in ("timestamp", "dataword", "first_packet"):
        assert (a[name] == c[name]).all(), name
assert (c["timestamp"][data] == a["timestamp"][data] & 0xfffffff).all() and c["dataword"][data].max() > 255
assert (c["dataword"][data] >> 2 == a["dataword"][data]).all() and not c["first_packet"].any()
assert (c["reset_sample_flag"][data] == a["timestamp"][data] >> 28 & 1).all()
assert (c["cds_flag"][data] == a["timestamp"][data] >> 29 & 1).all()
"#;
    common::run(&python, &format!("{READ}{script}"), &[&"ours", &old, &new, &v3]);
}

/// Nothing in it: a table without rows. No log: said.
#[test]
fn an_empty_log_gives_an_empty_table() {
    let dir = tempfile::tempdir().unwrap();
    let (raw, out) = (dir.path().join("raw.h5"), dir.path().join("packets.h5"));
    log(&raw, &[]);
    assert_eq!(quiet(&raw, &out, &jobs(4)).unwrap(), Report::default());
    for (_, python) in common::pythons() {
        common::run(
            &python,
            &format!("{READ}\nassert look(sys.argv[2])['n'] == 0\nassert packets(sys.argv[2]) == []"),
            &[&"ours", &out],
        );
    }
    assert_eq!(quiet(&out, &dir.path().join("x.h5"), &jobs(1)).unwrap_err().kind(), Kind::Unsupported);
    assert!(quiet(&dir.path().join("none.h5"), &dir.path().join("x.h5"), &jobs(1)).is_err());
}
