//! Writing a pack: each session appends to a file of its own, which nobody else ever writes to.
//!
//! What an index is to name is on the disk first: the file's data, its name in its folder, the folder's name. Both
//! modes write these files; nengo reads them.

use super::entry::Window;
use super::key::Key;
use super::lock::is_at;
use super::name::PackName;
use super::own::sync_dir;
use super::store::Place;
use crate::ext::Extension;
use crate::object::Entry;
use hyperslab_core::{Error, Limits, Result, ResultExt as _, Source as _, View};
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// A pack that is being written.
#[derive(Debug)]
pub(crate) struct PackWriter {
    name: PackName,
    path: PathBuf,
    file: File,
    end: u64,
    synced: u64,
    /// Whether the file's own name is on the disk, and that of its folder.
    named: bool,
}

impl PackWriter {
    /// Starts a new pack in a cache directory whose index is there already: nengo takes a directory without one for
    /// a broken cache, and empties it.
    ///
    /// # Errors
    /// `Io`.
    pub(crate) fn create(dir: &Path) -> Result<PackWriter> {
        loop {
            let name = PackName::new();
            let shard = dir.join(name.shard());
            match std::fs::create_dir(&shard) {
                Ok(()) => {}
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                    // Two digits may name a link, or a file, of somebody else.
                    if !shard.symlink_metadata().is_ok_and(|m| m.is_dir()) {
                        continue;
                    }
                }
                Err(e) => return Err(Error::io(e, "cannot create the folder").file(shard)),
            }
            let path = name.path(dir);
            match OpenOptions::new().read(true).write(true).create_new(true).open(&path) {
                Ok(file) => return Ok(PackWriter { name, path, file, end: 0, synced: 0, named: false }),
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(Error::io(e, "cannot create").file(path)),
            }
        }
    }

    /// Its name.
    pub(crate) fn name(&self) -> PackName {
        self.name
    }

    /// Its bytes.
    pub(crate) fn len(&self) -> u64 {
        self.end
    }

    /// The open file.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Where it lies.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the file still has its name: a cache that was shrunk may have deleted it.
    pub(crate) fn is_there(&self) -> bool {
        is_at(&self.file, &self.path)
    }

    /// Writes an object behind the others. After an error the file is as it was before.
    ///
    /// # Errors
    /// `Unsupported` for element types that NPY cannot hold, `Io`.
    pub(crate) fn append(&mut self, key: &Key, pickle: &[u8], array: &View<'_>) -> Result<Place> {
        let written = self.write(key, pickle, array);
        self.placed(written)
    }

    /// Where an object lies that was written behind the others and ends there.
    fn placed(&mut self, written: Result<u64>) -> Result<Place> {
        let start = self.end;
        match written {
            Ok(end) => {
                self.end = end;
                Ok(Place { pack: self.name, start, end })
            }
            Err(e) => {
                // What was written of it is behind the last object that anything leads to.
                let _ = self.file.set_len(start);
                Err(e.file(&self.path))
            }
        }
    }

    fn write(&mut self, key: &Key, pickle: &[u8], array: &View<'_>) -> Result<u64> {
        let extension = Extension::for_key(key.name());
        let header = crate::write::write_with(&mut &self.file, self.end, pickle, array, Some(&extension))?;
        Ok(header.array.end)
    }

    /// Copies a sound object from another pack behind the others; what its extension says stays, and it gets a key
    /// if it has none.
    ///
    /// # Errors
    /// `Invalid` for an object that is damaged; as [`PackWriter::append`].
    pub(crate) fn copy(&mut self, key: &Key, window: &Window, limits: &Limits) -> Result<Place> {
        let written = self.write_copy(key, window, limits);
        self.placed(written)
    }

    fn write_copy(&mut self, key: &Key, window: &Window, limits: &Limits) -> Result<u64> {
        let entry = Entry::open(window, window.start())?;
        entry.verify(window, limits)?;
        let header = entry.header();
        let pickle = entry.pickle(window, limits)?;
        let array = &header.array;
        let npy = window.bytes_at(array.start, array.end.saturating_sub(array.start), limits)?;
        let block = entry.block(window, limits)?;
        let mut extension = match block.as_ref().and_then(|b| b.extension()) {
            Some(extension) => extension.clone(),
            None => Extension::for_key(key.name()),
        };
        extension.key = Some(key.name().into());
        let header = crate::write::write_npy(&mut &self.file, self.end, &pickle, &npy, Some(&extension))?;
        Ok(header.array.end)
    }

    /// Returns when all that was appended is on the disk, the file's name included.
    ///
    /// # Errors
    /// `Io`.
    pub(crate) fn sync(&mut self) -> Result<()> {
        if self.synced < self.end {
            self.file.sync_data().map_err(|e| Error::io(e, "cannot sync")).in_file(&self.path)?;
            self.synced = self.end;
        }
        if !self.named {
            // Also of a folder that was there: who made it may not have come so far.
            for folder in self.path.ancestors().skip(1).take(2) {
                sync_dir(folder)?;
            }
            self.named = true;
        }
        Ok(())
    }
}
