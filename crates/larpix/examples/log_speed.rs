//! How fast the log is on this machine: appends by several batch sizes and through a queue, at the start and at the end
//! of a long log, a scan, one commit and one look by a reader.
//!
//! `cargo run --release -p hyperslab-larpix --example log_speed [DIRECTORY]`; `/dev/shm` when none is given.

use hyperslab_core::Result;
use hyperslab_larpix::log::{LogOptions, LogQueue, LogReader, LogWriter, Sync};
use std::path::{Path, PathBuf};
use std::time::Instant;

const BYTES: usize = 206;

/// Nanoseconds that this thread has run: on a busy machine the clock says little.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0.0)
}

/// Messages one by one to a queue that commits every 10 ms or 256 KiB.
fn queue(path: &Path, message: &[u8]) -> Result<()> {
    const TOTAL: u64 = 4_000_000;
    let _ = std::fs::remove_file(path);
    let queue = LogQueue::new(LogWriter::create(path, &LogOptions::default())?, |_| {})?;
    let start = Instant::now();
    for i in 0..TOTAL {
        queue.append(i as u8, message)?;
    }
    queue.wait_committed(TOTAL)?;
    let took = start.elapsed().as_secs_f64();
    queue.close()?;
    let size = std::fs::metadata(path).map_or(0, |m| m.len()) as f64;
    let payload = TOTAL as f64 * message.len() as f64;
    println!(
        "append one by one to a queue: {:.3} M msg/s, file {:.3} x payload",
        TOTAL as f64 / took / 1e6,
        size / payload
    );
    Ok(())
}

fn main() -> Result<()> {
    let dir = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "/dev/shm".into()));
    let path = dir.join(format!("hyperslab-log-speed-{}.h5", std::process::id()));
    let message: Vec<u8> = (0..BYTES).map(|i| i as u8).collect();
    queue(&path, &message)?;
    let mut last = 0;
    for (sync, batch, total) in [
        (Sync::None, 1, 200_000),
        (Sync::None, 10, 1_000_000),
        (Sync::None, 100, 4_000_000),
        (Sync::None, 1000, 8_000_000),
        (Sync::None, 10_000, 8_000_000),
        (Sync::Ordered, 1000, 200_000),
        (Sync::Durable, 1000, 200_000),
        (Sync::None, 1000, 10_000_000),
    ] {
        let _ = std::fs::remove_file(&path);
        let options = LogOptions { sync, commit_bytes: usize::MAX, ..LogOptions::default() };
        let mut log = LogWriter::create(&path, &options)?;
        let (start, ran) = (Instant::now(), cpu());
        let mut quarters = [0.0; 4];
        for (i, quarter) in quarters.iter_mut().enumerate() {
            let ran = cpu();
            for _ in total / batch * i as u64 / 4..total / batch * (i as u64 + 1) / 4 {
                log.append_all((0..batch).map(|i| (i as u8, message.as_slice())))?;
                log.commit()?;
            }
            *quarter = (cpu() - ran) / (total as f64 / 4.0);
        }
        let (took, ran) = (start.elapsed().as_secs_f64(), (cpu() - ran) / 1e9);
        log.close()?;
        let size = std::fs::metadata(&path).map_or(0, |m| m.len()) as f64;
        println!(
            "append by {batch:>6}, {sync:?}: {:>8.3} M msg/s, {:.3} M per second of this thread, file {:.3} x payload",
            total as f64 / took / 1e6,
            total as f64 / ran / 1e6,
            size / (total as usize * BYTES) as f64
        );
        if batch == 1000 {
            println!("    by quarters of the file, ns per message: {quarters:.0?}");
        }
        last = total;
    }
    let reader = LogReader::open(&path)?;
    for _ in 0..3 {
        let (start, ran) = (Instant::now(), cpu());
        let mut sum = 0u64;
        reader.for_each(0..last, |_, g, m| {
            sum += u64::from(g) + u64::from(m[17]) + m.len() as u64;
            Ok(())
        })?;
        let (took, ran) = (start.elapsed().as_secs_f64(), (cpu() - ran) / 1e9);
        let speed = |s: f64| last as f64 / s / 1e6;
        println!("scan: {:.3} M msg/s, {:.3} M per second of this thread ({sum})", speed(took), speed(ran));
    }
    let mut reader = reader;
    let start = Instant::now();
    for _ in 0..10_000 {
        reader.refresh()?;
    }
    println!("refresh: {:.2} µs", start.elapsed().as_secs_f64() * 100.0);
    let start = Instant::now();
    for i in 0..10_000 {
        reader.read(last - 1 - i..last - i)?;
    }
    println!("read one of the last: {:.2} µs", start.elapsed().as_secs_f64() * 100.0);
    let start = Instant::now();
    for _ in 0..1000 {
        LogReader::open(&path)?;
    }
    println!("open: {:.2} µs", start.elapsed().as_secs_f64() * 1000.0);
    let start = Instant::now();
    for _ in 0..100 {
        LogWriter::open(&path, &LogOptions::default())?.close()?;
    }
    println!("open for appending and close: {:.2} µs", start.elapsed().as_secs_f64() * 10_000.0);
    let _ = std::fs::remove_file(&path);
    Ok(())
}
