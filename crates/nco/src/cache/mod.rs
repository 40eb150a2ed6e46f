//! The cache: a directory of packs and the names of their entries, used by many processes at once.
//!
//! | file | what it knows |
//! |---|---|
//! | [`mod@key`] | keys, their names, a key made of arrays and parameters |
//! | `name.rs`, `own.rs` | names of pack files; which files are the cache's own, and their deletion |
//! | `packs.rs`, `entry.rs` | a pack being written; an entry read and checked |
//! | `lock.rs`, `mode.rs` | one writer of names at a time; which mode a directory has, whatever is damaged |
//! | `store.rs` | what a mode has to do; `shared/` and `native/` do it |
//! | `legacy.rs`, `upgrade.rs` | older layouts of nengo's, and a cache put into another; one made anew where it lies |
//! | `session.rs` | what was put and is not committed yet |
//! | `evict.rs`, `contents.rs`, `compact.rs`, `recover.rs` | a cache made smaller; listed and checked; its packs put together or apart; its names found again |
//!
//! A directory has one of two modes, chosen when it is made. *Shared*: nengo's own format (2.3 to 4.1), read and
//! written by nengo at the same time. *Native*: the same packs with a journal of keys, for size and speed.
//!
//! What holds in both: when [`Cache::put`] has returned, the entry is on the disk and every process finds it. A
//! damaged entry is a miss. Nothing but the cache's own files is ever deleted. Metadata is never executed.

mod compact;
mod contents;
mod entry;
mod evict;
mod folder;
pub mod key;
mod legacy;
mod lock;
mod mode;
mod name;
mod native;
mod own;
mod packs;
mod rebuild;
mod recover;
mod session;
mod shared;
mod store;
mod upgrade;

pub use compact::Packed;
pub use contents::{Checked, Listed, PackState, Problem};
pub use evict::{Shrunk, Size};
pub use key::{Key, KeyHasher};
pub use legacy::{Layout, Migrated, layout_of, migrate};
pub use mode::{Mode, is_cache, mode_of};
pub use name::PackName;
#[doc(hidden)]
pub use native::testing as journal_testing;
pub use own::PackFile;
pub use recover::Recovered;
pub use store::Place;
pub use upgrade::{Upgraded, upgrade};

use crate::object::Object;
use hyperslab_core::source::FileSource;
use hyperslab_core::{Error, Kind, Limits, Result, Value, View};
use hyperslab_pickle::Policy;
use lock::Lock;
use session::Session;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;
use store::{Changes, Store};

/// When what is put becomes durable, and visible to other processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Commit {
    /// Before [`Cache::put`] returns.
    #[default]
    Put,
    /// When [`Cache::flush`] returns. The cache itself finds its entries before.
    Flush,
}

/// How a cache is used.
#[derive(Clone, Debug)]
pub struct CacheOptions {
    /// The mode of a directory that is made; one that is there has its own.
    pub mode: Mode,
    /// Nothing is written: no entry, no index, no mark of use.
    pub readonly: bool,
    /// When entries become durable.
    pub commit: Commit,
    /// Arrays of entries of 1 MiB and more are views over their pack, mapped, which others may delete, but not shorten
    /// or write over: neither nengo nor this crate does. On file systems of several machines they are copied.
    pub map: bool,
    /// How long others are waited for.
    pub patience: Duration,
    /// What becomes of metadata of classes that are not known: a miss, or an inert record.
    pub policy: Policy,
    /// What reading one entry, or the index, may take.
    pub limits: fn() -> Limits,
}

impl Default for CacheOptions {
    fn default() -> Self {
        CacheOptions {
            mode: Mode::default(),
            readonly: false,
            commit: Commit::default(),
            map: true,
            patience: Duration::from_secs(60),
            policy: Policy::Inspect,
            limits: Limits::default,
        }
    }
}

/// What was found under a key.
#[derive(Debug)]
pub enum Lookup {
    /// The entry.
    Hit(Box<Object<'static>>),
    /// Nothing.
    Miss,
    /// Something that is no sound entry: for a cache, nothing.
    Damaged(Error),
}

/// An open cache directory, to be shared among threads.
///
/// ```
/// use hyperslab_core::{Value, View};
/// use hyperslab_nco::cache::{Cache, CacheOptions, Key};
///
/// # let dir = tempfile::tempdir().unwrap();
/// # let dir = dir.path();
/// let cache = Cache::open(dir, &CacheOptions::default())?;
/// let gains = View::from_slice([2], &[1.0, 2.0])?;
/// let key = Key::hash("solver 1").array(&gains)?.finish();
/// let solved = cache.get_or_compute(&key, || {
///     Ok((Value::map([("rmse", Value::Float(0.1))]), View::from_slice([2], &[0.5, 0.25])?.into_owned()?))
/// })?;
/// assert_eq!(solved.array.to_vec::<f64>()?, [0.5, 0.25]);
/// assert!(cache.get(&key)?.is_some());
/// # Ok::<(), hyperslab_core::Error>(())
/// ```
pub struct Cache {
    dir: PathBuf,
    options: CacheOptions,
    store: RwLock<Box<dyn Store>>,
    session: Mutex<Session>,
    /// Held by the one thread that commits for all.
    committing: Mutex<()>,
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cache")
            .field("dir", &self.dir)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Cache {
    /// Opens a cache directory in the mode that it has, or makes one in the mode of the options where there is none
    /// yet. The directory may hold other files; they stay as they are.
    ///
    /// # Errors
    /// `Invalid` or `Unsupported` for an index that cannot be read, `Usage` for a read-only cache that is not there,
    /// `Conflict` when others hold the lock for longer than the options' patience, `Io`.
    pub fn open(dir: impl AsRef<Path>, options: &CacheOptions) -> Result<Cache> {
        let dir = dir.as_ref();
        if !dir.exists() {
            if options.readonly {
                return Err(Error::usage("there is no cache here").file(dir));
            }
            std::fs::create_dir_all(dir).map_err(|e| Error::io(e, "cannot create the cache").file(dir))?;
        }
        // The index holds absolute paths, which nengo opens as they are.
        let dir = dir.canonicalize().map_err(|e| Error::io(e, "cannot open the cache").file(dir))?;
        let store: Box<dyn Store> = match mode_of(&dir).unwrap_or(options.mode) {
            Mode::Shared => Box::new(shared::Shared::open(&dir, options)?),
            Mode::Native => Box::new(native::Native::open(&dir, options)?),
        };
        Ok(Cache {
            dir,
            options: options.clone(),
            store: RwLock::new(store),
            session: Mutex::default(),
            committing: Mutex::default(),
        })
    }

    /// The directory, as an absolute path without links.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The mode of the directory.
    pub fn mode(&self) -> Mode {
        self.read().mode()
    }

    /// The entry of a key, if there is a sound one.
    ///
    /// # Errors
    /// `Io` and `Invalid` for the index. What is wrong with the entry alone makes it a miss; [`Cache::lookup`] says
    /// what it was.
    pub fn get(&self, key: &Key) -> Result<Option<Object<'static>>> {
        Ok(match self.lookup(key)? {
            Lookup::Hit(object) => Some(*object),
            Lookup::Miss | Lookup::Damaged(_) => None,
        })
    }

    /// What is found under a key.
    ///
    /// # Errors
    /// As [`Cache::get`].
    pub fn lookup(&self, key: &Key) -> Result<Lookup> {
        let pending = self.session().find(key);
        let known = pending.or_else(|| self.read().find(key));
        let Some(place) = known else { return self.lookup_again(key, None) };
        match self.load(key, place) {
            Ok(object) => Ok(Lookup::Hit(Box::new(object))),
            // Others may have moved it since the index was read.
            Err(e) => self.lookup_again(key, Some((place, e))),
        }
    }

    /// Looks at the index as it is now.
    fn lookup_again(&self, key: &Key, tried: Option<(Place, Error)>) -> Result<Lookup> {
        self.refresh()?;
        let place = self.read().find(key);
        Ok(match (place, tried) {
            (None, None) => Lookup::Miss,
            (None, Some((_, e))) if is_gone(&e) => Lookup::Miss,
            (None, Some((_, e))) => Lookup::Damaged(e),
            (Some(place), Some((before, e))) if place == before && !is_gone(&e) => Lookup::Damaged(e),
            (Some(place), _) => match self.load(key, place) {
                Ok(object) => Lookup::Hit(Box::new(object)),
                Err(e) if is_gone(&e) => Lookup::Miss,
                Err(e) => Lookup::Damaged(e),
            },
        })
    }

    fn load(&self, key: &Key, place: Place) -> Result<Object<'static>> {
        let path = place.pack.path(&self.dir);
        let file = own::open(&self.dir, place.pack).map_err(|e| Error::io(e, "cannot open").file(&path))?;
        let limits = (self.options.limits)();
        let file = FileSource::from_file(file, path);
        let object = entry::read(&file, key, place, self.options.map, self.options.policy, &limits)?;
        if !self.options.readonly {
            own::mark_used(file.file());
        }
        Ok(object)
    }

    /// Puts an entry, in the place of one that is there. Whether it is durable when this returns is said by the
    /// options: by default it is, and every process finds it.
    ///
    /// # Errors
    /// `Usage` for a read-only cache, `Unsupported` for what pickle or NPY cannot hold, `Conflict` when others hold
    /// the lock for longer than the options' patience, `Io`. The entry may then come with the next one.
    pub fn put(&self, key: &Key, metadata: &Value, array: &View<'_>) -> Result<()> {
        self.put_pickle(key, &hyperslab_pickle::dump(metadata)?, array)
    }

    /// As [`Cache::put`], with metadata that is pickled already.
    ///
    /// # Errors
    /// As [`Cache::put`].
    pub fn put_pickle(&self, key: &Key, pickle: &[u8], array: &View<'_>) -> Result<()> {
        self.writable()?;
        let number = self.session().append(&self.dir, key, pickle, array)?;
        match self.options.commit {
            Commit::Put => self.commit(number),
            Commit::Flush => Ok(()),
        }
    }

    /// The entry of a key; where there is none, or a damaged one, what `compute` makes is put and handed back.
    ///
    /// # Errors
    /// Those of `compute`; as [`Cache::put`].
    pub fn get_or_compute(
        &self,
        key: &Key,
        compute: impl FnOnce() -> Result<(Value, View<'static>)>,
    ) -> Result<Object<'static>> {
        if let Some(object) = self.get(key)? {
            return Ok(object);
        }
        let (metadata, array) = compute()?;
        if !self.options.readonly {
            self.put(key, &metadata, &array)?;
        }
        Ok(Object { metadata, array })
    }

    /// Commits what was put.
    ///
    /// # Errors
    /// As [`Cache::put`].
    pub fn flush(&self) -> Result<()> {
        let last = self.session().last();
        self.commit(last)
    }

    /// Returns when the entry of this number is committed, by this thread or by another for all.
    fn commit(&self, number: u64) -> Result<()> {
        let _turn = self.committing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.session().is_committed(number) {
            return Ok(());
        }
        // Others go on appending while this one waits for the lock; what they add is committed with it, if its data
        // is on the disk in time.
        self.session().sync()?;
        let lock = self.lock()?;
        let batch = {
            let mut session = self.session();
            session.rescue(&self.dir, &(self.options.limits)())?;
            session.sync()?;
            session.batch()
        };
        let changes = Changes { put: batch.entries.clone(), ..Changes::default() };
        self.write().commit(&lock, &changes)?;
        drop(lock);
        self.session().done(&batch);
        Ok(())
    }

    /// Takes in what others committed.
    fn refresh(&self) -> Result<()> {
        // The lock is never waited for while the store is held: who has the lock may be waiting for the store.
        let refreshed = self.write().refresh(None);
        match refreshed {
            Err(e) if e.kind() == Kind::Conflict && !self.options.readonly => {
                let lock = self.lock()?;
                self.write().refresh(Some(&lock)).map(drop)
            }
            other => other.map(drop),
        }
    }

    fn lock(&self) -> Result<Lock> {
        Lock::take(&self.dir, self.options.patience)
    }

    fn writable(&self) -> Result<()> {
        match self.options.readonly {
            true => Err(Error::usage("the cache is open for reading only").file(&self.dir)),
            false => Ok(()),
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Box<dyn Store>> {
        self.store.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Box<dyn Store>> {
        self.store.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn session(&self) -> MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Cache {
    /// Commits what was put. Errors are lost here: [`Cache::flush`] tells them.
    fn drop(&mut self) {
        if !self.options.readonly {
            let _ = self.flush();
        }
    }
}

/// Whether an entry's file has been deleted, which caches are for.
fn is_gone(e: &Error) -> bool {
    e.io_error().is_some_and(|e| e.kind() == std::io::ErrorKind::NotFound)
}
