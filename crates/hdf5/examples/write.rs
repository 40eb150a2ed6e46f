//! A new HDF5 file: groups, attributes, compressed chunks, arrays larger than memory, links.
//! `cargo run -p hyperslab-hdf5 --example write -- run.h5`; the tests run it too.

use hyperslab_core::{ByteOrder, Container, Dtype, Limits, Result, Selection, View};
use hyperslab_hdf5::File;
use std::path::{Path, PathBuf};

#[allow(dead_code, reason = "the tests call what it calls")]
fn main() -> Result<()> {
    let path = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("run.h5"), PathBuf::from);
    println!("{} frames of {} values", write(&path)?, 64 * 48);
    Ok(())
}

/// Writes the file and reads it again; returns the number of frames.
pub(crate) fn write(path: &Path) -> Result<u64> {
    let mut f = File::create(path)?;
    let mut run = f.group("run")?;
    run.attribute("who", "Noether")?;

    // An array that is there: as it is, or in compressed chunks.
    let times: Vec<f64> = (0..1000).map(|i| f64::from(i) * 0.25).collect();
    run.dataset("times").attribute("unit", "s").write(&times)?;
    run.dataset("grid").shape([20, 50]).chunks([10, 50]).gzip(4).shuffle().write(&times)?;

    // One that comes in parts, and can be made longer by any program later.
    let mut frames = run
        .dataset("frames")
        .dtype(Dtype::float(4, ByteOrder::NATIVE))
        .shape([1000, 64, 48])
        .max_shape([None, Some(64), Some(48)])
        .chunks([10, 64, 48])
        .lzf()
        .fill(f32::NAN)
        .stream()?;
    for i in 0..1000u16 {
        frames.push(&View::from_slice([1, 64, 48], &[f32::from(i); 64 * 48])?)?;
    }
    frames.finish()?;

    f.soft_link("latest", "/run/frames")?;
    // Up to here there is no file; now it appears, whole.
    f.finish()?;

    let (f, limits) = (File::open(path)?, Limits::default());
    let last = f.read("/latest", &"[-1, 0, :2]".parse::<Selection>()?, &limits)?;
    assert_eq!(last.to_vec::<f32>()?, [999.0, 999.0]);
    let nodes = f.nodes("/run/frames", None, false, &limits)?;
    Ok(nodes.first().and_then(|n| n.shape.as_ref()?.first().copied()).unwrap_or(0))
}
