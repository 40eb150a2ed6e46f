//! Attributes as metadata values.

use super::Context;
use super::heap::GlobalHeap;
use super::object::{Object, follow};
use crate::format::message::attribute::{Attribute, Part};
use crate::format::message::attribute_info::AttributeInfo;
use crate::format::message::dataspace::Dataspace;
use crate::format::message::{datatype, kind};
use crate::format::object_header::{Message, SHARED};
use hyperslab_core::view::Buffer;
use hyperslab_core::{Dtype, Error, Result, Shape, Value, View, scalar};
use std::sync::Arc;

/// The attributes of an object in stored order, and the error that kept some from being read.
pub(crate) fn all(cx: Context<'_, '_>, object: &Object<'_>) -> Result<Vec<(String, Value)>> {
    let mut out = Vec::new();
    for m in object.messages().filter(|m| m.kind == kind::ATTRIBUTE) {
        let a = taken_apart(&m)?;
        cx.limits.count_objects(1)?;
        let name = String::from_utf8_lossy(a.name).into_owned();
        let v = value(cx, &a).map_err(|e| e.reading(format!("attribute {name:?}")).at(m.offset))?;
        out.push((name, v));
    }
    match dense(cx, object)? {
        Some(e) => Err(e),
        None => Ok(out),
    }
}

/// The error of attributes that are not in the header, when there are such.
fn dense(cx: Context<'_, '_>, object: &Object<'_>) -> Result<Option<Error>> {
    let Some(m) = object.first(kind::ATTRIBUTE_INFO) else { return Ok(None) };
    let heap = AttributeInfo::parse(m.body, cx.sizes, m.offset)?.heap;
    Ok(heap.map(|at| Error::unsupported("attributes in dense storage").reading("fractal heap").at(at)))
}

/// One attribute by name.
pub(crate) fn one(cx: Context<'_, '_>, object: &Object<'_>, name: &str) -> Result<Value> {
    for m in object.messages().filter(|m| m.kind == kind::ATTRIBUTE) {
        let a = taken_apart(&m)?;
        if a.name == name.as_bytes() {
            return value(cx, &a).map_err(|e| e.reading(format!("attribute {name:?}")).at(m.offset));
        }
    }
    match dense(cx, object)? {
        Some(e) => Err(e),
        None => Err(Error::usage(format!("no attribute {name:?}"))),
    }
}

/// The text of an attribute, if it is there and is text.
pub(crate) fn text(cx: Context<'_, '_>, object: &Object<'_>, name: &str) -> Option<String> {
    match one(cx, object, name) {
        Ok(Value::String(s)) => Some(s),
        _ => None,
    }
}

fn taken_apart<'m>(m: &Message<'m>) -> Result<Attribute<'m>> {
    if m.flags & SHARED != 0 {
        return Err(Error::unsupported("attribute in the shared-message table")
            .reading("shared message")
            .at(m.offset));
    }
    Attribute::parse(m.body, m.offset)
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
    let need = shape.bytes(dtype.itemsize())?;
    let data = usize::try_from(need).ok().and_then(|n| a.data.get(..n)).ok_or_else(|| {
        Error::invalid(format!("{} bytes for shape {shape} of {dtype}, which takes {need}", a.data.len()))
    })?;
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
