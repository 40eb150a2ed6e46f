//! Opens whatever a file is, as a container.
//!
//! Files are read by position into memory of our own: another process may write or truncate them meanwhile, and
//! then an error is reported. A caller who knows that nobody will touch the file may ask for a memory map, and gets
//! views of the stored bytes ([`OpenOptions::map`]).

use crate::detect::{Format, detect};
use crate::nco::Nco;
use crate::npy::{Npy, Npz, Raw, filename, raw::Layout};
use crate::objects::WithObjects;
use crate::pickled::PickleFile;
use crate::source::{FileSource, MemorySource};
use crate::{Container, Dtype, Error, Limits, Order, Result, ResultExt, Source};
use bytes::Bytes;
use std::path::Path;

/// How to open a file.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// What opening may use.
    pub limits: Limits,
    /// What a file without a header holds.
    pub declared: Declared,
    /// Map the file instead of reading it: arrays become views of the stored bytes. The caller promises that
    /// nobody shortens or rewrites the file while the container or anything read from it lives.
    pub map: bool,
    /// Read NumPy's arrays of Python objects through the safe unpickler, which never executes anything.
    pub objects: bool,
}

/// What is told about a headerless file; what is missing comes from the file's name.
#[derive(Clone, Debug, Default)]
pub struct Declared {
    /// Element type.
    pub dtype: Option<Dtype>,
    /// Extents, `None` for the one that follows from the size.
    pub shape: Option<Vec<Option<u64>>>,
    /// Order of the elements.
    pub order: Option<Order>,
    /// Bytes before the first element.
    pub offset: Option<u64>,
    /// Number of elements.
    pub count: Option<u64>,
}

impl Declared {
    /// Whether nothing was told.
    pub fn is_empty(&self) -> bool {
        matches!(self, Declared { dtype: None, shape: None, order: None, offset: None, count: None })
    }

    /// The layout of a file of `size` bytes; `None` when neither this nor the name says the type.
    fn layout(&self, path: &Path, size: u64) -> Result<Option<Layout>> {
        let named = match self.dtype {
            // A type that was told needs no name, and forgives a bad one.
            Some(_) => None,
            None => filename::parse(path)?.map(|n| n.layout_for(size)),
        };
        let told = self.dtype.clone().map(Layout::new);
        let Some(mut layout) = told.or(named) else { return Ok(None) };
        if self.shape.is_some() || self.count.is_some() {
            layout.shape.clone_from(&self.shape);
        }
        layout.order = self.order.unwrap_or(layout.order);
        layout.offset = self.offset.unwrap_or(layout.offset);
        layout.count = self.count.or(layout.count);
        Ok(Some(layout))
    }
}

/// Opens a file of any known format.
///
/// ```
/// use hyperslab::{Limits, Selection, View};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("x.npy");
/// hyperslab::npy::npy::save(&path, &View::from_slice([2, 3], &[1, 2, 3, 4, 5, 6])?, false)?;
///
/// let limits = Limits::default();
/// let file = hyperslab::open(&path)?;
/// assert_eq!(file.format(), "npy");
/// let row = file.read("", &"[1]".parse::<Selection>()?, &limits)?;
/// assert_eq!(row.to_vec::<i32>()?, [4, 5, 6]);
/// # Ok::<(), hyperslab::Error>(())
/// ```
///
/// # Errors
/// `Invalid` and `Unsupported` for what the format's reader refuses, `Usage` for a file whose format is not known,
/// `Io`.
pub fn open(path: impl AsRef<Path>) -> Result<Box<dyn Container>> {
    open_with(path, &OpenOptions::default())
}

/// Opens a file with options; see [`open`].
///
/// # Errors
/// As [`open`].
pub fn open_with(path: impl AsRef<Path>, options: &OpenOptions) -> Result<Box<dyn Container>> {
    let path = path.as_ref();
    if path.is_dir() {
        return Err(Error::usage("is a directory").file(path));
    }
    let container = match options.map {
        true => open_source(crate::source::map(path)?, path, options)?,
        false => open_source(FileSource::open(path)?, path, options)?,
    };
    match container.format() {
        "raw" => crate::sidecar::describe(container, path, &options.limits),
        _ => Ok(container),
    }
}

/// Opens bytes in memory; `name` is shown in messages and describes headerless bytes as a file's name does.
///
/// # Errors
/// As [`open`].
pub fn open_bytes(bytes: Bytes, name: &Path, options: &OpenOptions) -> Result<Box<dyn Container>> {
    open_source(MemorySource::new(bytes).named(name), name, options)
}

fn open_source<S: Source + 'static>(
    source: S,
    name: &Path,
    options: &OpenOptions,
) -> Result<Box<dyn Container>> {
    container(source, name, options).in_file(name)
}

fn container<S: Source + 'static>(
    source: S,
    name: &Path,
    options: &OpenOptions,
) -> Result<Box<dyn Container>> {
    let limits = &options.limits;
    let format = detect(&source)?;
    let layout = match format {
        // Two bytes are a weak signature: a name or a declaration outweighs it.
        None | Some(Format::Pickle) => options.declared.layout(name, source.len()?)?,
        Some(format) => {
            if options.declared.dtype.is_some() {
                return Err(Error::usage(format!(
                    "has a header ({}), so no dtype can be told",
                    format.name()
                )));
            }
            None
        }
    };
    if let Some(layout) = layout {
        return Ok(Box::new(Raw::open(source, layout)?));
    }
    match format {
        Some(Format::Npy) if options.objects => Ok(Box::new(WithObjects(Npy::open(source, limits)?))),
        Some(Format::Npy) => Ok(Box::new(Npy::open(source, limits)?)),
        Some(Format::Npz) if options.objects => Ok(Box::new(WithObjects(Npz::open(source, limits)?))),
        Some(Format::Npz) => Ok(Box::new(Npz::open(source, limits)?)),
        Some(Format::Nco) => Ok(Box::new(Nco::open(source, limits)?)),
        Some(Format::Pickle) => Ok(Box::new(PickleFile::open(&source, limits)?)),
        Some(Format::Hdf5) => Ok(Box::new(crate::hdf5::File::from_source(source)?)),
        None => Err(unknown(&source)),
    }
}

/// Bytes that are nothing known.
fn unknown(source: &dyn Source) -> Error {
    match source.is_empty() {
        Ok(true) => Error::invalid("the file is empty"),
        _ => Error::usage("not a format that is recognised: no NPY, NPZ, HDF5, NCO or pickle signature")
            .hint("for raw elements say --dtype (and --shape), or name the file like x_int32_4_5.dat"),
    }
}
