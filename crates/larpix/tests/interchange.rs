//! The log between us and larpix-control, under every HDF5 that is there: live, killed, closed, appended to by either.

#![expect(clippy::unwrap_used, reason = "a panic is the failure report")]

mod common;

use common::{borrowed, check_ours, check_theirs, messages, pythons, run};
use hyperslab_larpix::log::{LogOptions, LogReader, LogWriter, Pair, Sync};

fn manual() -> LogOptions {
    LogOptions { commit_bytes: usize::MAX, ..LogOptions::default() }
}

#[test]
fn a_log_of_ours_is_read_and_continued_by_larpix_control_and_then_by_us() {
    let dir = tempfile::tempdir().unwrap();
    for (version, python) in pythons() {
        for pair in [Pair::Shared, Pair::Inline] {
            for chunk_rows in [1024, 16] {
                // Each check starts a Python: all combinations under one HDF5, the two ends under the others.
                if version != "2.0" && (pair == Pair::Shared) != (chunk_rows == 1024) {
                    continue;
                }
                let path = dir.path().join(format!("{version}-{pair:?}-{chunk_rows}.h5"));
                let options = LogOptions { pair, chunk_rows, io_version: Some("0.0".into()), ..manual() };
                let mut log = LogWriter::create(&path, &options).unwrap();
                assert_eq!(check_theirs(&python, &path), 0);
                let mut next = 0;
                for n in [1, 2, 5000, 300] {
                    log.append_all(borrowed(&messages(next..next + n))).unwrap();
                    next = log.commit().unwrap();
                }
                // Live: readers of every kind come in.
                assert_eq!(check_theirs(&python, &path), next, "{version} {pair:?}");
                log.close().unwrap();
                // Their turn, then ours, then theirs.
                let appended = "append(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), '0.0')";
                for _ in 0..2 {
                    run(&python, appended, &[&path, &next.to_string(), &(next + 1500).to_string()]);
                    next += 1500;
                    assert_eq!(check_ours(&path), next);
                    let mut log = LogWriter::open(&path, &options).unwrap();
                    log.append_all(borrowed(&messages(next..next + 700))).unwrap();
                    next = log.commit().unwrap();
                    assert_eq!(check_theirs(&python, &path), next, "live after an adoption");
                    log.close().unwrap();
                    assert_eq!(check_ours(&path), next);
                    assert_eq!(check_theirs(&python, &path), next);
                }
                let info = LogReader::open(&path).unwrap().info().clone();
                assert_eq!((info.version.as_str(), info.io_version.as_deref()), ("0.0", Some("0.0")));
            }
        }
        println!("HDF5 {version}: read and continued");
    }
}

/// With its locking on, larpix-control cannot append to a log that we are writing, and does no harm.
#[test]
fn larpix_control_is_kept_out_of_a_live_log() {
    let dir = tempfile::tempdir().unwrap();
    for (version, python) in pythons() {
        let path = dir.path().join(format!("{version}.h5"));
        let mut log = LogWriter::create(&path, &manual()).unwrap();
        log.append_all(borrowed(&messages(0..2000))).unwrap();
        log.commit().unwrap();
        let before = std::fs::read(&path).unwrap();
        let script = r#"
try:
    append(sys.argv[1], 2000, 2010)
except BlockingIOError as e:
    print("refused")
"#;
        assert_eq!(run(&python, script, &[&path]).trim(), "refused", "HDF5 {version}");
        assert!(std::fs::read(&path).unwrap() == before, "HDF5 {version} changed the file");
        log.append_all(borrowed(&messages(2000..3000))).unwrap();
        log.close().unwrap();
        assert_eq!(check_ours(&path), 3000);
        assert_eq!(check_theirs(&python, &path), 3000);
    }
}

/// A log whose writer was killed: larpix-control reads it as it is. Appending is refused cleanly while the lengths
/// are shared, and goes on after we have opened and closed the log once.
#[test]
fn larpix_control_does_no_harm_to_a_log_of_a_killed_writer() {
    let dir = tempfile::tempdir().unwrap();
    for (version, python) in pythons() {
        let live = dir.path().join(format!("{version}-live.h5"));
        let path = dir.path().join(format!("{version}.h5"));
        let mut log = LogWriter::create(&live, &manual()).unwrap();
        log.append_all(borrowed(&messages(0..2000))).unwrap();
        log.commit().unwrap();
        // The file as a kill at this moment leaves it.
        std::fs::copy(&live, &path).unwrap();
        drop(log);
        assert_eq!(check_theirs(&python, &path), 2000);
        let script = r#"
try:
    append(sys.argv[1], 2000, 2010)
    print("appended")
except Exception as e:
    print("refused:", type(e).__name__, e)
"#;
        let said = run(&python, script, &[&path]);
        assert!(said.starts_with("refused: KeyError"), "HDF5 {version}: {said}");
        assert!(said.contains("unknown message"), "HDF5 {version}: {said}");
        assert_eq!(check_ours(&path), 2000);
        assert_eq!(check_theirs(&python, &path), 2000);
        // What it had done to the file by then is harmless: the messages are all there, and we continue.
        let mut log = LogWriter::open(&path, &manual()).unwrap();
        assert_eq!(log.committed(), 2000, "HDF5 {version}");
        log.append_all(borrowed(&messages(2000..2100))).unwrap();
        log.close().unwrap();
        run(&python, "append(sys.argv[1], 2100, 2200)", &[&path]);
        assert_eq!(check_ours(&path), 2200);
        assert_eq!(check_theirs(&python, &path), 2200);
    }
}

/// With locking switched off, another writer is noticed before the next commit, which goes on after what it left.
#[test]
fn a_second_writer_without_locks_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    for (version, python) in pythons() {
        let path = dir.path().join(format!("{version}.h5"));
        let options = LogOptions { pair: Pair::Inline, ..manual() };
        let mut log = LogWriter::create(&path, &options).unwrap();
        log.append_all(borrowed(&messages(0..500))).unwrap();
        log.commit().unwrap();
        let script = r#"
import os, subprocess
code = "import sys; sys.argv = sys.argv[1:]; exec(sys.stdin.read())"
env = dict(os.environ, HDF5_USE_FILE_LOCKING="FALSE")
subprocess.run([sys.executable, "-c", code, "x", sys.argv[1]], input=sys.argv[2].encode(), env=env, check=True)
"#;
        let theirs = format!("{}\nappend(sys.argv[1], 500, 600)", common::PRELUDE);
        run(&python, script, &[&path, &theirs]);
        log.append_all(borrowed(&messages(600..700))).unwrap();
        // Sequence numbers count what this writer appended.
        assert_eq!((log.commit().unwrap(), log.gathered(), log.len()), (600, 0, 700));
        let said = log.take_warnings();
        assert!(said.len() == 1 && said[0].contains("it holds 100 more messages"), "{said:?}");
        assert_eq!(check_theirs(&python, &path), 700);
        log.close().unwrap();
        assert_eq!(check_ours(&path), 700);
        assert_eq!(check_theirs(&python, &path), 700);
    }
}

/// libhdf5 rewrites a plain chunk without saying so when deflating gives it exactly its old size. Whatever groups the
/// messages come from, and wherever in a chunk larpix-control stops, that must not happen.
#[test]
fn no_group_is_lost_to_a_chunk_of_the_same_size() {
    let dir = tempfile::tempdir().unwrap();
    let script = r#"
rng = np.random.default_rng(5)
for path in sys.argv[1:]:
    first = raw.from_rawfile(path)
    n, start = 0, len(first["msgs"])
    groups = [int(g) for g in first["msg_headers"]["io_groups"]]
    # Ends of the first append all along a chunk, most of all near its end.
    k = int(path.rsplit("-", 1)[1].split(".")[0])
    new = [int(g) for g in rng.integers(0, 256, k)]
    raw.to_rawfile(path, msgs=[b"x"] * k, msg_headers={"io_groups": new})
    back = [int(g) for g in raw.from_rawfile(path)["msg_headers"]["io_groups"]]
    assert back == groups + new, (path, start, k)
"#;
    for (version, python) in pythons() {
        let mut paths = Vec::new();
        for chunk_rows in [16, 64, 1024u64] {
            let step = if chunk_rows > 100 { 16 } else { 1 };
            let ends = (1..chunk_rows).filter(|k| k % step == 1 || k + 40 > chunk_rows);
            for k in ends {
                let path = dir.path().join(format!("{version}-{chunk_rows}-{k}.h5"));
                let mut log = LogWriter::create(&path, &LogOptions { chunk_rows, ..manual() }).unwrap();
                // Groups without any pattern.
                for i in 0..20u64 {
                    log.append((i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8, b"m").unwrap();
                }
                log.close().unwrap();
                paths.push(path);
            }
        }
        let args: Vec<&dyn AsRef<std::ffi::OsStr>> =
            paths.iter().map(|p| p as &dyn AsRef<std::ffi::OsStr>).collect();
        run(&python, script, &args);
        println!("HDF5 {version}: {} ends", paths.len());
    }
}

/// Every message at its place beyond the first super blocks, and where data blocks are paged.
#[test]
fn long_indexes_are_read_by_h5py() {
    let dir = tempfile::tempdir().unwrap();
    let Some((_, python)) = pythons().into_iter().next() else { return };
    let path = dir.path().join("long.h5");
    // One message a chunk: 131,060 of them fill all blocks that have no pages.
    let options = LogOptions { chunk_rows: 1, sync: Sync::None, ..manual() };
    let mut log = LogWriter::create(&path, &options).unwrap();
    let total = 131_060 + 3000;
    let bytes = |i: u64| (i as u32).to_le_bytes();
    for start in (0..total).step_by(10_000) {
        for i in start..total.min(start + 10_000) {
            log.append(i as u8, &bytes(i)).unwrap();
        }
        log.commit().unwrap();
    }
    log.close().unwrap();
    let reader = LogReader::open(&path).unwrap();
    assert_eq!(reader.len(), total);
    reader
        .for_each(0..total, |i, group, m| {
            assert_eq!((group, m), (i as u8, &bytes(i)[..]));
            Ok(())
        })
        .unwrap();
    let script = r#"
with h5py.File(sys.argv[1], "r") as f:
    n = len(f["msgs"])
    for a in list(range(0, 500)) + list(range(130_000, n)):
        pass
    for start in (0, 100_000, 130_500, n - 1500):
        rows = f["msgs"][start:start + 1500]
        for i, m in enumerate(rows):
            assert int(m.view("<u4")[0]) == start + i, start + i
        assert (f["msg_headers"]["io_groups"][start:start + 1500] == np.arange(start, start + 1500) % 256).all()
print(n)
"#;
    assert_eq!(run(&python, script, &[&path]).trim(), total.to_string());
    let mut log = LogWriter::open(&path, &options).unwrap();
    log.append(1, b"more").unwrap();
    log.close().unwrap();
    run(&python, "raw.to_rawfile(sys.argv[1], msgs=[b'theirs'], msg_headers={'io_groups': [3]})", &[&path]);
    let mut log = LogWriter::open(&path, &options).unwrap();
    assert_eq!(log.append(2, b"last").unwrap(), total + 3);
    log.close().unwrap();
    let reader = LogReader::open(&path).unwrap();
    let tail = reader.read(total..total + 3).unwrap();
    assert!(tail.iter().eq([(1, &b"more"[..]), (3, b"theirs"), (2, b"last")]));
}
