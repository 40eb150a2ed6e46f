//! Appending to a raw message log: messages gathered and committed, by thousands, by hundreds, one by one, through a
//! queue, and at the end of a long log beside the start of a short one.

use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use hyperslab_larpix::log::{LogOptions, LogQueue, LogReader, LogWriter, Sync};

use crate::Result;

/// Messages in `messages.bin`.
const MESSAGES: usize = 1000;
/// What those take in a log, about.
const WRITTEN: usize = 241_000;
/// Messages of a long log.
const LONG: u64 = 10_000_000;

fn options(sync: Sync) -> LogOptions {
    LogOptions { io_version: Some("0.0".into()), sync, ..LogOptions::default() }
}

/// Seconds for one message, one number for each thousand messages; they are committed `count` at a time, `total` in
/// all. The writer stays open, as a recorder's does.
pub(crate) fn append(folder: &Path, count: usize, total: usize) -> Result<Vec<f64>> {
    append_to(folder, &folder.join("ours.h5"), count, total, Sync::None)
}

fn append_to(folder: &Path, path: &Path, count: usize, total: usize, sync: Sync) -> Result<Vec<f64>> {
    let framed = std::fs::read(folder.join("messages.bin"))?;
    let messages = split(&framed)?;
    let mut log = LogWriter::create(path, &options(sync))?;
    let mut samples = Vec::new();
    for _ in 0..total / MESSAGES {
        let start = Instant::now();
        for batch in messages.chunks(count) {
            log.append_all(batch.iter().map(|message| (1, *message)))?;
            log.commit()?;
        }
        samples.push(start.elapsed().as_secs_f64() / messages.len() as f64);
    }
    log.close()?;
    check(path, total, &messages)?;
    Ok(samples)
}

/// Seconds for one message by thousands, each survived by a prefix when the power is lost, and on which file system
/// that is: in memory a sync is no work.
pub(crate) fn ordered(folder: &Path) -> Result<(Vec<f64>, String)> {
    let samples = append_to(folder, &folder.join("ours-ordered.h5"), MESSAGES, 200_000, Sync::Ordered)?;
    Ok((samples, format!("on {}", file_system(&folder.canonicalize()?)?)))
}

/// Appending by thousands, in turns with writing as many bytes to another file and nothing else: what new pages cost
/// changes from run to run, and both sides of a turn pay the same.
pub(crate) fn append_beside_plain(folder: &Path) -> Result<[Vec<f64>; 2]> {
    const ROUNDS: usize = 1000;
    let framed = std::fs::read(folder.join("messages.bin"))?;
    let messages = split(&framed)?;
    let (path, plain_path) = (folder.join("ours.h5"), folder.join("plain.bin"));
    let mut log = LogWriter::create(&path, &options(Sync::None))?;
    let mut plain = std::fs::File::create(&plain_path)?;
    let mut written = 0;
    let mut samples = [Vec::new(), Vec::new()];
    let [ours, peer] = &mut samples;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        log.append_all(messages.iter().map(|message| (1, *message)))?;
        log.commit()?;
        ours.push(start.elapsed().as_secs_f64() / messages.len() as f64);
        // A message takes its bytes, a heap object's head and padding, an element of 16 bytes and a row of headers.
        let bytes = vec![1u8; WRITTEN];
        let start = Instant::now();
        plain.write_all(&bytes)?;
        peer.push(start.elapsed().as_secs_f64() / messages.len() as f64);
        written += bytes.len() as u64;
    }
    log.close()?;
    let size = std::fs::metadata(&path)?.len();
    if size.abs_diff(written) > written / 10 {
        return Err(format!("{size} bytes of a log beside {written} plain ones").into());
    }
    std::fs::remove_file(plain_path)?;
    check(&path, ROUNDS * MESSAGES, &messages)?;
    Ok(samples)
}

/// The type of a folder's file system and what it lies on.
fn file_system(folder: &Path) -> Result<String> {
    let mounts = std::fs::read_to_string("/proc/self/mounts")?;
    let mut best = None;
    for line in mounts.lines() {
        let mut fields = line.split(' ');
        let (Some(device), Some(at), Some(kind)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        let depth = Path::new(at).components().count();
        // Of two at one place the later one hides the other.
        if folder.starts_with(at) && best.as_ref().is_none_or(|(d, _)| depth >= *d) {
            best = Some((depth, format!("{kind}, {device}")));
        }
    }
    Ok(best.map_or_else(|| "an unknown file system".to_owned(), |(_, name)| name))
}

/// Seconds for one message, appended one by one to a queue that commits every 10 ms or 256 KiB: a number for every
/// ten thousand messages and one for the last ones to be committed.
pub(crate) fn queue(folder: &Path) -> Result<Vec<f64>> {
    const TOTAL: usize = 2_000_000;
    let framed = std::fs::read(folder.join("messages.bin"))?;
    let messages = split(&framed)?;
    let path = folder.join("ours.h5");
    let log = LogWriter::create(&path, &options(Sync::None))?;
    let queue = LogQueue::new(log, |_| {})?;
    let start = Instant::now();
    for message in messages.iter().cycle().take(TOTAL) {
        queue.append(1, message)?;
    }
    queue.wait_committed(TOTAL as u64)?;
    let all = start.elapsed().as_secs_f64() / TOTAL as f64;
    queue.close()?;
    let payload: usize = messages.iter().map(|m| m.len()).sum::<usize>() * (TOTAL / messages.len());
    let size = std::fs::metadata(&path)?.len() as f64 / payload as f64;
    if size > 1.19 {
        return Err(format!("the file has {size:.3} times the size of its messages").into());
    }
    check(&path, TOTAL, &messages)?;
    Ok(vec![all])
}

/// Seconds for one message by hundreds: at the end of a log of ten million, and of one of a thousand.
pub(crate) fn long(folder: &Path) -> Result<[Vec<f64>; 2]> {
    let framed = std::fs::read(folder.join("messages.bin"))?;
    let messages = split(&framed)?;
    let (short, long) = (folder.join("short.h5"), folder.join("long.h5"));
    let mut logs =
        [LogWriter::create(&long, &options(Sync::None))?, LogWriter::create(&short, &options(Sync::None))?];
    let [log, short_log] = &mut logs;
    for i in 0..LONG {
        log.append(1, &i.to_le_bytes())?;
    }
    log.commit()?;
    short_log.append_all(messages.iter().map(|m| (1, *m)))?;
    short_log.commit()?;
    let mut samples = [Vec::new(), Vec::new()];
    let end = Instant::now() + Duration::from_millis(800);
    while Instant::now() < end {
        for (log, samples) in logs.iter_mut().zip(&mut samples) {
            for batch in messages.chunks(100) {
                let start = Instant::now();
                log.append_all(batch.iter().map(|m| (1, *m)))?;
                log.commit()?;
                samples.push(start.elapsed().as_secs_f64() / batch.len() as f64);
            }
        }
    }
    for log in logs {
        log.close()?;
    }
    std::fs::remove_file(short)?;
    std::fs::remove_file(long)?;
    Ok(samples)
}

/// All of it must be there, and the last message as it was.
fn check(path: &Path, total: usize, messages: &[&[u8]]) -> Result<()> {
    let reader = LogReader::open(path)?;
    let all = total as u64;
    let last = reader.read(all - 1..all)?;
    if reader.len() != all || last.get(0).map(|(_, bytes)| bytes) != messages.last().copied() {
        return Err("the log does not hold what was appended".into());
    }
    std::fs::remove_file(path)?;
    Ok(())
}

pub(crate) fn split(mut framed: &[u8]) -> Result<Vec<&[u8]>> {
    let mut messages = Vec::new();
    while let Some((size, rest)) = framed.split_first_chunk::<4>() {
        let size = usize::try_from(u32::from_le_bytes(*size))?;
        let (message, rest) = rest.split_at_checked(size).ok_or("messages.bin is cut")?;
        messages.push(message);
        framed = rest;
    }
    Ok(messages)
}
