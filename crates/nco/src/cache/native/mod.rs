//! The native mode: the file `index` of a directory is a journal of keys and places, appended to by every writer.
//!
//! Readers need no lock and parse little: a header, the records since the last compaction, and then what they ask
//! for. A writer appends under the lock by one write behind everything that is there, and syncs; what it appended is
//! never changed. When the records behind the table have become many, the next writer writes a new file, with a table
//! of everything, and renames it over the old one: who has that open notices at its next look, since the name leads
//! elsewhere. Packs are those of the shared mode. When a pack was used last is what its file's times say, as there.
//!
//! # The journal, byte by byte (as in `docs/cache-journal.md`)
//!
//! All numbers are little-endian but UUIDs; offsets count from the start of the file. `XXH3` is its 64-bit form with a
//! seed; checksums are its low 32 bits. *Salt* is a number drawn at random for each file.
//!
//! | header | bytes | |
//! |---|---|---|
//! | 0 | 16 | `80 02 4a 4e 43 4a 00 4b 01 86 71 00 2e 00 00 00`: a pickled tuple, which nengo takes for the version of an index that is too new for it; byte 8 is this format's version, 1 |
//! | 16 | 8 | generation: how often the journal was written anew, from 1 |
//! | 24 | 8 | salt |
//! | 32 | 8 | where the table starts, a multiple of 8, at least 64 |
//! | 40 | 8 | blocks of the table, 512 bytes each |
//! | 48 | 8 | entries that the table leads to |
//! | 56 | 4 | zeros |
//! | 60 | 4 | checksum of the 60 bytes before, seed 0 |
//!
//! Records follow up to the table, and behind it up to the end of the file. A record starts at a multiple of 8 and has
//! 8 to 512 bytes, a multiple of 8, zeros at its end:
//!
//! | record | bytes | |
//! |---|---|---|
//! | 0 | 4 | checksum of its bytes from 4 on, seed: salt + offset of the record |
//! | 4 | 2 | its length |
//! | 6 | 1 | kind |
//! | 7 | 1 | length of the key, else 0 |
//! | 8 | .. | by kind |
//!
//! | kind | | |
//! |---|---|---|
//! | 1 | pack | UUID of the file's name, 16 bytes big-endian: records refer to it by the offset of this record |
//! | 2 | put | offset of the pack's record, start, end of the object in it (8 bytes each), key |
//! | 3 | delete | key |
//! | 4 | gone | offset of the pack's record (8 bytes): the file is deleted, and all its entries |
//!
//! Keys are UTF-8, in the form in which extension blocks hold them. A later record counts more than an earlier one.
//! Where no sound record starts, the next multiple of 8 is looked at: damage, and what a killed writer left, cost
//! themselves alone. Bytes behind the last sound record are no damage: somebody may be writing them.
//!
//! A block of the table is 512 bytes:
//!
//! | block | bytes | |
//! |---|---|---|
//! | 0 | 4 | checksum of its bytes from 4 on, seed: salt + offset of the block |
//! | 4 | 2 | slots taken, at most 42 |
//! | 6 | 2 | 1: keys that belong here are in the next block too (behind the last comes the first) |
//! | 8 | 504 | slots: the low half of the key's hash (4 bytes), offset of its put record (8 bytes) |
//!
//! The hash of a key is XXH3 seeded with the salt; its block is `hash * blocks / 2^64`. Every put record before the
//! table is in it once. Where a block is damaged, all records are read instead.

mod hash;
mod header;
mod journal;
mod record;
mod scan;
mod snapshot;
mod storage;
mod table;
#[doc(hidden)]
pub mod testing;
#[cfg(test)]
mod tests;

pub(crate) use header::{is_journal, was_journal};

use super::key::Key;
use super::lock::{Lock, is_at};
use super::name::PackName;
use super::own::{no_follow, sync_dir};
use super::shared::INDEX;
use super::shared::file::{self, IndexFile};
use super::store::{Changes, Place, Store};
use super::{CacheOptions, Mode, is_gone, mode_of, rebuild};
use hyperslab_core::source::FileSource;
use hyperslab_core::{Error, Kind, Limits, Result};
use journal::{Append, At, Journal};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use storage::Storage as _;

/// The names of a directory, in a journal.
pub(crate) struct Native {
    dir: PathBuf,
    path: PathBuf,
    readonly: bool,
    limits: fn() -> Limits,
    journal: Option<Journal<FileSource>>,
    /// A sync has not succeeded: what the file holds may never reach the disk, so the next commit writes another.
    doubtful: bool,
    /// Whether the journal's name is on the disk: who renamed it may have been killed before making sure.
    named: bool,
    /// How many entries came back when the journal was made again.
    mended: usize,
}

impl Native {
    /// Opens a directory. A journal that is not there is made now, under the lock; one that is there is read when it
    /// is needed.
    ///
    /// # Errors
    /// `Usage` where a name that is needed belongs to somebody else, `Conflict` for a lock that others hold, `Io`.
    pub(crate) fn open(dir: &Path, options: &CacheOptions) -> Result<Native> {
        let mut native = Native {
            dir: dir.to_path_buf(),
            path: dir.join(INDEX),
            readonly: options.readonly,
            limits: options.limits,
            journal: None,
            doubtful: false,
            named: false,
            mended: 0,
        };
        if !native.readonly && native.path.symlink_metadata().is_err() {
            file::nothing_foreign(dir)?;
            let lock = Lock::take(dir, options.patience)?;
            native.load(Some(&lock))?;
        }
        Ok(native)
    }

    /// Takes in what the journal of the directory says now. One that is missing or damaged is made again from what
    /// the packs say of themselves; without the lock that is a `Conflict`.
    fn load(&mut self, lock: Option<&Lock>) -> Result<bool> {
        let known = self.journal.as_mut().filter(|j| is_at(j.storage().file(), &self.path));
        let found = match known {
            Some(journal) => journal.refresh(),
            None => self.read().map(|()| true),
        };
        let e = match found {
            Err(e) if is_damage(&e) && !self.readonly => e,
            Err(e) if is_gone(&e) => return Err(Error::invalid("the journal is missing").file(&self.path)),
            other => return other.map_err(|e| e.file(&self.path)),
        };
        self.journal = None;
        if mode_of(&self.dir) == Some(Mode::Shared) {
            let what = "is no journal any more: another program has made the directory's index anew";
            return Err(Error::conflict(what).file(&self.path).hint("open the cache again"));
        }
        let Some(lock) = lock else {
            return Err(Error::conflict("the journal has to be made anew under the lock").file(&self.path));
        };
        if e.kind() == Kind::Invalid {
            file::set_aside(&self.dir, file::DAMAGED)?;
        }
        self.renew(Vec::new(), true, lock)?;
        self.mended = self.len();
        Ok(true)
    }

    fn read(&mut self) -> Result<()> {
        let meta = self.path.symlink_metadata();
        if let Ok(meta) = &meta
            && !meta.is_file()
        {
            return Err(file::no_index(meta.file_type()).file(&self.path));
        }
        let file = meta.and_then(|_| no_follow().read(true).write(!self.readonly).open(&self.path));
        let file = file.map_err(|e| Error::io(e, "cannot open the journal").file(&self.path))?;
        self.journal = Some(Journal::open(FileSource::from_file(file, &self.path))?);
        self.named = false;
        Ok(())
    }

    /// Writes the journal anew; `search`: with what the packs say of themselves where it says nothing.
    fn renew(&mut self, mut entries: Vec<(Box<str>, At)>, search: bool, lock: &Lock) -> Result<()> {
        let generation = self.journal.as_ref().map_or(0, |j| j.header().generation).saturating_add(1);
        if search {
            let mut all: HashMap<Box<str>, At> = rebuild::objects(&self.dir, &(self.limits)())?
                .named
                .into_iter()
                .map(|(key, place)| (key.name().into(), at_of(place)))
                .collect();
            all.extend(entries);
            entries = all.into_iter().collect();
        }
        let bytes = snapshot::snapshot(entries, generation)?;
        // First: where the journal is lost, this says that there was one.
        lock.say_native(&self.dir)?;
        self.doubtful = true;
        let file = IndexFile::replace(&self.dir, &bytes)?;
        self.journal = Some(Journal::open(file.into_source())?);
        (self.doubtful, self.named) = (false, true);
        Ok(())
    }

    /// Writes the journal anew from what it says.
    fn compact(&mut self, lock: &Lock) -> Result<()> {
        let Some(journal) = &self.journal else { return Ok(()) };
        let mut entries = Vec::new();
        journal.each(&mut |key, at| {
            entries.push((key.into(), at));
            Ok(())
        })?;
        let search = journal.lacks_entries();
        self.renew(entries, search, lock)
    }
}

impl Store for Native {
    fn mode(&self) -> Mode {
        Mode::Native
    }

    fn refresh(&mut self, lock: Option<&Lock>) -> Result<bool> {
        self.load(lock)
    }

    fn find(&self, key: &Key) -> Option<Place> {
        // A journal that cannot be read now finds nothing; the refresh that follows a miss says why.
        self.journal.as_ref()?.find(key.name()).ok().flatten().map(place_of)
    }

    fn len(&self) -> usize {
        let mut n = 0;
        self.each(&mut |_, _| n += 1);
        n
    }

    fn each(&self, visit: &mut dyn FnMut(&str, Place)) {
        if let Some(journal) = &self.journal {
            let _ = journal.each(&mut |key, at| {
                visit(key, place_of(at));
                Ok(())
            });
        }
    }

    fn commit(&mut self, lock: &Lock, changes: &Changes) -> Result<()> {
        self.load(Some(lock))?;
        if self.doubtful {
            self.compact(lock)?;
        }
        let Some(journal) = &mut self.journal else { return Ok(()) };
        let mut what = Append {
            gone: changes.packs.iter().map(|pack| pack.uuid()).collect(),
            put: changes.put.iter().map(|(key, place)| (key.name(), at_of(*place))).collect(),
            ..Append::default()
        };
        for (key, place) in &changes.removed {
            if journal.find(key.name())? == Some(at_of(*place)) {
                what.delete.push(key.name());
            }
        }
        if !journal.append(&what).map_err(|e| e.file(&self.path))? {
            return Ok(());
        }
        self.doubtful = true;
        journal.storage().sync()?;
        if !self.named {
            sync_dir(&self.dir)?;
        }
        (self.doubtful, self.named) = (false, true);
        if journal.is_worn() {
            // The change is made already; what cannot be written now is written by the next writer.
            let _ = self.compact(lock);
        }
        Ok(())
    }

    fn mended(&self) -> usize {
        self.mended
    }

    fn damage(&self) -> Result<Option<String>> {
        self.journal.as_ref().map_or(Ok(None), Journal::damage)
    }

    fn bytes(&self) -> u64 {
        self.journal.as_ref().map_or(0, Journal::seen)
    }
}

/// Whether the journal is missing or damaged, so that another takes its place.
fn is_damage(e: &Error) -> bool {
    e.kind() == Kind::Invalid || is_gone(e)
}

fn at_of(place: Place) -> At {
    At { pack: place.pack.uuid(), start: place.start, end: place.end }
}

fn place_of(at: At) -> Place {
    Place { pack: PackName::of_uuid(at.pack), start: at.start, end: at.end }
}
