//! New HDF5 files and images: groups, attributes, contiguous datasets, and tables whose rows come one after another.
//!
//! Array bytes go to the file as they come; everything that describes them is kept in memory and written at the
//! end, children before parents, the superblock last. A file appears when [`Writer::finish`] puts it in place;
//! dropping the writer leaves nothing behind. Not here: changing existing files, and files that grow (`append`).
//!
//! The dialect is that of HDF5 1.8 (superblock 2, version 2 object headers, layout 3, datatype 1 and 3), which
//! every library since reads. Checked against h5py on HDF5 2.0, 1.14 and 1.12.

mod attribute;
mod heap;
mod rows;
mod space;
mod tree;

use crate::format::message::dataspace::Dataspace;
use crate::numpy_types;
use hyperslab_core::output::NewFile;
use hyperslab_core::{ArrayOptions, ContainerWriter, Dtype, Error, Limits, Result, Value, View};
use space::Space;
use std::borrow::Cow;
use std::path::Path;
use tree::{Dataset, Place, Tree};

pub use rows::RowsWriter;

/// Array data starts at a multiple of this, so that a view over a map or an aligned image is aligned too.
const ALIGNMENT: u64 = 64;

/// A file or image being written.
pub struct Writer {
    space: Space,
    tree: Tree,
    limits: Limits,
}

impl Writer {
    /// Starts a file that will appear at `path`; `replace` allows one that is there to be replaced.
    ///
    /// # Errors
    /// `Usage` when it exists and must not be replaced, `Io`.
    pub fn create(path: impl AsRef<Path>, replace: bool) -> Result<Writer> {
        Ok(Self::over(Space::file(NewFile::create(path, replace)?)))
    }

    /// Starts a file in memory; [`Writer::into_image`] gives its bytes.
    pub fn in_memory() -> Writer {
        Self::over(Space::memory())
    }

    fn over(space: Space) -> Writer {
        Writer { space, tree: Tree::new(), limits: Limits::default() }
    }

    /// Makes a group and its parents; a group that is there stays as it is.
    ///
    /// # Errors
    /// `Usage` when a dataset has the name, or the name cannot be stored.
    pub fn group(&mut self, path: &str) -> Result<()> {
        self.tree.group(path).map(drop).map_err(|e| e.object(path))
    }

    /// Writes a dataset: contiguous, in C order, in the view's byte order. Parents are made.
    ///
    /// NumPy types that HDF5 lacks are stored as their nearest type with the attribute `numpy_descr`.
    ///
    /// # Errors
    /// `Usage` when the name is taken or cannot be stored, `Unsupported` for types that cannot be stored, `Io`.
    pub fn dataset(&mut self, path: &str, view: &View<'_>) -> Result<()> {
        self.write_dataset(path, view).map_err(|e| e.object(path))
    }

    fn write_dataset(&mut self, path: &str, view: &View<'_>) -> Result<()> {
        self.tree.check_free(path)?;
        let stored = numpy_types::stored_as(view.dtype())?;
        let dtype = stored.as_ref().unwrap_or(view.dtype());
        let (address, size) = self.elements(dtype, view)?;
        let mut attributes = Vec::new();
        if stored.is_some() {
            let text = Value::from(numpy_types::describe(view.dtype()));
            attributes.push(attribute::encode(numpy_types::ATTRIBUTE, &text)?);
        }
        let space = Dataspace::fixed(view.shape().clone());
        let place = Place::Contiguous { address, size };
        self.tree.dataset(path, Dataset { dtype: dtype.clone(), space, place }, attributes)
    }

    /// Writes the elements; returns where they are (nowhere when there are none) and how many bytes they take.
    fn elements(&mut self, stored: &Dtype, view: &View<'_>) -> Result<(Option<u64>, u64)> {
        if view.is_empty() {
            return Ok((None, 0));
        }
        let bytes: Cow<'_, [u8]> = if stored.has_indirection() {
            Cow::Owned(heap::relocate(view, &mut self.space, &self.limits)?)
        } else if numpy_types::has_unicode(view.dtype()) {
            Cow::Owned(numpy_types::encode(view, &self.limits)?.to_vec())
        } else {
            view.to_bytes(&self.limits)?
        };
        let address = self.space.append(&bytes, ALIGNMENT)?;
        Ok((Some(address), bytes.len() as u64))
    }

    /// Hangs an attribute on an object that was written (`""` or `"/"` is the root).
    ///
    /// Text becomes a variable-length UTF-8 string, a list of numbers or of texts a one-dimensional array.
    ///
    /// # Errors
    /// `Usage` when the object is not there or the name is taken, `Unsupported` for values that HDF5 attributes
    /// cannot hold (nested lists and maps).
    pub fn attribute(&mut self, path: &str, name: &str, value: &Value) -> Result<()> {
        let encoded = attribute::encode(name, value);
        encoded.and_then(|a| self.tree.attribute(path, a)).map_err(|e| e.object(format!("{path}@{name}")))
    }

    /// Puts the finished file in place.
    ///
    /// # Errors
    /// `Io`, or `Usage` when a file has appeared at the target meanwhile.
    pub fn finish(mut self) -> Result<()> {
        self.complete()?;
        self.space.commit()
    }

    /// The bytes of a file that was started with [`Writer::in_memory`].
    ///
    /// # Errors
    /// `Usage` for a writer of a file on disk.
    pub fn into_image(mut self) -> Result<Vec<u8>> {
        self.complete()?;
        self.space.into_memory()
    }

    fn complete(&mut self) -> Result<()> {
        let root = self.tree.emit(&mut self.space)?;
        self.space.seal(root)
    }
}

impl ContainerWriter for Writer {
    fn group(&mut self, path: &str) -> Result<()> {
        Writer::group(self, path)
    }

    fn array(&mut self, path: &str, view: &View<'_>, options: &ArrayOptions) -> Result<()> {
        if options.deflate.is_some() || options.shuffle || options.chunks.is_some() {
            return Err(
                Error::unsupported("chunked and compressed HDF5 datasets are not written yet").object(path)
            );
        }
        self.dataset(path, view)
    }

    fn attribute(&mut self, path: &str, name: &str, value: &Value) -> Result<()> {
        Writer::attribute(self, path, name, value)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        Writer::finish(*self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_before_anything_is_written() {
        let mut w = Writer::in_memory();
        let view = View::from_slice([2], &[1.0, 2.0]).unwrap();
        w.dataset("/a/b", &view).unwrap();
        let end = w.space.end();
        for path in ["/a/b", "/a", "/a/b/c", "", "/", "/a/\0", "/.", "/a/.."] {
            assert!(w.dataset(path, &view).is_err(), "{path:?}");
        }
        assert!(w.group("/a/b").is_err());
        w.group("/a").unwrap();
        assert_eq!(w.space.end(), end);
        w.attribute("/a", "x", &Value::Int(1)).unwrap();
        assert!(w.attribute("/a", "x", &Value::Int(2)).is_err());
        assert!(w.attribute("/nowhere", "x", &Value::Int(2)).is_err());
    }

    #[test]
    fn a_dropped_writer_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut w = Writer::create(dir.path().join("x.h5"), false).unwrap();
        w.group("/g").unwrap();
        drop(w);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn data_is_aligned() {
        let mut w = Writer::in_memory();
        let v = View::from_slice([3], &[1u8, 2, 3]).unwrap();
        for name in ["/a", "/b"] {
            w.dataset(name, &v).unwrap();
        }
        let image = w.into_image().unwrap();
        assert_eq!(&image[64..67], &[1, 2, 3]);
        assert_eq!(&image[128..131], &[1, 2, 3]);
    }
}
