//! Cache directories that nengo uses too: the index read, opening and closing with many entries, shrinking; opening
//! and closing one with a journal.

use std::fs;
use std::path::Path;
use std::time::Instant;

use hyperslab_core::{Value, View};
use hyperslab_nco::cache::{Cache, CacheOptions, Commit, Key, Mode};

use crate::Result;
use crate::time::samples;

/// Opens a directory of 10,000 entries for reading, and looks for a key that is not there.
pub(crate) fn index(folder: &Path) -> Result<Vec<f64>> {
    let dir = folder.join("cache-10k");
    let options = CacheOptions { readonly: true, ..CacheOptions::default() };
    if Cache::open(&dir, &options)?.size()?.entries != 10_000 {
        return Err("cache-10k is not what was written".into());
    }
    let once =
        || -> hyperslab_core::Result<_> { Ok(Cache::open(&dir, &options)?.get(&Key::from("0"))?.is_none()) };
    Ok(samples(once))
}

/// Opens a directory of 100,000 entries for writing, looks for a key that is not there, and closes it.
pub(crate) fn open_close(folder: &Path) -> Result<Vec<f64>> {
    let dir = folder.join("cache-100k");
    let once = || -> hyperslab_core::Result<bool> {
        Ok(Cache::open(&dir, &CacheOptions::default())?.get(&Key::from("0"))?.is_none())
    };
    if !once()? {
        return Err("cache-100k is not what was written".into());
    }
    Ok(samples(once))
}

/// The same with a journal; the miss takes in what was appended since its table was written.
pub(crate) fn open_close_native(folder: &Path) -> Result<Vec<f64>> {
    const ENTRIES: usize = 100_000;
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

/// A directory of nengo's, opened and closed with one new entry.
pub(crate) fn open_put_close(folder: &Path) -> Result<Vec<f64>> {
    let dir = folder.join("cache-100k-put");
    fs::create_dir_all(&dir)?;
    fs::copy(folder.join("cache-100k/index"), dir.join("index"))?;
    let array = View::from_slice([60, 2], &[0.5; 120])?;
    let once = || -> hyperslab_core::Result<()> {
        Cache::open(&dir, &CacheOptions::default())?.put(&Key::from("0"), &Value::Null, &array)
    };
    once()?;
    Ok(samples(once))
}

/// Deletes half of 10,000 packs, each with one entry.
pub(crate) fn shrink(folder: &Path) -> Result<Vec<f64>> {
    let from = folder.join("cache-files");
    let mut out = Vec::new();
    for round in 0..3 {
        let dir = folder.join(format!("cache-shrunk-{round}"));
        linked(&from, &dir)?;
        let cache = Cache::open(&dir, &CacheOptions::default())?;
        let start = Instant::now();
        let done = cache.shrink(5000 * 4096)?;
        out.push(start.elapsed().as_secs_f64());
        if done.packs != 5000 || done.entries != 5000 {
            return Err(format!("shrinking came to {done:?}").into());
        }
        fs::remove_dir_all(&dir)?;
    }
    Ok(out)
}

/// The same packs under another directory.
fn linked(from: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let there = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir(&there)?;
            for file in fs::read_dir(entry.path())? {
                let file = file?;
                fs::hard_link(file.path(), there.join(file.file_name()))?;
            }
        } else {
            fs::copy(entry.path(), there)?;
        }
    }
    Ok(())
}
