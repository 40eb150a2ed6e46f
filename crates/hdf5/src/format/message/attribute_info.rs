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
    /// The order of the next attribute, where the order of creation is kept.
    pub max_creation_order: Option<u16>,
    /// Whether attributes are found by it, too, once they do not lie in the header.
    pub indexed: bool,
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
        let max_creation_order = if flags & 1 != 0 { Some(c.u16()?) } else { None };
        let heap = c.address(sizes)?;
        let names = c.address(sizes)?;
        let order = if flags & 2 != 0 { c.address(sizes)? } else { None };
        Ok(AttributeInfo { heap, names, order, max_creation_order, indexed: flags & 2 != 0 })
    }

    /// Appends the body.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let indexed = self.indexed && self.max_creation_order.is_some();
        out.extend_from_slice(&[0, u8::from(self.max_creation_order.is_some()) | u8::from(indexed) << 1]);
        out.extend(self.max_creation_order.into_iter().flat_map(u16::to_le_bytes));
        out.put_address(self.heap);
        out.put_address(self.names);
        if indexed {
            out.put_address(self.order);
        }
    }

    /// Appends the body of an object whose attributes are messages of its header.
    pub fn emit_compact(out: &mut Vec<u8>) {
        AttributeInfo::default().emit(out);
    }
}
