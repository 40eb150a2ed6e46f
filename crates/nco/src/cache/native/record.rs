//! One record of a journal, parsed and emitted; no I/O. The bytes are described in the folder's first comment.

use super::hash;
use super::header::{u16_at, u32_at, u64_at};
use crate::header::HEADER_LEN;
use hyperslab_core::{Error, Result};

/// Records start at multiples of this many bytes and are so long.
pub(super) const ALIGN: u64 = 8;

/// The longest record: with it, a search for the next sound record looks at a bounded number of bytes per place.
pub(super) const MAX_RECORD: usize = 512;

/// The longest key.
pub(super) const MAX_KEY: usize = 255;

const PACK: u8 = 1;
const PUT: u8 = 2;
const DELETE: u8 = 3;
const GONE: u8 = 4;

/// The place of an entry: `pack` is the offset of the record that names the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) pack: u64,
    pub(super) start: u64,
    pub(super) end: u64,
}

/// What one record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Record<'a> {
    /// A pack has this UUID for its name. Records refer to it by the offset of this one.
    Pack { uuid: u128 },
    /// An entry is at this place.
    Put { key: &'a str, slot: Slot },
    /// There is no such entry any more.
    Delete { key: &'a str },
    /// A pack is gone, and every entry in it.
    Gone { pack: u64 },
}

impl Record<'_> {
    /// Appends the bytes of the record for the place `at` in a journal with this salt.
    ///
    /// # Errors
    /// `Usage` for a key of more than 255 bytes; nothing is appended.
    pub(super) fn emit(&self, out: &mut Vec<u8>, at: u64, salt: u64) -> Result<()> {
        if let Record::Put { key, .. } | Record::Delete { key } = self
            && key.len() > MAX_KEY
        {
            let what = format!("a key of {} bytes, where a journal holds {MAX_KEY}", key.len());
            return Err(Error::usage(what));
        }
        let from = out.len();
        out.extend_from_slice(&[0; 8]);
        let (kind, n) = match self {
            Record::Pack { uuid } => {
                out.extend_from_slice(&uuid.to_be_bytes());
                (PACK, 0)
            }
            Record::Put { key, slot } => {
                for value in [slot.pack, slot.start, slot.end] {
                    out.extend_from_slice(&value.to_le_bytes());
                }
                out.extend_from_slice(key.as_bytes());
                (PUT, key.len())
            }
            Record::Delete { key } => {
                out.extend_from_slice(key.as_bytes());
                (DELETE, key.len())
            }
            Record::Gone { pack } => {
                out.extend_from_slice(&pack.to_le_bytes());
                (GONE, 0)
            }
        };
        while !(out.len() - from).is_multiple_of(ALIGN as usize) {
            out.push(0);
        }
        let len = (out.len() - from) as u16;
        let record = out.get_mut(from..).unwrap_or_default();
        let [a, b] = len.to_le_bytes();
        for (place, byte) in record.iter_mut().skip(4).zip([a, b, kind, n as u8]) {
            *place = byte;
        }
        let sum = hash::checksum(record.get(4..).unwrap_or_default(), salt.wrapping_add(at));
        for (place, byte) in record.iter_mut().zip(sum.to_le_bytes()) {
            *place = byte;
        }
        Ok(())
    }
}

/// The numbers at the start of a record, which fit each other.
struct Shape {
    kind: u8,
    /// Where the key starts, and where it ends.
    fixed: usize,
    end: usize,
    /// The bytes of the record.
    len: usize,
}

impl Shape {
    fn of(bytes: &[u8]) -> Option<Shape> {
        let len = usize::from(u16_at(bytes.get(..8)?, 4));
        let [kind, n] = *bytes.get(6..8)?.first_chunk()?;
        if !(8..=MAX_RECORD).contains(&len) || !len.is_multiple_of(ALIGN as usize) {
            return None;
        }
        let fixed = match (kind, n) {
            (PACK, 0) => 24,
            (PUT, _) => 32,
            (DELETE, _) => 8,
            (GONE, 0) => 16,
            _ => return None,
        };
        let end = fixed + usize::from(n);
        (end.next_multiple_of(ALIGN as usize) == len).then_some(Shape { kind, fixed, end, len })
    }
}

/// The places of what has the form of records, one behind the other, from these bytes on, which lie at `at`; whether
/// their checksums are right, which takes the salt, is not looked at.
pub(super) fn shapes(mut bytes: &[u8], mut at: u64) -> impl Iterator<Item = u64> + '_ {
    std::iter::from_fn(move || {
        let shape = Shape::of(bytes)?;
        let record = bytes.get(..shape.len)?;
        let pack = u64_at(record, 8);
        let fits = match shape.kind {
            PUT => pack < at && pack.is_multiple_of(ALIGN) && u64_at(record, 16) < u64_at(record, 24),
            GONE => pack < at && pack.is_multiple_of(ALIGN),
            _ => true,
        };
        let padded = record.get(shape.end..).is_some_and(|rest| rest.iter().all(|b| *b == 0));
        let here = at;
        bytes = bytes.get(shape.len..)?;
        at += shape.len as u64;
        (fits && padded).then_some(here)
    })
}

/// The record that starts these bytes, which lie at `at`, and its length. `None` where there is no sound one.
pub(super) fn parse(bytes: &[u8], at: u64, salt: u64) -> Option<(Record<'_>, u64)> {
    let Shape { kind, fixed, end, len } = Shape::of(bytes)?;
    let record = bytes.get(..len)?;
    if u32_at(record, 0) != hash::checksum(record.get(4..).unwrap_or_default(), salt.wrapping_add(at)) {
        return None;
    }
    let key = || record.get(fixed..end).and_then(|key| std::str::from_utf8(key).ok());
    let said = match kind {
        PACK => Record::Pack { uuid: u128::from_be_bytes(*record.get(8..24)?.first_chunk()?) },
        PUT => {
            let slot = Slot { pack: u64_at(record, 8), start: u64_at(record, 16), end: u64_at(record, 24) };
            // A pack is named before it is used, and an object is longer than its header.
            if slot.pack >= at || slot.end.checked_sub(slot.start)? <= HEADER_LEN as u64 {
                return None;
            }
            Record::Put { key: key()?, slot }
        }
        DELETE => Record::Delete { key: key()? },
        _ => Record::Gone { pack: u64_at(record, 8) },
    };
    Some((said, len as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Record<'static>> {
        let slot = Slot { pack: 64, start: 240, end: 480 };
        let long = std::str::from_utf8(&[b'7'; MAX_KEY]).unwrap();
        vec![
            Record::Pack { uuid: 0xe867_6bda_e5ea_11f1_ac7c_02fc_0000_0001 },
            Record::Put { key: "b6589fc6ab0dc82cf12099d1c2d40ab994e8410c", slot },
            Record::Put { key: "", slot },
            Record::Put { key: long, slot },
            Record::Delete { key: "one" },
            Record::Gone { pack: 64 },
        ]
    }

    #[test]
    fn what_is_emitted_is_parsed() {
        for record in all() {
            let mut bytes = Vec::new();
            record.emit(&mut bytes, 4096, 9).unwrap();
            assert_eq!(parse(&bytes, 4096, 9), Some((record, bytes.len() as u64)));
            // Elsewhere, in another file, cut short: none.
            assert_eq!(parse(&bytes, 4104, 9), None);
            assert_eq!(parse(&bytes, 4096, 8), None);
            for cut in 0..bytes.len() {
                assert_eq!(parse(&bytes[..cut], 4096, 9), None);
            }
        }
    }

    #[test]
    fn a_flipped_bit_is_no_record() {
        for record in all() {
            let mut bytes = Vec::new();
            record.emit(&mut bytes, 4096, 9).unwrap();
            for bit in 0..bytes.len() * 8 {
                bytes[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(parse(&bytes, 4096, 9), None, "{record:?} {bit}");
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
        }
    }

    #[test]
    fn the_bytes_are_as_described() {
        let mut bytes = Vec::new();
        Record::Put { key: "key", slot: Slot { pack: 64, start: 1, end: 0x1234 } }
            .emit(&mut bytes, 128, 1)
            .unwrap();
        // Length, kind, length of the key; pack, start, end; the key, padded.
        assert_eq!(&bytes[4..8], [40, 0, 2, 3]);
        assert_eq!(&bytes[8..], b"\x40\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x34\x12\0\0\0\0\0\0key\0\0\0\0\0");
    }

    #[test]
    fn what_contradicts_itself_is_no_record() {
        for (pack, start, end) in [(4096, 0, 100), (9000, 0, 100), (64, 100, 100), (64, 100, 140), (64, 9, 8)]
        {
            let mut bytes = Vec::new();
            Record::Put { key: "k", slot: Slot { pack, start, end } }.emit(&mut bytes, 4096, 9).unwrap();
            assert_eq!(parse(&bytes, 4096, 9), None, "{pack} {start} {end}");
        }
    }
}
