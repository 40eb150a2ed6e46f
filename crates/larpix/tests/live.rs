//! Readers of every kind, all at once, beside a writer that does not wait for them.
//!
//! A run takes a second for each kind of writer and each libhdf5; with `HYPERSLAB_SOAK=1` a minute, or
//! `HYPERSLAB_SOAK_SECONDS`. What came of it is printed as a table row, which `docs/live.md` keeps.

#![expect(clippy::unwrap_used, reason = "a panic is the failure report")]

mod common;
mod live_runs;

use common::{borrowed, messages, pythons, run};
use hyperslab_larpix::log::{LogOptions, LogReader, LogWriter, Pair};
use live_runs::{Readers, Report, by_larpix, flat_out, paced};
use std::time::Duration;

/// 200 publishes a second.
#[test]
fn readers_of_a_paced_log_see_no_error() {
    for (version, python) in pythons() {
        let readers = Readers::start(&python, version);
        let report =
            readers.watch("ours, 200 publishes/s", |path, stop| paced(path, stop, Pair::Shared, u64::MAX));
        report.must_be_clean();
    }
}

/// As fast as it goes, published every 10 ms; a log that has grown to its full size is replaced by a new one.
#[test]
fn readers_of_a_log_written_flat_out_see_no_error() {
    for (version, python) in pythons() {
        let readers = Readers::start(&python, version);
        let report = readers.watch("ours, flat out", flat_out);
        report.must_be_clean();
    }
}

/// What the same readers see of a log that larpix-control writes. Nothing is demanded of them but that ours, which
/// retries, shows no wrong message.
#[test]
fn readers_of_a_log_that_larpix_control_writes() {
    for (version, python) in pythons() {
        let all = [("larpix-control, flat out", 0.0), ("larpix-control, 200 calls/s", 0.005)];
        for (what, pause) in all.into_iter().take(if common::soak() > 1 { 2 } else { 1 }) {
            let readers = Readers::start(&python, version);
            let report = readers.watch(what, |path, stop| by_larpix(&python, path, stop, pause));
            assert_eq!(report.of("ours").wrong, 0, "HDF5 {version}: {:?}", report.of("ours"));
        }
    }
}

/// A writer that closes the log and opens it again all the time. A reader that looked once before and once after that
/// has the closed log's end of file and lengths beside what was published since, says that it is an error, and finds
/// all well on its next open. Counted; only our own reader, which looks again by itself, must see none.
#[test]
fn readers_of_a_log_that_is_closed_and_opened_again() {
    if common::soak() == 1 {
        return;
    }
    for (version, python) in pythons() {
        let readers = Readers::start(&python, version);
        let report = readers.watch("ours, 200 publishes/s, a session each 10", |path, stop| {
            paced(path, stop, Pair::Shared, 10)
        });
        for (kind, errors) in
            [("swmr", false), ("plain", false), ("larpix", false), ("ours", true), ("follower", true)]
        {
            let o = report.of(kind);
            assert!(o.wrong == 0 && !(errors && o.failed() > 0), "HDF5 {version}, {kind}: {o:?}");
        }
    }
}

/// What the shared length is for: with a length each, a reader that looks at one after the other meets a publish
/// between its two looks. Measured, not demanded; only in long runs.
#[test]
fn the_race_that_two_lengths_have() {
    if common::soak() == 1 {
        return;
    }
    for (version, python) in pythons() {
        let readers = Readers::start(&python, version);
        let report: Report = readers
            .watch("ours, 200 publishes/s, inline", |path, stop| paced(path, stop, Pair::Inline, u64::MAX));
        assert_eq!((report.of("ours").wrong, report.of("swmr").wrong), (0, 0), "HDF5 {version}");
    }
}

/// A log that larpix-control writes, opening and closing it for every batch, is followed too.
#[test]
fn a_log_that_larpix_control_writes_is_followed() {
    let _machine = live_runs::machine();
    let dir = tempfile::tempdir().unwrap();
    for (version, python) in pythons() {
        let path = dir.path().join(format!("{version}.h5"));
        LogWriter::create(&path, &LogOptions::default()).unwrap().close().unwrap();
        let total = 3000;
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                // Not kept out by our opening the log between its own opens: readers of ours take no lock.
                let script = r#"
n = 0
k = 0
while n < 3000:
    k += 1
    step = min([1, 7, 100, 400][k % 4], 3000 - n)
    append(sys.argv[1], n, n + step)
    n += step
"#;
                run(&python, script, &[&path]);
            });
            let mut reader = LogReader::open(&path).unwrap();
            let mut seen = 0;
            for block in reader.follow(0, Some(Duration::from_secs(20))) {
                for (group, message) in &block.unwrap() {
                    assert!((group, message.to_vec()) == common::message(seen), "message {seen}");
                    seen += 1;
                }
                if seen == total {
                    break;
                }
            }
            writer.join().unwrap();
            assert_eq!(seen, total, "HDF5 {version}");
        });
    }
}

/// The general HDF5 reader sees a live log as it sees a closed one.
#[test]
fn a_live_log_is_an_ordinary_file_for_our_own_reader() {
    use hyperslab_core::{Limits, Selection};
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("live.h5");
    let options = LogOptions { commit_bytes: usize::MAX, ..LogOptions::default() };
    let mut log = LogWriter::create(&path, &options).unwrap();
    log.append_all(borrowed(&messages(0..3000))).unwrap();
    log.commit().unwrap();
    let look = || {
        let file = hyperslab_hdf5::File::open(&path).unwrap();
        let limits = Limits::default();
        let view = file.read("/msgs", &Selection::ALL, &limits).unwrap();
        let heap = std::sync::Arc::clone(view.heap().unwrap());
        let mut i = 0;
        view.for_each(|reference| {
            let (count, bytes) = heap.resolve(reference)?;
            assert!(
                (count, &*bytes) == (common::message(i).1.len() as u64, &common::message(i).1[..]),
                "{i}"
            );
            i += 1;
            Ok(())
        })
        .unwrap();
        let headers = file.read("/msg_headers", &Selection::ALL, &limits).unwrap();
        assert_eq!((i, headers.len()), (3000, 3000));
        assert!(headers.bytes().unwrap().iter().enumerate().all(|(i, &g)| g == i as u8));
        assert_eq!(file.attribute("/meta", "version", &limits).unwrap().as_str(), Some("0.0"));
    };
    look();
    log.close().unwrap();
    look();
}
