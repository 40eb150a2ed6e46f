//! NumPy's dtype descriptions, both ways: what stands under `'descr'` in a header.
//!
//! Read: the strings NumPy writes, the names and character codes that `numpy.dtype` also takes (those that depend
//! on the platform with their meaning on 64-bit Linux), comma strings, lists of fields, pairs of base and shape.
//! Written: only the canonical forms, spelled as Python's `repr` spells them.
//! Source: `numpy.lib.format` and `numpy.dtype` of NumPy 2.4, read and probed.

mod write;

pub(crate) use write::{python_repr, write};

use crate::literal::{Literal, Parser};
use hyperslab_core::dtype::{ArrayType, Field, Struct};
use hyperslab_core::{Dtype, Error, Result, Shape};
use std::sync::Arc;

/// How deep structs and subarrays may nest.
const MAX_DEPTH: u32 = 32;

/// The greatest size of an element, and the greatest extent of a subarray.
const MAX_SIZE: u64 = i32::MAX as u64;

/// Names and codes with the canonical description of each; an order may precede the one-letter codes.
const NAMES: [(&str, &str); 70] = [
    ("?", "b1"),
    ("b", "i1"),
    ("B", "u1"),
    ("h", "i2"),
    ("H", "u2"),
    ("i", "i4"),
    ("I", "u4"),
    ("l", "i8"),
    ("L", "u8"),
    ("q", "i8"),
    ("Q", "u8"),
    ("p", "i8"),
    ("P", "u8"),
    ("n", "i8"),
    ("N", "u8"),
    ("e", "f2"),
    ("f", "f4"),
    ("d", "f8"),
    ("g", "f16"),
    ("F", "c8"),
    ("D", "c16"),
    ("G", "c32"),
    ("c", "S1"),
    ("a", "S0"),
    ("M", "M8"),
    ("m", "m8"),
    ("bool", "b1"),
    ("int8", "i1"),
    ("int16", "i2"),
    ("int32", "i4"),
    ("int64", "i8"),
    ("uint8", "u1"),
    ("uint16", "u2"),
    ("uint32", "u4"),
    ("uint64", "u8"),
    ("float16", "f2"),
    ("float32", "f4"),
    ("float64", "f8"),
    ("float128", "f16"),
    ("complex64", "c8"),
    ("complex128", "c16"),
    ("complex256", "c32"),
    ("half", "f2"),
    ("single", "f4"),
    ("double", "f8"),
    ("longdouble", "f16"),
    ("csingle", "c8"),
    ("cdouble", "c16"),
    ("clongdouble", "c32"),
    ("byte", "i1"),
    ("ubyte", "u1"),
    ("short", "i2"),
    ("ushort", "u2"),
    ("intc", "i4"),
    ("uintc", "u4"),
    ("int", "i8"),
    ("uint", "u8"),
    ("long", "i8"),
    ("ulong", "u8"),
    ("intp", "i8"),
    ("uintp", "u8"),
    ("longlong", "i8"),
    ("ulonglong", "u8"),
    ("float", "f8"),
    ("complex", "c16"),
    ("str", "U0"),
    ("bytes", "S0"),
    ("void", "V0"),
    ("object", "O"),
    ("unicode", "U0"),
];

/// The dtype that a description stands for.
pub(crate) fn dtype(descr: &Literal<'_>) -> Result<Dtype> {
    at_depth(descr, 0)
}

/// The dtype that a text stands for, as people type it: whatever `numpy.dtype` takes as one string (`<f8`, `float32`,
/// `?`, `i4,f8`), and the lists of an NPY header (`[('a', '<i4'), ('b', '<f8', (2,))]`, in JSON's brackets and quotes
/// too). Types whose size depends on the platform have that of 64-bit Linux.
///
/// ```
/// let dtype = hyperslab_npy::parse_dtype("[('a', '<i4'), ('b', '>f8', (2,))]")?;
/// assert_eq!(dtype.itemsize(), 20);
/// assert_eq!(hyperslab_npy::parse_dtype("?")?.to_string(), "|b1");
/// # Ok::<(), hyperslab_core::Error>(())
/// ```
///
/// # Errors
/// `Usage` for text that is no dtype, and for a subarray of its own.
pub fn parse_dtype(text: &str) -> Result<Dtype> {
    let text = text.trim();
    let parsed = match text.starts_with(['[', '(']) {
        true => {
            let literal = Parser::new(text.as_bytes(), false).and_then(|mut p| p.value());
            literal.or_else(|e| if text.starts_with('(') { Ok(Literal::Str(text.into())) } else { Err(e) })
        }
        false => Ok(Literal::Str(text.into())),
    };
    match parsed.and_then(|l| dtype(&l)) {
        Ok(Dtype::Array(_)) => Err(Error::usage(format!("{text:?} is an array in each element"))
            .hint("give its extents to the shape instead")),
        Ok(dtype) => Ok(dtype),
        Err(e) => Err(Error::usage(match text.starts_with('[') {
            true => format!("{text:?} is not a dtype: {}", e.message()),
            false => format!("{text:?} is not a dtype"),
        })
        .hint("write it as NumPy does, for example '<f8', 'int32', '|S3' or \"[('a', '<i4')]\"")),
    }
}

fn at_depth(descr: &Literal<'_>, depth: u32) -> Result<Dtype> {
    if depth > MAX_DEPTH {
        return Err(Error::limit(format!("dtype nested deeper than {MAX_DEPTH} levels")));
    }
    match descr {
        Literal::Str(s) => from_str(s, depth),
        Literal::Tuple(items) => match items.as_slice() {
            [base, shape] => subarray(at_depth(base, depth + 1)?, shape),
            _ => Err(Error::invalid(format!("a dtype of {} parts, expected (base, shape)", items.len()))),
        },
        Literal::List(fields) => structure(fields, depth),
        other => Err(Error::invalid(format!("{} is not a dtype description", other.kind()))),
    }
}

fn structure(items: &[Literal<'_>], depth: u32) -> Result<Dtype> {
    let mut fields = Vec::with_capacity(items.len());
    let mut offset = 0u64;
    for item in items {
        let (Literal::Tuple(parts) | Literal::List(parts)) = item else {
            return Err(Error::invalid(format!("{} where a field (name, dtype) belongs", item.kind())));
        };
        let (name, dtype) = match parts.as_slice() {
            [name, base] => (name, at_depth(base, depth + 1)?),
            [name, base, shape] => (name, subarray(at_depth(base, depth + 1)?, shape)?),
            _ => return Err(Error::invalid(format!("a field of {} parts, expected 2 or 3", parts.len()))),
        };
        let (title, name) = names(name)?;
        let size = dtype.itemsize();
        // Bytes without a name and without a meaning only move the next field.
        let padding = name.is_empty() && title.is_none() && matches!(dtype, Dtype::Void(_) | Dtype::Array(_));
        if !padding {
            fields.push(Field { name, title, offset, dtype });
        }
        offset = offset.checked_add(size).filter(|&n| n <= MAX_SIZE).ok_or_else(|| too_large("struct"))?;
    }
    unique(&fields)?;
    Ok(Dtype::Struct(Arc::new(Struct { fields, itemsize: offset })))
}

/// A field's title and name.
fn names(literal: &Literal<'_>) -> Result<(Option<String>, String)> {
    let not_a_name = |l: &Literal<'_>| Error::invalid(format!("{} where a field name belongs", l.kind()));
    match literal {
        Literal::Str(name) => Ok((None, name.clone().into_owned())),
        Literal::Tuple(pair) => match pair.as_slice() {
            [title, Literal::Str(name)] => {
                let title = match title {
                    Literal::None => None,
                    Literal::Str(t) => Some(t.clone().into_owned()),
                    // Any hashable value can be a title; integers keep their digits.
                    Literal::Int(Some(i)) => Some(i.to_string()),
                    other => return Err(Error::unsupported(format!("{} as a field's title", other.kind()))),
                };
                Ok((title, name.clone().into_owned()))
            }
            [_, other] => Err(not_a_name(other)),
            _ => Err(Error::invalid(format!("{} names of one field, expected (title, name)", pair.len()))),
        },
        other => Err(not_a_name(other)),
    }
}

/// Names and titles share one namespace.
fn unique(fields: &[Field]) -> Result<()> {
    let mut all: Vec<&str> =
        fields.iter().flat_map(|f| [Some(f.name.as_str()), f.title.as_deref()]).flatten().collect();
    all.sort_unstable();
    match all.windows(2).find(|w| w.first() == w.last()).and_then(<[_]>::first) {
        Some(name) => Err(Error::invalid(format!("the field name {name:?} is used twice"))),
        None => Ok(()),
    }
}

/// A base with a shape: a fixed array in each element, or the length of a string type without one.
fn subarray(base: Dtype, shape: &Literal<'_>) -> Result<Dtype> {
    let extent = |l: &Literal<'_>| match l {
        Literal::Int(Some(n)) => u64::try_from(*n)
            .ok()
            .filter(|&n| n <= MAX_SIZE)
            .ok_or_else(|| Error::invalid(format!("a subarray extent of {n}, expected 0 to {MAX_SIZE}"))),
        Literal::Int(None) => Err(too_large("subarray")),
        other => Err(Error::invalid(format!("{} where a subarray's extent belongs", other.kind()))),
    };
    let shape: Shape = match shape {
        Literal::Int(_) => {
            let n = extent(shape)?;
            let n32 = u32::try_from(n).map_err(|_| too_large("string"))?;
            match base {
                Dtype::Bytes(0) => return Ok(Dtype::Bytes(n32)),
                Dtype::Void(0) => return Ok(Dtype::Void(n32)),
                Dtype::Unicode(0, order) if n <= MAX_SIZE / 4 => return Ok(Dtype::Unicode(n32, order)),
                _ => [n].into(),
            }
        }
        Literal::List(items) if items.is_empty() => {
            return Err(Error::invalid("an empty list as a subarray's shape"));
        }
        Literal::Tuple(items) | Literal::List(items) => items.iter().map(extent).collect::<Result<_>>()?,
        other => return Err(Error::invalid(format!("{} where a subarray's shape belongs", other.kind()))),
    };
    array(base, shape)
}

fn array(base: Dtype, shape: Shape) -> Result<Dtype> {
    if shape.is_empty() {
        return Ok(base);
    }
    if matches!(base, Dtype::Bytes(0) | Dtype::Void(0) | Dtype::Unicode(0, _)) {
        return Err(Error::invalid(format!("a subarray of {base}, which has no length")));
    }
    if shape.len() > Shape::MAX_RANK {
        return Err(Error::invalid(format!("a subarray of rank {}", shape.len())));
    }
    let a = ArrayType::new(base, shape)?;
    let array = Dtype::Array(Arc::new(a));
    if array.itemsize() > MAX_SIZE { Err(too_large("subarray")) } else { Ok(array) }
}

fn too_large(what: &str) -> Error {
    Error::invalid(format!("a {what} of more than {MAX_SIZE} bytes"))
}

/// A description in one string.
fn from_str(text: &str, depth: u32) -> Result<Dtype> {
    // What nearly every file has comes first.
    let first = match Dtype::from_descr(text) {
        Ok(d) => return Ok(d),
        Err(e) => e,
    };
    let (order, code) = match text.strip_prefix(['<', '>', '=', '|']) {
        Some(rest) => (text.get(..1).unwrap_or("<"), rest),
        None => ("<", text),
    };
    if let Some((_, canonical)) = NAMES.iter().find(|(name, _)| *name == code)
        && (code == text || code.len() == 1)
    {
        return Dtype::from_descr(&format!("{order}{canonical}"));
    }
    for (name, kind) in [("datetime64", "M8"), ("timedelta64", "m8")] {
        if let Some(unit) = text.strip_prefix(name) {
            return Dtype::from_descr(&format!("<{kind}{unit}"));
        }
    }
    if let Some(length) = code.strip_prefix('a') {
        return Dtype::from_descr(&format!("{order}S{length}"));
    }
    if code == "T" {
        return Err(Error::unsupported("variable-width strings (StringDType)"));
    }
    if text.contains(',') || text.starts_with(|c: char| c == '(' || c.is_ascii_digit()) {
        return comma_string(text, depth);
    }
    Err(first)
}

/// `i4,(2,3)f8`: fields `f0`, `f1`, ..; one item without a comma is that item alone.
fn comma_string(text: &str, depth: u32) -> Result<Dtype> {
    let mut items = Vec::new();
    let (mut start, mut nesting) = (0usize, 0u32);
    for (i, c) in text.char_indices() {
        match c {
            '(' | '[' => nesting += 1,
            ')' | ']' => nesting = nesting.saturating_sub(1),
            ',' if nesting == 0 => {
                items.push(text.get(start..i).unwrap_or_default());
                start = i + 1;
            }
            _ => {}
        }
    }
    let single = items.is_empty();
    let last = text.get(start..).unwrap_or_default();
    if single || !last.trim_matches(' ').is_empty() {
        items.push(last);
    }
    let mut fields = items.iter().map(|item| repeated(item, depth));
    if single {
        return fields.next().unwrap_or_else(|| Err(Error::invalid("an empty dtype")));
    }
    let named = fields.enumerate().map(|(i, d)| Ok((format!("f{i}"), d?))).collect::<Result<Vec<_>>>()?;
    let packed = Struct::packed(named);
    if packed.itemsize > MAX_SIZE {
        return Err(too_large("struct"));
    }
    Ok(Dtype::Struct(Arc::new(packed)))
}

/// One item of a comma string: an optional count or shape, then a code.
fn repeated(item: &str, depth: u32) -> Result<Dtype> {
    let item = item.trim_matches(' ');
    let bad = || Error::invalid(format!("{item:?} is not a dtype description"));
    let number = |t: &str| t.trim().parse::<i64>().map(|n| Literal::Int(Some(n))).map_err(|_| bad());
    let (shape, code) = if let Some(rest) = item.strip_prefix('(') {
        let (inside, code) = rest.split_once(')').ok_or_else(bad)?;
        let inside = inside.trim();
        // As in Python, one extent needs its comma to be a shape.
        if !inside.is_empty() && !inside.contains(',') {
            return Err(bad());
        }
        let inside = inside.strip_suffix(',').unwrap_or(inside);
        let extents = inside.split(',').filter(|_| !inside.is_empty());
        (Literal::Tuple(extents.map(number).collect::<Result<_>>()?), code.trim())
    } else {
        match item.find(|c: char| !c.is_ascii_digit()) {
            Some(0) => (Literal::Tuple(Vec::new()), item),
            Some(_) if item.starts_with('0') => return Err(bad()),
            Some(n) => {
                let (count, code) = item.split_at(n);
                (number(count)?, code.trim())
            }
            None => return Err(bad()),
        }
    };
    // Codes hold no count or comma of their own, so this goes no deeper.
    if code.is_empty() || code.contains(',') || code.starts_with(|c: char| c == '(' || c.is_ascii_digit()) {
        return Err(bad());
    }
    subarray(from_str(code, depth)?, &shape)
}

#[cfg(test)]
mod tests;
