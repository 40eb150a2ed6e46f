//! The shared-message-table message of the superblock extension: where the table is.
//!
//! Not here: the [table](crate::format::shared_message_table) itself.
//!
//! Source: HDF5 File Format Specification 3.0, section IV.A.2.p.

use crate::format::shared_message_table::MAX_INDEXES;
use crate::format::{Cursor, Sizes};
use hyperslab_core::Result;

/// Where the table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedMessageTable {
    /// Its address.
    pub address: u64,
    /// How many indexes it has.
    pub indexes: u8,
}

/// Parses a message body.
///
/// # Errors
/// `Invalid`, `Unsupported` for another version.
pub fn parse(body: &[u8], sizes: Sizes, offset: u64) -> Result<SharedMessageTable> {
    let mut c = Cursor::new(body, "shared-message table message", offset);
    c.version(0, 0)?;
    let address = c.address(sizes)?.ok_or_else(|| c.invalid("table without an address"))?;
    match c.u8()? {
        indexes @ 1..=MAX_INDEXES => Ok(SharedMessageTable { address, indexes }),
        n => Err(c.invalid(format!("{n} indexes (possible: 1 to {MAX_INDEXES})"))),
    }
}
