//! Descriptions as NumPy writes them, spelled as Python's `repr` spells them.

use super::{MAX_DEPTH, unique};
use hyperslab_core::dtype::Struct;
use hyperslab_core::{Dtype, Error, Result};
use std::fmt::Write as _;

/// Appends the description that NumPy writes for a dtype.
///
/// # Errors
/// `Unsupported` for what an NPY header cannot say.
pub(crate) fn write(dtype: &Dtype, out: &mut String) -> Result<()> {
    match dtype {
        Dtype::Array(_) => Err(Error::unsupported(format!("NPY has no place for the subarray type {dtype}"))
            .hint("give its extents to the shape instead")),
        _ => write_at(dtype, out, 0),
    }
}

fn write_at(dtype: &Dtype, out: &mut String, depth: u32) -> Result<()> {
    if depth > MAX_DEPTH {
        return Err(Error::unsupported(format!("dtype nested deeper than {MAX_DEPTH} levels")));
    }
    match dtype {
        Dtype::Struct(s) => return write_struct(s, out, depth),
        Dtype::Array(a) if a.shape.is_empty() => return write_at(&a.base, out, depth + 1),
        Dtype::Array(a) => {
            out.push('(');
            write_at(&a.base, out, depth + 1)?;
            let _ = write!(out, ", {})", a.shape);
        }
        _ => match dtype.descr() {
            Some(d) => {
                let _ = write!(out, "'{d}'");
            }
            None => return Err(Error::unsupported(format!("NumPy has no type for {dtype}"))),
        },
    }
    Ok(())
}

fn write_struct(s: &Struct, out: &mut String, depth: u32) -> Result<()> {
    s.check()?;
    unique(&s.fields)?;
    let padding = |out: &mut String, n: u64| {
        let _ = write!(out, "('', '|V{n}')");
    };
    out.push('[');
    let mut at = 0;
    let mut first = true;
    let mut separate = |out: &mut String| {
        if !std::mem::take(&mut first) {
            out.push_str(", ");
        }
    };
    for f in &s.fields {
        if f.offset < at {
            return Err(Error::unsupported(format!(
                "NPY cannot hold the field {:?} at offset {}, which overlaps or precedes the field before it",
                f.name, f.offset
            )));
        }
        if f.name.is_empty() && f.title.is_none() && matches!(f.dtype, Dtype::Void(_) | Dtype::Array(_)) {
            return Err(Error::unsupported("a nameless field of raw bytes would be read back as padding"));
        }
        separate(out);
        if f.offset > at {
            padding(out, f.offset - at);
            out.push_str(", ");
        }
        out.push('(');
        match &f.title {
            Some(title) => {
                out.push('(');
                python_repr(title, out);
                out.push_str(", ");
                python_repr(&f.name, out);
                out.push(')');
            }
            None => python_repr(&f.name, out),
        }
        out.push_str(", ");
        match &f.dtype {
            Dtype::Array(a) if !a.shape.is_empty() => {
                write_at(&a.base, out, depth + 1)?;
                let _ = write!(out, ", {}", a.shape);
            }
            other => write_at(other, out, depth + 1)?,
        }
        out.push(')');
        at = f.offset.saturating_add(f.dtype.itemsize());
    }
    if s.itemsize > at {
        separate(out);
        padding(out, s.itemsize - at);
    }
    out.push(']');
    Ok(())
}

/// Appends a string as Python's `repr` writes it.
pub(crate) fn python_repr(text: &str, out: &mut String) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for c in text.chars() {
        let code = u32::from(c);
        let _ = match c {
            '\\' => out.write_str("\\\\"),
            '\n' => out.write_str("\\n"),
            '\r' => out.write_str("\\r"),
            '\t' => out.write_str("\\t"),
            c if c == quote => write!(out, "\\{c}"),
            ' '..='~' => out.write_char(c),
            _ if is_printable(c) => out.write_char(c),
            _ if code <= 0xff => write!(out, "\\x{code:02x}"),
            _ if code <= 0xffff => write!(out, "\\u{code:04x}"),
            _ => write!(out, "\\U{code:08x}"),
        };
    }
    out.push(quote);
}

/// Python's `str.isprintable` for one character: neither a separator (but the space), nor a control or format
/// character, nor unassigned. The standard library escapes by the same categories once a character is not the
/// first of its string, where combining marks are spared.
pub(super) fn is_printable(c: char) -> bool {
    let mut pair = [b'a'; 5];
    let len = c.encode_utf8(pair.get_mut(1..).unwrap_or_default()).len();
    std::str::from_utf8(pair.get(..=len).unwrap_or_default())
        .is_ok_and(|s| s.escape_debug().nth(1) != Some('\\'))
}
