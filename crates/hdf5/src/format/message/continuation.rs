//! The continuation message: where the next chunk of an object header lies.
//!
//! Source: HDF5 File Format Specification 3.0, section IV.A.2.q.

use crate::format::{Cursor, Put, Sizes};
use hyperslab_core::Result;

/// Another chunk of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Continuation {
    /// Where it lies.
    pub address: u64,
    /// Its bytes, signature and checksum included.
    pub len: u64,
}

impl Continuation {
    /// Parses a message body.
    ///
    /// # Errors
    /// `Invalid` when it is short or points nowhere.
    pub fn parse(body: &[u8], sizes: Sizes, offset: u64) -> Result<Continuation> {
        let mut c = Cursor::new(body, "continuation", offset);
        let address = c.address(sizes)?.ok_or_else(|| c.invalid("continuation without an address"))?;
        Ok(Continuation { address, len: c.length(sizes)? })
    }

    /// Appends a body.
    pub fn emit(&self, out: &mut Vec<u8>) {
        out.put_u64(self.address);
        out.put_u64(self.len);
    }
}
