//! The few Python literals that an NPY header is made of, parsed without evaluating anything.
//!
//! One pass, no backtracking, bounded nesting. Strings, integers, booleans, tuples and lists are kept because a
//! header can use them; floats, bytes, `None` and `...` are recognized only to be named in an error. Names, calls,
//! operators, dicts inside the header's dict and sets are refused where they stand.
//! Source: what CPython 3.11's `ast.literal_eval` accepts, as NumPy 2.4 calls it.

mod string;

use hyperslab_core::{Error, Result};
use std::borrow::Cow;

/// How deep brackets may nest (CPython stops at 200).
const MAX_DEPTH: u32 = 100;

/// A parsed literal.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Literal<'a> {
    Str(Cow<'a, str>),
    /// `None` when it does not fit 64 bits.
    Int(Option<i64>),
    Bool(bool),
    Tuple(Vec<Literal<'a>>),
    List(Vec<Literal<'a>>),
    None,
    /// Something that no header uses, by name.
    Other(&'static str),
}

impl Literal<'_> {
    /// What it is, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Literal::Str(_) => "a string",
            Literal::Int(_) => "an integer",
            Literal::Bool(_) => "a boolean",
            Literal::Tuple(_) => "a tuple",
            Literal::List(_) => "a list",
            Literal::None => "None",
            Literal::Other(what) => what,
        }
    }
}

/// Reads literals from header text. Positions in errors count from the start of that text.
pub(crate) struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    latin1: bool,
    depth: u32,
}

impl<'a> Parser<'a> {
    /// A parser of Latin-1 text (format versions 1 and 2, where Python 2's `3L` is an integer too) or of text
    /// that is known to be UTF-8 (version 3).
    pub(crate) fn new(text: &'a [u8], latin1: bool) -> Result<Parser<'a>> {
        if text.contains(&0) {
            let nul = text.iter().take_while(|b| **b != 0).count();
            return Err(Error::invalid("NUL byte in the header text").at(nul as u64));
        }
        Ok(Parser { text, at: 0, latin1, depth: 0 })
    }

    /// The pairs of the one dict that the text must be: each key to `key` for what it stands for, then its value to
    /// `entry`, with the position of the pair.
    pub(crate) fn dict<K>(
        &mut self,
        key: impl Fn(Literal<'a>) -> Result<K>,
        mut entry: impl FnMut(K, Literal<'a>, u64),
    ) -> Result<()> {
        self.start()?;
        let mut parens = 0u32;
        while self.eat(b'(') {
            parens += 1;
            self.blank();
        }
        if !self.eat(b'{') {
            return Err(self.unexpected("the header's dict"));
        }
        loop {
            self.blank();
            if self.eat(b'}') {
                break;
            }
            let at = self.at as u64;
            let key = key(self.value()?).map_err(|e| e.at(at))?;
            if !self.eat(b':') {
                return Err(self.unexpected("':' after the key"));
            }
            let value = self.value()?;
            entry(key, value, at);
            if self.eat(b',') {
                continue;
            }
            if self.eat(b'}') {
                break;
            }
            return Err(self.unexpected("',' or '}'"));
        }
        for _ in 0..parens {
            self.blank();
            if !self.eat(b')') {
                return Err(self.unexpected("')'"));
            }
        }
        self.blank();
        if self.peek().is_some() { Err(self.unexpected("the end of the header")) } else { Ok(()) }
    }

    /// One literal and the blanks around it.
    pub(crate) fn value(&mut self) -> Result<Literal<'a>> {
        self.blank();
        let v = match self.peek() {
            Some(b'\'' | b'"') => self.strings()?,
            Some(b'(') => self.parens()?,
            Some(b'[') => {
                self.deeper()?;
                self.at += 1;
                let items = self.items(b']')?.0;
                self.depth -= 1;
                Literal::List(items)
            }
            Some(b'0'..=b'9') => self.number(false)?,
            Some(b'-' | b'+') => {
                let negative = self.peek() == Some(b'-');
                self.at += 1;
                self.blank();
                match self.peek() {
                    Some(b'0'..=b'9') => self.number(negative)?,
                    _ => return Err(self.unexpected("a number after the sign")),
                }
            }
            Some(b'.') if self.text.get(self.at..self.at + 3) == Some(b"...") => {
                self.at += 3;
                Literal::Other("an ellipsis")
            }
            Some(b'.') => self.number(false)?,
            Some(b'{') => return Err(self.fault("a dict or set where a header has none")),
            Some(b'a'..=b'z' | b'A'..=b'Z' | b'_') => self.name()?,
            _ => return Err(self.unexpected("a value")),
        };
        self.blank();
        Ok(v)
    }

    fn parens(&mut self) -> Result<Literal<'a>> {
        self.deeper()?;
        self.at += 1;
        let (mut items, comma) = self.items(b')')?;
        self.depth -= 1;
        // One value in parentheses without a comma is that value.
        Ok(match items.pop() {
            Some(only) if items.is_empty() && !comma => only,
            Some(last) => {
                items.push(last);
                Literal::Tuple(items)
            }
            None => Literal::Tuple(items),
        })
    }

    /// The items up to a closing bracket, and whether there was a comma.
    fn items(&mut self, close: u8) -> Result<(Vec<Literal<'a>>, bool)> {
        let mut out = Vec::new();
        let mut comma = false;
        loop {
            self.blank();
            if self.eat(close) {
                return Ok((out, comma));
            }
            out.push(self.value()?);
            if self.eat(b',') {
                comma = true;
            } else if self.eat(close) {
                return Ok((out, comma));
            } else {
                return Err(self.unexpected(if close == b')' { "',' or ')'" } else { "',' or ']'" }));
            }
        }
    }

    fn deeper(&mut self) -> Result<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Error::limit(format!("brackets nested deeper than {MAX_DEPTH}")).at(self.at as u64));
        }
        Ok(())
    }

    fn name(&mut self) -> Result<Literal<'a>> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let len = rest.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
        let (word, after) = rest.split_at(len);
        if matches!(after.first(), Some(b'\'' | b'"')) && len <= 2 {
            return self.strings();
        }
        let v = match word {
            b"True" => Literal::Bool(true),
            b"False" => Literal::Bool(false),
            b"None" => Literal::None,
            _ => {
                let word = String::from_utf8_lossy(word.get(..40).unwrap_or(word));
                return Err(self.fault(format!("the name {word} where only literals belong")));
            }
        };
        self.at += len;
        Ok(v)
    }

    /// An integer; floats and complex numbers are only recognized.
    fn number(&mut self, negative: bool) -> Result<Literal<'a>> {
        let start = self.at;
        let radix = match (self.peek(), self.text.get(self.at + 1)) {
            (Some(b'0'), Some(b'x' | b'X')) => 16,
            (Some(b'0'), Some(b'o' | b'O')) => 8,
            (Some(b'0'), Some(b'b' | b'B')) => 2,
            _ => 10,
        };
        // An underscore may stand between digits, and after a prefix.
        let mut underscore_allowed = radix != 10;
        if radix != 10 {
            self.at += 2;
        }
        let (mut value, mut digits, mut underscore) = (Some(0i64), 0usize, false);
        while let Some(b) = self.peek() {
            if b == b'_' {
                if !underscore_allowed {
                    return Err(self.unexpected("a digit"));
                }
                (underscore, underscore_allowed) = (true, false);
            } else if let Some(d) = char::from(b).to_digit(radix) {
                let d = i64::from(d);
                let next = value.and_then(|v| v.checked_mul(radix.into()));
                value = next.and_then(|v| if negative { v.checked_sub(d) } else { v.checked_add(d) });
                digits += 1;
                (underscore, underscore_allowed) = (false, true);
            } else {
                break;
            }
            self.at += 1;
        }
        if radix == 10 && matches!(self.peek(), Some(b'.' | b'e' | b'E' | b'j' | b'J')) {
            while matches!(self.peek(), Some(b'0'..=b'9' | b'.' | b'_' | b'e' | b'E' | b'j' | b'J')) {
                let exponent = matches!(self.peek(), Some(b'e' | b'E'));
                self.at += 1;
                if exponent && matches!(self.peek(), Some(b'+' | b'-')) {
                    self.at += 1;
                }
            }
            return Ok(Literal::Other("a float"));
        }
        let zero_led = radix == 10 && digits > 1 && self.text.get(start) == Some(&b'0') && value != Some(0);
        if digits == 0 || underscore || zero_led {
            self.at = start;
            return Err(self.unexpected("a number"));
        }
        // Python 2 wrote long integers with a suffix.
        let rest = self.text.get(self.at..).unwrap_or_default();
        let gap = rest.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        if self.latin1 && rest.get(gap) == Some(&b'L') {
            self.at += gap + 1;
        }
        if matches!(self.peek(), Some(b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'0'..=b'9' | 0x80..)) {
            return Err(self.unexpected("the end of the number"));
        }
        Ok(Literal::Int(value))
    }

    /// Blanks: line ends, comments and continued lines too.
    fn blank(&mut self) {
        while let Some(b) = self.peek() {
            match b {
                b' ' => {
                    // Headers end in padding: sixteen at a time.
                    while self.text.get(self.at..).and_then(<[u8]>::first_chunk) == Some(&[b' '; 16]) {
                        self.at += 16;
                    }
                    self.at += usize::from(self.peek() == Some(b' '));
                }
                b'\t' | b'\x0c' | b'\n' | b'\r' => self.at += 1,
                b'#' => self.comment(),
                b'\\' => match self.text.get(self.at + 1..) {
                    // A continued line needs a line after it.
                    Some([b'\n', _, ..]) => self.at += 2,
                    Some([b'\r', b'\n', _, ..]) => self.at += 3,
                    _ => return,
                },
                _ => return,
            }
        }
    }

    /// Blanks before the dict: empty lines, but no indentation after one.
    fn start(&mut self) -> Result<()> {
        self.blank();
        let before = self.text.get(..self.at).unwrap_or_default();
        let indented = matches!(before.last(), Some(b' ' | b'\t'));
        if indented && before.iter().any(|b| matches!(b, b'\n' | b'\r')) {
            return Err(self.fault("indentation before the header's dict"));
        }
        Ok(())
    }

    fn comment(&mut self) {
        while self.peek().is_some_and(|b| b != b'\n' && b != b'\r') {
            self.at += 1;
        }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    #[inline]
    fn eat(&mut self, b: u8) -> bool {
        let there = self.peek() == Some(b);
        self.at += usize::from(there);
        there
    }

    fn fault(&self, what: impl Into<Cow<'static, str>>) -> Error {
        Error::invalid(what).at(self.at as u64)
    }

    #[cold]
    fn unexpected(&self, wanted: impl std::fmt::Display) -> Error {
        match self.peek() {
            None => self.fault(format!("the header ends where {wanted} belongs")),
            Some(b @ 0x20..=0x7e) => self.fault(format!("{:?} where {wanted} belongs", char::from(b))),
            Some(b) => self.fault(format!("byte {b:#04x} where {wanted} belongs")),
        }
    }
}

#[cfg(test)]
mod tests;
