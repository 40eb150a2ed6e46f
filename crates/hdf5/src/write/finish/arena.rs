//! Structures that point at each other, put together in memory before they are appended as one piece.

use crate::write::space::Space;
use hyperslab_core::{Error, Result};

/// Structures start at a multiple of this.
const ALIGNMENT: u64 = 8;

/// What will be appended next: addresses are given out before it is.
pub(in crate::write) struct Arena {
    base: u64,
    bytes: Vec<u8>,
}

impl Arena {
    /// Nothing else may be appended to `space` until [`Arena::finish`].
    pub(in crate::write) fn new(space: &Space) -> Arena {
        Arena { base: space.next(ALIGNMENT), bytes: Vec::new() }
    }

    /// Room for a structure; zeros until it is [`put`](Arena::put).
    pub(in crate::write) fn reserve(&mut self, len: u64) -> Result<u64> {
        let at = self.bytes.len();
        let len = usize::try_from(len).ok().and_then(|n| n.checked_next_multiple_of(ALIGNMENT as usize));
        let more = len.ok_or_else(|| Error::limit("a structure larger than memory"))?;
        self.bytes
            .try_reserve(more)
            .map_err(|_| Error::limit(format!("no memory for a structure of {more} bytes")))?;
        self.bytes.resize(at + more, 0);
        Ok(self.base + at as u64)
    }

    /// Fills a place that was reserved.
    pub(in crate::write) fn put(&mut self, address: u64, bytes: &[u8]) -> Result<()> {
        let at = address.checked_sub(self.base).and_then(|at| usize::try_from(at).ok());
        let slot = at.and_then(|at| self.bytes.get_mut(at..at.checked_add(bytes.len())?));
        let slot = slot.ok_or_else(|| Error::usage("a structure outside its place"))?;
        slot.copy_from_slice(bytes);
        Ok(())
    }

    /// Reserves and fills at once.
    pub(in crate::write) fn add(&mut self, bytes: &[u8]) -> Result<u64> {
        let at = self.reserve(bytes.len() as u64)?;
        self.put(at, bytes)?;
        Ok(at)
    }

    /// Appends everything.
    pub(in crate::write) fn finish(self, space: &mut Space) -> Result<()> {
        space.append(&self.bytes, ALIGNMENT).map(drop)
    }
}
