//! The memory map: the one place where a file's bytes become a slice.
//!
//! # The obligation
//! The bytes of a map are the file's. While the map lives, nobody may shorten the file (reading past the new end
//! kills the process) or rewrite the mapped bytes (a `&[u8]` would change under its reader). Map closed files;
//! read files that are being written through [`FileSource`](super::FileSource), or map only their regions that are
//! never rewritten.

use super::MemorySource;
use crate::{Error, Result};
use bytes::Bytes;
use std::fs::File;
use std::path::Path;

/// Maps a whole file for reading. The caller keeps the obligation of this module while the source, or any view
/// or shared bytes taken from it, is alive.
///
/// # Errors
/// `Io`, naming the file.
pub fn map(path: impl AsRef<Path>) -> Result<MemorySource> {
    let path = path.as_ref();
    let fail = |e| Error::io(e, "cannot map").file(path);
    let file = File::open(path).map_err(|e| Error::io(e, "cannot open").file(path))?;
    // An empty file cannot be mapped; an empty slice says the same.
    if file.metadata().map_err(fail)?.len() == 0 {
        return Ok(MemorySource::new(Bytes::new()).named(path));
    }
    // SAFETY: the file is mapped read-only and stays mapped as long as the `Bytes` that own the map. That its
    // bytes do not change or vanish meanwhile is the caller's documented obligation above.
    #[expect(unsafe_code, reason = "the one memory map")]
    let map = unsafe { memmap2::Mmap::map(&file) }.map_err(fail)?;
    Ok(MemorySource::new(Bytes::from_owner(map)).named(path))
}
