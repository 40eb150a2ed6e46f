//! Filter 1, deflate: each chunk is one zlib stream.
//!
//! Not the codec itself, which is `hyperslab_core::codec::deflate`, and not the pipeline that says which filters a
//! chunk went through. Source: HDF5 File Format Specification 3.0, section IV.A.2.l (filter pipeline message); the
//! stream is zlib's (RFC 1950), not raw deflate.

use hyperslab_core::codec::deflate::{Backend, Form, inflate_zlib, inflate_zlib_within};
use hyperslab_core::{Limits, Result};

/// Inflates a stream that must give exactly `out.len()` bytes.
///
/// # Errors
/// `Invalid` for a damaged stream, or one that gives fewer or more bytes.
pub fn inflate_into(stream: &[u8], out: &mut [u8]) -> Result<()> {
    inflate_zlib(stream, out, Backend::BEST)
}

/// Inflates a stream of unknown length, at most `most` bytes. `expected` is how much is reserved at first.
///
/// # Errors
/// `Invalid` for a damaged stream or one that gives more than `most`; `Limit`.
pub fn inflate(stream: &[u8], expected: u64, most: u64, limits: &Limits) -> Result<Vec<u8>> {
    inflate_zlib_within(stream, expected, most, limits, Backend::BEST)
}

/// Deflates `bytes` at a level of 0 to 9 and appends the stream to `out`.
///
/// # Errors
/// `Usage` for another level.
pub fn deflate(bytes: &[u8], level: u32, out: &mut Vec<u8>) -> Result<()> {
    let stream = hyperslab_core::codec::deflate::deflate(bytes, level, Form::Zlib, Backend::BEST)?;
    match out.is_empty() {
        true => *out = stream,
        false => out.extend_from_slice(&stream),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_appended() {
        let (mut out, bytes) = (b"before".to_vec(), [7; 1000]);
        deflate(&bytes, 4, &mut out).unwrap();
        let stream = out.strip_prefix(b"before").unwrap();
        let mut back = [0; 1000];
        inflate_into(stream, &mut back).unwrap();
        assert_eq!(back, bytes);
        assert_eq!(inflate(stream, 10, 1000, &Limits::default()).unwrap(), bytes);
        assert!(inflate(stream, 10, 999, &Limits::default()).is_err());
    }
}
