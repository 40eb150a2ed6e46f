//! Filter 3, fletcher32: a checksum of four bytes after the chunk.
//!
//! Sums run over big-endian 16-bit words, an odd last byte being the high one. Libraries before HDF5 1.6.3 stored the
//! halves byte-swapped on little-endian machines; both forms are accepted, as libhdf5 accepts them.
//!
//! Source: HDF5 File Format Specification 3.0, section IV.A.2.l; measured on libhdf5 1.14 and 2.0.

use super::Room;
use hyperslab_core::{Error, Limits, Result};
use std::borrow::Cow;

/// Words that can be added up before the sums must be folded.
const BLOCK: usize = 360;

/// The checksum of `bytes`.
pub fn checksum(bytes: &[u8]) -> u32 {
    let (mut a, mut b) = (0u32, 0u32);
    let mut block = |part: &[u8]| {
        for w in part.chunks(2) {
            let high = u32::from(w.first().copied().unwrap_or(0)) << 8;
            a += high | u32::from(w.get(1).copied().unwrap_or(0));
            b += a;
        }
        a = (a & 0xffff) + (a >> 16);
        b = (b & 0xffff) + (b >> 16);
    };
    bytes.chunks(2 * BLOCK).for_each(&mut block);
    a = (a & 0xffff) + (a >> 16);
    b = (b & 0xffff) + (b >> 16);
    (b << 16) | a
}

/// Appends the checksum.
pub(super) fn apply(_: &[u32], bytes: &[u8]) -> Result<Option<Vec<u8>>> {
    Ok(Some([bytes, &checksum(bytes).to_le_bytes()].concat()))
}

/// Checks the checksum and takes it off.
pub(super) fn undo<'a>(_: &[u32], bytes: Cow<'a, [u8]>, _: Room, _: &Limits) -> Result<Cow<'a, [u8]>> {
    let Some((body, stored)) = bytes.split_last_chunk::<4>() else {
        return Err(Error::invalid("chunk too short for its checksum"));
    };
    let (stored, computed) = (u32::from_le_bytes(*stored), checksum(body));
    let swapped = ((computed & 0x00ff_00ff) << 8) | ((computed >> 8) & 0x00ff_00ff);
    if stored != computed && stored != swapped {
        return Err(Error::invalid(format!("checksum {computed:08x} where {stored:08x} is stored")));
    }
    let n = body.len();
    Ok(match bytes {
        Cow::Borrowed(b) => Cow::Borrowed(b.get(..n).unwrap_or_default()),
        Cow::Owned(mut v) => {
            v.truncate(n);
            Cow::Owned(v)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_seen() {
        let body: Vec<u8> = (0..2001).map(|i| (i * 7) as u8).collect();
        let sum = checksum(&body);
        let whole = |sum: [u8; 4]| [&body[..], &sum].concat();
        let run = |v: Vec<u8>| undo(&[], Cow::Owned(v), Room::exactly(0), &Limits::default());
        assert_eq!(&*run(whole(sum.to_le_bytes())).unwrap(), body);
        let [a, b, c, d] = sum.to_le_bytes();
        assert_eq!(&*run(whole([b, a, d, c])).unwrap(), body);
        let mut bad = whole(sum.to_le_bytes());
        bad[5] ^= 1;
        assert!(run(bad).is_err());
        assert!(run(vec![0; 3]).is_err());
    }
}
