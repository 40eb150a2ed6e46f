//! A file read by position.
//!
//! The right source for files that others may write meanwhile: a truncation is an error, never a signal.

use super::{Source, beyond};
use crate::{Error, Result};
use std::fs::File;
use std::path::{Path, PathBuf};

/// An open file.
#[derive(Debug)]
pub struct FileSource {
    file: File,
    name: PathBuf,
}

impl FileSource {
    /// Opens a file for reading.
    ///
    /// # Errors
    /// `Io`, naming the file.
    pub fn open(path: impl AsRef<Path>) -> Result<FileSource> {
        let name = path.as_ref().to_path_buf();
        let file = File::open(&name).map_err(|e| Error::io(e, "cannot open").file(&name))?;
        Ok(FileSource { file, name })
    }

    /// A source over a file that is already open.
    pub fn from_file(file: File, name: impl Into<PathBuf>) -> FileSource {
        FileSource { file, name: name.into() }
    }

    /// The open file.
    pub fn file(&self) -> &File {
        &self.file
    }
}

impl Source for FileSource {
    fn name(&self) -> Option<&Path> {
        Some(&self.name)
    }

    fn len(&self) -> Result<u64> {
        let meta = self.file.metadata().map_err(|e| Error::io(e, "cannot stat").file(&self.name))?;
        Ok(meta.len())
    }

    fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        read_exact_at(&self.file, offset, out).map_err(|e| match e.kind() {
            std::io::ErrorKind::UnexpectedEof => beyond(offset, out.len() as u64, self.len().unwrap_or(0)),
            _ => Error::io(e, format!("cannot read {} bytes", out.len())).at(offset).file(&self.name),
        })
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, out, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut offset: u64, mut out: &mut [u8]) -> std::io::Result<()> {
    use std::os::windows::fs::FileExt;
    while !out.is_empty() {
        let n = file.seek_read(out, offset)?;
        if n == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        offset += n as u64;
        out = &mut out[n..];
    }
    Ok(())
}
