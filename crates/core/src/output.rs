//! New files appear whole or not at all: a temporary file in the same directory, then one rename.

use crate::{Error, Result};
use std::fs::File;
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use tempfile::NamedTempFile;

/// A file being made. [`NewFile::commit`] puts it in place; dropping it leaves nothing behind.
#[derive(Debug)]
pub struct NewFile {
    temp: NamedTempFile,
    target: PathBuf,
    replace: bool,
    _listed: Unfinished,
}

/// What is being made, to be removed when the process is told to stop.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A file or directory on the way to becoming something, for as long as this lives.
#[derive(Debug)]
pub struct Unfinished(PathBuf);

impl Unfinished {
    /// Lists a path.
    pub fn new(path: &Path) -> Unfinished {
        UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).push(path.to_path_buf());
        Unfinished(path.to_path_buf())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).retain(|p| *p != self.0);
    }
}

/// Removes everything that is being made: for a program that is told to stop, just before it exits.
pub fn discard_unfinished() {
    for path in UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
        // What is gone already, or finished, is not there.
        let _ = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
    }
}

impl NewFile {
    /// Starts a file that will appear at `target`; `replace` allows a file that is already there to be replaced.
    ///
    /// # Errors
    /// `Usage` when the target exists and must not be replaced or is no regular file, `Io` when its directory
    /// cannot be written.
    pub fn create(target: impl AsRef<Path>, replace: bool) -> Result<NewFile> {
        let target = place(target.as_ref(), replace)?;
        let dir = match target.parent() {
            Some(p) if !p.as_os_str().is_empty() => p,
            _ => Path::new("."),
        };
        let mut builder = tempfile::Builder::new();
        builder.prefix(".slab-");
        #[cfg(unix)]
        {
            // Ordinary files take the umask's permissions; a temporary file would be private for ever.
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        if !dir.is_dir() {
            return Err(Error::usage(format!("there is no folder {}", dir.display())).file(&target));
        }
        // The error names the temporary file, which is of no use to anybody.
        let temp = builder
            .tempfile_in(dir)
            .map_err(|e| Error::io(e.kind().into(), "cannot create").file(&target))?;
        keep_permissions(temp.path(), &target)?;
        let _listed = Unfinished::new(temp.path());
        Ok(NewFile { temp, target, replace, _listed })
    }

    /// Where the file will appear.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// The file being made, for reads and writes by position.
    pub fn file(&self) -> &File {
        self.temp.as_file()
    }

    /// Makes the file `len` bytes long, zeros at its end, with room for them on the disk where the file system can
    /// promise that: writing to a map of it is then no risk.
    ///
    /// # Errors
    /// `Io`, for a full disk among others.
    pub fn allocate(&self, len: u64) -> Result<()> {
        let fail = |e: io::Error| Error::io(e, "cannot allocate").file(&self.target);
        #[cfg(target_os = "linux")]
        if len > 0 {
            use rustix::io::Errno;
            match rustix::fs::fallocate(self.file(), rustix::fs::FallocateFlags::empty(), 0, len) {
                Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {}
                Err(e) => return Err(fail(e.into())),
            }
        }
        self.file().set_len(len).map_err(fail)
    }

    /// Puts the file in place. Its bytes reach the disk before its name does.
    ///
    /// # Errors
    /// `Io`; `Usage` when a file has appeared at the target meanwhile and must not be replaced.
    pub fn commit(self) -> Result<()> {
        let NewFile { temp, target, replace, _listed } = self;
        temp.as_file().sync_all().map_err(|e| Error::io(e, "cannot sync").file(&target))?;
        let done = if replace { temp.persist(&target) } else { temp.persist_noclobber(&target) };
        done.map(drop).map_err(|e| match e.error.kind() {
            io::ErrorKind::AlreadyExists => exists(&target),
            _ => Error::io(e.error, "cannot put the new file in place").file(&target),
        })
    }
}

/// Gives a new file the permissions of the one that it will replace, if there is one.
///
/// # Errors
/// `Io`.
pub fn keep_permissions(new: &Path, target: &Path) -> Result<()> {
    let Ok(old) = target.metadata() else { return Ok(()) };
    std::fs::set_permissions(new, old.permissions())
        .map_err(|e| Error::io(e, "cannot keep the permissions").file(target))
}

/// Where a file that is to appear at `target` really goes: a link stays a link, and what it names is replaced.
///
/// # Errors
/// `Usage` when something is there and must not be replaced or is no regular file: a rename would put a file in the
/// place of a device or a pipe.
pub fn place(target: &Path, replace: bool) -> Result<PathBuf> {
    let Ok(there) = target.symlink_metadata() else { return Ok(target.to_path_buf()) };
    if !replace {
        return Err(exists(target));
    }
    let target = match there.is_symlink() {
        true => target.canonicalize().map_err(|e| Error::io(e, "cannot follow the link").file(target))?,
        false => target.to_path_buf(),
    };
    if !target.metadata().is_ok_and(|m| m.is_file()) {
        return Err(Error::usage("is not a regular file, so it is not replaced")
            .file(&target)
            .hint("write to '-' for standard output"));
    }
    Ok(target)
}

fn exists(target: &Path) -> Error {
    Error::usage("already exists").file(target).hint("use --force to replace it")
}

impl Write for NewFile {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.temp.as_file_mut().write(buf)
    }
    fn write_vectored(&mut self, bufs: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.temp.as_file_mut().write_vectored(bufs)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.temp.as_file_mut().flush()
    }
}

impl Seek for NewFile {
    fn seek(&mut self, pos: io::SeekFrom) -> io::Result<u64> {
        self.temp.as_file_mut().seek(pos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appears_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        let mut f = NewFile::create(&path, false).unwrap();
        f.write_all(b"half").unwrap();
        drop(f);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);

        let mut f = NewFile::create(&path, false).unwrap();
        f.write_all(b"whole").unwrap();
        assert!(!path.exists());
        f.commit().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");

        assert!(NewFile::create(&path, false).is_err());
        let f = NewFile::create(&path, true).unwrap();
        drop(f);
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
    }

    #[cfg(unix)]
    #[test]
    fn devices_stay_and_links_stay_links() {
        let dir = tempfile::tempdir().unwrap();
        let (real, link) = (dir.path().join("real"), dir.path().join("link"));
        assert!(NewFile::create(dir.path(), true).is_err());
        assert!(NewFile::create("/dev/null", true).is_err());
        std::fs::write(&real, b"old").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let mut f = NewFile::create(&link, true).unwrap();
        f.write_all(b"new").unwrap();
        f.commit().unwrap();
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(std::fs::read(&real).unwrap(), b"new");
    }

    #[test]
    fn a_file_that_appears_meanwhile_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        let f = NewFile::create(&path, false).unwrap();
        std::fs::write(&path, b"theirs").unwrap();
        assert!(f.commit().is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"theirs");
    }
}
