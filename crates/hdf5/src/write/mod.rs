//! New HDF5 files and images: groups, attributes, datasets of any layout, and tables whose rows come one after another.
//!
//! Array bytes go to the file as they come; everything that describes them is kept in memory and written at the
//! end, the superblock last. A file appears when [`Writer::finish`] puts it in place; dropping the writer leaves
//! nothing behind. Not here: changing existing files, and files that grow (`append`).
//!
//! The dialect is that of HDF5 1.8 (superblock 2, version 2 object headers, layout 3 with version 1 B-trees, datatype
//! 1 and 3), which every library since reads, unless [`Writer::libver`] asks for an older or a newer one. Checked against
//! h5py on HDF5 2.0, 1.14 and 1.12.

mod attribute;
mod carry;
mod chunk_shape;
mod chunks;
mod dataset;
mod elements;
mod finish;
mod group;
mod heap;
mod index;
mod libver;
mod newer_index;
pub(crate) mod part;
mod pipeline;
mod reference;
mod rows;
mod space;
mod storage;
mod stream;
mod tree;
mod widen;

use crate::format::message::datatype;
use crate::numpy_types;
use finish::headers;
use heap::Kept;
use hyperslab_core::container::{Bookkeeping, Fill, StoredAttribute};
use hyperslab_core::output::NewFile;
use hyperslab_core::{
    ArrayOptions, ContainerWriter, Dtype, Error, Limits, LinkTo, Result, Shape, Value, View,
};
use space::Space;
use std::path::Path;
use storage::{Layout, Storage};
use tree::{Attribute, Dataset, Place, Tree};
use widen::widened;

pub(crate) use tree::check_link;

pub use dataset::DatasetBuilder;
pub use group::Group;
pub use libver::Libver;
pub use reference::{Reference, references};
pub use rows::RowsWriter;
pub use stream::DatasetStream;

/// What is wrong with what was asked for, and not with a file.
pub(crate) fn asked(e: Error) -> Error {
    Error::usage(e.message().to_owned())
}

/// Array data starts at a multiple of this, so that a view over a map or an aligned image is aligned too.
const ALIGNMENT: u64 = 64;

/// A file or image being written.
///
/// ```
/// use hyperslab_core::{Container, Limits, Selection};
/// use hyperslab_hdf5::File;
///
/// # fn main() -> hyperslab_core::Result<()> {
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("run.h5");
/// let samples: Vec<f64> = (0..6000).map(f64::from).collect();
///
/// let mut f = File::create(&path)?;
/// let mut run = f.group("run")?;
/// run.attribute("who", "Noether")?;
/// run.dataset("x").shape([100, 60]).chunks([10, 60]).gzip(4).shuffle().fill(-1).write(&samples)?;
/// f.finish()?; // the file appears now, whole
///
/// let f = File::open(&path)?;
/// let last = f.read("/run/x", &"[-1, -1]".parse::<Selection>()?, &Limits::default())?;
/// assert_eq!(last.to_vec::<f64>()?, [5999.0]);
/// # Ok(())
/// # }
/// ```
pub struct Writer {
    space: Space,
    tree: Tree,
    limits: Limits,
}

impl crate::File<'_> {
    /// Starts a new file, which appears at `path` when the writer is finished; what is there is never replaced.
    ///
    /// # Errors
    /// As [`Writer::create`].
    pub fn create(path: impl AsRef<Path>) -> Result<Writer> {
        Writer::create(path, false)
    }
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

    /// Makes the file of the structures of another version of HDF5, before anything is written.
    ///
    /// # Errors
    /// `Usage` when something was written.
    pub fn libver(mut self, libver: Libver) -> Result<Writer> {
        if self.space.end() > 0 || self.tree.objects.len() > 1 {
            return Err(Error::usage("the version of HDF5 is chosen before anything is written"));
        }
        self.space.libver = libver;
        Ok(self)
    }

    /// Puts bytes of somebody else's before everything, before anything is written: none, or 512, 1024, 2048, ..
    ///
    /// # Errors
    /// `Usage` for another number of bytes, and when something was written; `Io`.
    pub fn user_block(&mut self, bytes: &[u8]) -> Result<()> {
        self.space.user_block(bytes)
    }

    fn over(space: Space) -> Writer {
        Writer { space, tree: Tree::new(), limits: Limits::default() }
    }

    /// Makes a group and its parents; a group that is there stays as it is.
    ///
    /// # Errors
    /// `Usage` when a dataset has the name, or the name cannot be stored.
    pub fn group(&mut self, path: &str) -> Result<Group<'_>> {
        self.tree.group(path).map_err(|e| e.object(path))?;
        Ok(Group::new(self, path))
    }

    /// Starts a dataset, which [`DatasetBuilder::write`] and its siblings complete. Parents are made.
    pub fn dataset(&mut self, path: &str) -> DatasetBuilder<'_> {
        DatasetBuilder::new(self, path)
    }

    /// Writes a dataset in C order and the view's byte order.
    ///
    /// NumPy types that HDF5 lacks are stored as their nearest type with the attribute `numpy_descr`.
    fn put(&mut self, path: &str, view: &View<'_>, options: &ArrayOptions) -> Result<()> {
        self.tree.check_free(path)?;
        let (storage, attributes) = self.settle(view.dtype(), Some(view.shape()), options)?;
        let refers = storage.dtype.has_references()
            && (matches!(storage.fill, Fill::Reference(_)) || !elements::is_zero(view)?);
        let place = match refers {
            // Objects have no addresses before all of them are there.
            true => Place::Waiting(Kept::copy(view, &self.limits)?),
            false => chunks::place(view, &storage, &mut self.space, &self.limits, &|_| None)?,
        };
        self.tree.dataset(path, Dataset { storage, place }, attributes)
    }

    /// Makes a dataset with a null dataspace.
    fn put_null(&mut self, path: &str, dtype: &Dtype, options: &ArrayOptions) -> Result<()> {
        self.tree.check_free(path)?;
        if !options.max_shape.is_empty() {
            return Err(Error::usage("greatest extents for a dataset without a shape"));
        }
        let (storage, attributes) = self.settle(dtype, None, options)?;
        let place = match storage.layout {
            Layout::Compact => Place::Compact(Vec::new()),
            _ => Place::Contiguous { address: None, size: 0 },
        };
        self.tree.dataset(path, Dataset { storage, place }, attributes)
    }

    /// How a dataset of elements of `dtype` is stored, and the attributes that say what they are.
    fn settle(
        &self,
        dtype: &Dtype,
        shape: Option<&Shape>,
        options: &ArrayOptions,
    ) -> Result<(Storage, Vec<Attribute>)> {
        let libver = self.space.libver;
        let settle = |dtype: Dtype, options: &ArrayOptions| {
            let mut storage = Storage::settle(dtype, shape, options, libver)?;
            if let Some(path) = &options.named_type {
                storage.named = Some(self.tree.type_at(path, &storage.dtype)?);
            }
            Ok(storage)
        };
        let Some(stored) = numpy_types::stored_as(dtype)? else {
            return Ok((settle(widened(dtype)?, options)?, Vec::new()));
        };
        let text = Value::from(numpy_types::describe(dtype));
        let descr = attribute::encode(numpy_types::ATTRIBUTE, &text)?;
        let mut options = options.clone();
        if let Fill::Value(bytes) = &options.fill
            && numpy_types::has_unicode(dtype)
            && bytes.len() as u64 == dtype.itemsize()
        {
            let one = View::new(dtype.clone(), Shape::from([1]), bytes.clone())?;
            options.fill = Fill::Value(numpy_types::encode(&one, &self.limits)?.to_vec());
        }
        Ok((settle(stored, &options)?, vec![descr]))
    }

    /// Makes a named type, which datasets and attributes can have. Parents are made.
    ///
    /// # Errors
    /// `Usage` when the name is taken or cannot be stored, `Unsupported` for a type that HDF5 lacks.
    pub fn named_type(&mut self, path: &str, dtype: &Dtype) -> Result<()> {
        let dtype = widened(dtype).map_err(|e| e.object(path))?;
        let made = datatype::emit(&dtype, &mut Vec::new());
        made.and_then(|()| self.tree.named_type(path, dtype)).map_err(|e| e.object(path))
    }

    /// Hangs an attribute on an object that was written (`""` or `"/"` is the root).
    ///
    /// Text becomes a variable-length UTF-8 string, a list of numbers or of texts a one-dimensional array.
    ///
    /// # Errors
    /// `Usage` when the object is not there or the name is taken or cannot be stored, `Unsupported` for values that
    /// HDF5 attributes cannot hold (nested lists and maps).
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
        let root = headers::emit(&mut self.tree, &mut self.space, &self.limits)?;
        self.space.seal(root)
    }
}

impl ContainerWriter for Writer {
    fn group(&mut self, path: &str) -> Result<()> {
        Writer::group(self, path).map(drop)
    }

    fn array(&mut self, path: &str, view: &View<'_>, options: &ArrayOptions) -> Result<()> {
        self.put(path, view, options).map_err(|e| e.object(path))
    }

    fn attribute(&mut self, path: &str, name: &str, value: &Value) -> Result<()> {
        Writer::attribute(self, path, name, value)
    }

    fn null(&mut self, path: &str, dtype: &Dtype, options: &ArrayOptions) -> Result<bool> {
        self.put_null(path, dtype, options).map_err(|e| e.object(path))?;
        Ok(true)
    }

    fn named_type(&mut self, path: &str, dtype: &Dtype) -> Result<bool> {
        Writer::named_type(self, path, dtype)?;
        Ok(true)
    }

    fn stored_attribute(&mut self, path: &str, name: &str, attribute: &StoredAttribute<'_>) -> Result<bool> {
        let mut put = || {
            let named = attribute.named_type.as_deref();
            let named = named.map(|n| self.tree.type_at(n, &widened(&attribute.dtype)?)).transpose()?;
            self.tree.attribute(path, attribute::stored(name, attribute, named)?)
        };
        put().map_err(|e| e.object(format!("{path}@{name}")))?;
        Ok(true)
    }

    fn link(&mut self, path: &str, to: &LinkTo) -> Result<bool> {
        match to {
            LinkTo::Soft(target) => self.soft_link(path, target)?,
            LinkTo::External { file, path: target } => self.external_link(path, file, target)?,
        }
        Ok(true)
    }

    fn hard_link(&mut self, path: &str, target: &str) -> Result<bool> {
        Writer::hard_link(self, path, target).map(|()| true)
    }

    fn bookkeeping(&mut self, path: &str, kept: &Bookkeeping) -> Result<bool> {
        self.tree.keep(path, kept).map(|()| true).map_err(|e| e.object(path))
    }

    fn user_block(&mut self, bytes: &[u8]) -> Result<bool> {
        Writer::user_block(self, bytes).map(|()| true)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        Writer::finish(*self)
    }
}

#[cfg(test)]
mod tests;
