//! Joining raw message logs: two of a hundred thousand messages each.

use std::path::Path;
use std::time::Instant;

use hyperslab_larpix::log::{LogOptions, LogReader, LogWriter, merge};

use crate::Result;
use crate::log::split;

/// Batches of a thousand messages in each log.
const BATCHES: u32 = 100;
const ROUNDS: usize = 7;

/// Seconds for one message, one number for each time that the logs are joined. The new log reaches the disk, as every
/// file does that is put in place whole.
pub(crate) fn merge_two(folder: &Path) -> Result<Vec<f64>> {
    let framed = std::fs::read(folder.join("messages.bin"))?;
    let messages = split(&framed)?;
    let inputs = ["first.h5", "second.h5"].map(|name| folder.join(name));
    for path in &inputs {
        let mut log =
            LogWriter::create(path, &LogOptions { io_version: Some("0.0".into()), ..LogOptions::default() })?;
        for _ in 0..BATCHES {
            log.append_all(messages.iter().map(|message| (1, *message)))?;
        }
        log.close()?;
    }
    let out = folder.join("joined.h5");
    let all = 2 * u64::from(BATCHES) * messages.len() as u64;
    let mut samples = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        merge(&out, &inputs, true, &mut |_| {})?;
        samples.push(start.elapsed().as_secs_f64() / all as f64);
    }
    let reader = LogReader::open(&out)?;
    let last = reader.read(all - 1..all)?;
    if reader.len() != all || last.get(0).map(|(_, bytes)| bytes) != messages.last().copied() {
        return Err("the joined log does not hold what both hold".into());
    }
    for path in inputs.iter().chain([&out]) {
        std::fs::remove_file(path)?;
    }
    Ok(samples)
}
