//! The directory as nengo has it, shared with nengo processes at the same time.
//!
//! The index is replaced as a whole, by `index.part` and a rename, under the lock, from what it is at that moment:
//! nengo does the same, so neither loses what the other wrote. It is there before any pack is: nengo empties a
//! directory that has none. Source: `nengo/cache.py` of nengo 4.1.

pub(super) mod file;
pub(super) mod index;
mod rows;
mod scan;

use super::key::Key;
use super::lock::{LOCK, Lock};
use super::own;
use super::store::{Changes, Place, Store};
use super::{CacheOptions, Mode};
use file::IndexFile;
use hyperslab_core::{Error, Kind, Limits, Result};
use index::{Index, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The index's file.
pub(crate) const INDEX: &str = "index";

/// The names of a directory that nengo uses too.
pub(crate) struct Shared {
    dir: PathBuf,
    readonly: bool,
    patience: Duration,
    limits: fn() -> Limits,
    /// The index as it was read last.
    index: Index,
    /// The file that it was read from, held open: as long as it is, no other file can be taken for it.
    file: Option<IndexFile>,
    /// How many entries came back when the index was made again.
    mended: usize,
}

impl Shared {
    /// Opens a directory. An index that is not there is made now, under the lock; one that is there is read when it
    /// is needed.
    ///
    /// # Errors
    /// `Conflict` for a lock that others hold, `Io`.
    pub(crate) fn open(dir: &Path, options: &CacheOptions) -> Result<Shared> {
        let mut shared = Shared {
            dir: dir.to_path_buf(),
            readonly: options.readonly,
            patience: options.patience,
            limits: options.limits,
            index: Index::default(),
            file: None,
            mended: 0,
        };
        let is_there = |name| dir.join(name).symlink_metadata().is_ok();
        if shared.readonly {
            return Ok(shared);
        }
        if !is_there(INDEX) {
            file::nothing_foreign(dir)?;
            let lock = Lock::take(dir, shared.patience)?;
            shared.load(Some(&lock))?;
        } else if !is_there(LOCK) {
            // Nobody has ever locked it: it may be a file of this name and no more. The lock is left to be made until
            // that is known, since a file that is locked and damaged is made again.
            match shared.load(None) {
                Err(e) if e.kind() == Kind::Conflict => {
                    let lock = Lock::take(dir, shared.patience)?;
                    shared.load(Some(&lock))?;
                }
                other => drop(other?),
            }
        }
        Ok(shared)
    }

    /// Reads the index, if it is another than the one that was read last. One that is missing, damaged or of an older
    /// version is made again; without the lock that is a `Conflict`.
    fn load(&mut self, lock: Option<&Lock>) -> Result<bool> {
        let found = IndexFile::open(&self.dir)?;
        if let (Some(file), Some(found)) = (&self.file, &found)
            && file.is_same(found)
        {
            return Ok(false);
        }
        let parsed = match &found {
            None => Err(Error::invalid("the index is missing").file(self.dir.join(INDEX))),
            Some(found) => self.parse(found),
        };
        let lost = match parsed {
            Ok(Read::Current(index)) => {
                (self.index, self.file) = (index, found);
                return Ok(true);
            }
            Ok(Read::Legacy(index)) if self.readonly => {
                (self.index, self.file) = (index, found);
                return Ok(true);
            }
            Ok(Read::Legacy(index)) => Ok(index),
            Err(e)
                if e.kind() == Kind::Invalid
                    && !self.readonly
                    && file::is_cache(&self.dir, found.is_some()) =>
            {
                Err(e)
            }
            Err(e) => return Err(e),
        };
        let Some(lock) = lock else {
            return Err(Error::conflict("the index has to be made anew under the lock").file(&self.dir));
        };
        self.index = match lost {
            Ok(legacy) => {
                file::set_aside(&self.dir, file::OLDER)?;
                legacy
            }
            Err(_) => {
                if found.is_some() {
                    file::set_aside(&self.dir, file::DAMAGED)?;
                }
                // What was read while it was sound is as good as ever, also entries that carry no keys.
                let mut index = std::mem::take(&mut self.index);
                let put = super::rebuild::objects(&self.dir, &(self.limits)())?.named;
                index.apply(&Changes { put, ..Changes::default() }, &self.dir)?;
                self.mended = index.len();
                index
            }
        };
        self.write(lock)?;
        Ok(true)
    }

    fn parse(&self, found: &IndexFile) -> Result<Read> {
        let limits = (self.limits)();
        let bytes = found.bytes(&limits)?;
        let there = |pack| own::is_there(&self.dir, pack);
        Index::parse(bytes, &self.dir, &there, &limits).map_err(|e| e.file(self.dir.join(INDEX)))
    }

    fn write(&mut self, lock: &Lock) -> Result<()> {
        self.file = Some(IndexFile::replace(&self.dir, &self.index.emit(&self.dir)?)?);
        lock.say_shared(&self.dir)
    }
}

impl Store for Shared {
    fn mode(&self) -> Mode {
        Mode::Shared
    }

    fn refresh(&mut self, lock: Option<&Lock>) -> Result<bool> {
        self.load(lock)
    }

    fn find(&self, key: &Key) -> Option<Place> {
        self.index.find(key)
    }

    fn len(&self) -> usize {
        self.index.len()
    }

    fn each(&self, visit: &mut dyn FnMut(&str, Place)) {
        self.index.each(visit);
    }

    fn commit(&mut self, lock: &Lock, changes: &Changes) -> Result<()> {
        self.load(Some(lock))?;
        let committed = match self.index.apply(changes, &self.dir) {
            Ok(true) => self.write(lock),
            other => other.map(drop),
        };
        if committed.is_err() {
            // What is in memory was not written.
            self.file = None;
        }
        committed
    }

    fn mended(&self) -> usize {
        self.mended
    }

    fn bytes(&self) -> u64 {
        self.dir.join(INDEX).symlink_metadata().map_or(0, |m| m.len())
    }
}
