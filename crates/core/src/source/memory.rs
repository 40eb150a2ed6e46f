//! Sources whose bytes are in memory: a borrowed slice, a counted buffer, a memory map.

use super::{Source, beyond};
use crate::{Limits, Result};
use bytes::Bytes;
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// Bytes borrowed from the caller.
#[derive(Clone, Copy, Debug)]
pub struct SliceSource<'a>(pub &'a [u8]);

/// Counted bytes: a buffer, or a mapped file (see [`map`](super::map)).
#[derive(Clone, Debug)]
pub struct MemorySource {
    bytes: Bytes,
    name: Option<PathBuf>,
}

impl MemorySource {
    /// A source over bytes.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        MemorySource { bytes: bytes.into(), name: None }
    }

    /// The same, with a name for messages.
    #[must_use]
    pub fn named(mut self, name: impl Into<PathBuf>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

fn range(all: &[u8], offset: u64, len: u64) -> Result<&[u8]> {
    let start = usize::try_from(offset).ok();
    let end = offset.checked_add(len).and_then(|e| usize::try_from(e).ok());
    start.zip(end).and_then(|(s, e)| all.get(s..e)).ok_or_else(|| beyond(offset, len, all.len() as u64))
}

impl Source for SliceSource<'_> {
    fn len(&self) -> Result<u64> {
        Ok(self.0.len() as u64)
    }
    fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        out.copy_from_slice(range(self.0, offset, out.len() as u64)?);
        Ok(())
    }
    fn bytes_at(&self, offset: u64, len: u64, _limits: &Limits) -> Result<Cow<'_, [u8]>> {
        range(self.0, offset, len).map(Cow::Borrowed)
    }
    fn as_slice(&self) -> Option<&[u8]> {
        Some(self.0)
    }
}

impl Source for MemorySource {
    fn name(&self) -> Option<&Path> {
        self.name.as_deref()
    }
    fn len(&self) -> Result<u64> {
        Ok(self.bytes.len() as u64)
    }
    fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        out.copy_from_slice(range(&self.bytes, offset, out.len() as u64)?);
        Ok(())
    }
    fn bytes_at(&self, offset: u64, len: u64, _limits: &Limits) -> Result<Cow<'_, [u8]>> {
        range(&self.bytes, offset, len).map(Cow::Borrowed)
    }
    fn as_slice(&self) -> Option<&[u8]> {
        Some(&self.bytes)
    }
    fn shared(&self, offset: u64, len: u64) -> Option<Bytes> {
        let part = range(&self.bytes, offset, len).ok()?;
        Some(self.bytes.slice_ref(part))
    }
}
