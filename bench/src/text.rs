//! Ten million doubles from text and to text.

use std::path::Path;

use hyperslab_core::source::FileSource;
use hyperslab_core::{Dtype, Limits};
use hyperslab_npy::npy;
use hyperslab_npy::text::{self, Format, Layout};

use crate::Result;
use crate::npy::on;
use crate::time::samples;

pub(crate) fn read(folder: &Path, threads: usize) -> Result<Vec<f64>> {
    let path = folder.join("doubles.csv");
    let limits = Limits::default();
    let layout = Layout::new(Dtype::F64, ",".parse()?);
    let read = || -> hyperslab_core::Result<u64> {
        Ok(text::read(&FileSource::open(&path)?, &layout, &limits)?.len())
    };
    let want = npy::load(folder.join("doubles.npy"), &limits)?;
    if text::read(&FileSource::open(&path)?, &layout, &limits)?.bytes() != want.bytes() {
        return Err("doubles.csv is not what was written".into());
    }
    on(threads, || samples(read))
}

pub(crate) fn write(folder: &Path, threads: usize) -> Result<Vec<f64>> {
    let view = npy::load(folder.join("doubles.npy"), &Limits::default())?;
    let path = folder.join("doubles-ours.csv");
    let (sep, format) = (",".parse()?, Format::default());
    let write = || text::save(&path, &view, &sep, &format, true);
    write()?;
    if std::fs::read(&path)? != std::fs::read(folder.join("doubles.csv"))? {
        return Err("the text is not NumPy's".into());
    }
    on(threads, || samples(write))
}
