//! Arrays of Python objects, of which this crate knows only where their pickle is: it never opens one.
//!
//! In an NPY, alone or in an NPZ, the descr is `|O` (or a structure with `|O` in it), and what follows the header is
//! one pickle of the whole array. Source: `numpy.lib.format` of NumPy 2.4.

use crate::dense;
use crate::header::{self, Header};
use crate::npy::{Npy, NpyWriter};
use crate::npz::{self, Npz, NpzWriter};
use hyperslab_core::container::ArrayOptions;
use hyperslab_core::output::NewFile;
use hyperslab_core::{Container, ContainerWriter, Dtype, Limits, Order, Result, Shape, Source};
use std::borrow::Cow;
use std::io::{Seek, Write};

/// One array of objects.
#[derive(Debug)]
pub struct Objects<'a> {
    /// What its header says.
    pub header: Header,
    /// What follows the header, to the end of the file or member.
    pub pickle: Cow<'a, [u8]>,
}

/// A container that may hold arrays of objects.
pub trait ObjectArrays: Container {
    /// The array of objects at a path; `None` for any other array.
    ///
    /// # Errors
    /// As [`Container::read`].
    fn objects(&self, path: &str, limits: &Limits) -> Result<Option<Objects<'_>>>;
}

impl<S: Source> ObjectArrays for Npy<S> {
    fn objects(&self, path: &str, limits: &Limits) -> Result<Option<Objects<'_>>> {
        dense::only_root(path)?;
        let header = self.header();
        if !header.dtype.has_indirection() {
            return Ok(None);
        }
        let source = self.source();
        let pickle = source.len().and_then(|size| {
            source.bytes_at(header.data_offset, size.saturating_sub(header.data_offset), limits)
        });
        let pickle = pickle.map_err(|e| dense::named(e, source))?;
        Ok(Some(Objects { header: header.clone(), pickle }))
    }
}

impl<S: Source> ObjectArrays for Npz<S> {
    fn objects(&self, path: &str, limits: &Limits) -> Result<Option<Objects<'_>>> {
        let Some(content) = self.objects_member(path, limits)? else { return Ok(None) };
        let header = header::parse(&content)?;
        let at = usize::try_from(header.data_offset).unwrap_or(usize::MAX);
        let pickle = Cow::Owned(content.get(at..).unwrap_or_default().to_vec());
        Ok(Some(Objects { header, pickle }))
    }
}

/// A writer that takes arrays of objects as their pickle.
pub trait ObjectWriter: ContainerWriter {
    /// Writes an array of objects; the pickle must be that of an array of this shape, in C order.
    ///
    /// # Errors
    /// As [`ContainerWriter::array`].
    fn objects(&mut self, path: &str, shape: &Shape, pickle: &[u8], options: &ArrayOptions) -> Result<()>;
}

/// The header of an array of objects.
fn head(shape: &Shape) -> Result<Vec<u8>> {
    header::emit(&Dtype::Object, shape, Order::C)
}

impl ObjectWriter for NpyWriter {
    fn objects(&mut self, path: &str, shape: &Shape, pickle: &[u8], options: &ArrayOptions) -> Result<()> {
        dense::plain_options(options, "NPY")?;
        let head = head(shape)?;
        self.put(path, |_, file| {
            let done = file.write_all(&head).and_then(|()| file.write_all(pickle));
            done.map_err(dense::cannot_write)?;
            Ok((head.len() + pickle.len()) as u64)
        })
    }
}

impl<W: Write + Seek> NpzWriter<W> {
    /// Adds an array of objects under a key, given as its pickle.
    ///
    /// # Errors
    /// As [`NpzWriter::add`].
    pub fn add_objects(
        &mut self,
        key: &str,
        shape: &Shape,
        pickle: &[u8],
        deflate: Option<u32>,
    ) -> Result<()> {
        let content = [&head(shape)?, pickle].concat();
        self.add_content(key, None, &content, deflate)
    }
}

impl ObjectWriter for NpzWriter<NewFile> {
    fn objects(&mut self, path: &str, shape: &Shape, pickle: &[u8], options: &ArrayOptions) -> Result<()> {
        dense::plain_options(&ArrayOptions { deflate: None, ..options.clone() }, "NPZ")?;
        let member = options.member.as_deref();
        let content = [&head(shape)?, pickle].concat();
        self.add_content(npz::key_of(path, member), member, &content, options.deflate)
    }
}
