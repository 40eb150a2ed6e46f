//! One run: a writer, four readers beside it, and what came of it.

#![allow(dead_code, reason = "what a run tells is more than each test asks")]

mod ours;
mod stream;
mod writers;

pub(crate) use writers::{by_larpix, flat_out, paced};

use hyperslab_larpix::log::{LogOptions, LogReader, LogWriter};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const STREAM: &str = include_str!("stream.py");
const READER: &str = include_str!("reader.py");
const WRITER: &str = include_str!("writer.py");

/// One run at a time: they need the machine for themselves.
static MACHINE: Mutex<()> = Mutex::new(());

/// Waits until no run has the machine. Also for tests that start processes: one that is just being started holds the
/// files of all threads for a moment, and with them their locks.
pub(crate) fn machine() -> MutexGuard<'static, ()> {
    MACHINE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long a run takes.
pub(crate) fn seconds() -> Duration {
    let wanted = std::env::var("HYPERSLAB_SOAK_SECONDS").ok().and_then(|s| s.parse().ok());
    Duration::from_secs_f64(wanted.unwrap_or(if super::common::soak() > 1 { 60.0 } else { 1.0 }))
}

/// Bytes of messages in a log before a new one takes its place.
pub(crate) fn full_size() -> u64 {
    if super::common::soak() > 1 { 2_000_000_000 } else { 200_000_000 }
}

/// What a reader has seen.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) reads: u64,
    pub(crate) rows: u64,
    pub(crate) errors: BTreeMap<String, u64>,
    pub(crate) wrong: u64,
    pub(crate) retries: u64,
    pub(crate) examples: Vec<String>,
}

impl Outcome {
    pub(crate) fn failed(&self) -> u64 {
        self.errors.values().sum()
    }

    fn of(json: &Json) -> Outcome {
        let number = |name: &str| json[name].as_u64().unwrap();
        let errors =
            json["errors"].as_object().unwrap().iter().map(|(k, v)| (k.clone(), v.as_u64().unwrap()));
        let wrong = json["wrong"].as_array().unwrap().iter().map(|w| w.as_str().unwrap().to_owned());
        Outcome {
            reads: number("reads"),
            rows: number("rows"),
            errors: errors.collect(),
            wrong: number("wrong_count"),
            retries: number("retries"),
            examples: wrong.collect(),
        }
    }
}

/// What a writer has done.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) publishes: u64,
    /// In all logs.
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
    /// Logs that took the place of one another.
    pub(crate) logs: u64,
    /// Messages in the last one.
    pub(crate) last: u64,
    pub(crate) errors: BTreeMap<String, u64>,
}

/// A process that has said that it is ready.
struct Process {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Process {
    fn start(python: &Path, script: &str, args: &[&str]) -> Process {
        let mut child = Command::new(python)
            .args(["-c", &format!("{STREAM}{script}")])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Process { child, stdout }
    }

    fn ready(&mut self) {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "ready");
    }

    fn line(&mut self) {
        // One that has died says so with its output.
        let _ = self.child.stdin.as_mut().unwrap().write_all(b"\n");
    }

    fn json(mut self) -> Json {
        let mut said = String::new();
        self.stdout.read_to_string(&mut said).unwrap();
        assert!(self.child.wait().unwrap().success());
        serde_json::from_str(&said).unwrap()
    }
}

/// Readers that wait for their log.
pub(crate) struct Readers {
    version: &'static str,
    dir: tempfile::TempDir,
    processes: Vec<(&'static str, Process)>,
    _machine: MutexGuard<'static, ()>,
}

impl Readers {
    pub(crate) fn start(python: &Path, version: &'static str) -> Readers {
        let machine = machine();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.h5");
        LogWriter::create(&path, &LogOptions::default()).unwrap().close().unwrap();
        let place = path.to_str().unwrap();
        let kinds = ["swmr", "plain", "larpix"];
        let mut processes: Vec<_> =
            kinds.map(|k| (k, Process::start(python, READER, &[k, place]))).into_iter().collect();
        processes.iter_mut().for_each(|(_, p)| p.ready());
        Readers { version, dir, processes, _machine: machine }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("run.h5")
    }

    /// Lets the writer run with all readers beside it.
    pub(crate) fn watch(
        mut self,
        what: &'static str,
        writer: impl FnOnce(&Path, &AtomicBool) -> Written + Send,
    ) -> Report {
        let path = self.path();
        let (stop, over) = (AtomicBool::new(false), AtomicBool::new(false));
        let begun = Instant::now();
        let (mut outcomes, written) = std::thread::scope(|scope| {
            // Whatever fails, the others end.
            let (stopper, ender) = (Stop(&stop), Stop(&over));
            let writer = scope.spawn(|| writer(&path, &stop));
            let first = LogReader::open(&path).unwrap().wait_for(1, Duration::from_secs(60)).unwrap();
            assert!(first > 0, "nothing was written");
            let anew = scope.spawn(|| ours::anew(&path, &stop));
            let following = scope.spawn(|| ours::following(&path, &over));
            self.processes.iter_mut().for_each(|(_, p)| p.line());
            std::thread::sleep(seconds());
            self.processes.iter_mut().for_each(|(_, p)| p.line());
            let mut outcomes: Vec<(&str, Outcome)> =
                self.processes.drain(..).map(|(k, p)| (k, Outcome::of(&p.json()))).collect();
            drop(stopper);
            let written = writer.join().unwrap();
            outcomes.push(("ours", anew.join().unwrap()));
            drop(ender);
            let (followed, seen) = following.join().unwrap();
            assert_eq!(seen, written.last, "not all messages came to our follower: {followed:?}");
            outcomes.push(("follower", followed));
            (outcomes, written)
        });
        // What is left in the end is whole.
        assert_eq!(ours::all(&path), written.last);
        outcomes.sort_by_key(|(kind, _)| {
            ["swmr", "plain", "larpix", "ours", "follower"].iter().position(|k| k == kind)
        });
        let report = Report { version: self.version, what, seconds: begun.elapsed(), outcomes, written };
        report.print();
        report
    }
}

struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Report {
    version: &'static str,
    what: &'static str,
    seconds: Duration,
    outcomes: Vec<(&'static str, Outcome)>,
    written: Written,
}

impl Report {
    pub(crate) fn of(&self, kind: &str) -> &Outcome {
        &self.outcomes.iter().find(|(k, _)| *k == kind).unwrap().1
    }

    /// Nobody has seen an error or a wrong message, but that a plain open, which nothing retries, may meet a page
    /// that is being written.
    pub(crate) fn must_be_clean(&self) {
        assert!(self.written.errors.is_empty(), "{:?}", self.written);
        for (kind, o) in &self.outcomes {
            let allowed = if *kind == "plain" { 2.max(o.reads / 1000) } else { 0 };
            let good = o.reads > 0 && o.wrong == 0 && o.failed() <= allowed;
            assert!(good, "HDF5 {}, {}, {kind}: {o:?}", self.version, self.what);
        }
    }

    /// A row of the table in `docs/live.md`, and what went wrong.
    fn print(&self) {
        let s = self.seconds.as_secs_f64();
        let w = &self.written;
        let mut cells = vec![
            self.version.to_owned(),
            self.what.to_owned(),
            format!("{:.0}", w.publishes as f64 / s),
            format!("{:.0}", w.messages as f64 / s),
            format!("{:.0} MB", w.bytes as f64 / 1e6),
        ];
        for (_, o) in &self.outcomes {
            let mut cell = format!("{} reads", o.reads);
            for (n, what) in [(o.failed(), "errors"), (o.wrong, "wrong"), (o.retries, "retries")] {
                if n > 0 {
                    cell += &format!(", **{n} {what}**");
                }
            }
            cells.push(cell);
        }
        cells.push(format!("{}", w.errors.values().sum::<u64>()));
        println!("live: | {} |", cells.join(" | "));
        println!("soak: live, HDF5 {}", cells.join(", ").replace('*', ""));
        for (kind, o) in &self.outcomes {
            for (error, n) in &o.errors {
                println!("    {kind}: {n} x {error}");
            }
            for example in &o.examples {
                println!("    {kind}: {example}");
            }
        }
        for (error, n) in &w.errors {
            println!("    the writer: {n} x {error}");
        }
    }
}
