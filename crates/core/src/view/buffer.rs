//! Owned, 64-byte aligned bytes for decoded arrays.
//!
//! Aligned so that any element type can be viewed in place and vector loads never straddle a cache line; counted
//! against [`Limits`] for as long as they live.

use crate::{Error, Limits, Reservation, Result};
use std::fmt;
use std::ops::{Deref, DerefMut};

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
struct Block([u8; 64]);

/// A fixed-length run of bytes starting at a multiple of 64.
pub struct Buffer {
    blocks: Vec<Block>,
    len: usize,
    _reservation: Option<Reservation>,
}

impl Buffer {
    /// `len` zero bytes within the limits.
    ///
    /// # Errors
    /// `Limit` when the budget or the memory does not hold them.
    pub fn zeroed(len: u64, limits: &Limits) -> Result<Buffer> {
        let reservation = limits.reserve(len)?;
        let n = usize::try_from(len).map_err(|_| no_memory(len))?;
        let mut blocks = Vec::new();
        blocks.try_reserve_exact(n.div_ceil(64)).map_err(|_| no_memory(len))?;
        blocks.resize(n.div_ceil(64), Block([0; 64]));
        Ok(Buffer { blocks, len: n, _reservation: Some(reservation) })
    }

    /// A copy of bytes that are already in memory, so not counted against any limit.
    pub fn copy_of(bytes: &[u8]) -> Buffer {
        let mut blocks = Vec::with_capacity(bytes.len().div_ceil(64));
        let mut chunks = bytes.chunks_exact(64);
        blocks.extend(chunks.by_ref().map(|c| {
            let mut b = Block([0; 64]);
            b.0.copy_from_slice(c);
            b
        }));
        let tail = chunks.remainder();
        if !tail.is_empty() {
            let mut b = Block([0; 64]);
            if let Some(dst) = b.0.get_mut(..tail.len()) {
                dst.copy_from_slice(tail);
            }
            blocks.push(b);
        }
        Buffer { blocks, len: bytes.len(), _reservation: None }
    }
}

fn no_memory(len: u64) -> Error {
    Error::limit(format!("no memory for {len} bytes"))
}

impl Deref for Buffer {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        let all: &[u8] = bytemuck::cast_slice(&self.blocks);
        &all[..self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        let len = self.len;
        let all: &mut [u8] = bytemuck::cast_slice_mut(&mut self.blocks);
        &mut all[..len]
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} bytes)", self.len)
    }
}
