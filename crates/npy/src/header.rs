//! The NPY header: magic, version, one Python dict of descr, order and shape, padding.
//!
//! Parses any header that NumPy 2.4 accepts without evaluating anything, and emits exactly the bytes that NumPy
//! writes. Performs no I/O and knows nothing of the data that follows.
//! Source: `numpy.lib.format` of NumPy 2.4, read and probed.

use crate::descr;
use crate::literal::{Literal, Parser};
use hyperslab_core::{Dtype, Error, Order, Result, Shape};
use std::fmt::Write as _;

/// The first six bytes.
pub const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// The longest header text accepted, in characters: NumPy's own limit.
pub const MAX_CHARS: u64 = 10_000;

/// NumPy starts the data at a multiple of this.
const ALIGN: usize = 64;

/// NumPy leaves room for this many digits of the extent along which an array grows.
const GROWTH_DIGITS: usize = 21;

/// What a header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Element type; objects included, whose elements are a pickle that only others can read.
    pub dtype: Dtype,
    /// Extents.
    pub shape: Shape,
    /// How the elements are ordered.
    pub order: Order,
    /// Where the elements start, in bytes from the start of the magic.
    pub data_offset: u64,
    /// Bytes of all elements: the product of extents and item size, checked to fit an `i64`.
    pub nbytes: u64,
}

/// The length of magic and header together, read from (at least) their first 12 bytes.
///
/// # Errors
/// `Invalid` when this is not an NPY file or ends before its header's length, `Unsupported` for an unknown version,
/// `Limit` when the header is longer than any that is accepted.
pub fn length(start: &[u8]) -> Result<usize> {
    let (text_at, text_len) = layout(start)?;
    // A character takes up to four bytes; whether it is that long in characters is seen when it is there.
    if text_len > MAX_CHARS * 4 {
        return Err(too_long(text_len, "bytes"));
    }
    usize::try_from(text_len)
        .ok()
        .and_then(|n| n.checked_add(text_at))
        .ok_or_else(|| too_long(text_len, "bytes"))
}

/// Checks that a file of `size` bytes holds the header whose start this is: a length that lies is no matter of limits.
pub(crate) fn fits(start: &[u8], size: u64) -> Result<()> {
    let Ok((text_at, text_len)) = layout(start) else { return Ok(()) };
    match size.checked_sub(text_at as u64) {
        Some(there) if there >= text_len => Ok(()),
        there => {
            let there = there.unwrap_or(0);
            Err(Error::invalid(format!("the header of {text_len} bytes ends after {there}"))
                .at(size)
                .reading("NPY header"))
        }
    }
}

/// Parses the header at the start of `bytes`; what follows it is ignored. Offsets in errors count from there.
///
/// # Errors
/// `Invalid` for what NumPy refuses too (and for negative extents and sizes that overflow), `Unsupported` for an
/// unknown format version or type, `Limit` for a header of more than [`MAX_CHARS`] characters or nested too deep.
pub fn parse(bytes: &[u8]) -> Result<Header> {
    parse_dict(bytes).map_err(|e| e.reading("NPY header"))
}

/// Where the text starts and how long it says it is.
fn layout(start: &[u8]) -> Result<(usize, u64)> {
    let ends = |wanted: &'static str| {
        Error::invalid(format!("the file ends after {} bytes, in its {wanted}", start.len()))
            .at(start.len() as u64)
    };
    match start {
        [0x93, b'N', b'U', b'M', b'P', b'Y', 1, 0, a, b, ..] => Ok((10, u16::from_le_bytes([*a, *b]).into())),
        [0x93, b'N', b'U', b'M', b'P', b'Y', 2 | 3, 0, a, b, c, d, ..] => {
            Ok((12, u32::from_le_bytes([*a, *b, *c, *d]).into()))
        }
        [0x93, b'N', b'U', b'M', b'P', b'Y', 1..=3, 0, ..] => Err(ends("header length")),
        [0x93, b'N', b'U', b'M', b'P', b'Y', major, minor, ..] => {
            Err(Error::unsupported(format!("NPY format version {major}.{minor}, known are 1.0, 2.0 and 3.0"))
                .at(6))
        }
        [] => Err(Error::invalid("the file is empty").at(0)),
        _ if MAGIC.starts_with(start) || start.starts_with(MAGIC) => Err(ends("magic")),
        _ => Err(Error::invalid(format!(
            "not an NPY file: it starts with {:02x?}, expected {MAGIC:02x?}",
            start.get(..6).unwrap_or(start)
        ))
        .at(0)
        .hint("if these are the elements themselves, say their dtype and shape")),
    }
}

fn parse_dict(bytes: &[u8]) -> Result<Header> {
    let end = length(bytes)?;
    let (text_at, text_len) = layout(bytes)?;
    let text = bytes.get(text_at..end).ok_or_else(|| {
        let got = bytes.len().saturating_sub(text_at);
        Error::invalid(format!("the header of {text_len} bytes ends after {got}")).at(bytes.len() as u64)
    })?;
    let latin1 = bytes.get(6) != Some(&3);
    if !latin1 {
        std::str::from_utf8(text)
            .map_err(|e| Error::invalid("the header is not UTF-8").at((text_at + e.valid_up_to()) as u64))?;
    }
    if text_len > MAX_CHARS {
        let chars = if latin1 { text.len() } else { text.iter().filter(|b| (**b & 0xc0) != 0x80).count() };
        if chars as u64 > MAX_CHARS {
            return Err(too_long(chars as u64, "characters"));
        }
    }
    let (dtype, shape, order) = dict(text, latin1).map_err(|e| e.shifted(text_at as u64))?;
    let nbytes = shape.bytes(dtype.itemsize())?;
    Ok(Header { dtype, shape, order, data_offset: end as u64, nbytes })
}

fn too_long(n: u64, unit: &str) -> Error {
    Error::limit(format!("a header of {n} {unit}, the limit is {MAX_CHARS} characters")).at(8)
}

fn dict(text: &[u8], latin1: bool) -> Result<(Dtype, Shape, Order)> {
    const KEYS: [&str; 3] = ["descr", "fortran_order", "shape"];
    let key = |key: Literal<'_>| match &key {
        Literal::Str(s) => KEYS.iter().position(|k| k == s).ok_or_else(|| {
            let shown: String = s.chars().take(40).collect();
            Error::invalid(format!("the key {shown:?}, expected only {}", KEYS.join(", ")))
        }),
        other => Err(Error::invalid(format!("{} as a key", other.kind()))),
    };
    let mut values = [None, None, None];
    // Of keys that come twice, the last counts, as in Python.
    Parser::new(text, latin1)?.dict(key, |slot, value, at| {
        if let Some(v) = values.get_mut(slot) {
            *v = Some((value, at));
        }
    })?;
    let [descr, order, shape] = values;
    let missing = |key: &str| Error::invalid(format!("the header lacks the key '{key}'")).at(0);
    let (descr, at) = descr.ok_or_else(|| missing("descr"))?;
    let dtype = descr::dtype(&descr).map_err(|e| e.at(at))?;
    if let Dtype::Array(_) = dtype {
        // NumPy itself reads such files in two ways, depending on how.
        return Err(Error::unsupported(format!("the subarray type {dtype} for whole elements")).at(at));
    }
    let (order, at) = order.ok_or_else(|| missing("fortran_order"))?;
    let order = match order {
        Literal::Bool(false) => Order::C,
        Literal::Bool(true) => Order::F,
        other => {
            return Err(
                Error::invalid(format!("fortran_order is {}, expected a boolean", other.kind())).at(at)
            );
        }
    };
    let (shape, at) = shape.ok_or_else(|| missing("shape"))?;
    Ok((dtype, extents(&shape).map_err(|e| e.at(at))?, order))
}

fn extents(shape: &Literal<'_>) -> Result<Shape> {
    let Literal::Tuple(items) = shape else {
        return Err(Error::invalid(format!("shape is {}, expected a tuple of integers", shape.kind())));
    };
    if items.len() > Shape::MAX_RANK {
        return Err(Error::invalid(format!(
            "{} dimensions, at most {} are possible",
            items.len(),
            Shape::MAX_RANK
        )));
    }
    items
        .iter()
        .map(|item| match item {
            Literal::Int(Some(n)) => {
                u64::try_from(*n).map_err(|_| Error::invalid(format!("a negative extent ({n}) in the shape")))
            }
            Literal::Int(None) => Err(Error::invalid("an extent of more than 63 bits in the shape")),
            other => Err(Error::invalid(format!("{} in the shape, expected integers", other.kind()))),
        })
        .collect()
}

/// The header that NumPy writes for an array, magic to newline: the lowest version that can hold it, room for the
/// first (in Fortran order the last) extent to grow, padded so that the data start at a multiple of 64.
///
/// NumPy writes `Order::F` only for arrays that are not in C order too.
///
/// # Errors
/// `Unsupported` for types that an NPY header cannot describe.
pub fn emit(dtype: &Dtype, shape: &Shape, order: Order) -> Result<Vec<u8>> {
    let mut text = dict_text(dtype, shape, order)?;
    let growing = if order == Order::F { shape.last() } else { shape.first() };
    if let Some(extent) = growing {
        let digits = extent.checked_ilog10().unwrap_or(0) as usize + 1;
        let room = GROWTH_DIGITS.saturating_sub(digits);
        text.extend(std::iter::repeat_n(' ', room));
    }
    let latin1: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
    match latin1 {
        Some(text) => wrap(&text, 1).or_else(|| wrap(&text, 2)),
        None => wrap(text.as_bytes(), 3),
    }
    .ok_or_else(|| Error::unsupported(format!("a header of {} bytes", text.len())))
}

/// A header of exactly `length` bytes, magic to newline, for an array in the place of another.
///
/// # Errors
/// `Unsupported` when the text does not fit, and as [`emit`].
pub fn emit_within(dtype: &Dtype, shape: &Shape, order: Order, length: usize) -> Result<Vec<u8>> {
    let text = dict_text(dtype, shape, order)?;
    let latin1: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
    let (text, version) = match latin1 {
        Some(t) if length <= 10 + usize::from(u16::MAX) => (t, 1),
        Some(t) => (t, 2),
        None => (text.into_bytes(), 3),
    };
    let prefix: usize = if version == 1 { 10 } else { 12 };
    let room = length.checked_sub(prefix + 1);
    let Some(padding) = room.and_then(|room| room.checked_sub(text.len())) else {
        return Err(Error::unsupported(format!("the header has no room for the shape {shape}"))
            .hint("write the file anew: NumPy's headers leave room"));
    };
    prefixed(&text, version, padding).ok_or_else(|| Error::unsupported(format!("a header of {length} bytes")))
}

/// What is between the braces, and they.
fn dict_text(dtype: &Dtype, shape: &Shape, order: Order) -> Result<String> {
    let mut text = String::with_capacity(128);
    text.push_str("{'descr': ");
    descr::write(dtype, &mut text)?;
    let fortran = if order == Order::F { "True" } else { "False" };
    let _ = write!(text, ", 'fortran_order': {fortran}, 'shape': {shape}, }}");
    Ok(text)
}

/// Magic, version, length, text, spaces, newline; `None` when the length does not fit.
fn wrap(text: &[u8], version: u8) -> Option<Vec<u8>> {
    let prefix = if version == 1 { 10 } else { 12 };
    let used = prefix + text.len() + 1;
    // A header that needs no padding gets a whole block of it.
    prefixed(text, version, ALIGN - used % ALIGN)
}

fn prefixed(text: &[u8], version: u8, padding: usize) -> Option<Vec<u8>> {
    let length = text.len() + 1 + padding;
    let mut out = Vec::with_capacity(12 + length);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&[version, 0]);
    match version {
        1 => out.extend_from_slice(&u16::try_from(length).ok()?.to_le_bytes()),
        _ => out.extend_from_slice(&u32::try_from(length).ok()?.to_le_bytes()),
    }
    out.extend_from_slice(text);
    out.resize(out.len() + padding, b' ');
    out.push(b'\n');
    Some(out)
}

#[cfg(test)]
mod tests;
