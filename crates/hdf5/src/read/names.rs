//! Names as text, where they are not.
//!
//! HDF5 stores names as bytes. What is not UTF-8 is shown with those bytes as `\xNN`, so that different names stay
//! different and a shown name leads to its object. A name that is UTF-8 is itself, whatever is in it.

use std::borrow::Cow;

/// A stored name as it is shown.
pub(crate) fn shown(name: &[u8]) -> String {
    let mut out = String::with_capacity(name.len());
    for part in name.utf8_chunks() {
        out.push_str(part.valid());
        part.invalid().iter().for_each(|b| out.push_str(&format!("\\x{b:02x}")));
    }
    out
}

/// The stored name that is shown as this one, beside the one that is it; `None` when there is none.
pub(crate) fn escaped(shown_name: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(shown_name.len());
    let mut rest = shown_name.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let byte = match rest {
            [b'\\', b'x', high, low, ..] => hex(*high).zip(hex(*low)).map(|(h, l)| h << 4 | l),
            _ => None,
        };
        // Only bytes that are no text of their own are shown so.
        match byte.filter(|b| *b >= 0x80) {
            Some(b) => {
                out.push(b);
                rest = rest.get(4..).unwrap_or_default();
            }
            None => {
                out.push(first);
                rest = tail;
            }
        }
    }
    (out != shown_name.as_bytes() && shown(&out) == shown_name).then_some(out)
}

/// The bytes of a name that was shown, for a name of which only one can be meant.
pub(crate) fn stored(shown_name: &str) -> Cow<'_, [u8]> {
    escaped(shown_name).map_or(Cow::Borrowed(shown_name.as_bytes()), Cow::Owned)
}

fn hex(digit: u8) -> Option<u8> {
    // What is shown has small letters.
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_not_text_stay_different() {
        for (name, text) in [
            (&b"x"[..], "x"),
            (b"x\xfe", "x\\xfe"),
            (b"x\xff\xc3\xa9", "x\\xffé"),
            (b"\xe4\xe4", "\\xe4\\xe4"),
            (b"a\\x41\xfe", "a\\x41\\xfe"),
        ] {
            assert_eq!(shown(name), text);
            assert_eq!(&*stored(text), name);
        }
        // Text that looks like it but is not shown so by any name.
        for text in ["\\x41", "\\xc3\\xa9", "\\xFE", "\\x", "\\xf"] {
            assert_eq!(escaped(text), None, "{text}");
        }
        assert_eq!(shown(b"\xc3\xa9"), "é");
    }
}
