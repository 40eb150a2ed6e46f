//! The memory map: the one place where a file's bytes become a slice.
//!
//! # The obligation
//! The bytes of a map are the file's. While the map lives, nobody may shorten the file (reading past the new end
//! kills the process) or rewrite the mapped bytes (a `&[u8]` would change under its reader). Map closed files;
//! read files that are being written through [`FileSource`](super::FileSource), or map only their regions that are
//! never rewritten.

use super::MemorySource;
use crate::{Error, Result, ResultExt};
use bytes::Bytes;
use memmap2::{MmapMut, MmapOptions};
use std::fs::File;
use std::ops::{Deref, DerefMut};
use std::path::Path;

/// Maps a whole file for reading. The caller keeps the obligation of this module while the source, or any view
/// or shared bytes taken from it, is alive.
///
/// # Errors
/// `Io`, naming the file.
pub fn map(path: impl AsRef<Path>) -> Result<MemorySource> {
    let path = path.as_ref();
    let file = File::open(path).map_err(|e| Error::io(e, "cannot open").file(path))?;
    Ok(MemorySource::new(map_file(&file).in_file(path)?.0).named(path))
}

/// Maps an open file for reading, and says its size. The obligation is that of [`map`].
///
/// # Errors
/// `Io`.
pub fn map_file(file: &File) -> Result<(Bytes, u64)> {
    let size = size(file)?;
    let len = usize::try_from(size).map_err(|_| Error::limit(format!("a file of {size} bytes in memory")))?;
    // An empty file cannot be mapped; an empty slice says the same.
    if len == 0 {
        return Ok((Bytes::new(), 0));
    }
    // SAFETY: the file is mapped read-only and stays mapped as long as the `Bytes` that own the map. That its
    // bytes do not change or vanish meanwhile is the caller's documented obligation above.
    #[expect(unsafe_code, reason = "the one memory map")]
    let map = unsafe { MmapOptions::new().len(len).map(file) }.map_err(cannot_map)?;
    Ok((Bytes::from_owner(map), size))
}

fn size(file: &File) -> Result<u64> {
    Ok(file.metadata().map_err(cannot_map)?.len())
}

fn cannot_map(e: std::io::Error) -> Error {
    Error::io(e, "cannot map")
}

/// Where what is written to a map goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Writes {
    /// To the file, and to every other shared map of it.
    File,
    /// To memory of this map alone; the file stays as it is.
    Memory,
}

/// A whole file as bytes that can be changed. Dropping it unmaps the file; what was written to the file stays.
#[derive(Debug)]
pub struct WritableMap {
    // An empty file cannot be mapped.
    map: Option<MmapMut>,
}

impl WritableMap {
    /// Maps a file that is open for reading, and for writing where the writes go to it. The obligation of this module
    /// holds while the map lives.
    ///
    /// # Errors
    /// `Io`.
    pub fn new(file: &File, writes: Writes) -> Result<WritableMap> {
        if size(file)? == 0 {
            return Ok(WritableMap { map: None });
        }
        // SAFETY: as in `map_file`; the bytes are changed through this map alone, which `&mut self` guards.
        #[expect(unsafe_code, reason = "the one memory map, to be written")]
        let map = unsafe {
            match writes {
                Writes::File => MmapMut::map_mut(file),
                Writes::Memory => MmapOptions::new().map_copy(file),
            }
        };
        Ok(WritableMap { map: Some(map.map_err(cannot_map)?) })
    }

    /// Waits until what was written has reached the disk; nothing to wait for where writes stay in memory.
    ///
    /// # Errors
    /// `Io`.
    pub fn flush(&self) -> Result<()> {
        self.map.as_ref().map_or(Ok(()), |m| m.flush().map_err(|e| Error::io(e, "cannot flush the map")))
    }
}

impl Deref for WritableMap {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        self.map.as_deref().unwrap_or_default()
    }
}

impl DerefMut for WritableMap {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.map.as_deref_mut().unwrap_or_default()
    }
}
