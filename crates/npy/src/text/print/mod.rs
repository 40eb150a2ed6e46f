//! Elements as the Python objects that NumPy makes of them, and these as `str` and `repr` write them.

mod extended;
mod float;
mod percent;
mod shortest;
mod time;

pub(super) use extended::Extended;
pub(super) use float::{TOGETHER, push_float, push_floats};
pub(super) use percent::convert;

use crate::descr::python_repr;
use hyperslab_core::dtype::{Float, FloatFormat, Int, Struct};
use hyperslab_core::scalar;
use hyperslab_core::{ByteOrder, Dtype, Error, Result, Value};
use std::io::Write as _;
use time::{Date, Delta, Moment};

/// How deep structs may nest.
const MAX_DEPTH: u32 = 32;

/// An element as a Python object.
#[derive(Debug)]
pub(super) enum Item<'a> {
    Bool(bool),
    Int(i128),
    Float(f64),
    Complex(f64, f64),
    Extended(Extended),
    ExtendedComplex(Extended, Extended),
    Bytes(&'a [u8]),
    Str(String),
    /// A time that is none.
    None,
    Date(Date),
    Moment(Moment),
    Delta(Delta),
    Tuple(Vec<Item<'a>>),
}

/// What types can be written, said before anything is.
pub(super) fn printable(dtype: &Dtype) -> Result<()> {
    check(dtype, 0)
}

fn check(dtype: &Dtype, depth: u32) -> Result<()> {
    let known = match dtype {
        Dtype::Bool | Dtype::Bytes(_) | Dtype::Unicode(..) | Dtype::Void(_) => true,
        Dtype::Datetime(..) | Dtype::Timedelta(..) => true,
        Dtype::Int(i) => i.is_plain(),
        Dtype::Float(f) | Dtype::Complex(f) => match f.format {
            FloatFormat::Ieee => true,
            FloatFormat::LongDouble => f.size == 16,
            FloatFormat::Custom(_) => false,
        },
        Dtype::Struct(s) if depth < MAX_DEPTH => {
            return s.fields.iter().try_for_each(|f| {
                if matches!(f.dtype, Dtype::Array(_)) {
                    // NumPy writes `array([1.e-01, 2.e+00], dtype=float32)`: rounded, beyond a thousand items with
                    // dots in their middle, and both as its print options have it.
                    return Err(Error::unsupported(format!(
                        "the field {:?} is an array of {}: text holds one value for each field",
                        f.name, f.dtype
                    ))
                    .hint("write NPY or JSON, or each item as a field of its own"));
                }
                check(&f.dtype, depth + 1)
            });
        }
        _ => false,
    };
    match known {
        true => Ok(()),
        false => Err(Error::unsupported(format!("elements of {dtype} cannot be written as text"))),
    }
}

/// An element of a type that is [`printable`].
pub(super) fn item<'a>(dtype: &Dtype, b: &'a [u8]) -> Result<Item<'a>> {
    Ok(match dtype {
        Dtype::Bool => Item::Bool(b.first().is_some_and(|&b| b != 0)),
        Dtype::Int(i) => Item::Int(integer(i, b)),
        Dtype::Float(f) => match f.format {
            FloatFormat::Ieee => Item::Float(double(f, b)),
            _ => Item::Extended(Extended::new(b, f.order)),
        },
        Dtype::Complex(f) => {
            let (re, im) = b.split_at_checked(f.size.into()).unwrap_or((b, &[]));
            match f.format {
                FloatFormat::Ieee => Item::Complex(double(f, re), double(f, im)),
                _ => Item::ExtendedComplex(Extended::new(re, f.order), Extended::new(im, f.order)),
            }
        }
        Dtype::Bytes(_) => {
            let end = b.iter().rposition(|&c| c != 0).map_or(0, |at| at + 1);
            Item::Bytes(b.get(..end).unwrap_or(b))
        }
        Dtype::Void(_) => Item::Bytes(b),
        Dtype::Unicode(..) => match scalar::decode(dtype, b, None)? {
            Value::String(s) => Item::Str(s),
            _ => Item::None,
        },
        Dtype::Datetime(unit, order) => time::datetime(*unit, ticks(b, *order)),
        Dtype::Timedelta(unit, order) => time::timedelta(*unit, ticks(b, *order)),
        Dtype::Struct(s) => Item::Tuple(fields(s, b)?),
        other => return Err(Error::unsupported(format!("elements of {other} cannot be written as text"))),
    })
}

fn fields<'a>(s: &Struct, b: &'a [u8]) -> Result<Vec<Item<'a>>> {
    let part = |offset: u64, size: u64| {
        let from = usize::try_from(offset).ok()?;
        b.get(from..from.checked_add(usize::try_from(size).ok()?)?)
    };
    s.fields
        .iter()
        .map(|f| {
            let b = part(f.offset, f.dtype.itemsize());
            item(
                &f.dtype,
                b.ok_or_else(|| Error::invalid(format!("field {:?} lies outside its element", f.name)))?,
            )
        })
        .collect()
}

/// The first `N` bytes of an element, least significant first.
pub(super) fn little<const N: usize>(b: &[u8], order: ByteOrder) -> [u8; N] {
    let mut out = [0; N];
    out.iter_mut().zip(b).for_each(|(to, from)| *to = *from);
    if order == ByteOrder::Big {
        out.reverse();
    }
    out
}

fn ticks(b: &[u8], order: ByteOrder) -> i64 {
    i64::from_le_bytes(little(b, order))
}

fn integer(i: &Int, b: &[u8]) -> i128 {
    match (i.size, i.signed) {
        (1, true) => i8::from_le_bytes(little(b, i.order)).into(),
        (1, false) => u8::from_le_bytes(little(b, i.order)).into(),
        (2, true) => i16::from_le_bytes(little(b, i.order)).into(),
        (2, false) => u16::from_le_bytes(little(b, i.order)).into(),
        (4, true) => i32::from_le_bytes(little(b, i.order)).into(),
        (4, false) => u32::from_le_bytes(little(b, i.order)).into(),
        (_, true) => i64::from_le_bytes(little(b, i.order)).into(),
        (_, false) => u64::from_le_bytes(little(b, i.order)).into(),
    }
}

fn double(f: &Float, b: &[u8]) -> f64 {
    match f.size {
        2 => half::f16::from_le_bytes(little(b, f.order)).to_f64(),
        4 => f32::from_le_bytes(little(b, f.order)).into(),
        _ => f64::from_le_bytes(little(b, f.order)),
    }
}

/// Appends what `str` gives.
pub(super) fn push_str(item: &Item<'_>, out: &mut Vec<u8>) {
    match item {
        Item::Str(s) => out.extend_from_slice(s.as_bytes()),
        Item::Date(d) => d.push(out),
        Item::Moment(m) => m.push(out),
        Item::Delta(d) => d.push(out),
        Item::Extended(v) => v.push(out, true),
        Item::ExtendedComplex(re, im) => push_extended(re, im, out),
        other => push_repr(other, out),
    }
}

/// Appends what `repr` gives.
pub(super) fn push_repr(item: &Item<'_>, out: &mut Vec<u8>) {
    match item {
        Item::Bool(v) => out.extend_from_slice(if *v { b"True" } else { b"False" }),
        Item::Int(v) => out.extend_from_slice(itoa::Buffer::new().format(*v).as_bytes()),
        Item::Float(v) => push_float(*v, out),
        Item::Complex(re, im) => {
            let imaginary_only = *re == 0.0 && re.is_sign_positive();
            push_complex(imaginary_only, im.is_sign_negative() && !im.is_nan(), out, |im_part, out| {
                float::push_part(if im_part { *im } else { *re }, out);
            });
        }
        Item::Extended(v) => {
            out.extend_from_slice(b"np.longdouble('");
            v.push(out, true);
            out.extend_from_slice(b"')");
        }
        Item::ExtendedComplex(re, im) => {
            out.extend_from_slice(b"np.clongdouble('");
            let parts = out.len();
            push_extended(re, im, out);
            // Here they are bare.
            if out.get(parts) == Some(&b'(') {
                out.remove(parts);
                out.pop();
            }
            out.extend_from_slice(b"')");
        }
        Item::Bytes(b) => push_bytes(b, out),
        Item::Str(s) => {
            let mut text = String::new();
            python_repr(s, &mut text);
            out.extend_from_slice(text.as_bytes());
        }
        Item::None => out.extend_from_slice(b"None"),
        Item::Date(d) => d.push_repr(out),
        Item::Moment(m) => m.push_repr(out),
        Item::Delta(d) => d.push_repr(out),
        Item::Tuple(items) => {
            out.push(b'(');
            for (i, item) in items.iter().enumerate() {
                out.extend_from_slice(if i == 0 { b"" } else { b", " });
                push_repr(item, out);
            }
            out.extend_from_slice(if items.len() == 1 { b",)" } else { b")" });
        }
    }
}

fn push_extended(re: &Extended, im: &Extended, out: &mut Vec<u8>) {
    push_complex(re.is_positive_zero(), im.has_minus(), out, |im_part, out| {
        if im_part { im.push(out, false) } else { re.push(out, false) }
    });
}

/// Appends `(a+bj)`, or `bj` where only that is there; `push` appends the real or the imaginary part.
fn push_complex(imaginary_only: bool, minus: bool, out: &mut Vec<u8>, push: impl Fn(bool, &mut Vec<u8>)) {
    if imaginary_only {
        push(true, out);
        return out.push(b'j');
    }
    out.push(b'(');
    push(false, out);
    if !minus {
        out.push(b'+');
    }
    push(true, out);
    out.extend_from_slice(b"j)");
}

/// Appends `b'..'`.
fn push_bytes(b: &[u8], out: &mut Vec<u8>) {
    let quote = if b.contains(&b'\'') && !b.contains(&b'"') { b'"' } else { b'\'' };
    out.extend_from_slice(&[b'b', quote]);
    for &c in b {
        match c {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            c if c == quote => out.extend_from_slice(&[b'\\', c]),
            b' '..=b'~' => out.push(c),
            // Writing to a vector does not fail.
            c => drop(write!(out, "\\x{c:02x}")),
        }
    }
    out.push(quote);
}
