//! The driver-info message of the superblock extension, and the block that does the same in old files: a file of
//! several parts.
//!
//! Source: HDF5 File Format Specification 3.0, sections II.B and IV.A.2.t.

use crate::format::Cursor;
use hyperslab_core::{Error, Result};

/// Bytes of the block's header.
pub const BLOCK_HEADER: u64 = 16;

/// The name in a message body.
///
/// # Errors
/// `Invalid`, `Unsupported` for another version.
pub fn parse(body: &[u8], offset: u64) -> Result<String> {
    let mut c = Cursor::new(body, "driver info", offset);
    c.version(0, 0)?;
    name(&mut c)
}

/// The name in the block of files with a superblock of version 0 or 1, from its first [`BLOCK_HEADER`] bytes, and the
/// bytes of the whole block.
///
/// # Errors
/// `Invalid`, `Unsupported` for another version.
pub fn parse_block(bytes: &[u8], offset: u64) -> Result<(String, u64)> {
    let mut c = Cursor::new(bytes, "driver info", offset);
    c.version(0, 0)?;
    c.skip(3)?;
    let len = BLOCK_HEADER + u64::from(c.u32()?);
    Ok((name(&mut c)?, len))
}

fn name(c: &mut Cursor<'_>) -> Result<String> {
    Ok(c.bytes(8)?.escape_ascii().to_string())
}

/// Why a file of a driver cannot be read alone.
pub fn unsupported(name: &str) -> Error {
    let what = match name {
        "NCSAfami" => "one member of a family of files (driver \"family\")".into(),
        "NCSAmult" => "one part of a file in several parts (driver \"multi\" or \"split\")".into(),
        _ => format!("a file of the driver {name:?}"),
    };
    Error::unsupported(what).reading("driver info").hint("make it one file with 'h5repart' or 'h5repack'")
}

/// Whether a driver lays out a file in a way of its own even where it is one file: addresses are not offsets.
pub fn is_multi(name: &str) -> bool {
    name == "NCSAmult"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(parse(b"\0NCSAfami\x08\0", 0).unwrap(), "NCSAfami");
        assert_eq!(parse_block(b"\0\0\0\0\x08\0\0\0NCSAmult", 0).unwrap(), ("NCSAmult".into(), 24));
        assert!(parse(b"\0NCSA", 0).is_err());
        assert!(unsupported("NCSAmult").to_string().contains("split"));
    }
}
