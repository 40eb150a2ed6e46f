//! The text forms of numbers and strings in protocol 0, and the binary form of long integers.
//!
//! Only the grammar: slices in, values out. What is accepted was measured on CPython 3.11's C unpickler, which
//! differs from its pure-Python twin (`I010` is octal, `I+1` is `True`).

use hyperslab_core::{Error, Result};
use num_bigint::{BigInt, Sign};
use num_traits::ToPrimitive;
use std::borrow::Cow;

/// Longest binary integer, in bytes.
pub(crate) const MAX_LONG: u64 = 1 << 20;

/// CPython's limit on decimal digits of an integer in text.
pub(crate) const MAX_DIGITS: usize = 4300;

/// An integer, small where it fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Number {
    Small(i64),
    Big(BigInt),
}

impl From<BigInt> for Number {
    fn from(b: BigInt) -> Self {
        b.to_i64().map_or(Number::Big(b), Number::Small)
    }
}

/// What an `INT` line holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IntLine {
    Bool(bool),
    Int(Number),
}

/// The argument of `INT`: C's `strtol` with base 0, and where that does not reach the end, a Python literal.
/// A value of 0 or 1 in a line of two characters is a bool.
pub(crate) fn int_line(line: &[u8]) -> Result<IntLine> {
    if let Some(v) = strtol(line) {
        return Ok(match v {
            0 | 1 if line.len() == 2 => IntLine::Bool(v == 1),
            _ => IntLine::Int(Number::Small(v)),
        });
    }
    python_int(line).map(IntLine::Int)
}

/// The argument of `LONG`: a Python integer literal, with or without the `L` of Python 2.
pub(crate) fn long_line(line: &[u8]) -> Result<Number> {
    // Memo slots, which protocol 0 has one of for nearly every value, are short and plain.
    if matches!(line, [b'1'..=b'9', ..] | b"0") && line.len() <= 18 && line.iter().all(u8::is_ascii_digit) {
        return Ok(Number::Small(line.iter().fold(0, |v, &d| v * 10 + i64::from(d - b'0'))));
    }
    python_int(line.strip_suffix(b"L").unwrap_or(line))
}

fn strtol(line: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(line).ok()?.trim_start_matches([' ', '\t', '\n', '\x0b', '\x0c', '\r']);
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', rest @ ..] if !rest.is_empty() => (16, digits.get(2..)?),
        [b'0', rest @ ..] if !rest.is_empty() => (8, digits.get(1..)?),
        _ => (10, digits),
    };
    if !digits.bytes().all(|b| char::from(b).is_digit(radix)) {
        return None;
    }
    let magnitude = i128::from(u64::from_str_radix(digits, radix).ok()?);
    i64::try_from(if negative { -magnitude } else { magnitude }).ok()
}

/// A Python integer literal (`int(text, 0)`): surrounding space, sign, `0x`/`0o`/`0b`, single underscores
/// between digits; no leading zeros but in zero itself.
fn python_int(line: &[u8]) -> Result<Number> {
    let bad = || Error::invalid(format!("{} is not an integer", quoted(line)));
    let text = std::str::from_utf8(line).map_err(|_| bad())?;
    let text = text.trim_matches([' ', '\t', '\n', '\x0b', '\x0c', '\r']);
    let (sign, body) = match text.as_bytes().first().ok_or_else(bad)? {
        b'-' => (Sign::Minus, text.get(1..).unwrap_or_default()),
        b'+' => (Sign::Plus, text.get(1..).unwrap_or_default()),
        _ => (Sign::Plus, text),
    };
    let (radix, digits) = match body.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, body.get(2..).unwrap_or_default()),
        [b'0', b'o' | b'O', ..] => (8, body.get(2..).unwrap_or_default()),
        [b'0', b'b' | b'B', ..] => (2, body.get(2..).unwrap_or_default()),
        _ => (10, body),
    };
    // An underscore may follow the prefix, and stands between two digits otherwise.
    let digits = if radix == 10 { digits } else { digits.strip_prefix('_').unwrap_or(digits) };
    if digits.is_empty() || digits.starts_with('_') || digits.ends_with('_') || digits.contains("__") {
        return Err(bad());
    }
    let values: Option<Vec<u8>> =
        digits.chars().filter(|&c| c != '_').map(|c| c.to_digit(radix).map(|d| d as u8)).collect();
    let values = values.ok_or_else(bad)?;
    if radix == 10 {
        if values.len() > MAX_DIGITS {
            return Err(Error::limit(format!(
                "an integer of {} digits is longer than {MAX_DIGITS}",
                values.len()
            )));
        }
        if values.len() > 1 && values.first() == Some(&0) && values.iter().any(|&d| d != 0) {
            return Err(bad());
        }
    }
    let magnitude = BigInt::from_radix_be(sign, &values, radix).ok_or_else(bad)?;
    Ok(magnitude.into())
}

/// The two's complement little-endian bytes of `LONG1` and `LONG4`; no bytes are zero.
pub(crate) fn long_bytes(bytes: &[u8]) -> Number {
    if bytes.len() <= 8 {
        let fill = if bytes.last().is_some_and(|b| b & 0x80 != 0) { 0xff } else { 0 };
        let mut all = [fill; 8];
        all.iter_mut().zip(bytes).for_each(|(a, b)| *a = *b);
        return Number::Small(i64::from_le_bytes(all));
    }
    BigInt::from_signed_bytes_le(bytes).into()
}

/// The argument of `FLOAT`: what Python's `float` takes, without surrounding space or underscores; a finite
/// number too large for a double is an error.
pub(crate) fn float_line(line: &[u8]) -> Result<f64> {
    let bad = |why: &str| Error::invalid(format!("{} {why}", quoted(line)));
    let text = std::str::from_utf8(line).map_err(|_| bad("is not a float"))?;
    let value: f64 = text.parse().map_err(|_| bad("is not a float"))?;
    if value.is_infinite() && text.bytes().any(|b| b.is_ascii_digit()) {
        return Err(bad("is too large for a float"));
    }
    Ok(value)
}

/// The argument of `STRING`: a quoted Python 2 byte string with the escapes of a bytes literal.
pub(crate) fn string_line(line: &[u8]) -> Result<Cow<'_, [u8]>> {
    let inner = match line {
        [q @ (b'\'' | b'"'), inner @ .., end] if q == end => inner,
        _ => return Err(Error::invalid(format!("{} is not in quotes", quoted(line)))),
    };
    if memchr::memchr(b'\\', inner).is_none() {
        return Ok(Cow::Borrowed(inner));
    }
    let mut out = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some((&b, tail)) = rest.split_first() {
        rest = tail;
        if b != b'\\' {
            out.push(b);
            continue;
        }
        let (&c, tail) = rest.split_first().ok_or_else(|| Error::invalid("a backslash ends the string"))?;
        rest = tail;
        match c {
            b'\n' => {}
            b'\\' | b'\'' | b'"' => out.push(c),
            b'a' => out.push(7),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'v' => out.push(11),
            b'0'..=b'7' => {
                let mut v = u32::from(c - b'0');
                for _ in 0..2 {
                    let Some((&d @ b'0'..=b'7', tail)) = rest.split_first() else { break };
                    v = v * 8 + u32::from(d - b'0');
                    rest = tail;
                }
                out.push((v & 0xff) as u8);
            }
            b'x' => {
                let (digits, tail) = rest
                    .split_at_checked(2)
                    .ok_or_else(|| Error::invalid("\\x wants two hexadecimal digits"))?;
                let v = hex(digits).ok_or_else(|| Error::invalid("\\x wants two hexadecimal digits"))?;
                out.push((v & 0xff) as u8);
                rest = tail;
            }
            other => out.extend([b'\\', other]),
        }
    }
    Ok(Cow::Owned(out))
}

/// The argument of `UNICODE` in "raw unicode escape": Latin-1, with `\uXXXX` and `\UXXXXXXXX`.
///
/// Gives UTF-8 in which lone surrogates may occur in their three-byte form.
pub(crate) fn unicode_line(line: &[u8]) -> Result<Cow<'_, [u8]>> {
    if line.is_ascii() && memchr::memchr(b'\\', line).is_none() {
        return Ok(Cow::Borrowed(line));
    }
    let mut out = Vec::with_capacity(line.len() * 2);
    let mut rest = line;
    while let Some((&b, tail)) = rest.split_first() {
        rest = tail;
        if b != b'\\' {
            push_code_point(&mut out, b.into());
            continue;
        }
        let Some((&c, tail)) = rest.split_first() else {
            out.push(b'\\');
            break;
        };
        rest = tail;
        let n = match c {
            b'u' => 4,
            b'U' => 8,
            other => {
                out.push(b'\\');
                push_code_point(&mut out, other.into());
                continue;
            }
        };
        let bad = || Error::invalid(format!("\\{} wants {n} hexadecimal digits", char::from(c)));
        let (digits, tail) = rest.split_at_checked(n).ok_or_else(bad)?;
        rest = tail;
        let v = hex(digits).ok_or_else(bad)?;
        if v > 0x10_ffff {
            return Err(Error::invalid(format!("\\U{v:08x} is beyond Unicode")));
        }
        push_code_point(&mut out, v);
    }
    Ok(Cow::Owned(out))
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0u32, |v, &d| Some((v << 4) | char::from(d).to_digit(16)?))
}

/// Appends a code point in UTF-8, a surrogate in the same bit pattern that other code points of its size have.
fn push_code_point(out: &mut Vec<u8>, v: u32) {
    match char::from_u32(v) {
        Some(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        None => out.extend([0xe0 | (v >> 12) as u8, 0x80 | (v >> 6 & 0x3f) as u8, 0x80 | (v & 0x3f) as u8]),
    }
}

/// Whether bytes that are not UTF-8 would be if surrogates were allowed in it.
pub(crate) fn is_utf8_with_surrogates(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    loop {
        let valid = match std::str::from_utf8(rest) {
            Ok(_) => return true,
            Err(e) => e.valid_up_to(),
        };
        match rest.get(valid..) {
            Some([0xed, 0xa0..=0xbf, 0x80..=0xbf, tail @ ..]) => rest = tail,
            _ => return false,
        }
    }
}

/// The start of a line for an error message.
fn quoted(line: &[u8]) -> String {
    let head = line.get(..40).unwrap_or(line);
    let dots = if head.len() < line.len() { ".." } else { "" };
    format!("'{}{dots}'", head.escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn int(s: &str) -> Result<IntLine> {
        int_line(s.as_bytes())
    }

    fn small(v: i64) -> IntLine {
        IntLine::Int(Number::Small(v))
    }

    #[test]
    fn integers_are_what_cpython_reads() {
        assert_eq!(int("00").unwrap(), IntLine::Bool(false));
        assert_eq!(int("01").unwrap(), IntLine::Bool(true));
        assert_eq!(int("+1").unwrap(), IntLine::Bool(true));
        assert_eq!(int("0").unwrap(), small(0));
        assert_eq!(int("1").unwrap(), small(1));
        assert_eq!(int("010").unwrap(), small(8));
        assert_eq!(int("0x1F").unwrap(), small(31));
        assert_eq!(int(" -42").unwrap(), small(-42));
        assert_eq!(int("1_000").unwrap(), small(1000));
        assert_eq!(int("5\r").unwrap(), small(5));
        assert_eq!(int("-9223372036854775808").unwrap(), small(i64::MIN));
        assert!(matches!(int("9223372036854775808").unwrap(), IntLine::Int(Number::Big(_))));
        for bad in ["", "-", "1__0", "_1", "1_", "09", "0x", "1.5", "1 2", "٣"] {
            assert!(int(bad).is_err(), "{bad:?}");
        }
        assert_eq!(long_line(b"12L").unwrap(), Number::Small(12));
        assert_eq!(long_line(b"999999999999999999").unwrap(), Number::Small(999_999_999_999_999_999));
        assert_eq!(long_line(b"0").unwrap(), Number::Small(0));
        assert!(long_line(b"012").is_err());
        assert!(long_line("9".repeat(4300).as_bytes()).is_ok());
        assert!(long_line("9".repeat(4301).as_bytes()).is_err());
    }

    #[test]
    fn binary_longs_are_twos_complement() {
        assert_eq!(long_bytes(b""), Number::Small(0));
        assert_eq!(long_bytes(b"\xff"), Number::Small(-1));
        assert_eq!(long_bytes(b"\xff\x00"), Number::Small(255));
        assert_eq!(long_bytes(b"\0\0\0\0\0\0\0\x80"), Number::Small(i64::MIN));
        assert_eq!(long_bytes(b"\0\0\0\0\0\0\0\x80\0"), Number::Big(BigInt::from(1u64 << 63)));
        assert_eq!(long_bytes(b"\x01\0\0\0\0\0\0\0\0\0"), Number::Small(1));
    }

    #[test]
    fn floats_overflow_only_in_writing() {
        assert_eq!(float_line(b"1e5").unwrap(), 1e5);
        assert!(float_line(b"nan").unwrap().is_nan());
        assert_eq!(float_line(b"-inf").unwrap(), f64::NEG_INFINITY);
        for bad in ["1e400", "1_0", " 1", "", "0x10", "1e"] {
            assert!(float_line(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn strings_unescape() {
        assert_eq!(&*string_line(br#"'a\x41\101\n\q\'"'"#).unwrap(), b"aAA\n\\q'\"");
        assert_eq!(&*string_line(br"'\400\0'").unwrap(), b"\x00\x00");
        for bad in [&b"'abc"[..], b"abc", b"'", b"", b"'\\x4'", b"'\\'", b"'a\""] {
            assert!(string_line(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn unicode_lines_unescape() {
        let text = |s: &[u8]| unicode_line(s).map(|c| String::from_utf8(c.into_owned()).unwrap());
        assert_eq!(text(b"a\xe9").unwrap(), "a\u{e9}");
        assert_eq!(text(br"\u20ac\U0001d11e").unwrap(), "\u{20ac}\u{1d11e}");
        assert_eq!(text(br"\\u0041\n").unwrap(), r"\\u0041\n");
        assert_eq!(text(b"end\\").unwrap(), "end\\");
        assert_eq!(&*unicode_line(br"\ud800").unwrap(), b"\xed\xa0\x80");
        for bad in [&br"\u12"[..], br"\uZZZZ", br"\U00110000"] {
            assert!(unicode_line(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn surrogates_are_the_only_exception_to_utf8() {
        assert!(is_utf8_with_surrogates(b"a\xed\xa0\x80b\xc3\xa9"));
        assert!(is_utf8_with_surrogates(b"\xed\xbf\xbf"));
        assert!(!is_utf8_with_surrogates(b"\xff"));
        assert!(!is_utf8_with_surrogates(b"\xed\xa0"));
        assert!(!is_utf8_with_surrogates(b"\xc0\x80"));
    }
}
