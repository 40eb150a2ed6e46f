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

    /// Of a small file, its end says how long it is, which costs half as much as asking.
    fn head(&self, most: usize) -> Result<(Vec<u8>, u64)> {
        let mut head = vec![0; most];
        let mut have = 0;
        while let Some(room) = head.get_mut(have..).filter(|room| !room.is_empty()) {
            match read_at(&self.file, have as u64, room) {
                Ok(0) => break,
                Ok(n) => have += n,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => {
                    return Err(Error::io(e, format!("cannot read {most} bytes"))
                        .at(have as u64)
                        .file(&self.name));
                }
            }
        }
        let len = if have < most { have as u64 } else { self.len()?.max(have as u64) };
        head.truncate(have);
        Ok((head, len))
    }
}

#[cfg(unix)]
fn read_at(file: &File, offset: u64, out: &mut [u8]) -> std::io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, out, offset)
}

#[cfg(windows)]
fn read_at(file: &File, offset: u64, out: &mut [u8]) -> std::io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, out, offset)
}

#[cfg(unix)]
fn read_exact_at(file: &File, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, out, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut offset: u64, mut out: &mut [u8]) -> std::io::Result<()> {
    while !out.is_empty() {
        let n = read_at(file, offset, out)?;
        if n == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        offset += n as u64;
        out = &mut out[n..];
    }
    Ok(())
}
