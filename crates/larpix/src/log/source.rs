//! The bytes of a log: read by position, and heap regions that are never rewritten through a map, where the caller
//! asks for that.
//!
//! What changes in a live log is always read into memory of our own. A map is used for messages alone, which a writer
//! of ours never touches again, and never for the page at the start of the file. The obligation that comes with a map
//! is that of [`hyperslab_core::source::map`]: nobody cuts the file or writes over its messages.

use bytes::Bytes;
use hyperslab_core::source::{FileSource, map_file};
use hyperslab_core::{Result, Source};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Nothing before this is handed out: what lies there changes.
const PAGE: u64 = 4096;

/// An open log file.
#[derive(Debug)]
pub(super) struct LogSource {
    file: FileSource,
    /// The file as it was mapped last; `None` when it is read by position alone.
    map: Option<Mutex<Bytes>>,
}

impl LogSource {
    pub(super) fn open(path: &Path) -> Result<LogSource> {
        Ok(LogSource { file: FileSource::open(path)?, map: None })
    }

    /// The same file, with messages through a map.
    pub(super) fn mapped(self) -> LogSource {
        LogSource { map: Some(Mutex::default()), ..self }
    }

    pub(super) fn is_mapped(&self) -> bool {
        self.map.is_some()
    }

    pub(super) fn file(&self) -> &std::fs::File {
        self.file.file()
    }
}

impl Source for LogSource {
    fn name(&self) -> Option<&Path> {
        self.file.name()
    }

    fn len(&self) -> Result<u64> {
        self.file.len()
    }

    fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        self.file.read_exact_at(offset, out)
    }

    fn head(&self, most: usize) -> Result<(Vec<u8>, u64)> {
        self.file.head(most)
    }

    /// From a map of the whole file, made anew when the file has grown beyond it. What cannot be mapped is `None`,
    /// and read.
    fn shared(&self, offset: u64, len: u64) -> Option<Bytes> {
        let map = self.map.as_ref().filter(|_| offset >= PAGE)?;
        let start = usize::try_from(offset).ok()?;
        let end = usize::try_from(offset.checked_add(len)?).ok()?;
        let mut map = map.lock().unwrap_or_else(PoisonError::into_inner);
        if end > map.len() {
            *map = map_file(self.file.file()).ok()?.0;
        }
        (end <= map.len()).then(|| map.slice(start..end))
    }
}
