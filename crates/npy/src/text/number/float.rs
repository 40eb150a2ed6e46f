//! Floats, and the bools that NumPy reads as floats.
//!
//! What belongs to a float is decided by a grammar that is wider than what a float is (`1e`, `infin`, `nan(`) and also
//! narrower (`5.e8` ends after its point), and cut at 120 characters; the value is that of its longest sensible beginning, correctly rounded to a double. The
//! smaller types are narrowed from the double, as NumPy does, even where that rounds twice. No hexadecimal, no
//! locale.
//! Source: `numpy.fromfile` of NumPy 2.4, probed.

use super::{Bad, Scan, decimal, ordered};
use half::f16;
use hyperslab_core::ByteOrder;

/// A number is no longer than this.
pub(super) const LONGEST: usize = 120;

/// Floats of 2, 4 or 8 bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Real<const N: usize> {
    pub(crate) order: ByteOrder,
}

impl Scan<2> for Real<2> {
    const BLANK_END: bool = false;
    #[inline]
    fn scan(&self, s: &[u8]) -> Result<([u8; 2], usize), Bad> {
        let (value, n) = double(s)?;
        Ok((ordered(f16::from_f64(value).to_le_bytes(), self.order), n))
    }
}

impl Scan<4> for Real<4> {
    const BLANK_END: bool = false;
    #[inline]
    fn scan(&self, s: &[u8]) -> Result<([u8; 4], usize), Bad> {
        let (value, n) = double(s)?;
        Ok((ordered((value as f32).to_le_bytes(), self.order), n))
    }
}

impl Scan<8> for Real<8> {
    const BLANK_END: bool = false;
    #[inline]
    fn scan(&self, s: &[u8]) -> Result<([u8; 8], usize), Bad> {
        let (value, n) = double(s)?;
        Ok((ordered(value.to_le_bytes(), self.order), n))
    }
}

/// Bools: whether a float is not zero.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bool;

impl Scan<1> for Bool {
    const BLANK_END: bool = false;
    #[inline]
    fn scan(&self, s: &[u8]) -> Result<([u8; 1], usize), Bad> {
        let (value, n) = double(s)?;
        Ok(([u8::from(value != 0.0)], n))
    }
}

/// The double at the beginning of `s` and its length.
#[inline]
pub(super) fn double(s: &[u8]) -> Result<(f64, usize), Bad> {
    if let Some((value, n)) = s.first_chunk().and_then(decimal::read)
        && !goes_on(s.get(n))
    {
        return Ok((value, n));
    }
    other(s)
}

fn other(s: &[u8]) -> Result<(f64, usize), Bad> {
    match fast_float2::parse_partial::<f64, _>(s) {
        // Where nothing follows that the grammar would still take, both agree on the end.
        Ok((value, n)) if n <= LONGEST && !goes_on(s.get(n)) && !value.is_nan() && !bare_point(s, n) => {
            Ok((value, n))
        }
        _ => by_grammar(s),
    }
}

#[inline]
fn goes_on(next: Option<&u8>) -> bool {
    matches!(next, Some(b'e' | b'E' | b'i' | b'I' | b'('))
}

/// Whether a number of `n` bytes goes on after a point without digits, where the grammar ends.
#[inline]
fn bare_point(s: &[u8], n: usize) -> bool {
    let mut at = usize::from(matches!(s.first(), Some(b'+' | b'-')));
    while s.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    at + 1 < n && s.get(at) == Some(&b'.') && !s.get(at + 1).is_some_and(u8::is_ascii_digit)
}

#[cold]
fn by_grammar(s: &[u8]) -> Result<(f64, usize), Bad> {
    let n = extent(s);
    let bad = || Bad::not_a_number(n);
    let value = match literal(s.get(..n).unwrap_or_default()).ok_or_else(bad)? {
        Literal::Nan => f64::NAN,
        Literal::Infinity { negative } => {
            if negative {
                f64::NEG_INFINITY
            } else {
                f64::INFINITY
            }
        }
        Literal::Decimal(text) => text.parse().map_err(|_| bad())?,
    };
    Ok((value, n))
}

/// How many bytes belong to a number.
pub(super) fn extent(s: &[u8]) -> usize {
    let s = s.get(..LONGEST).unwrap_or(s);
    let at = usize::from(matches!(s.first(), Some(b'+' | b'-')));
    match s.get(at) {
        Some(b'n' | b'N') => {
            let end = at + word(s, at, b"nan");
            match s.get(end) {
                Some(b'(') if end == at + 3 => {
                    let close = run(s, end + 1, |b| b.is_ascii_alphanumeric() || b == b'_');
                    close + usize::from(s.get(close) == Some(&b')'))
                }
                _ => end,
            }
        }
        Some(b'i' | b'I') => at + word(s, at, b"infinity"),
        _ => {
            let mut at = run(s, at, |b| b.is_ascii_digit());
            if s.get(at) == Some(&b'.') {
                let end = run(s, at + 1, |b| b.is_ascii_digit());
                if end == at + 1 {
                    return end;
                }
                at = end;
            }
            if matches!(s.get(at), Some(b'e' | b'E')) {
                at += 1;
                at += usize::from(matches!(s.get(at), Some(b'+' | b'-')));
                at = run(s, at, |b| b.is_ascii_digit());
            }
            at
        }
    }
}

/// How many letters of a word stand at `at`, in either case.
fn word(s: &[u8], at: usize, word: &[u8]) -> usize {
    let there = s.get(at..).unwrap_or_default();
    there.iter().zip(word).take_while(|(b, w)| b.eq_ignore_ascii_case(w)).count()
}

/// The first place from `at` on that is none of these.
fn run(s: &[u8], mut at: usize, these: impl Fn(u8) -> bool) -> usize {
    while s.get(at).is_some_and(|&b| these(b)) {
        at += 1;
    }
    at
}

/// What a number's text says.
#[derive(Debug, PartialEq)]
pub(super) enum Literal<'a> {
    /// Not a number, of either sign: the sign is dropped.
    Nan,
    /// Infinity.
    Infinity {
        /// Whether it is below every number.
        negative: bool,
    },
    /// Sign, digits with a point among them, and an exponent, if any, that has digits.
    Decimal(&'a str),
}

/// The value of the longest beginning of a number's text that has one.
pub(super) fn literal(s: &[u8]) -> Option<Literal<'_>> {
    let at = usize::from(matches!(s.first(), Some(b'+' | b'-')));
    if word(s, at, b"nan") == 3 {
        return Some(Literal::Nan);
    }
    if word(s, at, b"inf") == 3 {
        return Some(Literal::Infinity { negative: s.first() == Some(&b'-') });
    }
    let point = run(s, at, |b| b.is_ascii_digit());
    let mut end = point;
    if s.get(point) == Some(&b'.') {
        end = run(s, point + 1, |b| b.is_ascii_digit());
        if end == at + 1 {
            return None;
        }
    }
    if end == at {
        return None;
    }
    if matches!(s.get(end), Some(b'e' | b'E')) {
        let digits = end + 1 + usize::from(matches!(s.get(end + 1), Some(b'+' | b'-')));
        let stop = run(s, digits, |b| b.is_ascii_digit());
        if stop > digits {
            end = stop;
        }
    }
    std::str::from_utf8(s.get(..end)?).ok().map(Literal::Decimal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_are_tolerated_as_numpy_does() {
        for (s, value, n) in [
            ("1e,", 1.0, 2),
            ("1e+,", 1.0, 3),
            ("5.", 5.0, 2),
            (".5", 0.5, 2),
            ("+.5e1x", 5.0, 5),
            ("-5.e8", -5.0, 3),
            ("infin,", f64::INFINITY, 5),
            ("-INFINITYx", f64::NEG_INFINITY, 9),
            ("1e400", f64::INFINITY, 5),
            ("-1e-400", 0.0, 7),
            ("0x10", 0.0, 1),
            ("1_0", 1.0, 1),
            ("1ee", 1.0, 2),
        ] {
            assert_eq!(double(s.as_bytes()).unwrap(), (value, n), "{s}");
        }
        for (s, n) in [("nan", 3), ("-NaN", 4), ("nan(a_1)x", 8), ("nan(,", 4), ("nan(é)", 4)] {
            let (value, taken) = double(s.as_bytes()).unwrap();
            assert_eq!((value.to_bits(), taken), (f64::NAN.to_bits(), n), "{s}");
        }
        for s in ["", "-", "+", ".", "-.e1", "e5", "na", "i", "in", "x", ",", "(1)", "\0"] {
            assert!(double(s.as_bytes()).is_err(), "{s}");
        }
    }

    #[test]
    fn a_number_ends_at_its_longest() {
        let long = format!("1.{}", "0".repeat(200));
        assert_eq!(double(long.as_bytes()).unwrap(), (1.0, LONGEST));
        assert_eq!(double(&long.as_bytes()[..LONGEST]).unwrap(), (1.0, LONGEST));
    }
}
