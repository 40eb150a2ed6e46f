//! Writers killed at any moment: the file opens at once, plainly, in h5py and here, and nothing acknowledged is lost.

#![expect(clippy::unwrap_used, reason = "a panic is the failure report")]

mod common;

use common::{check_ours, message, run};
use hyperslab_core::testing;
use hyperslab_larpix::log::{LogOptions, LogReader, LogWriter, Pair, Sync};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const ROLE: &str = "HYPERSLAB_TEST_KILLED_WRITER";

fn options(trial: u64) -> LogOptions {
    let sync = [Sync::None, Sync::Ordered, Sync::Durable][(trial % 3) as usize];
    let pair = if trial % 7 == 6 { Pair::Inline } else { Pair::Shared };
    let chunk_rows = if trial.is_multiple_of(2) { 1024 } else { 16 };
    LogOptions { sync, pair, chunk_rows, commit_bytes: usize::MAX, step: 1 << 20, ..LogOptions::default() }
}

/// Not a test of its own: the process that is killed. It prints what it has acknowledged after every commit.
#[test]
fn writer_process() {
    let Some(path) = std::env::var_os(ROLE) else { return };
    let trial: u64 = std::env::var("HYPERSLAB_TEST_TRIAL").unwrap().parse().unwrap();
    let mut out = std::io::stdout().lock();
    let mut log = LogWriter::open_or_create(Path::new(&path), &options(trial)).unwrap();
    let mut next = log.committed();
    let mut k = trial;
    loop {
        k += 1;
        for _ in 0..[1, 10, 100, 1000][(k % 4) as usize] {
            let (g, m) = message(next);
            log.append(g, &m).unwrap();
            next += 1;
        }
        let acknowledged = log.commit().unwrap();
        writeln!(out, "acknowledged {acknowledged}").unwrap();
        out.flush().unwrap();
        // Sometimes a new session, so that kills hit closing and opening too.
        if k.is_multiple_of(11) {
            log.close().unwrap();
            log = LogWriter::open(Path::new(&path), &options(trial)).unwrap();
        }
    }
}

/// Starts the writer, lets it run for a while, kills it; returns the last acknowledged count that it printed.
fn killed(path: &Path, trial: u64, after: Duration) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["writer_process", "--exact", "--nocapture", "--test-threads=1"])
        .env(ROLE, path)
        .env("HYPERSLAB_TEST_TRIAL", trial.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let number = |line: &str| line.rsplit_once("acknowledged ").map(|(_, n)| n.parse::<u64>().unwrap());
    // The time counts from the first commit: the process has to start first.
    let mut last = lines.by_ref().map_while(|l| l.ok()).find_map(|l| number(&l)).unwrap();
    let killer = std::thread::spawn(move || {
        std::thread::sleep(after);
        // SIGKILL: nothing is flushed, nothing is closed.
        child.kill().unwrap();
        child.wait().unwrap();
    });
    for line in lines.map_while(|l| l.ok()) {
        last = number(&line).unwrap_or(last);
    }
    killer.join().unwrap();
    last
}

fn append(python: &Path, path: &Path, start: u64, stop: u64) {
    let script = "append(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))";
    run(python, script, &[&path, &start.to_string(), &stop.to_string()]);
}

#[test]
fn kills_lose_nothing() {
    let python = testing::oracle_python();
    let dir = tempfile::tempdir().unwrap();
    let trials = 20 * common::soak();
    let mut kills = 0;
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    for trial in 0..trials {
        let path = dir.path().join(format!("{trial}.h5"));
        let mut acknowledged = 0;
        // The same file killed twice: the second writer continues what the first one left.
        for _ in 0..2 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let last = killed(&path, trial, Duration::from_micros(500 + (random >> 33) % 40_000));
            assert!(last >= acknowledged);
            acknowledged = last;
            kills += 1;
            let n = check_ours(&path);
            assert!(n >= acknowledged, "trial {trial}: {n} messages, {acknowledged} acknowledged");
            if let Some(python) = &python {
                let script = r#"
with h5py.File(sys.argv[1], "r") as f:
    n = len(f["msgs"])
    assert len(f["msg_headers"]) == n
    for start in {0, max(0, n - 2000)}:
        rows, groups = f["msgs"][start:start + 2000], f["msg_headers"]["io_groups"][start:start + 2000]
        check_rows(len(rows), rows, groups, start)
rd = raw.from_rawfile(sys.argv[1], start=-50)
check_rows(len(rd["msgs"]), rd["msgs"], rd["msg_headers"]["io_groups"], n - len(rd["msgs"]))
print(n)
"#;
                assert_eq!(run(python, script, &[&path]).trim(), n.to_string(), "trial {trial}");
            }
        }
        // Where every dataset keeps its own length, larpix-control needs nobody to repair what the kill left.
        if let Some(python) = python.as_ref().filter(|_| options(trial).pair == Pair::Inline) {
            let n = LogReader::open(&path).unwrap().len();
            append(python, &path, n, n + 50);
            assert_eq!(check_ours(&path), n + 50);
        }
        // Continued at once, closed, and then larpix-control appends too.
        let before = LogReader::open(&path).unwrap().len();
        let mut log = LogWriter::open(&path, &options(trial)).unwrap();
        assert_eq!(log.committed(), before);
        for i in before..before + 100 {
            let (g, m) = message(i);
            log.append(g, &m).unwrap();
        }
        log.close().unwrap();
        assert_eq!(check_ours(&path), before + 100);
        if let Some(python) = python.as_ref().filter(|_| trial % 5 == 0) {
            append(python, &path, before + 100, before + 150);
            assert_eq!(check_ours(&path), before + 150);
        }
        std::fs::remove_file(&path).unwrap();
    }
    println!("soak: {kills} kills of a log writer, nothing acknowledged lost");
}
