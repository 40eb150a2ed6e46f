//! A folder `XX` of a cache directory, held open: what is opened and deleted in it lies in that very folder, even if
//! somebody puts a link in its place meanwhile, and the path that leads to it is walked once for all its files.

use super::name::PackName;
use std::fs::File;
use std::io;
use std::path::Path;

#[cfg(unix)]
mod at {
    use rustix::fs::{AtFlags, CWD, Mode, OFlags, openat, unlinkat};
    use std::ffi::OsStr;
    use std::fs::File;
    use std::io;
    use std::os::fd::OwnedFd;
    use std::path::Path;

    #[derive(Debug)]
    pub(super) struct Handle(OwnedFd);

    impl Handle {
        pub(super) fn open(path: &Path) -> io::Result<Handle> {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            Ok(Handle(openat(CWD, path, flags, Mode::empty())?))
        }

        pub(super) fn file(&self, name: &OsStr) -> io::Result<File> {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            Ok(File::from(openat(&self.0, name, flags, Mode::empty())?))
        }

        pub(super) fn delete(&self, name: &OsStr) -> io::Result<()> {
            Ok(unlinkat(&self.0, name, AtFlags::empty())?)
        }
    }
}

/// Elsewhere by its path.
#[cfg(not(unix))]
mod at {
    use std::ffi::OsStr;
    use std::fs::File;
    use std::io;
    use std::path::{Path, PathBuf};

    #[derive(Debug)]
    pub(super) struct Handle(PathBuf);

    impl Handle {
        pub(super) fn open(path: &Path) -> io::Result<Handle> {
            match path.symlink_metadata()?.is_dir() {
                true => Ok(Handle(path.to_owned())),
                false => Err(io::ErrorKind::NotADirectory.into()),
            }
        }

        pub(super) fn file(&self, name: &OsStr) -> io::Result<File> {
            File::open(self.0.join(name))
        }

        pub(super) fn delete(&self, name: &OsStr) -> io::Result<()> {
            std::fs::remove_file(self.0.join(name))
        }
    }
}

/// An open folder.
#[derive(Debug)]
pub(crate) struct Folder(at::Handle);

impl Folder {
    /// The folder of a pack.
    ///
    /// # Errors
    /// The operating system's, also for a link.
    pub(crate) fn of(dir: &Path, name: PackName) -> io::Result<Folder> {
        at::Handle::open(&dir.join(name.shard())).map(Folder)
    }

    /// Opens a file in it for reading, which is no link; a pipe is not waited for.
    ///
    /// # Errors
    /// The operating system's.
    pub(crate) fn open(&self, name: PackName) -> io::Result<File> {
        self.0.file(name.to_string().split_at(3).1.as_ref())
    }

    /// Deletes a file in it.
    ///
    /// # Errors
    /// The operating system's.
    pub(crate) fn delete(&self, name: PackName) -> io::Result<()> {
        self.0.delete(name.to_string().split_at(3).1.as_ref())
    }
}
