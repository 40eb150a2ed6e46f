//! Metadata values as HDF5 attributes.

use super::heap::{self, Kept};
use super::tree::{Attribute, Content};
use super::widen::widened;
use crate::format::message::attribute::{self as message, Type};
use crate::format::message::dataspace::Dataspace;
use crate::numpy_types;
use hyperslab_core::container::StoredAttribute;
use hyperslab_core::dtype::{Charset, Padding, StringType};
use hyperslab_core::{ByteOrder, Dtype, Error, Limits, Result, Shape, Value, View};

const TEXT: Dtype =
    Dtype::VlenString(StringType { size: 16, charset: Charset::Utf8, padding: Padding::NullTerminated });

/// The attribute that holds a value.
pub(super) fn encode(name: &str, value: &Value) -> Result<Attribute> {
    let scalar = |dtype, data| Ok((dtype, Dataspace::fixed(Shape::default()), data));
    let bytes = |b: &[u8]| Content::Bytes(b.to_vec());
    let (dtype, space, data) = match value {
        Value::Null => Ok((Dtype::F64, Dataspace::null(), bytes(&[]))),
        Value::Bool(b) => scalar(Dtype::Bool, bytes(&[u8::from(*b)])),
        Value::Int(i) => {
            let (dtype, raw) = integer(*i)?;
            scalar(dtype, bytes(&raw))
        }
        Value::Float(f) => scalar(Dtype::F64, bytes(&f.to_le_bytes())),
        Value::Complex(re, im) => {
            let raw = [re.to_le_bytes(), im.to_le_bytes()].concat();
            scalar("<c16".parse()?, Content::Bytes(raw))
        }
        Value::String(s) => scalar(TEXT, texts([s])?),
        Value::Bytes(b) if !b.is_empty() => scalar(Dtype::Void(size(b.len())?), bytes(b)),
        Value::List(_, items) => list(items),
        Value::Array(view) => array(view),
        other => Err(cannot_hold(other)),
    }?;
    Ok(Attribute { name: name.to_owned(), dtype, named: None, space, data })
}

/// The attribute that an attribute of another file becomes.
pub(super) fn stored(name: &str, stored: &StoredAttribute<'_>, named: Option<usize>) -> Result<Attribute> {
    let (space, data) = match &stored.elements {
        None => (Dataspace::null(), Content::Bytes(Vec::new())),
        Some(view) => (Dataspace::fixed(view.shape().clone()), elements(view)?),
    };
    Ok(Attribute { name: name.to_owned(), dtype: widened(&stored.dtype)?, named, space, data })
}

fn elements(view: &View<'_>) -> Result<Content> {
    let limits = Limits::default();
    match heap::points(view.dtype()) && !view.is_empty() {
        true => Ok(Content::Elements(Kept::copy(view, &limits)?)),
        false => Ok(Content::Bytes(view.to_bytes(&limits)?.into_owned())),
    }
}

/// The most bytes of an attribute that lies in an object's header.
pub(super) fn most_compact(old: bool) -> usize {
    // Bodies in old headers are padded to multiples of 8.
    if old { 0xfff8 } else { 0xffff }
}

/// An attribute's message but for the elements, which end it; its named type is at `named`.
pub(super) fn body(a: &Attribute, named: Option<u64>, old: bool) -> Result<Vec<u8>> {
    let dtype = match a.named {
        Some(_) => Type::Named(named.unwrap_or_default()),
        None => Type::Own(&a.dtype),
    };
    let mut body = Vec::new();
    message::emit_typed(&a.name, dtype, &a.space, &[], old, &mut body)?;
    Ok(body)
}

fn cannot_hold(value: &Value) -> Error {
    let what = match value {
        Value::Map(_) => "a map",
        Value::Bytes(_) => "bytes of no length",
        Value::BigInt(_) => "an integer beyond 64 bits",
        Value::Opaque(_) => "an object of unknown meaning",
        _ => "a list of unlike or nested values",
    };
    Error::unsupported(format!("an HDF5 attribute cannot hold {what}"))
}

fn size(n: usize) -> Result<u32> {
    u32::try_from(n).map_err(|_| Error::unsupported(format!("an attribute of {n} bytes")))
}

/// An i64, or a u64 where only that holds it.
fn integer(i: i128) -> Result<(Dtype, [u8; 8])> {
    i64::try_from(i)
        .map(|v| (Dtype::I64, v.to_le_bytes()))
        .or_else(|_| u64::try_from(i).map(|v| (Dtype::int(8, false, ByteOrder::Little), v.to_le_bytes())))
        .map_err(|_| Error::unsupported("an HDF5 attribute cannot hold an integer beyond 64 bits"))
}

fn texts<'t>(items: impl IntoIterator<Item = &'t String>) -> Result<Content> {
    let items: Vec<String> = items.into_iter().cloned().collect();
    match items.iter().find(|t| t.contains('\0')) {
        Some(t) => Err(Error::unsupported(format!("{t:?} would end at its NUL in an HDF5 attribute"))),
        None => Ok(Content::Texts(items)),
    }
}

/// A list of like scalars as an array of one dimension.
fn list(items: &[Value]) -> Result<(Dtype, Dataspace, Content)> {
    let space = Dataspace::fixed([items.len() as u64].into());
    // An empty list has no kind of its own: NumPy's default is double.
    if items.is_empty() {
        return Ok((Dtype::F64, space, Content::Bytes(Vec::new())));
    }
    if let Some(t) = all(items, |v| if let Value::String(s) = v { Some(s) } else { None }) {
        return Ok((TEXT, space, texts(t)?));
    }
    if let Some(b) = all(items, |v| if let Value::Bool(b) = v { Some(u8::from(*b)) } else { None }) {
        return Ok((Dtype::Bool, space, Content::Bytes(b)));
    }
    if let Some(f) = all(items, |v| if let Value::Float(f) = v { Some(f.to_le_bytes()) } else { None }) {
        return Ok((Dtype::F64, space, Content::Bytes(f.concat())));
    }
    if let Some(i) = all(items, |v| if let Value::Int(i) = v { i64::try_from(*i).ok() } else { None }) {
        let raw: Vec<u8> = i.iter().flat_map(|v| v.to_le_bytes()).collect();
        return Ok((Dtype::I64, space, Content::Bytes(raw)));
    }
    Err(cannot_hold(&Value::list([])))
}

fn all<'v, T>(items: &'v [Value], f: impl Fn(&'v Value) -> Option<T>) -> Option<Vec<T>> {
    items.iter().map(f).collect()
}

fn array(view: &View<'_>) -> Result<(Dtype, Dataspace, Content)> {
    let limits = Limits::default();
    let space = Dataspace::fixed(view.shape().clone());
    // Text has a form of its own in HDF5; a dataset's `numpy_descr` has no counterpart on an attribute.
    if matches!(view.dtype(), Dtype::Unicode(..) | Dtype::VlenString(_)) {
        let mut items = Vec::new();
        let heap = view.heap().map(|h| &**h);
        view.for_each(|e| match hyperslab_core::scalar::decode(view.dtype(), e, heap)? {
            Value::String(s) => {
                items.push(s);
                Ok(())
            }
            _ => Err(Error::unsupported("text that is not UTF-8 in an HDF5 attribute")),
        })?;
        return Ok((TEXT, space, texts(&items)?));
    }
    if heap::points(view.dtype()) {
        return Ok((widened(view.dtype())?, space, elements(view)?));
    }
    let dtype = match (view.dtype(), numpy_types::stored_as(view.dtype())?) {
        (Dtype::Bytes(_), Some(stored)) => stored,
        (dtype, None) => dtype.clone(),
        (dtype, Some(_)) => {
            return Err(Error::unsupported(format!(
                "an HDF5 attribute cannot hold {dtype}; make it a dataset"
            )));
        }
    };
    Ok((dtype, space, Content::Bytes(view.to_bytes(&limits)?.into_owned())))
}
