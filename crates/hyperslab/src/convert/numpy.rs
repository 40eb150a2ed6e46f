//! HDF5 types that NumPy lacks, for containers that have only NumPy's.
//!
//! A NUL-padded ASCII string of fixed length is NumPy's `S`, nothing is lost. What else NumPy lacks keeps its
//! elements and loses what the type says beyond them (names of an enumeration, the tag of opaque bytes, the encoding
//! of text), and only where that is allowed. References mean nothing outside their file.

use crate::create::Output;
use crate::dtype::{ArrayType, Charset, Field, Padding, Struct};
use crate::value::{ListKind, Value};
use crate::view::Buffer;
use crate::{ByteOrder, Dtype, Error, Limits, Result, View, json, scalar};
use std::sync::Arc;

/// The view under a type that NumPy has, and what that loses.
pub(super) fn storable<'a>(
    view: View<'a>,
    allow_loss: bool,
    limits: &Limits,
) -> Result<(View<'a>, Option<String>)> {
    let mut lost = None;
    let dtype = match view.dtype() {
        Dtype::VlenString(_) if allow_loss => {
            return Ok((
                unicode(&view, limits)?,
                Some("variable-length text becomes text of one length".into()),
            ));
        }
        dtype => nearest(dtype, &mut lost)?,
    };
    match (dtype, &lost) {
        (None, _) => Ok((view, None)),
        (Some(_), Some(what)) if !allow_loss => {
            Err(Error::unsupported(what.clone()).hint("--allow-loss keeps the elements alone"))
        }
        (Some(dtype), _) => Ok((view.reinterpret(dtype)?, lost)),
    }
}

/// Why elements of a type can be written under no type of NumPy's, losing nothing or something.
pub(super) fn unwritable(dtype: &Dtype) -> Option<String> {
    fn inner(dtype: &Dtype) -> Option<&'static str> {
        match dtype {
            Dtype::Vlen(_) => Some("sequences of any length"),
            Dtype::VlenString(_) => Some("text of any length inside its elements"),
            Dtype::Reference(..) => Some("references, which mean nothing outside their file"),
            Dtype::Struct(s) => s.fields.iter().find_map(|f| inner(&f.dtype)),
            Dtype::Array(a) => inner(&a.base),
            _ => None,
        }
    }
    match dtype {
        // As elements they become text of one length.
        Dtype::VlenString(_) => None,
        dtype => inner(dtype).map(|what| format!("an array of {dtype} holds {what}")),
    }
}

/// NumPy's type of the same bytes, when `dtype` is none.
fn nearest(dtype: &Dtype, lost: &mut Option<String>) -> Result<Option<Dtype>> {
    let mut lose = |what: &str| {
        lost.get_or_insert_with(|| format!("NumPy has no {dtype}: {what}"));
    };
    Ok(match dtype {
        Dtype::FixedString(s) => {
            if s.charset != Charset::Ascii || s.padding != Padding::NullPadded {
                lose("encoding and padding are lost");
            }
            Some(Dtype::Bytes(s.size))
        }
        Dtype::Enum(e) => {
            lose("the names of its values are lost");
            Some(Dtype::Int(e.base))
        }
        Dtype::Bitfield(i) => {
            lose("it becomes an integer");
            Some(Dtype::Int(*i))
        }
        Dtype::Opaque(n, _) => {
            lose("its tag is lost");
            Some(Dtype::Void(*n))
        }
        Dtype::Struct(s) => {
            let mut changed = false;
            let mut fields = Vec::with_capacity(s.fields.len());
            for f in &s.fields {
                let near = nearest(&f.dtype, lost)?;
                changed |= near.is_some();
                fields.push(Field { dtype: near.unwrap_or_else(|| f.dtype.clone()), ..f.clone() });
            }
            changed.then(|| Dtype::Struct(Arc::new(Struct { fields, itemsize: s.itemsize })))
        }
        Dtype::Array(a) => match nearest(&a.base, lost)? {
            Some(base) => Some(Dtype::Array(Arc::new(ArrayType::new(base, a.shape.clone())?))),
            None => None,
        },
        _ => None,
    })
}

/// Text of any length as NumPy's `U`, as wide as the longest.
fn unicode(view: &View<'_>, limits: &Limits) -> Result<View<'static>> {
    let heap = view.heap().map(|h| &**h);
    let mut texts = Vec::new();
    limits.count_objects(view.len())?;
    view.for_each(|e| match scalar::decode(view.dtype(), e, heap)? {
        Value::String(s) => {
            texts.push(s);
            Ok(())
        }
        _ => Err(Error::unsupported("text that is not UTF-8")),
    })?;
    let width = texts.iter().map(|t| t.chars().count()).max().unwrap_or(0).max(1);
    let dtype = u32::try_from(width)
        .map(|w| Dtype::Unicode(w, ByteOrder::Little))
        .map_err(|_| Error::unsupported(format!("text of {width} characters")))?;
    let mut buffer = Buffer::zeroed(view.shape().bytes(dtype.itemsize())?, limits)?;
    for (text, element) in texts.iter().zip(buffer.chunks_exact_mut(4 * width)) {
        for (c, place) in text.chars().zip(element.chunks_exact_mut(4)) {
            place.copy_from_slice(&u32::from(c).to_le_bytes());
        }
    }
    View::new(dtype, view.shape().clone(), buffer)
}

/// A metadata value in the simplest form that says about the same: JSON text for HDF5, lists for tuples elsewhere.
pub(super) fn simpler(value: &Value, output: Output, limits: &Limits) -> Result<Value> {
    let json = json::from_value(value, limits)?;
    match (output, value) {
        (Output::Hdf5, _) => Ok(Value::String(json.to_string())),
        (_, Value::List(ListKind::List, _) | Value::Map(_)) => json::to_value(&json),
        (_, Value::List(_, _)) => json::to_value(&json),
        _ => Ok(Value::String(json.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::{EnumType, Int, StringType};

    #[test]
    fn what_numpy_lacks_needs_leave() {
        let limits = Limits::default();
        let base = Int::new(1, true, ByteOrder::Little);
        let e = Dtype::Enum(Arc::new(EnumType { base, members: vec![("A".into(), 0)] }));
        let view = || View::new(e.clone(), [2].into(), &[0u8, 1][..]).unwrap();
        assert!(storable(view(), false, &limits).is_err());
        let (v, lost) = storable(view(), true, &limits).unwrap();
        assert_eq!(v.dtype(), &Dtype::Int(base));
        assert!(lost.unwrap().contains("names"));
    }

    #[test]
    fn null_padded_ascii_is_numpys_own() {
        let s = StringType { size: 2, charset: Charset::Ascii, padding: Padding::NullPadded };
        let view = View::new(Dtype::FixedString(s), [1].into(), &b"ab"[..]).unwrap();
        let (v, lost) = storable(view, false, &Limits::default()).unwrap();
        assert_eq!((v.dtype(), lost), (&Dtype::Bytes(2), None));
    }
}
