//! Opening and loading a small NPY.

use std::path::Path;

use hyperslab_core::Limits;
use hyperslab_npy::npy;

use crate::Result;
use crate::time::samples;

pub(crate) fn load(folder: &Path) -> Result<Vec<f64>> {
    let path = folder.join("small.npy");
    let limits = Limits::default();
    if npy::load(&path, &limits)?.as_slice::<f64>()?.last() != Some(&49.5) {
        return Err("small.npy is not what was written".into());
    }
    Ok(samples(|| npy::load(&path, &limits)))
}
