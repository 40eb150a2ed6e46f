//! The cache-image message of the superblock extension: where the metadata is that was never written to its place.
//!
//! Not here: the [image](crate::format::cache_image) itself.
//!
//! Source: HDF5 File Format Specification 4.0, section IV.A.2.y.

use crate::format::{Cursor, Sizes};
use hyperslab_core::Result;

/// Where the image is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheImage {
    /// Its address; `None` when there is none any more.
    pub address: Option<u64>,
    /// Its bytes.
    pub len: u64,
}

/// Parses a message body.
///
/// # Errors
/// `Invalid`, `Unsupported` for another version.
pub fn parse(body: &[u8], sizes: Sizes, offset: u64) -> Result<CacheImage> {
    let mut c = Cursor::new(body, "cache-image message", offset);
    c.version(0, 0)?;
    Ok(CacheImage { address: c.address(sizes)?, len: c.length(sizes)? })
}
