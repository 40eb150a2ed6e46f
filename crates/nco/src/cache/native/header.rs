//! The 64 bytes at the start of a journal; no I/O.

use super::table::BLOCK;
use super::{hash, record};
use hyperslab_core::{Error, Result};

/// How many bytes the header takes.
pub(super) const HEADER_LEN: u64 = 64;

/// What every journal starts with: a pickle of `(0x4a434e, VERSION)`, three zeros behind it. Nengo takes it for the
/// version of an index, one that is far too new, and leaves the directory alone: it would empty one without an index.
const MAGIC: &[u8; 16] = b"\x80\x02JNCJ\0K\x01\x86q\0.\0\0\0";

/// Where the version stands in it, and the one version there is.
const VERSION_AT: usize = 8;
const VERSION: u8 = 1;

/// Whether a file that starts with these bytes is a journal, of whatever version.
pub(crate) fn is_journal(bytes: &[u8]) -> bool {
    bytes.get(..VERSION_AT) == MAGIC.get(..VERSION_AT) && bytes.get(9..16) == MAGIC.get(9..)
}

/// Whether a header has the checksum of what it was before its first bytes, up to the generation, were damaged.
fn is_sealed(bytes: &[u8; HEADER_LEN as usize]) -> bool {
    let mut whole = *bytes;
    whole.iter_mut().zip(MAGIC).for_each(|(place, byte)| *place = *byte);
    u32_at(bytes, 60) == hash::checksum(whole.get(..60).unwrap_or_default(), 0)
}

/// Whether a file that starts with these bytes, and not with those that say it, was a journal: it was cut off within
/// them, the rest of its header has the checksum that it says, or records follow. Without the salt that checksums
/// start from, three in a row are enough: each says kind and length, which fit each other, and where its pack is named.
pub(crate) fn was_journal(bytes: &[u8]) -> bool {
    if bytes.len() < MAGIC.len() {
        // So short, it could be nengo's as well.
        const SAME: usize = 2;
        return bytes.len() > SAME && MAGIC.starts_with(bytes);
    }
    if bytes.first_chunk().is_some_and(is_sealed) {
        return true;
    }
    let salt = u64_at(bytes, 24);
    let mut at = HEADER_LEN;
    while let Some(rest) = usize::try_from(at).ok().and_then(|at| bytes.get(at..)).filter(|r| !r.is_empty()) {
        if record::parse(rest, at, salt).is_some() || record::shapes(rest, at).take(3).count() == 3 {
            return true;
        }
        at += record::ALIGN;
    }
    false
}

/// What a header says. Checked: the table lies after the header and is whole blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Counts the compactions of the directory's journal, from 1.
    pub(super) generation: u64,
    /// A number drawn for this file: checksums and hashes start from it, so that records of another file, or the
    /// copy of one inside a key, are none.
    pub(super) salt: u64,
    /// Where the table starts: the records before it are those that it leads to.
    pub(super) table_at: u64,
    /// How many blocks it has.
    pub(super) blocks: u64,
    /// How many entries it leads to.
    pub(super) entries: u64,
}

impl Header {
    /// Where the records start that were appended since the table was written.
    pub(super) fn tail_at(&self) -> u64 {
        self.table_at + self.blocks * BLOCK
    }

    pub(super) fn emit(&self) -> [u8; HEADER_LEN as usize] {
        let mut out = [0; HEADER_LEN as usize];
        let (magic, rest) = out.split_at_mut(MAGIC.len());
        magic.copy_from_slice(MAGIC);
        let mut at = 0;
        let mut put = |bytes: &[u8]| {
            if let Some(place) = rest.get_mut(at..at + bytes.len()) {
                place.copy_from_slice(bytes);
            }
            at += bytes.len();
        };
        for value in [self.generation, self.salt, self.table_at, self.blocks, self.entries] {
            put(&value.to_le_bytes());
        }
        let sum = hash::checksum(out.get(..60).unwrap_or_default(), 0);
        if let Some(place) = out.get_mut(60..) {
            place.copy_from_slice(&sum.to_le_bytes());
        }
        out
    }

    /// Parses the header of a journal of `size` bytes.
    ///
    /// # Errors
    /// `Invalid` for anything but a header, and where the table would not lie in the file; `Unsupported` for another
    /// version.
    pub(super) fn parse(bytes: &[u8; HEADER_LEN as usize], size: u64) -> Result<Header> {
        let bad = |what: String| Error::invalid(what).reading("cache journal's header").at(0);
        if !is_journal(bytes) {
            let start: Vec<String> = bytes.iter().take(6).map(|b| format!("{b:02x}")).collect();
            let what = format!("starts with {}, where a journal has 80 02 4a 4e 43 4a", start.join(" "));
            return Err(bad(what));
        }
        let [.., version, _] = *bytes.first_chunk::<10>().unwrap_or(&[0; 10]);
        // With another version, a checksum that holds for this one is of a damaged byte.
        if version != VERSION && !is_sealed(bytes) {
            let what = format!("version {version} of the format, where {VERSION} is known");
            return Err(Error::unsupported(what).reading("cache journal's header").at(VERSION_AT as u64));
        }
        let (stated, made) = (u32_at(bytes, 60), hash::checksum(bytes.get(..60).unwrap_or_default(), 0));
        if stated != made {
            let what = format!("it is damaged: its checksum is {made:08x}, and {stated:08x} is stated");
            return Err(bad(what));
        }
        let header = Header {
            generation: u64_at(bytes, 16),
            salt: u64_at(bytes, 24),
            table_at: u64_at(bytes, 32),
            blocks: u64_at(bytes, 40),
            entries: u64_at(bytes, 48),
        };
        let Header { table_at, blocks, .. } = header;
        let end = blocks.checked_mul(BLOCK).and_then(|len| table_at.checked_add(len));
        if table_at < HEADER_LEN || !table_at.is_multiple_of(8) || end.is_none_or(|end| end > size) {
            return Err(bad(format!("{blocks} blocks of table from byte {table_at} on, in {size} bytes")));
        }
        Ok(header)
    }
}

/// A little-endian number; what is not there is zeros, and is there wherever this is called.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(array_at(bytes, at))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, at))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, at))
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_emitted_is_parsed() {
        let h = Header { generation: 3, salt: 0x1122_3344_5566_7788, table_at: 512, blocks: 2, entries: 40 };
        let bytes = h.emit();
        assert_eq!(&bytes[..16], MAGIC);
        assert_eq!(&bytes[16..40], b"\x03\0\0\0\0\0\0\0\x88\x77\x66\x55\x44\x33\x22\x11\0\x02\0\0\0\0\0\0");
        assert_eq!(Header::parse(&bytes, 1536).unwrap(), h);
        assert_eq!(h.tail_at(), 1536);
        // A byte less, and the table would not be there.
        assert!(Header::parse(&bytes, 1535).is_err());
    }

    #[test]
    fn refusals_name_what_is_there() {
        let good = Header { generation: 1, salt: 1, table_at: 64, blocks: 0, entries: 0 };
        let error = |b: &[u8; 64]| Header::parse(b, 1 << 20).unwrap_err().to_string();
        assert_eq!(
            error(&[0; 64]),
            "cache journal's header at byte 0: starts with 00 00 00 00 00 00, where a journal has 80 02 4a 4e 43 4a"
        );
        for at in 0..64 {
            let mut b = good.emit();
            b[at] ^= 0x10;
            let what = match at {
                8 => "damaged",
                0..16 => "where a journal has",
                _ => "damaged",
            };
            assert!(error(&b).contains(what), "{at}");
        }
        // A version that the checksum speaks for is one to come.
        let mut b = good.emit();
        b[8] = 2;
        let sum = hash::checksum(&b[..60], 0).to_le_bytes();
        b[60..].copy_from_slice(&sum);
        assert!(error(&b).contains("version 2 of the format, where 1 is known"));
        for (table_at, blocks) in [(63, 0), (60, 0), (64, u64::MAX / 4), (u64::MAX - 7, 1), (64, 4000)] {
            let b = Header { table_at, blocks, ..good }.emit();
            assert!(error(&b).contains("blocks of table"), "{table_at} {blocks}");
        }
    }
}
