//! Keys of cache entries, and the hash that makes one of arrays and parameters.
//!
//! Nengo's keys are 40 hexadecimal digits; here any text and any bytes will do. Index and packs hold a key in one
//! form, its *name*: text of at most 255 bytes. Text is its own name; bytes are `b:` and hexadecimal digits; what
//! would be longer is `h:` and a SHA-256. Text that starts like one of these is put behind `s:`, so that two keys
//! never have one name.

use hyperslab_core::{Result, View};
use sha2::{Digest as _, Sha256};
use std::fmt::{self, Write as _};

/// Bytes of the longest name.
pub const MAX_NAME: usize = 255;

/// What an entry is found by.
///
/// ```
/// use hyperslab_nco::cache::Key;
///
/// assert_eq!(Key::from("0a1b").name(), "0a1b");
/// assert_eq!(Key::from(&[10, 27][..]).name(), "b:0a1b");
/// assert_eq!(Key::from("b:0a1b").name(), "s:b:0a1b");
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(Box<str>);

impl Key {
    /// The key that has this name, as an index or a pack holds it; nothing for a name that no key has.
    pub fn named(name: &str) -> Option<Key> {
        let digits = |s: &str, n: Option<usize>| {
            s.len().is_multiple_of(2)
                && n.is_none_or(|n| s.len() == n)
                && s.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        let known = match name.split_at_checked(2) {
            Some(("b:", rest)) => digits(rest, None),
            Some(("h:", rest)) => digits(rest, Some(64)),
            Some(("s:", rest)) => is_marked(rest),
            _ => true,
        };
        (known && name.len() <= MAX_NAME).then(|| Key(name.into()))
    }

    /// The name by which index and packs hold it.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// Starts a key that is made of everything that a result depends on. `namespace` keeps the keys of one program,
    /// and of one version of it, apart from those of others.
    pub fn hash(namespace: &str) -> KeyHasher {
        let mut hasher = KeyHasher { sha: Sha256::new() };
        hasher.part(b'n', namespace.as_bytes());
        hasher
    }

    fn short(name: String) -> Key {
        match name.len() <= MAX_NAME {
            true => Key(name.into()),
            false => Key(format!("h:{}", hex(&Sha256::digest(name.as_bytes()))).into()),
        }
    }
}

fn is_marked(text: &str) -> bool {
    ["b:", "h:", "s:"].iter().any(|mark| text.starts_with(mark))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut out, b| {
        let _ = write!(out, "{b:02x}");
        out
    })
}

impl From<&str> for Key {
    fn from(text: &str) -> Key {
        Key::short(if is_marked(text) { format!("s:{text}") } else { text.to_owned() })
    }
}

impl From<&[u8]> for Key {
    fn from(bytes: &[u8]) -> Key {
        Key::short(format!("b:{}", hex(bytes)))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:?})", self.0)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A key in the making: SHA-256 over parts, each behind its kind and its length, so that no two lists of parts are
/// the same bytes.
///
/// ```
/// use hyperslab_core::View;
/// use hyperslab_nco::cache::Key;
///
/// let gains = View::from_slice([3], &[1.0, 2.0, 3.0])?;
/// let key = Key::hash("my-solver 2").array(&gains)?.text("cholesky").float(0.1).finish();
/// assert_ne!(key, Key::hash("my-solver 2").text("cholesky").array(&gains)?.float(0.1).finish());
/// # Ok::<(), hyperslab_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct KeyHasher {
    sha: Sha256,
}

impl KeyHasher {
    fn part(&mut self, kind: u8, bytes: &[u8]) {
        self.sha.update([kind]);
        self.sha.update((bytes.len() as u64).to_le_bytes());
        self.sha.update(bytes);
    }

    /// Adds text.
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        self.part(b't', text.as_bytes());
        self
    }

    /// Adds bytes.
    #[must_use]
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        self.part(b'b', bytes);
        self
    }

    /// Adds an integer.
    #[must_use]
    pub fn int(mut self, value: i128) -> Self {
        self.part(b'i', &value.to_le_bytes());
        self
    }

    /// Adds a number by its bits: 0.0 and -0.0 differ, and so do the kinds of not-a-number.
    #[must_use]
    pub fn float(mut self, value: f64) -> Self {
        self.part(b'f', &value.to_bits().to_le_bytes());
        self
    }

    /// Adds an array: its dtype up to byte order, its shape, and its elements in C order. Two arrays that are equal
    /// give one key, whatever their memory layout.
    ///
    /// # Errors
    /// `Unsupported` for element types that have no digest.
    pub fn array(mut self, array: &View<'_>) -> Result<Self> {
        let digest = hyperslab_core::digest::digest(array)?.ok_or_else(|| {
            hyperslab_core::Error::unsupported(format!(
                "elements of {} have no digest to make a key of",
                array.dtype()
            ))
        })?;
        self.part(b'd', array.dtype().canonical().to_string().as_bytes());
        self.sha.update([b's']);
        self.sha.update((array.shape().len() as u64).to_le_bytes());
        for n in array.shape().iter() {
            self.sha.update(n.to_le_bytes());
        }
        self.part(b'a', digest.as_bytes());
        Ok(self)
    }

    /// The key: 64 hexadecimal digits.
    pub fn finish(self) -> Key {
        Key(hex(&self.sha.finalize()).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_keys_have_one_name() {
        let long = "x".repeat(300);
        let keys = [
            Key::from("a"),
            Key::from(&b"a"[..]),
            Key::from("b:61"),
            Key::from("s:b:61"),
            Key::from("h:61"),
            Key::from(""),
            Key::from(&b""[..]),
            Key::from(long.as_str()),
            Key::from(long.as_bytes()),
        ];
        for (i, a) in keys.iter().enumerate() {
            assert!(a.name().len() <= MAX_NAME);
            assert_eq!(Key::named(a.name()).as_ref(), Some(a));
            for b in &keys[i + 1..] {
                assert_ne!(a, b);
            }
        }
        for no in ["b:6", "b:6G", "h:61", "s:a", &long] {
            assert_eq!(Key::named(no), None, "{no}");
        }
    }

    #[test]
    fn parts_do_not_run_into_one_another() {
        let a = Key::hash("n").text("ab").text("c").finish();
        let b = Key::hash("n").text("a").text("bc").finish();
        let c = Key::hash("n").bytes(b"ab").text("c").finish();
        assert!(a != b && a != c && b != c);
        let array = |v: &[f64], shape: &[u64]| {
            let view = View::from_slice(shape, v).unwrap();
            Key::hash("n").array(&view).unwrap().finish()
        };
        assert_ne!(array(&[1.0, 2.0], &[2]), array(&[1.0, 2.0], &[1, 2]));
        assert_eq!(array(&[1.0, 2.0], &[2]), array(&[1.0, 2.0], &[2]));
    }
}
