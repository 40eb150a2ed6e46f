//! Our own readers: one that opens the log anew each time, one that follows it from the first message on.

use super::Outcome;
use super::stream::Stream;
use hyperslab_core::Kind;
use hyperslab_larpix::log::{LogReader, Messages};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Messages that are looked at in one place.
const SOME: u64 = 40;

/// Opens the log and reads its last messages and some others, again and again.
pub(super) fn anew(path: &Path, stop: &AtomicBool) -> Outcome {
    let (stream, mut out) = (Stream::new(), Outcome::default());
    let mut random = 1u64;
    while !stop.load(Ordering::Relaxed) {
        let look = || -> hyperslab_core::Result<(u64, u64)> {
            let reader = LogReader::open(path)?;
            let n = reader.len();
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let elsewhere = (random >> 20) % n.max(1);
            let (mut rows, mut wrong) = (0, 0);
            for start in [n.saturating_sub(SOME), elsewhere] {
                let end = n.min(start + SOME);
                let messages = reader.read(start..end)?;
                wrong += u64::from(messages.len() as u64 != end - start);
                wrong +=
                    (start..end).zip(&messages).filter(|&(i, (g, m))| !stream.is(i, g, m)).count() as u64;
                rows += messages.len() as u64;
            }
            Ok((rows, wrong))
        };
        match { look }() {
            Ok((rows, wrong)) => {
                out.reads += 1;
                out.rows += rows;
                out.wrong += wrong;
            }
            Err(e) => *out.errors.entry(e.to_string()).or_default() += 1,
        }
        // The others need the processor too.
        std::thread::sleep(Duration::from_millis(1));
    }
    out
}

/// Follows the log, and what takes its place, until everything is over; returns also the messages of the last one.
pub(super) fn following(path: &Path, over: &AtomicBool) -> (Outcome, u64) {
    let (stream, mut out) = (Stream::new(), Outcome::default());
    let mut messages = Messages::new();
    loop {
        let mut reader = LogReader::open(path).unwrap();
        let mut seen = 0;
        let mut replaced = false;
        while !replaced {
            // In this order: what was there when it was over is seen after that.
            let last = over.load(Ordering::Relaxed);
            let mut follow = reader.follow(seen, Some(Duration::from_millis(20)));
            loop {
                match follow.next_into(&mut messages) {
                    Ok(true) => {}
                    Ok(false) => break,
                    // All of this log has been seen.
                    Err(e) if e.kind() == Kind::Conflict => {
                        replaced = true;
                        break;
                    }
                    Err(e) => {
                        *out.errors.entry(e.to_string()).or_default() += 1;
                        break;
                    }
                }
                out.reads += 1;
                for (group, message) in &messages {
                    out.wrong += u64::from(!stream.is(seen, group, message));
                    seen += 1;
                }
            }
            if last && !replaced {
                out.rows += seen;
                return (out, seen);
            }
        }
        out.rows += seen;
    }
}

/// Checks every message and returns their number.
pub(super) fn all(path: &Path) -> u64 {
    let stream = Stream::new();
    let reader = LogReader::open(path).unwrap();
    assert_eq!(reader.uneven(), None);
    let mut n = 0;
    reader
        .for_each(0..reader.len(), |i, group, message| {
            assert!(i == n && stream.is(i, group, message), "message {i}");
            n += 1;
            Ok(())
        })
        .unwrap();
    n
}
