//! Older layouts of nengo's cache, and the entries of any cache put into another.
//!
//! | nengo | a directory holds |
//! |---|---|
//! | 2.0 | one object per file, at its start: `XX/REST.nco`, where XX and REST are the key's 40 digits; no index; `legacy.txt` says `0` |
//! | 2.1, 2.2 | packs, and an index that is one pickled dict; `legacy.txt` says `1.` and the protocol |
//! | 2.3 to 4.1 | packs, and an index of two pickles: the shared mode |
//!
//! The directory that is read stays as it is, whatever happens; one made anew where it lies is `upgrade.rs`. Source:
//! nengo 2.0 to 2.3, and directories that they left.

use super::key::Key;
use super::store::Place;
use super::{Cache, CacheOptions, Commit, Lookup, Mode, mode_of, own, shared};
use crate::object::Entry;
use hyperslab_core::source::FileSource;
use hyperslab_core::{Error, Kind, Limits, Result, Selection};
use shared::file::IndexFile;
use shared::index::{Index, Read};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// What nengo 2.0 to 2.2 say of a directory's layout.
const VERSION_FILE: &str = "legacy.txt";

/// Entries are committed after so many.
const BATCH: u64 = 1000;

/// How a directory keeps its entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layout {
    /// One object per file, the key in the path: nengo 2.0.
    Keyed,
    /// Packs, and an index without a version: nengo 2.1 and 2.2.
    Unversioned,
    /// One that a cache is opened in.
    Current(Mode),
}

/// The layout of a directory, if it is a cache.
///
/// # Errors
/// `Unsupported` for the index of a newer nengo, `Invalid` for a damaged one, `Limit`, `Io`.
pub fn layout_of(dir: &Path, limits: &Limits) -> Result<Option<Layout>> {
    match mode_of(dir) {
        Some(Mode::Native) => Ok(Some(Layout::Current(Mode::Native))),
        Some(Mode::Shared) => Ok(index(dir, limits)?.map(|read| match read {
            Read::Current(_) => Layout::Current(Mode::Shared),
            Read::Legacy(_) => Layout::Unversioned,
        })),
        None => {
            let says = own::no_follow().read(true).open(dir.join(VERSION_FILE));
            let says = says.and_then(|file| {
                let mut head = Vec::new();
                io::Read::read_to_end(&mut io::Read::take(file, 16), &mut head)?;
                Ok(head)
            });
            let keyed = match says {
                Ok(text) => text.trim_ascii() == b"0",
                Err(_) => !keyed(dir)?.is_empty(),
            };
            Ok(keyed.then_some(Layout::Keyed))
        }
    }
}

fn index(dir: &Path, limits: &Limits) -> Result<Option<Read>> {
    let Some(file) = IndexFile::open(dir)? else { return Ok(None) };
    let there = |pack| own::is_there(dir, pack);
    // Paths in it may name the directory as it is called from the root.
    let absolute = dir.canonicalize().map_err(|e| Error::io(e, "cannot open the cache").file(dir))?;
    Index::parse(file.bytes(limits)?, &absolute, &there, limits)
        .map(Some)
        .map_err(|e| e.file(dir.join("index")))
}

/// The files whose path is a key: in folders of two digits that are no links, regular.
pub(super) fn keyed(dir: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let digits = |text: &str| text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let fail = |e| Error::io(e, "cannot list the cache").file(dir);
    let mut found = BTreeMap::new();
    for shard in std::fs::read_dir(dir).map_err(fail)? {
        let shard = shard.map_err(fail)?;
        let name = shard.file_name();
        let Some(first) = name.to_str().filter(|n| n.len() == 2 && digits(n)) else { continue };
        if !shard.file_type().is_ok_and(|t| t.is_dir()) {
            continue;
        }
        let Ok(files) = std::fs::read_dir(shard.path()) else { continue };
        for file in files.flatten() {
            let name = file.file_name();
            let rest = name.to_str().and_then(|n| n.strip_suffix(".nco"));
            let Some(rest) = rest.filter(|r| r.len() == 38 && digits(r)) else { continue };
            if file.file_type().is_ok_and(|t| t.is_file()) {
                found.insert(format!("{first}{rest}"), file.path());
            }
        }
    }
    Ok(found)
}

/// What migrating came to.
#[derive(Debug, Default)]
pub struct Migrated {
    /// Entries that are in the new cache now.
    pub entries: u64,
    /// Those of them that were there before.
    pub known: u64,
    /// Entries that could not be read, by name: what the old cache has of them is no use to anybody.
    pub damaged: Vec<(String, Error)>,
}

/// Puts the entries of a cache directory of any layout into another directory, which becomes a cache in the mode of
/// the options where it is none yet. Pickles are copied as they are; each entry is read again where it was put. A
/// migration that was interrupted can be made again.
///
/// # Errors
/// `Usage` when `from` is no cache, or lies in `to` or around it; as opening a cache and [`Cache::put`].
pub fn migrate(from: &Path, to: &Path, options: &CacheOptions) -> Result<Migrated> {
    let limits = (options.limits)();
    let layout = layout_of(from, &limits)?
        .ok_or_else(|| Error::usage("is no cache of nengo's or of this program").file(from))?;
    let from = from.canonicalize().map_err(|e| Error::io(e, "cannot open the cache").file(from))?;
    let there = to.exists();
    let inside = |to: PathBuf| to.starts_with(&from) || from.starts_with(&to);
    let parent = to.parent().map(|p| if p.as_os_str().is_empty() { Path::new(".") } else { p });
    let place = if there { Some(to) } else { parent };
    if place
        .and_then(|p| p.canonicalize().ok())
        .is_some_and(|p| if there { inside(p) } else { p.starts_with(&from) })
    {
        return Err(Error::usage(format!("lies in {}, or around it", from.display())).file(to));
    }
    let old = entries(&from, layout, options, &limits)?;
    let new = Cache::open(to, &CacheOptions { commit: Commit::Flush, readonly: false, ..options.clone() })?;
    let mut done = Migrated::default();
    copy_all(&from, old, &new, options, &mut done)?;
    Ok(done)
}

/// Puts objects of an old cache into a new one, and reads each again where it was put; those that are there already
/// stay.
pub(super) fn copy_all(
    from: &Path,
    old: impl IntoIterator<Item = (String, Old)>,
    new: &Cache,
    options: &CacheOptions,
    done: &mut Migrated,
) -> Result<()> {
    let mut put = Vec::new();
    for (name, object) in old {
        let Some(key) = Key::named(&name) else {
            let e = Error::unsupported("a key of this name is none here");
            done.damaged.push((name, e));
            continue;
        };
        if matches!(new.lookup(&key)?, Lookup::Hit(_)) {
            done.entries += 1;
            done.known += 1;
            continue;
        }
        match object.copy(from, new, &key, options) {
            Ok(()) => put.push(key),
            // What is wrong with the new cache stops everything, what is wrong with an entry only this one.
            Err(Failed::New(e)) => return Err(e),
            Err(Failed::Old(e)) => done.damaged.push((name, e)),
        }
        if put.len() as u64 >= BATCH {
            done.entries += check(new, &mut put)?;
        }
    }
    done.entries += check(new, &mut put)?;
    Ok(())
}

/// Commits what was put, and reads it again.
fn check(new: &Cache, put: &mut Vec<Key>) -> Result<u64> {
    new.flush()?;
    let n = put.len() as u64;
    for key in put.drain(..) {
        match new.lookup(&key)? {
            Lookup::Hit(_) => {}
            Lookup::Damaged(e) => return Err(e),
            Lookup::Miss => {
                let what = format!("entry {key} was put and is gone: another program is emptying the cache");
                return Err(Error::conflict(what).file(new.dir()));
            }
        }
    }
    Ok(n)
}

/// An object of an old cache.
pub(super) enum Old {
    File(PathBuf),
    Packed(Place),
}

enum Failed {
    Old(Error),
    New(Error),
}

impl Old {
    /// Puts the object into a new cache.
    fn copy(&self, from: &Path, new: &Cache, key: &Key, options: &CacheOptions) -> Result<(), Failed> {
        let limits = (options.limits)();
        let (open, path, start) = match self {
            Old::File(path) => (own::no_follow().read(true).open(path), path.clone(), 0),
            Old::Packed(place) => (own::open(from, place.pack), place.pack.path(from), place.start),
        };
        let file = open.map_err(|e| Failed::Old(Error::io(e, "cannot open").file(&path)))?;
        let source = FileSource::from_file(file, &path);
        let read = || {
            let entry = Entry::open(&source, start)?;
            let end = entry.header().array.end;
            if let Old::Packed(place) = self
                && place.end != end
            {
                let what = format!("the index has the object end at byte {}, its header at {end}", place.end);
                return Err(Error::invalid(what).at(start));
            }
            // A pickle that cannot be read is no entry.
            entry.metadata(&source, options.policy, &limits)?;
            let pickle = entry.pickle(&source, &limits)?.into_owned();
            let array = entry.array(&source, &Selection::ALL, &limits)?.into_owned()?;
            Ok((pickle, array))
        };
        let (pickle, array) = read().map_err(|e: Error| Failed::Old(e.file(&path)))?;
        new.put_pickle(key, &pickle, &array).map_err(|e| match e.kind() {
            Kind::Unsupported => Failed::Old(e),
            _ => Failed::New(e),
        })
    }
}

/// The entries of a directory, by name.
fn entries(
    dir: &Path,
    layout: Layout,
    options: &CacheOptions,
    limits: &Limits,
) -> Result<BTreeMap<String, Old>> {
    let mut all = BTreeMap::new();
    let mut packed = |name: &str, place: Place| {
        all.insert(name.to_owned(), Old::Packed(place));
    };
    match layout {
        Layout::Keyed => {
            return Ok(keyed(dir)?.into_iter().map(|(key, path)| (key, Old::File(path))).collect());
        }
        Layout::Unversioned => {
            if let Some(Read::Legacy(index)) = index(dir, limits)? {
                index.each(&mut packed);
            }
        }
        Layout::Current(_) => {
            let old = Cache::open(dir, &CacheOptions { readonly: true, ..options.clone() })?;
            old.write().refresh(None)?;
            old.read().each(&mut packed);
        }
    }
    Ok(all)
}
