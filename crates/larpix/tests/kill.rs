//! Writers killed at any moment: the file opens at once, plainly, in h5py and here, and nothing acknowledged is lost.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a panic is the failure report")]

mod common;

use common::{check_ours, message};
use hyperslab_larpix::log::{LogOptions, LogReader, LogWriter, Pair, Sync};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const ROLE: &str = "HYPERSLAB_TEST_KILLED_WRITER";

fn options(trial: u64) -> LogOptions {
    let sync = [Sync::None, Sync::Ordered, Sync::Durable][(trial % 3) as usize];
    let pair = if trial % 7 == 6 { Pair::Inline } else { Pair::Shared };
    let chunk_rows = if trial.is_multiple_of(2) { 1024 } else { 16 };
    LogOptions {
        sync,
        pair,
        chunk_rows,
        commit_bytes: usize::MAX,
        step: 1 << 20,
        settle: Duration::ZERO,
        ..LogOptions::default()
    }
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
        for _ in 0..[1, 10, 100, 1000, 10_000][(k % if k.is_multiple_of(9) { 5 } else { 4 }) as usize] {
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

/// A Python that goes on judging: what it has read before it need not make again.
struct Judge {
    child: Child,
    said: std::io::Lines<BufReader<ChildStdout>>,
}

const JUDGE: &str = r#"
known, groups = [], []
def same(n, msgs, got):
    while len(known) < n:
        g, m = message(len(known))
        known.append(m)
        groups.append(g)
    assert len(msgs) == len(got) == n, (len(msgs), len(got), n)
    assert [bytes(m) for m in msgs] == known[:n], "messages differ"
    assert [int(g) for g in got] == groups[:n], "groups differ"
for line in sys.stdin:
    what, path, *numbers = line.split()
    try:
        if what == "append":
            append(path, *map(int, numbers))
        with h5py.File(path, "r") as f:
            n = len(f["msgs"])
            same(n, f["msgs"][:], f["msg_headers"]["io_groups"])
        rd = raw.from_rawfile(path)
        same(raw.len_rawfile(path), rd["msgs"], rd["msg_headers"]["io_groups"])
        print(n, flush=True)
    except Exception as e:
        print(f"{what}: {type(e).__name__}: {e}".replace("\n", " "), flush=True)
"#;

impl Judge {
    fn start(python: &Path) -> Judge {
        let mut child = Command::new(python)
            .args(["-c", &format!("{}\n{JUDGE}", common::PRELUDE)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap()).lines();
        Judge { child, said }
    }

    /// Reads a log plainly with h5py and with larpix-control, after appending to it where that is asked for; its
    /// length.
    fn ask(&mut self, what: &str) -> u64 {
        writeln!(self.child.stdin.as_mut().unwrap(), "{what}").unwrap();
        let said = self.said.next().unwrap().unwrap();
        said.parse().unwrap_or_else(|_| panic!("{what}: {said}"))
    }
}

impl Drop for Judge {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// One file, killed twice: the second writer continues what the first one left. Then it is continued, closed, and
/// larpix-control appends too. Returns the number of kills.
fn trial(trial: u64, dir: &Path, judge: &mut Option<Judge>) -> u64 {
    let path = dir.join(format!("{trial}.h5"));
    let shown = path.display();
    let mut random = trial.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x2545_F491_4F6C_DD1D;
    let mut acknowledged = 0;
    for _ in 0..2 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let last = killed(&path, trial, Duration::from_micros(300 + (random >> 33) % 25_000));
        assert!(last >= acknowledged);
        acknowledged = last;
        let n = check_ours(&path);
        assert!(n >= acknowledged, "trial {trial}: {n} messages, {acknowledged} acknowledged");
        if let Some(judge) = judge {
            assert_eq!(judge.ask(&format!("read {shown}")), n, "trial {trial}");
        }
    }
    let mut n = LogReader::open(&path).unwrap().len();
    // Where every dataset keeps its own length, larpix-control needs nobody to repair what the kill left.
    if let Some(judge) = judge
        && options(trial).pair == Pair::Inline
    {
        assert_eq!(judge.ask(&format!("append {shown} {n} {}", n + 50)), n + 50, "trial {trial}");
        n += 50;
    }
    let mut log = LogWriter::open(&path, &options(trial)).unwrap();
    assert_eq!(log.committed(), n);
    for i in n..n + 100 {
        let (g, m) = message(i);
        log.append(g, &m).unwrap();
    }
    log.close().unwrap();
    n += 100;
    assert_eq!(check_ours(&path), n);
    if let Some(judge) = judge {
        assert_eq!(judge.ask(&format!("append {shown} {n} {}", n + 50)), n + 50, "trial {trial}");
        assert_eq!(check_ours(&path), n + 50);
    }
    std::fs::remove_file(&path).unwrap();
    2
}

#[test]
fn kills_lose_nothing() {
    let pythons = common::pythons();
    let dir = tempfile::tempdir().unwrap();
    let trials = if common::soak() > 1 { 500 } else { 9 };
    let next = AtomicU64::new(0);
    let kills = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for worker in 0..3 {
            let (next, kills, pythons, dir) = (&next, &kills, &pythons, dir.path());
            scope.spawn(move || {
                let mut judge = pythons.get(worker % pythons.len().max(1)).map(|(_, p)| Judge::start(p));
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= trials {
                        return;
                    }
                    kills.fetch_add(trial(n, dir, &mut judge), Ordering::Relaxed);
                }
            });
        }
    });
    println!("soak: {} kills of a log writer, nothing acknowledged lost", kills.into_inner());
}
