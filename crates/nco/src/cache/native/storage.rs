//! What a journal is written to: a file, in tests a recorder of every write.

use hyperslab_core::source::FileSource;
use hyperslab_core::{Error, Result, Source};
use std::fs::File;
use std::path::Path;

/// Bytes at offsets that can be written and made to last.
pub(super) trait Storage: Source {
    /// Writes all bytes at an offset, by one call where the system takes them at once.
    fn write_all_at(&self, offset: u64, bytes: &[u8]) -> Result<()>;

    /// Returns when what was written would survive a loss of power.
    fn sync(&self) -> Result<()>;
}

impl Storage for FileSource {
    fn write_all_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        write_all_at(self.file(), offset, bytes).map_err(|e| {
            Error::io(e, format!("cannot write {} bytes", bytes.len())).at(offset).file(name(self))
        })
    }

    fn sync(&self) -> Result<()> {
        self.file().sync_data().map_err(|e| Error::io(e, "cannot sync").file(name(self)))
    }
}

fn name(source: &FileSource) -> &Path {
    source.name().unwrap_or(Path::new(""))
}

#[cfg(unix)]
fn write_all_at(file: &File, offset: u64, bytes: &[u8]) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

#[cfg(windows)]
fn write_all_at(file: &File, mut offset: u64, mut bytes: &[u8]) -> std::io::Result<()> {
    while !bytes.is_empty() {
        let n = std::os::windows::fs::FileExt::seek_write(file, bytes, offset)?;
        if n == 0 {
            return Err(std::io::ErrorKind::WriteZero.into());
        }
        offset += n as u64;
        bytes = bytes.get(n..).unwrap_or_default();
    }
    Ok(())
}
