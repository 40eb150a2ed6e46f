//! Opening and reading a small Nengo cache object: its metadata as a tree, and its array. Opening and closing a cache.

use std::path::Path;

use hyperslab_core::{Limits, Value, View};
use hyperslab_nco::cache::{Cache, CacheOptions, Commit, Key, Mode};
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

/// How many entries a cache has that is opened and closed, here and in nengo.
const ENTRIES: usize = 100_000;

/// Opens a cache in the native mode, asks for a key that is not there, which takes in the journal, and closes it.
pub(crate) fn cache_open_native(folder: &Path) -> Result<Vec<f64>> {
    let dir = folder.join("cache-native");
    let options = CacheOptions { mode: Mode::Native, commit: Commit::Flush, ..CacheOptions::default() };
    let key = |i: usize| Key::from(format!("{i:040x}").as_str());
    if !dir.exists() {
        let cache = Cache::open(&dir, &options)?;
        let array = View::from_slice([2], &[0.5, 0.25])?;
        for i in 0..ENTRIES {
            cache.put(&key(i), &Value::Null, &array)?;
            if i % 1000 == 0 {
                cache.flush()?;
            }
        }
        cache.flush()?;
    }
    let cache = Cache::open(&dir, &options)?;
    if cache.size()?.entries != ENTRIES as u64 || cache.get(&key(ENTRIES / 2))?.is_none() {
        return Err("the cache does not hold what was put".into());
    }
    let none = Key::from("none");
    Ok(samples(|| Cache::open(&dir, &options)?.get(&none)))
}
