//! The headers of a ZIP archive as bytes: local header, directory entry, end records.
//!
//! Source: PKWARE APPNOTE 6.3.10, sections 4.3 and 4.5.3; the padding field is that of Android's `zipalign`.

use super::directory::{LOCAL_LEN, UTF8, ZIP64};
use super::member::STORED;
use hyperslab_core::{Error, Result};

/// The padding field.
const ALIGNMENT: u16 = 0xD935;
const ALIGN: u64 = 64;
/// Midnight on 1 January 1980, in the format of DOS.
const DATE: u32 = 0x0021 << 16;
/// Format version needed: 2.0, or 4.5 for ZIP64.
const NEEDS: u16 = 20;
const NEEDS_ZIP64: u16 = 45;
/// Made under Unix, an ordinary file with the permissions that NumPy gives.
const MADE_BY: u16 = 3 << 8;
const PERMISSIONS: u32 = 0o100_600 << 16;
/// A folder, for Unix and for DOS.
const FOLDER: u32 = (0o040_700 << 16) | 0x10;
const NARROW: u64 = u32::MAX as u64;

/// What the directory will say about a member.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) name: String,
    pub(super) method: u16,
    pub(super) crc: u32,
    pub(super) packed: u64,
    pub(super) size: u64,
    pub(super) at: u64,
}

/// A 32-bit field: the value, or the mark that ZIP64 has it.
fn narrow(value: u64) -> [u8; 4] {
    u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes()
}

impl Record {
    fn flags(&self) -> u16 {
        if self.name.is_ascii() { 0 } else { UTF8 }
    }

    fn name_len(&self) -> Result<[u8; 2]> {
        let len = u16::try_from(self.name.len());
        len.map(u16::to_le_bytes).map_err(|_| Error::usage("a member's name is longer than 65535 bytes"))
    }

    /// The local header of a member whose packed size is at most `most`.
    pub(super) fn local(&self, most: u64) -> Result<Vec<u8>> {
        self.local_with(self.packed, most)
    }

    pub(super) fn local_with(&self, packed: u64, most: u64) -> Result<Vec<u8>> {
        let wide = self.size >= NARROW || most >= NARROW;
        let mut extra = Vec::new();
        if wide {
            extra.extend(ZIP64.to_le_bytes());
            extra.extend(16u16.to_le_bytes());
            extra.extend(self.size.to_le_bytes());
            extra.extend(packed.to_le_bytes());
        }
        if self.method == STORED && self.size > 0 {
            let data_at =
                self.at.saturating_add(LOCAL_LEN).saturating_add((self.name.len() + extra.len()) as u64);
            let mut room = (ALIGN - data_at % ALIGN) % ALIGN;
            // The field itself takes four bytes, and two for the alignment it stands for.
            if room > 0 && room < 6 {
                room += ALIGN;
            }
            if room > 0 {
                extra.extend(ALIGNMENT.to_le_bytes());
                extra.extend(u16::try_from(room - 4).unwrap_or(0).to_le_bytes());
                extra.extend((ALIGN as u16).to_le_bytes());
                extra.resize(extra.len() + usize::try_from(room - 6).unwrap_or(0), 0);
            }
        }
        let shown = |value: u64| if wide { narrow(u64::MAX) } else { narrow(value) };
        let mut out = Vec::with_capacity(LOCAL_LEN as usize + self.name.len() + extra.len());
        out.extend(b"PK\x03\x04");
        out.extend(if wide { NEEDS_ZIP64 } else { NEEDS }.to_le_bytes());
        out.extend(self.flags().to_le_bytes());
        out.extend(self.method.to_le_bytes());
        out.extend(DATE.to_le_bytes());
        out.extend(self.crc.to_le_bytes());
        out.extend(shown(packed));
        out.extend(shown(self.size));
        out.extend(self.name_len()?);
        out.extend(u16::try_from(extra.len()).unwrap_or(0).to_le_bytes());
        out.extend(self.name.as_bytes());
        out.extend(extra);
        Ok(out)
    }

    pub(super) fn central(&self) -> Result<Vec<u8>> {
        let mut extra = Vec::new();
        for value in [self.size, self.packed, self.at].into_iter().filter(|v| *v >= NARROW) {
            extra.extend(value.to_le_bytes());
        }
        let wide = !extra.is_empty();
        if wide {
            let head = [ZIP64.to_le_bytes(), u16::try_from(extra.len()).unwrap_or(0).to_le_bytes()].concat();
            extra.splice(0..0, head);
        }
        let needs = if wide { NEEDS_ZIP64 } else { NEEDS };
        let mut out = Vec::with_capacity(46 + self.name.len() + extra.len());
        out.extend(b"PK\x01\x02");
        out.extend((MADE_BY | needs).to_le_bytes());
        out.extend(needs.to_le_bytes());
        out.extend(self.flags().to_le_bytes());
        out.extend(self.method.to_le_bytes());
        out.extend(DATE.to_le_bytes());
        out.extend(self.crc.to_le_bytes());
        out.extend(narrow(self.packed));
        out.extend(narrow(self.size));
        out.extend(self.name_len()?);
        out.extend(u16::try_from(extra.len()).unwrap_or(0).to_le_bytes());
        // No comment, disk 0, no internal attributes.
        out.extend([0; 6]);
        out.extend(if self.name.ends_with('/') { FOLDER } else { PERMISSIONS }.to_le_bytes());
        out.extend(narrow(self.at));
        out.extend(self.name.as_bytes());
        out.extend(extra);
        Ok(out)
    }
}

/// The end record of `count` members whose directory of `len` bytes starts at `start`.
pub(super) fn end(count: u64, start: u64, len: u64) -> Vec<u8> {
    let mut out = Vec::new();
    if count >= u64::from(u16::MAX) || start >= NARROW || len >= NARROW {
        let at = start.saturating_add(len);
        out.extend(b"PK\x06\x06");
        out.extend(44u64.to_le_bytes());
        out.extend((MADE_BY | NEEDS_ZIP64).to_le_bytes());
        out.extend(NEEDS_ZIP64.to_le_bytes());
        out.extend([0; 8]);
        for value in [count, count, len, start] {
            out.extend(value.to_le_bytes());
        }
        out.extend(b"PK\x06\x07");
        out.extend([0; 4]);
        out.extend(at.to_le_bytes());
        out.extend(1u32.to_le_bytes());
    }
    let count = u16::try_from(count).unwrap_or(u16::MAX).to_le_bytes();
    out.extend(b"PK\x05\x06");
    out.extend([0; 4]);
    out.extend(count);
    out.extend(count);
    out.extend(narrow(len));
    out.extend(narrow(start));
    out.extend([0; 2]);
    out
}

#[cfg(test)]
mod tests {
    use super::super::directory::Wide;
    use super::super::le::{u16_at, u32_at, u64_at};
    use super::super::member::DEFLATED;
    use super::*;

    const BIG: u64 = 5 << 30;

    #[test]
    fn zip64_only_where_a_number_needs_it() {
        let small = Record { name: "a.npy".into(), method: STORED, crc: 7, packed: 9, size: 9, at: 0 };
        let local = small.local(9).unwrap();
        assert_eq!((u16_at(&local, 4), u32_at(&local, 18), u32_at(&local, 22)), (Some(20), Some(9), Some(9)));
        assert_eq!(local.len() % 64, 0);
        assert_eq!(small.central().unwrap().len(), 46 + 5);
        assert_eq!(end(1, 100, 51).len(), 22);

        let big = Record { packed: BIG, size: BIG + 1, at: BIG + 2, method: DEFLATED, ..small.clone() };
        let local = big.local(BIG).unwrap();
        assert_eq!(
            (u16_at(&local, 4), u32_at(&local, 18), u32_at(&local, 22)),
            (Some(45), Some(u32::MAX), Some(u32::MAX))
        );
        let mut wide = Wide::new(&local[35..]);
        assert_eq!((wide.resolve(u32::MAX).unwrap(), wide.resolve(u32::MAX).unwrap()), (BIG + 1, BIG));
        let central = big.central().unwrap();
        let mut wide = Wide::new(&central[51..]);
        for want in [BIG + 1, BIG, BIG + 2] {
            assert_eq!(wide.resolve(u32::MAX).unwrap(), want);
        }
        // Packed small, yet the header had to make room before that was known.
        let local =
            Record { packed: 10, size: NARROW - 1, ..big.clone() }.local_with(10, NARROW + 10).unwrap();
        let mut wide = Wide::new(&local[35..]);
        assert_eq!((wide.resolve(u32::MAX).unwrap(), wide.resolve(u32::MAX).unwrap()), (NARROW - 1, 10));
        // Far into the archive only the position is wide.
        let far = Record { at: BIG, ..small };
        assert_eq!(u32_at(&far.local(9).unwrap(), 22), Some(9));
        let central = far.central().unwrap();
        assert_eq!((u32_at(&central, 24), u32_at(&central, 42)), (Some(9), Some(u32::MAX)));
        assert_eq!(Wide::new(&central[51..]).resolve(u32::MAX).unwrap(), BIG);

        for (count, start, len) in [(65_535, 0, 9), (1, BIG, 9), (1, 0, BIG)] {
            let e = end(count, start, len);
            assert_eq!(e.len(), 56 + 20 + 22);
            assert_eq!(
                (u64_at(&e, 32), u64_at(&e, 40), u64_at(&e, 48)),
                (Some(count), Some(len), Some(start))
            );
            assert_eq!(u64_at(&e, 56 + 8), Some(start + len));
        }
    }
}
