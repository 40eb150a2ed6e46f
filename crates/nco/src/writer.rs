//! Objects and packs being written as containers.
//!
//! The metadata of an object comes before its array in the file and after it in the calls, so the array is kept
//! until the next one starts.

use crate::ext::Extension;
use crate::fields;
use crate::write::write_npy;
use hyperslab_core::output::NewFile;
use hyperslab_core::{ArrayOptions, ContainerWriter, Error, Result, ResultExt, Value, View};
use hyperslab_pickle::MapDump;
use std::path::Path;

/// A file of Nengo cache objects being written: one object with its array at `""`, or a pack of `"0"`, `"1"`, ..
pub struct NcoWriter {
    file: NewFile,
    pack: bool,
    /// Objects in the file already.
    written: u64,
    /// Where the next object starts.
    end: u64,
    open: Option<Pending>,
}

/// The object that metadata may still be hung on.
struct Pending {
    /// Its array as an NPY file.
    npy: Vec<u8>,
    metadata: MapDump,
    extension: Option<Extension>,
}

impl NcoWriter {
    /// Starts a file of one object; see [`NewFile::create`].
    ///
    /// # Errors
    /// `Usage` when the file exists and `replace` is not set, `Io`.
    pub fn create(path: impl AsRef<Path>, replace: bool) -> Result<NcoWriter> {
        Self::start(path, replace, false)
    }

    /// Starts a pack.
    ///
    /// # Errors
    /// As [`NcoWriter::create`].
    pub fn create_pack(path: impl AsRef<Path>, replace: bool) -> Result<NcoWriter> {
        Self::start(path, replace, true)
    }

    fn start(path: impl AsRef<Path>, replace: bool, pack: bool) -> Result<NcoWriter> {
        Ok(NcoWriter { file: NewFile::create(path, replace)?, pack, written: 0, end: 0, open: None })
    }

    /// The path that the next array must have.
    fn next_path(&self) -> String {
        let n = self.written + u64::from(self.open.is_some());
        if self.pack { n.to_string() } else { String::new() }
    }

    /// The object at a path, if it is the one that was written last.
    fn current(&mut self, path: &str) -> Option<&mut Pending> {
        let here = path.strip_prefix('/').unwrap_or(path);
        let current = if self.pack { self.written.to_string() } else { String::new() };
        self.open.as_mut().filter(|_| here == current)
    }

    /// Writes the object that is complete.
    fn flush(&mut self) -> Result<()> {
        let Some(Pending { npy, metadata, extension }) = self.open.take() else { return Ok(()) };
        let target = self.file.target().to_path_buf();
        let header = write_npy(&mut self.file, self.end, &metadata.finish(), &npy, extension.as_ref())
            .in_file(target)?;
        self.end = header.array.end;
        self.written += 1;
        Ok(())
    }
}

impl ContainerWriter for NcoWriter {
    fn group(&mut self, path: &str) -> Result<()> {
        if matches!(path, "" | "/") {
            return Ok(());
        }
        Err(Error::unsupported("an NCO has no groups").object(path).hint("write an HDF5 file"))
    }

    fn array(&mut self, path: &str, view: &View<'_>, options: &ArrayOptions) -> Result<()> {
        let name = path.strip_prefix('/').unwrap_or(path);
        if !self.pack && (self.open.is_some() || self.written > 0) {
            return Err(Error::usage("an NCO holds one array").object(path).hint("write a pack or an NPZ"));
        }
        if name != self.next_path() {
            let want = self.next_path();
            return Err(
                Error::usage(format!("an NCO has no names for arrays: this one is at {want:?}")).object(path)
            );
        }
        let compression = options.deflate.map(|_| "compression");
        if let Some(what) = compression.or_else(|| options.beyond_deflate()) {
            return Err(Error::unsupported(format!("an NCO has no {what}")).object(path));
        }
        let mut npy = Vec::new();
        hyperslab_npy::npy::write_to(&mut npy, view).in_object(path)?;
        self.flush()?;
        self.open = Some(Pending { npy, metadata: MapDump::new(), extension: None });
        Ok(())
    }

    fn attribute(&mut self, path: &str, name: &str, value: &Value) -> Result<()> {
        let open = self.current(path).ok_or_else(|| {
            Error::usage(format!("no place for {name:?}: metadata follows its array")).object(path)
        })?;
        open.metadata.insert(name, value).in_object(path)
    }

    fn extension(&mut self, path: &str, fields: &[(String, Value)]) -> Result<bool> {
        let open = self
            .current(path)
            .ok_or_else(|| Error::usage("no place for an extension: it follows its array").object(path))?;
        open.extension = Some(fields::parse(fields).in_object(path)?);
        Ok(true)
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.flush()?;
        if !self.pack && self.written == 0 {
            return Err(Error::usage("no array was written").file(self.file.target()));
        }
        self.file.commit()
    }
}
