//! Owned, 64-byte aligned bytes for decoded arrays.
//!
//! Aligned so that any element type can be viewed in place and vector loads never straddle a cache line; counted
//! against [`Limits`] for as long as they live. Large ones ask the system for huge pages: filling fresh memory by
//! small ones takes longer than reading the file into it.

use crate::{Error, Limits, Reservation, Result};
use std::fmt;
use std::ops::{Deref, DerefMut};

/// Where the bytes start: a multiple of this in memory.
const ALIGN: usize = 64;
const WORD: usize = size_of::<u64>();

/// From this size on memory is mapped for the buffer alone.
const LARGE: usize = 4 << 20;

/// A fixed-length run of bytes starting at a multiple of 64.
pub struct Buffer {
    memory: Memory,
    start: usize,
    len: usize,
    _reservation: Option<Reservation>,
}

enum Memory {
    /// Words with some room to move the start in: the allocator hands these out cleared, and would have to clear
    /// blocks of a greater alignment once more.
    Words(Box<[u64]>),
    Pages(memmap2::MmapMut),
}

impl Buffer {
    /// `len` zero bytes within the limits.
    ///
    /// # Errors
    /// `Limit` when the budget or the memory does not hold them.
    pub fn zeroed(len: u64, limits: &Limits) -> Result<Buffer> {
        let reservation = limits.reserve(len)?;
        let n = usize::try_from(len).map_err(|_| no_memory(len))?;
        let mut buffer = Buffer::allocate(n).ok_or_else(|| no_memory(len))?;
        buffer._reservation = Some(reservation);
        Ok(buffer)
    }

    /// A copy of bytes that are already in memory, so not counted against any limit.
    pub fn copy_of(bytes: &[u8]) -> Buffer {
        let mut buffer = Buffer::allocate(bytes.len()).unwrap_or_else(|| {
            let words = bytemuck::allocation::zeroed_slice_box(words(bytes.len()));
            Buffer::over(Memory::Words(words), bytes.len())
        });
        buffer.copy_from_slice(bytes);
        buffer
    }

    fn allocate(len: usize) -> Option<Buffer> {
        if len < LARGE {
            let words = bytemuck::allocation::try_zeroed_slice_box(words(len)).ok()?;
            return Some(Buffer::over(Memory::Words(words), len));
        }
        let pages = memmap2::MmapOptions::new().len(len).map_anon().ok()?;
        // A system without huge pages has small ones.
        #[cfg(target_os = "linux")]
        let _ = pages.advise(memmap2::Advice::HugePage);
        Some(Buffer::over(Memory::Pages(pages), len))
    }

    fn over(memory: Memory, len: usize) -> Buffer {
        let start = (memory.bytes().as_ptr() as usize).wrapping_neg() % ALIGN;
        Buffer { memory, start, len, _reservation: None }
    }
}

impl Memory {
    fn bytes(&self) -> &[u8] {
        match self {
            Memory::Words(words) => bytemuck::cast_slice(words),
            Memory::Pages(pages) => pages,
        }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            Memory::Words(words) => bytemuck::cast_slice_mut(words),
            Memory::Pages(pages) => pages,
        }
    }
}

/// Words that hold so many bytes wherever their first multiple of 64 is.
fn words(bytes: usize) -> usize {
    bytes.div_ceil(WORD).saturating_add(ALIGN / WORD - 1)
}

fn no_memory(len: u64) -> Error {
    Error::limit(format!("no memory for {len} bytes"))
}

impl Deref for Buffer {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.memory.bytes()[self.start..self.start + self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        let (start, end) = (self.start, self.start + self.len);
        &mut self.memory.bytes_mut()[start..end]
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
