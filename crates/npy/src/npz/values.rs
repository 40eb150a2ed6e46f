//! One element from JSON, the reverse of what the command contract prints.

use hyperslab_core::dtype::{ByteOrder, FloatFormat, Int};
use hyperslab_core::{Dtype, Error, Result, Value, json};
use serde_json::Value as Json;

/// Whether elements of a type have a form in JSON from which they can be made again.
pub(super) fn has_form(dtype: &Dtype) -> bool {
    match dtype {
        Dtype::Bool | Dtype::Bytes(_) | Dtype::Unicode(..) | Dtype::Void(_) => true,
        Dtype::Datetime(..) | Dtype::Timedelta(..) => true,
        Dtype::Int(i) => i.is_plain(),
        Dtype::Float(f) | Dtype::Complex(f) => f.format == FloatFormat::Ieee,
        Dtype::Struct(s) => s.fields.iter().all(|f| has_form(&f.dtype)),
        Dtype::Array(a) => has_form(&a.base),
        _ => false,
    }
}

/// Fills `out`, one element of zeros, from its JSON form.
///
/// # Errors
/// `Invalid` when the value is not one of this type.
pub(super) fn encode(dtype: &Dtype, value: &Json, out: &mut [u8]) -> Result<()> {
    let wrong = || {
        let shown: String = value.to_string().chars().take(60).collect();
        Error::invalid(format!("{shown} is not a value of {dtype}"))
    };
    match dtype {
        Dtype::Bool => put(&[u8::from(value.as_bool().ok_or_else(wrong)?)], ByteOrder::Little, out),
        Dtype::Int(i) => put(&integer(value, i).ok_or_else(wrong)?, i.order, out),
        Dtype::Datetime(_, order) | Dtype::Timedelta(_, order) => {
            put(&integer(value, &Int::new(8, true, *order)).ok_or_else(wrong)?, *order, out)
        }
        Dtype::Float(f) => put(&float(value, f.size).ok_or_else(wrong)?, f.order, out),
        Dtype::Complex(f) => {
            let (re, im) = out.split_at_mut_checked(f.size.into()).ok_or_else(wrong)?;
            for (part, out) in [("re", re), ("im", im)] {
                let v = value.get(part).and_then(|v| float(v, f.size)).ok_or_else(wrong)?;
                put(&v, f.order, out);
            }
        }
        Dtype::Bytes(_) | Dtype::Void(_) => match json::to_value(value)? {
            Value::Bytes(b) if b.len() <= out.len() => put(&b, ByteOrder::Little, out),
            _ => return Err(wrong()),
        },
        Dtype::Unicode(_, order) => {
            let text = value.as_str().ok_or_else(wrong)?;
            let mut places = out.chunks_exact_mut(4);
            for c in text.chars() {
                put(&u32::from(c).to_le_bytes(), *order, places.next().ok_or_else(wrong)?);
            }
        }
        Dtype::Struct(s) => {
            for f in &s.fields {
                let part = usize::try_from(f.offset)
                    .ok()
                    .zip(usize::try_from(f.dtype.itemsize()).ok())
                    .and_then(|(at, len)| out.get_mut(at..at.checked_add(len)?))
                    .ok_or_else(wrong)?;
                encode(&f.dtype, value.get(&f.name).ok_or_else(wrong)?, part)?;
            }
        }
        Dtype::Array(a) => {
            let size = usize::try_from(a.base.itemsize()).unwrap_or(0);
            if size > 0 {
                let mut places = out.chunks_exact_mut(size);
                elements(&a.base, value, &a.shape, &mut places)?;
            }
        }
        _ => return Err(wrong()),
    }
    Ok(())
}

/// The elements of a subarray, from lists nested as its shape.
fn elements(
    base: &Dtype,
    value: &Json,
    shape: &[u64],
    places: &mut std::slice::ChunksExactMut<'_, u8>,
) -> Result<()> {
    let wrong = || Error::invalid("lists that do not have the subarray's shape");
    match shape.split_first() {
        None => encode(base, value, places.next().ok_or_else(wrong)?),
        Some((&extent, inner)) => match value {
            Json::Array(items) if items.len() as u64 == extent => {
                items.iter().try_for_each(|v| elements(base, v, inner, places))
            }
            _ if shape.contains(&0) => Ok(()),
            _ => Err(wrong()),
        },
    }
}

/// Copies little-endian bytes into their place, turned round for big-endian types.
fn put(bytes: &[u8], order: ByteOrder, out: &mut [u8]) {
    for (to, from) in out.iter_mut().zip(bytes) {
        *to = *from;
    }
    if order == ByteOrder::Big {
        out.reverse();
    }
}

fn integer(value: &Json, i: &Int) -> Option<Vec<u8>> {
    let text = value.as_number()?.to_string();
    let v: i128 = text.parse().ok()?;
    let bits = u32::from(i.precision);
    let fits = match i.signed {
        true => (-(1i128 << (bits - 1))..1i128 << (bits - 1)).contains(&v),
        false => (0..1i128 << bits).contains(&v),
    };
    fits.then(|| v.to_le_bytes().get(..usize::from(i.size)).map(<[u8]>::to_vec))?
}

fn float(value: &Json, size: u8) -> Option<Vec<u8>> {
    let v = match value {
        Json::String(s) => match s.as_str() {
            "NaN" => f64::NAN,
            "Infinity" => f64::INFINITY,
            "-Infinity" => f64::NEG_INFINITY,
            _ => return None,
        },
        other => other.as_f64()?,
    };
    Some(match size {
        2 => half::f16::from_f64(v).to_le_bytes().to_vec(),
        4 => (v as f32).to_le_bytes().to_vec(),
        8 => v.to_le_bytes().to_vec(),
        _ => return None,
    })
}
