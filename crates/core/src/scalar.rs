//! One element as a value: what printing, JSON and attributes are made of.

use crate::dtype::{ByteOrder, Charset, FloatFormat, Int, Padding, ReferenceKind};
use crate::odd_float;
use crate::value::{ListKind, Opaque, Value};
use crate::view::{Heap, View};
use crate::{Dtype, Error, Limits, Result};

/// How many levels of arrays in structs in sequences one element may have.
const MAX_DEPTH: u32 = 32;

/// The value of one stored element.
///
/// Byte strings lose their trailing NULs (NumPy's rule), fixed HDF5 strings their padding; times come as
/// `Int` ticks, enums as their integer, opaque bytes as bytes, references as [`Value::Opaque`].
///
/// # Errors
/// `Invalid` when the bytes do not hold what the dtype says, `Unsupported` for objects and unusual floats.
pub fn decode(dtype: &Dtype, bytes: &[u8], heap: Option<&(dyn Heap + '_)>) -> Result<Value> {
    at_depth(dtype, bytes, heap, 0)
}

/// A whole view as nested lists of values, or the bare value for rank 0.
///
/// # Errors
/// As [`decode`]; `Limit` when there are more elements than the limits allow objects.
pub fn tree(view: &View<'_>, limits: &Limits) -> Result<Value> {
    limits.count_objects(view.len())?;
    let mut flat = Vec::new();
    let heap = view.heap().map(|h| &**h);
    view.for_each(|e| {
        flat.push(decode(view.dtype(), e, heap)?);
        Ok(())
    })?;
    let mut level = flat;
    for &d in view.shape().iter().skip(1).rev() {
        let d = d as usize;
        let mut it = level.into_iter().peekable();
        let mut next = Vec::new();
        while d > 0 && it.peek().is_some() {
            next.push(Value::list(it.by_ref().take(d)));
        }
        level = next;
    }
    // Empty inner dimensions still show how many outer ones there are.
    if view.is_empty() && view.shape().len() > 1 {
        return Ok(empty_tree(view.shape(), 0));
    }
    Ok(match (view.shape().len(), level.pop()) {
        (0, Some(v)) => v,
        (_, Some(v)) => {
            level.push(v);
            Value::list(level)
        }
        (_, None) => Value::list([]),
    })
}

fn empty_tree(shape: &[u64], printed: u64) -> Value {
    match shape {
        [] | [_] => Value::list([]),
        // An empty array can claim any extent beside its zero; a bounded number of brackets shows it.
        [d, rest @ ..] => {
            Value::list((0..(*d).min(1000 - printed.min(1000))).map(|i| empty_tree(rest, printed + i)))
        }
    }
}

fn at_depth(dtype: &Dtype, b: &[u8], heap: Option<&(dyn Heap + '_)>, depth: u32) -> Result<Value> {
    if depth > MAX_DEPTH {
        return Err(Error::limit(format!("type nested deeper than {MAX_DEPTH} levels")));
    }
    let short = || Error::invalid(format!("{} bytes for an element of {dtype}", b.len()));
    if (b.len() as u64) < dtype.itemsize() {
        return Err(short());
    }
    Ok(match dtype {
        Dtype::Bool => Value::Bool(b.first().is_some_and(|&v| v != 0)),
        Dtype::Int(i) | Dtype::Bitfield(i) => integer(i, b)?,
        Dtype::Enum(e) => integer(&e.base, b)?,
        Dtype::Float(f) => Value::Float(float(f.size, f.order, &f.format, b).ok_or_else(|| odd(dtype))?),
        Dtype::Complex(f) => {
            let (re, im) = b.split_at(f.size.into());
            let part = |p| float(f.size, f.order, &f.format, p).ok_or_else(|| odd(dtype));
            Value::Complex(part(re)?, part(im)?)
        }
        Dtype::Datetime(_, o) | Dtype::Timedelta(_, o) => integer(&Int::new(8, true, *o), b)?,
        Dtype::Bytes(_) => Value::Bytes(trim_nul(b).to_vec()),
        Dtype::Void(_) | Dtype::Opaque(..) => Value::Bytes(b.to_vec()),
        Dtype::Unicode(_, o) => Value::String(utf32(b, *o)?),
        Dtype::FixedString(s) => text(
            match s.padding {
                Padding::NullTerminated => until_nul(b),
                Padding::NullPadded => trim_nul(b),
                Padding::SpacePadded => {
                    let end = b.iter().rposition(|&c| c != b' ').map_or(0, |p| p + 1);
                    &b[..end]
                }
            },
            s.charset,
        ),
        Dtype::VlenString(s) => text(until_nul(&resolve(heap, b)?.1), s.charset),
        Dtype::Vlen(v) => {
            let (count, items) = resolve(heap, b)?;
            Value::List(ListKind::List, items_of(&v.base, &items, count, heap, depth)?)
        }
        Dtype::Array(a) => {
            let flat = items_of(&a.base, b, a.shape.count()?, heap, depth)?;
            let mut level = flat;
            for &d in a.shape.iter().skip(1).rev() {
                let d = (d as usize).max(1);
                let mut it = level.into_iter().peekable();
                let mut next = Vec::new();
                while it.peek().is_some() {
                    next.push(Value::list(it.by_ref().take(d)));
                }
                level = next;
            }
            Value::list(level)
        }
        Dtype::Struct(s) => {
            let mut pairs = Vec::with_capacity(s.fields.len());
            for f in &s.fields {
                let at = usize::try_from(f.offset).map_err(|_| short())?;
                let part = b.get(at..).ok_or_else(short)?;
                let size = f.dtype.itemsize() as usize;
                let part = part.get(..size).ok_or_else(short)?;
                pairs.push((Value::String(f.name.clone()), at_depth(&f.dtype, part, heap, depth + 1)?));
            }
            Value::Map(pairs)
        }
        Dtype::Reference(kind, size) => {
            let own = b.get(..*size as usize).ok_or_else(short)?;
            heap.and_then(|h| h.reference(*kind, own)).unwrap_or_else(|| reference(*kind, own))
        }
        Dtype::Object => return Err(odd(dtype)),
    })
}

fn reference(kind: ReferenceKind, b: &[u8]) -> Value {
    Value::Opaque(Box::new(Opaque {
        name: format!("{kind:?} reference").to_lowercase(),
        parts: vec![("bytes".into(), Value::Bytes(b.to_vec()))],
    }))
}

fn items_of(
    base: &Dtype,
    b: &[u8],
    count: u64,
    heap: Option<&(dyn Heap + '_)>,
    depth: u32,
) -> Result<Vec<Value>> {
    let size = base.itemsize() as usize;
    if size == 0 {
        return Ok(Vec::new());
    }
    if (b.len() / size) as u64 != count {
        return Err(Error::invalid(format!("{} bytes where {count} items of {size} belong", b.len())));
    }
    b.chunks_exact(size).map(|item| at_depth(base, item, heap, depth + 1)).collect()
}

fn resolve<'h>(heap: Option<&'h (dyn Heap + '_)>, b: &[u8]) -> Result<(u64, std::borrow::Cow<'h, [u8]>)> {
    heap.ok_or_else(|| Error::usage("a variable-length element without its heap"))?.resolve(b)
}

fn odd(dtype: &Dtype) -> Error {
    Error::unsupported(format!("values of {dtype} cannot be shown"))
}

/// An integer of up to 16 bytes, unused bits removed.
fn integer(i: &Int, b: &[u8]) -> Result<Value> {
    let size = usize::from(i.size);
    if size > 16
        || size == 0
        || u32::from(i.bit_offset) + u32::from(i.precision) > u32::from(i.size) * 8
        || i.precision == 0
    {
        return Err(Error::unsupported(format!(
            "integer of {size} bytes with {} significant bits",
            i.precision
        )));
    }
    let mut wide = [0u8; 16];
    for (dst, k) in wide.iter_mut().zip(0..size) {
        *dst = match i.order {
            ByteOrder::Little => b[k],
            ByteOrder::Big => b[size - 1 - k],
        };
    }
    let drop_high = 128 - u32::from(i.precision);
    let raw = u128::from_le_bytes(wide) >> i.bit_offset;
    let up = raw << drop_high;
    if i.signed {
        return Ok(Value::Int((up as i128) >> drop_high));
    }
    let v = up >> drop_high;
    Ok(i128::try_from(v).map_or_else(|_| Value::BigInt(Box::new(v.into())), Value::Int))
}

fn float(size: u8, order: ByteOrder, format: &FloatFormat, b: &[u8]) -> Option<f64> {
    match format {
        FloatFormat::Ieee => {}
        FloatFormat::Custom(layout) => return odd_float::to_f64(layout, order, b.get(..size.into())?),
        FloatFormat::LongDouble => return None,
    }
    let mut le = [0u8; 8];
    let n = usize::from(size);
    let dst = le.get_mut(..n)?;
    dst.copy_from_slice(b.get(..n)?);
    if order == ByteOrder::Big {
        dst.reverse();
    }
    match size {
        2 => Some(half::f16::from_le_bytes([le[0], le[1]]).to_f64()),
        4 => Some(f32::from_le_bytes([le[0], le[1], le[2], le[3]]).into()),
        8 => Some(f64::from_le_bytes(le)),
        _ => None,
    }
}

fn utf32(b: &[u8], order: ByteOrder) -> Result<String> {
    let mut points: Vec<u32> = b
        .chunks_exact(4)
        .map(|c| {
            let c = [c[0], c[1], c[2], c[3]];
            if order == ByteOrder::Big { u32::from_be_bytes(c) } else { u32::from_le_bytes(c) }
        })
        .collect();
    while points.last() == Some(&0) {
        points.pop();
    }
    points
        .into_iter()
        .map(|p| {
            char::from_u32(p).ok_or_else(|| Error::invalid(format!("code point {p:#x} is not a character")))
        })
        .collect()
}

/// UTF-8 as text; anything else as bytes, so that nothing is lost.
fn text(b: &[u8], _charset: Charset) -> Value {
    match std::str::from_utf8(b) {
        Ok(s) => Value::String(s.into()),
        Err(_) => Value::Bytes(b.to_vec()),
    }
}

fn trim_nul(b: &[u8]) -> &[u8] {
    &b[..b.iter().rposition(|&c| c != 0).map_or(0, |p| p + 1)]
}

fn until_nul(b: &[u8]) -> &[u8] {
    &b[..b.iter().position(|&c| c == 0).unwrap_or(b.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(descr: &str, b: &[u8]) -> Value {
        decode(&descr.parse().unwrap(), b, None).unwrap()
    }

    #[test]
    fn plain_kinds() {
        assert_eq!(one("|b1", &[2]), Value::Bool(true));
        assert_eq!(one(">i2", &[0xff, 0xfe]), Value::Int(-2));
        assert_eq!(one("<u8", &[0xff; 8]), Value::Int(u64::MAX.into()));
        assert_eq!(one("<f2", &[0, 0x3c]), Value::Float(1.0));
        assert_eq!(one("|S4", b"ab\0\0"), Value::Bytes(b"ab".to_vec()));
        assert_eq!(one(">U2", &[0, 0, 0, 0xe9, 0, 0, 0, 0]), Value::String("é".into()));
        assert!(decode(&"<U1".parse().unwrap(), &[0xff; 4], None).is_err());
        assert!(decode(&Dtype::F64, &[0; 7], None).is_err());
    }

    #[test]
    fn unused_bits_are_dropped() {
        let i = Int { size: 2, signed: true, order: ByteOrder::Little, bit_offset: 4, precision: 8 };
        assert_eq!(integer(&i, &[0xf7, 0xfa]).unwrap(), Value::Int(-81));
    }

    #[test]
    fn trees_nest_like_the_shape() {
        let v = View::from_slice([2, 2], &[1u8, 2, 3, 4]).unwrap();
        let want = Value::list([
            Value::list([Value::Int(1), Value::Int(2)]),
            Value::list([Value::Int(3), Value::Int(4)]),
        ]);
        assert_eq!(tree(&v, &Limits::default()).unwrap(), want);
        let empty = View::from_slice::<u8>([2, 0], &[]).unwrap();
        assert_eq!(
            tree(&empty, &Limits::default()).unwrap(),
            Value::list([Value::list([]), Value::list([])])
        );
    }
}
