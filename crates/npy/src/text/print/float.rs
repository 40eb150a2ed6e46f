//! Floats as Python writes them: `repr`, and the digits of `%e`, `%f` and `%g`.
//!
//! `repr` has the fewest digits that give the value back, without an exponent from 1e-4 on to below 1e16. The others
//! round the exact binary value, half to even, at any precision.

use super::shortest;
use std::io::Write as _;

/// Appends `repr(v)`.
#[inline]
pub(in crate::text) fn push_float(v: f64, out: &mut Vec<u8>) {
    let size = v.abs();
    // In this range the library lays digits out as Python does.
    if (1e-4..1e16).contains(&size) || size == 0.0 {
        out.extend_from_slice(zmij::Buffer::new().format_finite(v).as_bytes());
    } else {
        push_far(v, out);
    }
}

/// Numbers that [`push_floats`] makes room for at once.
pub(in crate::text) const TOGETHER: usize = 16;

/// Appends `repr(v)` and a separator of each.
///
/// Digits go straight to their place: a number that was just formatted lies in the processor's store buffer in pieces,
/// and copying it waits for them.
#[inline]
pub(in crate::text) fn push_floats(values: &[f64; TOGETHER], separator: u8, out: &mut Vec<u8>) {
    const ALL: usize = TOGETHER * (shortest::LONGEST + 1) + shortest::ROOM;
    let found = values.map(shortest::find);
    let mut at = out.len();
    out.resize(at + ALL, 0);
    for (digits, &v) in found.iter().zip(values) {
        let room = out.get_mut(at..).and_then(|rest| rest.first_chunk_mut());
        if let (Some(digits), Some(room)) = (digits, room) {
            at += digits.put(room);
        } else {
            let end = out.len();
            out.truncate(at);
            push_float(v, out);
            at = out.len();
            out.resize(end, 0);
        }
        if let Some(place) = out.get_mut(at) {
            *place = separator;
        }
        at += 1;
    }
    out.truncate(at);
}

/// Appends a part of a complex number: as `repr` has it, without `.0`.
pub(super) fn push_part(v: f64, out: &mut Vec<u8>) {
    push_float(v, out);
    if out.ends_with(b".0") {
        out.truncate(out.len() - 2);
    }
}

/// What is written with an exponent, or by name.
#[cold]
fn push_far(v: f64, out: &mut Vec<u8>) {
    if v.is_nan() {
        return out.extend_from_slice(b"nan");
    }
    if v.is_infinite() {
        return out.extend_from_slice(if v < 0.0 { b"-inf" } else { b"inf" });
    }
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(v);
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).filter(u8::is_ascii_digit).collect();
    let zeros = digits.iter().take_while(|d| **d == b'0').count();
    let end = digits.iter().rposition(|d| *d != b'0').map_or(zeros, |at| at + 1);
    let digits = digits.get(zeros..end).unwrap_or_default();
    // The power of ten of the first digit that counts.
    let places = |n: usize| i32::try_from(n).unwrap_or(0);
    let before = places(whole.bytes().filter(u8::is_ascii_digit).count());
    let power = exponent.parse::<i32>().unwrap_or(0) + before - 1 - places(zeros);
    if v < 0.0 {
        out.push(b'-');
    }
    push_scientific(digits, power, out);
}

/// Appends `d.ddde+xx`.
pub(super) fn push_scientific(digits: &[u8], power: i32, out: &mut Vec<u8>) {
    let (first, rest) = digits.split_at_checked(1).unwrap_or((b"0", &[]));
    out.extend_from_slice(first);
    if !rest.is_empty() {
        out.push(b'.');
        out.extend_from_slice(rest);
    }
    // Writing to a vector does not fail.
    drop(write!(out, "e{}{:02}", if power < 0 { '-' } else { '+' }, power.unsigned_abs()));
}

/// `%f` of a finite number, without its sign.
pub(super) fn fixed(v: f64, precision: usize, alternate: bool) -> String {
    let mut text = format!("{:.precision$}", v.abs());
    if alternate && precision == 0 {
        text.push('.');
    }
    text
}

/// `%e` of a finite number, without its sign.
pub(super) fn exponent(v: f64, precision: usize, alternate: bool) -> String {
    let (mantissa, power) = split(v, precision);
    let point = if alternate && precision == 0 { "." } else { "" };
    with_exponent(&format!("{mantissa}{point}"), power)
}

/// `%g` of a finite number, without its sign.
pub(super) fn general(v: f64, precision: usize, alternate: bool) -> String {
    let places = precision.max(1);
    let (mantissa, power) = split(v, places - 1);
    let before = usize::try_from(power).ok();
    let plain = power >= -4 && before.is_none_or(|before| before < places);
    let digits = match plain {
        true => {
            let after = usize::try_from(i64::try_from(places).unwrap_or(i64::MAX) - 1 - i64::from(power));
            fixed(v, after.unwrap_or(0), alternate)
        }
        false if alternate && places == 1 => format!("{mantissa}."),
        false => mantissa,
    };
    let digits = match digits.contains('.') && !alternate {
        true => digits.trim_end_matches('0').trim_end_matches('.'),
        false => &digits,
    };
    if plain { digits.into() } else { with_exponent(digits, power) }
}

/// Mantissa with so many digits after its point, and power of ten.
fn split(v: f64, precision: usize) -> (String, i32) {
    let text = format!("{:.precision$e}", v.abs());
    let (mantissa, power) = text.split_once('e').unwrap_or((&text, "0"));
    (mantissa.into(), power.parse().unwrap_or(0))
}

fn with_exponent(mantissa: &str, power: i32) -> String {
    format!("{mantissa}e{}{:02}", if power < 0 { '-' } else { '+' }, power.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repr_as_python() {
        for (v, want) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.1, "0.1"),
            (0.0001, "0.0001"),
            (0.00012345, "0.00012345"),
            (0.00001, "1e-05"),
            (0.000012345, "1.2345e-05"),
            (9_999_999_999_999_998.0, "9999999999999998.0"),
            (1e16, "1e+16"),
            (-1.2345678901234568e17, "-1.2345678901234568e+17"),
            (1e22, "1e+22"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::NAN, "nan"),
            (-f64::NAN, "nan"),
            (f64::NEG_INFINITY, "-inf"),
            (0.1f32.into(), "0.10000000149011612"),
        ] {
            let mut out = Vec::new();
            push_float(v, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), want);
        }
    }

    #[test]
    fn together_as_one_by_one() {
        let longest = -1.0 / 3000.0;
        let some =
            [0.0, 1.0, 0.1, longest, 123_456.789, 9_999_999_999_999_998.0, -1e-4, f64::NAN, 1e300, -0.00001];
        let mixed = std::array::from_fn(|i| some[(i * 7) % some.len()]);
        for values in some.map(|v| [v; TOGETHER]).into_iter().chain([mixed]) {
            let (mut together, mut alone) = (b"x".to_vec(), b"x".to_vec());
            push_floats(&values, b';', &mut together);
            for v in values {
                push_float(v, &mut alone);
                alone.push(b';');
            }
            assert_eq!(String::from_utf8(together).unwrap(), String::from_utf8(alone).unwrap());
        }
    }

    #[test]
    fn exact_values_round_half_to_even() {
        assert_eq!(fixed(0.5, 0, false), "0");
        assert_eq!(fixed(2.5, 0, true), "2.");
        assert_eq!(fixed(0.125, 2, false), "0.12");
        assert_eq!(exponent(2.5, 0, false), "2e+00");
        assert_eq!(exponent(0.0, 2, false), "0.00e+00");
        assert_eq!(general(100000.0, 6, false), "100000");
        assert_eq!(general(1e6, 6, false), "1e+06");
        assert_eq!(general(0.0001, 6, false), "0.0001");
        assert_eq!(general(0.00001, 6, false), "1e-05");
        assert_eq!(general(999999.5, 6, false), "1e+06");
        assert_eq!(general(2.5, 6, true), "2.50000");
        assert_eq!(general(0.0, 0, true), "0.");
        assert_eq!(general(1e20, 1, true), "1.e+20");
    }
}
