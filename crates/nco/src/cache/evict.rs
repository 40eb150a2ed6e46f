//! A cache made smaller: entries removed, whole packs deleted by how long ago they were used.
//!
//! Names go first and files after, both under the lock: whoever is killed between leaves files that no name leads to,
//! never names that lead nowhere.

use super::own::{self, PackFile};
use super::store::Changes;
use super::{Cache, Key};
use hyperslab_core::Result;
use std::collections::HashSet;

/// What a cache takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Pack files.
    pub packs: u64,
    /// Entries that have names.
    pub entries: u64,
    /// Bytes that the packs take on the disk: each file rounded up to whole blocks, as nengo counts. This is what
    /// [`Cache::shrink`] compares with its limit.
    pub bytes: u64,
    /// Bytes of the files that hold the names.
    pub index_bytes: u64,
}

/// What shrinking came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shrunk {
    /// Pack files deleted.
    pub packs: u64,
    /// Entries whose names were removed.
    pub entries: u64,
    /// Bytes gained, in whole blocks.
    pub bytes: u64,
    /// Bytes that the packs take now.
    pub left: u64,
}

impl Cache {
    /// What the cache takes.
    ///
    /// # Errors
    /// `Io` and `Invalid` for the directory and its index.
    pub fn size(&self) -> Result<Size> {
        self.refresh()?;
        let files = own::list(&self.dir)?;
        let block = own::block_size(&self.dir);
        let store = self.read();
        Ok(Size {
            packs: files.len() as u64,
            entries: store.len() as u64,
            bytes: files.iter().map(|f| on_disk(f, block)).sum(),
            index_bytes: store.bytes(),
        })
    }

    /// Removes the entry of a key. Whether there was one. A pack in which nothing is left is deleted; otherwise the
    /// bytes stay until their pack goes, and [`Cache::recover`] would find them.
    ///
    /// # Errors
    /// As [`Cache::put`].
    pub fn remove(&self, key: &Key) -> Result<bool> {
        self.writable()?;
        self.flush()?;
        let lock = self.lock()?;
        let mut store = self.write();
        store.refresh(Some(&lock))?;
        let Some(place) = store.find(key) else { return Ok(false) };
        store.commit(&lock, &Changes { removed: vec![(key.clone(), place)], ..Changes::default() })?;
        // An entry that lies alone takes its file with it: it starts it, and ends it.
        if place.start == 0
            && own::open(&self.dir, place.pack)
                .is_ok_and(|f| f.metadata().is_ok_and(|m| m.len() == place.end))
        {
            own::delete(&self.dir, place.pack)?;
        }
        Ok(true)
    }

    /// Removes every entry and deletes every pack.
    ///
    /// # Errors
    /// As [`Cache::put`].
    pub fn invalidate(&self) -> Result<Shrunk> {
        self.evict(|_, _| u64::MAX)
    }

    /// Deletes packs, those first that were not used for the longest time, until the rest takes at most `limit`
    /// bytes on the disk. The entries in them are removed.
    ///
    /// # Errors
    /// As [`Cache::put`].
    pub fn shrink(&self, limit: u64) -> Result<Shrunk> {
        self.evict(|bytes, _| bytes.saturating_sub(limit))
    }

    /// Deletes packs until so many bytes are gained as are said to be too many.
    fn evict(&self, excess: impl FnOnce(u64, &[PackFile]) -> u64) -> Result<Shrunk> {
        self.writable()?;
        self.flush()?;
        self.session().end_pack();
        let lock = self.lock()?;
        let mut files = own::list(&self.dir)?;
        let block = own::block_size(&self.dir);
        let mut left: u64 = files.iter().map(|f| on_disk(f, block)).sum();
        let mut excess = excess(left, &files);
        if excess == 0 {
            return Ok(Shrunk { left, ..Shrunk::default() });
        }
        files.sort_unstable_by_key(|f| (f.used, f.bytes, f.name));
        let mut victims = Vec::new();
        let mut gained = 0;
        let mut rest = files.as_slice();
        while excess > 0 && !rest.is_empty() {
            let mut sum = 0u64;
            let enough = |f: &PackFile| {
                sum = sum.saturating_add(on_disk(f, block));
                sum >= excess
            };
            let n = rest.iter().position(enough).map_or(rest.len(), |i| i + 1);
            let (taken, left) = rest.split_at_checked(n).unwrap_or((rest, &[]));
            rest = left;
            // A file of this name that holds no object is not the cache's: others go in its place.
            for file in own::own_of(&self.dir, taken.to_vec()) {
                let bytes = on_disk(&file, block);
                excess = excess.saturating_sub(bytes);
                gained += bytes;
                victims.push(file.name);
            }
        }
        victims.sort_unstable();
        let mut store = self.write();
        store.refresh(Some(&lock))?;
        let before = store.len();
        let packs: HashSet<_> = victims.iter().copied().collect();
        let changes = Changes { packs, ..Changes::default() };
        store.commit(&lock, &changes)?;
        let entries = before.saturating_sub(store.len()) as u64;
        own::delete_checked(&self.dir, &victims)?;
        left = left.saturating_sub(gained);
        Ok(Shrunk { packs: victims.len() as u64, entries, bytes: gained, left })
    }
}

fn on_disk(file: &PackFile, block: u64) -> u64 {
    file.bytes.checked_next_multiple_of(block.max(1)).unwrap_or(u64::MAX)
}
