//! Deflate, raw (RFC 1951) and in zlib's wrapping (RFC 1950): the one place that packs and unpacks it.
//!
//! Two back ends: Rust throughout, and, with the feature `libdeflate`, that library for what is in memory as a
//! whole. Streams that are unpacked in pieces always go through the Rust one, and so does whatever libdeflate
//! refuses, so that errors are the same in every build. Not the archive or pipeline around the streams.
//!
//! Levels are those of zlib, 0 to 9, and mean about its sizes, not its effort: each back end reaches them in its
//! own way.

mod joined;
#[cfg(feature = "libdeflate")]
mod libdeflate;
mod literal;
mod rust;
#[cfg(feature = "libdeflate")]
mod walk;

pub use joined::{PIECE, piece};
pub use rust::{Inflater, Step};

use crate::{Error, Limits, Result};

/// The most bytes that one byte of deflate can stand for: 258 for every two bits.
pub const MAX_RATIO: u64 = 1032;

/// The greatest level.
pub const MAX_LEVEL: u32 = 9;

/// What is around a deflate stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Nothing.
    Raw,
    /// A header of two bytes and an Adler-32 checksum.
    Zlib,
}

/// Who packs and unpacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// zlib-rs.
    Rust,
    /// libdeflate.
    #[cfg(feature = "libdeflate")]
    Libdeflate,
}

impl Backend {
    /// The fastest one of this build.
    #[cfg(feature = "libdeflate")]
    pub const BEST: Backend = Backend::Libdeflate;
    /// The fastest one of this build.
    #[cfg(not(feature = "libdeflate"))]
    pub const BEST: Backend = Backend::Rust;
}

/// Packs bytes at a level of 0 to 9. The same bytes give the same stream, for one back end and its version.
///
/// # Errors
/// `Usage` for another level.
pub fn deflate(bytes: &[u8], level: u32, form: Form, backend: Backend) -> Result<Vec<u8>> {
    check_level(level)?;
    match backend {
        Backend::Rust => rust::deflate(bytes, level, form, true),
        #[cfg(feature = "libdeflate")]
        Backend::Libdeflate => libdeflate::deflate(bytes, level, form),
    }
}

/// Checks that a level is one of 0 to 9.
///
/// # Errors
/// `Usage`.
pub fn check_level(level: u32) -> Result<()> {
    if level > MAX_LEVEL {
        return Err(Error::usage(format!("deflate level {level} is not one of 0 to 9")));
    }
    Ok(())
}

/// Unpacks a zlib stream that must give exactly `out.len()` bytes; what follows the stream is not looked at.
///
/// # Errors
/// `Invalid` for a damaged stream, or one that gives fewer or more bytes.
pub fn inflate_zlib(stream: &[u8], out: &mut [u8], backend: Backend) -> Result<()> {
    #[cfg(feature = "libdeflate")]
    if backend == Backend::Libdeflate && libdeflate::inflate_zlib(stream, out) == Some(out.len()) {
        return Ok(());
    }
    let _ = backend;
    rust::inflate_exact(stream, out, Form::Zlib).map(drop)
}

/// Unpacks a zlib stream of unknown length, at most `most` bytes. `expected` is how much is reserved at first.
///
/// # Errors
/// `Invalid` for a damaged stream or one that gives more than `most`; `Limit`.
pub fn inflate_zlib_within(
    stream: &[u8],
    expected: u64,
    most: u64,
    limits: &Limits,
    backend: Backend,
) -> Result<Vec<u8>> {
    #[cfg(feature = "libdeflate")]
    if backend == Backend::Libdeflate
        && let Some(out) = libdeflate::inflate_zlib_within(stream, expected, most, limits)
    {
        return Ok(out);
    }
    let _ = backend;
    rust::inflate_zlib_within(stream, expected, most, limits)
}

/// Unpacks a raw stream that must give exactly `out.len()` bytes and use exactly `stream`, and returns the CRC-32 of
/// what it gave, which is expected to be `crc`: knowing it makes the check cheaper.
///
/// # Errors
/// `Invalid` for a damaged stream, or one that gives or takes fewer or more bytes.
pub fn inflate_raw(stream: &[u8], out: &mut [u8], crc: u32, backend: Backend) -> Result<u32> {
    #[cfg(feature = "libdeflate")]
    if backend == Backend::Libdeflate && libdeflate::inflate_raw(stream, out, crc) {
        return Ok(crc);
    }
    let _ = (backend, crc);
    let used = rust::inflate_exact(stream, out, Form::Raw)?;
    if used != stream.len() {
        return Err(ends_before(used as u64, stream.len() as u64));
    }
    Ok(crc32fast::hash(out))
}

/// The error for a stream that is over before its bytes are.
#[cold]
pub fn ends_before(used: u64, packed: u64) -> Error {
    Error::invalid(format!("deflate stream ends after {used} of {packed} packed bytes"))
}

/// The error for a stream that gives fewer bytes than it should.
#[cold]
pub fn too_short(wanted: u64, got: u64) -> Error {
    Error::invalid(format!("deflate stream ends early (wanted {wanted} bytes, got {got})"))
}

/// The error for a stream that gives more bytes than it should.
#[cold]
pub fn too_long(wanted: u64) -> Error {
    Error::invalid(format!("deflate stream gives more than the {wanted} bytes wanted"))
}

#[cfg(test)]
mod tests;
