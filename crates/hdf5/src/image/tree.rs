//! Whole trees as images: taken from a file, opened for change, taken back.
//!
//! An image is changed here by being written anew (`MemoryFile::change` changes it where it lies): everything in it is
//! read into a writer, which takes what is added and gives the new image. What a writer cannot keep (references, named types) is refused before anything is lost.
//! Attributes say what they said; text among them becomes text of variable length.

use crate::{File, Writer};
use bytes::Bytes;
use hyperslab_core::source::MemorySource;
use hyperslab_core::{
    Container, ContainerWriter, Error, Limits, Node, NodeKind, Result, ResultExt, Selection,
};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

impl File<'static> {
    /// A file in counted bytes, which it keeps alive.
    ///
    /// # Errors
    /// As [`File::from_image`].
    pub fn from_bytes(image: impl Into<Bytes>) -> Result<File<'static>> {
        File::from_source(MemorySource::new(image))
    }
}

impl File<'_> {
    /// The bytes of the file up to its end, a user block before it included: what `H5Fget_file_image` gives.
    ///
    /// # Errors
    /// `Limit`, `Io`.
    pub fn to_image(&self, limits: &Limits) -> Result<Vec<u8>> {
        let (source, end) = self.extent()?;
        let (mut out, _reservation) = limits.vec(end)?;
        out.resize(usize::try_from(end).unwrap_or(0), 0);
        source.read_exact_at(0, &mut out)?;
        Ok(out)
    }
}

impl Writer {
    /// A writer in memory that holds already what a file has: groups, arrays as they are stored there (chunks, filters,
    /// fill values, greatest extents), attributes, links. More can be added; [`Writer::into_image`] gives the new image.
    ///
    /// ```
    /// use hyperslab_core::{Limits, Selection};
    /// use hyperslab_hdf5::{File, Writer};
    ///
    /// # fn main() -> hyperslab_core::Result<()> {
    /// # let mut w = Writer::in_memory();
    /// # w.dataset("/run/x").write(&[1.0, 2.0])?;
    /// # let image = w.into_image()?;
    /// let limits = Limits::default();
    /// let mut w = Writer::holding(&File::from_image(&image)?, &limits)?;
    /// w.dataset("/run/y").write(&[3.0, 4.0])?;
    /// let image = w.into_image()?;
    /// assert_eq!(File::from_image(&image)?.read("/run/x", &Selection::ALL, &limits)?.to_vec::<f64>()?, [1.0, 2.0]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `Unsupported` for what a new file cannot hold as it was: references, named types, layouts of which elements lie
    /// in other files; `Invalid`, `Limit`.
    pub fn holding(file: &File<'_>, limits: &Limits) -> Result<Writer> {
        let mut w = Writer::in_memory();
        // The first path of every object; its others are more names of it.
        let mut first: HashMap<u64, String> = HashMap::new();
        // The group whose members have been listed under another name.
        let mut again: Option<String> = None;
        for (node, address) in file.objects(limits)? {
            if again.as_ref().is_some_and(|group| node.path.starts_with(group)) {
                continue;
            }
            again = None;
            if let Some(e) = node.error {
                return Err(e.object(node.path));
            }
            match address.map(|a| first.entry(a)) {
                Some(Entry::Occupied(known)) => {
                    w.hard_link(&node.path, known.get())?;
                    again = Some(format!("{}/", node.path));
                    continue;
                }
                Some(Entry::Vacant(new)) => drop(new.insert(node.path.clone())),
                None => {}
            }
            hold(&mut w, file, &node, limits).in_object(&node.path)?;
        }
        Ok(w)
    }
}

/// Puts one object or link with its attributes into the writer.
fn hold(w: &mut Writer, file: &File<'_>, node: &Node, limits: &Limits) -> Result<()> {
    let path = &node.path;
    match node.kind {
        NodeKind::Group => drop(w.group(path)?),
        NodeKind::Array => {
            let storage = file.storage(path, limits)?;
            match (&node.shape, &node.dtype) {
                (Some(_), _) => {
                    let view = file.read(path, &Selection::ALL, limits)?;
                    ContainerWriter::array(w, path, &view, &storage)?;
                }
                (None, Some(dtype)) => {
                    w.dataset(path).dtype(dtype.clone()).options(storage).null()?;
                }
                (None, None) => return Err(Error::unsupported("an array without a type")),
            }
        }
        NodeKind::Link => {
            let to = file.link(path, limits)?.ok_or_else(|| Error::invalid("a link that leads nowhere"))?;
            return ContainerWriter::link(w, path, &to).map(drop);
        }
        NodeKind::Type => return Err(Error::unsupported("a named type cannot be kept")),
    }
    node.attributes.iter().try_for_each(|(name, value)| w.attribute(path, name, value))
}
