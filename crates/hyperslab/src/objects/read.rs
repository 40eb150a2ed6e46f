//! A container whose arrays of objects are unpickled.

use crate::container::Stream;
use crate::dtype::{ByteOrder, Charset, Padding, StringType, VlenType};
use crate::npy::objects::{ObjectArrays, Objects};
use crate::pickle::{self, Item, NodeId, Pickle, Policy};
use crate::value::Value;
use crate::view::{Buffer, Heap};
use crate::walk::Visit;
use crate::{Container, Dtype, Error, Limits, Node, NodeKind, Result, Selection, Shape, View};
use std::borrow::Cow;
use std::sync::Arc;

/// A container whose arrays of objects are shown as what their objects are.
#[derive(Debug)]
pub struct WithObjects<C>(pub C);

/// What an array of objects turned out to be.
enum Found {
    Array(View<'static>),
    Metadata(Vec<(String, Value)>),
}

impl<C: ObjectArrays> WithObjects<C> {
    fn find(&self, path: &str, limits: &Limits) -> Result<Option<Found>> {
        let Some(objects) = self.0.objects(path, limits)? else { return Ok(None) };
        found(&objects, limits).map(Some).map_err(|e| e.object(path).reading("pickled objects"))
    }
}

impl<C: ObjectArrays> Container for WithObjects<C> {
    fn format(&self) -> &'static str {
        self.0.format()
    }

    fn nodes(&self, path: &str, depth: Option<u32>, attributes: bool, limits: &Limits) -> Result<Vec<Node>> {
        let mut nodes = self.0.nodes(path, depth, attributes, limits)?;
        for node in nodes.iter_mut().filter(|n| n.kind == NodeKind::Array && n.error.is_some()) {
            let shown = match self.find(&node.path, limits) {
                Ok(Some(Found::Array(view))) => {
                    Node::array(node.path.as_str(), view.dtype().clone(), view.shape().clone())
                }
                Ok(Some(Found::Metadata(pairs))) => {
                    let attributes = if attributes { pairs } else { Vec::new() };
                    Node { attributes, ..Node::new(node.path.as_str(), NodeKind::Group) }
                }
                Ok(None) => continue,
                Err(e) => {
                    node.error = Some(e);
                    continue;
                }
            };
            let old = std::mem::replace(node, shown);
            node.member = old.member;
            node.layout = old.layout;
            node.stored_bytes = old.stored_bytes;
            node.attributes.extend(old.attributes);
        }
        Ok(nodes)
    }

    fn read<'a>(&'a self, path: &str, selection: &Selection, limits: &Limits) -> Result<View<'a>> {
        match self.find(path, limits)? {
            None => self.0.read(path, selection, limits),
            Some(Found::Array(view)) => view.select(selection),
            Some(Found::Metadata(_)) => Err(Error::usage("is metadata, not an array").object(path)),
        }
    }

    fn stream<'a>(&'a self, path: &str, limits: &'a Limits) -> Result<Option<Box<dyn Stream + 'a>>> {
        match self.0.objects(path, limits)? {
            None => self.0.stream(path, limits),
            Some(_) => Ok(None),
        }
    }

    fn attributes(&self, path: &str, limits: &Limits) -> Result<Vec<(String, Value)>> {
        let own = self.0.attributes(path, limits)?;
        // What is no array, or cannot be read, is said where it is listed.
        match self.find(path, limits) {
            Ok(Some(Found::Metadata(pairs))) => Ok(pairs.into_iter().chain(own).collect()),
            _ => Ok(own),
        }
    }

    fn walk(&self, limits: &Limits, visit: Visit<'_>) -> Result<()> {
        self.0.walk(limits, visit)
    }
}

fn found(objects: &Objects<'_>, limits: &Limits) -> Result<Found> {
    if objects.header.dtype != Dtype::Object {
        return Err(Error::unsupported(format!(
            "structures with objects in them ({})",
            objects.header.dtype
        )));
    }
    let pickle = pickle::load(&objects.pickle, Policy::Strict, limits)?;
    let Item::ObjectArray(dtype, shape, items) = pickle.get(pickle.root()) else {
        return Err(Error::invalid("the pickle is not an array of objects"));
    };
    if *dtype != Dtype::Object || *shape != objects.header.shape {
        return Err(Error::invalid(format!(
            "the pickle is an array of {dtype} of shape {shape}, the header says {}",
            objects.header.shape
        )));
    }
    if let ([], &[one]) = (&shape[..], items)
        && matches!(pickle.get(one), Item::Dict(_) | Item::OrderedDict(_) | Item::DefaultDict(..))
    {
        return metadata(&pickle, one, limits).map(Found::Metadata);
    }
    array(&pickle, shape, items, limits).map(Found::Array)
}

/// A dict as attributes.
fn metadata(pickle: &Pickle<'_>, dict: NodeId, limits: &Limits) -> Result<Vec<(String, Value)>> {
    match pickle.value_of(dict, limits)? {
        Value::Map(pairs) => pairs
            .into_iter()
            .map(|(k, v)| match k {
                Value::String(k) => Ok((k, v)),
                _ => Err(Error::unsupported("a dict with keys other than text")),
            })
            .collect(),
        _ => Err(Error::invalid("the object is not a dict")),
    }
}

/// What all objects of an array are.
#[derive(Clone, PartialEq)]
enum Kind {
    Text,
    Bool,
    Int,
    Float,
    /// Arrays of rank 1 and one dtype.
    Arrays(Dtype),
}

impl Kind {
    fn of(item: &Item<'_>) -> Result<Kind> {
        let no = |what: &str| Err(Error::unsupported(format!("{what} among the objects")));
        match item {
            Item::Str(_) => Ok(Kind::Text),
            Item::Bytes(_) | Item::ByteArray(_) => no("bytes"),
            Item::Bool(_) => Ok(Kind::Bool),
            Item::Int(_) => Ok(Kind::Int),
            Item::Float(_) => Ok(Kind::Float),
            Item::Array(dtype, shape) if shape.len() == 1 => Ok(Kind::Arrays((*dtype).clone())),
            Item::Array(_, shape) => no(&format!("an array of shape {shape}")),
            Item::None => no("None"),
            Item::List(_) | Item::Tuple(_) => no("a list"),
            Item::Dict(_) | Item::OrderedDict(_) | Item::DefaultDict(..) => no("a dict"),
            _ => no("an object that is neither text, bytes, a number nor an array"),
        }
    }
}

fn array(pickle: &Pickle<'_>, shape: &Shape, items: &[NodeId], limits: &Limits) -> Result<View<'static>> {
    let Some(&first) = items.first() else {
        // Nothing says what they would be; text is what arrays of objects mostly hold.
        return Heaped::default().view(string(), shape.clone(), limits);
    };
    let kind = Kind::of(&pickle.get(first))?;
    let mut heaped = Heaped::default();
    let mut flat: Vec<u8> = Vec::new();
    for (i, &id) in items.iter().enumerate() {
        let item = pickle.get(id);
        let other = Kind::of(&item).map_err(|e| e.reading(format!("object {i}")))?;
        if other != kind {
            return Err(Error::unsupported(format!("objects of different kinds: the first and number {i}")));
        }
        match item {
            Item::Str(s) if s.contains('\0') => {
                return Err(Error::unsupported(format!("text with a NUL in it (object {i})")));
            }
            Item::Str(s) => heaped.push(s.len(), s.as_bytes()),
            Item::Bool(b) => flat.push(b.into()),
            Item::Int(v) => flat.extend(v.to_le_bytes()),
            Item::Float(v) => flat.extend(v.to_le_bytes()),
            _ => {
                let view = pickle.view(id)?;
                heaped.push(usize::try_from(view.len()).unwrap_or(0), &view.to_bytes(limits)?);
            }
        }
    }
    let dtype = match kind {
        Kind::Text => string(),
        Kind::Arrays(base) => vlen(base),
        Kind::Bool => return View::new(Dtype::Bool, shape.clone(), flat),
        Kind::Int => return View::new(Dtype::int(8, true, ByteOrder::Little), shape.clone(), flat),
        Kind::Float => {
            return View::new(Dtype::float(8, ByteOrder::Little), shape.clone(), flat);
        }
    };
    heaped.view(dtype, shape.clone(), limits)
}

/// Bytes of a reference into [`Heaped`]: where the item begins, and the number of its parts.
const REFERENCE: u32 = 16;

fn string() -> Dtype {
    Dtype::VlenString(StringType {
        size: REFERENCE,
        charset: Charset::Utf8,
        padding: Padding::NullTerminated,
    })
}

fn vlen(base: Dtype) -> Dtype {
    Dtype::Vlen(Arc::new(VlenType { base, size: REFERENCE }))
}

/// Items of variable length, one after the other.
#[derive(Default)]
struct Heaped {
    bytes: Vec<u8>,
    references: Vec<u8>,
    itemsize: u64,
}

impl Heaped {
    fn push(&mut self, count: usize, bytes: &[u8]) {
        self.references.extend((self.bytes.len() as u64).to_le_bytes());
        self.references.extend((count as u64).to_le_bytes());
        self.bytes.extend_from_slice(bytes);
    }

    fn view(mut self, dtype: Dtype, shape: Shape, limits: &Limits) -> Result<View<'static>> {
        self.itemsize = match &dtype {
            Dtype::Vlen(v) => v.base.itemsize(),
            _ => 1,
        };
        let references = std::mem::take(&mut self.references);
        let mut buffer = Buffer::zeroed(references.len() as u64, limits)?;
        buffer.copy_from_slice(&references);
        Ok(View::new(dtype, shape, buffer)?.with_heap(Arc::new(self)))
    }
}

impl Heap for Heaped {
    fn resolve(&self, reference: &[u8]) -> Result<(u64, Cow<'_, [u8]>)> {
        let word = |at: usize| {
            let bytes: Option<[u8; 8]> = reference.get(at..at + 8).and_then(|b| b.try_into().ok());
            bytes.map(u64::from_le_bytes).ok_or_else(|| Error::invalid("a reference of fewer than 16 bytes"))
        };
        let (start, count) = (word(0)?, word(8)?);
        let end = count.checked_mul(self.itemsize).and_then(|n| n.checked_add(start));
        let range = usize::try_from(start).ok().zip(end.and_then(|e| usize::try_from(e).ok()));
        let bytes = range.and_then(|(s, e)| self.bytes.get(s..e));
        bytes
            .map(|b| (count, Cow::Borrowed(b)))
            .ok_or_else(|| Error::invalid("a reference past the end of its heap"))
    }
}
