//! A directory of an older layout made one that caches are opened in, where it lies.
//!
//! Nothing is deleted. The files of nengo 2.0, one per entry, stay beside the packs that their entries are copied to;
//! their names are none that a cache reads. The packs of nengo 2.1 and 2.2 stay as they are, under a new index, and
//! the old index is kept. Entries are read again before they count. What was interrupted can be made again.

use super::legacy::{self, Layout, Migrated, layout_of};
use super::shared::file::OLDER;
use super::{Cache, CacheOptions, Commit, Key, Lookup};
use hyperslab_core::{Error, Result};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What upgrading a directory came to.
#[derive(Debug)]
pub struct Upgraded {
    /// The layout that it had.
    pub from: Layout,
    /// What was brought over; nothing where the directory needed nothing.
    pub done: Option<Migrated>,
    /// The old index, under its new name.
    pub kept: Option<PathBuf>,
    /// Files of nengo 2.0 that stay where they are.
    pub old_files: u64,
    /// Their bytes.
    pub old_bytes: u64,
    /// Entries of the old index whose files are gone: misses, before and after.
    pub gone: u64,
}

/// Makes a cache directory of an older layout one of the shared mode, where it lies. One that is a cache already
/// stays as it is, but for entries of nengo 2.0 that lie in it and have no name yet.
///
/// # Errors
/// `Usage` for a directory that is no cache, `Invalid` for one whose old index is damaged; as opening a cache and
/// [`Cache::put`].
pub fn upgrade(dir: &Path, options: &CacheOptions) -> Result<Upgraded> {
    let options = CacheOptions { commit: Commit::Flush, readonly: false, ..options.clone() };
    let limits = (options.limits)();
    let from = layout_of(dir, &limits)?
        .ok_or_else(|| Error::usage("is no cache of nengo's or of this program").file(dir))?;
    let dir = dir.canonicalize().map_err(|e| Error::io(e, "cannot open the cache").file(dir))?;
    let older = legacy::keyed(&dir)?;
    let bytes = older.values().filter_map(|path| Some(path.symlink_metadata().ok()?.len())).sum();
    let mut all =
        Upgraded { from, done: None, kept: None, old_files: older.len() as u64, old_bytes: bytes, gone: 0 };
    if from == Layout::Unversioned {
        unversioned(&dir, &options, &mut all)?;
    }
    if from != Layout::Keyed && older.is_empty() {
        return Ok(all);
    }
    let cache = Cache::open(&dir, &options)?;
    let mut missing = Vec::new();
    let mut known = 0;
    for (name, path) in older {
        // Names of 40 digits are keys.
        let there = Key::named(&name).map(|key| cache.lookup(&key)).transpose()?;
        match there {
            Some(Lookup::Hit(_)) => known += 1,
            _ => missing.push((name, legacy::Old::File(path))),
        }
    }
    if from == Layout::Keyed || !missing.is_empty() {
        let done = all.done.get_or_insert_default();
        done.entries += known;
        done.known += known;
        legacy::copy_all(&dir, missing, &cache, &options, done)?;
    }
    Ok(all)
}

/// Gives packs of nengo 2.1 and 2.2 an index of today: opening the cache to write does that.
fn unversioned(dir: &Path, options: &CacheOptions, all: &mut Upgraded) -> Result<()> {
    let before = set_aside(dir)?;
    let cache = Cache::open(dir, options)?;
    let checked = cache.verify(&mut |_| {})?;
    all.kept = set_aside(dir)?.into_iter().find(|path| !before.contains(path));
    let (gone, damaged): (Vec<_>, Vec<_>) = checked.problems.into_iter().partition(|p| p.gone);
    all.gone = gone.len() as u64 + checked.elsewhere;
    let damaged = damaged.into_iter().map(|p| (p.key, p.error)).collect();
    all.done = Some(Migrated { entries: checked.sound, known: 0, damaged });
    Ok(())
}

/// The indexes of older layouts that lie in a directory under other names.
fn set_aside(dir: &Path) -> Result<BTreeSet<PathBuf>> {
    let files = std::fs::read_dir(dir).map_err(|e| Error::io(e, "cannot list the cache").file(dir))?;
    let is_one = |path: &PathBuf| {
        let name = path.file_name().and_then(|n| n.to_str());
        name.is_some_and(|name| name.starts_with(OLDER))
    };
    Ok(files.flatten().map(|file| file.path()).filter(is_one).collect())
}
