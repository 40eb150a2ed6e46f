//! A file in memory that grows in blocks and can have a file behind it: libhdf5's core driver, as a storage.
//!
//! Whatever writes a file by position (`change`, and the writer of growing files, `append`) can have this in the file's
//! place. Memory is taken a block at a time; the file's own length is exact. What is behind it is read when it is opened, and written
//! whole and at once by [`MemoryFile::flush`]: readers of that file see the old one or the new one, and dropping the
//! memory file leaves it as it was. (libhdf5 writes the same file in place, and closing it is enough.)
//!
//! Facts: `H5Pset_fapl_core`, its increment and its backing store, of HDF5 1.12 to 2.0.

use crate::append::Storage;
use crate::{Change, File, Writer};
use hyperslab_core::output::NewFile;
use hyperslab_core::source::beyond;
use hyperslab_core::{Error, Limits, Result, Source};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::SystemTime;

/// Bytes of a block unless another size is asked for: what h5py has.
pub const BLOCK_SIZE: usize = 64 * 1024;

/// A file in memory.
///
/// ```
/// use hyperslab_core::{ArrayOptions, Limits, Selection};
/// use hyperslab_hdf5::image::MemoryFile;
///
/// # fn main() -> hyperslab_core::Result<()> {
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("run.h5");
/// let mut f = MemoryFile::new()?.with_block_size(1 << 20).backed_by(&path, false)?;
/// f.change(|c| c.put("/x", &[1.0, 2.0, 3.0], &ArrayOptions::default()))?;
/// assert!(!path.exists());
/// f.flush()?; // the file appears, whole
///
/// let mut f = MemoryFile::open(&path)?;
/// f.change(|c| c.attribute("/x", "unit", "mm"))?;
/// assert_eq!(f.file()?.read("/x", &Selection::ALL, &Limits::default())?.len(), 3);
/// f.flush()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct MemoryFile {
    bytes: RwLock<Vec<u8>>,
    block: usize,
    backing: Option<Backing>,
    /// Whether the file behind it differs.
    changed: AtomicBool,
    /// What a change has overwritten so far, while there is one.
    undo: Mutex<Option<Undo>>,
}

/// How the bytes were before a change.
#[derive(Debug)]
struct Undo {
    len: usize,
    /// What was overwritten or cut off, and where, in the order in which that was done.
    pieces: Vec<(usize, Vec<u8>)>,
}

impl Undo {
    /// Keeps what a write or a cut takes away.
    fn keep(&mut self, bytes: &[u8], at: usize, end: usize) {
        // What the change itself has added is gone by the length.
        if let Some(old) = bytes.get(at..end.min(self.len).min(bytes.len())).filter(|old| !old.is_empty()) {
            self.pieces.push((at, old.to_vec()));
        }
    }

    fn apply(self, bytes: &mut Vec<u8>) {
        bytes.resize(self.len, 0);
        for (at, old) in self.pieces.into_iter().rev() {
            if let Some(place) = bytes.get_mut(at..).and_then(|b| b.get_mut(..old.len())) {
                place.copy_from_slice(&old);
            }
        }
    }
}

/// The file behind it.
#[derive(Debug)]
struct Backing {
    path: PathBuf,
    /// Whether a file that is there may be replaced though nobody has read it.
    replace: bool,
    /// The file as it was when it was read or written last.
    stamp: Mutex<Option<Stamp>>,
}

#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    len: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    fn of(path: &Path) -> Option<Stamp> {
        let meta = path.metadata().ok()?;
        Some(Stamp { len: meta.len(), modified: meta.modified().ok() })
    }
}

impl MemoryFile {
    /// A file with nothing but an empty root group.
    ///
    /// # Errors
    /// `Limit` when there is no memory for it.
    pub fn new() -> Result<MemoryFile> {
        Self::from_image(Writer::in_memory().into_image()?)
    }

    /// A file that is there as an image.
    ///
    /// # Errors
    /// `Invalid` when the bytes are no HDF5 file.
    pub fn from_image(image: Vec<u8>) -> Result<MemoryFile> {
        drop(File::from_image(&image)?);
        let (bytes, changed) = (RwLock::new(image), AtomicBool::new(true));
        Ok(MemoryFile { bytes, block: BLOCK_SIZE, backing: None, changed, undo: Mutex::new(None) })
    }

    /// Reads a file into memory; [`MemoryFile::flush`] puts it back.
    ///
    /// # Errors
    /// `Io`, `Limit`; `Invalid` when it is no HDF5 file.
    pub fn open(path: impl AsRef<Path>) -> Result<MemoryFile> {
        let path = path.as_ref();
        let fail = |e| Error::io(e, "cannot read").file(path);
        let stamp = Stamp::of(path);
        let mut file = std::fs::File::open(path).map_err(|e| Error::io(e, "cannot open").file(path))?;
        let len = file.metadata().map_err(fail)?.len();
        let mut image = Vec::new();
        reserve(&mut image, len, BLOCK_SIZE).map_err(|e| e.file(path))?;
        file.read_to_end(&mut image).map_err(fail)?;
        let mut memory = Self::from_image(image).map_err(|e| e.file(path))?;
        memory.changed = AtomicBool::new(false);
        memory.backing = Some(Backing { path: path.to_path_buf(), replace: false, stamp: Mutex::new(stamp) });
        Ok(memory)
    }

    /// Takes memory in blocks of so many bytes, at least one.
    #[must_use]
    pub fn with_block_size(mut self, bytes: usize) -> MemoryFile {
        self.block = bytes.max(1);
        self
    }

    /// Puts a file behind it, which appears at `path` by the first [`MemoryFile::flush`]; `replace` allows one that is
    /// there to be replaced.
    ///
    /// # Errors
    /// `Usage` when it exists and must not be replaced.
    pub fn backed_by(mut self, path: impl AsRef<Path>, replace: bool) -> Result<MemoryFile> {
        let path = path.as_ref().to_path_buf();
        // So that it is known now whether it can be there.
        drop(NewFile::create(&path, replace)?);
        self.backing = Some(Backing { path, replace, stamp: Mutex::new(None) });
        self.changed = AtomicBool::new(true);
        Ok(self)
    }

    /// The bytes of the file.
    pub fn image(&mut self) -> &[u8] {
        self.bytes.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bytes of the file, which the caller keeps. A file behind it stays as it was flushed last.
    pub fn into_image(self) -> Vec<u8> {
        self.bytes.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes of memory that the file has room in: a multiple of the block size once it has grown.
    pub fn capacity(&self) -> usize {
        self.bytes.read().unwrap_or_else(PoisonError::into_inner).capacity()
    }

    /// The file, to be read.
    ///
    /// # Errors
    /// As [`File::from_image`].
    pub fn file(&mut self) -> Result<File<'_>> {
        File::from_image(self.image())
    }

    /// Changes the file where it lies, by all that [`Change`] has: attributes, elements, extents, groups, datasets,
    /// links. When `change` is an error, nothing has changed.
    ///
    /// # Errors
    /// As [`Change::over`], and those of `change`.
    pub fn change(&mut self, change: impl FnOnce(&mut Change<&MemoryFile>) -> Result<()>) -> Result<()> {
        let len = self.image().len();
        let before = self.changed.load(Ordering::Acquire);
        self.undo = Mutex::new(Some(Undo { len, pieces: Vec::new() }));
        let done = Change::over(&*self).and_then(|mut c| {
            change(&mut c)?;
            c.finish()
        });
        let undo = self.undo.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let (Err(_), Some(undo)) = (&done, undo) {
            undo.apply(self.bytes.get_mut().unwrap_or_else(PoisonError::into_inner));
            self.changed = AtomicBool::new(before);
        }
        done
    }

    /// Writes the file anew with what `add` adds, so that nothing unused is left in it; when that is an error, nothing
    /// has changed.
    ///
    /// # Errors
    /// As [`Writer::holding`], and those of `add`.
    pub fn rewrite(&mut self, add: impl FnOnce(&mut Writer) -> Result<()>) -> Result<()> {
        let mut w = Writer::holding(&self.file()?, &Limits::default())?;
        add(&mut w)?;
        let image = w.into_image()?;
        let mut bytes = Vec::new();
        reserve(&mut bytes, image.len() as u64, self.block)?;
        bytes.extend_from_slice(&image);
        (self.bytes, self.changed) = (RwLock::new(bytes), AtomicBool::new(true));
        Ok(())
    }

    /// Keeps what is about to go, where a change may have to be taken back.
    fn keep(&self, bytes: &[u8], at: u64, end: u64) {
        let mut undo = self.undo.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(undo), Ok(at)) = (undo.as_mut(), usize::try_from(at)) {
            undo.keep(bytes, at, usize::try_from(end).unwrap_or(usize::MAX));
        }
    }

    /// Writes the file behind it, if there is one and it is not the same already: whole, through a file aside.
    ///
    /// # Errors
    /// `Conflict` when somebody else has changed that file since it was read or written; `Usage` when one has appeared
    /// that must not be replaced; `Io`.
    pub fn flush(&self) -> Result<()> {
        let Some(backing) = &self.backing else { return Ok(()) };
        // Changes wait until these bytes are written.
        let bytes = self.bytes.read().unwrap_or_else(PoisonError::into_inner);
        let mut stamp = backing.stamp.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.changed.load(Ordering::Acquire) {
            return Ok(());
        }
        let ours = stamp.is_some();
        if ours && Stamp::of(&backing.path) != *stamp {
            return Err(Error::conflict(
                "the file was changed by somebody else since it was read or written",
            )
            .file(&backing.path)
            .hint("put this one elsewhere with 'backed_by'"));
        }
        let mut file = NewFile::create(&backing.path, ours || backing.replace)?;
        file.write_all(&bytes).map_err(|e| Error::io(e, "cannot write").file(&backing.path))?;
        file.commit()?;
        *stamp = Stamp::of(&backing.path);
        self.changed.store(false, Ordering::Release);
        Ok(())
    }
}

/// Makes room for so many bytes, in whole blocks.
fn reserve(bytes: &mut Vec<u8>, len: u64, block: usize) -> Result<()> {
    let no_memory = || Error::limit(format!("no memory for a file of {len} bytes"));
    let want = usize::try_from(len).map_err(|_| no_memory())?;
    if want <= bytes.capacity() {
        return Ok(());
    }
    let room = want.checked_next_multiple_of(block).ok_or_else(no_memory)?;
    bytes.try_reserve_exact(room.saturating_sub(bytes.len())).map_err(|_| no_memory())
}

impl Source for MemoryFile {
    fn name(&self) -> Option<&Path> {
        self.backing.as_ref().map(|b| b.path.as_path())
    }

    fn len(&self) -> Result<u64> {
        Ok(self.bytes.read().unwrap_or_else(PoisonError::into_inner).len() as u64)
    }

    fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let bytes = self.bytes.read().unwrap_or_else(PoisonError::into_inner);
        let part = usize::try_from(offset).ok().and_then(|at| bytes.get(at..)?.get(..out.len()));
        out.copy_from_slice(part.ok_or_else(|| beyond(offset, out.len() as u64, bytes.len() as u64))?);
        Ok(())
    }
}

impl Storage for MemoryFile {
    fn write_all_at(&self, offset: u64, new: &[u8]) -> Result<()> {
        let mut bytes = self.bytes.write().unwrap_or_else(PoisonError::into_inner);
        let end = offset.saturating_add(new.len() as u64);
        self.keep(&bytes, offset, end);
        if end > bytes.len() as u64 {
            reserve(&mut bytes, end, self.block)?;
            bytes.resize(usize::try_from(end).unwrap_or(0), 0);
        }
        let at = usize::try_from(offset).unwrap_or(usize::MAX);
        if let Some(place) = bytes.get_mut(at..).and_then(|b| b.get_mut(..new.len())) {
            place.copy_from_slice(new);
        }
        self.changed.store(true, Ordering::Release);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<()> {
        let mut bytes = self.bytes.write().unwrap_or_else(PoisonError::into_inner);
        reserve(&mut bytes, len, self.block)?;
        self.keep(&bytes, len, u64::MAX);
        bytes.resize(usize::try_from(len).unwrap_or(0), 0);
        self.changed.store(true, Ordering::Release);
        Ok(())
    }

    /// Memory survives no loss of power; [`MemoryFile::flush`] is what does.
    fn barrier(&self) -> Result<()> {
        Ok(())
    }
}
