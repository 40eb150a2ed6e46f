//! The folder that the demo fills. Nothing in it is touched that the demo did not make.

use hyperslab::output::NewFile;
use hyperslab::{Error, Result};
use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Marks the folder, and lists the files that the demo has made in it.
const MARKER: &str = ".slab-demo";

/// An open folder.
pub(super) struct Folder {
    path: PathBuf,
    made: BTreeSet<String>,
}

impl Folder {
    /// Makes the folder, or takes an empty one or one of an earlier demo.
    ///
    /// # Errors
    /// `Usage` for a folder with other things in it, `Io`.
    pub(super) fn open(path: &Path) -> Result<Folder> {
        std::fs::create_dir_all(path).map_err(|e| Error::io(e, "cannot make the folder").file(path))?;
        let marker = path.join(MARKER);
        let made = match std::fs::read_to_string(&marker) {
            Ok(text) => text.lines().map(str::to_owned).collect(),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                let mut entries =
                    std::fs::read_dir(path).map_err(|e| Error::io(e, "cannot read the folder").file(path))?;
                if entries.next().is_some() {
                    return Err(Error::usage("is a folder with other things in it")
                        .file(path)
                        .hint("name a new folder: 'slab demo DIR'"));
                }
                BTreeSet::new()
            }
            Err(e) => return Err(Error::io(e, "cannot read").file(marker)),
        };
        let folder = Folder { path: path.to_path_buf(), made };
        folder.mark()?;
        Ok(folder)
    }

    fn mark(&self) -> Result<()> {
        let marker = self.path.join(MARKER);
        let text: String = self.made.iter().map(|name| format!("{name}\n")).collect();
        let mut file = NewFile::create(&marker, true)?;
        file.write_all(text.as_bytes()).map_err(|e| Error::io(e, "cannot write").file(&marker))?;
        file.commit()
    }

    /// Where the folder is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file that was made.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The path for a new file; one that an earlier demo made is removed.
    ///
    /// # Errors
    /// `Usage` when somebody else's file is there, `Io`.
    pub(super) fn new_file(&mut self, name: &str) -> Result<PathBuf> {
        let path = self.file(name);
        if path.symlink_metadata().is_ok() {
            if !self.made.contains(name) {
                return Err(Error::usage("is in the way, and was not made by the demo").file(path));
            }
            std::fs::remove_file(&path).map_err(|e| Error::io(e, "cannot remove").file(&path))?;
        }
        if self.made.insert(name.to_owned()) {
            self.mark()?;
        }
        Ok(path)
    }

    /// The path for a folder; one that an earlier demo made stays as it is.
    ///
    /// # Errors
    /// `Usage` when something of somebody else's is there, `Io`.
    pub(super) fn new_dir(&mut self, name: &str) -> Result<PathBuf> {
        let path = self.file(name);
        let there = path.symlink_metadata();
        if there.is_ok_and(|m| !m.is_dir() || !self.made.contains(name)) {
            return Err(Error::usage("is in the way, and was not made by the demo").file(path));
        }
        std::fs::create_dir_all(&path).map_err(|e| Error::io(e, "cannot make the folder").file(&path))?;
        if self.made.insert(name.to_owned()) {
            self.mark()?;
        }
        Ok(path)
    }

    /// Writes a file.
    ///
    /// # Errors
    /// As [`Folder::new_file`].
    pub(super) fn write(&mut self, name: &str, bytes: &[u8]) -> Result<PathBuf> {
        let path = self.new_file(name)?;
        let mut file = NewFile::create(&path, false)?;
        file.write_all(bytes).map_err(|e| Error::io(e, "cannot write").file(&path))?;
        file.commit()?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_files_are_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("demo");
        Folder::open(&path).unwrap().write("a", b"1").unwrap();
        std::fs::write(path.join("b"), b"mine").unwrap();
        let mut again = Folder::open(&path).unwrap();
        again.write("a", b"2").unwrap();
        assert!(again.write("b", b"2").is_err());
        assert_eq!(std::fs::read(path.join("b")).unwrap(), b"mine");

        std::fs::write(dir.path().join("x"), b"").unwrap();
        assert!(Folder::open(dir.path()).is_err());
    }
}
