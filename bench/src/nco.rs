//! Opening and reading a small Nengo cache object: its metadata as a tree, and its array.

use std::path::Path;

use hyperslab_core::Limits;
use hyperslab_nco::object::load;
use hyperslab_pickle::Policy;

use crate::Result;
use crate::time::samples;

pub(crate) fn read(folder: &Path) -> Result<Vec<f64>> {
    let path = folder.join("small.nco");
    let limits = Limits::default();
    let object = load(&path, Policy::Strict, &limits)?;
    if object.metadata.get("rmses").is_none() || object.array.shape()[..] != [60, 2] {
        return Err("small.nco is not what was written".into());
    }
    Ok(samples(|| load(&path, Policy::Strict, &limits)))
}
