//! The objects of a new file until their headers are written.

use super::heap::Texts;
use super::space::Space;
use crate::format::UNDEFINED;
use crate::format::extensible_array::Parameters;
use crate::format::message::dataspace::Dataspace;
use crate::format::message::link::{Link, Target};
use crate::format::message::{
    attribute, attribute_info, datatype, fill_value, group_info, kind, layout, link_info,
};
use crate::format::object_header::MessageArea;
use hyperslab_core::{Dtype, Error, Result};
use std::collections::HashMap;

/// How deep groups may nest.
const MAX_DEPTH: usize = 200;
/// Message flag: the message never changes.
const CONSTANT: u8 = 1;

/// A dataset whose elements are in place.
pub(super) struct Dataset {
    pub(super) dtype: Dtype,
    pub(super) space: Dataspace,
    pub(super) place: Place,
}

/// Where elements are.
pub(super) enum Place {
    /// In one run of bytes; nowhere when there are none.
    Contiguous { address: Option<u64>, size: u64 },
    /// Rows in chunks that a version 1 B-tree finds.
    Rows { chunk_rows: u32, index: Option<u64> },
    /// No rows yet; chunks are to be found by an extensible array.
    Growing { chunk_rows: u32 },
}

/// An attribute that waits for its object's header.
pub(super) struct Attribute {
    pub(super) name: String,
    pub(super) dtype: Dtype,
    pub(super) space: Dataspace,
    pub(super) data: Content,
}

/// The elements of an attribute.
pub(super) enum Content {
    /// As they are stored.
    Bytes(Vec<u8>),
    /// Texts that go into a heap.
    Texts(Vec<String>),
}

struct Object {
    attributes: Vec<Attribute>,
    kind: ObjectKind,
}

enum ObjectKind {
    Group { children: Vec<(String, usize)>, names: HashMap<String, usize> },
    Dataset(Dataset),
}

/// All objects; the first is the root group.
pub(super) struct Tree {
    objects: Vec<Object>,
}

fn components(path: &str) -> Result<Vec<&str>> {
    let parts: Vec<&str> = path.split('/').filter(|p| !p.is_empty()).collect();
    if parts.len() > MAX_DEPTH {
        return Err(Error::unsupported(format!("groups nested deeper than {MAX_DEPTH} levels")));
    }
    match parts.iter().find(|p| matches!(**p, "." | "..") || p.contains('\0')) {
        Some(p) => Err(Error::usage(format!("{p:?} cannot be the name of an HDF5 object"))),
        None => Ok(parts),
    }
}

impl Tree {
    pub(super) fn new() -> Tree {
        Tree { objects: vec![Object { attributes: Vec::new(), kind: empty_group() }] }
    }

    fn find(&self, path: &str) -> Result<usize> {
        let mut at = 0;
        for part in components(path)? {
            at = self
                .child(at, part)?
                .ok_or_else(|| Error::usage("no such object in the file being written"))?;
        }
        Ok(at)
    }

    /// The object under a name of a group; an error when `at` is no group.
    fn child(&self, at: usize, name: &str) -> Result<Option<usize>> {
        match self.objects.get(at).map(|o| &o.kind) {
            Some(ObjectKind::Group { names, .. }) => Ok(names.get(name).copied()),
            _ => Err(Error::usage("a dataset stands where a group is needed")),
        }
    }

    fn add(&mut self, parent: usize, name: &str, kind: ObjectKind) -> usize {
        let index = self.objects.len();
        self.objects.push(Object { attributes: Vec::new(), kind });
        if let Some(Object { kind: ObjectKind::Group { children, names }, .. }) = self.objects.get_mut(parent)
        {
            children.push((name.to_owned(), index));
            names.insert(name.to_owned(), index);
        }
        index
    }

    /// Finds or makes a group and its parents.
    pub(super) fn group(&mut self, path: &str) -> Result<usize> {
        let parts = components(path)?;
        self.check_groups(&parts)?;
        let mut at = 0;
        for part in parts {
            at = match self.child(at, part)? {
                Some(next) => next,
                None => self.add(at, part, empty_group()),
            };
        }
        Ok(at)
    }

    /// An error unless every one of these names that exists is a group.
    fn check_groups(&self, parts: &[&str]) -> Result<()> {
        let mut at = Some(0);
        for part in parts {
            let Some(here) = at else { return Ok(()) };
            at = self.child(here, part)?;
        }
        at.map_or(Ok(()), |last| self.child(last, "").map(drop))
    }

    /// An error unless a dataset can be made under this path.
    pub(super) fn check_free(&self, path: &str) -> Result<()> {
        let parts = components(path)?;
        let Some((last, parents)) = parts.split_last() else {
            return Err(Error::usage("a dataset needs a name"));
        };
        self.check_groups(parents)?;
        let taken = self.find(&parents.join("/")).ok().map(|at| self.child(at, last)).transpose()?;
        match taken.flatten() {
            Some(_) => Err(Error::usage("the name is taken")),
            None => Ok(()),
        }
    }

    pub(super) fn dataset(&mut self, path: &str, dataset: Dataset, attributes: Vec<Attribute>) -> Result<()> {
        let parts = components(path)?;
        let Some((last, parents)) = parts.split_last() else {
            return Err(Error::usage("a dataset needs a name"));
        };
        let parent = self.group(&parents.join("/"))?;
        let index = self.add(parent, last, ObjectKind::Dataset(dataset));
        if let Some(o) = self.objects.get_mut(index) {
            o.attributes = attributes;
        }
        Ok(())
    }

    pub(super) fn attribute(&mut self, path: &str, attribute: Attribute) -> Result<()> {
        let at = self.find(path)?;
        let Some(object) = self.objects.get_mut(at) else { return Ok(()) };
        if object.attributes.iter().any(|a| a.name == attribute.name) {
            return Err(Error::usage("the name is taken"));
        }
        object.attributes.push(attribute);
        Ok(())
    }

    /// Writes heaps and headers; returns the address of the root group's header.
    pub(super) fn emit(&self, space: &mut Space) -> Result<u64> {
        let mut texts = Texts::default();
        for attribute in self.objects.iter().flat_map(|o| &o.attributes) {
            if let Content::Texts(t) = &attribute.data {
                t.iter().for_each(|t| texts.add(t));
            }
        }
        let mut references = texts.write(space)?.into_iter();
        // Attributes take their references in the order in which they were added.
        let mut bodies = Vec::with_capacity(self.objects.len());
        for object in &self.objects {
            let mut of_object = Vec::with_capacity(object.attributes.len());
            for a in &object.attributes {
                let data = match &a.data {
                    Content::Bytes(b) => b.clone(),
                    Content::Texts(t) => references.by_ref().take(t.len()).flatten().collect(),
                };
                let mut body = Vec::new();
                attribute::emit(&a.name, &a.dtype, &a.space, &data, &mut body)?;
                of_object.push(body);
            }
            bodies.push(of_object);
        }
        // Children were added after their parents, so backwards every child has its address first.
        let mut addresses = vec![0; self.objects.len()];
        for (i, (object, bodies)) in self.objects.iter().zip(&bodies).enumerate().rev() {
            let mut bytes = Vec::new();
            header(object, bodies, &addresses)?.emit(None, &mut bytes)?;
            let address = space.append(&bytes, 8)?;
            if let Some(slot) = addresses.get_mut(i) {
                *slot = address;
            }
        }
        Ok(addresses.first().copied().unwrap_or_default())
    }
}

fn empty_group() -> ObjectKind {
    ObjectKind::Group { children: Vec::new(), names: HashMap::new() }
}

fn emit_layout(d: &Dataset, out: &mut Vec<u8>) -> Result<()> {
    let width = d.dtype.itemsize();
    match d.place {
        Place::Contiguous { address, size } => {
            layout::emit_contiguous(address.unwrap_or(UNDEFINED), size, out);
            Ok(())
        }
        Place::Rows { chunk_rows, index } => {
            let width = u32::try_from(width).map_err(|_| Error::unsupported("rows of 4 GiB"))?;
            layout::emit_chunked_rows(chunk_rows, width, index, out);
            Ok(())
        }
        Place::Growing { chunk_rows } => {
            let p = Parameters::STANDARD;
            layout::emit_extensible_array(&[chunk_rows.into()], width, &p, UNDEFINED, out)
        }
    }
}

fn header(object: &Object, attributes: &[Vec<u8>], addresses: &[u64]) -> Result<MessageArea> {
    let mut area = MessageArea::new();
    match &object.kind {
        ObjectKind::Group { children, .. } => {
            area.push(kind::LINK_INFO, 0, |out| {
                link_info::LinkInfo::emit_compact(out);
                Ok(())
            })?;
            area.push(kind::GROUP_INFO, CONSTANT, |out| {
                group_info::emit_default(out);
                Ok(())
            })?;
            for (name, child) in children {
                let target = Target::Hard(addresses.get(*child).copied().unwrap_or_default());
                let link = Link { name: name.as_bytes(), creation_order: None, target };
                area.push(kind::LINK, 0, |out| link.emit(out))?;
            }
        }
        ObjectKind::Dataset(d) => {
            area.push(kind::DATASPACE, 0, |out| d.space.emit(out))?;
            area.push(kind::DATATYPE, CONSTANT, |out| datatype::emit(&d.dtype, out))?;
            let fill = match d.place {
                Place::Contiguous { .. } => fill_value::CONTIGUOUS,
                Place::Rows { .. } | Place::Growing { .. } => fill_value::CHUNKED,
            };
            area.push(kind::FILL_VALUE, CONSTANT, |out| {
                fill_value::FillValue::default().emit(fill, out);
                Ok(())
            })?;
            area.push(kind::LAYOUT, 0, |out| emit_layout(d, out))?;
        }
    }
    if !attributes.is_empty() {
        // Without this message libhdf5 counts no attributes, though it finds them by name.
        area.push(kind::ATTRIBUTE_INFO, attribute_info::FLAGS, |out| {
            attribute_info::AttributeInfo::emit_compact(out);
            Ok(())
        })?;
        for body in attributes {
            area.push(kind::ATTRIBUTE, 0, |out| {
                out.extend_from_slice(body);
                Ok(())
            })?;
        }
    }
    Ok(area)
}
