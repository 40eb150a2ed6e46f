//! The queue in front of a log: many threads, commits in time, acknowledgement, a disk that does not keep up.

#![expect(clippy::unwrap_used, reason = "a panic is the failure report")]

mod common;

use hyperslab_core::Kind;
use hyperslab_larpix::log::{LogEvent, LogOptions, LogQueue, LogReader, LogWriter};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn queue(path: &Path, options: &LogOptions) -> LogQueue {
    LogQueue::new(LogWriter::open_or_create(path, options).unwrap(), |_| {}).unwrap()
}

#[test]
fn a_message_is_visible_in_time_though_nothing_follows() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("q.h5");
    let options = LogOptions { commit_interval: Some(Duration::from_millis(20)), ..LogOptions::default() };
    let queue = queue(&path, &options);
    let mut reader = LogReader::open(&path).unwrap();
    for i in 1..=3 {
        assert_eq!(queue.append(1, b"alone").unwrap(), i);
        let start = Instant::now();
        while reader.refresh().unwrap() < i {
            assert!(start.elapsed() < Duration::from_secs(5), "never committed");
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(queue.committed() >= i || queue.wait_committed(i).unwrap() >= i);
    }
    // And at once on demand, by size and by number.
    let options = LogOptions {
        commit_interval: Some(Duration::from_secs(100)),
        commit_bytes: 10_000,
        commit_messages: 50,
        ..LogOptions::default()
    };
    drop(queue);
    let queue = self::queue(&path, &options);
    queue.append(1, b"now").unwrap();
    assert_eq!(queue.commit().unwrap(), 4);
    queue.append(1, &[7; 10_000]).unwrap();
    assert_eq!(queue.wait_committed(5).unwrap(), 5);
    for _ in 0..50 {
        queue.append(1, b"").unwrap();
    }
    assert_eq!(queue.wait_committed(55).unwrap(), 55);
    assert_eq!(queue.wait_committed(56).unwrap_err().kind(), Kind::Usage);
    queue.append(1, b"last").unwrap();
    assert_eq!(queue.close().unwrap(), 56);
    assert_eq!(queue.append(1, b"late").unwrap_err().kind(), Kind::Usage);
    assert_eq!(queue.close().unwrap(), 56);
    assert_eq!(LogReader::open(&path).unwrap().len(), 56);
}

#[test]
fn many_threads_append_and_wait() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("q.h5");
    let committed = Arc::new(AtomicU64::new(0));
    let told = Arc::clone(&committed);
    let log = LogWriter::create(&path, &LogOptions { queue_bytes: 20_000, ..LogOptions::default() }).unwrap();
    let queue = LogQueue::new(log, move |e| {
        if let LogEvent::Committed(n) = e {
            assert!(told.swap(n, Ordering::Relaxed) < n);
        }
    })
    .unwrap();
    const EACH: u64 = 3000;
    std::thread::scope(|scope| {
        for t in 0..4u8 {
            let queue = &queue;
            scope.spawn(move || {
                let mut last = 0;
                for i in 0..EACH {
                    // Now and then more than the whole queue holds.
                    let len = if i % 997 == 5 { 30_000 } else { 8 };
                    let mut m = vec![t; len];
                    m[..8].copy_from_slice(&i.to_le_bytes());
                    let s = queue.append(t, &m).unwrap();
                    assert!(s > last);
                    last = s;
                    if i % 500 == 0 {
                        assert!(queue.wait_committed(s).unwrap() >= s);
                        assert!(queue.committed() >= s);
                    }
                }
            });
        }
    });
    assert_eq!(queue.close().unwrap(), 4 * EACH);
    assert_eq!(committed.load(Ordering::Relaxed), 4 * EACH);
    let reader = LogReader::open(&path).unwrap();
    let mut next = [0u64; 4];
    reader
        .for_each(0..reader.len(), |_, g, m| {
            let n = &mut next[g as usize];
            assert_eq!(u64::from_le_bytes(m[..8].try_into().unwrap()), *n);
            assert!(m[8..].iter().all(|&b| b == g));
            *n += 1;
            Ok(())
        })
        .unwrap();
    assert_eq!(next, [EACH; 4]);
}

/// However few messages come at a time, the file is little larger than they are.
#[test]
fn a_queue_gathers_what_comes_piece_by_piece() {
    let dir = tempfile::tempdir().unwrap();
    let message = [5u8; 206];
    for batch in [1, 10, 100, 1000] {
        let path = dir.path().join(format!("{batch}.h5"));
        let interval = Some(Duration::from_millis(200));
        let queue = queue(&path, &LogOptions { commit_interval: interval, ..LogOptions::default() });
        let total = 50_000;
        for _ in 0..total / batch {
            queue.append_all((0..batch).map(|_| (1, &message[..]))).unwrap();
        }
        assert_eq!(queue.close().unwrap(), total);
        let size = std::fs::metadata(&path).unwrap().len() as f64 / (total * 206) as f64;
        assert!(size < 1.19, "by {batch}: {size} times the messages");
    }
}

/// Not a test of its own: appends until the file may not grow any more (a limit stands for a full disk), and goes on
/// when it may again.
#[test]
fn filling_process() {
    let Some(path) = std::env::var_os("HYPERSLAB_TEST_FULL_DISK") else { return };
    let path = Path::new(&path);
    let limit = |bytes: u64| {
        use nix::sys::resource::{RLIM_INFINITY, Resource, setrlimit};
        setrlimit(Resource::RLIMIT_FSIZE, bytes, RLIM_INFINITY).unwrap();
    };
    // The limit is told by an error, not by the signal's death.
    let told = Arc::new(std::sync::atomic::AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGXFSZ, told).unwrap();
    let options = LogOptions { step: 256 << 10, commit_bytes: usize::MAX, ..LogOptions::default() };
    let mut log = LogWriter::create(path, &options).unwrap();
    limit(2 << 20);
    let mut next = 0;
    let append = |log: &mut LogWriter, next: &mut u64| {
        for _ in 0..100 {
            let (g, m) = common::message(*next);
            log.append(g, &m).unwrap();
            *next += 1;
        }
    };
    let e = loop {
        append(&mut log, &mut next);
        match log.commit() {
            Ok(n) => assert_eq!(n, next),
            Err(e) => break e,
        }
        assert!(next < 100_000);
    };
    assert_eq!(e.kind(), Kind::Io, "{e}");
    let committed = log.committed();
    assert_eq!(log.gathered(), next - committed);
    assert_eq!(common::check_ours(path), committed);
    // More can be gathered meanwhile, and trying again is an error again.
    append(&mut log, &mut next);
    assert!(log.commit().is_err());
    assert_eq!(common::check_ours(path), committed);
    limit(100 << 20);
    assert_eq!(log.commit().unwrap(), next);
    assert_eq!(common::check_ours(path), next);
    drop(log);

    // The same through a queue: it fills, says why, and goes on by itself.
    limit(std::fs::metadata(path).unwrap().len() + (1 << 20));
    let failed: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&failed);
    let options = LogOptions { queue_bytes: 1 << 20, commit_bytes: 64 << 10, ..options };
    let log = LogWriter::open(path, &options).unwrap();
    let queue = LogQueue::new(log, move |e| {
        if let LogEvent::Failed(e) = e {
            seen.lock().unwrap().push(e.to_string());
        }
    })
    .unwrap();
    let e = loop {
        let (g, m) = common::message(next);
        match queue.append(g, &m) {
            Ok(s) => {
                next += 1;
                assert_eq!(s, next);
            }
            Err(e) => break e,
        }
        assert!(next < 1_000_000);
    };
    assert_eq!(e.kind(), Kind::Io, "{e}");
    assert!(queue.committed() < next && queue.waiting() > 900_000);
    assert_eq!(queue.wait_committed(next).unwrap_err().kind(), Kind::Io);
    assert_eq!(common::check_ours(path), queue.committed());
    assert!(!failed.lock().unwrap().is_empty());
    limit(100 << 20);
    let start = Instant::now();
    while queue.wait_committed(next).is_err() {
        assert!(start.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(5));
    }
    queue.close().unwrap();
    assert_eq!(common::check_ours(path), next);

    // Closed while the disk is full: an error, and what was acknowledged is there.
    limit(std::fs::metadata(path).unwrap().len());
    let queue = LogQueue::new(LogWriter::open(path, &options).unwrap(), |_| {}).unwrap();
    for i in next..next + 3000 {
        let (g, m) = common::message(i);
        if queue.append(g, &m).is_err() {
            break;
        }
    }
    assert_eq!(queue.close().unwrap_err().kind(), Kind::Io);
    assert_eq!(queue.committed(), next);
    assert_eq!(common::check_ours(path), next);
    println!("filled and emptied: {next}");
}

#[test]
fn a_full_disk_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let out = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["filling_process", "--exact", "--nocapture", "--test-threads=1"])
        .env("HYPERSLAB_TEST_FULL_DISK", dir.path().join("full.h5"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(
        out.status.success() && said.contains("filled and emptied"),
        "{said}{}",
        String::from_utf8_lossy(&out.stderr)
    );
}
