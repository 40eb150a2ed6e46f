//! The objects of a new file until their headers are written.

use super::attribute;
use super::heap::{Addresses, Kept};
use super::storage::Storage;
use crate::format::UNDEFINED;
use crate::format::message::dataspace::Dataspace;
use crate::format::message::layout::ChunkIndex;
use hyperslab_core::container::{Bookkeeping, Fill, Order};
use hyperslab_core::{Dtype, Error, Limits, Result, View};
use std::collections::HashMap;

/// How deep groups may nest.
const MAX_DEPTH: usize = 200;
/// Bytes of a name and of what its link leads to: more than this no message has room for.
const MAX_LINK: usize = 0xff00;

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
    /// In chunks, and where what finds them is, once there are any.
    Chunked { index: ChunkIndex, address: Option<u64> },
    /// In memory: they refer to objects of this file, which have no address yet.
    Waiting(View<'static>),
    /// No rows yet; chunks are to be found by an extensible array.
    Growing,
}

/// An attribute that waits for its object's header.
pub(super) struct Attribute {
    pub(super) name: String,
    pub(super) dtype: Dtype,
    /// The named type that its type is.
    pub(super) named: Option<usize>,
    pub(super) space: Dataspace,
    pub(super) data: Content,
}

/// The elements of an attribute.
pub(super) enum Content {
    /// As they are stored.
    Bytes(Vec<u8>),
    /// Texts that go into a heap.
    Texts(Vec<String>),
    /// With all that they point at, in memory.
    Elements(View<'static>),
}

impl Content {
    /// Bytes of the elements as they are stored.
    pub(super) fn len(&self) -> usize {
        match self {
            Content::Bytes(b) => b.len(),
            Content::Texts(t) => 16 * t.len(),
            Content::Elements(view) => usize::try_from(view.nbytes()).unwrap_or(usize::MAX),
        }
    }
}

pub(super) struct Object {
    pub(super) attributes: Vec<Attribute>,
    /// What is noted of it; the names are in their order.
    pub(super) kept: Bookkeeping,
    /// How many names lead here, and how many objects have this as their type.
    pub(super) links: u32,
    pub(super) kind: ObjectKind,
}

impl Object {
    fn new(links: u32, kind: ObjectKind) -> Object {
        Object { attributes: Vec::new(), kept: Bookkeeping::default(), links, kind }
    }
}

pub(super) enum ObjectKind {
    Group { children: Vec<(String, Child)>, names: HashMap<String, usize> },
    Dataset(Box<Dataset>),
    Type(Dtype),
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
    pub(super) objects: Vec<Object>,
    /// Whether groups keep the order in which their links were made.
    pub(super) ordered: bool,
    /// Objects of the file that this becomes a part of, by their path there.
    elsewhere: HashMap<String, u64>,
    /// Whether references lead to those alone.
    only_elsewhere: bool,
}

fn components(path: &str) -> Result<Vec<&str>> {
    let parts: Vec<&str> = path.split('/').filter(|p| !p.is_empty()).collect();
    if parts.len() > MAX_DEPTH {
        return Err(Error::unsupported(format!("groups nested deeper than {MAX_DEPTH} levels")));
    }
    if let Some(p) = parts.iter().find(|p| matches!(**p, "." | "..") || p.contains('\0')) {
        return Err(Error::usage(format!("{p:?} cannot be the name of an HDF5 object")));
    }
    parts.iter().try_for_each(|p| check_link(p, &[]))?;
    Ok(parts)
}

/// An error where a name is too long, or a link cannot lead to these texts.
pub(crate) fn check_link(name: &str, texts: &[&str]) -> Result<()> {
    if texts.iter().any(|t| t.is_empty() || t.contains('\0')) {
        return Err(Error::usage(format!("{texts:?} is nothing that a link can lead to")));
    }
    let len = texts.iter().map(|t| t.len()).sum::<usize>().saturating_add(name.len());
    if len > MAX_LINK {
        let what = match texts {
            [] => format!("a name of {len} bytes"),
            _ => format!("a link whose name and target have {len} bytes"),
        };
        return Err(Error::unsupported(format!("{what} (HDF5 has room for {MAX_LINK})")));
    }
    Ok(())
}

impl Tree {
    pub(super) fn new() -> Tree {
        Tree {
            objects: vec![Object::new(1, empty_group())],
            ordered: false,
            elsewhere: HashMap::new(),
            only_elsewhere: false,
        }
    }

    /// Finds what the elements of arrays and attributes refer to in the file that this becomes a part of.
    pub(super) fn look_elsewhere(&mut self, find: Addresses<'_>, only: bool, limits: &Limits) -> Result<()> {
        self.only_elsewhere = only;
        let mut paths = Vec::new();
        for object in &self.objects {
            for a in &object.attributes {
                if let Content::Elements(view) = &a.data {
                    paths.extend(Kept::paths(view, limits)?);
                }
            }
            if let ObjectKind::Dataset(d) = &object.kind {
                if let Place::Waiting(view) = &d.place {
                    paths.extend(Kept::paths(view, limits)?);
                }
                if let Fill::Reference(target) = &d.storage.fill {
                    paths.push(target.path.clone());
                }
            }
        }
        for path in paths {
            if let Some(address) = find(&path) {
                self.elsewhere.insert(path, address);
            }
        }
        Ok(())
    }

    /// What the root group leads to.
    pub(super) fn at_root(&self) -> &[(String, Child)] {
        match self.objects.first().map(|o| &o.kind) {
            Some(ObjectKind::Group { children, .. }) => children,
            _ => &[],
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
        self.objects.push(Object::new(0, kind));
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
            Child::Soft(path) => vec![path.as_str()],
            Child::External { file, path } => vec![file.as_str(), path.as_str()],
        };
        check_link(last, &texts)?;
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
        self.used(dataset.storage.named);
        let index = self.add(parent, last, ObjectKind::Dataset(Box::new(dataset)));
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
        attribute::body(&attribute, None, false)?;
        let named = attribute.named;
        let Some(object) = self.objects.get_mut(at) else { return Ok(()) };
        if object.attributes.iter().any(|a| a.name == attribute.name) {
            return Err(Error::usage("the name is taken"));
        }
        object.attributes.push(attribute);
        self.used(named);
        Ok(())
    }

    /// Whether an object has an attribute of a name.
    pub(super) fn has_attribute(&self, path: &str, name: &str) -> bool {
        let object = self.find(path).ok().and_then(|at| self.objects.get(at));
        object.is_some_and(|o| o.attributes.iter().any(|a| a.name == name))
    }

    /// What is noted of an object, whose names are put into their order; those that it has no place for come last.
    pub(super) fn keep(&mut self, path: &str, kept: &Bookkeeping) -> Result<()> {
        let at = self.find(path)?;
        if let Some(comment) = kept.comment.as_ref().filter(|c| c.contains('\0') || c.len() > 0xfff0) {
            return Err(Error::unsupported(format!("a comment of {} bytes", comment.len())));
        }
        let Some(object) = self.objects.get_mut(at) else { return Ok(()) };
        if let ObjectKind::Group { children, names } = &mut object.kind
            && kept.links != Order::Unkept
        {
            let places: HashMap<&str, usize> = kept.names.iter().map(String::as_str).zip(0..).collect();
            children.sort_by_key(|(name, _)| places.get(name.as_str()).copied().unwrap_or(usize::MAX));
            *names = children.iter().map(|(name, _)| name.clone()).zip(0..).collect();
        }
        object.kept = Bookkeeping { names: Vec::new(), ..kept.clone() };
        Ok(())
    }

    /// Whether a group keeps the order in which its links were made.
    pub(super) fn order(&self, group: &Object) -> Order {
        match (self.ordered, group.kept.links) {
            (true, _) => Order::Indexed,
            (false, order) => order,
        }
    }

    /// Where the object at a path will be.
    pub(super) fn address(&self, path: &str, addresses: &[u64]) -> Option<u64> {
        let here = self.find(path).ok().and_then(|at| addresses.get(at).copied());
        let here = here.filter(|&at| at != UNDEFINED && !self.only_elsewhere);
        here.or_else(|| self.elsewhere.get(path).copied())
    }

    /// A path to an object, for messages.
    pub(super) fn path_of(&self, wanted: usize) -> String {
        let mut waiting = vec![(0, String::new())];
        let mut seen = vec![false; self.objects.len()];
        while let Some((at, base)) = waiting.pop() {
            if at == wanted {
                return if base.is_empty() { "/".into() } else { base };
            }
            if let Some(seen) = seen.get_mut(at).filter(|s| !**s) {
                *seen = true;
                if let Some(Object { kind: ObjectKind::Group { children, .. }, .. }) = self.objects.get(at) {
                    waiting.extend(children.iter().filter_map(|(name, child)| match child {
                        Child::Object(index) => Some((*index, format!("{base}/{name}"))),
                        _ => None,
                    }));
                }
            }
        }
        String::new()
    }

    /// The number of the named type at a path, which must be `dtype`.
    pub(super) fn type_at(&self, path: &str, dtype: &Dtype) -> Result<usize> {
        let at = self.find(path)?;
        match self.objects.get(at).map(|o| &o.kind) {
            Some(ObjectKind::Type(t)) if t == dtype => Ok(at),
            Some(ObjectKind::Type(t)) => {
                Err(Error::usage(format!("the named type {path:?} is {t}, and the elements are {dtype}")))
            }
            _ => Err(Error::usage(format!("{path:?} is no named type"))),
        }
    }

    /// Counts a user of a named type: it stays as long as something is of that type.
    fn used(&mut self, named: Option<usize>) {
        if let Some(object) = named.and_then(|t| self.objects.get_mut(t)) {
            object.links = object.links.saturating_add(1);
        }
    }

    /// Makes a named type.
    pub(super) fn named_type(&mut self, path: &str, dtype: Dtype) -> Result<()> {
        self.check_free(path)?;
        let parts = components(path)?;
        let Some((last, parents)) = parts.split_last() else {
            return Err(Error::usage("a type needs a name"));
        };
        let parent = self.group(&parents.join("/"))?;
        self.add(parent, last, ObjectKind::Type(dtype));
        Ok(())
    }
}

fn empty_group() -> ObjectKind {
    ObjectKind::Group { children: Vec::new(), names: HashMap::new() }
}
