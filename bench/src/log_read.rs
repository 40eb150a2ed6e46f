//! Reading a raw message log: all of it, its length, and what is appended while it is followed.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hyperslab_larpix::log::{LogOptions, LogReader, LogWriter, Messages};

use crate::{Result, log, time};

/// Times the messages of one batch are in the log: a million messages, 240 MB.
const BATCHES: u64 = 1000;
/// Appends that a follower is timed for.
const APPENDS: usize = 500;

/// Seconds for one message of a million, group and bytes of each looked at where they lie in the file.
pub(crate) fn read(folder: &Path) -> Result<Vec<f64>> {
    scan(LogReader::open_mapped(made(folder)?)?)
}

/// The same, read into memory.
pub(crate) fn read_copied(folder: &Path) -> Result<Vec<f64>> {
    scan(LogReader::open(made(folder)?)?)
}

fn scan(reader: LogReader) -> Result<Vec<f64>> {
    let mut failed = None;
    let samples = time::samples(|| {
        let mut sum = 0u64;
        let done = reader.for_each(0..reader.len(), |i, group, message| {
            let last = message.last().copied().unwrap_or(0);
            sum = sum.wrapping_add(i ^ u64::from(group) ^ u64::from(last) ^ message.len() as u64);
            Ok(())
        });
        failed = failed.take().or(done.err());
        black_box(sum)
    });
    match failed {
        Some(e) => Err(e.into()),
        None => Ok(samples.iter().map(|s| s / reader.len() as f64).collect()),
    }
}

/// Seconds to open a log of a million messages and to ask for their number.
pub(crate) fn open(folder: &Path) -> Result<Vec<f64>> {
    let path = made(folder)?;
    Ok(time::samples(|| LogReader::open(&path).map(|reader| reader.len())))
}

/// Seconds to look again at a log that is open, and to ask for the number of its messages.
pub(crate) fn len(folder: &Path) -> Result<Vec<f64>> {
    let mut reader = LogReader::open(made(folder)?)?;
    Ok(time::samples(|| reader.refresh()))
}

/// Seconds from the call that commits a message to its follower having it: with 10^7 messages in the log, and with
/// 10^3, in turns.
pub(crate) fn follow(folder: &Path) -> Result<[Vec<f64>; 2]> {
    let mut logs = [
        Followed::new(folder.join("many.log.h5"), 10_000_000)?,
        Followed::new(folder.join("few.log.h5"), 1000)?,
    ];
    let mut samples = [Vec::new(), Vec::new()];
    for _ in 0..APPENDS {
        for (log, samples) in logs.iter_mut().zip(&mut samples) {
            samples.push(log.append()?);
        }
    }
    logs.into_iter().try_for_each(Followed::end)?;
    Ok(samples)
}

/// A log, its writer, and a follower that says when it has a message.
struct Followed {
    path: PathBuf,
    writer: LogWriter,
    told: Receiver<Instant>,
    follower: JoinHandle<()>,
}

impl Followed {
    fn new(path: PathBuf, messages: u64) -> Result<Followed> {
        let options =
            LogOptions { commit_bytes: usize::MAX, commit_messages: 10_000, ..LogOptions::default() };
        let mut writer = LogWriter::create(&path, &options)?;
        for i in 0..messages {
            writer.append(1, &i.to_le_bytes())?;
        }
        writer.commit()?;
        let mut reader = LogReader::open(&path)?;
        let (seen, told) = channel();
        let follower = std::thread::spawn(move || {
            let mut buffer = Messages::new();
            let mut follow = reader.follow(messages, Some(Duration::from_secs(10)));
            for _ in 0..APPENDS {
                match follow.next_into(&mut buffer) {
                    Ok(true) if seen.send(Instant::now()).is_ok() => {}
                    _ => break,
                }
            }
        });
        Ok(Followed { path, writer, told, follower })
    }

    fn append(&mut self) -> Result<f64> {
        // The follower waits again.
        std::thread::sleep(Duration::from_millis(2));
        let start = Instant::now();
        self.writer.append(1, b"12345678")?;
        self.writer.commit()?;
        let seen = self.told.recv().map_err(|_| "the follower has ended")?;
        Ok(seen.saturating_duration_since(start).as_secs_f64())
    }

    fn end(self) -> Result<()> {
        self.follower.join().map_err(|_| "the follower has panicked")?;
        self.writer.close()?;
        std::fs::remove_file(self.path)?;
        Ok(())
    }
}

/// A log of a million messages, made once.
fn made(folder: &Path) -> Result<PathBuf> {
    let path = folder.join("read.log.h5");
    if !path.exists() {
        let framed = std::fs::read(folder.join("messages.bin"))?;
        let messages = log::split(&framed)?;
        let options = LogOptions { io_version: Some("0.0".into()), ..LogOptions::default() };
        let new = folder.join("read.log.new");
        let mut writer = LogWriter::create(&new, &options)?;
        for _ in 0..BATCHES {
            writer.append_all(messages.iter().map(|message| (1, *message)))?;
        }
        writer.close()?;
        std::fs::rename(&new, &path)?;
    }
    Ok(path)
}
