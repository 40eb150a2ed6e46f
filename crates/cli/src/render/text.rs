//! Text and bytes as Python writes them, so that nothing in a file can steer a terminal.

use std::fmt::Write as _;

/// `repr()` of a string.
pub(crate) fn string(s: &str) -> String {
    let quote = if s.contains('\'') && !s.contains('"') { '"' } else { '\'' };
    let mut out = String::with_capacity(s.len() + 2);
    out.push(quote);
    for c in s.chars() {
        match c {
            c if c == quote || c == '\\' => out.extend(['\\', c]),
            c => escaped(c, &mut out),
        }
    }
    out.push(quote);
    out
}

/// `repr()` of bytes.
pub(crate) fn bytes(b: &[u8]) -> String {
    let quote = if b.contains(&b'\'') && !b.contains(&b'"') { '"' } else { '\'' };
    let mut out = String::with_capacity(b.len() + 3);
    out.extend(['b', quote]);
    for &c in b {
        match char::from(c) {
            c if c == quote || c == '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            ' '..='~' => out.push(c.into()),
            _ => drop(write!(out, "\\x{c:02x}")),
        }
    }
    out.push(quote);
    out
}

/// Text as it is, but for what a terminal would act on.
pub(crate) fn plain(s: &str) -> String {
    let mut out = String::with_capacity(s.len());
    for c in s.chars() {
        match c {
            '\n' | '\t' => out.push(c),
            c => escaped(c, &mut out),
        }
    }
    out
}

/// A name on one line.
pub(crate) fn name(s: &str) -> String {
    let mut out = String::with_capacity(s.len());
    s.chars().for_each(|c| escaped(c, &mut out));
    out
}

fn escaped(c: char, out: &mut String) {
    let n = u32::from(c);
    match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c if is_printable(c) => out.push(c),
        _ if n < 0x100 => drop(write!(out, "\\x{n:02x}")),
        _ if n < 0x1_0000 => drop(write!(out, "\\u{n:04x}")),
        _ => drop(write!(out, "\\U{n:08x}")),
    }
}

/// Not a control, a format character, a separator other than the space, or private.
fn is_printable(c: char) -> bool {
    !matches!(u32::from(c),
        0..=0x1f | 0x7f..=0xa0 | 0xad | 0x600..=0x605 | 0x61c | 0x6dd | 0x70f | 0x1680 | 0x180e
        | 0x2000..=0x200f | 0x2028..=0x202f | 0x205f..=0x206f | 0x3000 | 0xe000..=0xf8ff | 0xfeff
        | 0xfff0..=0xfffb | 0xfffe | 0xffff | 0xe_0000..=0xe_0fff | 0xf_0000..=0x10_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_python_writes_them() {
        assert_eq!(string("a'b"), "\"a'b\"");
        assert_eq!(string("a'b\"c"), "'a\\'b\"c'");
        assert_eq!(string("é\u{1b}[0m\n\u{200b}"), "'é\\x1b[0m\\n\\u200b'");
        assert_eq!(bytes(b"a\0\xff'"), "b\"a\\x00\\xff'\"");
        assert_eq!(plain("a\nb\u{7}"), "a\nb\\x07");
    }
}
