//! How fast doubles are read from text and written to it: `cargo run --release --example text_speed [FILE]`.
//!
//! FILE holds doubles separated by commas, as `numpy.random.default_rng(0).standard_normal(10**7).tofile(FILE, sep=',')`
//! writes them; without one, ten million numbers of that sort are made up.

use hyperslab_core::source::{FileSource, MemorySource};
use hyperslab_core::{Dtype, Limits, Result, Source, View};
use hyperslab_npy::text::{self, Format, Layout, Separator};
use std::time::Instant;

fn main() -> Result<()> {
    let limits = Limits::default();
    let comma = Separator::new(",")?;
    let layout = Layout::new(Dtype::F64, comma.clone());
    let bytes = match std::env::args_os().nth(1) {
        Some(path) => std::fs::read(&path)
            .map_err(|e| hyperslab_core::Error::io(e, "cannot read").file(std::path::Path::new(&path)))?,
        None => normals(10_000_000, &comma)?,
    };
    let file =
        tempfile::NamedTempFile::new().map_err(|e| hyperslab_core::Error::io(e, "no temporary file"))?;
    std::fs::write(file.path(), &bytes).map_err(|e| hyperslab_core::Error::io(e, "cannot write"))?;
    let memory = MemorySource::new(bytes);
    let file = FileSource::open(file.path())?;
    let view = text::read(&memory, &layout, &limits)?;
    for threads in [1, 2] {
        let Ok(pool) = rayon::ThreadPoolBuilder::new().num_threads(threads).build() else { continue };
        pool.install(|| -> Result<()> {
            let size = memory.len()?;
            report("read from memory", threads, size, &view, || {
                text::read(&memory, &layout, &limits).map(drop)
            })?;
            report("read from a file", threads, size, &view, || {
                text::read(&file, &layout, &limits).map(drop)
            })?;
            let mut out = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
            report("write to memory", threads, size, &view, || {
                out.clear();
                text::write_to(&mut out, &view, &comma, &Format::default()).map(drop)
            })
        })?;
    }
    Ok(())
}

/// Nanoseconds that this process has run on all threads: on a busy machine the clock says little.
fn cpu() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let ran = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("schedstat")).ok());
    ran.filter_map(|s| s.split(' ').next()?.parse::<f64>().ok()).sum()
}

/// The best of some runs.
fn report(
    what: &str,
    threads: usize,
    size: u64,
    view: &View<'_>,
    mut run: impl FnMut() -> Result<()>,
) -> Result<()> {
    let (mut best, mut least) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..5 {
        let (start, ran) = (Instant::now(), cpu());
        run()?;
        best = best.min(start.elapsed().as_secs_f64());
        // A thread of the pool before may have ended meanwhile, and its time with it.
        let spent = cpu() - ran;
        least = if spent > 0.0 { least.min(spent) } else { least };
    }
    let count = view.len() as f64;
    let (rate, each, cpu) = (size as f64 / best / 1e6, best * 1e9 / count, least / count);
    println!(
        "{what:17} {threads} thread{}: {rate:6.0} MB/s {each:6.1} ns per element, {cpu:5.1} of processor",
        if threads == 1 { " " } else { "s" }
    );
    Ok(())
}

/// Text of normally distributed numbers.
fn normals(count: usize, separator: &Separator) -> Result<Vec<u8>> {
    let mut state = 1u64;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 11) + 1) as f64 / (1u64 << 53) as f64
    };
    let values: Vec<f64> = (0..count)
        .map(|_| (-2.0 * uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos())
        .collect();
    let mut out = Vec::new();
    text::write_to(&mut out, &View::from_slice([count as u64], &values)?, separator, &Format::default())?;
    Ok(out)
}
