//! What one open cache has put: the pack that it appends to, and the entries that no index names yet.

use super::entry::Window;
use super::key::Key;
use super::packs::PackWriter;
use super::store::Place;
use hyperslab_core::source::FileSource;
use hyperslab_core::{Error, Limits, Result, View};
use std::collections::HashMap;
use std::path::Path;

/// A pack is closed when it is this long: a cache is shrunk by whole packs.
const FULL: u64 = 64 << 20;

/// Entries that were written and are named nowhere yet.
#[derive(Debug, Default)]
pub(crate) struct Session {
    pack: Option<PackWriter>,
    /// In the order of their arrival.
    pending: Vec<(Key, Place)>,
    /// The last place of each of them.
    latest: HashMap<Key, Place>,
    /// How many were ever written.
    written: u64,
    /// How many of those are committed.
    committed: u64,
}

/// What there is to commit.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// The entries, in the order of their arrival.
    pub(crate) entries: Vec<(Key, Place)>,
    upto: u64,
}

impl Session {
    /// Writes an entry, and says which number it has.
    pub(crate) fn append(&mut self, dir: &Path, key: &Key, pickle: &[u8], array: &View<'_>) -> Result<u64> {
        if self.pending.is_empty() && self.pack.as_ref().is_some_and(|p| p.len() >= FULL || !p.is_there()) {
            self.pack = None;
        }
        let pack = match &mut self.pack {
            Some(pack) => pack,
            none => none.insert(PackWriter::create(dir)?),
        };
        let place = pack.append(key, pickle, array)?;
        self.pending.push((key.clone(), place));
        self.latest.insert(key.clone(), place);
        self.written += 1;
        Ok(self.written)
    }

    /// Where an entry lies that is not committed yet.
    pub(crate) fn find(&self, key: &Key) -> Option<Place> {
        self.latest.get(key).copied()
    }

    /// Whether an entry is committed.
    pub(crate) fn is_committed(&self, number: u64) -> bool {
        self.committed >= number
    }

    /// The number of the last entry.
    pub(crate) fn last(&self) -> u64 {
        self.written
    }

    /// Brings the data of what is pending to the disk.
    pub(crate) fn sync(&mut self) -> Result<()> {
        match &mut self.pack {
            Some(pack) if !self.pending.is_empty() => pack.sync(),
            _ => Ok(()),
        }
    }

    /// What is to be committed now.
    pub(crate) fn batch(&self) -> Batch {
        Batch { entries: self.pending.clone(), upto: self.written }
    }

    /// Sees to it that the pack of what is pending has its name, now that others are locked out: if a cache was shrunk
    /// meanwhile, the entries are copied from the file that is still open.
    pub(crate) fn rescue(&mut self, dir: &Path, limits: &Limits) -> Result<()> {
        let Some(old) = self.pack.as_ref().filter(|p| !self.pending.is_empty() && !p.is_there()) else {
            return Ok(());
        };
        let mut new = PackWriter::create(dir)?;
        let mut moved = Vec::with_capacity(self.pending.len());
        let file = old.file().try_clone();
        let file = file.map_err(|e| Error::io(e, "cannot copy what was put").file(old.path()))?;
        let source = FileSource::from_file(file, old.path());
        for (key, place) in &self.pending {
            let window = Window::read(&source, *place, limits)?;
            moved.push((key.clone(), new.copy(key, &window, limits)?));
        }
        new.sync()?;
        self.latest = moved.iter().cloned().collect();
        self.pending = moved;
        self.pack = Some(new);
        Ok(())
    }

    /// A batch is committed.
    pub(crate) fn done(&mut self, batch: &Batch) {
        self.pending.drain(..batch.entries.len().min(self.pending.len()));
        self.committed = self.committed.max(batch.upto);
        match self.pending.is_empty() {
            true => self.latest.clear(),
            false => self.latest = self.pending.iter().cloned().collect(),
        }
    }

    /// Ends the pack that is being written: the next entry starts another.
    pub(crate) fn end_pack(&mut self) {
        if self.pending.is_empty() {
            self.pack = None;
        }
    }
}
