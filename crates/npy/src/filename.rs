//! Dtype and shape in the name of a raw file: `name_int32_4_5.dat`, read and written.
//!
//! From the right: an extension, optional `C`/`F` and `off128`, extents (or one token `256x256x128`, also left of
//! the type), a type from a closed table, and whatever is left as the name. Tokens are separated by `_` or `-`.
//! One extent may be `N`, `x` or `-1` and then follows from the file's size. Types whose size depends on the
//! platform (`int`, `long`, `double`, ..) are refused. Byte order is little unless the type ends in `be`; order is
//! C unless said, also for volumes of the `256x256x128` form, whose collections often mean Fortran order.

use crate::raw::Layout;
use hyperslab_core::dtype::ByteOrder;
use hyperslab_core::{Dtype, Error, Order, Result, Shape};
use std::path::Path;

/// Types by their names in file names, with the short form and NumPy's code.
const TYPES: [(&str, &str, &str); 14] = [
    ("bool", "bool", "b1"),
    ("int8", "i1", "i1"),
    ("int16", "i2", "i2"),
    ("int32", "i4", "i4"),
    ("int64", "i8", "i8"),
    ("uint8", "u1", "u1"),
    ("uint16", "u2", "u2"),
    ("uint32", "u4", "u4"),
    ("uint64", "u8", "u8"),
    ("float16", "f2", "f2"),
    ("float32", "f4", "f4"),
    ("float64", "f8", "f8"),
    ("complex64", "c8", "c8"),
    ("complex128", "c16", "c16"),
];

/// Names that mean one size here and another there.
const PLATFORM: [&str; 18] = [
    "int",
    "uint",
    "long",
    "ulong",
    "longlong",
    "ulonglong",
    "short",
    "ushort",
    "byte",
    "ubyte",
    "intp",
    "uintp",
    "half",
    "single",
    "float",
    "double",
    "longdouble",
    "complex",
];

const COMPRESSED: [&str; 6] = ["gz", "bz2", "xz", "zst", "lz4", "zip"];

/// What a file name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The part before the type; may be empty.
    pub name: String,
    /// Dtype, order, offset and, where there are any, extents.
    pub layout: Layout,
}

impl Named {
    /// The layout for a file of `size` bytes: a name without extents means a scalar where there is one element.
    pub fn layout_for(&self, size: u64) -> Layout {
        let mut layout = self.layout.clone();
        let one = self.layout.dtype.itemsize().checked_add(self.layout.offset);
        if layout.shape.is_none() && one == Some(size) {
            layout.shape = Some(Vec::new());
        }
        layout
    }
}

/// Reads dtype and shape from a file's name; `None` when it does not follow the scheme.
///
/// # Errors
/// `Usage` for a type whose size depends on the platform, `Unsupported` for a compressed file.
pub fn parse(path: impl AsRef<Path>) -> Result<Option<Named>> {
    let path = path.as_ref();
    let Some(name) = path.file_name().and_then(|n| n.to_str()) else { return Ok(None) };
    let (stem, compressed) = stem(name);
    let named = parse_stem(stem).map_err(|e| e.file(path))?;
    match (named, compressed) {
        (Some(_), true) => {
            Err(Error::unsupported("a compressed raw file").file(path).hint("decompress it first"))
        }
        (named, _) => Ok(named),
    }
}

/// The name without its extensions, and whether one of them is a compressor's.
fn stem(name: &str) -> (&str, bool) {
    let split = |name: &str| {
        let dot = name.rfind('.')?;
        let extension = name.get(dot + 1..)?;
        let plain = (1..=5).contains(&extension.len())
            && extension.starts_with(|c: char| c.is_ascii_alphabetic())
            && extension.bytes().all(|b| b.is_ascii_alphanumeric());
        plain.then_some(dot)
    };
    let Some(dot) = split(name) else { return (name, false) };
    let (rest, extension) = name.split_at(dot);
    if !COMPRESSED.contains(&extension.trim_start_matches('.')) {
        return (rest, false);
    }
    (split(rest).and_then(|dot| rest.get(..dot)).unwrap_or(rest), true)
}

/// A token and where it starts.
type Token<'a> = (usize, &'a str);

fn tokens(stem: &str) -> Vec<Token<'_>> {
    let mut out = Vec::new();
    let mut at = 0;
    for piece in stem.split('_') {
        if piece == "-1" {
            out.push((at, piece));
        } else {
            let mut inner = at;
            for part in piece.split('-') {
                out.push((inner, part));
                inner += part.len() + 1;
            }
        }
        at += piece.len() + 1;
    }
    out
}

fn parse_stem(stem: &str) -> Result<Option<Named>> {
    let mut tokens = tokens(stem);
    let (mut order, mut offset) = (None, None);
    while let Some((_, token)) = tokens.last() {
        match *token {
            "C" if order.is_none() => order = Some(Order::C),
            "F" if order.is_none() => order = Some(Order::F),
            t => match t.strip_prefix("off").filter(|_| offset.is_none()).and_then(number) {
                Some(n) => offset = Some(n),
                None => break,
            },
        }
        tokens.pop();
    }
    let mut extents: Vec<Option<u64>> = Vec::new();
    let last = tokens.last().map(|(_, t)| *t).unwrap_or_default();
    let joined_right = joined(last);
    if let Some(all) = &joined_right {
        extents.clone_from(all);
        tokens.pop();
    } else {
        while let Some(extent) = tokens.last().and_then(|(_, t)| extent(t)) {
            if extent.is_none() && extents.contains(&None) {
                return Ok(None);
            }
            extents.push(extent);
            tokens.pop();
        }
        extents.reverse();
    }
    let Some((mut start, token)) = tokens.pop() else { return Ok(None) };
    let Some(dtype) = dtype_of(token) else {
        if PLATFORM.contains(&token) && !extents.is_empty() {
            return Err(Error::usage(format!(
                "the size of the type {token:?} in the name depends on the platform"
            ))
            .hint("name it for example int32, int64 or float64"));
        }
        return Ok(None);
    };
    let mut shape = (!extents.is_empty()).then_some(extents);
    if shape.is_none()
        && let Some((at, all)) = tokens.last().and_then(|(at, t)| Some((*at, joined(t)?)))
    {
        (start, shape) = (at, Some(all));
    }
    if shape.as_ref().is_some_and(|s| s.len() > Shape::MAX_RANK) {
        return Ok(None);
    }
    let name = stem.get(..start.saturating_sub(1)).unwrap_or_default().to_string();
    let (order, offset) = (order.unwrap_or_default(), offset.unwrap_or(0));
    Ok(Some(Named { name, layout: Layout { dtype, shape, order, offset, count: None } }))
}

fn number(text: &str) -> Option<u64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

/// `Some(None)` is the extent that follows from the size.
fn extent(token: &str) -> Option<Option<u64>> {
    match token {
        "N" | "x" | "-1" => Some(None),
        _ => number(token).map(Some),
    }
}

/// Extents in one token, `256x256x128`.
fn joined(token: &str) -> Option<Vec<Option<u64>>> {
    if !token.contains('x') || token == "x" {
        return None;
    }
    token.split('x').map(|t| number(t).map(Some)).collect()
}

fn dtype_of(token: &str) -> Option<Dtype> {
    with_order(token, '<').or_else(|| {
        let (bare, order) = token
            .strip_suffix("le")
            .map(|t| (t, '<'))
            .or_else(|| token.strip_suffix("be").map(|t| (t, '>')))?;
        with_order(bare, order).filter(|d| d.byte_order().is_some())
    })
}

fn with_order(token: &str, order: char) -> Option<Dtype> {
    let code = |code: &str| Dtype::from_descr(&format!("{order}{code}")).ok();
    if let Some((_, _, c)) = TYPES.iter().find(|(long, short, _)| *long == token || *short == token) {
        return code(c);
    }
    for (name, kind) in [("datetime64", "M8"), ("timedelta64", "m8")] {
        match token.strip_prefix(name) {
            Some("") => return code(kind),
            Some(unit) if unit.bytes().all(|b| b.is_ascii_alphabetic()) => {
                return code(&format!("{kind}[{unit}]"));
            }
            _ => {}
        }
    }
    let length = token.strip_prefix(['S', 'U'])?;
    number(length).filter(|&n| n > 0)?;
    code(token)
}

/// The file name for a raw array in C order: `name_dtype_extents` and the extension (without its dot).
///
/// # Errors
/// `Unsupported` for types that have no name in the scheme, `Usage` for a name or extension with which the file
/// name would be read back as something else.
pub fn format(name: &str, dtype: &Dtype, shape: &Shape, extension: &str) -> Result<String> {
    let mut out = name.to_string();
    if !name.is_empty() {
        out.push('_');
    }
    out.push_str(&type_name(dtype)?);
    for extent in shape.iter() {
        out.push('_');
        out.push_str(&extent.to_string());
    }
    out.push('.');
    out.push_str(extension);
    let mut layout = Layout::new(dtype.clone());
    if !shape.is_empty() {
        layout = layout.with_shape(shape);
    }
    let want = Named { name: name.to_string(), layout };
    let plain = !name.contains(['/', '\\', '\0']);
    match parse(&out) {
        Ok(Some(got)) if plain && got == want => Ok(out),
        _ => Err(Error::usage(format!("the file name {out:?} would be read back as something else"))
            .hint("choose another name or extension")),
    }
}

fn type_name(dtype: &Dtype) -> Result<String> {
    let no_name = || {
        Error::unsupported(format!("the type {dtype} has no name in the file-name scheme"))
            .hint("write an NPY file")
    };
    let descr = dtype.descr().ok_or_else(no_name)?;
    let code = descr.get(1..).unwrap_or_default();
    let name = match (TYPES.iter().find(|(_, _, c)| *c == code), dtype) {
        (Some((long, _, _)), _) => (*long).to_string(),
        (None, Dtype::Datetime(u, _)) if u.count == 1 => format!("datetime64{}", u.base),
        (None, Dtype::Timedelta(u, _)) if u.count == 1 => format!("timedelta64{}", u.base),
        (None, Dtype::Bytes(1..) | Dtype::Unicode(1.., _)) => code.to_string(),
        _ => return Err(no_name()),
    };
    let big = dtype.byte_order() == Some(ByteOrder::Big);
    Ok(if big { name + "be" } else { name })
}

#[cfg(test)]
mod tests;
