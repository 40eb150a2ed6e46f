//! Rows added to an NPY file where it lies.
//!
//! The elements go behind the last ones first, the header is changed after them, in place and in one write: whoever
//! reads meanwhile, or after the writer died, sees the old number of rows or the new one. NumPy leaves room in the
//! header for the number of rows to grow (`GROWTH_AXIS_MAX_DIGITS` in `numpy.lib.format`, since NumPy 1.23);
//! headers of others are taken when the new text fits.

use crate::dense;
use crate::header::{self, Header};
use hyperslab_core::source::FileSource;
use hyperslab_core::{Error, Limits, Order, Result, Shape, Source, View, cast};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// How rows are appended.
#[derive(Clone, Debug)]
pub struct AppendOptions {
    /// Bytes behind the array are what a writer left who died, and may be overwritten.
    pub discard_tail: bool,
    /// The elements reach the disk before the header says that they are there, and the header before
    /// [`Appender::append`] returns.
    pub durable: bool,
}

impl Default for AppendOptions {
    fn default() -> Self {
        AppendOptions { discard_tail: false, durable: true }
    }
}

/// An NPY file that rows are added to. Other appenders are kept out by a lock; readers are not.
///
/// ```
/// use hyperslab_core::{Limits, View};
/// use hyperslab_npy::append::{AppendOptions, Appender};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("x.npy");
/// hyperslab_npy::npy::save(&path, &View::from_slice([1, 2], &[1.0, 2.0])?, false)?;
/// let mut file = Appender::open(&path, &AppendOptions::default())?;
/// assert_eq!(file.append(&View::from_slice([2, 2], &[3.0, 4.0, 5.0, 6.0])?)?, 3);
/// let all = hyperslab_npy::npy::load(&path, &Limits::default())?;
/// assert_eq!(all.shape()[..], [3, 2]);
/// # Ok::<(), hyperslab_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Appender {
    file: File,
    path: PathBuf,
    header: Header,
    /// Magic to newline, as in the file.
    head: Vec<u8>,
    /// Where the next row goes, which is also the size of the file.
    end: u64,
    options: AppendOptions,
}

impl Appender {
    /// Opens a file to add rows to it.
    ///
    /// # Errors
    /// `Conflict` when another program appends to it, `Usage` when unknown bytes follow the array and for an array without
    /// rows or in Fortran order, and as [`header::parse`].
    pub fn open(path: impl AsRef<Path>, options: &AppendOptions) -> Result<Appender> {
        let path = path.as_ref();
        Appender::opened(path, options).map_err(|e| e.file(path))
    }

    fn opened(path: &Path, options: &AppendOptions) -> Result<Appender> {
        let file =
            OpenOptions::new().read(true).write(true).open(path).map_err(|e| Error::io(e, "cannot open"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::conflict("another program is appending to it"));
            }
            Err(TryLockError::Error(e)) => return Err(Error::io(e, "cannot lock")),
        }
        let reader = file.try_clone().map_err(|e| Error::io(e, "cannot open"))?;
        let source = FileSource::from_file(reader, path);
        let limits = Limits::default();
        let size = source.len()?;
        let start = source.bytes_at(0, size.min(4096), &limits)?;
        let length = header::length(&start)? as u64;
        let head = source.bytes_at(0, length.min(size), &limits)?.into_owned();
        let header = header::parse(&head)?;
        dense::writable(&header.dtype)?;
        let end = header.data_offset.saturating_add(header.dense(0).check(size, &limits)?);
        if header.shape.is_empty() {
            return Err(Error::usage("an array of rank 0 has no rows to add to"));
        }
        if header.order == Order::F && header.shape.len() > 1 {
            return Err(Error::usage("in Fortran order the rows do not follow one another")
                .hint("write the array anew in C order first"));
        }
        if size > end && !options.discard_tail {
            return Err(Error::usage(format!("{} bytes follow the array", size - end))
                .at(end)
                .hint("another array, or rows that were cut off: discard the tail only if nobody needs it"));
        }
        let appender =
            Appender { file, path: path.to_path_buf(), header, head, end, options: options.clone() };
        if size > end {
            appender.cut()?;
        }
        Ok(appender)
    }

    /// What the header says now.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Adds rows: an array of the file's rank, or of one less for a single row. Their type may differ in byte order
    /// and layout. Returns the number of rows in the file.
    ///
    /// # Errors
    /// `Usage` for rows of another shape or type, `Unsupported` when the header has no room for the new number,
    /// `Conflict` when another program changed the file, `Io`. The file is then as it was.
    pub fn append(&mut self, rows: &View<'_>) -> Result<u64> {
        let path = self.path.clone();
        self.appended(rows).map_err(|e| e.file(path))
    }

    fn appended(&mut self, rows: &View<'_>) -> Result<u64> {
        let Header { dtype, shape, order, .. } = &self.header;
        let one = shape.get(1..).unwrap_or_default();
        let (added, row) = match rows.shape().len() == shape.len() {
            true => (rows.shape().first().copied().unwrap_or(0), rows.shape().get(1..).unwrap_or_default()),
            false => (1, &rows.shape()[..]),
        };
        if row != one {
            return Err(Error::usage(format!(
                "rows of shape {} do not fit an array of shape {shape}",
                rows.shape()
            )));
        }
        if !rows.dtype().same_values(dtype) {
            return Err(Error::usage(format!("rows of {} do not fit an array of {dtype}", rows.dtype())));
        }
        let rows_now = shape
            .first()
            .and_then(|n| n.checked_add(added))
            .ok_or_else(|| Error::usage("more rows than can be counted"))?;
        let grown: Shape = std::iter::once(rows_now).chain(one.iter().copied()).collect();
        let nbytes = grown.bytes(dtype.itemsize())?;
        let head = header::emit_within(dtype, &grown, *order, self.head.len())?;
        let size = self.file.metadata().map_err(|e| Error::io(e, "cannot look at"))?.len();
        if size != self.end {
            return Err(Error::conflict(format!(
                "it has {size} bytes where {} were left: another program changed it",
                self.end
            )));
        }
        let done = match rows.dtype() == dtype {
            true => self.put(rows),
            false => cast::cast(rows, dtype, &Limits::new(u64::MAX, u64::MAX, 0)).and_then(|r| self.put(&r)),
        };
        if let Err(e) = done {
            // Nobody counts these bytes yet. When even this fails, the next appender finds a tail.
            let _ = self.cut();
            return Err(e);
        }
        self.sync()?;
        self.publish(&head)?;
        self.sync()?;
        self.end = self.header.data_offset.saturating_add(nbytes);
        self.header.shape = grown;
        self.header.nbytes = nbytes;
        Ok(rows_now)
    }

    fn put(&mut self, rows: &View<'_>) -> Result<()> {
        self.file.seek(SeekFrom::Start(self.end)).map_err(dense::cannot_write)?;
        let file = &mut self.file;
        dense::pieces(rows, false, |bytes| file.write_all(bytes).map_err(dense::cannot_write))
    }

    /// Writes what changes in the header, in one piece.
    fn publish(&mut self, head: &[u8]) -> Result<()> {
        let differs = |(a, b): (&u8, &u8)| a != b;
        let first = head.iter().zip(&self.head).position(differs);
        let last = head.iter().zip(&self.head).rposition(differs);
        if let Some((first, last)) = first.zip(last) {
            let changed = head.get(first..=last).unwrap_or_default();
            self.file.seek(SeekFrom::Start(first as u64)).map_err(dense::cannot_write)?;
            self.file.write_all(changed).map_err(dense::cannot_write)?;
        }
        self.head = head.to_vec();
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        match self.options.durable {
            true => self.file.sync_data().map_err(|e| Error::io(e, "cannot sync")),
            false => Ok(()),
        }
    }

    fn cut(&self) -> Result<()> {
        self.file.set_len(self.end).map_err(|e| Error::io(e, "cannot cut off the tail"))
    }
}

#[cfg(test)]
mod tests;
