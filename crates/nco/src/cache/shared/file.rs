//! The file of an index: read, replaced, set aside.

use super::super::lock::{self, LOCK};
use super::super::own::{no_follow, sync_dir};
use super::INDEX;
use hyperslab_core::source::FileSource;
use hyperslab_core::{Error, Limits, Result, Source as _};
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Under this name an index is written before it takes its place.
const PART: &str = "index.part";

/// The names under which a damaged index, and one of an older nengo, are kept; with a number if there are more.
pub(in super::super) const DAMAGED: &str = "index.damaged";
pub(in super::super) const OLDER: &str = "index.older";

/// An index that is open.
#[derive(Debug)]
pub(in super::super) struct IndexFile {
    source: FileSource,
}

impl IndexFile {
    /// Opens the index of a directory, if there is one.
    ///
    /// # Errors
    /// `Usage` when it is no regular file, `Io`.
    pub(in super::super) fn open(dir: &Path) -> Result<Option<IndexFile>> {
        let path = dir.join(INDEX);
        match path.symlink_metadata() {
            Ok(m) if !m.is_file() => return Err(no_index(m.file_type()).file(&path)),
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::io(e, "cannot stat").file(&path)),
        }
        match no_follow().read(true).open(&path) {
            Ok(file) => Ok(Some(IndexFile { source: FileSource::from_file(file, path) })),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Error::io(e, "cannot open").file(&path)),
        }
    }

    /// The open file.
    pub(in super::super) fn into_source(self) -> FileSource {
        self.source
    }

    /// All of it.
    ///
    /// # Errors
    /// `Limit`, `Io`.
    pub(in super::super) fn bytes(&self, limits: &Limits) -> Result<Vec<u8>> {
        let len = self.source.len()?;
        Ok(self.source.bytes_at(0, len, limits)?.into_owned())
    }

    /// Whether two are one file that has not been written since. Both are open, so the number of one cannot have
    /// been given to the other.
    #[cfg(unix)]
    pub(in super::super) fn is_same(&self, other: &IndexFile) -> bool {
        use std::os::unix::fs::MetadataExt as _;
        let id = |f: &IndexFile| f.source.file().metadata().ok().map(|m| (m.dev(), m.ino(), m.len()));
        id(self).is_some_and(|a| Some(a) == id(other))
    }

    /// Elsewhere files have no number: it is read again.
    #[cfg(not(unix))]
    pub(in super::super) fn is_same(&self, _other: &IndexFile) -> bool {
        false
    }

    /// Puts a new index in the place of the old: on the disk first, then by one rename.
    ///
    /// # Errors
    /// `Io`; `Usage` when something else has the name of the file to write.
    pub(in super::super) fn replace(dir: &Path, bytes: &[u8]) -> Result<IndexFile> {
        let (part, index) = (dir.join(PART), dir.join(INDEX));
        let fail = |e: io::Error| Error::io(e, "cannot write").file(&part);
        let mut file = create_part(&part)?;
        let written = hyperslab_core::output::keep_permissions(&part, &index)
            .and_then(|()| file.write_all(bytes).and_then(|()| file.sync_all()).map_err(fail))
            .and_then(|()| {
                std::fs::rename(&part, &index).map_err(|e| Error::io(e, "cannot replace").file(&index))
            });
        if let Err(e) = written {
            let _ = std::fs::remove_file(&part);
            return Err(e);
        }
        sync_dir(dir)?;
        Ok(IndexFile { source: FileSource::from_file(file, index) })
    }
}

/// The error for something that has the name of an index, and is none.
pub(in super::super) fn no_index(found: std::fs::FileType) -> Error {
    let what = match found {
        t if t.is_symlink() => "is a link",
        t if t.is_dir() => "is a folder",
        _ => "is no regular file",
    };
    Error::usage(format!("{what}, where a cache has its index, a regular file; nothing is done to it"))
        .hint("move it away")
}

/// A new file. What a writer left there that was killed is replaced; a link is not followed, and stays.
fn create_part(part: &Path) -> Result<File> {
    let create = || OpenOptions::new().read(true).write(true).create_new(true).open(part);
    let file = match create() {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            if !part.symlink_metadata().is_ok_and(|m| m.is_file()) {
                return Err(Error::usage("is no regular file, so no index is written there").file(part));
            }
            std::fs::remove_file(part).and_then(|()| create())
        }
        other => other,
    };
    file.map_err(|e| Error::io(e, "cannot create").file(part))
}

/// Whether a directory is a cache in spite of its index: it was locked before, or there are packs.
pub(in super::super) fn is_cache(dir: &Path, index: bool) -> bool {
    !index || lock::is_there(dir) || super::super::own::list(dir).is_ok_and(|packs| !packs.is_empty())
}

/// Checks that none of the names that a new cache needs belongs to somebody else.
///
/// # Errors
/// `Usage` when one does.
pub(in super::super) fn nothing_foreign(dir: &Path) -> Result<()> {
    for name in [LOCK, PART] {
        let path = dir.join(name);
        let foreign = |m: std::fs::Metadata| !m.is_file() || (name == LOCK && !lock::is_there(dir));
        let taken = path.symlink_metadata().is_ok_and(foreign);
        if taken {
            return Err(Error::usage("is there already, and a cache would need the name").file(path));
        }
    }
    Ok(())
}

/// Gives an index a second name, under which it stays when it is replaced: at no moment is there no index.
///
/// # Errors
/// `Io`.
pub(in super::super) fn set_aside(dir: &Path, name: &str) -> Result<PathBuf> {
    let index = dir.join(INDEX);
    for n in 0..1000 {
        let aside = dir.join(if n == 0 { name.to_owned() } else { format!("{name}.{n}") });
        if aside.symlink_metadata().is_ok() {
            continue;
        }
        match std::fs::hard_link(&index, &aside) {
            Ok(()) => return Ok(aside),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            // Not every file system has links.
            Err(_) => {
                return std::fs::copy(&index, &aside)
                    .map(|_| aside.clone())
                    .map_err(|e| Error::io(e, "cannot set the index aside").file(&aside));
            }
        }
    }
    Err(Error::usage("a thousand indexes that were set aside lie here; delete some of them").file(dir))
}
