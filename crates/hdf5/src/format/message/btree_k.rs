//! The B-tree K message of the superblock extension: how large version 1 B-tree nodes are where the file does not have
//! the usual sizes.
//!
//! Source: HDF5 File Format Specification 3.0, section IV.A.2.s.

use crate::format::{Cursor, Sizes};
use hyperslab_core::Result;

/// Parses a message body: the sizes, with what it says in place of what they had.
///
/// # Errors
/// `Invalid`, `Unsupported` for another version.
pub fn parse(body: &[u8], sizes: Sizes, offset: u64) -> Result<Sizes> {
    let mut c = Cursor::new(body, "B-tree K message", offset);
    c.version(0, 0)?;
    let (chunk_internal_k, group_internal_k, group_leaf_k) = (c.u16()?, c.u16()?, c.u16()?);
    Ok(Sizes { chunk_internal_k, group_internal_k, group_leaf_k, ..sizes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_numbers() {
        let got = parse(&[0, 1, 0, 2, 0, 3, 1], Sizes::STANDARD, 0).unwrap();
        assert_eq!((got.chunk_internal_k, got.group_internal_k, got.group_leaf_k), (1, 2, 0x103));
        assert!(parse(&[0, 1, 0, 2, 0, 3], Sizes::STANDARD, 0).is_err());
    }
}
