//! The link-info message: where a new-style group keeps links that do not lie in its header.
//!
//! Source: HDF5 File Format Specification 3.0, section IV.A.2.c.

use crate::format::{Cursor, Put, Sizes};
use hyperslab_core::Result;

/// Dense storage of links; both addresses are absent when the links are messages of the header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkInfo {
    /// Greatest creation order so far, where it is tracked.
    pub max_creation_order: Option<u64>,
    /// Whether links are found by it, too, once there are many.
    pub indexed: bool,
    /// The fractal heap of the links.
    pub heap: Option<u64>,
    /// The version 2 B-tree that finds a link by name.
    pub names: Option<u64>,
    /// The version 2 B-tree that lists links in creation order.
    pub order: Option<u64>,
}

impl LinkInfo {
    /// Parses a message body.
    ///
    /// # Errors
    /// `Invalid`, `Unsupported` for unknown versions.
    #[inline(always)]
    pub fn parse(body: &[u8], sizes: Sizes, offset: u64) -> Result<LinkInfo> {
        let mut c = Cursor::new(body, "link info", offset);
        c.version(0, 0)?;
        let flags = c.u8()?;
        let max_creation_order = if flags & 1 != 0 { Some(c.u64()?) } else { None };
        let heap = c.address(sizes)?;
        let names = c.address(sizes)?;
        let order = if flags & 2 != 0 { c.address(sizes)? } else { None };
        Ok(LinkInfo { max_creation_order, indexed: flags & 2 != 0, heap, names, order })
    }

    /// Appends the body of a group whose links are messages of its header, in no kept order.
    pub fn emit_compact(out: &mut Vec<u8>) {
        LinkInfo::default().emit(out);
    }

    /// Appends the body: a group whose links are messages of its header has no addresses. Where the order of creation is
    /// kept, that of the next link is [`LinkInfo::max_creation_order`].
    pub fn emit(&self, out: &mut Vec<u8>) {
        let indexed = self.indexed && self.max_creation_order.is_some();
        out.extend_from_slice(&[0, u8::from(self.max_creation_order.is_some()) | u8::from(indexed) << 1]);
        out.extend(self.max_creation_order.into_iter().flat_map(u64::to_le_bytes));
        out.put_address(self.heap);
        out.put_address(self.names);
        if indexed {
            out.put_address(self.order);
        }
    }
}
