//! What is left of a damaged file: bytes by position, and structures whose checksum is wrong.
//!
//! Every read is bounded by the file's real size, which is asked for once; what the superblock says of it is not
//! believed.

use hyperslab_core::{Error, Limits, Result, Source};
use hyperslab_hdf5::File;
use hyperslab_hdf5::format::checksum;
use hyperslab_hdf5::format::superblock::Superblock;
use std::cell::Cell;
use std::path::Path;

/// The damaged file.
pub(super) struct Input<'s> {
    source: &'s dyn Source,
    /// Its real size.
    pub(super) len: u64,
    pub(super) limits: Limits,
    /// Bytes that may still be read: structures of a damaged file can lie over each other, and lead in circles.
    left: Cell<u64>,
}

/// The file with a superblock of its real size and with nobody's marks.
struct Sound<'s> {
    source: &'s dyn Source,
    head: Vec<u8>,
}

impl Source for Sound<'_> {
    fn name(&self) -> Option<&Path> {
        self.source.name()
    }
    fn len(&self) -> Result<u64> {
        self.source.len()
    }
    fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        self.source.read_exact_at(offset, out)?;
        let head = usize::try_from(offset).ok().and_then(|n| self.head.get(n..)).unwrap_or_default();
        for (byte, sound) in out.iter_mut().zip(head) {
            *byte = *sound;
        }
        Ok(())
    }
}

impl<'s> Input<'s> {
    pub(super) fn new(source: &'s dyn Source, limits: Limits) -> Result<Input<'s>> {
        let len = source.len()?;
        let left = Cell::new(len.saturating_mul(64).saturating_add(1 << 30));
        Ok(Input { source, len, limits, left })
    }

    /// The file as a reader of HDF5 takes it, whatever state its superblock is in.
    ///
    /// # Errors
    /// As [`File::from_source`].
    pub(super) fn file(&self, root: u64) -> Result<File<'s>> {
        let mut head = Vec::new();
        Superblock::new(3, self.len, root).emit(&mut head)?;
        File::from_source(Sound { source: self.source, head })
    }

    /// Exactly these bytes.
    ///
    /// # Errors
    /// `Invalid` beyond the end, `Io`, `Limit`.
    pub(super) fn read(&self, at: u64, len: u64) -> Result<Vec<u8>> {
        // What is beyond the end is not read, so it costs nothing.
        let takes = if at.checked_add(len).is_some_and(|end| end <= self.len) { len.max(64) } else { 64 };
        self.left.set(self.left.get().saturating_sub(takes));
        self.check()?;
        self.source.bytes_at(at, len, &self.limits).map(|b| b.into_owned())
    }

    /// These bytes, or as many of them as there are.
    pub(super) fn up_to(&self, at: u64, len: u64) -> Result<Vec<u8>> {
        self.read(at, len.min(self.len.saturating_sub(at)))
    }

    /// # Errors
    /// `Limit` when so much was read that structures must lie over each other.
    pub(super) fn check(&self) -> Result<()> {
        match self.left.get() {
            0 => {
                Err(Error::limit("structures lie over each other: too much was read for a file of this size"))
            }
            _ => Ok(()),
        }
    }
}

/// A structure as it was parsed, and whether its checksum holds.
pub(super) struct Parsed<T> {
    pub(super) value: T,
    pub(super) checked: bool,
}

/// Parses a structure whose last four bytes are its checksum, as it is or, when only that is wrong, in spite of it.
///
/// # Errors
/// What parsing the bytes as they are gives, when they do not parse otherwise either.
pub(super) fn tolerant<T>(bytes: &[u8], parse: impl Fn(&[u8]) -> Result<T>) -> Result<Parsed<T>> {
    let first = match parse(bytes) {
        Ok(value) => return Ok(Parsed { value, checked: true }),
        Err(e) => e,
    };
    let mut sealed = bytes.to_vec();
    let sum = sealed.split_last_chunk::<4>().map(|(body, _)| checksum::lookup3(body));
    match (sum, sealed.last_chunk_mut::<4>()) {
        (Some(sum), Some(stored)) => *stored = sum.to_le_bytes(),
        _ => return Err(first),
    }
    match parse(&sealed) {
        Ok(value) => Ok(Parsed { value, checked: false }),
        Err(_) => Err(first),
    }
}

/// The error for a structure that nothing leads to, or that is not what it should be.
pub(super) fn wrong(what: &'static str, at: u64, why: impl Into<String>) -> Error {
    Error::invalid(why.into()).reading(what).at(at)
}
