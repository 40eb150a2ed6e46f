//! Part 4: a message log, recorded by another process while two followers read it; the recorder is killed, and another
//! continues. The log becomes a packet file; then it is damaged, and what is left of it recovered.

use super::data::{self, MESSAGES, PACKETS};
use super::folder::Folder;
use super::table::{Check, Demo, Found};
use crate::render::table;
use hyperslab::larpix::convert::{Options, convert};
use hyperslab::larpix::log::{LogReader, Messages, RecoverOptions, recover};
use hyperslab::larpix::packets::PacketRows;
use hyperslab::larpix::pacman::Check as Strictness;
use hyperslab::{ConvertOptions, Error, Limits, Result, Selection, Value, digest, npy, open, scalar};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const LOG: &str = "run.h5";
const PACKET_FILE: &str = "run-packets.h5";
const DAMAGED: &str = "damaged.h5";
const SAVED: &str = "saved.h5";
/// The recorder is killed once so many messages are acknowledged.
const KILL_AT: u64 = 200;
/// Longer than any of this takes.
const PATIENCE: Duration = Duration::from_secs(20);
const IO_GROUP: u8 = 1;

pub(super) fn run(demo: &mut Demo<'_>) {
    if let Err(e) = recorded(demo) {
        demo.row("the recording", LOG, Duration::ZERO, Err(e));
    }
}

fn recorded(demo: &mut Demo<'_>) -> Result<()> {
    let messages: Arc<[&'static [u8]]> = data::messages()?.into();
    demo.folder.write(MESSAGES.0, MESSAGES.1)?;
    let log = demo.folder.new_file(LOG)?;
    let first = Follower::start(log.clone(), Arc::clone(&messages));

    let start = Instant::now();
    let mut recorder = Recorder::start(&log, Arc::clone(&messages), 0, true)?;
    recorder.wait_for(KILL_AT / 2)?;
    let second = Follower::start(log.clone(), Arc::clone(&messages));
    recorder.wait_for(KILL_AT)?;
    recorder.kill()?;
    let acknowledged = recorder.finish();
    let took = start.elapsed();
    let reader = LogReader::open(&log)?;
    let there = reader.len();
    let found = match there < acknowledged {
        true => Ok(Some(Error::invalid(format!("{acknowledged} were acknowledged, {there} are there")))),
        false => prefix(&reader, &messages),
    };
    let what = format!("recorder killed: {acknowledged} acknowledged, {there} there");
    demo.row(&what, LOG, took, found);

    let start = Instant::now();
    let recorder = Recorder::start(&log, Arc::clone(&messages), there, false)?;
    let acknowledged = recorder.finish();
    let took = start.elapsed();
    let reader = LogReader::open(&log)?;
    let wanted = messages.len() as u64;
    let found = match (reader.len(), acknowledged) == (wanted, wanted) {
        true => prefix(&reader, &messages),
        false => Ok(Some(Error::invalid(format!(
            "{} messages, {acknowledged} acknowledged, where {wanted} were sent",
            reader.len()
        )))),
    };
    demo.row(&format!("another recorder continues: {wanted} messages"), LOG, took, found);

    for (follower, who) in [(first, "a follower saw meanwhile"), (second, "another, from later on, saw")] {
        let (seen, took, found) = follower.finish();
        demo.row(&format!("{who}: {seen} messages, in order"), "", took, found);
    }
    plain_hdf5(demo, &log, &messages);
    recovered(demo, &log, &messages);
    packet_file(demo, &log);
    packets(demo, &log);
    Ok(())
}

/// A `slab log append` whose input is fed from here.
struct Recorder {
    child: Child,
    acknowledged: Arc<AtomicU64>,
    feeder: JoinHandle<()>,
    listener: JoinHandle<()>,
}

impl Recorder {
    /// Starts recording the messages from one on; `slowly` as a card would send them.
    fn start(log: &Path, messages: Arc<[&'static [u8]]>, from: u64, slowly: bool) -> Result<Recorder> {
        let fail = |e| Error::io(e, "cannot start a recorder");
        let mut child = Command::new(std::env::current_exe().map_err(fail)?)
            .args(["log", "append", "--framing", "u32le", "--commit-ms", "5", "--ack"])
            .args(["--io-group", &IO_GROUP.to_string(), "--io-version", "0.0"])
            .arg(log)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(fail)?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let feeder = std::thread::spawn(move || {
            let Some(mut stdin) = stdin else { return };
            let from = usize::try_from(from).unwrap_or(usize::MAX);
            for (i, message) in messages.iter().enumerate().skip(from) {
                let length = u32::try_from(message.len()).unwrap_or(u32::MAX).to_le_bytes();
                // A killed recorder takes no more: the rest is sent to the next one.
                if stdin.write_all(&[&length[..], message].concat()).is_err() {
                    return;
                }
                if slowly && i % 10 == 9 {
                    std::thread::sleep(Duration::from_millis(2));
                }
            }
        });
        let acknowledged = Arc::new(AtomicU64::new(from));
        let count = Arc::clone(&acknowledged);
        let listener = std::thread::spawn(move || {
            let Some(stdout) = stdout else { return };
            for line in BufReader::new(stdout).lines().map_while(std::result::Result::ok) {
                if let Ok(n) = line.parse() {
                    count.store(n, Ordering::Release);
                }
            }
        });
        Ok(Recorder { child, acknowledged, feeder, listener })
    }

    fn wait_for(&mut self, count: u64) -> Result<()> {
        let start = Instant::now();
        while self.acknowledged.load(Ordering::Acquire) < count {
            let ended = self.child.try_wait().is_ok_and(|s| s.is_some());
            if ended || start.elapsed() > PATIENCE {
                let _ = self.child.kill();
                return Err(Error::invalid(format!("the recorder did not acknowledge {count} messages")));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// SIGKILL: it gets no chance to close anything.
    fn kill(&mut self) -> Result<()> {
        self.child.kill().map_err(|e| Error::io(e, "cannot kill the recorder"))
    }

    /// Waits for its end; the number of messages that it has acknowledged.
    fn finish(mut self) -> u64 {
        let _ = self.feeder.join();
        let _ = self.child.wait();
        let _ = self.listener.join();
        self.acknowledged.load(Ordering::Acquire)
    }
}

/// A reader that follows the log from before its first message to its last.
struct Follower(JoinHandle<(u64, Duration, Found)>);

impl Follower {
    fn start(log: PathBuf, messages: Arc<[&'static [u8]]>) -> Follower {
        Follower(std::thread::spawn(move || {
            let start = Instant::now();
            let mut seen = 0;
            let found = Follower::follow(&log, &messages, &mut seen);
            (seen, start.elapsed(), found)
        }))
    }

    fn follow(log: &Path, messages: &[&[u8]], seen: &mut u64) -> Found {
        let start = Instant::now();
        let mut reader = loop {
            match LogReader::open(log) {
                Ok(reader) => break reader,
                Err(_) if start.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(1)),
                Err(e) => return Err(e),
            }
        };
        let mut follow = reader.follow(0, Some(PATIENCE));
        let mut block = Messages::new();
        while *seen < messages.len() as u64 {
            if !follow.next_into(&mut block)? {
                return Ok(Some(Error::invalid("the follower waited in vain")));
            }
            if let Some(e) = difference(&block, messages) {
                return Ok(Some(e));
            }
            *seen += block.len() as u64;
        }
        Ok(None)
    }

    fn finish(self) -> (u64, Duration, Found) {
        let gone = || (0, Duration::ZERO, Ok(Some(Error::invalid("the follower is gone"))));
        self.0.join().unwrap_or_else(|_| gone())
    }
}

/// Compares all messages of a log with those that were sent.
fn prefix(reader: &LogReader, messages: &[&[u8]]) -> Found {
    Ok(difference(&reader.read(0..reader.len())?, messages))
}

fn difference(block: &Messages, messages: &[&[u8]]) -> Option<Error> {
    let first = usize::try_from(block.first()).unwrap_or(usize::MAX);
    let wrong = block.iter().zip(first..).find(|((io_group, message), i)| {
        *io_group != IO_GROUP || messages.get(*i).is_none_or(|m| m != message)
    });
    wrong.map(|(_, i)| Error::invalid(format!("message {i} is not the one that was sent")))
}

/// The log is an ordinary HDF5 file: its messages read without knowing what a log is.
fn plain_hdf5(demo: &mut Demo<'_>, log: &Path, messages: &[&'static [u8]]) {
    let wanted: Vec<&'static [u8]> = messages.to_vec();
    let log = log.to_path_buf();
    demo.step("/msgs read as any HDF5 dataset", "", move |_| {
        let file = open(&log)?;
        let view = file.read("/msgs", &Selection::ALL, &Limits::default())?;
        let heap = view.heap().map(|h| &**h);
        let mut i = 0;
        let mut same = view.len() == wanted.len() as u64;
        view.for_each(|element| {
            let bytes = match scalar::decode(view.dtype(), element, heap)? {
                Value::List(_, items) => items
                    .iter()
                    .filter_map(|v| if let Value::Int(b) = v { u8::try_from(*b).ok() } else { None })
                    .collect::<Vec<u8>>(),
                _ => Vec::new(),
            };
            same &= wanted.get(i).is_some_and(|m| **m == bytes[..]);
            i += 1;
            Ok(())
        })?;
        Ok(Check::new(move || Ok((!same).then(|| Error::invalid("the messages differ")))))
    });
}

/// The words decoded into rows, the rows compared with larpix-control's and carried on as any array.
fn packets(demo: &mut Demo<'_>, log: &Path) {
    let log = log.to_path_buf();
    let mut shown = Vec::new();
    demo.step(
        "PACMAN words as packet rows, beside larpix-control's",
        "packets.npy",
        |folder: &mut Folder| {
            let start = Instant::now();
            let reader = LogReader::open(&log)?;
            let mut rows = PacketRows::new();
            reader.for_each(0..reader.len(), |_, io_group, message| {
                rows.push(io_group, message, Strictness::Strict).map(drop)
            })?;
            let took = start.elapsed();
            shown = first_rows(&rows)?;
            npy::npy::save(folder.new_file("packets.npy")?, &rows.view()?, false)?;
            let (count, sha256) = (rows.len(), digest::digest(&rows.view()?)?);
            let same = (count, sha256.as_deref()) == (PACKETS.0, Some(PACKETS.1));
            Ok(Check::new(move || Ok((!same).then(|| Error::invalid(format!("{count} rows, not the same")))))
                .took(took))
        },
    );
    demo.carry(
        "the packet rows to HDF5",
        "packets.npy",
        "",
        "packets.h5",
        &ConvertOptions { name: "packets".into(), ..ConvertOptions::default() },
    );
    demo.line("");
    for line in shown {
        demo.line(&format!("   {line}"));
    }
}

/// The log as a file of packets, whose rows are larpix-control's.
fn packet_file(demo: &mut Demo<'_>, log: &Path) {
    demo.step("the log as a packet file, format 2.4", PACKET_FILE, |folder| {
        let out = folder.new_file(PACKET_FILE)?;
        let start = Instant::now();
        let report = convert(log, &out, &Options::default(), &mut |_, _| {})?;
        let took = start.elapsed();
        Ok(Check::new(move || {
            let (file, limits) = (open(&out)?, Limits::default());
            let sha256 = digest::digest(&file.read("/packets", &Selection::ALL, &limits)?)?;
            let same = (report.rows, sha256.as_deref()) == (PACKETS.0, Some(PACKETS.1));
            Ok((!same).then(|| Error::invalid(format!("{} rows, not the same", report.rows))))
        })
        .took(took))
    });
}

/// A copy of the log without its first sector, which says where everything is: its messages are found and saved.
fn recovered(demo: &mut Demo<'_>, log: &Path, messages: &[&'static [u8]]) {
    let wanted: Vec<&'static [u8]> = messages.to_vec();
    demo.step("a log without its first sector, recovered", SAVED, |folder| {
        let mut bytes = std::fs::read(log).map_err(|e| Error::io(e, "cannot read").file(log))?;
        bytes.iter_mut().take(512).for_each(|b| *b = 0);
        let damaged = folder.write(DAMAGED, &bytes)?;
        let out = folder.new_file(SAVED)?;
        let start = Instant::now();
        recover(damaged, &out, &RecoverOptions::default())?;
        let took = start.elapsed();
        Ok(Check::new(move || {
            let saved = LogReader::open(&out)?;
            let saved = saved.read(0..saved.len())?;
            // Of what the sector said, the groups are not kept anywhere else.
            let same = saved.iter().map(|(_, message)| message).eq(wanted);
            Ok((!same).then(|| Error::invalid(format!("{} messages, not the same", saved.len()))))
        })
        .took(took))
    });
}

/// The first packet rows as a table.
fn first_rows(rows: &PacketRows) -> Result<Vec<String>> {
    const COLUMNS: [&str; 9] = [
        "io_group",
        "io_channel",
        "chip_id",
        "channel_id",
        "packet_type",
        "timestamp",
        "dataword",
        "valid_parity",
        "receipt_timestamp",
    ];
    let mut lines = vec![COLUMNS.map(str::to_owned).to_vec()];
    for row in rows.rows().take(6) {
        lines.push(COLUMNS.iter().map(|c| row.get(c).map(|v| v.to_string())).collect::<Result<_>>()?);
    }
    let all: Vec<usize> = (0..COLUMNS.len()).collect();
    let mut text = table::columns(&lines, &all);
    text.push(format!("the first of {} packet rows (4 timestamp, 6 sync, 0 data)", rows.len()));
    Ok(text)
}
