//! NumPy files: NPY opened, loaded and mapped; archives written, read and listed.

use std::fs;
use std::path::Path;

use hyperslab_core::codec::deflate::Backend;
use hyperslab_core::source::{self, MemorySource};
use hyperslab_core::{Container, Limits, Selection};
use hyperslab_npy::memmap::{Memmap, Mode};
use hyperslab_npy::{Npz, NpzWriter, npy};

use crate::Result;
use crate::time::samples;

/// Doubles in `large.npy`: 400 MB.
const LARGE: usize = 50_000_000;

pub(crate) fn load(folder: &Path) -> Result<Vec<f64>> {
    let path = folder.join("small.npy");
    let limits = Limits::default();
    if npy::load(&path, &limits)?.as_slice::<f64>()?.last() != Some(&49.5) {
        return Err("small.npy is not what was written".into());
    }
    Ok(samples(|| npy::load(&path, &limits)))
}

/// 400 MB into memory of our own.
pub(crate) fn load_large(folder: &Path) -> Result<Vec<f64>> {
    let path = folder.join("large.npy");
    let limits = Limits::default();
    if npy::load(&path, &limits)?.as_slice::<f64>()?.len() != LARGE {
        return Err("large.npy is not what was written".into());
    }
    Ok(samples(|| npy::load(&path, &limits)))
}

/// 400 MB as a map: open, look at the header, make the view, close.
pub(crate) fn map_large(folder: &Path) -> Result<Vec<f64>> {
    let path = folder.join("large.npy");
    let look = || -> hyperslab_core::Result<f64> {
        let map = Memmap::open_npy(&path, Mode::Read)?;
        let view = map.view()?;
        Ok(view.as_slice::<f64>()?.len() as f64)
    };
    if look()? != LARGE as f64 {
        return Err("large.npy is not what was written".into());
    }
    Ok(samples(look))
}

/// Runs something on so many threads.
pub(crate) fn on<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> Result<T> {
    Ok(rayon::ThreadPoolBuilder::new().num_threads(threads).build()?.install(work))
}

/// Writes the array of `NAME.npy` as a deflated member, as `numpy.savez_compressed` does.
pub(crate) fn write(folder: &Path, name: &str, threads: usize, backend: Backend) -> Result<Vec<f64>> {
    let limits = Limits::default();
    let view = npy::load(folder.join(format!("{name}.npy")), &limits)?;
    let path = folder.join(format!("{name}-ours.npz"));
    let write = || -> hyperslab_core::Result<()> {
        let mut archive = NpzWriter::create(&path, true)?.with_backend(backend);
        archive.add("x", &view, Some(6))?;
        archive.into_inner()?.commit()
    };
    write()?;
    let [ours, theirs] =
        [&path, &folder.join(format!("{name}.npz"))].map(|p| fs::metadata(p).map(|m| m.len()));
    let (ours, theirs) = (ours?, theirs?);
    if ours as f64 > 1.02 * theirs as f64 {
        return Err(format!("{name}: {ours} bytes where NumPy's archive has {theirs}").into());
    }
    if open(&path)?.read("x", &Selection::ALL, &limits)?.bytes() != view.bytes() {
        return Err("what was written is not read".into());
    }
    on(threads, || samples(write))
}

fn open(path: &Path) -> Result<Npz<MemorySource>> {
    Ok(Npz::open(source::map(path)?, &Limits::default())?)
}

/// Opens an archive and reads every array in it.
pub(crate) fn read(folder: &Path, name: &str, threads: usize) -> Result<Vec<f64>> {
    let path = folder.join(name);
    let limits = Limits::default();
    let count = open(&path)?.keys().count();
    let read = || -> Result<u64> {
        let npz = open(&path)?;
        let keys: Vec<&str> = npz.keys().collect();
        Ok(npz.read_many(&keys, &limits)?.iter().map(|v| v.nbytes()).sum())
    };
    if read()? < count as u64 {
        return Err("the arrays are not all there".into());
    }
    on(threads, || samples(|| read().ok()))
}

/// Opens an archive, lists all its members and reads them.
pub(crate) fn list(folder: &Path) -> Result<Vec<f64>> {
    let path = folder.join("members.npz");
    let limits = Limits::default();
    let list = || -> Result<u64> {
        let npz = open(&path)?;
        let nodes = npz.nodes("", None, true, &limits)?;
        let keys: Vec<&str> = nodes.iter().map(|node| node.path.as_str()).collect();
        Ok(npz.read_many(&keys, &limits)?.iter().map(|v| v.nbytes()).sum())
    };
    if list()? != 5000 * 80 {
        return Err("members.npz is not what was written".into());
    }
    on(2, || samples(|| list().ok()))
}
