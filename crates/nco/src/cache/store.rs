//! What a mode has to do: hold the names of entries and where they lie, durably, for many processes at once.
//!
//! The rest is common: packs ([`packs`](super::packs)), reading ([`entry`](super::entry)), the lock
//! ([`lock`](super::lock)), deletion ([`own`](super::own)), and what a cache does with all of them ([`Cache`]).
//!
//! [`Cache`]: super::Cache

use super::Mode;
use super::key::Key;
use super::lock::Lock;
use super::name::PackName;
use hyperslab_core::Result;
use std::collections::HashSet;

/// Where an entry lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The pack file.
    pub pack: PackName,
    /// Where the object's header starts.
    pub start: u64,
    /// Where the object ends.
    pub end: u64,
}

/// A change of a directory's entries, made as a whole: what is removed goes first, then the new ones come.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Entries to remove, if they still lie there.
    pub(crate) removed: Vec<(Key, Place)>,
    /// Packs whose entries are to be removed, all of them.
    pub(crate) packs: HashSet<PackName>,
    /// New entries, in the order of their arrival; the last of a key stays.
    pub(crate) put: Vec<(Key, Place)>,
}

/// The entries of a directory, as one mode keeps them.
///
/// A store is opened without reading anything; [`refresh`](Store::refresh) reads. Others, in other processes too,
/// commit at any time between two calls, and during any call that is not given the lock.
pub(crate) trait Store: Send + Sync {
    /// Which mode it is.
    fn mode(&self) -> Mode;

    /// Takes in what others committed since the last time; cheap when that is nothing. Whether anything may have
    /// changed. A `Conflict` where something has to be mended, and the lock is not given.
    fn refresh(&mut self, lock: Option<&Lock>) -> Result<bool>;

    /// Where an entry lies, as far as the last refresh knows.
    fn find(&self, key: &Key) -> Option<Place>;

    /// How many entries there are.
    fn len(&self) -> usize;

    /// Every entry, in no order.
    fn each(&self, visit: &mut dyn FnMut(&str, Place));

    /// Makes a change that is on the disk when this returns, and takes in what others committed on the way. The data
    /// of new entries is on the disk already. A change of nothing writes nothing.
    fn commit(&mut self, lock: &Lock, changes: &Changes) -> Result<()>;

    /// How many entries came back from the packs, if what held the names was lost and made again by this store.
    fn mended(&self) -> usize {
        0
    }

    /// What is wrong with the file that holds the names, as far as entries may be missing for it.
    fn damage(&self) -> Result<Option<String>> {
        Ok(None)
    }

    /// Bytes of the files that hold the names.
    fn bytes(&self) -> u64;
}
