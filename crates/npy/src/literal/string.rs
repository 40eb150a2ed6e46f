//! String literals: prefixes, quotes, escapes and both encodings.

use super::{Literal, Parser};
use hyperslab_core::{Error, Result};
use std::borrow::Cow;

impl<'a> Parser<'a> {
    /// String literals side by side are one string.
    pub(super) fn strings(&mut self) -> Result<Literal<'a>> {
        let mut all: Option<Cow<'a, str>> = None;
        let mut bytes = false;
        loop {
            let (part, is_bytes) = self.string()?;
            if all.is_some() && is_bytes != bytes {
                return Err(self.fault("bytes and text side by side"));
            }
            bytes = is_bytes;
            all = Some(match all {
                None => part,
                Some(s) => Cow::Owned(s.into_owned() + &part),
            });
            self.blank();
            let prefix = |b: u8| matches!(b, b'u' | b'U' | b'r' | b'R' | b'b' | b'B');
            let rest = self.text.get(self.at..).unwrap_or_default();
            let quote = rest.iter().position(|&b| !prefix(b));
            let more = quote.is_some_and(|q| q <= 2 && matches!(rest.get(q), Some(b'\'' | b'"')));
            if !more {
                break;
            }
        }
        Ok(if bytes { Literal::Other("bytes") } else { Literal::Str(all.unwrap_or_default()) })
    }

    fn string(&mut self) -> Result<(Cow<'a, str>, bool)> {
        if let Some(s) = self.simple() {
            return Ok((Cow::Borrowed(s), false));
        }
        let (mut raw, mut bytes, mut text) = (false, false, false);
        while let Some(b) = self.peek() {
            let flag = match b.to_ascii_lowercase() {
                b'\'' | b'"' => break,
                b'r' => &mut raw,
                b'b' => &mut bytes,
                b'u' => &mut text,
                _ => return Err(self.unexpected("a plain string")),
            };
            if std::mem::replace(flag, true) {
                return Err(self.unexpected("a plain string"));
            }
            self.at += 1;
        }
        if text && (raw || bytes) {
            return Err(self.unexpected("a plain string"));
        }
        let quote = self.peek().unwrap_or(b'\'');
        let triple = self.text.get(self.at..self.at + 3).is_some_and(|q| q.iter().all(|&b| b == quote));
        let open = self.at;
        self.at += if triple { 3 } else { 1 };
        let start = self.at;
        // Borrowed as long as every byte stands for itself.
        let mut owned: Option<String> = None;
        loop {
            let Some(b) = self.peek() else {
                self.at = open;
                return Err(self.fault("a string without an end"));
            };
            if b == quote {
                let here = self.text.get(self.at..self.at + 3);
                if !triple || here.is_some_and(|q| q.iter().all(|&b| b == quote)) {
                    break;
                }
            }
            match b {
                b'\n' | b'\r' if !triple => {
                    self.at = open;
                    return Err(self.fault("a string without an end"));
                }
                b'\\' if !raw => {
                    let so_far = if owned.is_none() { self.plain(start)? } else { "" };
                    let out = owned.get_or_insert_with(|| so_far.into());
                    self.at += 1;
                    self.escape(out)?;
                }
                b'\\' | 0x80.. => {
                    let so_far = if owned.is_none() { self.plain(start)? } else { "" };
                    let out = owned.get_or_insert_with(|| so_far.into());
                    out.push(self.character()?);
                    // In a raw string a backslash keeps the next character from ending it.
                    if b == b'\\' {
                        out.push(self.character()?);
                    }
                }
                _ => {
                    self.at += 1;
                    if let Some(out) = &mut owned {
                        out.push(char::from(b));
                    }
                }
            }
        }
        let s = match owned {
            Some(s) => Cow::Owned(s),
            None => Cow::Borrowed(self.plain(start)?),
        };
        self.at += if triple { 3 } else { 1 };
        Ok((s, bytes))
    }

    /// The ASCII text from `start` to here.
    fn plain(&self, start: usize) -> Result<&'a str> {
        let text = self.text.get(start..self.at).unwrap_or_default();
        std::str::from_utf8(text).map_err(|_| self.fault("text in an unknown encoding"))
    }

    /// A string of printable ASCII in plain quotes without escapes, as nearly all are.
    fn simple(&mut self) -> Option<&'a str> {
        let (&quote, rest) = self.text.get(self.at..)?.split_first()?;
        let plain = |b: &&u8| **b != quote && **b != b'\\' && matches!(**b, b' '..=b'~');
        let len = rest.iter().take_while(plain).count();
        // Two quotes in a row may be the first of three.
        if !matches!(quote, b'\'' | b'"') || len == 0 || rest.get(len) != Some(&quote) {
            return None;
        }
        self.at += len + 2;
        std::str::from_utf8(rest.get(..len)?).ok()
    }

    /// The next character, decoded.
    fn character(&mut self) -> Result<char> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let first = *rest.first().ok_or_else(|| self.fault("a string without an end"))?;
        if self.latin1 {
            self.at += 1;
            return Ok(char::from(first));
        }
        let len = match first {
            0..=0x7f => 1,
            0x80..=0xdf => 2,
            0xe0..=0xef => 3,
            _ => 4,
        };
        let text = rest.get(..len).and_then(|c| std::str::from_utf8(c).ok());
        let c =
            text.and_then(|t| t.chars().next()).ok_or_else(|| self.fault("text in an unknown encoding"))?;
        self.at += len;
        Ok(c)
    }

    /// What follows a backslash.
    fn escape(&mut self, out: &mut String) -> Result<()> {
        let Some(b) = self.peek() else { return Err(self.fault("a string without an end")) };
        self.at += 1;
        let c = match b {
            b'\n' => return Ok(()),
            b'\r' => {
                self.eat(b'\n');
                return Ok(());
            }
            b'\\' | b'\'' | b'"' => char::from(b),
            b'a' => '\x07',
            b'b' => '\x08',
            b'f' => '\x0c',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'v' => '\x0b',
            b'0'..=b'7' => {
                let mut v = u32::from(b - b'0');
                for _ in 0..2 {
                    let Some(d @ b'0'..=b'7') = self.peek() else { break };
                    v = v * 8 + u32::from(d - b'0');
                    self.at += 1;
                }
                self.code_point(v)?
            }
            b'x' => self.hex(2)?,
            b'u' => self.hex(4)?,
            b'U' => self.hex(8)?,
            b'N' => {
                return Err(
                    Error::unsupported("a character by its Unicode name (\\N{..})").at(self.at as u64)
                );
            }
            _ => {
                out.push('\\');
                self.at -= 1;
                self.character()?
            }
        };
        out.push(c);
        Ok(())
    }

    fn hex(&mut self, digits: usize) -> Result<char> {
        let text = self.text.get(self.at..self.at + digits).and_then(|t| std::str::from_utf8(t).ok());
        let value = text
            .filter(|t| t.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|t| u32::from_str_radix(t, 16).ok());
        let Some(value) = value else { return Err(self.unexpected(format!("{digits} hexadecimal digits"))) };
        self.at += digits;
        self.code_point(value)
    }

    fn code_point(&self, value: u32) -> Result<char> {
        char::from_u32(value).ok_or_else(|| {
            Error::unsupported(format!("the code point {value:#x}, which is not a character"))
                .at(self.at as u64)
        })
    }
}
