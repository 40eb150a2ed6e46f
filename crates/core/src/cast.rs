//! Elements of one dtype as another: byte order, width, kind.
//!
//! Where NumPy's `astype` wraps integers, drops fractions and cuts text short without a word, this refuses and says
//! which element. Only a float that is rounded to a narrower one is no loss: that is what a narrower float means.

use crate::dtype::{ByteOrder, Field, Float, FloatFormat, Int};
use crate::view::Buffer;
use crate::{Dtype, Error, Limits, Result, View};
use half::f16;

/// The elements of a view as another type, in C order.
///
/// Numbers become any other kind of number that holds the value: whole floats integers, complex numbers without an
/// imaginary part reals, 0 and 1 truth values; floats round to the nearest narrower float, unless that is zero or
/// infinite. Text becomes wider or
/// narrower text, ASCII bytes Unicode and back, times times of the same unit, and structures are converted by the
/// names of their fields.
///
/// ```
/// use hyperslab_core::{Dtype, Limits, View, cast};
/// let view = View::from_slice([2], &[1.0f64, 300.0])?;
/// let limits = Limits::default();
/// assert_eq!(cast::cast(&view, &Dtype::from_descr(">i2")?, &limits)?.to_vec::<i16>()?, [1, 300]);
/// assert!(cast::cast(&view, &Dtype::U8, &limits).is_err());
/// # Ok::<(), hyperslab_core::Error>(())
/// ```
///
/// # Errors
/// `Usage` for a pair of types without a conversion and for the first element whose value the new type lacks,
/// `Unsupported` for unusual numbers, `Limit`.
pub fn cast(view: &View<'_>, dtype: &Dtype, limits: &Limits) -> Result<View<'static>> {
    for d in [view.dtype(), dtype] {
        if d.has_indirection() {
            return Err(Error::unsupported(format!("elements of {d} are not converted")));
        }
    }
    if !possible(view.dtype(), dtype, 0) {
        return Err(Error::usage(format!("{} is not converted to {dtype}", view.dtype())));
    }
    let size = usize::try_from(dtype.itemsize()).map_err(|_| Error::limit("elements of that size"))?;
    let mut out = Buffer::zeroed(view.shape().bytes(dtype.itemsize())?, limits)?;
    if size > 0 {
        let mut places = out.chunks_exact_mut(size);
        let mut index = 0u64;
        view.for_each(|element| {
            if let Some(place) = places.next() {
                one(view.dtype(), element, dtype, place)
                    .map_err(|e| e.reading(format!("element {index}")))?;
            }
            index += 1;
            Ok(())
        })?;
    }
    View::new(dtype.clone(), view.shape().clone(), out)
}

/// How deep types nest that are converted; parsers of types have their own, smaller bounds.
const MAX_DEPTH: u32 = 64;

/// Whether values of one type can be values of another.
fn possible(from: &Dtype, to: &Dtype, depth: u32) -> bool {
    use Dtype::{Array, Bytes, Datetime, Struct, Timedelta, Unicode};
    if depth > MAX_DEPTH {
        return false;
    }
    match (from, to) {
        _ if is_number(from) && is_number(to) => true,
        (Bytes(_) | Unicode(..), Bytes(_) | Unicode(..)) => true,
        (Datetime(a, _), Datetime(b, _)) | (Timedelta(a, _), Timedelta(b, _)) => a == b,
        (Struct(a), Struct(b)) => {
            a.fields.len() == b.fields.len()
                && b.fields.iter().all(|f| {
                    field(&a.fields, &f.name).is_some_and(|g| possible(&g.dtype, &f.dtype, depth + 1))
                })
        }
        (Array(a), Array(b)) => a.shape == b.shape && possible(&a.base, &b.base, depth + 1),
        _ => from == to,
    }
}

fn field<'f>(fields: &'f [Field], name: &str) -> Option<&'f Field> {
    fields.iter().find(|f| f.name == name)
}

fn is_number(dtype: &Dtype) -> bool {
    match dtype {
        Dtype::Bool => true,
        Dtype::Int(i) => i.is_plain(),
        Dtype::Float(f) | Dtype::Complex(f) => f.format == FloatFormat::Ieee && matches!(f.size, 2 | 4 | 8),
        _ => false,
    }
}

/// Converts one element between types for which [`possible`] holds.
fn one(from: &Dtype, b: &[u8], to: &Dtype, out: &mut [u8]) -> Result<()> {
    let lacks = |what: String| Error::usage(format!("{to} has no {what}"));
    match (from, to) {
        (Dtype::Struct(a), Dtype::Struct(s)) => {
            for f in &s.fields {
                let source = field(&a.fields, &f.name).and_then(|g| Some((g, part(b, g)?)));
                let place = usize::try_from(f.offset)
                    .ok()
                    .zip(usize::try_from(f.dtype.itemsize()).ok())
                    .and_then(|(at, n)| out.get_mut(at..at.checked_add(n)?));
                if let (Some((g, bytes)), Some(place)) = (source, place) {
                    one(&g.dtype, bytes, &f.dtype, place)
                        .map_err(|e| e.reading(format!("field {:?}", f.name)))?;
                }
            }
            Ok(())
        }
        (Dtype::Array(a), Dtype::Array(s)) => {
            let sizes = usize::try_from(a.base.itemsize()).ok().zip(usize::try_from(s.base.itemsize()).ok());
            let Some((n, m)) = sizes.filter(|&(n, m)| n > 0 && m > 0) else { return Ok(()) };
            for (item, place) in b.chunks_exact(n).zip(out.chunks_exact_mut(m)) {
                one(&a.base, item, &s.base, place)?;
            }
            Ok(())
        }
        (Dtype::Bytes(_) | Dtype::Unicode(..), Dtype::Bytes(_) | Dtype::Unicode(..)) => {
            text(from, b, to, out)
        }
        (Dtype::Datetime(_, o), Dtype::Datetime(_, p)) | (Dtype::Timedelta(_, o), Dtype::Timedelta(_, p)) => {
            let wide = |order| Int::new(8, true, order);
            put_int(&wide(*p), get_int(&wide(*o), b), out).map_err(lacks)
        }
        _ if is_number(from) && is_number(to) => number(from, b, to, out).map_err(lacks),
        _ => {
            out.copy_from_slice(b);
            Ok(())
        }
    }
}

fn part<'b>(b: &'b [u8], f: &Field) -> Option<&'b [u8]> {
    let at = usize::try_from(f.offset).ok()?;
    b.get(at..at.checked_add(usize::try_from(f.dtype.itemsize()).ok()?)?)
}

#[derive(Clone, Copy)]
enum Number {
    Int(i128),
    Float(f64),
    Complex(f64, f64),
}

/// Converts a number; the error is the value that the new type lacks.
fn number(from: &Dtype, b: &[u8], to: &Dtype, out: &mut [u8]) -> std::result::Result<(), String> {
    let value = match from {
        Dtype::Bool => Number::Int(b.first().is_some_and(|&v| v != 0).into()),
        Dtype::Int(i) => Number::Int(get_int(i, b)),
        Dtype::Complex(f) => {
            let (re, im) = b.split_at(f.size.into());
            Number::Complex(get_float(f, re), get_float(f, im))
        }
        Dtype::Float(f) => Number::Float(get_float(f, b)),
        _ => return Ok(()),
    };
    let real = match value {
        Number::Complex(re, im) if im != 0.0 => match to {
            Dtype::Complex(_) => value,
            _ => return Err(format!("value for {re:?}{im:+?}j")),
        },
        Number::Complex(re, _) => match to {
            Dtype::Complex(_) => value,
            _ => Number::Float(re),
        },
        other => other,
    };
    match (to, real) {
        (Dtype::Complex(f), v) => {
            let (re, im) = out.split_at_mut(f.size.into());
            let (a, c) = match v {
                Number::Int(i) => (i as f64, 0.0),
                Number::Float(x) => (x, 0.0),
                Number::Complex(x, y) => (x, y),
            };
            put_float(f, a, re)?;
            put_float(f, c, im)
        }
        (Dtype::Float(f), Number::Int(i)) => {
            put_float(f, i as f64, out)?;
            // Every float here that is whole fits an i128.
            if get_float(f, out) as i128 != i {
                return Err(format!("value for {i}"));
            }
            Ok(())
        }
        (Dtype::Float(f), Number::Float(x)) => put_float(f, x, out),
        (_, v) => {
            let whole = match v {
                Number::Int(i) => i,
                // The bounds are exact doubles, and every whole double between them is an i128.
                Number::Float(x) if x.fract() == 0.0 && x.abs() < 1e30 => x as i128,
                Number::Float(x) | Number::Complex(x, _) => return Err(format!("value for {x:?}")),
            };
            match to {
                Dtype::Int(i) => put_int(i, whole, out),
                _ => match (whole, out.first_mut()) {
                    (0 | 1, Some(place)) => {
                        *place = u8::from(whole == 1);
                        Ok(())
                    }
                    _ => Err(format!("value for {whole}")),
                },
            }
        }
    }
}

fn get_int(i: &Int, b: &[u8]) -> i128 {
    let mut all = [0u8; 16];
    for (k, place) in all.iter_mut().take(i.size.into()).enumerate() {
        let at = if i.order == ByteOrder::Little { k } else { usize::from(i.size) - 1 - k };
        *place = b.get(at).copied().unwrap_or(0);
    }
    let unused = 128 - 8 * u32::from(i.size);
    let raw = i128::from_le_bytes(all) << unused;
    if i.signed { raw >> unused } else { ((raw as u128) >> unused) as i128 }
}

fn put_int(i: &Int, v: i128, out: &mut [u8]) -> std::result::Result<(), String> {
    let bits = 8 * u32::from(i.size);
    let (low, high) = match i.signed {
        true => (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1),
        false => (0, (1i128 << bits) - 1),
    };
    if v < low || v > high {
        return Err(format!("value for {v:?}"));
    }
    let bytes = v.to_le_bytes();
    for (k, &byte) in bytes.iter().take(i.size.into()).enumerate() {
        let at = if i.order == ByteOrder::Little { k } else { usize::from(i.size) - 1 - k };
        if let Some(place) = out.get_mut(at) {
            *place = byte;
        }
    }
    Ok(())
}

fn ordered<const N: usize>(order: ByteOrder, b: &[u8]) -> [u8; N] {
    let mut all = [0u8; N];
    all.iter_mut().zip(b).for_each(|(a, &b)| *a = b);
    if order == ByteOrder::Big {
        all.reverse();
    }
    all
}

fn get_float(f: &Float, b: &[u8]) -> f64 {
    match f.size {
        2 => f16::from_le_bytes(ordered(f.order, b)).to_f64(),
        4 => f32::from_le_bytes(ordered(f.order, b)).into(),
        _ => f64::from_le_bytes(ordered(f.order, b)),
    }
}

fn put_float(f: &Float, v: f64, out: &mut [u8]) -> std::result::Result<(), String> {
    let (bytes, finite): ([u8; 8], bool) = match f.size {
        2 => {
            let x = f16::from_f64(v);
            (widened(x.to_le_bytes()), x.is_finite())
        }
        4 => (widened((v as f32).to_le_bytes()), (v as f32).is_finite()),
        _ => (v.to_le_bytes(), v.is_finite()),
    };
    let vanished = v != 0.0 && bytes.iter().take(f.size.into()).all(|b| b & 0x7f == 0);
    if v.is_finite() && (!finite || vanished) {
        return Err(format!("value for {v:?}"));
    }
    let n = usize::from(f.size);
    for (k, &byte) in bytes.iter().take(n).enumerate() {
        let at = if f.order == ByteOrder::Little { k } else { n - 1 - k };
        if let Some(place) = out.get_mut(at) {
            *place = byte;
        }
    }
    Ok(())
}

fn widened<const N: usize>(b: [u8; N]) -> [u8; 8] {
    let mut all = [0u8; 8];
    all.iter_mut().zip(b).for_each(|(a, b)| *a = b);
    all
}

/// Text as code points: bytes above ASCII are no text.
fn text(from: &Dtype, b: &[u8], to: &Dtype, out: &mut [u8]) -> Result<()> {
    let lacks = |what: String| Error::usage(format!("{to} has no {what}"));
    let code = |i: usize| -> u32 {
        match from {
            Dtype::Unicode(_, order) => {
                u32::from_le_bytes(ordered(*order, b.get(4 * i..).unwrap_or_default()))
            }
            _ => b.get(i).copied().unwrap_or(0).into(),
        }
    };
    let length = match from {
        Dtype::Unicode(n, _) | Dtype::Bytes(n) => *n as usize,
        _ => 0,
    };
    let used = (0..length).rev().find(|&i| code(i) != 0).map_or(0, |i| i + 1);
    let room = match to {
        Dtype::Unicode(n, _) | Dtype::Bytes(n) => *n as usize,
        _ => 0,
    };
    if used > room {
        return Err(lacks(format!("room for {used} characters")));
    }
    let crosses =
        matches!((from, to), (Dtype::Bytes(_), Dtype::Unicode(..)) | (Dtype::Unicode(..), Dtype::Bytes(_)));
    for i in 0..used {
        let c = code(i);
        if crosses && c > 127 {
            return Err(lacks(format!("character {c:#x} outside ASCII")));
        }
        match to {
            Dtype::Unicode(_, order) => {
                let mut bytes = c.to_le_bytes();
                if *order == ByteOrder::Big {
                    bytes.reverse();
                }
                if let Some(place) = out.get_mut(4 * i..4 * i + 4) {
                    place.copy_from_slice(&bytes);
                }
            }
            _ => {
                if let (Some(place), Ok(c)) = (out.get_mut(i), u8::try_from(c)) {
                    *place = c;
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
