//! The end of a new file: object headers, and what they point at that is not elements.
//!
//! No header is longer or shorter for what the addresses in it are. So every object has its address before anything is
//! written that leads to it, and the headers are put into their places last.

use super::dense::{self, Dense};
use super::symbol_table;
use crate::format::UNDEFINED;
use crate::format::extensible_array::Parameters;
use crate::format::message::attribute_info::{self, AttributeInfo};
use crate::format::message::link::{Link, Target};
use crate::format::message::link_info::LinkInfo;
use crate::format::message::symbol_table::SymbolTable;
use crate::format::message::{
    comment, datatype, group_info, kind, layout, modification_time, reference_count,
};
use crate::format::object_header::MessageArea;
use crate::write::attribute;
use crate::write::chunks;
use crate::write::heap::Collections;
use crate::write::space::Space;
use crate::write::storage;
use crate::write::tree::{Child, Content, Dataset, Object, ObjectKind, Place, Tree};
use hyperslab_core::container::{Fill, Order};
use hyperslab_core::{Error, Limits, Result};

/// Object headers start at a multiple of this.
const HEADER_ALIGNMENT: u64 = 8;
/// Message flag: the message never changes.
const CONSTANT: u8 = 1;
/// Message flag: the message is never shared.
const UNSHARED: u8 = 4;
/// Headers are written in pieces of about this many bytes.
const PIECE: usize = 1 << 20;

/// How an object is described.
#[derive(Clone, Copy)]
struct Style {
    /// By a version 1 header.
    old: bool,
    /// Whether attributes lie in a heap.
    dense_attributes: bool,
    links: Links,
    /// The order of creation of links.
    order: Order,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Links {
    Compact,
    Dense,
    SymbolTable,
}

/// What a header needs that lies elsewhere; empty while only its length is asked for.
#[derive(Default)]
struct Parts {
    /// Bodies of the attributes' messages.
    bodies: Vec<Vec<u8>>,
    attributes: Dense,
    links: Dense,
    table: Option<SymbolTable>,
}

/// Writes everything that is known of the objects; returns the address of the root group's header.
pub(in crate::write) fn emit(tree: &mut Tree, space: &mut Space, limits: &Limits) -> Result<u64> {
    emit_from(0, tree, space, limits).map(|addresses| addresses.first().copied().unwrap_or_default())
}

/// The same for the objects from number `first` on, those before it having no more than room; returns where each lies.
pub(in crate::write) fn emit_from(
    first: usize,
    tree: &mut Tree,
    space: &mut Space,
    limits: &Limits,
) -> Result<Vec<u64>> {
    let old = space.libver.is_old();
    let mut styles = Vec::with_capacity(tree.objects.len());
    for object in &tree.objects {
        styles.push(style(tree, object, space)?);
    }
    let mut addresses = vec![0; tree.objects.len()];
    let start = space.next(HEADER_ALIGNMENT);
    let mut at = start;
    for ((slot, object), style) in addresses.iter_mut().zip(&tree.objects).zip(&styles) {
        *slot = at;
        let mut parts = Parts::default();
        if !style.dense_attributes {
            for a in &object.attributes {
                let mut body = attribute::body(a, None, old)?;
                body.resize(body.len() + a.data.len(), 0);
                parts.bodies.push(body);
            }
        }
        let len = header(object, *style, &parts, &[], space)?.header_len() as u64;
        at = at.saturating_add(len).next_multiple_of(HEADER_ALIGNMENT);
    }
    // What is left out has no address.
    addresses.iter_mut().take(first).for_each(|a| *a = UNDEFINED);
    space.reserve(at - start, HEADER_ALIGNMENT)?;
    settle_fills(tree, &addresses)?;
    place_waiting(tree, &addresses, space, limits)?;

    let contents = contents(tree, &addresses, space, limits)?;
    let (mut piece, mut piece_at) = (Vec::new(), start);
    for (i, ((object, style), data)) in tree.objects.iter().zip(&styles).zip(contents).enumerate().skip(first)
    {
        let mut parts = Parts::default();
        for (a, data) in object.attributes.iter().zip(data) {
            let mut body = attribute::body(a, a.named.and_then(|t| addresses.get(t).copied()), old)?;
            body.extend_from_slice(&data);
            parts.bodies.push(body);
        }
        if style.dense_attributes {
            let names = object.attributes.iter().map(|a| a.name.as_str());
            let bodies = std::mem::take(&mut parts.bodies);
            let kept = object.kept.attributes;
            let number = |i: u32| (kept != Order::Unkept).then_some(i);
            let each =
                names.zip(&bodies).zip(0..).map(|((name, body), i)| (name, body.as_slice(), number(i)));
            parts.attributes = dense::attributes(each, kept == Order::Indexed, space)?;
        }
        if let ObjectKind::Group { children, .. } = &object.kind {
            match style.links {
                Links::Compact => {}
                Links::SymbolTable => {
                    parts.table = Some(symbol_table::write(children, &addresses, space)?);
                }
                Links::Dense => {
                    let all = children.iter().zip(0u64..).map(|((name, child), order)| {
                        let order = Some(order).filter(|_| style.order != Order::Unkept);
                        let mut body = Vec::new();
                        let link = link(name, child, order, &addresses).emit(&mut body);
                        (name.as_str(), link.map(|()| body))
                    });
                    parts.links = dense::links(all, style.order == Order::Indexed, space)?;
                }
            }
        }
        let at = addresses.get(i).copied().unwrap_or_default();
        piece.resize((at - piece_at) as usize, 0);
        header(object, *style, &parts, &addresses, space)?.emit(None, &mut piece)?;
        if piece.len() > PIECE {
            space.overwrite(piece_at, &piece)?;
            piece_at += piece.len() as u64;
            piece.clear();
        }
    }
    space.overwrite(piece_at, &piece)?;
    Ok(addresses)
}

fn style(tree: &Tree, object: &Object, space: &Space) -> Result<Style> {
    let old = space.libver.is_old();
    let most = attribute::most_compact(old);
    let mut dense_attributes = false;
    for a in &object.attributes {
        dense_attributes |= attribute::body(a, None, old)?.len() + a.data.len() > most;
    }
    let order = tree.order(object);
    let mut style = Style { old: old && !dense_attributes, dense_attributes, links: Links::Compact, order };
    if object.kept.attributes != Order::Unkept {
        style.old = false;
        if object.attributes.len() >= usize::from(u16::MAX) {
            let what = format!("an order of creation of {} attributes", object.attributes.len());
            return Err(Error::unsupported(what));
        }
    }
    // Version 1 headers count their messages in two bytes.
    style.old &= object.attributes.len() < 0xff00;
    if let ObjectKind::Group { children, .. } = &object.kind {
        let newer =
            order != Order::Unkept || children.iter().any(|(_, c)| matches!(c, Child::External { .. }));
        style.old &= !newer;
        style.links = match children.len() > space.libver.most_compact_links() {
            _ if style.old => Links::SymbolTable,
            true => Links::Dense,
            false => Links::Compact,
        };
    }
    Ok(style)
}

/// Makes addresses of the references that fill datasets.
fn settle_fills(tree: &mut Tree, addresses: &[u64]) -> Result<()> {
    for i in 0..tree.objects.len() {
        let Some(Object { kind: ObjectKind::Dataset(d), .. }) = tree.objects.get(i) else { continue };
        let Fill::Reference(target) = &d.storage.fill else { continue };
        let address = tree.address(&target.path, addresses).ok_or_else(|| {
            let what = format!("a fill value that refers to {:?}, which is not in the file", target.path);
            Error::unsupported(what).object(tree.path_of(i))
        })?;
        if let Some(Object { kind: ObjectKind::Dataset(d), .. }) = tree.objects.get_mut(i) {
            d.storage.fill = Fill::Value(address.to_le_bytes().to_vec());
        }
    }
    Ok(())
}

/// Writes the elements that waited for the addresses of objects.
fn place_waiting(tree: &mut Tree, addresses: &[u64], space: &mut Space, limits: &Limits) -> Result<()> {
    let mut placed = Vec::new();
    for (i, object) in tree.objects.iter().enumerate() {
        let ObjectKind::Dataset(d) = &object.kind else { continue };
        let Place::Waiting(view) = &d.place else { continue };
        let find = |path: &str| tree.address(path, addresses);
        let place = chunks::place(view, &d.storage, space, limits, &find);
        placed.push((i, place.map_err(|e| e.object(tree.path_of(i)))?));
    }
    for (i, found) in placed {
        if let Some(Object { kind: ObjectKind::Dataset(d), .. }) = tree.objects.get_mut(i) {
            d.place = found;
        }
    }
    Ok(())
}

/// The bytes of every attribute of every object, what they point at being written.
fn contents(tree: &Tree, addresses: &[u64], space: &mut Space, limits: &Limits) -> Result<Vec<Vec<Vec<u8>>>> {
    let find = |path: &str| tree.address(path, addresses);
    let mut heap = Collections::new(space, &find);
    let mut all = Vec::with_capacity(tree.objects.len());
    for (i, object) in tree.objects.iter().enumerate() {
        let mut of_object = Vec::with_capacity(object.attributes.len());
        for a in &object.attributes {
            let data = match &a.data {
                Content::Bytes(b) => Ok(b.clone()),
                Content::Texts(texts) => {
                    texts.iter().map(|t| heap.text(t)).collect::<Result<Vec<_>>>().map(|r| r.concat())
                }
                Content::Elements(view) => heap.elements(view, limits),
            };
            of_object.push(data.map_err(|e| e.object(format!("{}@{}", tree.path_of(i), a.name)))?);
        }
        all.push(of_object);
    }
    heap.flush()?;
    Ok(all)
}

fn link<'a>(name: &'a str, child: &'a Child, order: Option<u64>, addresses: &[u64]) -> Link<'a> {
    let target = match child {
        Child::Object(index) => Target::Hard(addresses.get(*index).copied().unwrap_or_default()),
        Child::Soft(path) => Target::Soft(path.as_bytes()),
        Child::External { file, path } => Target::External { file: file.as_bytes(), path: path.as_bytes() },
    };
    Link { name: name.as_bytes(), creation_order: order, target }
}

fn emit_layout(d: &Dataset, newer: bool, out: &mut Vec<u8>) -> Result<()> {
    let width = d.storage.dtype.itemsize();
    let chunk = || match &d.storage.layout {
        storage::Layout::Chunked { chunk, .. } => chunk.as_ref(),
        _ => &[],
    };
    let start = out.len();
    match &d.place {
        Place::Contiguous { address, size } => {
            layout::emit_contiguous(address.unwrap_or(UNDEFINED), *size, out);
        }
        Place::Compact(data) => layout::emit_compact(data, out)?,
        Place::Chunked { index, address } => {
            return layout::emit_indexed(chunk(), width, index, *address, out);
        }
        Place::Growing => {
            let p = Parameters::STANDARD;
            return layout::emit_extensible_array(chunk(), width, &p, UNDEFINED, out);
        }
        // Of the same length as what will be there.
        Place::Waiting(view) => match &d.storage.layout {
            storage::Layout::Contiguous => layout::emit_contiguous(UNDEFINED, view.nbytes(), out),
            storage::Layout::Compact => {
                layout::emit_compact(&vec![0; usize::try_from(view.nbytes()).unwrap_or(usize::MAX)], out)?;
            }
            storage::Layout::Chunked { index, .. } => {
                return layout::emit_indexed(chunk(), width, index, None, out);
            }
        },
    }
    // The same bytes under a later number.
    if let Some(version) = out.get_mut(start).filter(|_| newer) {
        *version = 4;
    }
    Ok(())
}

fn header(
    object: &Object,
    style: Style,
    parts: &Parts,
    addresses: &[u64],
    space: &Space,
) -> Result<MessageArea> {
    let old_forms = space.libver.is_old();
    let times = object.kept.times.map(|t| [t.accessed, t.modified, t.changed, t.born]);
    let order = object.kept.attributes;
    let mut area = match style.old {
        true => MessageArea::version_1(object.links),
        false if order == Order::Unkept => MessageArea::new().with_times(times),
        false => MessageArea::new().with_times(times).in_order(order == Order::Indexed),
    };
    match &object.kind {
        ObjectKind::Group { children, .. } => group(&mut area, children, style, parts, addresses)?,
        ObjectKind::Dataset(d) => {
            let named = d.storage.named.map(|t| addresses.get(t).copied().unwrap_or_default());
            d.storage.describe(named, old_forms, &mut area)?;
            let newer = space.libver == crate::write::Libver::Latest;
            area.push(kind::LAYOUT, 0, |out| emit_layout(d, newer, out))?;
        }
        ObjectKind::Type(dtype) => area.push(kind::DATATYPE, CONSTANT | UNSHARED, |out| match old_forms {
            true => datatype::emit_old(dtype, out),
            false => datatype::emit(dtype, out),
        })?,
    }
    if object.links > 1 && !style.old {
        // Without it the first of its names that is deleted takes the object along.
        area.push(kind::REFERENCE_COUNT, 0, |out| {
            reference_count::emit(object.links, out);
            Ok(())
        })?;
    }
    if let Some(time) = object.kept.times.filter(|_| style.old) {
        area.push(kind::MODIFICATION_TIME, 0, |out| {
            modification_time::emit(time.changed, out);
            Ok(())
        })?;
    }
    if let Some(text) = &object.kept.comment {
        area.push(kind::COMMENT, 0, |out| {
            comment::emit(text, out);
            Ok(())
        })?;
    }
    if object.attributes.is_empty() {
        return Ok(area);
    }
    if !style.old {
        // Without this message libhdf5 counts no attributes, though it finds them by name.
        area.push(kind::ATTRIBUTE_INFO, attribute_info::FLAGS, |out| {
            let dense = style.dense_attributes.then_some(parts.attributes);
            let next = u16::try_from(object.attributes.len()).unwrap_or(u16::MAX);
            let info = AttributeInfo {
                heap: dense.map(|d| d.heap),
                names: dense.map(|d| d.names),
                order: dense.and_then(|d| d.order),
                max_creation_order: Some(next).filter(|_| order != Order::Unkept),
                indexed: order == Order::Indexed,
            };
            info.emit(out);
            Ok(())
        })?;
    }
    for (number, body) in parts.bodies.iter().enumerate() {
        let number = u16::try_from(number).unwrap_or(u16::MAX);
        area.push_at(kind::ATTRIBUTE, 0, number, |out| {
            out.extend_from_slice(body);
            Ok(())
        })?;
    }
    Ok(area)
}

fn group(
    area: &mut MessageArea,
    children: &[(String, Child)],
    style: Style,
    parts: &Parts,
    addresses: &[u64],
) -> Result<()> {
    let ordered = style.order != Order::Unkept;
    if style.links == Links::SymbolTable {
        let table = parts.table.unwrap_or(SymbolTable { btree: 0, heap: 0 });
        return area.push(kind::SYMBOL_TABLE, 0, |out| {
            table.emit(out);
            Ok(())
        });
    }
    area.push(kind::LINK_INFO, 0, |out| {
        let dense = (style.links == Links::Dense).then_some(parts.links);
        let info = LinkInfo {
            max_creation_order: ordered.then_some(children.len() as u64),
            indexed: style.order == Order::Indexed,
            heap: dense.map(|d| d.heap),
            names: dense.map(|d| d.names),
            order: dense.and_then(|d| d.order),
        };
        info.emit(out);
        Ok(())
    })?;
    area.push(kind::GROUP_INFO, CONSTANT, |out| {
        group_info::emit_default(out);
        Ok(())
    })?;
    if style.links == Links::Compact {
        for ((name, child), order) in children.iter().zip(0..) {
            let link = link(name, child, ordered.then_some(order), addresses);
            area.push(kind::LINK, 0, |out| link.emit(out))?;
        }
    }
    Ok(())
}
