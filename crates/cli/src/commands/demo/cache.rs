//! The last steps of part 2: a torn pack, and a cache directory that is used, damaged and mended.

use super::contents::Contents;
use super::data::PACK;
use super::table::{Check, Demo, Found, contents};
use hyperslab::larpix::log::RecoverOptions;
use hyperslab::nco::cache::{Cache, CacheOptions, Commit, Key, Lookup};
use hyperslab::nco::{Object, Policy, object, pack};
use hyperslab::source::SliceSource;
use hyperslab::{Error, Limits, Result, recover};
use std::path::Path;

const CACHE: &str = "cache";

/// Bytes of the last object that are cut off.
const TORN: usize = 100;

pub(super) fn run(demo: &mut Demo<'_>) {
    demo.step("a pack torn at its end, what is whole saved", "pack_saved.nco", |folder| {
        let left = PACK.1.len().saturating_sub(TORN);
        let torn = folder.write("pack_torn.nco", PACK.1.get(..left).unwrap_or_default())?;
        let saved = folder.new_file("pack_saved.nco")?;
        recover::recover(&torn, &saved, &RecoverOptions::default())?;
        Ok(Check::new(move || Ok(Contents::truth(PACK.0)?.first(4).difference(&contents(&saved)?, false))))
    });
    demo.step("the pack's objects in a cache that nengo uses, too", CACHE, |folder| {
        let dir = folder.new_dir(CACHE)?;
        let cache = Cache::open(&dir, &CacheOptions { commit: Commit::Flush, ..CacheOptions::default() })?;
        cache.invalidate()?;
        for (i, object) in objects()?.iter().enumerate() {
            cache.put(&key(i), &object.metadata, &object.array)?;
        }
        cache.flush()?;
        Ok(Check::new(move || all_found(&dir)))
    });
    demo.step("its index overwritten: set aside, made anew", CACHE, |folder| {
        let dir = folder.file(CACHE);
        // Of an earlier demo.
        let _ = std::fs::remove_file(dir.join("index.damaged"));
        write(&dir.join("index"), b"not an index")?;
        Cache::open(&dir, &CacheOptions::default())?.recover()?;
        Ok(Check::new(move || all_found(&dir)))
    });
    demo.step("a bit flipped in an entry: a miss, computed again", CACHE, |folder| {
        let dir = folder.file(CACHE);
        let cache = Cache::open(&dir, &CacheOptions::default())?;
        flip(&cache)?;
        let mut computed = 0;
        for (i, object) in objects()?.into_iter().enumerate() {
            cache.get_or_compute(&key(i), || {
                computed += 1;
                Ok((object.metadata, object.array))
            })?;
        }
        Ok(Check::new(move || match computed {
            1 => all_found(&dir),
            n => Ok(Some(Error::invalid(format!("{n} entries were computed again, not 1")))),
        }))
    });
    demo.step("its packs put together", CACHE, |folder| {
        let dir = folder.file(CACHE);
        let done = Cache::open(&dir, &CacheOptions::default())?.pack(1 << 20)?;
        Ok(Check::new(move || match done.after {
            1 => all_found(&dir),
            n => Ok(Some(Error::invalid(format!("{n} packs are left, not 1")))),
        }))
    });
}

/// The shipped pack's objects.
fn objects() -> Result<Vec<Object<'static>>> {
    let (source, limits) = (SliceSource(PACK.1), Limits::default());
    let walk = pack::walk(&source, &limits)?;
    let starts = walk.entries.iter().map(|e| e.header().start);
    starts
        .map(|start| {
            let Object { metadata, array } = object::read(&source, start, Policy::Strict, &limits)?;
            Ok(Object { metadata, array: array.into_owned()? })
        })
        .collect()
}

fn key(i: usize) -> Key {
    Key::hash("slab demo").int(i as i128).finish()
}

/// Whether a process that opens the cache now finds every object as it was.
fn all_found(dir: &Path) -> Found {
    let cache = Cache::open(dir, &CacheOptions { readonly: true, ..CacheOptions::default() })?;
    for (i, want) in objects()?.iter().enumerate() {
        match cache.lookup(&key(i))? {
            Lookup::Hit(found) if found.metadata == want.metadata && found.array == want.array => {}
            Lookup::Hit(_) => return Ok(Some(Error::invalid(format!("entry {i} is another")))),
            Lookup::Miss => return Ok(Some(Error::invalid(format!("entry {i} is missing")))),
            Lookup::Damaged(e) => return Ok(Some(e)),
        }
    }
    Ok(None)
}

/// Flips the last bit of the first entry.
fn flip(cache: &Cache) -> Result<()> {
    let first = cache.list()?.into_iter().next().ok_or_else(|| Error::invalid("the cache is empty"))?;
    let path = first.place.pack.path(cache.dir());
    let mut bytes = std::fs::read(&path).map_err(|e| Error::io(e, "cannot read").file(&path))?;
    let last = usize::try_from(first.place.end).ok().and_then(|end| bytes.get_mut(end.checked_sub(1)?));
    if let Some(byte) = last {
        *byte ^= 1;
    }
    write(&path, &bytes)
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).map_err(|e| Error::io(e, "cannot write").file(path))
}
