//! The objects of a new file until their headers are written.

use super::dense::{self, Dense};
use super::heap::Texts;
use super::space::Space;
use super::storage::{self, Storage};
use crate::format::UNDEFINED;
use crate::format::extensible_array::Parameters;
use crate::format::message::attribute_info::{self, AttributeInfo};
use crate::format::message::dataspace::Dataspace;
use crate::format::message::link::{Link, Target};
use crate::format::message::{attribute, group_info, kind, layout, link_info, reference_count};
use crate::format::object_header::MessageArea;
use hyperslab_core::{Dtype, Error, Result};
use std::collections::HashMap;

/// How deep groups may nest.
const MAX_DEPTH: usize = 200;
/// Object headers start at a multiple of this.
const HEADER_ALIGNMENT: u64 = 8;
/// The most bytes of an attribute that lies in an object's header.
const MOST_COMPACT: usize = 0xffff;
/// Message flag: the message never changes.
const CONSTANT: u8 = 1;

/// A dataset whose elements are in place.
pub(super) struct Dataset {
    pub(super) storage: Storage,
    pub(super) place: Place,
}

/// Where elements are.
pub(super) enum Place {
    /// In one run of bytes; nowhere when there are none.
    Contiguous { address: Option<u64>, size: u64 },
    /// In the header.
    Compact(Vec<u8>),
    /// In chunks that a version 1 B-tree finds, once there are any.
    Chunked { index: Option<u64> },
    /// No rows yet; chunks are to be found by an extensible array.
    Growing,
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
    /// How many names lead here.
    links: u32,
    kind: ObjectKind,
}

/// The attributes of an object whose header is to be written.
enum Attributes {
    /// Bodies of messages of the header.
    Compact(Vec<Vec<u8>>),
    Dense(Dense),
}

enum ObjectKind {
    Group { children: Vec<(String, Child)>, names: HashMap<String, usize> },
    Dataset(Dataset),
}

/// What a name of a group leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Child {
    /// An object of this file, by its number.
    Object(usize),
    /// A path of this file, whether or not something is there.
    Soft(String),
    /// A path of another file.
    External { file: String, path: String },
}

/// All objects; the first is the root group.
pub(super) struct Tree {
    objects: Vec<Object>,
    /// Whether groups keep the order in which their links were made.
    pub(super) ordered: bool,
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
        Tree {
            objects: vec![Object { attributes: Vec::new(), links: 1, kind: empty_group() }],
            ordered: false,
        }
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

    /// The object under a name of a group; an error when `at` is no group, or the name is that of a link that leads
    /// elsewhere.
    fn child(&self, at: usize, name: &str) -> Result<Option<usize>> {
        match self.link(at, name)? {
            None => Ok(None),
            Some(Child::Object(index)) => Ok(Some(*index)),
            Some(_) => Err(Error::usage(format!("{name:?} is a link, which is not followed while writing"))),
        }
    }

    fn link(&self, at: usize, name: &str) -> Result<Option<&Child>> {
        match self.objects.get(at).map(|o| &o.kind) {
            Some(ObjectKind::Group { names, children }) => {
                Ok(names.get(name).and_then(|&i| children.get(i)).map(|(_, child)| child))
            }
            _ => Err(Error::usage("a dataset stands where a group is needed")),
        }
    }

    fn add(&mut self, parent: usize, name: &str, kind: ObjectKind) -> usize {
        let index = self.objects.len();
        self.objects.push(Object { attributes: Vec::new(), links: 0, kind });
        self.hang(parent, name, Child::Object(index));
        index
    }

    fn hang(&mut self, parent: usize, name: &str, child: Child) {
        if let Child::Object(index) = child
            && let Some(object) = self.objects.get_mut(index)
        {
            object.links = object.links.saturating_add(1);
        }
        if let Some(Object { kind: ObjectKind::Group { children, names }, .. }) = self.objects.get_mut(parent)
        {
            names.insert(name.to_owned(), children.len());
            children.push((name.to_owned(), child));
        }
    }

    /// Gives an object one more name.
    pub(super) fn hard_link(&mut self, path: &str, target: &str) -> Result<()> {
        let index = self.find(target)?;
        self.place_link(path, Child::Object(index))
    }

    /// Makes a link under a path; its parents too.
    pub(super) fn place_link(&mut self, path: &str, child: Child) -> Result<()> {
        self.check_free(path)?;
        let parts = components(path)?;
        let Some((last, parents)) = parts.split_last() else {
            return Err(Error::usage("a link needs a name"));
        };
        let texts = match &child {
            Child::Object(_) => Vec::new(),
            Child::Soft(path) => vec![path],
            Child::External { file, path } => vec![file, path],
        };
        let fits = |t: &&String| !t.is_empty() && !t.contains('\0') && t.len() < 0x7000;
        if !texts.iter().all(fits) {
            return Err(Error::usage(format!("{texts:?} is nothing that a link can lead to")));
        }
        let parent = self.group(&parents.join("/"))?;
        self.hang(parent, last, child);
        Ok(())
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
        let taken = self.find(&parents.join("/")).ok().map(|at| self.link(at, last)).transpose()?;
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
        if attribute.name.is_empty() || attribute.name.contains('\0') {
            return Err(Error::usage(format!(
                "{:?} cannot be the name of an HDF5 attribute",
                attribute.name
            )));
        }
        // What its type and space do not allow is found now, not when everything else is written.
        attribute::emit(&attribute.name, &attribute.dtype, &attribute.space, &[], &mut Vec::new())?;
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
        let mut attributes = Vec::with_capacity(bodies.len());
        for (object, bodies) in self.objects.iter().zip(bodies) {
            attributes.push(match bodies.iter().any(|b: &Vec<u8>| b.len() > MOST_COMPACT) {
                true => {
                    let names = object.attributes.iter().map(|a| a.name.as_str());
                    Attributes::Dense(dense::write(names.zip(bodies.iter().map(Vec::as_slice)), space)?)
                }
                false => Attributes::Compact(bodies),
            });
        }
        // Objects have their addresses before anything is written that leads to them: no header is longer or shorter
        // for what the addresses are.
        let mut addresses = vec![0; self.objects.len()];
        let mut at = space.next(HEADER_ALIGNMENT);
        for (slot, (object, attributes)) in addresses.iter_mut().zip(self.objects.iter().zip(&attributes)) {
            *slot = at;
            let len = header(object, attributes, &[], self.ordered)?.header_len() as u64;
            at = at.saturating_add(len).next_multiple_of(HEADER_ALIGNMENT);
        }
        for (object, attributes) in self.objects.iter().zip(&attributes) {
            let mut bytes = Vec::new();
            header(object, attributes, &addresses, self.ordered)?.emit(None, &mut bytes)?;
            space.append(&bytes, HEADER_ALIGNMENT)?;
        }
        Ok(addresses.first().copied().unwrap_or_default())
    }
}

fn empty_group() -> ObjectKind {
    ObjectKind::Group { children: Vec::new(), names: HashMap::new() }
}

fn emit_layout(d: &Dataset, out: &mut Vec<u8>) -> Result<()> {
    let width = d.storage.dtype.itemsize();
    let chunk = || match &d.storage.layout {
        storage::Layout::Chunked { chunk, .. } => chunk.as_ref(),
        _ => &[],
    };
    match &d.place {
        Place::Contiguous { address, size } => {
            layout::emit_contiguous(address.unwrap_or(UNDEFINED), *size, out);
            Ok(())
        }
        Place::Compact(data) => layout::emit_compact(data, out),
        Place::Chunked { index } => layout::emit_chunked(chunk(), width, *index, out),
        Place::Growing => {
            layout::emit_extensible_array(chunk(), width, &Parameters::STANDARD, UNDEFINED, out)
        }
    }
}

fn header(object: &Object, attributes: &Attributes, addresses: &[u64], ordered: bool) -> Result<MessageArea> {
    let mut area = MessageArea::new();
    match &object.kind {
        ObjectKind::Group { children, .. } => {
            area.push(kind::LINK_INFO, 0, |out| {
                match ordered {
                    true => link_info::LinkInfo::emit_ordered(children.len() as u64, out),
                    false => link_info::LinkInfo::emit_compact(out),
                }
                Ok(())
            })?;
            area.push(kind::GROUP_INFO, CONSTANT, |out| {
                group_info::emit_default(out);
                Ok(())
            })?;
            for ((name, child), order) in children.iter().zip(0..) {
                let target = match child {
                    Child::Object(index) => Target::Hard(addresses.get(*index).copied().unwrap_or_default()),
                    Child::Soft(path) => Target::Soft(path.as_bytes()),
                    Child::External { file, path } => {
                        Target::External { file: file.as_bytes(), path: path.as_bytes() }
                    }
                };
                let link = Link { name: name.as_bytes(), creation_order: ordered.then_some(order), target };
                area.push(kind::LINK, 0, |out| link.emit(out))?;
            }
        }
        ObjectKind::Dataset(d) => {
            d.storage.describe(&mut area)?;
            area.push(kind::LAYOUT, 0, |out| emit_layout(d, out))?;
        }
    }
    if object.links > 1 {
        // Without it the first of its names that is deleted takes the object along.
        area.push(kind::REFERENCE_COUNT, 0, |out| {
            reference_count::emit(object.links, out);
            Ok(())
        })?;
    }
    let (bodies, dense): (&[Vec<u8>], _) = match attributes {
        Attributes::Compact(bodies) if bodies.is_empty() => return Ok(area),
        Attributes::Compact(bodies) => (bodies, None),
        Attributes::Dense(dense) => (&[], Some(dense)),
    };
    // Without this message libhdf5 counts no attributes, though it finds them by name.
    area.push(kind::ATTRIBUTE_INFO, attribute_info::FLAGS, |out| {
        match dense {
            Some(dense) => AttributeInfo::emit_dense(dense.heap, dense.names, out),
            None => AttributeInfo::emit_compact(out),
        }
        Ok(())
    })?;
    for body in bodies {
        area.push(kind::ATTRIBUTE, 0, |out| {
            out.extend_from_slice(body);
            Ok(())
        })?;
    }
    Ok(area)
}
