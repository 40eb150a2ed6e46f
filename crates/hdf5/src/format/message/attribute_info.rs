//! The attribute-info message: where an object keeps attributes that do not lie in its header.
//!
//! Libraries count attributes through it, so every version 2 header with attributes must carry one.
//!
//! Source: HDF5 File Format Specification 3.0, section IV.A.2.v; the necessity measured on libhdf5 1.12 to 2.0.

use crate::format::{Cursor, Put, Sizes};
use hyperslab_core::Result;

/// Message flags with which it is written: it is never shared.
pub const FLAGS: u8 = 0x04;

/// Dense storage of attributes; both addresses are absent when the attributes are messages of the header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AttributeInfo {
    /// The fractal heap of the attributes.
    pub heap: Option<u64>,
    /// The version 2 B-tree that finds an attribute by name.
    pub names: Option<u64>,
    /// The version 2 B-tree that lists attributes in creation order.
    pub order: Option<u64>,
}

impl AttributeInfo {
    /// Parses a message body.
    ///
    /// # Errors
    /// `Invalid`, `Unsupported` for unknown versions.
    pub fn parse(body: &[u8], sizes: Sizes, offset: u64) -> Result<AttributeInfo> {
        let mut c = Cursor::new(body, "attribute info", offset);
        c.version(0, 0)?;
        let flags = c.u8()?;
        if flags & 1 != 0 {
            c.skip(2)?;
        }
        let heap = c.address(sizes)?;
        let names = c.address(sizes)?;
        let order = if flags & 2 != 0 { c.address(sizes)? } else { None };
        Ok(AttributeInfo { heap, names, order })
    }

    /// Appends the body of an object whose attributes lie in a heap and are found by name.
    pub fn emit_dense(heap: u64, names: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(&[0, 0]);
        out.put_u64(heap);
        out.put_u64(names);
    }

    /// Appends the body of an object whose attributes are messages of its header.
    pub fn emit_compact(out: &mut Vec<u8>) {
        out.extend_from_slice(&[0, 0]);
        out.put_address(None);
        out.put_address(None);
    }
}
