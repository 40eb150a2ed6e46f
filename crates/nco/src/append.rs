//! A pack that grows: objects appended to a file in place.
//!
//! An object's header is written after everything else of it, so one whose writer died is a stretch of damage, and the
//! objects before it stay as they were. Nothing that is in the file is written again. One writer at a time: the file is
//! locked, where the file system can.

use crate::ext::{self, Extension};
use crate::header::Header;
use crate::pack;
use crate::write::{block_len, finish_front, first, npy_summed, place};
use hyperslab_core::source::FileSource;
use hyperslab_core::{Error, Limits, Order, Result, ResultExt, View};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Arrays up to about this size are gathered with what is before them.
const SMALL: u64 = 1 << 20;

/// A pack that is open for appending.
///
/// ```
/// use hyperslab_core::{Limits, View, source::FileSource};
/// use hyperslab_nco::{Extension, Nco, Pack};
///
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("pack.nco");
/// let mut pack = Pack::create(&path)?;
/// let array = View::from_slice([2], &[1.0, 2.0])?;
/// let first = pack.append(b"N.", &array, None)?;
/// let second = pack.append(b"N.", &array, Some(&Extension::for_key("a key")))?;
/// pack.sync()?;
/// assert_eq!(second.start, first.array.end);
///
/// let nco = Nco::open(FileSource::open(&path)?, &Limits::default())?;
/// assert_eq!(nco.entries().len(), 2);
/// # Ok::<(), hyperslab_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Pack {
    file: File,
    path: PathBuf,
    end: u64,
    /// What goes out in one write, kept for its allocation.
    buffer: Vec<u8>,
    /// An append that stopped halfway: where the file ends is not known then.
    unsure: bool,
}

impl Pack {
    /// Makes a new, empty pack.
    ///
    /// # Errors
    /// `Io`, also when the file is there; `Conflict` when another process has it open for appending already.
    pub fn create(path: impl AsRef<Path>) -> Result<Pack> {
        let path = path.as_ref();
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(path);
        Pack::locked(file.map_err(|e| Error::io(e, "cannot create").file(path))?, path, 0)
    }

    /// Opens a pack to append to it. What a writer that died left at its end stays, and is passed over by readers.
    ///
    /// # Errors
    /// `Conflict` when another process has it open for appending; `Invalid` when a header in it leads past the end of
    /// the file: what is appended would become part of that object. `Limit`, `Io`.
    pub fn open(path: impl AsRef<Path>, limits: &Limits) -> Result<Pack> {
        let path = path.as_ref();
        let file = OpenOptions::new().read(true).write(true).open(path);
        let mut pack = Pack::locked(file.map_err(|e| Error::io(e, "cannot open").file(path))?, path, 0)?;
        let source = FileSource::open(path)?;
        let walk = pack::walk(&source, limits)?;
        if let Some(torn) = walk.damage.iter().find(|d| d.claims.is_some()) {
            let e = Error::invalid(torn.what.clone()).reading("NCO header").at(torn.range.start).file(path);
            return Err(e.hint("'slab recover' writes what is whole to a new pack"));
        }
        let meta = pack.file.metadata().map_err(|e| Error::io(e, "cannot stat").file(path))?;
        pack.end = meta.len();
        Ok(pack)
    }

    fn locked(file: File, path: &Path, end: u64) -> Result<Pack> {
        // Where there are no locks, as on some network file systems, there is nothing to wait for either.
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return Err(Error::conflict("the pack is open for appending already").file(path));
        }
        Ok(Pack { file, path: path.to_path_buf(), end, buffer: Vec::new(), unsure: false })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the next object starts.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Appends an object and returns where it lies: from [`Header::start`] to the end of [`Header::array`].
    ///
    /// `pickle` is taken as it is. The object is there for other processes when this returns, and after a power failure
    /// when [`Pack::sync`] has returned too.
    ///
    /// # Errors
    /// `Unsupported` for element types that NPY cannot hold, `Usage` for an extension that does not fit; nothing is
    /// written then. `Io`: the next append goes behind what was left.
    pub fn append(
        &mut self,
        pickle: &[u8],
        array: &View<'_>,
        extension: Option<&Extension>,
    ) -> Result<Header> {
        self.append_unnamed(pickle, array, extension).in_file(&self.path)
    }

    fn append_unnamed(
        &mut self,
        pickle: &[u8],
        array: &View<'_>,
        extension: Option<&Extension>,
    ) -> Result<Header> {
        let block_len = block_len(extension)?;
        let cannot_write = |e| Error::io(e, "cannot write");
        if self.unsure {
            self.end = self.file.seek(SeekFrom::End(0)).map_err(cannot_write)?.max(self.end);
            self.unsure = false;
        }
        let start = self.end;
        let seek = |mut file: &File, to| file.seek(SeekFrom::Start(to)).map_err(cannot_write);
        // Zeros for header and block, the pickle, and the array.
        let body = &mut self.buffer;
        body.clear();
        body.resize(crate::header::HEADER_LEN + block_len, 0);
        let from = place(start, block_len, pickle.len(), 0)?;
        finish_front(body, &from, pickle);
        let front = body.len();
        let (npy_len, sum) = if array.nbytes() <= SMALL {
            let npy_len = hyperslab_npy::npy::write_to(body, array)?;
            let sum = extension.map_or(0, |_| ext::checksum(body.get(front..).unwrap_or_default()));
            self.unsure = true;
            seek(&self.file, start)?;
            (&self.file).write_all(body).map_err(cannot_write)?;
            (npy_len, sum)
        } else {
            // What cannot be written is said before anything is.
            hyperslab_npy::header::emit(array.dtype(), array.shape(), Order::C)?;
            if array.dtype().has_indirection() {
                hyperslab_npy::npy::write_to(&mut std::io::sink(), array)?;
            }
            self.unsure = true;
            seek(&self.file, start)?;
            (&self.file).write_all(body).map_err(cannot_write)?;
            npy_summed(&mut &self.file, array, extension.is_some())?
        };
        let header = place(start, block_len, pickle.len(), npy_len)?;
        let first = first(&header, extension, pickle, || sum)?;
        seek(&self.file, start)?;
        (&self.file).write_all(&first).map_err(cannot_write)?;
        self.end = header.array.end;
        self.unsure = false;
        if self.buffer.capacity() > 4 * SMALL as usize {
            self.buffer = Vec::new();
        }
        Ok(header)
    }

    /// Waits until everything that was appended is on the disk.
    ///
    /// # Errors
    /// `Io`.
    pub fn sync(&self) -> Result<()> {
        self.file.sync_data().map_err(|e| Error::io(e, "cannot sync").file(&self.path))
    }
}
