//! What a reader can be asked for, of closed and of growing logs, copied and mapped.

#![expect(clippy::unwrap_used, reason = "a panic is the failure report")]

mod common;

use common::{borrowed, message, messages};
use hyperslab_core::Kind;
use hyperslab_larpix::log::{LogOptions, LogReader, LogWriter, Messages, Rows};
use std::path::Path;
use std::time::{Duration, Instant};

/// Commits by hand alone, with little room ahead, so that files and maps grow often.
fn options() -> LogOptions {
    LogOptions {
        commit_bytes: usize::MAX,
        step: 1 << 16,
        max_step: 0,
        chunk_rows: 64,
        ..LogOptions::default()
    }
}

fn write(path: &Path, count: u64) -> LogWriter {
    let mut log = LogWriter::create(path, &options()).unwrap();
    log.append_all(borrowed(&messages(0..count))).unwrap();
    log.commit().unwrap();
    log
}

fn check(reader: &LogReader, rows: &Rows) {
    let wanted: Vec<u64> = rows.iter().collect();
    let got = reader.read_rows(rows).unwrap();
    assert_eq!(got.len(), wanted.len());
    for (i, &at) in wanted.iter().enumerate() {
        let (group, bytes) = got.get(i).unwrap();
        assert!(got.position(i) == Some(at) && (group, bytes.to_vec()) == message(at), "{rows:?}: {i}");
        assert!(got.shared(i).is_none_or(|b| b == bytes));
    }
    assert_eq!(got.position(wanted.len()), None);
    let groups: Vec<u8> = wanted.iter().map(|&at| message(at).0).collect();
    assert_eq!(reader.io_groups(rows).unwrap(), groups);
    let mut i = 0;
    reader
        .for_each_of(rows, |at, group, bytes| {
            assert!(at == wanted[i] && (group, bytes.to_vec()) == message(at));
            i += 1;
            Ok(())
        })
        .unwrap();
    assert_eq!(i, wanted.len());
}

/// Every way to say which messages, of a live log and of a closed one, copied and mapped.
#[test]
fn any_choice_of_messages() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.h5");
    let n = 30_000;
    let log = write(&path, n);
    let ask = |mapped: bool| {
        let reader = if mapped { LogReader::open_mapped(&path) } else { LogReader::open(&path) }.unwrap();
        assert_eq!((reader.len(), reader.is_mapped()), (n, mapped));
        for (a, b, c) in [
            (None, None, None),
            (Some(-3), None, None),
            (Some(5), Some(-20_000), Some(7)),
            (None, None, Some(-1)),
            (Some(-1), Some(100), Some(-1000)),
            (None, None, Some(1500)),
            (Some(90_000), None, None),
        ] {
            check(&reader, &Rows::slice(a, b, c, n).unwrap());
        }
        check(&reader, &Rows::select(&"[-1]".parse().unwrap(), n).unwrap());
        check(&reader, &Rows::mask((0..n).map(|i| i % 97 < 3), n).unwrap());
        check(&reader, &Rows::mask((0..n).map(|_| false), n).unwrap());
        // In any order, twice, near and far apart.
        let scattered = (0..3000).map(|i: i64| i * 7919 % 30_000 - 15_000);
        check(&reader, &Rows::list(scattered, n).unwrap());
        check(&reader, &Rows::list([5, 5, 7, 6, -1, 0, 5], n).unwrap());
        check(&reader, &Rows::list([7, 7, 8, 10], n).unwrap());
        let beyond = reader.read_rows(&Rows::list([n as i64], n + 1).unwrap()).unwrap_err();
        assert_eq!(beyond.kind(), Kind::Usage);
        assert_eq!(reader.io_groups(&Rows::range(0..n + 1)).unwrap_err().kind(), Kind::Usage);
        assert_eq!(reader.read(n..n + 1).unwrap_err().kind(), Kind::Usage);
    };
    ask(false);
    ask(true);
    log.close().unwrap();
    ask(false);
    ask(true);
}

/// What is handed out of a map outlives the reader, and stays as it was while the log grows past the map.
#[test]
fn mapped_messages_outlive_the_reader_and_the_map_grows() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.h5");
    let mut log = write(&path, 100);
    let mut reader = LogReader::open_mapped(&path).unwrap();
    let first = reader.read(0..100).unwrap();
    let kept: Vec<_> = (0..100).map(|i| first.shared(i).unwrap_or_default()).collect();
    let mut size = 0;
    for end in [200, 5000, 20_000] {
        let start = log.committed();
        log.append_all(borrowed(&messages(start..end))).unwrap();
        log.commit().unwrap();
        assert!(std::fs::metadata(&path).unwrap().len() > size, "the file has not grown");
        size = std::fs::metadata(&path).unwrap().len();
        assert_eq!(reader.refresh().unwrap(), end);
        let messages = reader.read(start..end).unwrap();
        assert!(messages.shared(messages.len() - 1).is_some());
        for (i, (group, bytes)) in (start..).zip(&messages) {
            assert!((group, bytes.to_vec()) == message(i), "message {i}");
        }
    }
    log.close().unwrap();
    drop((first, reader));
    for (i, bytes) in (0..).zip(kept) {
        assert_eq!(*bytes, *message(i).1, "message {i}");
    }
}

/// A file of another library is read into memory of our own, also when it is asked for otherwise.
#[test]
fn a_foreign_log_is_not_mapped() {
    let dir = tempfile::tempdir().unwrap();
    for (version, python) in common::pythons() {
        let path = dir.path().join(format!("{version}.h5"));
        common::run(&python, "append(sys.argv[1], 0, 500)", &[&path]);
        let reader = LogReader::open_mapped(&path).unwrap();
        assert!(!reader.is_mapped());
        check(&reader, &Rows::range(0..500));
        check(&reader, &Rows::slice(None, None, Some(-3), 500).unwrap());
        assert_eq!(reader.read(1..2).unwrap().shared(0), None);
        // Nor one of ours that another library has continued.
        let path = dir.path().join(format!("ours-{version}.h5"));
        write(&path, 300).close().unwrap();
        common::run(&python, "append(sys.argv[1], 300, 400)", &[&path]);
        let reader = LogReader::open_mapped(&path).unwrap();
        assert!(!reader.is_mapped());
        check(&reader, &Rows::range(0..400));
    }
}

#[test]
fn headers_alone_touch_no_message() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.h5");
    write(&path, 1000).close().unwrap();
    // Every heap collection but that of the attributes destroyed: headers are still read, messages are not.
    let mut bytes = std::fs::read(&path).unwrap();
    let places: Vec<usize> = (8192..bytes.len() - 4).filter(|&i| bytes[i..].starts_with(b"GCOL")).collect();
    assert!(!places.is_empty());
    places.iter().for_each(|&i| bytes[i..i + 4].copy_from_slice(b"gone"));
    std::fs::write(&path, &bytes).unwrap();
    let reader = LogReader::open(&path).unwrap();
    let rows = Rows::slice(None, None, Some(-1), 1000).unwrap();
    let groups: Vec<u8> = (0..1000).rev().map(|i| i as u8).collect();
    assert_eq!(reader.io_groups(&rows).unwrap(), groups);
    assert_eq!(reader.read_rows(&rows).unwrap_err().kind(), Kind::Invalid);
}

#[test]
fn waiting_ends() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.h5");
    let mut log = write(&path, 10);
    let mut reader = LogReader::open(&path).unwrap();
    assert_eq!(reader.wait_for(10, Duration::ZERO).unwrap(), 10);
    let start = Instant::now();
    assert_eq!(reader.wait_for(11, Duration::from_millis(50)).unwrap(), 10);
    assert!(start.elapsed() >= Duration::from_millis(50));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(30));
            log.append_all(borrowed(&messages(10..15))).unwrap();
            log.close().unwrap();
        });
        assert_eq!(reader.wait_for(15, Duration::from_secs(60)).unwrap(), 15);
    });
    // A path that names nothing may still be written; one that names another log is not.
    std::fs::remove_file(&path).unwrap();
    assert!(reader.is_current().unwrap());
    assert_eq!(reader.wait_for(16, Duration::from_millis(5)).unwrap(), 15);
    write(&path, 3).close().unwrap();
    assert_eq!(reader.wait_for(16, Duration::from_secs(60)).unwrap_err().kind(), Kind::Conflict);
}

/// A follower goes on across writers that close and open again, and ends where another log takes the place.
#[test]
fn followers_survive_writers() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.h5");
    write(&path, 0).close().unwrap();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut n = 0;
            for _ in 0..20 {
                let mut log = LogWriter::open(&path, &options()).unwrap();
                for batch in [1, 30, 400] {
                    log.append_all(borrowed(&messages(n..n + batch))).unwrap();
                    n = log.commit().unwrap();
                }
                std::thread::sleep(Duration::from_millis(3));
                log.close().unwrap();
            }
            let next = dir.path().join("next.h5");
            write(&next, 7).close().unwrap();
            std::fs::rename(&next, &path).unwrap();
            n
        });
        let mut reader = LogReader::open(&path).unwrap();
        let (mut seen, mut buffer) = (0, Messages::new());
        let mut follow = reader.follow(0, Some(Duration::from_secs(60)));
        let end = loop {
            match follow.next_into(&mut buffer) {
                Ok(true) => {}
                other => break other,
            }
            assert_eq!(buffer.first(), seen);
            for (group, bytes) in &buffer {
                assert!((group, bytes.to_vec()) == message(seen), "message {seen}");
                seen += 1;
            }
        };
        assert_eq!((end.unwrap_err().kind(), seen), (Kind::Conflict, writer.join().unwrap()));
        assert_eq!((reader.is_current().unwrap(), LogReader::open(&path).unwrap().len()), (false, 7));
    });
}

const ROLE: &str = "HYPERSLAB_TEST_FOLLOWED_WRITER";

/// Not a test of its own: the process that is killed.
#[test]
fn writer_process() {
    let Some(path) = std::env::var_os(ROLE) else { return };
    let mut log = LogWriter::open(&path, &options()).unwrap();
    loop {
        let n = log.committed();
        log.append_all(borrowed(&messages(n..n + 1 + n % 50))).unwrap();
        log.commit().unwrap();
        std::thread::sleep(Duration::from_micros(300));
    }
}

/// Ends a process, whatever happens.
struct Killed(std::process::Child);

impl Killed {
    fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        self.kill();
    }
}

/// One reader follows a log whose writer is killed again and again.
#[test]
fn followers_survive_killed_writers() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.h5");
    write(&path, 0).close().unwrap();
    let mut reader = LogReader::open(&path).unwrap();
    let (mut seen, mut buffer) = (0, Messages::new());
    for kill in 1..=5 {
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["writer_process", "--exact", "--test-threads=1"])
            .env(ROLE, &path)
            .stdout(std::process::Stdio::null())
            .spawn();
        let mut child = child.map(Killed).unwrap();
        let mut follow = reader.follow(seen, Some(Duration::from_millis(200)));
        let mut alive = true;
        loop {
            let more = follow.next_into(&mut buffer).unwrap();
            if !more && !alive {
                break;
            }
            for (group, bytes) in buffer.iter().take(if more { usize::MAX } else { 0 }) {
                assert!((group, bytes.to_vec()) == message(seen), "message {seen}");
                seen += 1;
            }
            if alive && seen > kill * 1500 {
                child.kill();
                alive = false;
            }
        }
        assert_eq!(seen, LogReader::open(&path).unwrap().len());
    }
    assert!(LogWriter::open(&path, &options()).unwrap().committed() == seen);
}

/// A log that is cut under its follower is said to be, and is no crash.
#[test]
fn a_log_that_is_cut_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.h5");
    let other = dir.path().join("other.h5");
    write(&path, 500).close().unwrap();
    write(&other, 20).close().unwrap();
    let mut reader = LogReader::open(&path).unwrap();
    std::fs::write(&path, std::fs::read(&other).unwrap()).unwrap();
    let mut follow = reader.follow(500, Some(Duration::from_secs(60)));
    assert_eq!(follow.next_into(&mut Messages::new()).unwrap_err().kind(), Kind::Conflict);
    std::fs::write(&path, b"").unwrap();
    let start = Instant::now();
    let mut reader = LogReader::open(&other).unwrap();
    std::fs::write(&other, &std::fs::read(&other).unwrap()[..3000]).unwrap();
    let mut follow = reader.follow(0, Some(Duration::from_secs(60)));
    assert_eq!(follow.next_into(&mut Messages::new()).unwrap_err().kind(), Kind::Invalid);
    assert!(start.elapsed() < Duration::from_secs(30));
}
