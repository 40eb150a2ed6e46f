//! What a file is, by its content.
//!
//! Signatures: HDF5 File Format Specification 4.0, section II.A (at 0, 512, 1024, 2048, ..); NumPy's
//! `numpy.lib.format` (`\x93NUMPY`); ZIP local header or end record (`PK`); nengo's `utils.nco` (`NCO`); pickles of
//! protocol 2 and later begin with the PROTO opcode; NRRD and ENVI headers begin with a line of their own. What has no signature (raw arrays, pickles of protocols 0 and
//! 1) is not recognised here: a declaration or the file's name decides.

use crate::{Limits, Result, Source};

/// A file format with a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// HDF5, also behind a user block.
    Hdf5,
    /// One NumPy array.
    Npy,
    /// A ZIP archive, as NumPy writes arrays to.
    Npz,
    /// Nengo cache objects: one, or many one after the other.
    Nco,
    /// A Python pickle.
    Pickle,
    /// The ENVI header of a raw array in another file.
    Envi,
    /// An NRRD header, of a raw array behind it or in another file.
    Nrrd,
}

impl Format {
    /// Its name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Format::Hdf5 => "HDF5",
            Format::Npy => "NPY",
            Format::Npz => "NPZ",
            Format::Nco => "NCO",
            Format::Pickle => "pickle",
            Format::Envi => "ENVI header",
            Format::Nrrd => "NRRD",
        }
    }

    /// Its name in JSON, as [`Container::format`](crate::Container::format) has it for a file that can be opened.
    pub fn id(self) -> &'static str {
        match self {
            Format::Hdf5 => "hdf5",
            Format::Npy => "npy",
            Format::Npz => "npz",
            Format::Nco => "nco",
            Format::Pickle => "pickle",
            Format::Envi | Format::Nrrd => "raw",
        }
    }
}

/// Recognises a format; `None` for bytes without a known signature.
///
/// ```
/// use hyperslab::detect::{Format, detect};
/// let source = hyperslab::source::SliceSource(b"\x93NUMPY\x01\x00..");
/// assert_eq!(detect(&source)?, Some(Format::Npy));
/// # Ok::<(), hyperslab::Error>(())
/// ```
///
/// # Errors
/// `Io`.
pub fn detect(source: &dyn Source) -> Result<Option<Format>> {
    let size = source.len()?;
    let limits = Limits::default();
    let head = source.bytes_at(0, size.min(8), &limits)?;
    let format = match &*head {
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => Format::Npy,
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Format::Npz,
        [b'N', b'C', b'O', ..] => Format::Nco,
        [b'N', b'R', b'R', b'D', b'0', b'0', b'0', _] => Format::Nrrd,
        [b'E', b'N', b'V', b'I', b'\n' | b'\r', ..] => Format::Envi,
        b"\x89HDF\r\n\x1a\n" => Format::Hdf5,
        _ if has_user_block(source, size)? => Format::Hdf5,
        // PROTO n, and the program ends with STOP. Last: two bytes are a weak signature.
        [0x80, 2..=5, ..] if last_byte(source, size)? == Some(b'.') => Format::Pickle,
        _ => return Ok(None),
    };
    Ok(Some(format))
}

/// Whether the HDF5 signature stands where a user block may end.
fn has_user_block(source: &dyn Source, size: u64) -> Result<bool> {
    let mut at = 512u64;
    let mut found = [0u8; 8];
    while at.checked_add(8).is_some_and(|end| end <= size) {
        source.read_exact_at(at, &mut found)?;
        if found == *b"\x89HDF\r\n\x1a\n" {
            return Ok(true);
        }
        let Some(next) = at.checked_mul(2) else { break };
        at = next;
    }
    Ok(false)
}

fn last_byte(source: &dyn Source, size: u64) -> Result<Option<u8>> {
    let mut b = [0u8];
    match size.checked_sub(1) {
        Some(at) => source.read_exact_at(at, &mut b).map(|()| Some(b[0])),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SliceSource;

    fn of(bytes: &[u8]) -> Option<Format> {
        detect(&SliceSource(bytes)).unwrap()
    }

    #[test]
    fn signatures() {
        assert_eq!(of(b""), None);
        assert_eq!(of(b"\x93NUMP"), None);
        assert_eq!(of(b"\x93NUMPY"), Some(Format::Npy));
        assert_eq!(of(b"PK\x05\x06"), Some(Format::Npz));
        assert_eq!(of(b"NCO\0"), Some(Format::Nco));
        assert_eq!(of(b"\x80\x04N."), Some(Format::Pickle));
        assert_eq!(of(b"\x80\x04N"), None);
    }

    #[test]
    fn user_blocks() {
        for at in [0usize, 512, 1024, 2048] {
            let mut file = vec![b'x'; at];
            file.extend(b"\x89HDF\r\n\x1a\n");
            assert_eq!(of(&file), Some(Format::Hdf5), "{at}");
        }
        let mut file = vec![b'x'; 513];
        file.extend(b"\x89HDF\r\n\x1a\n");
        assert_eq!(of(&file), None);
    }
}
