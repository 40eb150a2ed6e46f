//! What a live file is written through: reads, writes by position, a length and a barrier.
//!
//! Small on purpose, so that a test can record every write and replay any prefix of them. Not here: what is written
//! when (`order`).

use super::lock::WriterLock;
use hyperslab_core::source::FileSource;
use hyperslab_core::{Error, Result, Source};
use std::fs::{File, OpenOptions};
use std::path::Path;

/// A file that is read and written by position.
pub trait Storage: Source {
    /// Writes all of `bytes` at `offset` in one call to the system where it can.
    ///
    /// # Errors
    /// `Io`.
    fn write_all_at(&self, offset: u64, bytes: &[u8]) -> Result<()>;

    /// Makes the file exactly `len` bytes long; new bytes are zero and take no space.
    ///
    /// # Errors
    /// `Io`.
    fn set_len(&self, len: u64) -> Result<()>;

    /// The next position from `offset` on that may hold other bytes than zero: where the file has data.
    ///
    /// # Errors
    /// `Io`.
    fn next_data(&self, offset: u64) -> Result<Option<u64>> {
        Ok((offset < self.len()?).then_some(offset))
    }

    /// Returns when everything written so far would survive a loss of power.
    ///
    /// # Errors
    /// `Io`.
    fn barrier(&self) -> Result<()>;
}

/// A file of the file system, held by the one writer that it may have.
#[derive(Debug)]
pub struct FileStorage {
    source: FileSource,
    lock: WriterLock,
}

impl FileStorage {
    /// Opens an existing file for appending and locks out other writers.
    ///
    /// # Errors
    /// `Io`; `Conflict` when another writer has it.
    pub fn open(path: &Path) -> Result<FileStorage> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .map_err(|e| Error::io(e, "cannot open for appending").file(path))?;
        let lock = WriterLock::take(&file).map_err(|e| e.file(path))?;
        Ok(FileStorage { source: FileSource::from_file(file, path), lock })
    }

    /// Opens an existing file for changing and locks out other writers and readers that lock.
    ///
    /// # Errors
    /// `Io`; `Conflict` when another program has it open.
    pub fn open_alone(path: &Path) -> Result<FileStorage> {
        let storage = FileStorage::open(path)?;
        storage.lock.alone().map_err(|e| e.file(path))?;
        Ok(storage)
    }

    fn file(&self) -> &File {
        self.source.file()
    }

    fn fail(&self, e: std::io::Error, doing: String) -> Error {
        let error = Error::io(e, doing);
        match self.source.name() {
            Some(name) => error.file(name),
            None => error,
        }
    }
}

impl Source for FileStorage {
    fn name(&self) -> Option<&Path> {
        self.source.name()
    }
    /// What is written to a file that was deleted is gone when it is closed: that is an error now.
    #[cfg(unix)]
    fn len(&self) -> Result<u64> {
        let found = self.file().metadata().map_err(|e| self.fail(e, "cannot stat".into()))?;
        match std::os::unix::fs::MetadataExt::nlink(&found) {
            0 => Err(self
                .fail(std::io::ErrorKind::NotFound.into(), "the file was deleted while it was open".into())),
            _ => Ok(found.len()),
        }
    }
    #[cfg(not(unix))]
    fn len(&self) -> Result<u64> {
        self.source.len()
    }
    fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        self.source.read_exact_at(offset, out)
    }
}

impl Storage for FileStorage {
    #[cfg(unix)]
    fn write_all_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        std::os::unix::fs::FileExt::write_all_at(self.file(), bytes, offset)
            .map_err(|e| self.fail(e, format!("cannot write {} bytes at {offset}", bytes.len())))
    }

    #[cfg(not(unix))]
    fn write_all_at(&self, _offset: u64, _bytes: &[u8]) -> Result<()> {
        Err(Error::unsupported("appending to live files on this system"))
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.file().set_len(len).map_err(|e| self.fail(e, format!("cannot make the file {len} bytes long")))
    }

    #[cfg(target_os = "linux")]
    fn next_data(&self, offset: u64) -> Result<Option<u64>> {
        use rustix::{fs, io::Errno};
        // Moves the file's own position, which nothing here uses.
        match fs::seek(self.file(), fs::SeekFrom::Data(offset)) {
            Ok(at) => Ok(Some(at)),
            Err(Errno::NXIO) => Ok(None),
            // A file system that cannot tell: everything may be data.
            Err(_) => Ok((offset < self.len()?).then_some(offset)),
        }
    }

    fn barrier(&self) -> Result<()> {
        self.file().sync_data().map_err(|e| self.fail(e, "cannot sync".into()))
    }
}

impl<S: Storage + ?Sized> Storage for &S {
    fn write_all_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        (**self).write_all_at(offset, bytes)
    }
    fn set_len(&self, len: u64) -> Result<()> {
        (**self).set_len(len)
    }
    fn next_data(&self, offset: u64) -> Result<Option<u64>> {
        (**self).next_data(offset)
    }
    fn barrier(&self) -> Result<()> {
        (**self).barrier()
    }
}
