//! The log by itself: what is written is read, what cannot be is refused, and nothing is lost between the two.

#![expect(clippy::unwrap_used, reason = "a panic is the failure report")]

mod common;

use common::{borrowed, check_ours, message, messages};
use hyperslab_core::Kind;
use hyperslab_larpix::log::{LogOptions, LogReader, LogWriter, Pair, Sync};
use std::time::Duration;

fn manual() -> LogOptions {
    LogOptions { commit_bytes: usize::MAX, ..LogOptions::default() }
}

#[test]
fn what_is_committed_is_read() {
    let dir = tempfile::tempdir().unwrap();
    for sync in [Sync::None, Sync::Ordered, Sync::Durable] {
        for pair in [Pair::Shared, Pair::Inline] {
            let path = dir.path().join(format!("{sync:?}{pair:?}.h5"));
            let options = LogOptions { sync, pair, ..manual() };
            let mut log = LogWriter::create(&path, &options).unwrap();
            let mut reader = LogReader::open(&path).unwrap();
            assert!(reader.is_empty());
            let mut next = 0;
            for n in [1, 1, 30, 1000, 1, 3000, 1024, 5] {
                let batch = messages(next..next + n);
                assert_eq!(log.append_all(borrowed(&batch)).unwrap(), next + n);
                assert_eq!((log.committed(), log.gathered()), (next, n));
                assert_eq!(reader.refresh().unwrap(), next, "visible before the commit");
                next += n;
                assert_eq!(log.commit().unwrap(), next);
                assert_eq!(reader.refresh().unwrap(), next);
                let tail = reader.read(next - n..next).unwrap();
                assert_eq!(tail.first(), next - n);
                assert!(tail.iter().map(|(g, m)| (g, m.to_vec())).eq(batch));
            }
            assert_eq!(check_ours(&path), next);
            log.close().unwrap();
            assert_eq!(check_ours(&path), next);
            // A reader that was open all the time goes on.
            assert_eq!(reader.refresh().unwrap(), next);
            let mut log = LogWriter::open(&path, &options).unwrap();
            assert_eq!(log.committed(), next);
            log.append_all(borrowed(&messages(next..next + 500))).unwrap();
            drop(log);
            assert_eq!(check_ours(&path), next + 500);
            assert_eq!(reader.refresh().unwrap(), next + 500);
        }
    }
}

#[test]
fn any_range_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.h5");
    let mut log = LogWriter::create(&path, &LogOptions { chunk_rows: 64, ..manual() }).unwrap();
    for start in (0..2000).step_by(100) {
        log.append_all(borrowed(&messages(start..start + 100))).unwrap();
        log.commit().unwrap();
    }
    let reader = LogReader::open(&path).unwrap();
    for (a, b) in [(0, 0), (0, 1), (63, 65), (64, 64), (99, 101), (500, 1999), (1999, 2000), (2000, 2000)] {
        let found = reader.read(a..b).unwrap();
        assert_eq!(found.len() as u64, b - a);
        for (i, (g, m)) in (a..b).zip(&found) {
            assert_eq!((g, m.to_vec()), message(i));
        }
        if b > a {
            assert_eq!(found.get(0).map(|(g, m)| (g, m.to_vec())), Some(message(a)));
        }
        assert!(found.get((b - a) as usize).is_none());
    }
    #[expect(clippy::reversed_empty_ranges, reason = "a caller's mistake")]
    for wrong in [0..2001, 5..4, 2001..2001] {
        assert_eq!(reader.read(wrong).unwrap_err().kind(), Kind::Usage);
    }
}

#[test]
fn thresholds_commit_by_themselves() {
    let dir = tempfile::tempdir().unwrap();
    let log = |options: LogOptions| {
        LogWriter::create(dir.path().join(format!("{}.h5", options.commit_messages)), &options).unwrap()
    };
    let mut by_count = log(LogOptions { commit_messages: 10, ..manual() });
    let mut by_bytes = log(LogOptions { commit_bytes: 10_000, commit_messages: 1000, ..manual() });
    let mut by_time = log(LogOptions {
        commit_interval: Some(Duration::from_millis(5)),
        commit_messages: 2000,
        ..manual()
    });
    for i in 1..=25 {
        by_count.append(1, b"x").unwrap();
        assert_eq!(by_count.committed(), i / 10 * 10);
    }
    for _ in 0..30 {
        by_bytes.append(1, &[0; 1000]).unwrap();
    }
    assert_eq!(by_bytes.committed(), 30);
    assert_eq!(by_bytes.append(1, &[0; 9_000]).unwrap(), 31);
    assert_eq!((by_bytes.committed(), by_bytes.gathered()), (30, 1));
    by_time.append(1, b"x").unwrap();
    assert_eq!(by_time.committed(), 0);
    std::thread::sleep(Duration::from_millis(10));
    by_time.append(1, b"x").unwrap();
    assert_eq!(by_time.committed(), 2);
}

#[test]
fn versions_are_checked_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("v.h5");
    let with = |version: Option<&str>, io_version: Option<&str>| LogOptions {
        version: version.map(Into::into),
        io_version: io_version.map(Into::into),
        ..manual()
    };
    for (version, io_version) in
        [(Some("0.1"), None), (Some("1.0"), None), (Some("x"), None), (None, Some("1"))]
    {
        let e = LogWriter::create(&path, &with(version, io_version)).unwrap_err();
        assert_eq!(e.kind(), Kind::Usage);
        assert!(!path.exists());
    }
    LogWriter::create(&path, &with(Some("0.0"), Some("0.10"))).unwrap().close().unwrap();
    let before = std::fs::read(&path).unwrap();
    assert!(LogWriter::open(&path, &with(Some("0.0"), Some("0.9"))).is_ok());
    for (version, io_version) in
        [(Some("0.1"), None), (Some("1.0"), None), (None, Some("0.11")), (None, Some("1.0"))]
    {
        let e = LogWriter::open(&path, &with(version, io_version)).unwrap_err();
        assert_eq!(e.kind(), Kind::Conflict, "{e}");
        assert_eq!(e.file_path(), Some(path.as_path()));
    }
    assert_eq!(std::fs::read(&path).unwrap(), before);
    let info = LogReader::open(&path).unwrap().info().clone();
    assert_eq!((info.version.as_str(), info.io_version.as_deref()), ("0.0", Some("0.10")));
    assert!(info.created.unwrap() > 1.7e9 && info.modified >= info.created);
    assert_eq!(info.check(Some("0.0"), Some("0.10")).unwrap(), None);
    assert!(info.check(None, Some("0.11")).is_err());

    let plain = dir.path().join("plain.h5");
    LogWriter::create(&plain, &manual()).unwrap().close().unwrap();
    let e = LogWriter::open(&plain, &with(None, Some("0.0"))).unwrap_err();
    assert!(e.message().contains("file has no io_version"), "{e}");
    assert!(LogReader::open(&plain).unwrap().info().check(None, Some("0.0")).unwrap().is_some());
}

#[test]
fn there_is_one_writer() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("one.h5");
    let mut log = LogWriter::create(&path, &manual()).unwrap();
    log.append(1, b"first").unwrap();
    let e = LogWriter::open(&path, &manual()).unwrap_err();
    assert_eq!(e.kind(), Kind::Conflict);
    assert_eq!(LogWriter::create(&path, &manual()).unwrap_err().kind(), Kind::Usage);
    // A reader that comes and goes does not end the writer's lock.
    drop(LogReader::open(&path).unwrap());
    assert_eq!(LogWriter::open(&path, &manual()).unwrap_err().kind(), Kind::Conflict);
    log.close().unwrap();
    let mut log = LogWriter::open_or_create(&path, &manual()).unwrap();
    assert_eq!(log.append(2, b"second").unwrap(), 2);
}

/// What goes to a deleted file is lost when it is closed: nothing is acknowledged any more.
#[test]
fn a_deleted_log_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let (path, moved) = (dir.path().join("d.h5"), dir.path().join("moved.h5"));
    let mut log = LogWriter::create(&path, &manual()).unwrap();
    log.append(1, b"first").unwrap();
    log.commit().unwrap();
    // Moved is not deleted.
    std::fs::rename(&path, &moved).unwrap();
    log.append(1, b"second").unwrap();
    assert_eq!(log.commit().unwrap(), 2);
    std::fs::remove_file(&moved).unwrap();
    log.append(1, b"third").unwrap();
    let e = log.commit().unwrap_err();
    assert_eq!(e.kind(), Kind::Io);
    assert!(e.to_string().contains("deleted"), "{e}");
    assert_eq!((log.committed(), log.gathered()), (2, 1));
}

#[test]
fn an_empty_file_is_a_new_log_and_others_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let empty = dir.path().join("empty.h5");
    std::fs::write(&empty, b"").unwrap();
    assert_eq!(LogWriter::create(&empty, &manual()).unwrap_err().kind(), Kind::Usage);
    let mut log = LogWriter::open_or_create(&empty, &manual()).unwrap();
    log.append(1, b"m").unwrap();
    log.close().unwrap();
    assert_eq!(LogReader::open(&empty).unwrap().len(), 1);

    let text = dir.path().join("text");
    std::fs::write(&text, b"not HDF5").unwrap();
    let foreign = hyperslab_core::testing::fixture("hdf5/tree_latest_1.14.h5");
    for path in [&text, &foreign, &dir.path().join("missing"), &dir.path().to_path_buf()] {
        let e = LogReader::open(path).unwrap_err();
        assert_eq!(e.file_path(), Some(path.as_path()));
        assert!(!e.to_string().contains('\n'));
    }
    assert_eq!(LogReader::open(&foreign).unwrap_err().kind(), Kind::Unsupported);
    assert_eq!(LogWriter::open(&text, &manual()).unwrap_err().kind(), Kind::Invalid);
    assert_eq!(LogWriter::open(dir.path().join("missing"), &manual()).unwrap_err().kind(), Kind::Io);
}

#[test]
fn a_follower_gets_every_message_once_and_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f.h5");
    LogWriter::create(&path, &manual()).unwrap().close().unwrap();
    let total = 20_000 * common::soak().min(10);
    let writing = path.clone();
    let writer = std::thread::spawn(move || {
        let mut next = 0;
        let mut k = 0u64;
        // Sessions that end by closing and by being dropped without it, each of some commits.
        while next < total {
            let mut log = LogWriter::open(&writing, &manual()).unwrap();
            assert_eq!(log.committed(), next);
            for _ in 0..8 {
                k += 1;
                let n = [1, 10, 300, 777][(k % 4) as usize].min(total - next);
                log.append_all(borrowed(&messages(next..next + n))).unwrap();
                next = log.commit().unwrap();
                if k.is_multiple_of(3) {
                    std::thread::sleep(Duration::from_micros(300));
                }
            }
            log.close().unwrap();
        }
    });
    let mut reader = LogReader::open(&path).unwrap();
    let mut seen = 0;
    for block in reader.follow(0, Some(Duration::from_secs(10))) {
        let block = block.unwrap();
        assert_eq!(block.first(), seen);
        for (g, m) in &block {
            assert!((g, m.to_vec()) == message(seen), "message {seen}");
            seen += 1;
        }
        if seen == total {
            break;
        }
    }
    writer.join().unwrap();
    assert_eq!(seen, total);
    // Nothing more comes: the iterator ends after its time.
    assert!(reader.follow(total, Some(Duration::from_millis(20))).next().is_none());
}

#[test]
fn a_log_that_became_shorter_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let (path, short) = (dir.path().join("a.h5"), dir.path().join("b.h5"));
    for (p, n) in [(&path, 50), (&short, 20)] {
        let mut log = LogWriter::create(p, &manual()).unwrap();
        log.append_all(borrowed(&messages(0..n))).unwrap();
        log.close().unwrap();
    }
    let mut reader = LogReader::open(&path).unwrap();
    let bytes = std::fs::read(&short).unwrap();
    std::fs::write(&path, bytes).unwrap();
    let e = reader.follow(50, Some(Duration::from_secs(1))).next().unwrap().unwrap_err();
    assert_eq!(e.kind(), Kind::Conflict);
}
