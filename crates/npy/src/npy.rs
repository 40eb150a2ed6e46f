//! NPY files: one header, one dense array; what follows it is ignored, as NumPy ignores it.
//!
//! Reading never evaluates or unpickles anything; object arrays are refused. Writing gives the bytes of `np.save`.
//! Source: `numpy.lib.format` of NumPy 2.4.

use crate::dense::{self, Dense};
use crate::header::{self, Header};
use crate::single::{Encoding, SingleWriter};
use hyperslab_core::container::{Container, Node};
use hyperslab_core::output::NewFile;
use hyperslab_core::source::FileSource;
use hyperslab_core::view::Buffer;
use hyperslab_core::walk::Visit;
use hyperslab_core::{Limits, Order, Result, ResultExt, Selection, Source, Value, View};
use std::io::Write;
use std::path::Path;

/// Files up to this size are read whole, header and all, by one read.
const SMALL: u64 = 1 << 16;

/// How much of a large file is read in search of its header, which nearly always is of 128 bytes.
const HEAD: usize = 512;

/// Reads the array at the start of a source: borrowed where the source is memory, owned and 64-byte aligned
/// otherwise.
///
/// # Errors
/// As [`header::parse`]; `Invalid` when the data are truncated, `Unsupported` for objects, `Limit`, `Io`.
///
/// ```
/// use hyperslab_core::{Limits, View, source::SliceSource};
/// let mut file = Vec::new();
/// hyperslab_npy::npy::write_to(&mut file, &View::from_slice([2, 2], &[1.0, 2.0, 3.0, 4.0])?)?;
/// let source = SliceSource(&file);
/// let view = hyperslab_npy::npy::read(&source, &Limits::default())?;
/// assert!(view.is_view());
/// assert_eq!(view.to_vec::<f64>()?, [1.0, 2.0, 3.0, 4.0]);
/// # Ok::<(), hyperslab_core::Error>(())
/// ```
pub fn read<'a, S: Source + ?Sized>(source: &'a S, limits: &Limits) -> Result<View<'a>> {
    read_unnamed(source, limits).map_err(|e| dense::named(e, source))
}

fn read_unnamed<'a, S: Source + ?Sized>(source: &'a S, limits: &Limits) -> Result<View<'a>> {
    if source.as_slice().is_none() {
        let size = source.len()?;
        if size <= SMALL {
            let mut all = Buffer::zeroed(size, limits)?;
            source.read_exact_at(0, &mut all)?;
            header::fits(&all, size)?;
            let h = header::parse(&all)?;
            h.dense(0).check(size, limits)?;
            return dense::within(h.dtype, h.shape, h.order, h.data_offset, all);
        }
    }
    let h = head(source, source.len()?, limits)?;
    h.dense(0).read(source, &Selection::ALL, limits)
}

/// Reads a file's array into memory of its own: one open, one look at the size, one read when it is small.
///
/// # Errors
/// As [`read`], naming the file.
pub fn load(path: impl AsRef<Path>, limits: &Limits) -> Result<View<'static>> {
    let source = FileSource::open(path)?;
    // Read from a file it is owned already.
    read(&source, limits)?.into_owned()
}

/// Parses the header at the start of a source of `size` bytes.
pub(crate) fn head<S: Source + ?Sized>(source: &S, size: u64, limits: &Limits) -> Result<Header> {
    if let Some(all) = source.as_slice() {
        header::fits(all, all.len() as u64)?;
        return header::parse(all);
    }
    let mut start = [0; HEAD];
    let start = start.get_mut(..usize::try_from(size).unwrap_or(HEAD).min(HEAD)).unwrap_or_default();
    source.read_exact_at(0, start)?;
    header::fits(start, size)?;
    let length = header::length(start)? as u64;
    if length <= start.len() as u64 {
        return header::parse(start);
    }
    header::parse(&source.bytes_at(0, size.min(length), limits)?)
}

impl Header {
    /// The array that this header describes, when the header starts at `base` in a source.
    pub(crate) fn dense(&self, base: u64) -> Dense<'_> {
        Dense {
            dtype: &self.dtype,
            shape: &self.shape,
            order: self.order,
            offset: base.saturating_add(self.data_offset),
        }
    }

    /// The selected elements of an array that lies inside another file, where this header starts at `base`: a view
    /// where the source is memory, read by position otherwise.
    ///
    /// # Errors
    /// As [`read`], for elements past the source's end too.
    pub fn read<'a, S: Source + ?Sized>(
        &self,
        source: &'a S,
        base: u64,
        selection: &Selection,
        limits: &Limits,
    ) -> Result<View<'a>> {
        self.dense(base).read(source, selection, limits)
    }
}

/// Writes header and elements as `np.save` does and returns the number of bytes.
///
/// Arrays that lie in Fortran order stay so; all others are written in C order.
///
/// # Errors
/// `Unsupported` for types that NPY cannot hold, `Io`.
pub fn write_to(out: &mut impl Write, view: &View<'_>) -> Result<u64> {
    let (mut head, order) = header_of(view)?;
    let total = head.len() as u64 + view.nbytes();
    let f_order = order == Order::F;
    if total <= SMALL {
        // One write for a small file.
        dense::pieces(view, f_order, |bytes| {
            head.extend_from_slice(bytes);
            Ok(())
        })?;
        out.write_all(&head).map_err(dense::cannot_write)?;
    } else {
        out.write_all(&head).map_err(dense::cannot_write)?;
        dense::pieces(view, f_order, |bytes| out.write_all(bytes).map_err(dense::cannot_write))?;
    }
    Ok(total)
}

/// The header for a view and the order in which its elements follow.
pub(crate) fn header_of(view: &View<'_>) -> Result<(Vec<u8>, Order)> {
    dense::writable(view.dtype())?;
    let order = dense::stored_order(view);
    Ok((header::emit(view.dtype(), view.shape(), order)?, order))
}

/// Writes a file as `np.save` does, whole or not at all.
///
/// # Errors
/// As [`write_to`]; `Usage` when the file exists and `replace` is not set.
pub fn save(path: impl AsRef<Path>, view: &View<'_>, replace: bool) -> Result<()> {
    let path = path.as_ref();
    let mut file = NewFile::create(path, replace)?;
    write_to(&mut file, view).in_file(path)?;
    file.commit()
}

/// An open NPY file: a container of one array, at the path `""`.
#[derive(Debug)]
pub struct Npy<S> {
    source: S,
    header: Header,
}

impl<S: Source> Npy<S> {
    /// Reads the header.
    ///
    /// # Errors
    /// As [`header::parse`].
    pub fn open(source: S, limits: &Limits) -> Result<Npy<S>> {
        let header = source
            .len()
            .and_then(|size| head(&source, size, limits))
            .map_err(|e| dense::named(e, &source))?;
        Ok(Npy { source, header })
    }

    /// What the header says.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Where the bytes come from.
    pub fn source(&self) -> &S {
        &self.source
    }
}

impl<S: Source> Container for Npy<S> {
    fn format(&self) -> &'static str {
        "npy"
    }

    fn nodes(
        &self,
        path: &str,
        _depth: Option<u32>,
        _attributes: bool,
        limits: &Limits,
    ) -> Result<Vec<Node>> {
        dense::only_root(path)?;
        let h = &self.header;
        let mut node = Node::array("", h.dtype.clone(), h.shape.clone());
        node.layout = Some(if h.order == Order::F { "fortran" } else { "contiguous" }.into());
        let size = self.source.len()?;
        match h.dense(0).check(size, limits) {
            Ok(n) => node.stored_bytes = Some(n),
            Err(e) => {
                if h.dtype.has_indirection() {
                    node.nbytes = None;
                }
                node.stored_bytes = Some(size.saturating_sub(h.data_offset));
                node.error = Some(dense::named(e, &self.source));
            }
        }
        Ok(vec![node])
    }

    fn read<'a>(&'a self, path: &str, selection: &Selection, limits: &Limits) -> Result<View<'a>> {
        dense::only_root(path)?;
        self.header.dense(0).read(&self.source, selection, limits).map_err(|e| dense::named(e, &self.source))
    }

    fn attributes(&self, path: &str, _limits: &Limits) -> Result<Vec<(String, Value)>> {
        dense::only_root(path)?;
        Ok(Vec::new())
    }

    fn walk(&self, _limits: &Limits, visit: Visit<'_>) -> Result<()> {
        crate::walk::npy(&self.header, self.source.len()?, visit)
    }
}

/// How an NPY file is written.
#[derive(Clone, Copy, Debug)]
pub struct AsNpy;

impl Encoding for AsNpy {
    const NAME: &'static str = "NPY";

    fn write(&self, out: &mut NewFile, view: &View<'_>) -> Result<u64> {
        write_to(out, view)
    }
}

/// An NPY file being written: exactly one array, at the path `""`.
pub type NpyWriter = SingleWriter<AsNpy>;

impl NpyWriter {
    /// Starts a file; see [`NewFile::create`].
    ///
    /// # Errors
    /// `Usage` when the file exists and `replace` is not set, `Io`.
    pub fn create(path: impl AsRef<Path>, replace: bool) -> Result<NpyWriter> {
        SingleWriter::start(path.as_ref(), AsNpy, replace)
    }
}

#[cfg(test)]
mod tests;
