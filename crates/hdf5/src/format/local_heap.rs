//! The local heap: the names of an old-style group.
//!
//! Source: HDF5 File Format Specification 3.0, section III.D.

use super::{Cursor, Put, Sizes};
use hyperslab_core::{Error, Result};

const SIGNATURE: [u8; 4] = *b"HEAP";
/// No free block.
const NONE_FREE: u64 = 1;

/// Bytes of the header.
pub fn header_len(sizes: Sizes) -> u64 {
    8 + 2 * u64::from(sizes.length) + u64::from(sizes.offset)
}

/// The header of a local heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalHeap {
    /// Bytes of the data segment.
    pub data_len: u64,
    /// Where the data segment lies.
    pub data: u64,
}

impl LocalHeap {
    /// Parses the header at the start of `bytes`.
    ///
    /// # Errors
    /// `Invalid`, `Unsupported` for unknown versions.
    pub fn parse(bytes: &[u8], sizes: Sizes, base: u64) -> Result<LocalHeap> {
        let mut c = Cursor::new(bytes, "local heap", base);
        c.signature(SIGNATURE)?;
        c.version(0, 0)?;
        c.skip(3)?;
        let data_len = c.length(sizes)?;
        c.length(sizes)?;
        let data = c.address(sizes)?.ok_or_else(|| c.invalid("heap without data"))?;
        Ok(LocalHeap { data_len, data })
    }

    /// Appends the header of a heap without free space.
    pub fn emit(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&SIGNATURE);
        out.put_zeros(4);
        out.put_u64(self.data_len);
        out.put_u64(NONE_FREE);
        out.put_u64(self.data);
    }
}

/// The NUL-terminated name at an offset of the data segment, which lies at `base`.
///
/// # Errors
/// `Invalid` when it is outside or has no end.
pub fn name(data: &[u8], offset: u64, base: u64) -> Result<&[u8]> {
    let tail = usize::try_from(offset).ok().and_then(|o| data.get(o..)).ok_or_else(|| {
        Error::invalid(format!("name at {offset} of a heap of {} bytes", data.len()))
            .reading("local heap")
            .at(base)
    })?;
    Cursor::new(tail, "local heap", base.saturating_add(offset)).until_nul()
}

/// Names packed as a data segment: 8 zero bytes first, so that offset 0 is the empty name.
#[derive(Clone, Debug)]
pub struct Names {
    /// The data segment so far.
    pub data: Vec<u8>,
}

impl Default for Names {
    fn default() -> Self {
        Names { data: vec![0; 8] }
    }
}

impl Names {
    /// Adds a name and returns its offset.
    pub fn push(&mut self, name: &[u8]) -> u64 {
        let at = self.data.len() as u64;
        self.data.extend_from_slice(name);
        let end = (self.data.len() + 1).next_multiple_of(8);
        self.data.resize(end, 0);
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips() {
        let h = LocalHeap { data_len: 88, data: 800 };
        let mut out = Vec::new();
        h.emit(&mut out);
        assert_eq!(out.len() as u64, header_len(Sizes::STANDARD));
        assert_eq!(LocalHeap::parse(&out, Sizes::STANDARD, 0).unwrap(), h);
        let mut names = Names::default();
        let (a, b) = (names.push(b"abcdefgh"), names.push(b"x"));
        assert_eq!((a, b), (8, 24));
        assert_eq!(name(&names.data, a, 0).unwrap(), b"abcdefgh");
        assert_eq!(name(&names.data, 0, 0).unwrap(), b"");
        assert!(name(&names.data, 32, 0).is_err());
        assert!(name(b"abc", 0, 0).is_err());
    }
}
