//! Timing one operation many times, as `bench/peers/_time.py` does on the peers' side.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// How long one row is timed in one round.
const ROW: Duration = Duration::from_millis(400);
/// A batch takes at least so long, so that reading the clock is no part of the number.
const BATCH: f64 = 50e-6;
/// The fewest samples.
const SAMPLES: usize = 7;

/// Seconds for one call, one number a batch.
pub(crate) fn samples<T>(mut operation: impl FnMut() -> T) -> Vec<f64> {
    black_box(operation());
    let start = Instant::now();
    black_box(operation());
    let once = start.elapsed().as_secs_f64().max(1e-9);
    let batch = (1..=1_000_000_u32).find(|n| f64::from(*n) * once >= BATCH).unwrap_or(1_000_000);
    let mut out = Vec::new();
    let end = Instant::now() + ROW;
    while out.len() < SAMPLES || Instant::now() < end {
        let start = Instant::now();
        for _ in 0..batch {
            black_box(operation());
        }
        out.push(start.elapsed().as_secs_f64() / f64::from(batch));
    }
    out
}

/// Seconds for one call of each of two operations in turns, whose results land in memory that the process did not
/// have before: results are kept until there are so many that the allocator gives their pages back.
pub(crate) fn fresh_pair<A, B>(mut a: impl FnMut() -> A, mut b: impl FnMut() -> B) -> [Vec<f64>; 2] {
    const KEPT: usize = 16;
    let mut out = [Vec::new(), Vec::new()];
    let end = Instant::now() + ROW;
    while out[0].len() < SAMPLES || Instant::now() < end {
        let (mut kept_a, mut kept_b) = (Vec::with_capacity(KEPT), Vec::with_capacity(KEPT));
        for _ in 0..KEPT {
            let (seconds, kept) = timed(&mut a);
            out[0].push(seconds);
            kept_a.push(kept);
            let (seconds, kept) = timed(&mut b);
            out[1].push(seconds);
            kept_b.push(kept);
        }
    }
    out
}

/// Seconds for one call of each of two operations in turns; each takes much longer than reading the clock.
pub(crate) fn warm_pair<A, B>(mut a: impl FnMut() -> A, mut b: impl FnMut() -> B) -> [Vec<f64>; 2] {
    let mut out = [Vec::new(), Vec::new()];
    let end = Instant::now() + ROW;
    while out[0].len() < SAMPLES || Instant::now() < end {
        out[0].push(timed(&mut a).0);
        out[1].push(timed(&mut b).0);
    }
    out
}

fn timed<T>(operation: &mut impl FnMut() -> T) -> (f64, T) {
    let start = Instant::now();
    let result = black_box(operation());
    (start.elapsed().as_secs_f64(), result)
}
