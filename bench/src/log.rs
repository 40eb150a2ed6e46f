//! Appending to a raw message log: a thousand messages gathered, then committed, again and again.

use std::path::Path;
use std::time::Instant;

use hyperslab_larpix::log::{LogOptions, LogReader, LogWriter};

use crate::Result;

/// Batches of one round: a million messages, 240 MB.
const BATCHES: u32 = 1000;

/// Seconds for one message, one number a batch; a commit is part of each batch. The writer stays open, as a
/// recorder's does.
pub(crate) fn append(folder: &Path) -> Result<Vec<f64>> {
    let framed = std::fs::read(folder.join("messages.bin"))?;
    let messages = split(&framed)?;
    let path = folder.join("ours.h5");
    let mut log =
        LogWriter::create(&path, &LogOptions { io_version: Some("0.0".into()), ..LogOptions::default() })?;
    let mut samples = Vec::new();
    for _ in 0..BATCHES {
        let start = Instant::now();
        log.append_all(messages.iter().map(|message| (1, *message)))?;
        log.commit()?;
        samples.push(start.elapsed().as_secs_f64() / messages.len() as f64);
    }
    log.close()?;
    // All of it must be there, and the last message as it was.
    let reader = LogReader::open(&path)?;
    let all = u64::from(BATCHES) * messages.len() as u64;
    let last = reader.read(all - 1..all)?;
    if reader.len() != all || last.get(0).map(|(_, bytes)| bytes) != messages.last().copied() {
        return Err("the log does not hold what was appended".into());
    }
    std::fs::remove_file(&path)?;
    Ok(samples)
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
