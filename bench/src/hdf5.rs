//! HDF5 files opened, read in part and as a whole, and listed; beside h5py, and beside the Rust crates that read most.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use hyperslab_core::source::{self, FileSource};
use hyperslab_core::{Container, Limits, Selection, Source, View};
use hyperslab_hdf5::File;

use crate::Result;
use crate::npy::on;
use crate::time::{samples, warm_pair};

/// Elements of `packed.h5`: 200 MB of f32.
const PACKED: usize = 375 * 360 * 370;
/// Objects of `many.h5`, the root aside.
const MANY: usize = 15_000;
/// The row that is read of `rows.h5`, and its length.
const ROW: (u64, usize) = (54_321, 2500);

pub(crate) fn attribute(folder: &Path) -> Result<Vec<f64>> {
    let path = folder.join("small.h5");
    let read = || File::open(&path)?.attribute("/x", "unit", &Limits::default());
    if read()?.as_str() != Some("mm") {
        return Err("small.h5 is not what was written".into());
    }
    Ok(samples(read))
}

/// 400 MB as a view over a map: open, find the dataset, check it, make the view, close.
pub(crate) fn view(folder: &Path) -> Result<Vec<f64>> {
    let path = folder.join("large.h5");
    let limits = Limits::default();
    let look = || -> hyperslab_core::Result<usize> {
        let file = File::from_source(source::map(&path)?)?;
        let view = file.read("/x", &Selection::ALL, &limits)?;
        Ok(if view.is_view() { view.as_slice::<f64>()?.len() } else { 0 })
    };
    if look()? != 50_000_000 {
        return Err("large.h5 is not read as a view".into());
    }
    Ok(samples(look))
}

fn whole<'f>(file: &'f File<'static>) -> hyperslab_core::Result<View<'f>> {
    file.read("/x", &Selection::ALL, &Limits::default())
}

/// 400 MB into memory of our own.
pub(crate) fn copy(folder: &Path) -> Result<Vec<f64>> {
    let path = folder.join("large.h5");
    let read = || -> Result<usize> { Ok(whole(&File::open(&path)?)?.as_slice::<f64>()?.len()) };
    if read()? != 50_000_000 {
        return Err("large.h5 is not what was written".into());
    }
    Ok(samples(|| read().ok()))
}

/// 200 MB of shuffled and deflated chunks.
pub(crate) fn packed(folder: &Path, threads: usize) -> Result<Vec<f64>> {
    let path = folder.join("packed.h5");
    let read = || -> Result<usize> { Ok(whole(&File::open(&path)?)?.as_slice::<f32>()?.len()) };
    if read()? != PACKED {
        return Err("packed.h5 is not what was written".into());
    }
    on(threads, || samples(|| read().ok()))
}

/// The same beside the crate `hdf5-reader`.
pub(crate) fn packed_beside_hdf5_reader(folder: &Path) -> Result<[Vec<f64>; 2]> {
    let path = folder.join("packed.h5");
    let ours = || -> Result<usize> { Ok(whole(&File::open(&path)?)?.as_slice::<f32>()?.len()) };
    let theirs = || -> Result<usize> {
        Ok(hdf5_reader::Hdf5File::open(&path)?.dataset("/x")?.read_array_parallel::<f32>()?.len())
    };
    if (ours()?, theirs()?) != (PACKED, PACKED) {
        return Err("packed.h5 is not what was written".into());
    }
    on(2, || warm_pair(|| ours().ok(), || theirs().ok()))
}

/// The same beside the crate `rust-hdf5`.
pub(crate) fn packed_beside_rust_hdf5(folder: &Path) -> Result<[Vec<f64>; 2]> {
    let path = folder.join("packed.h5");
    let ours = || -> Result<usize> { Ok(whole(&File::open(&path)?)?.as_slice::<f32>()?.len()) };
    let theirs =
        || -> Result<usize> { Ok(rust_hdf5::H5File::open(&path)?.dataset("x")?.read_raw::<f32>()?.len()) };
    if (ours()?, theirs()?) != (PACKED, PACKED) {
        return Err("packed.h5 is not what was written".into());
    }
    Ok(warm_pair(|| ours().ok(), || theirs().ok()))
}

/// Every object with its kind, type and shape.
pub(crate) fn list(folder: &Path, name: &str) -> Result<Vec<f64>> {
    let path = folder.join(name);
    let list =
        || -> Result<usize> { Ok(File::open(&path)?.nodes("/", None, false, &Limits::default())?.len()) };
    if list()? != MANY + 1 {
        return Err(format!("{name} is not what was written").into());
    }
    Ok(samples(|| list().ok()))
}

/// A file that counts what is read of it.
struct Counted<'c>(FileSource, &'c AtomicU64);

impl Source for Counted<'_> {
    fn len(&self) -> hyperslab_core::Result<u64> {
        self.0.len()
    }
    fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> hyperslab_core::Result<()> {
        self.1.fetch_add(out.len() as u64, Ordering::Relaxed);
        self.0.read_exact_at(offset, out)
    }
}

/// One row of 1 GB; and how many bytes of the file were read for it.
pub(crate) fn row(folder: &Path) -> Result<(Vec<f64>, String)> {
    let path = folder.join("rows.h5");
    let (row, len) = ROW;
    let selection: Selection = row.to_string().parse()?;
    let bytes = AtomicU64::new(0);
    let file = File::from_source(Counted(FileSource::open(&path)?, &bytes))?;
    if file.read("/x", &selection, &Limits::default())?.as_slice::<f32>()? != vec![row as f32; len] {
        return Err("rows.h5 is not what was written".into());
    }
    let note = format!("{} bytes of the file read", bytes.load(Ordering::Relaxed));
    let read = || -> Result<usize> {
        Ok(File::open(&path)?.read("/x", &selection, &Limits::default())?.as_slice::<f32>()?.len())
    };
    Ok((on(2, || samples(|| read().ok()))?, note))
}
