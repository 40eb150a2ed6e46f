//! What is wrong with a text, for its reader: line, column, what was found and expected, what to do.

use super::Layout;
use super::number::{Bad, Why};
use super::separator::is_space;
use hyperslab_core::dtype::Int;
use hyperslab_core::{Dtype, Error, Source};

/// Bytes that are read at a time to count lines.
const BLOCK: usize = 1 << 16;
/// A token is shown up to so many bytes.
const SHOWN: usize = 40;

/// The error for a bad place `bad.at` bytes behind `base`, after so many elements.
///
/// Lines are counted only now: text without an error is not looked at for them.
pub(super) fn explain<S: Source + ?Sized>(
    source: &S,
    layout: &Layout,
    base: u64,
    bad: Bad,
    elements: u64,
) -> Error {
    let at = base.saturating_add(bad.at as u64);
    let (line, column) = match line_and_column(source, at) {
        Ok(place) => place,
        Err(e) => return e,
    };
    let there = match look(source, at) {
        Ok(there) => there,
        Err(e) => return e,
    };
    let separator = layout.separator.as_str();
    let found = show(&there);
    let message = match (bad.why, &layout.dtype) {
        (Why::NoSeparator, _) => format!("expected the separator {separator:?} or the end, found {found}"),
        (Why::BlankEnd, _) => {
            format!("expected a number after the last separator {separator:?}, found white space and the end")
        }
        (Why::BadImaginary, _) => {
            format!("expected an imaginary part such as '+2j', found {found}")
        }
        (Why::OutOfRange, Dtype::Int(i)) => {
            let (low, high) = range(i);
            format!("{} is out of range for {} ({low} to {high})", token(&there), layout.dtype)
        }
        (_, Dtype::Int(_)) => format!("expected an integer, found {found}"),
        _ => format!("expected a number, found {found}"),
    };
    let element = elements + u64::from(bad.why != Why::NoSeparator);
    let what = format!("line {line}, column {column} (element {element})");
    let e = Error::invalid(message).reading(what).at(at);
    match hint(layout, bad.why, &there) {
        Some(hint) => e.hint(hint),
        None => e,
    }
}

/// What can be done about it.
fn hint(layout: &Layout, why: Why, there: &[u8]) -> Option<String> {
    let separator = layout.separator.as_str();
    let integer = matches!(layout.dtype, Dtype::Int(_));
    let blank = there.iter().take_while(|b| is_space(**b)).count();
    // White space is skipped: what matters is a line end in it, what comes after it, or that there is any.
    let first = match there.get(..blank)? {
        [] => *there.first()?,
        skipped if skipped.contains(&b'\n') => b'\n',
        skipped => {
            *there.get(blank).filter(|b| !b"+-.".contains(b) && !b.is_ascii_digit()).or(skipped.first())?
        }
    };
    match why {
        Why::NoSeparator if matches!(first, b'\n' | b'\r') && !layout.separator.is_blank() => Some(format!(
            "rows on lines with {separator:?} between columns have two separators, and this reads one: join the \
             lines with {separator:?}, or replace {separator:?} by a space and give the separator ' '"
        )),
        Why::NoSeparator if integer && matches!(first, b'.' | b'e' | b'E') => {
            Some("these look like floats: give a float type such as '<f8'".into())
        }
        Why::NoSeparator if matches!(first, b'e' | b'E') => {
            Some("an exponent follows digits: '5.0e8', not '5.e8'".into())
        }
        Why::NoSeparator if matches!(first, b'x' | b'X' | b'_') => {
            Some("numbers are decimal digits, without prefix or '_'".into())
        }
        Why::NoSeparator if first == b',' && !separator.contains(',') && separator.contains(';') => {
            Some("a decimal comma is not understood: use a point".into())
        }
        Why::NoSeparator if matches!(first, b',' | b';' | b':' | b'|' | b'\t' | b' ') => {
            let other = char::from(first);
            Some(format!("if {other:?} separates the numbers, give it as the separator"))
        }
        Why::NoSeparator if first.is_ascii_digit() => Some("a number has at most 120 characters".into()),
        Why::OutOfRange => Some("give a wider type, or a float type".into()),
        Why::BlankEnd => Some("remove the white space, or add a space to the end of the separator".into()),
        Why::NotANumber if there.starts_with(b"\xef\xbb\xbf") => {
            Some("the file begins with a byte order mark: remove it".into())
        }
        Why::NotANumber if first == b'#' => Some("comments are not understood: remove them".into()),
        Why::NotANumber if first == b'(' && matches!(layout.dtype, Dtype::Complex(_)) => {
            Some("complex numbers have no parentheses: '1+2j'".into())
        }
        Why::NotANumber if layout.dtype == Dtype::Bool => Some("bools are 0 and 1".into()),
        Why::NotANumber if first.is_ascii_alphabetic() => {
            Some("remove what is not a number, such as a line of names".into())
        }
        _ => None,
    }
}

/// Line and column, counted from 1, the column in bytes.
fn line_and_column<S: Source + ?Sized>(source: &S, at: u64) -> hyperslab_core::Result<(u64, u64)> {
    let (mut line, mut begin, mut seen) = (1, 0, 0);
    let mut block = [0; BLOCK];
    while seen < at {
        let n = usize::try_from(at - seen).map_or(BLOCK, |n| n.min(BLOCK));
        let part = block.get_mut(..n).unwrap_or_default();
        source.read_exact_at(seen, part)?;
        for end in memchr::memchr_iter(b'\n', part) {
            line += 1;
            begin = seen + end as u64 + 1;
        }
        seen += n as u64;
    }
    Ok((line, at - begin + 1))
}

/// The bytes at a place.
fn look<S: Source + ?Sized>(source: &S, at: u64) -> hyperslab_core::Result<Vec<u8>> {
    let left = source.len()?.saturating_sub(at);
    let mut there = vec![0; usize::try_from(left).map_or(SHOWN + 1, |left| left.min(SHOWN + 1))];
    source.read_exact_at(at, &mut there)?;
    Ok(there)
}

/// What is found, as a person sees it: a line end or white space by its name, else the word.
fn show(there: &[u8]) -> String {
    let blank = there.iter().take_while(|b| is_space(**b)).count();
    let (skipped, rest) = there.split_at_checked(blank).unwrap_or((there, &[]));
    match rest {
        _ if skipped.contains(&b'\n') => "a line end".into(),
        [] => "the end".into(),
        rest => token(rest),
    }
}

fn token(there: &[u8]) -> String {
    let end = there.iter().position(|&b| is_space(b) || b == b',' || b == b';').unwrap_or(there.len());
    let shown = there.get(..end.clamp(1, SHOWN)).unwrap_or(there);
    let cut = if end > SHOWN { ".." } else { "" };
    format!("'{}{cut}'", shown.escape_ascii())
}

/// Least and greatest value.
fn range(i: &Int) -> (i128, i128) {
    let bits = u32::from(i.size.min(8)) * 8;
    match i.signed {
        true => (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1),
        false => (0, (1i128 << bits) - 1),
    }
}
