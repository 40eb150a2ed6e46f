//! Opens whatever a file is, as a container.
//!
//! Files are read by position into memory of our own: another process may write or truncate them meanwhile, and
//! then an error is reported. A caller who knows that nobody will touch the file may ask for a memory map, and gets
//! views of the stored bytes ([`OpenOptions::map`]).

use crate::detect::{Format, detect};
use crate::hdf5::Follow;
use crate::nco::Nco;
use crate::npy::headers::{self, envi, nrrd};
use crate::npy::raw::Layout;
use crate::npy::text::{self, Separator, Text};
use crate::npy::{Npy, Npz, Raw, filename};
use crate::objects::WithObjects;
use crate::pickled::PickleFile;
use crate::sidecar::{self, Sidecar};
use crate::source::{FileSource, MemorySource};
use crate::{Container, Dtype, Error, Limits, Order, Result, ResultExt, Shape, Source};
use bytes::Bytes;
use std::path::{Path, PathBuf};

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
    /// Let an HDF5 file lead to files outside its folder: by external links, virtual datasets and external raw data.
    /// Right for files that are trusted.
    pub follow_outside: bool,
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
    /// What stands between two elements of a text; without it the elements are binary, unless the name ends in
    /// `.csv`, `.tsv` or, with a type, `.txt`.
    pub sep: Option<String>,
}

impl Declared {
    /// Whether nothing was told.
    pub fn is_empty(&self) -> bool {
        matches!(
            self,
            Declared { dtype: None, shape: None, order: None, offset: None, count: None, sep: None }
        )
    }

    /// The layout of a file of `size` bytes, from what was told, what lies beside the file, and its name; `None` when
    /// none of these says the type.
    fn layout(&self, path: &Path, size: u64, beside: Option<Layout>) -> Result<Option<Layout>> {
        let found = match (&self.dtype, beside) {
            // A type that was told needs nothing else, and forgives a bad name.
            (Some(dtype), _) => Some(Layout::new(dtype.clone())),
            (None, Some(layout)) => Some(layout),
            (None, None) => filename::parse(path)?.map(|n| n.layout_for(size)),
        };
        Ok(found.map(|layout| self.over(layout)))
    }

    /// What was told, in the place of what was found.
    fn over(&self, mut layout: Layout) -> Layout {
        if self.shape.is_some() || self.count.is_some() {
            layout.shape.clone_from(&self.shape);
        }
        layout.order = self.order.unwrap_or(layout.order);
        layout.offset = self.offset.unwrap_or(layout.offset);
        layout.count = self.count.or(layout.count);
        layout
    }

    /// The separator of a text, from what was told, what lies beside the file, and its name.
    fn separator(&self, path: &Path, beside: Option<String>, described: bool) -> Result<Option<Separator>> {
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
        let named = match extension.as_str() {
            "csv" => Some(","),
            "tsv" => Some("\t"),
            // Most of these hold no numbers.
            "txt" if described => Some(" "),
            _ => None,
        };
        let sep = self.sep.as_deref().or(beside.as_deref()).or(named);
        sep.map(Separator::new).transpose()
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
    match path.metadata() {
        Ok(m) if m.is_dir() => return Err(Error::usage("is a directory").file(path)),
        // Read by position: what can only be read once is not.
        Ok(m) if !m.is_file() => {
            return Err(Error::usage("is not a regular file").file(path).hint("pipe it to '-'"));
        }
        _ => {}
    }
    let opening = Opening { name: path, on_disk: true, options };
    match options.map {
        true => opening.open(crate::source::map(path)?),
        false => opening.open(FileSource::open(path)?),
    }
}

/// Opens bytes in memory; `name` is shown in messages and describes headerless bytes as a file's name does.
///
/// # Errors
/// As [`open`].
pub fn open_bytes(bytes: Bytes, name: &Path, options: &OpenOptions) -> Result<Box<dyn Container>> {
    Opening { name, on_disk: false, options }.open(MemorySource::new(bytes).named(name))
}

/// Whether a signature, a declaration, what lies beside a file or its name says what it is.
///
/// # Errors
/// What reading a description reports; `Io`.
pub(crate) fn is_recognised(
    source: &dyn Source,
    name: &Path,
    on_disk: bool,
    options: &OpenOptions,
) -> Result<bool> {
    let told = Opening { name, on_disk, options }.headerless(source)?;
    Ok(detect(source)?.is_some()
        || told.is_some_and(|t| match t.elements {
            Elements::Raw(_) => true,
            // An extension alone promises no numbers.
            Elements::Text(_) => t.sidecar.is_some() || !options.declared.is_empty(),
        }))
}

/// Where a source came from.
struct Opening<'p> {
    name: &'p Path,
    /// Whether the name is that of a file, beside which others may lie.
    on_disk: bool,
    options: &'p OpenOptions,
}

impl Opening<'_> {
    fn open<S: Source + 'static>(&self, source: S) -> Result<Box<dyn Container>> {
        self.container(source).in_file(self.name)
    }

    fn container<S: Source + 'static>(&self, source: S) -> Result<Box<dyn Container>> {
        let limits = &self.options.limits;
        let format = detect(&source)?;
        match format {
            // Two bytes are a weak signature: a name or a declaration outweighs it.
            None | Some(Format::Pickle) => {
                if let Some(array) = self.headerless(&source)? {
                    return array.open(source, limits);
                }
            }
            Some(format) if !self.options.declared.is_empty() => {
                return Err(Error::usage(format!(
                    "has a header ({}), so no dtype, shape, order, offset, count or separator can be told",
                    format.name()
                )));
            }
            Some(_) => {}
        }
        let objects = self.options.objects;
        match format {
            Some(Format::Npy) if objects => Ok(Box::new(WithObjects(Npy::open(source, limits)?))),
            Some(Format::Npy) => Ok(Box::new(Npy::open(source, limits)?)),
            Some(Format::Npz) if objects => Ok(Box::new(WithObjects(Npz::open(source, limits)?))),
            Some(Format::Npz) => Ok(Box::new(Npz::open(source, limits)?)),
            Some(Format::Nco) => Ok(Box::new(Nco::open(source, limits)?)),
            Some(Format::Pickle) => Ok(Box::new(PickleFile::open(&source, limits)?)),
            Some(Format::Hdf5) => {
                let follow = match (self.on_disk, self.options.follow_outside) {
                    (false, _) => Follow::Nowhere,
                    (true, false) => Follow::Beside,
                    (true, true) => Follow::Anywhere,
                };
                Ok(Box::new(crate::hdf5::File::from_source(source)?.following(follow)))
            }
            Some(Format::Envi | Format::Nrrd) => self.described(source, format == Some(Format::Envi)),
            // Protocols 0 and 1 have no signature, a broken pickle not that of a whole one: the name has to do.
            None if self.name.extension().is_some_and(|e| e == "pkl" || e == "pickle") => {
                Ok(Box::new(PickleFile::open(&source, limits)?))
            }
            None => Err(unknown(&source, self.name)),
        }
    }

    /// What a file without a header is, where anything says it.
    fn headerless(&self, source: &dyn Source) -> Result<Option<Headerless>> {
        let mut sidecar = match self.on_disk {
            true => sidecar::find(self.name, &self.options.limits)?,
            false => None,
        };
        let beside = sidecar.as_mut().and_then(|s| s.layout.take());
        let sep = sidecar.as_mut().and_then(|s| s.sep.take());
        let declared = &self.options.declared;
        let is_raw = beside.is_some() && sep.is_none() && declared.sep.is_none();
        let described = declared.dtype.is_some() || beside.is_some();
        let separator = if is_raw { None } else { declared.separator(self.name, sep, described)? };
        let layout = declared.layout(self.name, source.len()?, beside)?;
        Ok(match separator {
            None => layout.map(|layout| Headerless { elements: Elements::Raw(layout), sidecar }),
            Some(separator) => {
                // NumPy's default, too.
                let Layout { dtype, shape, order, offset, count } = match layout {
                    Some(layout) => layout,
                    None => declared.over(Layout::new(Dtype::F64)),
                };
                if offset != 0 {
                    return Err(Error::usage("text has no offset in bytes"));
                }
                let layout = text::Layout { dtype, separator, count, shape, order };
                Some(Headerless { elements: Elements::Text(layout), sidecar })
            }
        })
    }

    /// The array that an ENVI or NRRD header describes.
    fn described<S: Source + 'static>(&self, source: S, is_envi: bool) -> Result<Box<dyn Container>> {
        let limits = &self.options.limits;
        let size = source.len()?;
        let head = source.bytes_at(0, size.min(headers::MAX), limits)?;
        let found = match is_envi {
            true => envi::parse(&String::from_utf8_lossy(&head))?,
            false => nrrd::parse(&head)?,
        };
        drop(head);
        let at_end = matches!(found.data, headers::Place::AtEnd(_));
        let file = match &found.data {
            headers::Place::Behind => None,
            _ if !self.on_disk => {
                return Err(Error::unsupported("a header alone: its elements are in another file"));
            }
            headers::Place::Named(name) | headers::Place::AtEnd(name) => Some(self.name.with_file_name(name)),
            headers::Place::Beside => Some(self.data_of_envi()?),
        };
        let mut sidecar = Sidecar::of(found, self.name)?;
        let Some(mut layout) = sidecar.layout.take() else { return Err(unknown(&source, self.name)) };
        let array = |layout| Headerless { elements: Elements::Raw(layout), sidecar: Some(sidecar) };
        let Some(file) = file else { return array(layout).open(source, limits) };
        let data = FileSource::open(&file)?;
        if at_end {
            let shape: Shape = layout.shape.iter().flatten().flatten().copied().collect();
            let nbytes = shape.bytes(layout.dtype.itemsize())?;
            layout.offset = data.len()?.saturating_sub(nbytes);
        }
        match self.options.map {
            true => array(layout).open(crate::source::map(&file)?, limits),
            false => array(layout).open(data, limits),
        }
        .in_file(file)
    }

    /// The file beside an ENVI header that holds its elements.
    fn data_of_envi(&self) -> Result<PathBuf> {
        let mut beside = sidecar::DATA.iter().map(|e| self.name.with_extension(e));
        beside.find(|p| p != self.name && p.is_file()).ok_or_else(|| {
            Error::invalid("an ENVI header, and no file beside it that it describes")
                .hint("the elements are expected in a file of the same name without .hdr")
        })
    }
}

/// A file without a header, and what was found out about it.
struct Headerless {
    elements: Elements,
    sidecar: Option<Sidecar>,
}

enum Elements {
    Raw(Layout),
    Text(text::Layout),
}

impl Headerless {
    fn open<S: Source + 'static>(self, source: S, limits: &Limits) -> Result<Box<dyn Container>> {
        let array: Box<dyn Container> = match self.elements {
            Elements::Raw(layout) => Box::new(Raw::open(source, layout)?),
            Elements::Text(layout) => Box::new(Text::open(source, layout, limits)?),
        };
        Ok(match self.sidecar {
            Some(sidecar) => sidecar.describe(array),
            None => array,
        })
    }
}

/// Bytes that are nothing known.
fn unknown(source: &dyn Source, name: &Path) -> Error {
    let size = match source.len() {
        Ok(0) => return Error::invalid("the file is empty"),
        Ok(size) => size,
        Err(e) => return e,
    };
    if name.extension().is_some_and(|e| e == "npy") {
        // ndarray.tofile("x.npy") writes no header.
        let fits = ["<f8", "<f4", "<i8", "<i4", "<i2", "|u1"].iter().filter_map(|d| {
            let item = Dtype::from_descr(d).ok()?.itemsize();
            size.is_multiple_of(item).then(|| format!("{} {d}", size / item))
        });
        let fits: Vec<String> = fits.collect();
        return Error::invalid(
            "named .npy, but it has no NPY header: the elements alone, as tofile writes them",
        )
        .hint(format!("say --dtype (and --shape): {size} bytes are {}", fits.join(", ")));
    }
    Error::usage("not a format that is recognised: no NPY, NPZ, HDF5, NCO or pickle signature")
        .hint(
            "for raw elements say --dtype (and --shape), or name the file like x_int32_4_5.dat; for numbers as text \
             say --sep",
        )
}
