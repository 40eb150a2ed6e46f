//! Attributes as metadata values.

use super::dense::{FractalHeap, Records};
use super::heap::GlobalHeap;
use super::object::{Object, follow};
use super::reference::References;
use super::{Context, names, reference};
use crate::format::message::attribute::{Attribute, Part};
use crate::format::message::attribute_info::AttributeInfo;
use crate::format::message::dataspace::Dataspace;
use crate::format::message::shared::Shared;
use crate::format::message::{datatype, kind};
use crate::format::object_header::{Message, ORDERED, SHARED};
use hyperslab_core::container::StoredAttribute;
use hyperslab_core::view::Buffer;
use hyperslab_core::{Dtype, Error, Result, Shape, Value, View, scalar};
use std::sync::Arc;

/// The attributes of an object: in the order of its header, or of the tree of those in dense storage.
pub(crate) fn all(cx: Context<'_, '_>, object: &Object<'_>) -> Result<Vec<(String, Value)>> {
    each(cx, object, &mut |a| value(cx, a))
}

/// What `read` makes of each attribute, with its name: in the order of creation where it is kept.
fn each<T>(
    cx: Context<'_, '_>,
    object: &Object<'_>,
    read: &mut dyn FnMut(&Attribute<'_>) -> Result<T>,
) -> Result<Vec<(String, T)>> {
    let mut out = Vec::new();
    let mut take = |a: &Attribute<'_>, at: u64, order: u32| {
        cx.limits.count_objects(1)?;
        let name = names::shown(a.name);
        let one = read(a).map_err(|e| e.reading(format!("attribute {name:?}")).at(at))?;
        out.push((order, name, one));
        Ok(())
    };
    for m in object.messages().filter(|m| m.kind == kind::ATTRIBUTE) {
        let order = m.creation_order.unwrap_or_default();
        taken_apart(cx, &m, &mut |a, at| take(a, at, order.into()))?;
    }
    let mut by_hash = false;
    if let Some(AttributeInfo { heap: Some(heap), order, names, .. }) = info(cx, object)?
        && let Some(tree) = order.or(names)
    {
        let mut heap = FractalHeap::open(cx, heap)?;
        let mut common = None;
        Records::open(cx, tree)?.all(&mut |id, shared, order| {
            let heap = if shared { shared_heap(cx, &mut common)? } else { &mut heap };
            heap.object(id, |body, at| take(&Attribute::parse(body, at)?, at, order))
        })?;
        by_hash = order.is_none();
    }
    if object.flags & ORDERED != 0 {
        // What was made last may lie first, where there was room.
        out.sort_by_key(|(order, _, _)| *order);
    } else if by_hash {
        // The order of hashes says nothing.
        out.sort_by(|a, b| a.1.cmp(&b.1));
    }
    Ok(out.into_iter().map(|(_, name, one)| (name, one)).collect())
}

/// The attributes of an object as they are stored.
pub(crate) fn stored<'f>(
    cx: Context<'f, '_>,
    object: &Object<'_>,
) -> Result<Vec<(String, StoredAttribute<'f>)>> {
    each(cx, object, &mut |a| one_stored(cx, a))
}

fn one_stored<'f>(cx: Context<'f, '_>, a: &Attribute<'_>) -> Result<StoredAttribute<'f>> {
    let dtype = part(cx, kind::DATATYPE, a.datatype, |b, at| datatype::parse(b, cx.sizes, at))?;
    let space = part(cx, kind::DATASPACE, a.dataspace, |b, at| Dataspace::parse(b, cx.sizes, at))?;
    let mut named_type = None;
    if a.datatype.shared
        && let Shared::Object(address) = Shared::parse(a.datatype.body, cx.sizes, a.datatype.offset)?
    {
        named_type = reference::path_of(cx, address);
    }
    let elements = match space.shape() {
        None => None,
        Some(shape) => {
            let data = elements(a, shape, &dtype)?;
            let view = View::new(dtype.clone(), shape.clone(), Buffer::copy_of(data))?;
            Some(match dtype.has_references() || dtype.has_indirection() {
                true if dtype.has_references() => view.with_heap(Arc::new(References::new(cx, &dtype))),
                true => {
                    let heap = GlobalHeap::new(cx.source, cx.sizes, cx.limits, &dtype);
                    view.with_heap(Arc::new(heap))
                }
                false => view,
            })
        }
    };
    Ok(StoredAttribute { dtype, elements, named_type })
}

/// The bytes of an attribute's elements.
fn elements<'a>(a: &Attribute<'a>, shape: &Shape, dtype: &Dtype) -> Result<&'a [u8]> {
    let need = shape.bytes(dtype.itemsize())?;
    usize::try_from(need).ok().and_then(|n| a.data.get(..n)).ok_or_else(|| {
        Error::invalid(format!("{} bytes for shape {shape} of {dtype}, which takes {need}", a.data.len()))
    })
}

fn info(cx: Context<'_, '_>, object: &Object<'_>) -> Result<Option<AttributeInfo>> {
    object.first(kind::ATTRIBUTE_INFO).map(|m| AttributeInfo::parse(m.body, cx.sizes, m.offset)).transpose()
}

/// One attribute by name.
pub(crate) fn one(cx: Context<'_, '_>, object: &Object<'_>, name: &str) -> Result<Value> {
    let other = names::escaped(name);
    let mut found = None;
    let mut take = |a: &Attribute<'_>, at: u64| {
        if a.name == name.as_bytes() || Some(a.name) == other.as_deref() {
            if found.is_some() {
                return Err(
                    Error::unsupported(format!("two attributes that are both shown as {name:?}")).at(at)
                );
            }
            found = Some(value(cx, a).map_err(|e| e.reading(format!("attribute {name:?}")).at(at))?);
        }
        Ok(())
    };
    for m in object.messages().filter(|m| m.kind == kind::ATTRIBUTE) {
        taken_apart(cx, &m, &mut take)?;
    }
    if let Some(AttributeInfo { heap: Some(heap), names: Some(names), .. }) = info(cx, object)? {
        let mut heap = FractalHeap::open(cx, heap)?;
        let mut common = None;
        let records = Records::open(cx, names)?;
        for stored in [Some(name.as_bytes()), other.as_deref()].into_iter().flatten() {
            records.named(stored, &mut |id, shared| {
                let heap = if shared { shared_heap(cx, &mut common)? } else { &mut heap };
                heap.object(id, |body, at| {
                    let a = Attribute::parse(body, at)?;
                    if a.name == stored { take(&a, at) } else { Ok(()) }
                })
            })?;
        }
    }
    found.ok_or_else(|| Error::usage(format!("no attribute {name:?}")))
}

/// The text of an attribute, if it is there and is text.
pub(crate) fn text(cx: Context<'_, '_>, object: &Object<'_>, name: &str) -> Option<String> {
    match one(cx, object, name) {
        Ok(Value::String(s)) => Some(s),
        _ => None,
    }
}

/// Gives a message's attribute to `take`, also where the file has it in its shared-message table.
fn taken_apart(
    cx: Context<'_, '_>,
    m: &Message<'_>,
    take: &mut dyn FnMut(&Attribute<'_>, u64) -> Result<()>,
) -> Result<()> {
    if m.flags & SHARED != 0 {
        return follow(cx, kind::ATTRIBUTE, m.body, m.offset, |b, at| take(&Attribute::parse(b, at)?, at));
    }
    take(&Attribute::parse(m.body, m.offset)?, m.offset)
}

/// The heap of attributes that objects share, opened once.
fn shared_heap<'h, 'f, 'l>(
    cx: Context<'f, 'l>,
    open: &'h mut Option<FractalHeap<'f, 'l>>,
) -> Result<&'h mut FractalHeap<'f, 'l>> {
    if open.is_none() {
        *open = Some(cx.file.shared.heap(cx, kind::ATTRIBUTE)?);
    }
    open.as_mut().ok_or_else(|| Error::invalid("no heap of shared attributes"))
}

fn part<T>(
    cx: Context<'_, '_>,
    kind: u16,
    p: Part<'_>,
    parse: impl FnOnce(&[u8], u64) -> Result<T>,
) -> Result<T> {
    if p.shared { follow(cx, kind, p.body, p.offset, parse) } else { parse(p.body, p.offset) }
}

/// Text as text, whatever can be held as an array with its dtype as that, the rest as lists of values.
fn value(cx: Context<'_, '_>, a: &Attribute<'_>) -> Result<Value> {
    let dtype = part(cx, kind::DATATYPE, a.datatype, |b, at| datatype::parse(b, cx.sizes, at))?;
    let space = part(cx, kind::DATASPACE, a.dataspace, |b, at| Dataspace::parse(b, cx.sizes, at))?;
    let Some(shape) = space.shape().cloned() else { return Ok(Value::Null) };
    let data = elements(a, &shape, &dtype)?;
    if dtype.has_references() {
        let heap = Arc::new(References::new(cx, &dtype));
        return scalar::tree(&View::new(dtype, shape, data)?.with_heap(heap), cx.limits);
    }
    if dtype.has_indirection() {
        let heap = Arc::new(GlobalHeap::new(cx.source, cx.sizes, cx.limits, &dtype));
        let view = View::new(dtype, shape, data)?.with_heap(heap);
        return scalar::tree(&view, cx.limits);
    }
    match dtype {
        Dtype::FixedString(_) if shape.is_empty() => scalar::decode(&dtype, data, None),
        _ => View::new(dtype, Shape::clone(&shape), Buffer::copy_of(data)).map(Value::from),
    }
}
