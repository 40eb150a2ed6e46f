//! A pack that grows: objects appended to a file in place.
//!
//! An object's header is written after everything else of it, so one whose writer died is a stretch of damage, and the
//! objects before it stay as they were. Nothing that is in the file is written again. One writer at a time: the file is
//! locked, where the file system can. Many small objects are gathered on demand and go out in one write, their headers
//! after all of them.

use crate::ext::{self, Extension};
use crate::header::{HEADER_LEN, Header};
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
    /// From how many bytes on what is gathered goes out.
    gather: usize,
    /// Objects that are not in the file yet, with zeros for headers and blocks.
    buffer: Vec<u8>,
    /// Where each of them starts, and its header and block.
    firsts: Vec<(u64, Vec<u8>)>,
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
        let path = path.to_path_buf();
        Ok(Pack { file, path, end, gather: 0, buffer: Vec::new(), firsts: Vec::new(), unsure: false })
    }

    /// Gathers small objects until they take about so many bytes, or until [`Pack::flush`]. Until then they are in no
    /// file: what writes them later reports what went wrong, and a process that dies has lost them.
    #[must_use]
    pub fn gathering(mut self, bytes: usize) -> Pack {
        self.gather = bytes;
        self
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
    /// `pickle` is taken as it is. The object is there for other processes when this returns, unless it is gathered, and
    /// after a power failure when [`Pack::sync`] has returned too.
    ///
    /// # Errors
    /// `Unsupported` for element types that NPY cannot hold, `Usage` for an extension that does not fit; nothing is
    /// written then. `Io`: what was gathered is lost, and the next append goes behind what was left of it.
    pub fn append(
        &mut self,
        pickle: &[u8],
        array: &View<'_>,
        extension: Option<&Extension>,
    ) -> Result<Header> {
        let written = if array.nbytes() <= SMALL {
            self.append_small(pickle, array, extension)
        } else {
            self.append_large(pickle, array, extension)
        };
        written.in_file(&self.path)
    }

    fn append_small(
        &mut self,
        pickle: &[u8],
        array: &View<'_>,
        extension: Option<&Extension>,
    ) -> Result<Header> {
        self.settle()?;
        let block_len = block_len(extension)?;
        let base = self.buffer.len();
        let header = self.gather_one(base, block_len, pickle, array);
        let first = header.and_then(|header| {
            let npy = base + usize::try_from(header.array.start - header.start).unwrap_or(0);
            let sum = || ext::checksum(self.buffer.get(npy..).unwrap_or_default());
            Ok((first(&header, extension, pickle, sum)?, header))
        });
        let (first, header) = first.inspect_err(|_| self.buffer.truncate(base))?;
        self.firsts.push((header.start, first));
        self.end = header.array.end;
        if self.buffer.len() >= self.gather {
            self.write_gathered()?;
        }
        Ok(header)
    }

    /// Puts an object without its header behind those that are gathered.
    fn gather_one(
        &mut self,
        base: usize,
        block_len: usize,
        pickle: &[u8],
        array: &View<'_>,
    ) -> Result<Header> {
        self.buffer.resize(base + HEADER_LEN + block_len, 0);
        let front = place(self.end, block_len, pickle.len(), 0)?;
        finish_front(&mut self.buffer, base, &front, pickle);
        let npy_len = hyperslab_npy::npy::write_to(&mut self.buffer, array)?;
        place(self.end, block_len, pickle.len(), npy_len)
    }

    fn append_large(
        &mut self,
        pickle: &[u8],
        array: &View<'_>,
        extension: Option<&Extension>,
    ) -> Result<Header> {
        let block_len = block_len(extension)?;
        // What cannot be written is said before anything is.
        hyperslab_npy::header::emit(array.dtype(), array.shape(), Order::C)?;
        if array.dtype().has_indirection() {
            hyperslab_npy::npy::write_to(&mut std::io::sink(), array)?;
        }
        self.settle()?;
        self.write_gathered()?;
        let start = self.end;
        let mut front = vec![0; HEADER_LEN + block_len];
        finish_front(&mut front, 0, &place(start, block_len, pickle.len(), 0)?, pickle);
        self.unsure = true;
        self.write_at(start, &front)?;
        let (npy_len, sum) = npy_summed(&mut &self.file, array, extension.is_some())?;
        let header = place(start, block_len, pickle.len(), npy_len)?;
        self.write_at(start, &first(&header, extension, pickle, || sum)?)?;
        self.end = header.array.end;
        self.unsure = false;
        Ok(header)
    }

    /// After a write that failed, what comes next goes behind what it left.
    fn settle(&mut self) -> Result<()> {
        if self.unsure {
            let end = self.file.seek(SeekFrom::End(0)).map_err(cannot_write)?;
            self.end = self.end.max(end);
            self.unsure = false;
        }
        Ok(())
    }

    /// Writes what was gathered, and then each header of it.
    fn write_gathered(&mut self) -> Result<()> {
        let Some((start, _)) = self.firsts.first() else { return Ok(()) };
        let start = *start;
        let (buffer, firsts) = (std::mem::take(&mut self.buffer), std::mem::take(&mut self.firsts));
        self.unsure = true;
        self.write_at(start, &buffer)?;
        for (start, first) in &firsts {
            self.write_at(*start, first)?;
        }
        self.unsure = false;
        // Kept for their allocations.
        (self.buffer, self.firsts) = (buffer, firsts);
        self.buffer.clear();
        self.firsts.clear();
        if self.buffer.capacity() > (4 * SMALL as usize).max(2 * self.gather) {
            self.buffer = Vec::new();
        }
        Ok(())
    }

    /// Writes at a place, and leaves the file's position behind it.
    fn write_at(&self, at: u64, bytes: &[u8]) -> Result<()> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(at)).and_then(|_| file.write_all(bytes)).map_err(cannot_write)
    }

    /// Writes what was gathered to the file.
    ///
    /// # Errors
    /// `Io`.
    pub fn flush(&mut self) -> Result<()> {
        self.write_gathered().in_file(&self.path)
    }

    /// Waits until everything that was appended is on the disk.
    ///
    /// # Errors
    /// `Io`.
    pub fn sync(&mut self) -> Result<()> {
        self.flush()?;
        self.file.sync_data().map_err(|e| Error::io(e, "cannot sync").file(&self.path))
    }
}

impl Drop for Pack {
    /// Writes what was gathered. Whether that went well is only known from [`Pack::flush`].
    fn drop(&mut self) {
        let _ = self.flush();
    }
}

fn cannot_write(e: std::io::Error) -> Error {
    Error::io(e, "cannot write")
}
