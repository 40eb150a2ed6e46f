//! Changing files that exist, made by any library: attributes, elements, extents, groups, datasets and links.
//!
//! Every change is worked out first, and refused before anything is touched when it cannot be made. Then new structures
//! go behind the end of the file, and one write makes them part of it (`plan` has the order). A process that is killed
//! at any moment leaves a file that every library opens, as it was or as it was to be; only elements that are
//! overwritten where they lie can be found some old, some new. What is replaced stays behind as unused space, which
//! `slab repack` takes out. Not here: files that grow while others read them (`append`).
//!
//! Object headers never move, since references and other names lead to them.
//!
//! Facts: HDF5 File Format Specification 3.0; measured on libhdf5 1.12, 1.14 and 2.0 with every prefix of every write.

mod attribute;
mod chunks;
mod create;
mod data;
mod header;
mod link;
mod open;
mod plan;
mod shrink;
mod symbols;

use crate::append::{FileStorage, Storage, Sync};
use crate::format::Sizes;
use crate::format::superblock::Superblock;
use crate::read::File;
pub use data::DatasetChange;
use data::Pending;
use header::Header;
use hyperslab_core::{ContainerWriter, Error, Limits, Result, Value};
use plan::Plan;
use std::path::Path;

/// A file that is being changed.
///
/// Changes take effect one by one, each when it is made; those of a dataset's elements when another change or
/// [`finish`](Change::finish) follows. While it is open no other program that locks files can open it.
///
/// ```
/// use hyperslab_core::{ArrayOptions, Limits, Selection, View};
/// use hyperslab_hdf5::{Change, File};
///
/// # fn main() -> hyperslab_core::Result<()> {
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("run.h5");
/// # let mut f = File::create(&path)?;
/// # f.dataset("/x").max_shape([None, Some(60)]).write(&View::from_slice([100, 60], &[0f64; 6000])?)?;
/// # f.finish()?;
/// let mut f = Change::open(&path)?;
/// f.dataset("/x")?.extend([200, 60])?.write(&"[-1]".parse()?, &[1.0; 60])?;
/// f.attribute("/x", "unit", "mm")?;
/// f.put("/run/y", &[1i32, 2, 3], &ArrayOptions::default())?;
/// f.finish()?;
///
/// let f = File::open(&path)?;
/// let last = f.read("/x", &"[100:, 3]".parse::<Selection>()?, &Limits::default())?.to_vec::<f64>()?;
/// assert_eq!((last[98], last[99]), (0.0, 1.0));
/// assert_eq!(f.attribute("/x", "unit", &Limits::default())?.as_str(), Some("mm"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "changes of elements are written by `finish`"]
pub struct Change<S: Storage = FileStorage> {
    storage: S,
    limits: Limits,
    superblock: Superblock,
    sizes: Sizes,
    /// Where the superblock lies, which addresses count from.
    base: u64,
    /// Where new structures go.
    end: u64,
    /// Where the superblock says that the file ends.
    stated: u64,
    /// Where the file ended when it was opened: what lies before is not ours to cut off.
    found: u64,
    sync: Sync,
    pending: Option<Pending>,
    /// A switch went wrong: what is in the file is not known.
    broken: bool,
}

impl Change<FileStorage> {
    /// Opens a file and locks out other programs.
    ///
    /// # Errors
    /// `Conflict` when another program has it open or has left it marked as open for writing; `Unsupported` when the
    /// file keeps account of its space, messages or cache in a way that changes would break; `Invalid`, `Io`.
    pub fn open(path: impl AsRef<Path>) -> Result<Change> {
        let path = path.as_ref();
        Change::over(FileStorage::open_alone(path)?).map_err(|e| e.file(path))
    }
}

impl<S: Storage> Change<S> {
    /// What a loss of power leaves: without this, whatever the system had written by then.
    ///
    /// [`Sync::Ordered`] and [`Sync::Durable`] wait for the disk between what is new and what switches, so that a loss
    /// of power leaves what the end of the process leaves.
    pub fn with_sync(mut self, sync: Sync) -> Self {
        self.sync = sync;
        self
    }

    /// Changes with other limits of what is held in memory.
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets an attribute of an object, one that is there or a new one.
    ///
    /// Text becomes a variable-length UTF-8 string, a list of numbers or of texts a one-dimensional array.
    ///
    /// # Errors
    /// `Usage` when the object is not there; `Unsupported` for values that HDF5 attributes cannot hold, and for
    /// headers that cannot be changed; `Invalid`, `Limit`, `Io`.
    pub fn attribute(&mut self, path: &str, name: &str, value: impl Into<Value>) -> Result<()> {
        ContainerWriter::attribute(self, path, name, &value.into())
    }

    /// Takes an attribute away.
    ///
    /// # Errors
    /// `Usage` when the object or the attribute is not there; otherwise as [`Change::attribute`].
    pub fn remove_attribute(&mut self, path: &str, name: &str) -> Result<()> {
        self.settle()?;
        self.drop_attribute(path, name).map_err(|e| self.place(e, &format!("{path}@{name}")))
    }

    /// Writes what is left to write.
    ///
    /// # Errors
    /// As the changes themselves.
    pub fn finish(mut self) -> Result<()> {
        self.settle()?;
        if self.sync == Sync::Durable { self.storage.barrier() } else { Ok(()) }
    }

    /// Cuts off what was written and did not become part of the file, from `end` on.
    fn cut(&mut self, end: u64) {
        if self.broken {
            return;
        }
        let end = end.max(self.stated).max(self.found);
        let len = self.base.saturating_add(end);
        if self.storage.len().is_ok_and(|n| n > len) && self.storage.set_len(len).is_ok() {
            self.end = end;
        }
    }

    /// What the file is changed through.
    pub fn storage(&self) -> &S {
        &self.storage
    }

    /// The file as it is now, for reading.
    fn file(&self) -> Result<File<'_>> {
        File::from_source(&self.storage)
    }

    /// Where the header of the object at a path lies.
    fn address(&self, path: &str) -> Result<u64> {
        let file = self.file()?;
        let (object, cx) = crate::read::walk::resolve(file.context(&self.limits), path)?;
        if cx.nested > 0 {
            return Err(Error::usage("an external link leads there, into another file")
                .hint("change that file itself"));
        }
        Ok(object.address)
    }

    /// The header at an address.
    fn header(&self, address: u64) -> Result<Header> {
        let file = self.file()?;
        Header::read(file.context(&self.limits).source, address, self.sizes, &self.limits)
    }

    /// A plan of what comes next.
    fn plan(&self) -> Plan {
        Plan::new(self.end, self.sync)
    }

    /// Adds path and file to an error, and turns addresses into offsets.
    fn place(&self, e: Error, path: &str) -> Error {
        let e = e.shifted(self.base).object(path);
        match self.storage.name() {
            Some(name) => e.file(name),
            None => e,
        }
    }
}

/// What was not finished is taken back as far as it lies behind the end of the file.
impl<S: Storage> Drop for Change<S> {
    fn drop(&mut self) {
        self.cut(0);
    }
}

#[cfg(test)]
mod tests;
