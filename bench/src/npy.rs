//! Opening, loading and mapping NPY files.

use std::path::Path;

use hyperslab_core::Limits;
use hyperslab_npy::memmap::{Memmap, Mode};
use hyperslab_npy::npy;

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
