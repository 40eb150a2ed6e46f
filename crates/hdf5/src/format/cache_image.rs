//! The metadata cache image: pieces of metadata in one block, each of which stands in place of the bytes at its
//! address.
//!
//! A library that closes a file this way leaves out writing the pieces to their places, so those hold nothing or old
//! bytes until a writer opens the file again.
//!
//! Source: HDF5 File Format Specification 4.0, section III.J ("Metadata Cache Image"), and libhdf5 1.10.

use super::{Cursor, Sizes, checksum};
use hyperslab_core::Result;
use std::ops::Range;

const WHAT: &str = "metadata cache image";

/// A piece of metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where its bytes belong.
    pub address: u64,
    /// Where they are in the image.
    pub bytes: Range<usize>,
}

/// The pieces of an image that lies at `base`, `bytes` being all of it.
///
/// # Errors
/// `Invalid` for a wrong signature or checksum and pieces that leave the image, `Unsupported` for another version.
pub fn parse(bytes: &[u8], sizes: Sizes, base: u64) -> Result<Vec<Entry>> {
    let mut c = Cursor::new(bytes, WHAT, base);
    c.signature(*b"MDCI")?;
    checksum::verify(bytes, WHAT, base)?;
    c.version(0, 0)?;
    let flags = c.u8()?;
    if flags & 1 != 0 {
        return Err(c.unsupported("state of the cache's size in it"));
    }
    let len = c.length(sizes)?;
    if len != bytes.len() as u64 {
        return Err(c.invalid(format!("size {len} where the superblock extension says {}", bytes.len())));
    }
    let count = c.u32()?;
    let mut out = Vec::new();
    for _ in 0..count {
        // Kind, flags, ring, age, number of children and of changed ones.
        c.skip(8)?;
        let parents = c.u16()?;
        c.skip(4)?;
        let here = c.clone();
        let address = c.address(sizes)?.ok_or_else(|| here.invalid("piece without an address"))?;
        let len = usize::try_from(c.length(sizes)?).unwrap_or(usize::MAX);
        c.skip(usize::from(parents) * usize::from(sizes.offset))?;
        let start = c.position();
        c.skip(len)?;
        if address.checked_add(len as u64).is_none() {
            return Err(here.invalid(format!("piece of {len} bytes for address {address}")));
        }
        out.push(Entry { address, bytes: start..start + len });
    }
    Ok(out)
}
