//! Logs that larpix-control wrote under HDF5 1.12, 1.14 and 2.0: read by us as h5py reads them.

#![expect(clippy::unwrap_used, reason = "a panic is the failure report")]

mod common;

use hyperslab_core::testing;
use hyperslab_larpix::log::{LogOptions, LogReader, LogWriter};
use serde_json::Value as Json;
use std::path::PathBuf;

fn logs() -> Vec<PathBuf> {
    let Some(corpus) = testing::corpus() else { return Vec::new() };
    let entries = std::fs::read_dir(corpus.join("larpix")).unwrap();
    let mut logs: Vec<_> = entries.map(|e| e.unwrap().path()).collect();
    let fixtures = std::fs::read_dir(testing::fixture("larpix")).unwrap();
    logs.extend(fixtures.map(|e| e.unwrap().path()));
    logs.retain(|p| {
        let name = p.file_name().unwrap().to_str().unwrap();
        name.ends_with(".h5") && (name.starts_with("raw_") || name.starts_with("generated_"))
    });
    logs.sort();
    logs
}

/// Everything that a log holds, as larpix-control returns it.
const READ: &str = r#"
import json
out = {}
for path in sys.argv[1:]:
    with h5py.File(path, "r", libver="latest", swmr=True) as f:
        rows, groups = f["msgs"][:], f["msg_headers"]["io_groups"]
        attrs = dict(f["meta"].attrs)
    out[path] = {
        "msgs": [bytes(m).hex() for m in rows], "io_groups": [int(g) for g in groups],
        "version": attrs["version"], "io_version": attrs.get("io_version"),
        "created": float(attrs["created"]), "modified": float(attrs["modified"]),
    }
    rd = raw.from_rawfile(path)
    assert [m.hex() for m in rd["msgs"]] == out[path]["msgs"]
    assert [int(g) for g in rd["msg_headers"]["io_groups"]] == out[path]["io_groups"]
print(json.dumps(out))
"#;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn logs_of_larpix_control_are_read_as_h5py_reads_them() {
    let Some(python) = testing::oracle_python() else { return };
    let logs = logs();
    let args: Vec<&dyn AsRef<std::ffi::OsStr>> =
        logs.iter().map(|p| p as &dyn AsRef<std::ffi::OsStr>).collect();
    let truth: Json = serde_json::from_str(&common::run(&python, READ, &args)).unwrap();
    let mut count = 0;
    for path in &logs {
        let want = &truth[path.to_str().unwrap()];
        let reader = LogReader::open(path).unwrap();
        assert_eq!(reader.uneven(), None);
        let messages = reader.read(0..reader.len()).unwrap();
        let ours: Vec<String> = messages.iter().map(|(_, m)| hex(m)).collect();
        let groups: Vec<u8> = messages.iter().map(|(g, _)| g).collect();
        let name = path.display();
        assert!(want["msgs"] == serde_json::json!(ours), "{name}: messages");
        assert_eq!(want["io_groups"], serde_json::json!(groups), "{name}: groups");
        let info = reader.info();
        assert_eq!(want["version"].as_str(), Some(info.version.as_str()));
        assert_eq!(want["io_version"].as_str(), info.io_version.as_deref());
        assert_eq!(
            (want["created"].as_f64(), want["modified"].as_f64()),
            (info.created, info.modified),
            "{name}"
        );
        count += 1;
    }
    println!("{count} logs equal");
}

/// Each log, copied, is adopted and continued; larpix-control reads the result, appends, and we continue again.
#[test]
fn logs_of_larpix_control_are_continued() {
    let dir = tempfile::tempdir().unwrap();
    let mut copies = Vec::new();
    for (i, path) in logs().iter().enumerate() {
        let copy = dir.path().join(format!("{i}.h5"));
        std::fs::write(&copy, std::fs::read(path).unwrap()).unwrap();
        let before = LogReader::open(path).unwrap();
        let mut log = LogWriter::open(&copy, &LogOptions::default()).unwrap();
        assert_eq!(log.committed(), before.len(), "{}", path.display());
        for k in 0..3000 {
            let (g, m) = common::message(k);
            log.append(g, &m).unwrap();
        }
        log.close().unwrap();
        copies.push((path.clone(), copy));
    }
    let check = |extra: u64| {
        for (path, copy) in &copies {
            let (old, new) = (LogReader::open(path).unwrap(), LogReader::open(copy).unwrap());
            assert_eq!(new.len(), old.len() + extra, "{}", path.display());
            let (a, b) = (old.read(0..old.len()).unwrap(), new.read(0..old.len()).unwrap());
            assert!(a.iter().eq(b.iter()), "{}", path.display());
            for (k, (g, m)) in new.read(old.len()..new.len()).unwrap().iter().enumerate() {
                assert!((g, m.to_vec()) == common::message(k as u64), "{} {k}", path.display());
            }
            assert_eq!(old.info().version, new.info().version);
            assert_eq!(old.info().io_version, new.info().io_version);
            assert_eq!(old.info().created, new.info().created);
        }
    };
    check(3000);
    let mut extra = 3000;
    for (version, python) in common::pythons() {
        let script = r#"
start = int(sys.argv[1])
for a in range(2, len(sys.argv), 2):
    path, base = sys.argv[a], int(sys.argv[a + 1])
    n = base + start
    assert raw.len_rawfile(path) == n, (path, raw.len_rawfile(path), n)
    rd = raw.from_rawfile(path, start=base)
    check_rows(start, rd["msgs"], rd["msg_headers"]["io_groups"])
    append(path, start, start + 700)
    rd = raw.from_rawfile(path, start=base)
    check_rows(start + 700, rd["msgs"], rd["msg_headers"]["io_groups"])
"#;
        let mut args: Vec<String> = vec![extra.to_string()];
        for (path, copy) in &copies {
            args.push(copy.to_str().unwrap().into());
            args.push(LogReader::open(path).unwrap().len().to_string());
        }
        let args: Vec<&dyn AsRef<std::ffi::OsStr>> =
            args.iter().map(|a| a as &dyn AsRef<std::ffi::OsStr>).collect();
        common::run(&python, script, &args);
        extra += 700;
        check(extra);
        for (_, copy) in &copies {
            let mut log = LogWriter::open(copy, &LogOptions::default()).unwrap();
            for k in extra..extra + 100 {
                let (g, m) = common::message(k);
                log.append(g, &m).unwrap();
            }
            log.close().unwrap();
        }
        extra += 100;
        check(extra);
        println!("{} logs continued by larpix-control under HDF5 {version} and by us", copies.len());
    }
}

/// The log that a killed larpix-control left marked as open: refused, and taken over only when told.
#[test]
fn a_marked_log_is_said_and_taken_over() {
    let Some(corpus) = testing::corpus() else { return };
    let original = std::fs::read(corpus.join("larpix/bad0_ack600_att700.h5")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bad0.h5");
    std::fs::write(&path, &original).unwrap();
    let e = LogWriter::open(&path, &LogOptions::default()).unwrap_err();
    assert_eq!(e.kind(), hyperslab_core::Kind::Conflict);
    assert_eq!(std::fs::read(&path).unwrap(), original);
    let reader = LogReader::open(&path).unwrap();
    let n = reader.len();
    assert!((600..=700).contains(&n), "{n} of 600 acknowledged and 700 attempted");
    let before = reader.read(0..n).unwrap();
    let mut log = LogWriter::open(&path, &LogOptions { take_over: true, ..LogOptions::default() }).unwrap();
    log.append(7, b"and on").unwrap();
    log.close().unwrap();
    let reader = LogReader::open(&path).unwrap();
    assert_eq!(reader.len(), n + 1);
    assert!(reader.read(0..n).unwrap().iter().eq(before.iter()));
    for (_, python) in common::pythons() {
        let script = "print(raw.len_rawfile(sys.argv[1]), len(raw.from_rawfile(sys.argv[1])['msgs']))";
        let read = common::run(&python, script, &[&path]);
        assert_eq!(read.trim(), format!("{0} {0}", n + 1));
    }
}
