//! The extension block: key, checksums, time and origin of an object, in the space before its pickle.
//!
//! A reader goes from the header straight to where the header says the pickle starts, so what lies between is free:
//! nengo 4.1 reads objects that have a block as it reads those that have none, and never sees it. Objects are written
//! without one unless it is asked for. The layout, little-endian throughout:
//!
//! | offset | bytes | |
//! |---|---|---|
//! | 0 | 4 | `NCOX`, directly behind the header |
//! | 4 | 1 | version, 1 |
//! | 5 | 1 | flags, 0; unknown ones are kept and mean nothing |
//! | 6 | 2 | length of the fields that follow |
//! | 8 | .. | fields: kind (1 byte), length (1 byte), value; each known kind at most once |
//!
//! | kind | field | value |
//! |---|---|---|
//! | 1 | key | up to 255 bytes |
//! | 2 | checksum of the pickle | 8 bytes: XXH3, 64 bits, seed 0 |
//! | 3 | checksum of the array, its NPY header included | as above |
//! | 4 | creation time | 8 bytes: nanoseconds since 1970 UTC, signed |
//! | 5 | tag of the user's | UTF-8 |
//! | 6 | the program that wrote it | UTF-8 |
//! | 7 | place | 3 x 8 bytes: where the object starts, length of pickle, length of array |
//! | 8 | checksum of the block before this field, which is the last and is there where any other is | as kind 2 |
//!
//! Zeros follow up to the pickle, which stays at a multiple of 16. Performs no I/O. The layout is this crate's own.

use hyperslab_core::{Error, Result};
use std::time::{SystemTime, UNIX_EPOCH};
use twox_hash::XxHash3_64;

/// The first four bytes.
pub const MAGIC: &[u8; 4] = b"NCOX";

/// The version that is written and understood.
pub const VERSION: u8 = 1;

/// Bytes before the fields.
pub const HEAD_LEN: usize = 8;

/// The kinds of fields.
mod kind {
    pub(super) const KEY: u8 = 1;
    pub(super) const PICKLE: u8 = 2;
    pub(super) const ARRAY: u8 = 3;
    pub(super) const CREATED: u8 = 4;
    pub(super) const TAG: u8 = 5;
    pub(super) const WRITER: u8 = 6;
    pub(super) const PLACE: u8 = 7;
    pub(super) const CHECK: u8 = 8;
}

/// What a writer says about an object beside its metadata.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extension {
    /// The key that an index finds it by, up to 255 bytes.
    pub key: Option<Vec<u8>>,
    /// When it was made, in nanoseconds since 1970 UTC.
    pub created: Option<i64>,
    /// Text of the user's, up to 255 bytes.
    pub tag: Option<String>,
    /// The program that wrote it, up to 255 bytes.
    pub writer: Option<String>,
    /// Flags of the block, none of which has a meaning yet.
    pub flags: u8,
    /// Fields of other kinds, as they are.
    pub other: Vec<(u8, Vec<u8>)>,
}

impl Extension {
    /// An extension with a key, the time that it is now, and this crate for a writer.
    pub fn for_key(key: impl Into<Vec<u8>>) -> Extension {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok();
        Extension {
            key: Some(key.into()),
            created: now.and_then(|t| i64::try_from(t.as_nanos()).ok()),
            writer: Some(concat!("hyperslab ", env!("CARGO_PKG_VERSION")).to_owned()),
            ..Extension::default()
        }
    }

    /// Bytes that its block takes, without the zeros behind it.
    ///
    /// # Errors
    /// `Usage` for a field of more than 255 bytes, for fields of more than 65,535 together, and for a field of a known
    /// kind in [`Extension::other`].
    pub fn block_len(&self) -> Result<usize> {
        let texts = [("key", self.key.as_deref()), ("tag", self.tag.as_deref().map(str::as_bytes))];
        let texts = texts.into_iter().chain([("writer", self.writer.as_deref().map(str::as_bytes))]);
        let mut len = 10 + 10 + 26 + 10 + self.created.map_or(0, |_| 10);
        for (what, bytes) in texts.filter_map(|(what, b)| Some((what, b?))) {
            if bytes.len() > 255 {
                return Err(Error::usage(format!(
                    "a {what} of {} bytes, at most 255 fit into an extension",
                    bytes.len()
                )));
            }
            len += 2 + bytes.len();
        }
        for (kind, bytes) in &self.other {
            if (kind::KEY..=kind::CHECK).contains(kind) || bytes.len() > 255 {
                return Err(Error::usage(format!(
                    "an extension's field of kind {kind} with {} bytes cannot be one of the others",
                    bytes.len()
                )));
            }
            len += 2 + bytes.len();
        }
        if len > usize::from(u16::MAX) {
            return Err(Error::usage(format!("an extension of {len} bytes, at most 65535 fit")));
        }
        Ok(HEAD_LEN + len)
    }

    /// The bytes of the block with what is known of the object that it belongs to.
    ///
    /// # Errors
    /// As [`Extension::block_len`].
    pub fn emit(&self, place: Place, pickle: u64, array: u64) -> Result<Vec<u8>> {
        let len = self.block_len()?;
        let fields = u16::try_from(len - HEAD_LEN).unwrap_or(u16::MAX);
        let mut out = Vec::with_capacity(len);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&[VERSION, self.flags]);
        out.extend_from_slice(&fields.to_le_bytes());
        let mut field = |kind: u8, bytes: &[u8]| {
            out.extend_from_slice(&[kind, u8::try_from(bytes.len()).unwrap_or(u8::MAX)]);
            out.extend_from_slice(bytes);
        };
        if let Some(key) = &self.key {
            field(kind::KEY, key);
        }
        field(kind::PICKLE, &pickle.to_le_bytes());
        field(kind::ARRAY, &array.to_le_bytes());
        if let Some(created) = self.created {
            field(kind::CREATED, &created.to_le_bytes());
        }
        if let Some(tag) = &self.tag {
            field(kind::TAG, tag.as_bytes());
        }
        if let Some(writer) = &self.writer {
            field(kind::WRITER, writer.as_bytes());
        }
        let mut bytes = [0; 24];
        let parts = [place.start, place.pickle_len, place.array_len];
        for (to, n) in bytes.chunks_exact_mut(8).zip(parts) {
            to.copy_from_slice(&n.to_le_bytes());
        }
        field(kind::PLACE, &bytes);
        for (kind, bytes) in &self.other {
            field(*kind, bytes);
        }
        let check = checksum(&out);
        out.extend_from_slice(&[kind::CHECK, 8]);
        out.extend_from_slice(&check.to_le_bytes());
        Ok(out)
    }
}

/// Where an object lies, said once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Where its header starts in the file that it was written to.
    pub start: u64,
    /// Bytes of the pickle.
    pub pickle_len: u64,
    /// Bytes of the NPY file.
    pub array_len: u64,
}

/// What a block says that can be checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checks {
    /// The checksum of the pickle.
    pub pickle: Option<u64>,
    /// The checksum of the array, its NPY header included.
    pub array: Option<u64>,
    /// Where the object was written to.
    pub place: Option<Place>,
    /// Whether the block's own checksum is there, and fits.
    pub block: bool,
}

/// A block that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// One of the version that is known.
    Known(Extension, Checks),
    /// One of another version, which says nothing here.
    Other {
        /// The version.
        version: u8,
        /// The whole block, without the zeros behind it.
        bytes: Vec<u8>,
    },
}

impl Block {
    /// What it says, where its version is known.
    pub fn extension(&self) -> Option<&Extension> {
        match self {
            Block::Known(extension, _) => Some(extension),
            Block::Other { .. } => None,
        }
    }

    /// Its key, where it has one.
    pub fn into_key(self) -> Option<Vec<u8>> {
        match self {
            Block::Known(extension, _) => extension.key,
            Block::Other { .. } => None,
        }
    }

    /// What it says that can be checked; nothing of a version that is not known.
    pub fn checks(&self) -> Checks {
        match self {
            Block::Known(_, checks) => *checks,
            Block::Other { .. } => Checks::default(),
        }
    }

    /// Bytes of the block whose first bytes these are, without the zeros behind it; `None` where no block starts.
    pub fn len_of(first: &[u8]) -> Option<usize> {
        let head = first.get(..HEAD_LEN).filter(|h| h.starts_with(MAGIC))?;
        let [.., a, b] = head else { return None };
        Some(HEAD_LEN + usize::from(u16::from_le_bytes([*a, *b])))
    }

    /// Parses the block at the start of `gap`, the bytes between header and pickle, which lie at `at` in the file.
    /// `None` when there is none.
    ///
    /// # Errors
    /// `Invalid` for lengths that lead out of block or gap, a checksum that is missing or does not fit, a known field
    /// that is there twice or of the wrong length, other bytes than zeros where the zeros behind it should be.
    pub fn parse(gap: &[u8], at: u64) -> Result<Option<Block>> {
        let Some(len) = Block::len_of(gap) else { return Ok(None) };
        let bad = |e: Error, offset: usize| e.reading("extension block").at(at.saturating_add(offset as u64));
        let Some(bytes) = gap.get(..len) else {
            let room = gap.len();
            let what = format!("it would take {len} bytes, {room} are there before the pickle");
            return Err(bad(Error::invalid(what), 0));
        };
        let version = bytes.get(4).copied().unwrap_or_default();
        if version != VERSION {
            return Ok(Some(Block::Other { version, bytes: bytes.to_vec() }));
        }
        let flags = bytes.get(5).copied().unwrap_or_default();
        let mut found =
            Fields { extension: Extension { flags, ..Extension::default() }, ..Fields::default() };
        let mut pos = HEAD_LEN;
        while let Some(rest) = bytes.get(pos..).filter(|r| !r.is_empty()) {
            if found.checks.block {
                return Err(bad(Error::invalid("fields follow the block's checksum"), pos));
            }
            let value = match rest {
                [_, n, value @ ..] => value.get(..usize::from(*n)),
                _ => None,
            };
            let (Some(&kind), Some(value)) = (rest.first(), value) else {
                return Err(bad(Error::invalid("a field leads out of the block"), pos));
            };
            found.take(kind, value, bytes.get(..pos).unwrap_or_default()).map_err(|e| bad(e, pos))?;
            pos += 2 + value.len();
        }
        if pos > HEAD_LEN && !found.checks.block {
            return Err(bad(Error::invalid("the block's checksum is missing"), pos));
        }
        // Behind a length that was cut short lie the other fields.
        if gap.iter().skip(len).take(15).any(|&b| b != 0) {
            return Err(bad(Error::invalid("other bytes than zeros follow the block"), len));
        }
        Ok(Some(Block::Known(found.extension, found.checks)))
    }
}

/// A block's fields being collected.
#[derive(Default)]
struct Fields {
    extension: Extension,
    checks: Checks,
}

impl Fields {
    /// Takes one field; `before` are the bytes of the block up to it.
    fn take(&mut self, kind: u8, value: &[u8], before: &[u8]) -> Result<()> {
        let Fields { extension: e, checks: c } = self;
        match kind {
            kind::KEY => once("key", &mut e.key, value.to_vec()),
            kind::PICKLE => once("checksum of the pickle", &mut c.pickle, number("checksum", value)?),
            kind::ARRAY => once("checksum of the array", &mut c.array, number("checksum", value)?),
            kind::CREATED => {
                once("creation time", &mut e.created, number("creation time", value)?.cast_signed())
            }
            kind::TAG => once("tag", &mut e.tag, text("tag", value)?),
            kind::WRITER => once("writer", &mut e.writer, text("writer", value)?),
            kind::PLACE => {
                let ([start, pickle, array], []) = value.as_chunks::<8>() else {
                    return Err(Error::invalid(format!("a place of {} bytes, not 24", value.len())));
                };
                let place = Place {
                    start: number("place", start)?,
                    pickle_len: number("place", pickle)?,
                    array_len: number("place", array)?,
                };
                once("place", &mut c.place, place)
            }
            kind::CHECK => {
                compare("the extension block", number("checksum", value)?, || checksum(before))?;
                c.block = true;
                Ok(())
            }
            _ => {
                e.other.push((kind, value.to_vec()));
                Ok(())
            }
        }
    }
}

fn once<T>(what: &str, slot: &mut Option<T>, value: T) -> Result<()> {
    if slot.replace(value).is_some() {
        return Err(Error::invalid(format!("a second {what}")));
    }
    Ok(())
}

fn number(what: &str, value: &[u8]) -> Result<u64> {
    let bytes: [u8; 8] =
        value.try_into().map_err(|_| Error::invalid(format!("a {what} of {} bytes, not 8", value.len())))?;
    Ok(u64::from_le_bytes(bytes))
}

fn text(what: &str, value: &[u8]) -> Result<String> {
    let text = str::from_utf8(value).map_err(|_| Error::invalid(format!("a {what} that is not UTF-8")))?;
    Ok(text.to_owned())
}

/// The checksum of bytes: XXH3 of 64 bits with seed 0.
pub fn checksum(bytes: &[u8]) -> u64 {
    XxHash3_64::oneshot(bytes)
}

/// Compares a checksum that is stated with one that is made.
pub(crate) fn compare(what: &str, stated: u64, made: impl FnOnce() -> u64) -> Result<()> {
    if cfg!(fuzzing) {
        return Ok(());
    }
    let made = made();
    if made != stated {
        return Err(Error::invalid(format!(
            "{what} is damaged: its checksum is {made:016x}, {stated:016x} was written"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place = Place { start: 7, pickle_len: 4, array_len: 136 };

    fn full() -> Extension {
        Extension { tag: Some("tág".into()), other: vec![(200, vec![1, 2, 3])], ..Extension::for_key("k") }
    }

    /// A block of these fields and its checksum.
    fn with(fields: &[u8]) -> Vec<u8> {
        let mut out = b"NCOX\x01\x80".to_vec();
        out.extend((fields.len() as u16 + 10).to_le_bytes());
        out.extend(fields);
        let check = checksum(&out);
        out.extend([8, 8]);
        out.extend(check.to_le_bytes());
        out
    }

    fn refused(block: &[u8]) -> String {
        Block::parse(block, 40).unwrap_err().to_string()
    }

    #[test]
    fn what_is_emitted_is_parsed() {
        for extension in
            [Extension::default(), full(), Extension { key: Some(vec![9; 255]), flags: 3, ..full() }]
        {
            let mut bytes = extension.emit(PLACE, 1, u64::MAX).unwrap();
            assert_eq!(bytes.len(), extension.block_len().unwrap());
            assert_eq!(Block::len_of(&bytes), Some(bytes.len()));
            let checks = Checks { pickle: Some(1), array: Some(u64::MAX), place: Some(PLACE), block: true };
            let want = Block::Known(extension, checks);
            assert_eq!(Block::parse(&bytes, 40).unwrap().as_ref(), Some(&want));
            bytes.extend([0; 15]);
            assert_eq!(Block::parse(&bytes, 40).unwrap(), Some(want));
        }
    }

    #[test]
    fn the_checksum_is_xxh3() {
        // Published values of the reference implementation.
        assert_eq!(checksum(b""), 0x2d06_8005_38d3_94c2);
        assert_eq!(checksum(b"abc"), 0x78af_5f94_892f_3950);
    }

    #[test]
    fn what_is_no_block_is_none() {
        for gap in [&b""[..], b"NCOX", b"NCOX\x01\0\0", b"ncox\x01\0\0\0", &[0; 40]] {
            assert_eq!(Block::parse(gap, 40).unwrap(), None);
        }
        // A block of nothing is one.
        let empty = Block::Known(Extension::default(), Checks::default());
        assert_eq!(Block::parse(b"NCOX\x01\0\0\0\0\0", 40).unwrap(), Some(empty));
    }

    #[test]
    fn other_versions_and_kinds_are_kept_apart() {
        let block = Block::parse(b"NCOX\x02\0\x02\0\x01\xff\0\0", 40).unwrap().unwrap();
        assert_eq!(block, Block::Other { version: 2, bytes: b"NCOX\x02\0\x02\0\x01\xff".to_vec() });
        assert_eq!((block.extension(), block.checks()), (None, Checks::default()));
        let block = Block::parse(&with(b"\x09\x00\x09\x02ab"), 40).unwrap().unwrap();
        let other = vec![(9, vec![]), (9, b"ab".to_vec())];
        assert_eq!(block.extension(), Some(&Extension { flags: 0x80, other, ..Extension::default() }));
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let good = full().emit(PLACE, 1, 2).unwrap();
        for bit in 0..good.len() * 8 {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            match Block::parse(&bytes, 40) {
                // A block that is none any more, or of another version, says nothing that could be wrong.
                Ok(None) => assert!(bit < 32),
                Ok(Some(Block::Other { .. })) => assert_eq!(bit / 8, 4),
                Ok(Some(known)) => panic!("bit {bit}: {known:?}"),
                Err(e) => assert!(e.offset().is_some_and(|o| o >= 40), "{e}"),
            }
        }
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        assert_eq!(
            refused(b"NCOX\x01\0\xff\xff\0"),
            "extension block at byte 40: it would take 65543 bytes, 9 are there before the pickle"
        );
        assert_eq!(
            refused(b"NCOX\x01\0\x03\0\x01\x02a"),
            "extension block at byte 48: a field leads out of the block"
        );
        assert_eq!(
            refused(b"NCOX\x01\0\x01\0\x01"),
            "extension block at byte 48: a field leads out of the block"
        );
        assert_eq!(
            refused(b"NCOX\x01\0\x02\0\x09\0"),
            "extension block at byte 50: the block's checksum is missing"
        );
        assert_eq!(
            refused(b"NCOX\x01\0\0\0\0\x01"),
            "extension block at byte 48: other bytes than zeros follow the block"
        );
        assert_eq!(refused(&with(b"\x01\x01a\x01\x01a")), "extension block at byte 51: a second key");
        let wrong = "extension block at byte 48: a checksum of 1 bytes, not 8";
        assert_eq!(refused(&with(b"\x02\x01a")), wrong);
        assert_eq!(refused(&with(b"\x05\x01\xff")), "extension block at byte 48: a tag that is not UTF-8");
        assert_eq!(refused(&with(b"\x07\x01\xff")), "extension block at byte 48: a place of 1 bytes, not 24");
        let mut late = full().emit(PLACE, 1, 2).unwrap();
        late.extend([9, 0]);
        late[6] += 2;
        assert!(refused(&late).contains("checksum"), "{}", refused(&late));
    }

    #[test]
    fn what_does_not_fit_is_not_written() {
        let long = "x".repeat(256);
        for extension in [
            Extension { key: Some(vec![0; 256]), ..Extension::default() },
            Extension { tag: Some(long.clone()), ..Extension::default() },
            Extension { writer: Some(long), ..Extension::default() },
            Extension { other: vec![(9, vec![0; 256])], ..Extension::default() },
            Extension { other: vec![(8, vec![])], ..Extension::default() },
            Extension { other: vec![(9, vec![0; 255]); 256], ..Extension::default() },
        ] {
            assert!(extension.emit(PLACE, 0, 0).is_err());
        }
    }
}
