//! Where bytes come from: bytes at offsets, read by position through `&self` so that threads share it.
//!
//! [`slice`](SliceSource) and [`memory`](MemorySource) (a buffer or a memory map) hand out bytes as they lie;
//! [`file`](FileSource) reads them into memory of our own. Readers are written once against [`Source`] and are
//! tested over every kind.

mod file;
mod map;
mod memory;

pub use file::FileSource;
pub use map::{WritableMap, Writes, map, map_file};
pub use memory::{MemorySource, SliceSource};

use crate::{Error, Limits, Result};
use bytes::Bytes;
use std::borrow::Cow;
use std::path::Path;

/// Bytes at offsets.
pub trait Source: Send + Sync {
    /// The name to show in messages.
    fn name(&self) -> Option<&Path> {
        None
    }

    /// Number of bytes, at this moment: a file that another process writes grows.
    ///
    /// # Errors
    /// `Io`.
    fn len(&self) -> Result<u64>;

    /// Whether there are no bytes.
    ///
    /// # Errors
    /// `Io`.
    fn is_empty(&self) -> Result<bool> {
        self.len().map(|n| n == 0)
    }

    /// Fills `out` from `offset`.
    ///
    /// # Errors
    /// `Io`; `Invalid` when the source ends first.
    fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> Result<()>;

    /// The first bytes, up to so many, and the number of all, at one moment.
    ///
    /// # Errors
    /// `Io`.
    fn head(&self, most: usize) -> Result<(Vec<u8>, u64)> {
        let len = self.len()?;
        let mut head = vec![0; usize::try_from(len).map_or(most, |len| len.min(most))];
        self.read_exact_at(0, &mut head)?;
        Ok((head, len))
    }

    /// The bytes `offset..offset+len`, borrowed where they lie in memory.
    ///
    /// The end is checked against the source before anything is allocated.
    ///
    /// # Errors
    /// `Invalid` beyond the end, `Limit`, `Io`.
    fn bytes_at(&self, offset: u64, len: u64, limits: &Limits) -> Result<Cow<'_, [u8]>> {
        let size = self.len()?;
        if offset.checked_add(len).is_none_or(|end| end > size) {
            return Err(beyond(offset, len, size));
        }
        let (mut v, _reservation) = limits.vec(len)?;
        v.resize(len as usize, 0);
        self.read_exact_at(offset, &mut v)?;
        Ok(Cow::Owned(v))
    }

    /// Told by a reader which structure it found where. Only a source that accounts for every byte of a file
    /// listens.
    fn saw(&self, offset: u64, len: u64, what: &'static str) {
        let _ = (offset, len, what);
    }

    /// All bytes, when they lie in memory.
    fn as_slice(&self) -> Option<&[u8]> {
        None
    }

    /// Shared bytes that outlive the source, when it is a counted buffer or a map.
    fn shared(&self, _offset: u64, _len: u64) -> Option<Bytes> {
        None
    }
}

/// The error for a range past the end of a source of `size` bytes.
pub fn beyond(offset: u64, len: u64, size: u64) -> Error {
    Error::invalid(format!("{len} bytes wanted where the file has {size} bytes, so it is truncated or lies"))
        .at(offset)
}

impl<S: Source + ?Sized> Source for &S {
    fn name(&self) -> Option<&Path> {
        (**self).name()
    }
    fn len(&self) -> Result<u64> {
        (**self).len()
    }
    fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        (**self).read_exact_at(offset, out)
    }
    fn head(&self, most: usize) -> Result<(Vec<u8>, u64)> {
        (**self).head(most)
    }
    fn bytes_at(&self, offset: u64, len: u64, limits: &Limits) -> Result<Cow<'_, [u8]>> {
        (**self).bytes_at(offset, len, limits)
    }
    fn saw(&self, offset: u64, len: u64, what: &'static str) {
        (**self).saw(offset, len, what);
    }
    fn as_slice(&self) -> Option<&[u8]> {
        (**self).as_slice()
    }
    fn shared(&self, offset: u64, len: u64) -> Option<Bytes> {
        (**self).shared(offset, len)
    }
}

#[cfg(test)]
mod tests;
