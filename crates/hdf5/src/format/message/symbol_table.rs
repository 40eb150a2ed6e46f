//! The symbol-table message: what makes an object an old-style group.
//!
//! Source: HDF5 File Format Specification 3.0, section IV.A.2.r.

use crate::format::{Cursor, Put, Sizes};
use hyperslab_core::Result;

/// Where an old-style group keeps its links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SymbolTable {
    /// The version 1 B-tree of symbol nodes.
    pub btree: u64,
    /// The local heap of the names.
    pub heap: u64,
}

impl SymbolTable {
    /// Parses a message body.
    ///
    /// # Errors
    /// `Invalid` when it is short or an address is undefined.
    pub fn parse(body: &[u8], sizes: Sizes, offset: u64) -> Result<SymbolTable> {
        let mut c = Cursor::new(body, "symbol table", offset);
        match (c.address(sizes)?, c.address(sizes)?) {
            (Some(btree), Some(heap)) => Ok(SymbolTable { btree, heap }),
            _ => Err(c.invalid("group without B-tree or name heap")),
        }
    }

    /// Appends a body.
    pub fn emit(&self, out: &mut Vec<u8>) {
        out.put_u64(self.btree);
        out.put_u64(self.heap);
    }
}
