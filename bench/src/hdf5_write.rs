//! HDF5 files written: contiguous beside a plain write of the bytes, in shuffled and deflated chunks beside h5py.

use std::path::Path;

use hyperslab_core::{Limits, View};
use hyperslab_hdf5::Writer;

use crate::Result;
use crate::npy::on;
use crate::time::{samples, warm_pair};

/// Doubles that are written as they are: 100 MB.
const COUNT: usize = 12_500_000;

fn write(path: &Path, view: &View<'_>) -> hyperslab_core::Result<()> {
    let mut w = Writer::create(path, true)?;
    w.dataset("/x").write(view)?;
    w.finish()
}

/// Both write a new file that takes the place of the one before.
pub(crate) fn contiguous(folder: &Path) -> Result<[Vec<f64>; 2]> {
    let (ours, plain) = (folder.join("write-ours.h5"), folder.join("write-plain"));
    let values: Vec<f64> = (0..COUNT).map(|i| i as f64).collect();
    let view = View::from_slice([COUNT as u64], &values)?;
    let bytes = view.bytes().ok_or("the array is not dense")?;
    let aside = folder.join("write-plain.part");
    let theirs = || std::fs::write(&aside, bytes).and_then(|()| std::fs::rename(&aside, &plain));
    write(&ours, &view)?;
    theirs()?;
    let (have, want) = (std::fs::metadata(&ours)?.len(), bytes.len() as u64);
    if have < want || have > want + 4096 {
        return Err(format!("{have} bytes for {want}").into());
    }
    let out = warm_pair(|| write(&ours, &view).ok(), || theirs().ok());
    std::fs::remove_file(&ours)?;
    std::fs::remove_file(&plain)?;
    Ok(out)
}

/// 16 MB of f32 in chunks of half a megabyte, level 4, two threads; what both files take is in the note.
pub(crate) fn packed(folder: &Path) -> Result<(Vec<f64>, String)> {
    let array = hyperslab_npy::npy::load(folder.join("f32.npy"), &Limits::default())?;
    let path = folder.join("write-packed.h5");
    let chunk = [1, array.shape().get(1).copied().unwrap_or(1), array.shape().get(2).copied().unwrap_or(1)];
    let write = || {
        let mut w = Writer::create(&path, true)?;
        w.dataset("/x").chunks(chunk).shuffle().gzip(4).write(&array)?;
        w.finish()
    };
    write()?;
    let ours = std::fs::metadata(&path)?.len();
    // The peer's file is there from the second round on.
    let theirs = std::fs::metadata(folder.join("write-packed-h5py.h5")).map(|m| m.len());
    let note = match theirs {
        Ok(theirs) => format!("{ours} bytes, h5py's {theirs}"),
        Err(_) => format!("{ours} bytes"),
    };
    Ok((on(2, || samples(|| write().ok()))?, note))
}
