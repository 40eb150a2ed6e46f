//! One writer: two locks, held as long as the file is open for appending.
//!
//! A shared `flock` lets every reader in and makes a library that takes the exclusive one for writing (libhdf5 by
//! default) refuse. It would not refuse a second writer of ours, so each also takes an exclusive
//! open-file-description lock, which `flock` users do not see. Both end with the process, whatever ends it. Programs
//! with locking switched off are not kept out: `order` finds out that they were there.
//!
//! Source: measured on libhdf5 1.12, 1.14 and 2.0; fcntl(2), "Open file description locks".

use hyperslab_core::{Error, Result};
use std::fs::{File, TryLockError};

/// The locks of a file's only writer.
#[derive(Debug)]
pub(super) struct WriterLock {
    /// A second handle of the same open file: the locks last until this is dropped.
    file: File,
}

impl WriterLock {
    /// Takes both locks without waiting.
    pub(super) fn take(file: &File) -> Result<WriterLock> {
        exclusive(file)?;
        match file.try_lock_shared() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::conflict("another program has the file locked for writing")
                    .hint("close it there (h5py holds the lock while a file is open for writing)"));
            }
            Err(TryLockError::Error(e)) => return Err(Error::io(e, "cannot lock")),
        }
        let file = file.try_clone().map_err(|e| Error::io(e, "cannot keep the lock"))?;
        Ok(WriterLock { file })
    }

    /// Keeps readers that lock out as well.
    pub(super) fn alone(&self) -> Result<()> {
        match self.file.try_lock() {
            Ok(()) => Ok(()),
            Err(TryLockError::WouldBlock) => {
                Err(Error::conflict("another program has the file open").hint("close it there"))
            }
            Err(TryLockError::Error(e)) => Err(Error::io(e, "cannot lock")),
        }
    }
}

impl Drop for WriterLock {
    /// Closing the handles would not do: a process that another thread is starting has copies of them for a moment.
    fn drop(&mut self) {
        #[cfg(target_os = "linux")]
        let _ = whole_file(&self.file, nix::libc::F_UNLCK);
        let _ = self.file.unlock();
    }
}

/// Takes or gives back the lock on all bytes that belongs to the open file.
#[cfg(target_os = "linux")]
fn whole_file(file: &File, kind: i32) -> nix::Result<i32> {
    use nix::fcntl::{FcntlArg, fcntl};
    use nix::libc;
    let whole = libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    fcntl(file, FcntlArg::F_OFD_SETLK(&whole))
}

#[cfg(target_os = "linux")]
fn exclusive(file: &File) -> Result<()> {
    match whole_file(file, nix::libc::F_WRLCK) {
        Ok(_) => Ok(()),
        Err(nix::errno::Errno::EAGAIN | nix::errno::Errno::EACCES) => {
            Err(Error::conflict("another writer is appending to this file"))
        }
        Err(e) => Err(Error::io(e.into(), "cannot lock")),
    }
}

#[cfg(not(target_os = "linux"))]
fn exclusive(_file: &File) -> Result<()> {
    Err(Error::unsupported(
        "appending to live files on this system: it has no lock that keeps a second writer out",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyperslab_core::Kind;

    fn open(path: &std::path::Path) -> File {
        File::options().read(true).write(true).open(path).unwrap()
    }

    #[test]
    fn one_writer_and_any_reader() {
        let f = tempfile::NamedTempFile::new().unwrap();
        let (a, b) = (open(f.path()), open(f.path()));
        let lock = WriterLock::take(&a).unwrap();
        assert_eq!(WriterLock::take(&b).unwrap_err().kind(), Kind::Conflict);
        // What a reader and a foreign writer do.
        b.try_lock_shared().unwrap();
        b.unlock().unwrap();
        assert!(matches!(b.try_lock(), Err(TryLockError::WouldBlock)));
        // Closing another handle of the file must not end the lock.
        drop(open(f.path()));
        assert!(WriterLock::take(&b).is_err());
        // Nor must one that is still open, as a forked process has it, keep the lock.
        let copy = a.try_clone().unwrap();
        drop((lock, a));
        drop(WriterLock::take(&b).unwrap());
        drop(copy);
    }

    #[test]
    fn a_foreign_writer_keeps_us_out() {
        let f = tempfile::NamedTempFile::new().unwrap();
        let (a, b) = (open(f.path()), open(f.path()));
        a.try_lock().unwrap();
        assert_eq!(WriterLock::take(&b).unwrap_err().kind(), Kind::Conflict);
        drop(a);
        WriterLock::take(&b).unwrap();
    }
}
