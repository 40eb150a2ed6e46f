//! `%` formats as Python's strings have them, with exactly one element to convert.
//!
//! `%[flags][width][.precision][h|l|L]conversion`, flags `# 0 - +` and space, conversions `d i u x X o e E f F g G c s
//! r a`, and `%%` for a percent sign. What would take a second argument (`*`, a second conversion) or a mapping
//! (`%(name)d`) is refused here, before anything is written.
//! Source: Python 3.11's `str % tuple`, probed.

use hyperslab_core::{Error, Result};
use std::str::FromStr;

/// Width and precision are at most this.
const WIDEST: usize = 10_000;

/// A `%` format, or none: then elements are written as Python's `str` writes them.
///
/// ```
/// # use hyperslab_npy::text::Format;
/// let format: Format = "%+.3e".parse()?;
/// assert!("%d%d".parse::<Format>().is_err());
/// # Ok::<(), hyperslab_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Format {
    pub(super) conversion: Option<Conversion>,
}

/// A format's one conversion with the text around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Conversion {
    pub(super) before: String,
    pub(super) spec: Spec,
    pub(super) after: String,
}

/// How an element is converted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spec {
    /// `-`: padded at the end.
    pub(super) left: bool,
    /// `+`: a sign before positive numbers.
    pub(super) plus: bool,
    /// Space: a space before positive numbers.
    pub(super) space: bool,
    /// `#`: prefixes of bases, points and zeros that are not needed.
    pub(super) alternate: bool,
    /// `0`: numbers are padded with zeros.
    pub(super) zero: bool,
    pub(super) width: usize,
    pub(super) precision: Option<usize>,
    pub(super) kind: Kind,
    /// Capital letters.
    pub(super) upper: bool,
}

/// The conversions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `d i u`.
    Decimal,
    /// `o`.
    Octal,
    /// `x X`.
    Hex,
    /// `e E`.
    Exponent,
    /// `f F`.
    Fixed,
    /// `g G`.
    General,
    /// `c`.
    Character,
    /// `s`.
    Str,
    /// `r`.
    Repr,
    /// `a`.
    Ascii,
}

impl Format {
    /// A format from its text; the empty text is none.
    ///
    /// # Errors
    /// `Usage` for what Python refuses, with the position, `Unsupported` for characters beyond ASCII, `Limit` for
    /// widths and precisions over 10,000.
    pub fn new(text: &str) -> Result<Format> {
        if text.is_empty() {
            return Ok(Format::default());
        }
        let e = |e: Error| e.reading(format!("format {text:?}"));
        parse(text).map(|conversion| Format { conversion: Some(conversion) }).map_err(e)
    }
}

impl FromStr for Format {
    type Err = Error;
    fn from_str(text: &str) -> Result<Format> {
        Format::new(text)
    }
}

fn parse(text: &str) -> Result<Conversion> {
    if !text.is_ascii() {
        return Err(Error::unsupported("holds characters beyond ASCII, which NumPy cannot write"));
    }
    let (mut before, mut after, mut spec) = (String::new(), String::new(), None);
    let mut rest = text;
    loop {
        let literal = if spec.is_none() { &mut before } else { &mut after };
        let Some((plain, conversion)) = rest.split_once('%') else {
            literal.push_str(rest);
            break;
        };
        literal.push_str(plain);
        if let Some(tail) = conversion.strip_prefix('%') {
            literal.push('%');
            rest = tail;
            continue;
        }
        let mut scan = Scanner { text, rest: conversion };
        let found = scan.spec()?;
        if spec.is_some() {
            return Err(Error::usage("converts more than one element at a time").hint("use one conversion"));
        }
        spec = Some(found);
        rest = scan.rest;
    }
    match spec {
        Some(spec) => Ok(Conversion { before, spec, after }),
        None => Err(Error::usage("converts nothing").hint("it needs one conversion such as '%g'")),
    }
}

struct Scanner<'a> {
    text: &'a str,
    rest: &'a str,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn eat(&mut self, c: char) -> bool {
        let found = self.rest.strip_prefix(c);
        self.rest = found.unwrap_or(self.rest);
        found.is_some()
    }

    fn spec(&mut self) -> Result<Spec> {
        if self.peek() == Some('(') {
            return Err(Error::usage("names its argument, and elements have no names"));
        }
        let mut spec = Spec {
            left: false,
            plus: false,
            space: false,
            alternate: false,
            zero: false,
            width: 0,
            precision: None,
            kind: Kind::Str,
            upper: false,
        };
        loop {
            match self.peek() {
                Some('-') => spec.left = true,
                Some('+') => spec.plus = true,
                Some(' ') => spec.space = true,
                Some('#') => spec.alternate = true,
                Some('0') => spec.zero = true,
                _ => break,
            }
            self.rest = self.rest.get(1..).unwrap_or_default();
        }
        spec.width = self.number("width")?.unwrap_or(0);
        if self.eat('.') {
            spec.precision = Some(self.number("precision")?.unwrap_or(0));
        }
        // They mean nothing.
        let _ = self.eat('h') || self.eat('l') || self.eat('L');
        let at = self.text.len() - self.rest.len();
        let Some(c) = self.peek() else { return Err(Error::usage("ends within a conversion")) };
        self.rest = self.rest.get(1..).unwrap_or_default();
        spec.upper = c.is_ascii_uppercase();
        spec.kind = match c {
            'd' | 'i' | 'u' => Kind::Decimal,
            'o' => Kind::Octal,
            'x' | 'X' => Kind::Hex,
            'e' | 'E' => Kind::Exponent,
            'f' | 'F' => Kind::Fixed,
            'g' | 'G' => Kind::General,
            'c' => Kind::Character,
            's' => Kind::Str,
            'r' => Kind::Repr,
            'a' => Kind::Ascii,
            _ => {
                return Err(Error::usage(format!("{c:?} at position {at} is no conversion"))
                    .hint("there are d i u x X o e E f F g G c s r a"));
            }
        };
        Ok(spec)
    }

    fn number(&mut self, what: &str) -> Result<Option<usize>> {
        if self.peek() == Some('*') {
            return Err(Error::usage(format!("takes its {what} from a second argument, and there is none")));
        }
        let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        if digits.is_empty() {
            return Ok(None);
        }
        let number = digits.parse().ok().filter(|n| *n <= WIDEST);
        number.map(Some).ok_or_else(|| Error::limit(format!("a {what} of {digits}, at most {WIDEST}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_conversion_and_nothing_else() {
        let f = Format::new("a%%%-+ #05.3lfz%%").unwrap().conversion.unwrap();
        assert_eq!((f.before.as_str(), f.after.as_str()), ("a%", "z%"));
        let s = f.spec;
        assert!(s.left && s.plus && s.space && s.alternate && s.zero && !s.upper);
        assert_eq!((s.width, s.precision, s.kind), (5, Some(3), Kind::Fixed));
        assert_eq!(Format::new("").unwrap(), Format::default());
        let long = "%99999999999999999999d";
        for (text, want) in [
            ("x", "format \"x\": converts nothing; it needs one conversion such as '%g'"),
            ("%d%d", "format \"%d%d\": converts more than one element at a time; use one conversion"),
            ("%", "format \"%\": ends within a conversion"),
            ("%5", "format \"%5\": ends within a conversion"),
            ("%(a)d", "format \"%(a)d\": names its argument, and elements have no names"),
            ("%*d", "format \"%*d\": takes its width from a second argument, and there is none"),
            ("%.*f", "format \"%.*f\": takes its precision from a second argument, and there is none"),
            (
                "%lld",
                "format \"%lld\": 'l' at position 2 is no conversion; there are d i u x X o e E f F g G c s r a",
            ),
            (long, "format \"%99999999999999999999d\": a width of 99999999999999999999, at most 10000"),
        ] {
            assert_eq!(Format::new(text).unwrap_err().to_string(), want);
        }
        assert!(Format::new("%5%d").is_err());
        assert!(Format::new("é%d").is_err());
    }
}
