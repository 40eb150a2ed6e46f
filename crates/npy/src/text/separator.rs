//! What separates two numbers: NumPy's rules, which are neither "this string" nor a regular expression.
//!
//! White space anywhere in a separator stands for any white space, none included; only a separator of nothing but
//! white space needs some. White space is also allowed before a separator whatever it is. So `","` matches `" ,"`,
//! `", "` matches `","`, and a line end does not match `","`.
//! Source: `numpy.fromfile` of NumPy 2.4, probed.

use hyperslab_core::{Error, Result};
use std::str::FromStr;

/// A separator as it was given, and what it matches.
///
/// ```
/// # use hyperslab_npy::text::Separator;
/// let separator: Separator = ", ".parse()?;
/// assert_eq!(separator.as_str(), ", ");
/// # Ok::<(), hyperslab_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Separator {
    text: String,
    pattern: Pattern,
}

/// What a separator matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    /// White space.
    Blank(Blank),
    /// One byte between optional white space.
    Byte(Byte),
    /// Anything else.
    Bytes(Bytes),
}

impl Separator {
    /// A separator from its text.
    ///
    /// # Errors
    /// `Usage` when it is empty (NumPy then reads binary) or holds a NUL.
    pub fn new(text: &str) -> Result<Separator> {
        if text.is_empty() {
            return Err(Error::usage("the separator is empty")
                .hint("give what stands between two numbers, such as ',' or ' '"));
        }
        if text.contains('\0') {
            return Err(Error::usage("the separator holds a NUL, which ends strings in NumPy"));
        }
        let mut parts: Vec<u8> = Vec::with_capacity(text.len());
        for &b in text.as_bytes() {
            match is_space(b) {
                true if parts.last() == Some(&b' ') => {}
                true => parts.push(b' '),
                false => parts.push(b),
            }
        }
        let trailing = parts.last() == Some(&b' ');
        let mut bytes = parts.iter().copied().filter(|&b| b != b' ');
        let pattern = match (bytes.next(), bytes.next()) {
            (None, _) => Pattern::Blank(Blank),
            (Some(byte), None) => Pattern::Byte(Byte { byte, trailing }),
            _ => Pattern::Bytes(Bytes { parts: parts.into(), trailing }),
        };
        Ok(Separator { text: text.into(), pattern })
    }

    /// The text, as it stands between two numbers that are written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    /// Whether it matches white space alone.
    pub(super) fn is_blank(&self) -> bool {
        matches!(self.pattern, Pattern::Blank(_))
    }
}

impl FromStr for Separator {
    type Err = Error;
    fn from_str(text: &str) -> Result<Separator> {
        Separator::new(text)
    }
}

/// What follows a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A separator that ends here.
    Separator(usize),
    /// The end of the data, perhaps within a separator.
    End,
    /// Something else.
    Other,
}

/// How a separator is found and where data may be cut to be parsed in pieces.
pub(super) trait Match: Clone + Send + Sync {
    /// What stands at `at`.
    fn find(&self, s: &[u8], at: usize) -> Found;

    /// Whether white space after the last separator belongs to it.
    fn takes_trailing(&self) -> bool;

    /// A count of elements by what separates them alone, where no number can hold that.
    fn tally(&self) -> Option<Tally>;

    /// The place after the first separator that begins at `at` or later, where it is sure that no number goes on.
    fn cut(&self, s: &[u8], at: usize) -> Option<usize>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Blank;

impl Match for Blank {
    #[inline]
    fn find(&self, s: &[u8], at: usize) -> Found {
        match s.get(at) {
            // The rest of it is skipped before the next number.
            Some(&b) if is_space(b) => Found::Separator(at + 1),
            Some(_) => Found::Other,
            None => Found::End,
        }
    }
    fn takes_trailing(&self) -> bool {
        true
    }
    fn tally(&self) -> Option<Tally> {
        Some(Tally { byte: None, inside: false, count: 0 })
    }
    fn cut(&self, s: &[u8], at: usize) -> Option<usize> {
        let found = s.get(at..)?.iter().position(|&b| is_space(b))?;
        Some(at + found + 1)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Byte {
    byte: u8,
    trailing: bool,
}

impl Byte {
    /// Whether it may stand in a number.
    fn is_of_numbers(self) -> bool {
        self.byte.is_ascii_alphanumeric() || b"+-.()_".contains(&self.byte)
    }
}

impl Match for Byte {
    #[inline]
    fn find(&self, s: &[u8], at: usize) -> Found {
        if s.get(at) == Some(&self.byte) {
            return Found::Separator(at + 1);
        }
        let at = skip_space(s, at);
        match s.get(at) {
            Some(&b) if b == self.byte => Found::Separator(at + 1),
            Some(_) => Found::Other,
            None => Found::End,
        }
    }
    fn takes_trailing(&self) -> bool {
        self.trailing
    }
    fn tally(&self) -> Option<Tally> {
        (!self.is_of_numbers()).then_some(Tally { byte: Some(self.byte), inside: false, count: 0 })
    }
    fn cut(&self, s: &[u8], at: usize) -> Option<usize> {
        if self.is_of_numbers() {
            return None;
        }
        memchr::memchr(self.byte, s.get(at..)?).map(|found| at + found + 1)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bytes {
    /// Its bytes, each run of white space as one space.
    parts: Box<[u8]>,
    trailing: bool,
}

impl Match for Bytes {
    fn find(&self, s: &[u8], at: usize) -> Found {
        let mut at = skip_space(s, at);
        for &part in &self.parts {
            match s.get(at) {
                _ if part == b' ' => at = skip_space(s, at),
                Some(&b) if b == part => at += 1,
                Some(_) => return Found::Other,
                None => return Found::End,
            }
        }
        Found::Separator(at)
    }
    fn takes_trailing(&self) -> bool {
        self.trailing
    }
    fn tally(&self) -> Option<Tally> {
        None
    }
    fn cut(&self, _: &[u8], _: usize) -> Option<usize> {
        None
    }
}

/// Counts elements without reading them: right for text that has nothing wrong in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tally {
    /// What separates, or white space.
    byte: Option<u8>,
    /// Whether an element has begun and not ended.
    inside: bool,
    count: u64,
}

impl Tally {
    /// Goes on with more text.
    pub(super) fn add(&mut self, s: &[u8]) {
        let Some(byte) = self.byte else {
            for &b in s {
                let inside = !is_space(b);
                self.count += u64::from(self.inside && !inside);
                self.inside = inside;
            }
            return;
        };
        self.count += memchr::memchr_iter(byte, s).count() as u64;
        let tail = match memchr::memrchr(byte, s) {
            Some(at) => {
                self.inside = false;
                s.get(at + 1..).unwrap_or_default()
            }
            None => s,
        };
        self.inside |= tail.iter().any(|&b| !is_space(b));
    }

    /// The count, at the end.
    pub(super) fn finish(self) -> u64 {
        self.count + u64::from(self.inside)
    }
}

/// White space as C has it: space, tab, line feed, vertical tab, form feed, carriage return.
#[inline]
pub(super) fn is_space(b: u8) -> bool {
    b == b' ' || (9..=13).contains(&b)
}

/// The first place from `at` on without white space.
#[inline]
pub(super) fn skip_space(s: &[u8], mut at: usize) -> usize {
    while s.get(at).is_some_and(|&b| is_space(b)) {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(separator: &str, s: &str) -> Found {
        match Separator::new(separator).unwrap().pattern() {
            Pattern::Blank(p) => p.find(s.as_bytes(), 0),
            Pattern::Byte(p) => p.find(s.as_bytes(), 0),
            Pattern::Bytes(p) => p.find(s.as_bytes(), 0),
        }
    }

    #[test]
    fn white_space_is_any_or_none() {
        for (separator, s, found) in [
            (",", ",2", Found::Separator(1)),
            (",", " \t,2", Found::Separator(3)),
            (",", "\n3", Found::Other),
            (", ", ",2", Found::Separator(1)),
            (" ; ", ";2", Found::Separator(1)),
            ("\n", "2", Found::Other),
            ("\n", " 2", Found::Separator(1)),
            ("ab", " ab2", Found::Separator(3)),
            ("ab", "a b2", Found::Other),
            ("a \t b", "ab2", Found::Separator(2)),
            ("a b", "a \n b2", Found::Separator(5)),
            ("a b ", "ab  2", Found::Separator(4)),
            ("ab", "a", Found::End),
            (",", "  ", Found::End),
        ] {
            assert_eq!(find(separator, s), found, "{separator:?} in {s:?}");
        }
    }

    #[test]
    fn tallies_do_not_depend_on_pieces() {
        for (separator, s, want) in [
            (",", "1,2, 3", 3),
            (",", "1,2 ,\n", 2),
            (",", "", 0),
            (" ", " 1 23\n4\n", 3),
            (" ", "1", 1),
            ("\t", " \n", 0),
        ] {
            for n in 1..=s.len().max(1) {
                let separator = Separator::new(separator).unwrap();
                let mut tally = match separator.pattern() {
                    Pattern::Blank(p) => p.tally(),
                    Pattern::Byte(p) => p.tally(),
                    Pattern::Bytes(p) => p.tally(),
                }
                .unwrap();
                s.as_bytes().chunks(n).for_each(|part| tally.add(part));
                assert_eq!(tally.finish(), want, "{s:?}");
            }
        }
        assert!(Byte { byte: b'e', trailing: false }.tally().is_none());
    }

    #[test]
    fn nothing_and_nul_are_refused() {
        assert!(Separator::new("").is_err());
        assert!(Separator::new(",\0").is_err());
    }
}
