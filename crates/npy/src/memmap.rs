//! Arrays as memory maps, in NumPy's modes: `r`, `r+`, `w+` and `c`.
//!
//! Unlike `numpy.memmap` and `numpy.lib.format.open_memmap` (2.4, probed): a file that is too short is refused in
//! every mode and never made longer, the size of a raw file must be that of its array, `w+` does not touch a file
//! that is there unless told to, the new file has its room on the disk before it is mapped, objects are never mapped,
//! and a map can be closed.
//!
//! A map is the file: while it lives, nobody else may shorten the file or write to the mapped bytes (see
//! [`hyperslab_core::source`]).

use crate::dense;
use crate::header::{self, Header};
use crate::npy;
use crate::raw::{Layout, Raw};
use hyperslab_core::output::NewFile;
use hyperslab_core::source::{FileSource, SliceSource, WritableMap, Writes, map_file};
use hyperslab_core::{Dtype, Element, Error, Limits, Order, Result, ResultExt, Shape, View};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// What may be done to a file that is there. A new one is made by [`Memmap::create_npy`] and
/// [`Memmap::create_raw`], NumPy's `w+`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// `r`: the elements are read.
    Read,
    /// `r+`: what is written goes to the file.
    ReadWrite,
    /// `c`: what is written stays in memory.
    CopyOnWrite,
}

impl FromStr for Mode {
    type Err = Error;

    /// NumPy's names, the long ones too.
    fn from_str(text: &str) -> Result<Mode> {
        Ok(match text {
            "r" | "readonly" => Mode::Read,
            "r+" | "readwrite" => Mode::ReadWrite,
            "c" | "copyonwrite" => Mode::CopyOnWrite,
            _ => {
                return Err(Error::usage(format!("{text:?} is not a mode of a map"))
                    .hint("r, r+ and c are; w+ makes a new file"));
            }
        })
    }
}

/// A mapped array.
///
/// ```
/// use hyperslab_core::{Dtype, Limits, Order, View};
/// use hyperslab_npy::memmap::{Memmap, Mode};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("x.npy");
/// let mut map = Memmap::create_npy(&path, Dtype::F64, [2, 3], Order::C, false)?;
/// map.as_slice_mut::<f64>()?[4] = 1.5;
/// map.close()?;
///
/// let map = Memmap::open_npy(&path, Mode::Read)?;
/// assert_eq!(map.view()?.to_vec::<f64>()?, [0.0, 0.0, 0.0, 0.0, 1.5, 0.0]);
/// # Ok::<(), hyperslab_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Memmap {
    bytes: Bytes,
    dtype: Dtype,
    shape: Shape,
    order: Order,
    offset: u64,
    nbytes: u64,
    path: PathBuf,
}

#[derive(Debug)]
enum Bytes {
    Read(bytes::Bytes),
    Write(WritableMap),
}

impl std::ops::Deref for Bytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            Bytes::Read(bytes) => bytes,
            Bytes::Write(map) => map,
        }
    }
}

impl Bytes {
    fn map(file: &File, mode: Mode) -> Result<Bytes> {
        match mode {
            Mode::Read => Ok(Bytes::Read(map_file(file)?.0)),
            Mode::ReadWrite => WritableMap::new(file, Writes::File).map(Bytes::Write),
            Mode::CopyOnWrite => WritableMap::new(file, Writes::Memory).map(Bytes::Write),
        }
    }
}

fn open(path: &Path, mode: Mode) -> Result<File> {
    let file = File::options().read(true).write(mode == Mode::ReadWrite).open(path);
    file.map_err(|e| Error::io(e, "cannot open").file(path))
}

impl Memmap {
    /// Maps the array of an NPY file.
    ///
    /// # Errors
    /// As [`header::parse`]; `Invalid` when the file ends before the array, `Unsupported` for objects, `Io`.
    pub fn open_npy(path: impl AsRef<Path>, mode: Mode) -> Result<Memmap> {
        let path = path.as_ref();
        let source = FileSource::from_file(open(path, mode)?, path);
        let bytes = Bytes::map(source.file(), mode).in_file(path)?;
        // Read, not looked at through the map: the kernel would map the pages around it at once, and take longer
        // over that than over everything else.
        let h = npy::head(&source, bytes.len() as u64, &Limits::default()).in_file(path)?;
        h.dense(0).check(bytes.len() as u64, &Limits::default()).in_file(path)?;
        let Header { dtype, shape, order, data_offset, nbytes } = h;
        Ok(Memmap { bytes, dtype, shape, order, offset: data_offset, nbytes, path: path.into() })
    }

    /// Maps a raw array.
    ///
    /// # Errors
    /// As [`Layout::resolve`]; `Io`.
    pub fn open_raw(path: impl AsRef<Path>, layout: &Layout, mode: Mode) -> Result<Memmap> {
        let path = path.as_ref();
        let bytes = Bytes::map(&open(path, mode)?, mode).in_file(path)?;
        let shape = Raw::open(SliceSource(&bytes), layout.clone()).in_file(path)?.shape().clone();
        let nbytes = shape.bytes(layout.dtype.itemsize())?;
        let Layout { dtype, order, offset, .. } = layout.clone();
        Ok(Memmap { bytes, dtype, shape, order, offset, nbytes, path: path.into() })
    }

    /// Makes an NPY file of zeros and maps it for writing; `replace` allows a file that is there to be replaced.
    ///
    /// # Errors
    /// `Usage` when the file exists and `replace` is not set, `Unsupported` for types without bytes of their own,
    /// `Io`, for a full disk among others.
    pub fn create_npy(
        path: impl AsRef<Path>,
        dtype: Dtype,
        shape: impl Into<Shape>,
        order: Order,
        replace: bool,
    ) -> Result<Memmap> {
        let shape = shape.into();
        dense::writable(&dtype)?;
        let head = header::emit(&dtype, &shape, order)?;
        Memmap::create(path.as_ref(), &head, dtype, shape, order, replace)
    }

    /// Makes a raw file of zeros and maps it for writing; nothing of dtype and shape is in it.
    ///
    /// # Errors
    /// As [`Memmap::create_npy`].
    pub fn create_raw(
        path: impl AsRef<Path>,
        dtype: Dtype,
        shape: impl Into<Shape>,
        order: Order,
        replace: bool,
    ) -> Result<Memmap> {
        dense::writable(&dtype)?;
        Memmap::create(path.as_ref(), &[], dtype, shape.into(), order, replace)
    }

    fn create(
        path: &Path,
        head: &[u8],
        dtype: Dtype,
        shape: Shape,
        order: Order,
        replace: bool,
    ) -> Result<Memmap> {
        let nbytes = shape.bytes(dtype.itemsize())?;
        let offset = head.len() as u64;
        let mut new = NewFile::create(path, replace)?;
        new.allocate(offset.saturating_add(nbytes))?;
        new.write_all(head).map_err(|e| dense::cannot_write(e).file(path))?;
        let file = new.file().try_clone().map_err(|e| Error::io(e, "cannot open").file(path))?;
        new.commit()?;
        let bytes = Bytes::Write(WritableMap::new(&file, Writes::File).in_file(path)?);
        Ok(Memmap { bytes, dtype, shape, order, offset, nbytes, path: path.into() })
    }

    /// Element type.
    pub fn dtype(&self) -> &Dtype {
        &self.dtype
    }

    /// Extents.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// How the elements follow one another.
    pub fn order(&self) -> Order {
        self.order
    }

    /// The array as it is now.
    ///
    /// # Errors
    /// None that opening would not have reported.
    pub fn view(&self) -> Result<View<'_>> {
        View::with_order(self.dtype.clone(), self.shape.clone(), self.order, self.data())
    }

    /// The bytes of the elements, in the order in which they are stored.
    pub fn data(&self) -> &[u8] {
        let start = usize::try_from(self.offset).unwrap_or(usize::MAX);
        let end = start.saturating_add(usize::try_from(self.nbytes).unwrap_or(usize::MAX));
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// The bytes of the elements, to be changed.
    ///
    /// # Errors
    /// `Usage` for a map that was opened for reading.
    pub fn data_mut(&mut self) -> Result<&mut [u8]> {
        let start = usize::try_from(self.offset).unwrap_or(usize::MAX);
        let end = start.saturating_add(usize::try_from(self.nbytes).unwrap_or(usize::MAX));
        match &mut self.bytes {
            Bytes::Write(map) => Ok(map.get_mut(start..end).unwrap_or_default()),
            Bytes::Read(_) => Err(Error::usage("mapped for reading only").file(&self.path)),
        }
    }

    /// The elements, to be changed, in the order in which they are stored.
    ///
    /// # Errors
    /// `Usage` for a map that was opened for reading, another type (byte order included), or elements that are not
    /// aligned for `T`.
    pub fn as_slice_mut<T: Element>(&mut self) -> Result<&mut [T]> {
        if self.dtype != T::DTYPE {
            return Err(
                Error::usage(format!("elements are {}, not {}", self.dtype, T::DTYPE)).file(&self.path)
            );
        }
        let path = self.path.clone();
        bytemuck::try_cast_slice_mut(self.data_mut()?)
            .map_err(|_| Error::usage(format!("bytes are not aligned for {}", T::DTYPE)).file(path))
    }

    /// Waits until what was written has reached the disk.
    ///
    /// # Errors
    /// `Io`.
    pub fn flush(&self) -> Result<()> {
        match &self.bytes {
            Bytes::Write(map) => map.flush().in_file(&self.path),
            Bytes::Read(_) => Ok(()),
        }
    }

    /// Flushes and unmaps, which dropping does without waiting for the disk.
    ///
    /// # Errors
    /// `Io`.
    pub fn close(self) -> Result<()> {
        self.flush()
    }
}

#[cfg(test)]
mod tests;
