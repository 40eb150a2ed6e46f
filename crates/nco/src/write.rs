//! Writing objects: byte for byte what nengo writes, given the same pickle and array.
//!
//! With an [`Extension`], which is only written when it is asked for, the pickle starts behind its block. The header
//! goes in last, as nengo does it: an object whose writer died has zeros for a header.

use crate::ext::{self, Extension, Place};
use crate::header::{HEADER_LEN, Header};
use hyperslab_core::output::NewFile;
use hyperslab_core::{Error, Result, ResultExt, Value, View};
use std::hash::Hasher;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use twox_hash::XxHash3_64;

/// Objects up to about this size go out in one write.
const SMALL: u64 = 1 << 16;

/// Writes an object at the position `start` of a file and returns where it ends, which is where another may start.
///
/// `pickle` is taken as it is; [`hyperslab_pickle::dump`] makes one that every Python and NumPy reads.
///
/// # Errors
/// `Unsupported` for element types that NPY cannot hold, `Io`.
pub fn write_to<W: Write + Seek>(out: &mut W, start: u64, pickle: &[u8], array: &View<'_>) -> Result<u64> {
    write_with(out, start, pickle, array, None).map(|header| header.array.end)
}

/// Writes an object as [`write_to`] does, with the block of an extension before its pickle where one is given, and
/// returns where everything lies.
///
/// ```
/// use hyperslab_core::{Limits, View, source::SliceSource};
/// use hyperslab_nco::{Entry, Extension, write};
///
/// let mut pack = std::io::Cursor::new(Vec::new());
/// let array = View::from_slice([2], &[1.0, 2.0])?;
/// let extension = Extension::for_key("6c0b5d2f");
/// let written = write::write_with(&mut pack, 0, b"N.", &array, Some(&extension))?;
///
/// let source = SliceSource(pack.get_ref());
/// let entry = Entry::open(&source, 0)?;
/// assert_eq!(*entry.header(), written);
/// assert_eq!(entry.block(&source, &Limits::default())?.unwrap().extension(), Some(&extension));
/// # Ok::<(), hyperslab_core::Error>(())
/// ```
///
/// # Errors
/// As [`write_to`], and `Usage` for an extension that does not fit ([`Extension::block_len`]).
pub fn write_with<W: Write + Seek>(
    out: &mut W,
    start: u64,
    pickle: &[u8],
    array: &View<'_>,
    extension: Option<&Extension>,
) -> Result<Header> {
    if array.nbytes() <= SMALL {
        let mut npy = Vec::with_capacity(128 + usize::try_from(array.nbytes()).unwrap_or(0));
        hyperslab_npy::npy::write_to(&mut npy, array)?;
        return write_npy(out, start, pickle, &npy, extension);
    }
    // The length of the array's header and its checksum are known when it is written: until then the object has no
    // header of its own.
    let block_len = block_len(extension)?;
    let header = place(start, block_len, pickle.len(), 0)?;
    let mut front = vec![0; HEADER_LEN + block_len];
    finish_front(&mut front, &header, pickle);
    out.seek(SeekFrom::Start(start)).and_then(|_| out.write_all(&front)).map_err(cannot_write)?;
    let (npy_len, sum) = npy_summed(out, array, extension.is_some())?;
    let header = place(start, block_len, pickle.len(), npy_len)?;
    let first = first(&header, extension, pickle, || sum)?;
    out.seek(SeekFrom::Start(start))
        .and_then(|_| out.write_all(&first))
        .and_then(|()| out.seek(SeekFrom::Start(header.array.end)))
        .map_err(cannot_write)?;
    Ok(header)
}

/// Writes an array as an NPY file and returns its length and, where it is wanted, its checksum.
pub(crate) fn npy_summed<W: Write>(out: &mut W, array: &View<'_>, sum: bool) -> Result<(u64, u64)> {
    if !sum {
        return Ok((hyperslab_npy::npy::write_to(out, array)?, 0));
    }
    let mut out = Summing { out, sum: XxHash3_64::new() };
    let len = hyperslab_npy::npy::write_to(&mut out, array)?;
    Ok((len, out.sum.finish()))
}

/// Writes an object whose array is an NPY file in memory.
pub(crate) fn write_npy<W: Write + Seek>(
    out: &mut W,
    start: u64,
    pickle: &[u8],
    npy: &[u8],
    extension: Option<&Extension>,
) -> Result<Header> {
    let header = place(start, block_len(extension)?, pickle.len(), npy.len() as u64)?;
    let mut all = first(&header, extension, pickle, || ext::checksum(npy))?;
    finish_front(&mut all, &header, pickle);
    out.seek(SeekFrom::Start(start)).map_err(cannot_write)?;
    if npy.len() as u64 <= 2 * SMALL {
        all.extend_from_slice(npy);
        out.write_all(&all).map_err(cannot_write)?;
    } else {
        out.write_all(&all).and_then(|()| out.write_all(npy)).map_err(cannot_write)?;
    }
    Ok(header)
}

/// Bytes of the block that an extension becomes.
pub(crate) fn block_len(extension: Option<&Extension>) -> Result<usize> {
    extension.map_or(Ok(0), Extension::block_len)
}

/// Where the parts of an object go.
pub(crate) fn place(start: u64, block_len: usize, pickle_len: usize, npy_len: u64) -> Result<Header> {
    Header::place_behind(start, block_len as u64, pickle_len as u64, npy_len).ok_or_else(|| too_long(start))
}

/// Header and block: what makes the bytes behind them an object.
pub(crate) fn first(
    header: &Header,
    extension: Option<&Extension>,
    pickle: &[u8],
    npy_sum: impl FnOnce() -> u64,
) -> Result<Vec<u8>> {
    let mut out = header.emit().to_vec();
    if let Some(extension) = extension {
        let place = Place {
            start: header.start,
            pickle_len: pickle.len() as u64,
            array_len: header.array.end.saturating_sub(header.array.start),
        };
        out.extend_from_slice(&extension.emit(place, ext::checksum(pickle), npy_sum())?);
    }
    Ok(out)
}

/// Adds what lies between header or block and the array: the pickle, and the zeros that align both.
pub(crate) fn finish_front(front: &mut Vec<u8>, header: &Header, pickle: &[u8]) {
    let len = |to: u64| usize::try_from(to.saturating_sub(header.start)).unwrap_or(0);
    front.reserve(len(header.array.start).saturating_sub(front.len()));
    front.resize(len(header.pickle.start), 0);
    front.extend_from_slice(pickle);
    front.resize(len(header.array.start), 0);
}

/// Passes bytes on and makes their checksum.
struct Summing<'w, W> {
    out: &'w mut W,
    sum: XxHash3_64,
}

impl<W: Write> Write for Summing<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let n = self.out.write(bytes)?;
        self.sum.write(bytes.get(..n).unwrap_or(bytes));
        Ok(n)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

fn too_long(start: u64) -> Error {
    Error::usage(format!("an object at byte {start} would pass the end of any file"))
}

/// Writes a file of one object, whole or not at all.
///
/// # Errors
/// As [`write_to`] and [`hyperslab_pickle::dump`]; `Usage` when the file exists and `replace` is not set.
pub fn save(path: impl AsRef<Path>, metadata: &Value, array: &View<'_>, replace: bool) -> Result<()> {
    let path = path.as_ref();
    let pickle = hyperslab_pickle::dump(metadata).in_file(path)?;
    let mut file = NewFile::create(path, replace)?;
    write_to(&mut file, 0, &pickle, array).in_file(path)?;
    file.commit()
}

fn cannot_write(e: std::io::Error) -> Error {
    Error::io(e, "cannot write")
}
