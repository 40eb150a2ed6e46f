//! One element through a `%` conversion, as Python does it.

use super::{Item, float, push_repr, push_str};
use crate::text::format::{Kind, Spec};
use hyperslab_core::{Error, Result};

/// What is padded: a sign, a base's prefix, digits.
#[derive(Default)]
struct Number {
    negative: bool,
    prefix: &'static str,
    digits: String,
}

/// Appends a converted element.
///
/// # Errors
/// `Usage` when the conversion does not take what the element is; `Invalid` for a value that it does not take.
pub(in crate::text) fn convert(spec: &Spec, item: &Item<'_>, out: &mut Vec<u8>) -> Result<()> {
    match spec.kind {
        Kind::Str | Kind::Repr | Kind::Ascii => {
            let mut text = Vec::new();
            match spec.kind {
                Kind::Str => push_str(item, &mut text),
                _ => push_repr(item, &mut text),
            }
            let text = String::from_utf8_lossy(&text);
            let text = if spec.kind == Kind::Ascii { escape(&text) } else { text.into_owned() };
            let text: String = text.chars().take(spec.precision.unwrap_or(usize::MAX)).collect();
            pad(spec, &text, out);
        }
        Kind::Character => pad(spec, &character(item)?.to_string(), out),
        Kind::Decimal | Kind::Octal | Kind::Hex => number(spec, integer(spec, item)?, out),
        Kind::Exponent | Kind::Fixed | Kind::General => number(spec, real(spec, item)?, out),
    }
    Ok(())
}

/// Appends text, padded with spaces.
fn pad(spec: &Spec, text: &str, out: &mut Vec<u8>) {
    let missing = spec.width.saturating_sub(text.chars().count());
    let (before, after) = if spec.left { (0, missing) } else { (missing, 0) };
    out.extend(std::iter::repeat_n(b' ', before));
    out.extend_from_slice(text.as_bytes());
    out.extend(std::iter::repeat_n(b' ', after));
}

/// Appends a number, padded with spaces around it or zeros within it.
fn number(spec: &Spec, number: Number, out: &mut Vec<u8>) {
    let sign = match (number.negative, spec.plus, spec.space) {
        (true, ..) => "-",
        (_, true, _) => "+",
        (.., true) => " ",
        _ => "",
    };
    let digits = if spec.upper { number.digits.to_ascii_uppercase() } else { number.digits };
    let prefix = if spec.upper { number.prefix.to_ascii_uppercase() } else { number.prefix.into() };
    let missing = spec.width.saturating_sub(sign.len() + prefix.len() + digits.len());
    let (before, zeros, after) = match (spec.left, spec.zero) {
        (true, _) => (0, 0, missing),
        (_, true) => (0, missing, 0),
        _ => (missing, 0, 0),
    };
    out.extend(std::iter::repeat_n(b' ', before));
    out.extend_from_slice(sign.as_bytes());
    out.extend_from_slice(prefix.as_bytes());
    out.extend(std::iter::repeat_n(b'0', zeros));
    out.extend_from_slice(digits.as_bytes());
    out.extend(std::iter::repeat_n(b' ', after));
}

fn integer(spec: &Spec, item: &Item<'_>) -> Result<Number> {
    let decimal = spec.kind == Kind::Decimal;
    let (negative, digits) = match item {
        Item::Bool(v) => (false, u8::from(*v).to_string()),
        Item::Int(v) => {
            let size = v.unsigned_abs();
            let digits = match spec.kind {
                Kind::Hex => format!("{size:x}"),
                Kind::Octal => format!("{size:o}"),
                _ => size.to_string(),
            };
            (*v < 0, digits)
        }
        Item::Float(v) if decimal && v.is_finite() => {
            let digits = format!("{:.0}", v.trunc().abs());
            (*v < 0.0 && digits != "0", digits)
        }
        Item::Extended(v) if decimal && v.is_finite() => {
            let digits = v.whole().to_string();
            (v.has_minus() && digits != "0", digits)
        }
        Item::Float(_) | Item::Extended(_) if decimal => {
            let mut value = Vec::new();
            push_str(item, &mut value);
            let value = String::from_utf8_lossy(&value).into_owned();
            return Err(
                Error::invalid(format!("{value} is no integer")).hint("use a format for floats such as '%g'")
            );
        }
        other => return Err(mismatch(spec, other)),
    };
    let zeros = spec.precision.unwrap_or(0).saturating_sub(digits.len());
    let prefix = match spec.kind {
        Kind::Hex if spec.alternate => "0x",
        Kind::Octal if spec.alternate => "0o",
        _ => "",
    };
    Ok(Number { negative, prefix, digits: "0".repeat(zeros) + &digits })
}

fn real(spec: &Spec, item: &Item<'_>) -> Result<Number> {
    let v = match item {
        Item::Bool(v) => f64::from(u8::from(*v)),
        // To the nearest, half to even, as Python does it.
        Item::Int(v) => *v as f64,
        Item::Float(v) => *v,
        Item::Extended(v) => v.to_f64(),
        other => return Err(mismatch(spec, other)),
    };
    let precision = spec.precision.unwrap_or(6);
    let digits = match spec.kind {
        _ if v.is_nan() => "nan".into(),
        _ if v.is_infinite() => "inf".into(),
        Kind::Exponent => float::exponent(v, precision, spec.alternate),
        Kind::General => float::general(v, precision, spec.alternate),
        _ => float::fixed(v, precision, spec.alternate),
    };
    Ok(Number { negative: v.is_sign_negative() && !v.is_nan(), prefix: "", digits })
}

fn character(item: &Item<'_>) -> Result<char> {
    let code = match item {
        Item::Bool(v) => i128::from(*v),
        Item::Int(v) => *v,
        Item::Str(s) => {
            let mut chars = s.chars();
            return match (chars.next(), chars.next()) {
                (Some(c), None) => Ok(c),
                _ => Err(Error::invalid(format!("{s:?} is not one character"))),
            };
        }
        _ => return Err(Error::usage("'%c' takes integers and characters")),
    };
    let c = u32::try_from(code).ok().and_then(char::from_u32);
    c.ok_or_else(|| Error::invalid(format!("{code} is no character's code")))
}

fn mismatch(spec: &Spec, item: &Item<'_>) -> Error {
    let wanted = match spec.kind {
        Kind::Hex | Kind::Octal => "integers",
        _ => "integers and floats",
    };
    let found = match item {
        Item::Float(_) | Item::Extended(_) => "floats",
        Item::Complex(..) | Item::ExtendedComplex(..) => "complex numbers",
        Item::Bytes(_) | Item::Str(_) => "strings",
        Item::None => "times that are none",
        Item::Tuple(_) => "structs",
        _ => "times",
    };
    Error::usage(format!("the format takes {wanted}, not {found}")).hint("'%s' takes everything")
}

/// What `ascii` makes of a `repr`.
fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        let code = u32::from(c);
        match code {
            0..0x80 => out.push(c),
            0x80..0x100 => out.push_str(&format!("\\x{code:02x}")),
            0x100..0x1_0000 => out.push_str(&format!("\\u{code:04x}")),
            _ => out.push_str(&format!("\\U{code:08x}")),
        }
    }
    out
}
