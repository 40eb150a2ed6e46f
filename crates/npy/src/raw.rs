//! Raw arrays: elements and nothing else, with dtype, shape and order told from outside.
//!
//! Where `numpy.fromfile` drops a partial element and returns fewer than were asked for, this refuses: the bytes
//! must be exactly those of the array, and the error lists what would fit. Always written in C order, as `tofile`
//! does. The file-name scheme is in [`filename`](crate::filename).
//! Source: `numpy.fromfile` and `ndarray.tofile` of NumPy 2.4, probed.

use crate::dense::{self, Dense};
use crate::single::{Encoding, SingleWriter};
use hyperslab_core::container::{Container, Node};
use hyperslab_core::output::NewFile;
use hyperslab_core::walk::Visit;
use hyperslab_core::{Dtype, Error, Limits, Order, Result, ResultExt, Selection, Shape, Source, Value, View};
use std::io::Write;
use std::path::Path;

/// What is told about a raw file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Element type.
    pub dtype: Dtype,
    /// Extents, `None` for the one that follows from the size; without a shape, a list of all elements.
    pub shape: Option<Vec<Option<u64>>>,
    /// Order of the elements.
    pub order: Order,
    /// Bytes before the first element.
    pub offset: u64,
    /// Number of elements; bytes after them are then allowed.
    pub count: Option<u64>,
}

impl Layout {
    /// All bytes as elements of a type.
    pub fn new(dtype: Dtype) -> Layout {
        Layout { dtype, shape: None, order: Order::C, offset: 0, count: None }
    }

    /// The same with a known shape.
    #[must_use]
    pub fn with_shape(mut self, shape: &Shape) -> Layout {
        self.shape = Some(shape.iter().copied().map(Some).collect());
        self
    }

    /// The shape in a file of `size` bytes, once everything agrees.
    ///
    /// # Errors
    /// `Invalid` when the sizes do not agree, with the shapes that would fit; `Usage` for contradictions in the
    /// layout itself.
    pub fn resolve(&self, size: u64) -> Result<Shape> {
        dense::readable(&self.dtype)?;
        let item = self.dtype.itemsize();
        let there = size.checked_sub(self.offset).ok_or_else(|| {
            Error::invalid(format!("the file of {size} bytes ends before the offset {}", self.offset))
        })?;
        let count = match self.count {
            Some(n) => n,
            None if item == 0 => 0,
            None => there / item,
        };
        let wanted = Shape::from([count]).bytes(item)?;
        if wanted > there {
            return Err(Error::invalid(format!(
                "{count} elements of {} take {wanted} bytes, {there} are there",
                self.dtype
            ))
            .at(self.offset));
        }
        let shape = match &self.shape {
            None => Shape::from([count]),
            Some(extents) => dense::with_open_extent(extents, count)?,
        };
        let taken = shape.bytes(item)?;
        if self.count.is_some() {
            if shape.count()? != count {
                return Err(Error::usage(format!("shape {shape} does not hold {count} elements")));
            }
        } else if taken != there {
            return Err(self.misfit(&shape, taken, there));
        }
        Ok(shape)
    }

    fn misfit(&self, shape: &Shape, taken: u64, there: u64) -> Error {
        let e =
            Error::invalid(format!("shape {shape} of {} takes {taken} bytes, {there} are there", self.dtype))
                .at(self.offset);
        let fits = self.fitting(shape, there);
        match fits.is_empty() {
            true => e.hint("no shape of this type fits"),
            false => e.hint(format!("what would fit: {}", fits.join(", "))),
        }
    }

    /// Shapes that would fit: this type with another extent, the same shape with another type, a plain list.
    fn fitting(&self, shape: &Shape, there: u64) -> Vec<String> {
        let mut out: Vec<String> = Vec::new();
        let mut add = |dtype: &Dtype, shape: &Shape| {
            let text = format!("{dtype} {shape}");
            if shape.bytes(dtype.itemsize()).is_ok_and(|n| n == there) && !out.contains(&text) {
                out.push(text);
            }
        };
        for d in 0..shape.len() {
            let block: Option<u64> = shape
                .iter()
                .enumerate()
                .filter(|(i, _)| *i != d)
                .try_fold(self.dtype.itemsize(), |n, (_, &e)| n.checked_mul(e));
            if let Some(other) = block.and_then(|b| there.checked_div(b)) {
                add(
                    &self.dtype,
                    &shape.iter().enumerate().map(|(i, &e)| if i == d { other } else { e }).collect(),
                );
            }
        }
        for name in ["|u1", "<i2", "<i4", "<i8", "<f4", "<f8", "<c16"] {
            if let Ok(other) = Dtype::from_descr(name)
                && other.itemsize() != self.dtype.itemsize()
            {
                add(&other, shape);
            }
        }
        if let Some(n) = there.checked_div(self.dtype.itemsize()) {
            add(&self.dtype, &[n].into());
        }
        out
    }
}

/// Reads a raw array: borrowed where the source is memory.
///
/// # Errors
/// As [`Layout::resolve`]; `Limit`, `Io`.
pub fn read<'a, S: Source + ?Sized>(source: &'a S, layout: &Layout, limits: &Limits) -> Result<View<'a>> {
    let shape = resolve(source, layout)?;
    let dense = Dense { dtype: &layout.dtype, shape: &shape, order: layout.order, offset: layout.offset };
    dense.read(source, &Selection::ALL, limits).map_err(|e| dense::named(e, source))
}

fn resolve<S: Source + ?Sized>(source: &S, layout: &Layout) -> Result<Shape> {
    source.len().and_then(|size| layout.resolve(size)).map_err(|e| dense::named(e, source))
}

/// Writes the elements in C order, as `tofile` does, and returns the number of bytes.
///
/// # Errors
/// `Unsupported` for elements without bytes of their own, `Io`.
pub fn write_to(out: &mut impl Write, view: &View<'_>) -> Result<u64> {
    dense::writable(view.dtype())?;
    view.pieces(|bytes| out.write_all(bytes).map_err(dense::cannot_write))?;
    Ok(view.nbytes())
}

/// Writes a raw file, whole or not at all. Dtype and shape are not in it: remember them, or use
/// [`filename::format`](crate::filename::format).
///
/// # Errors
/// As [`write_to`]; `Usage` when the file exists and `replace` is not set.
pub fn save(path: impl AsRef<Path>, view: &View<'_>, replace: bool) -> Result<()> {
    let path = path.as_ref();
    let mut file = NewFile::create(path, replace)?;
    write_to(&mut file, view).in_file(path)?;
    file.commit()
}

/// An open raw file: a container of one array, at the path `""`.
#[derive(Debug)]
pub struct Raw<S> {
    source: S,
    layout: Layout,
    shape: Shape,
}

impl<S: Source> Raw<S> {
    /// Checks the layout against the size of the source.
    ///
    /// # Errors
    /// As [`Layout::resolve`].
    pub fn open(source: S, layout: Layout) -> Result<Raw<S>> {
        let shape = resolve(&source, &layout)?;
        Ok(Raw { source, layout, shape })
    }

    /// The shape that follows from layout and size.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    fn dense(&self) -> Dense<'_> {
        let Layout { dtype, order, offset, .. } = &self.layout;
        Dense { dtype, shape: &self.shape, order: *order, offset: *offset }
    }
}

impl<S: Source> Container for Raw<S> {
    fn format(&self) -> &'static str {
        "raw"
    }

    fn nodes(
        &self,
        path: &str,
        _depth: Option<u32>,
        _attributes: bool,
        _limits: &Limits,
    ) -> Result<Vec<Node>> {
        dense::only_root(path)?;
        let mut node = Node::array("", self.layout.dtype.clone(), self.shape.clone());
        node.layout = Some(if self.layout.order == Order::F { "fortran" } else { "contiguous" }.into());
        node.stored_bytes = node.nbytes;
        Ok(vec![node])
    }

    fn read<'a>(&'a self, path: &str, selection: &Selection, limits: &Limits) -> Result<View<'a>> {
        dense::only_root(path)?;
        self.dense().read(&self.source, selection, limits).map_err(|e| dense::named(e, &self.source))
    }

    fn attributes(&self, path: &str, _limits: &Limits) -> Result<Vec<(String, Value)>> {
        dense::only_root(path)?;
        Ok(Vec::new())
    }

    fn walk(&self, _limits: &Limits, visit: Visit<'_>) -> Result<()> {
        crate::walk::raw(self.layout.offset, self.layout.dtype.itemsize(), &self.shape, visit)
    }
}

/// How a raw file is written.
#[derive(Clone, Copy, Debug)]
pub struct AsRaw;

impl Encoding for AsRaw {
    const NAME: &'static str = "a raw file";

    fn write(&self, out: &mut NewFile, view: &View<'_>) -> Result<u64> {
        write_to(out, view)
    }
}

/// A raw file being written: exactly one array, at the path `""`.
pub type RawWriter = SingleWriter<AsRaw>;

impl RawWriter {
    /// Starts a file; see [`NewFile::create`].
    ///
    /// # Errors
    /// `Usage` when the file exists and `replace` is not set, `Io`.
    pub fn create(path: impl AsRef<Path>, replace: bool) -> Result<RawWriter> {
        SingleWriter::start(path.as_ref(), AsRaw, replace)
    }
}

#[cfg(test)]
mod tests;
