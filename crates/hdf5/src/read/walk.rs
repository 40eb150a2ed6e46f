//! The tree: what an object is, where a path leads, and every node below one.

use super::dataset::Dataset;
use super::group::{self, Entry, To};
use super::object::Object;
use super::{Context, File, attribute, hide_descr, names, once, others};
use crate::format::message::{datatype, kind as message};
use hyperslab_core::{Error, Limits, LinkTo, Node, NodeKind, Result};
use smallvec::SmallVec;
use std::borrow::Cow;
use std::collections::HashSet;

/// How many soft links a path may lead through.
const MAX_SOFT: u32 = 64;
/// Bytes of a path and a target that are counted for every node.
const NAME_BYTES: u64 = 128;
/// What one listed node takes of the limit of bytes.
const NODE_BYTES: u64 = size_of::<Node>() as u64 + NAME_BYTES;

/// What an object header describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Group,
    Dataset,
    Type,
    Unknown,
}

pub(crate) fn kind(object: &Object<'_>) -> Kind {
    if object.has(message::LAYOUT) || (object.has(message::DATATYPE) && object.has(message::DATASPACE)) {
        Kind::Dataset
    } else if object.has(message::SYMBOL_TABLE) || object.has(message::LINK_INFO) {
        Kind::Group
    } else if object.has(message::DATATYPE) {
        Kind::Type
    } else {
        Kind::Unknown
    }
}

/// The object at a path, links followed: also to other files, so it comes with the context to read it in.
pub(crate) fn resolve<'f, 'l>(cx: Context<'f, 'l>, path: &str) -> Result<(Object<'f>, Context<'f, 'l>)> {
    step(cx, path)?.map_err(|name| Error::usage(format!("no {name:?} in the file")))
}

/// Where the soft or external link at a path leads; `None` for what is no such link.
pub(crate) fn link(cx: Context<'_, '_>, path: &str) -> Result<Option<LinkTo>> {
    let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
    let (object, cx) = resolve(cx, parent)?;
    if kind(&object) != Kind::Group {
        return Ok(None);
    }
    let to = match group::find(cx, &object, name)? {
        Some(To::Soft(target)) => LinkTo::Soft(target),
        Some(To::External(file, path)) => LinkTo::External { file, path },
        _ => return Ok(None),
    };
    let texts = match &to {
        LinkTo::Soft(target) => [target.as_str(), ""],
        LinkTo::External { file, path } => [file.as_str(), path.as_str()],
    };
    match texts.iter().find(|t| names::escaped(t).is_some()) {
        Some(text) => Err(Error::unsupported(format!("a link to {text:?}, which is no text"))),
        None => Ok(Some(to)),
    }
}

/// As [`resolve`]; `None` when the path leads nowhere.
pub(crate) fn find<'f, 'l>(cx: Context<'f, 'l>, path: &str) -> Result<Option<(Object<'f>, Context<'f, 'l>)>> {
    step(cx, path).map(std::result::Result::ok)
}

type Found<'f, 'l> = std::result::Result<(Object<'f>, Context<'f, 'l>), String>;

/// The object at a path, or the name that is not there.
fn step<'f, 'l>(mut cx: Context<'f, 'l>, path: &str) -> Result<Found<'f, 'l>> {
    let mut address = cx.file.superblock.root;
    let mut parts: SmallVec<[Cow<'_, str>; 4]> = split(path).rev().map(Into::into).collect();
    let mut soft = 0;
    loop {
        let Some(name) = parts.pop() else { return Ok(Ok((Object::read(cx, address)?, cx))) };
        let object = Object::read(cx, address)?;
        if kind(&object) != Kind::Group {
            return Err(Error::usage(format!("no {name:?} here: not a group")));
        }
        let target = match group::find(cx, &object, &name)? {
            Some(To::Object(a)) => {
                address = a;
                continue;
            }
            Some(To::Soft(target)) => {
                soft += 1;
                if soft > MAX_SOFT {
                    return Err(Error::invalid(format!("more than {MAX_SOFT} soft links in one path")));
                }
                if target.starts_with('/') {
                    address = cx.file.superblock.root;
                }
                target
            }
            Some(To::External(other, target)) => {
                cx = elsewhere(cx, &other, &target)?;
                address = cx.file.superblock.root;
                target
            }
            Some(To::User(class)) => {
                return Err(Error::unsupported(format!("link of the application-defined class {class}")));
            }
            // Only the last name may be missing: a dataset that is not there, not a path that makes no sense.
            None if parts.is_empty() => return Ok(Err(name.into_owned())),
            None => return Err(Error::usage(format!("no {name:?} in the file"))),
        };
        let before = parts.len();
        parts.extend(split(&target).rev().map(|part| Cow::Owned(part.to_owned())));
        cx.limits.count_objects((parts.len() - before) as u64 + 1)?;
    }
}

/// The file that an external link names.
fn elsewhere<'f, 'l>(cx: Context<'f, 'l>, file: &str, target: &str) -> Result<Context<'f, 'l>> {
    let what = || format!("external link to {target:?} in {file:?}");
    let place = others::find(cx, &names::stored(file)).map_err(|e| e.reading(what()))?;
    let place = place.ok_or_else(|| {
        let beside = others::folder(cx.source).unwrap_or_default();
        Error::usage(format!("{} is not there or no regular file", beside.join(file).display()))
            .reading(what())
    })?;
    cx.within(cx.others.file(cx, &place)?)
}

/// A path from the root.
pub(super) fn absolute(path: &str) -> String {
    format!("/{}", split(path).collect::<Vec<_>>().join("/"))
}

fn split(path: &str) -> impl DoubleEndedIterator<Item = &str> {
    path.split('/').filter(|p| !p.is_empty() && *p != ".")
}

/// A group on the way down.
struct Level {
    path: String,
    address: u64,
    entries: std::vec::IntoIter<Entry>,
}

/// Every node below a path, parents first; see [`Container::nodes`](hyperslab_core::Container::nodes).
pub(crate) fn nodes(
    file: &File<'_>,
    path: &str,
    depth: Option<u32>,
    attributes: bool,
    limits: &Limits,
) -> Result<Vec<Node>> {
    Ok(nodes_at(file, path, depth, attributes, limits)?.into_iter().map(|(node, _)| node).collect())
}

/// The same, each with the address of its object header where it is an object.
pub(crate) fn nodes_at(
    file: &File<'_>,
    path: &str,
    depth: Option<u32>,
    attributes: bool,
    limits: &Limits,
) -> Result<Vec<(Node, Option<u64>)>> {
    let cx = file.context(limits);
    let start = absolute(path);
    let (object, cx) = resolve(cx, path).map_err(file.place(&start))?;
    let mut list = List::new(file, cx, attributes);
    let mut levels = Vec::new();
    // Groups on the way down: a link to one of them is a circle, which is cut.
    let mut open = HashSet::new();
    let enter = |list: &mut List<'_>, levels: &mut Vec<Level>, object: &Object<'_>, path: String| {
        let (entries, error) = group::entries(cx, object);
        if let (Some(e), Some((node, _))) = (error, list.out.last_mut()) {
            node.error = Some(file.place(&path)(cx.place(e)));
        }
        levels.push(Level { path, address: object.address, entries: entries.into_iter() });
    };
    let allowed = |levels: &[Level]| depth.is_none_or(|d| (levels.len() as u64) < u64::from(d));

    let first = list.object(&start, &object)?;
    if first == NodeKind::Group && allowed(&levels) {
        open.insert(object.address);
        enter(&mut list, &mut levels, &object, start);
    }
    drop(object);
    while let Some(level) = levels.last_mut() {
        let Some(entry) = level.entries.next() else {
            open.remove(&level.address);
            levels.pop();
            continue;
        };
        let base = if level.path == "/" { "" } else { &level.path };
        let path = format!("{base}/{}", entry.name);
        match entry.to {
            To::Object(address) => match Object::read(cx, address) {
                Ok(object) => {
                    let kind = list.object(&path, &object)?;
                    if kind != NodeKind::Group || !allowed(&levels) {
                        continue;
                    }
                    // The depth of a tree without circles is bounded only by the file.
                    let deep = limits.check_depth(levels.len() as u32).err();
                    if let (Some(e), Some((node, _))) = (deep, list.out.last_mut()) {
                        let e = e.hint("list it by its own path");
                        node.error = Some(file.place(&path)(e));
                    } else if open.insert(address) {
                        enter(&mut list, &mut levels, &object, path);
                    } else if let Some((node, _)) = list.out.last_mut() {
                        // A circle: what is in it was listed further up.
                        let above = levels.iter().find(|l| l.address == address);
                        node.target = above.map(|l| l.path.clone());
                    }
                }
                // What it is cannot be known: an array with its error, so that no sum passes over it.
                Err(e) => list.failed(&path, e)?,
            },
            other => list.elsewhere(&path, other)?,
        }
    }
    Ok(list.out)
}

/// Nodes on their way into a listing.
pub(super) struct List<'f> {
    file: &'f File<'f>,
    /// Where the objects are read that come next.
    pub(super) cx: Context<'f, 'f>,
    attributes: bool,
    out: Vec<(Node, Option<u64>)>,
    held: Vec<hyperslab_core::Reservation>,
}

impl<'f> List<'f> {
    pub(super) fn new(file: &'f File<'f>, cx: Context<'f, 'f>, attributes: bool) -> List<'f> {
        List { file, cx, attributes, out: Vec::new(), held: Vec::new() }
    }

    pub(super) fn into_nodes(self) -> Vec<Node> {
        self.out.into_iter().map(|(node, _)| node).collect()
    }

    /// The place of the node that came last.
    pub(super) fn last(&self) -> usize {
        self.out.len().saturating_sub(1)
    }

    /// Says why a node that was listed cannot be read.
    pub(super) fn fail(&mut self, at: usize, e: Error) {
        if let Some((node, _)) = self.out.get_mut(at) {
            node.error = Some(e);
        }
    }

    fn push(&mut self, mut node: Node, address: Option<u64>) -> Result<()> {
        self.cx.limits.count_objects(1)?;
        node.object = address.map(|a| once::number(self.cx, a));
        let long = (node.path.len() + node.target.as_ref().map_or(0, String::len)) as u64;
        if long > NAME_BYTES {
            self.held.push(self.cx.limits.reserve(long - NAME_BYTES)?);
        }
        if self.out.len() == self.out.capacity() {
            let more = (self.out.len() as u64).max(16);
            self.held.push(self.cx.limits.reserve(more.saturating_mul(NODE_BYTES))?);
            self.out.reserve(more as usize);
        }
        self.out.push((node, address));
        Ok(())
    }

    /// Lists one more name of an object that comes under the path `known`.
    pub(super) fn name(&mut self, path: &str, address: u64, known: String) -> Result<()> {
        let mut node = Node::new(path, NodeKind::Link);
        node.target = Some(known);
        self.push(node, Some(address))
    }

    /// Lists what is no name of an object.
    pub(super) fn elsewhere(&mut self, path: &str, to: To) -> Result<()> {
        let mut node = Node::new(path, NodeKind::Link);
        match to {
            To::Object(_) => {}
            To::Soft(target) => node.target = Some(target),
            To::External(other, target) => node.target = Some(format!("{other}:{target}")),
            To::User(class) => {
                let e = Error::unsupported(format!("link of the application-defined class {class}"));
                node.error = Some(self.file.place(path)(e));
            }
        }
        self.push(node, None)
    }

    pub(super) fn failed(&mut self, path: &str, e: Error) -> Result<()> {
        let mut node = Node::new(path, NodeKind::Array);
        node.error = Some(self.file.place(path)(self.cx.place(e)));
        self.push(node, None)
    }

    /// Lists an object and says what it is.
    pub(super) fn object(&mut self, path: &str, object: &Object<'_>) -> Result<NodeKind> {
        let cx = self.cx;
        let place = |e| self.file.place(path)(cx.place(e));
        let mut node = Node::new(path, NodeKind::Group);
        let mut descr = None;
        match kind(object) {
            Kind::Group => {}
            Kind::Dataset => {
                node.kind = NodeKind::Array;
                match Object::read(cx, object.address).and_then(|o| Dataset::open(cx, o)) {
                    Ok(d) => {
                        d.describe(&cx.file.filters, &mut node);
                        descr = Some(d);
                    }
                    Err(e) => node.error = Some(place(e)),
                }
            }
            Kind::Type => {
                node.kind = NodeKind::Type;
                match object.parse(cx, message::DATATYPE, |b, at| datatype::parse(b, cx.sizes, at)) {
                    Ok(dtype) => node.dtype = dtype,
                    Err(e) => node.error = Some(place(e)),
                }
            }
            Kind::Unknown => {
                let e = Error::unsupported("an object that is neither group nor dataset nor type");
                node.kind = NodeKind::Array;
                node.error = Some(place(e.reading("object header").at(object.address)));
            }
        }
        if self.attributes {
            match attribute::all(cx, object) {
                Ok(all) => node.attributes = all,
                Err(e) => node.error = node.error.or_else(|| Some(place(e))),
            }
            if let Some(d) = &descr {
                hide_descr(d, &mut node.attributes);
            }
        }
        let kind = node.kind;
        self.push(node, Some(object.address))?;
        Ok(kind)
    }
}
