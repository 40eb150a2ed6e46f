//! The body of a message whose content lies elsewhere.
//!
//! Source: HDF5 File Format Specification 3.0, section IV.A.2 ("Shared Message"), versions 1 to 3. Libraries use it
//! for committed datatypes; that libhdf5 1.10 to 2.0 follows it for a dataspace too was measured.

use crate::format::{Cursor, Put, Sizes};
use hyperslab_core::Result;

/// Where the content lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shared {
    /// In the message of the same kind of the object header at this address.
    Object(u64),
    /// In the file's shared-message table, under this heap identifier.
    Table([u8; 8]),
}

impl Shared {
    /// Parses the body of a shared message.
    ///
    /// # Errors
    /// `Invalid`, `Unsupported` for unknown versions and kinds.
    pub fn parse(body: &[u8], sizes: Sizes, offset: u64) -> Result<Shared> {
        let mut c = Cursor::new(body, "shared message", offset);
        let version = c.version(1, 3)?;
        let kind = c.u8()?;
        if version == 1 {
            // A whole symbol-table entry in spirit: reserved bytes and a name offset before the address.
            c.skip(6)?;
            c.length(sizes)?;
        }
        match (version, kind) {
            (3, 1) => Ok(Shared::Table(c.array()?)),
            (3, k) if k != 2 => Err(c.unsupported(format!("shared message of kind {k}"))),
            _ => match c.address(sizes)? {
                Some(a) => Ok(Shared::Object(a)),
                None => Err(c.invalid("shared message without an address")),
            },
        }
    }

    /// Appends a version 3 body that points at an object header.
    pub fn emit_object(address: u64, out: &mut Vec<u8>) {
        Shared::emit(address, false, out);
    }

    /// The same, or where it is to be `old` a version 2 body.
    pub fn emit(address: u64, old: bool, out: &mut Vec<u8>) {
        out.extend_from_slice(&[if old { 2 } else { 3 }, 2]);
        out.put_u64(address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_versions() {
        let std = Sizes::STANDARD;
        let mut out = Vec::new();
        Shared::emit_object(0x1234, &mut out);
        assert_eq!(Shared::parse(&out, std, 0).unwrap(), Shared::Object(0x1234));
        let mut v1 = vec![1, 0, 0, 0, 0, 0, 0, 0];
        v1.extend([9; 8]);
        v1.put_u64(77);
        assert_eq!(Shared::parse(&v1, std, 0).unwrap(), Shared::Object(77));
        let mut v2 = vec![2, 0];
        v2.put_u64(78);
        assert_eq!(Shared::parse(&v2, std, 0).unwrap(), Shared::Object(78));
        assert_eq!(
            Shared::parse(&[3, 1, 1, 2, 3, 4, 5, 6, 7, 8], std, 0).unwrap(),
            Shared::Table([1, 2, 3, 4, 5, 6, 7, 8])
        );
        assert!(Shared::parse(&[3, 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], std, 0).is_err());
    }
}
