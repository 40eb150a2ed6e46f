//! A raw message log to a packet file: read, decoded, written, from opening to the file in its place.

use std::path::Path;

use hyperslab_larpix::convert::{Options, convert};
use hyperslab_larpix::log::{LogOptions, LogWriter};
use hyperslab_larpix::packet::PacketV2;
use hyperslab_larpix::pacman::{MessageType, Word, format};

use crate::Result;
use crate::time::samples;

/// Messages of the log that we convert, of the one that the peer does, and of one that is next to nothing.
const LOGS: [(&str, u32); 3] = [("run.h5", 500_000), ("run-peer.h5", 4000), ("run-start.h5", 2)];

/// Makes the logs: data messages of 5 to 10 words as a detector sends them.
pub(crate) fn prepare(folder: &Path) -> Result<()> {
    for (name, count) in LOGS {
        let path = folder.join(name);
        let mut log = LogWriter::create(
            &path,
            &LogOptions { io_version: Some("0.0".into()), ..LogOptions::default() },
        )?;
        let mut state = 1u64;
        let mut random = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 20
        };
        let mut message = Vec::new();
        for i in 0..count {
            let mut words =
                vec![Word::Sync { kind: b'S', clock_source: 0, timestamp: i }; usize::from(i % 1000 == 0)];
            for _ in 0..5 + random() % 6 {
                let packet = PacketV2(random() << 16 ^ random()).with_packet_type(0).with_valid_parity();
                words.push(Word::Data {
                    io_channel: (random() % 32) as u8,
                    receipt_timestamp: (random() % 10_000_000) as u32,
                    packet: packet.to_bytes(),
                });
            }
            message.clear();
            format(&mut message, MessageType::Data, 1_700_000_000 + i / 7400, &words)?;
            log.append((i % 8) as u8, &message)?;
        }
        log.close()?;
    }
    Ok(())
}

/// The most memory that a conversion may take, in KiB.
const MEMORY: u64 = 100 << 10;

/// Seconds for one row of the table, and the most memory that this process had, program and all.
pub(crate) fn rows(folder: &Path, jobs: usize) -> Result<(Vec<f64>, String)> {
    let count = once(folder, "run.h5", jobs)? as f64;
    let samples = samples(|| once(folder, "run.h5", jobs).ok());
    let memory = memory()?;
    if memory > MEMORY {
        return Err(format!("{memory} KiB of memory").into());
    }
    Ok((samples.into_iter().map(|s| s / count).collect(), format!("{} MB of memory", memory.div_ceil(1000))))
}

/// The most memory that this process had at once, in KiB.
fn memory() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}

/// Seconds for a log of two messages: what it takes before the first row.
pub(crate) fn start(folder: &Path) -> Result<Vec<f64>> {
    once(folder, "run-start.h5", 0)?;
    Ok(samples(|| once(folder, "run-start.h5", 0).ok()))
}

fn once(folder: &Path, log: &str, jobs: usize) -> Result<u64> {
    let out = folder.join("packets.h5");
    let done = convert(&folder.join(log), &out, &Options { jobs, ..Options::default() }, &mut |_, _| {})?;
    std::fs::remove_file(&out)?;
    Ok(done.rows)
}
