//! Writing objects: byte for byte what nengo writes, given the same pickle and array.
//!
//! The header goes in last, as nengo does it: an object whose writer died has zeros for a header.

use crate::header::{HEADER_LEN, Header};
use hyperslab_core::output::NewFile;
use hyperslab_core::{Error, Result, ResultExt, Value, View};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

/// Objects up to about this size go out in one write.
const SMALL: u64 = 1 << 16;

/// Writes an object at the position `start` of a file and returns where it ends, which is where another may start.
///
/// `pickle` is taken as it is; [`hyperslab_pickle::dump`] makes one that every Python and NumPy reads.
///
/// # Errors
/// `Unsupported` for element types that NPY cannot hold, `Io`.
pub fn write_to<W: Write + Seek>(out: &mut W, start: u64, pickle: &[u8], array: &View<'_>) -> Result<u64> {
    if array.nbytes() <= SMALL {
        let mut npy = Vec::with_capacity(128 + usize::try_from(array.nbytes()).unwrap_or(0));
        hyperslab_npy::npy::write_to(&mut npy, array)?;
        return write_npy(out, start, pickle, &npy);
    }
    // The length of the array's header is known when it is written: until then the array has none.
    let header = Header::place(start, pickle.len() as u64, 0).ok_or_else(|| too_long(start))?;
    let front = front(&header, [0; HEADER_LEN], pickle);
    out.seek(SeekFrom::Start(start)).and_then(|_| out.write_all(&front)).map_err(cannot_write)?;
    let npy_len = hyperslab_npy::npy::write_to(out, array)?;
    let header = Header::place(start, pickle.len() as u64, npy_len).ok_or_else(|| too_long(start))?;
    out.seek(SeekFrom::Start(start))
        .and_then(|_| out.write_all(&header.emit()))
        .and_then(|()| out.seek(SeekFrom::Start(header.array.end)))
        .map_err(cannot_write)?;
    Ok(header.array.end)
}

/// Writes an object whose array is an NPY file in memory.
pub(crate) fn write_npy<W: Write + Seek>(out: &mut W, start: u64, pickle: &[u8], npy: &[u8]) -> Result<u64> {
    let header =
        Header::place(start, pickle.len() as u64, npy.len() as u64).ok_or_else(|| too_long(start))?;
    let mut all = front(&header, header.emit(), pickle);
    out.seek(SeekFrom::Start(start)).map_err(cannot_write)?;
    if npy.len() as u64 <= 2 * SMALL {
        all.extend_from_slice(npy);
        out.write_all(&all).map_err(cannot_write)?;
    } else {
        out.write_all(&all).and_then(|()| out.write_all(npy)).map_err(cannot_write)?;
    }
    Ok(header.array.end)
}

/// The bytes from the header's start to the array's.
fn front(header: &Header, first: [u8; HEADER_LEN], pickle: &[u8]) -> Vec<u8> {
    let gap = |from: u64, to: u64| usize::try_from(to.saturating_sub(from)).unwrap_or(0);
    let mut out = Vec::with_capacity(gap(header.start, header.array.start));
    out.extend_from_slice(&first);
    out.resize(gap(header.start, header.pickle.start), 0);
    out.extend_from_slice(pickle);
    out.resize(out.len() + gap(header.pickle.end, header.array.start), 0);
    out
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
