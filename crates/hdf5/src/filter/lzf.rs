//! Filter 32000, LZF: h5py's fast compression.
//!
//! Literals and references back into what was already written; there is no length and no checksum in the stream.
//! Format: LibLZF by Marc Lehmann, as h5py stores it (one stream per chunk).

use super::Room;
use hyperslab_core::{Error, Limits, Result};
use std::borrow::Cow;

/// Undoes the compression.
pub(super) fn undo<'a>(
    _: &[u32],
    bytes: Cow<'a, [u8]>,
    room: Room,
    limits: &Limits,
) -> Result<Cow<'a, [u8]>> {
    // Three bytes give at most 264.
    let possible = (bytes.len() as u64).saturating_mul(88).saturating_add(264).min(room.most);
    let (mut out, _held) = limits.vec(possible)?;
    let most = usize::try_from(possible).unwrap_or(usize::MAX);
    let mut rest = &bytes[..];
    let short = || Error::invalid("LZF stream ends early");
    let long = || Error::invalid(format!("LZF stream gives more than {most} bytes"));
    while let Some((&control, tail)) = rest.split_first() {
        rest = tail;
        if control < 32 {
            let (literal, tail) = rest.split_at_checked(usize::from(control) + 1).ok_or_else(short)?;
            if out.len() + literal.len() > most {
                return Err(long());
            }
            out.extend_from_slice(literal);
            rest = tail;
            continue;
        }
        let mut next = || -> Result<usize> {
            let (&b, tail) = rest.split_first().ok_or_else(short)?;
            rest = tail;
            Ok(b.into())
        };
        let mut len = usize::from(control >> 5) + 2;
        if len == 9 {
            len += next()?;
        }
        let back = (usize::from(control & 0x1f) << 8) + next()? + 1;
        let from = out.len().checked_sub(back).ok_or_else(|| {
            Error::invalid(format!("LZF reference {back} bytes back after {} bytes", out.len()))
        })?;
        if out.len() + len > most {
            return Err(long());
        }
        // A reference may reach into what it writes itself: the bytes in between repeat.
        let mut left = len;
        while left > 0 {
            let n = left.min(out.len() - from);
            out.extend_from_within(from..from + n);
            left -= n;
        }
    }
    Ok(Cow::Owned(out))
}

/// Places that a position is looked up under; more find more, and take longer to clear.
const TABLE_BITS: u32 = 14;
/// Bytes of the longest run of literals, of the farthest and of the longest reference.
const LITERALS: usize = 32;
const FARTHEST: usize = 1 << 13;
const LONGEST: usize = 264;

/// Compresses; `None` where the result would not be shorter.
pub(super) fn apply(_: &[u32], bytes: &[u8]) -> Result<Option<Vec<u8>>> {
    // Positions are kept in 32 bits, and a chunk has less than 4 GiB.
    let mut table = vec![0u32; 1 << TABLE_BITS];
    let mut out = Vec::with_capacity(bytes.len());
    let (mut at, mut literals) = (0, 0);
    while let Some(&[a, b, c]) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let key = (u32::from(a) << 16) | (u32::from(b) << 8) | u32::from(c);
        let place = (key.wrapping_mul(0x9e37_79b1) >> (32 - TABLE_BITS)) as usize;
        // Zero is an empty place, so positions count from one.
        let here = u32::try_from(at + 1).map_err(|_| Error::unsupported("LZF of 4 GiB"))?;
        let seen = table.get_mut(place).map_or(0, |slot| std::mem::replace(slot, here)) as usize;
        let from = seen.checked_sub(1).filter(|from| at - from <= FARTHEST);
        let len = from.map_or(0, |from| common(bytes, from, at));
        let (Some(from), 3..) = (from, len) else {
            at += 1;
            continue;
        };
        put_literals(bytes.get(literals..at).unwrap_or_default(), &mut out);
        let back = at - from - 1;
        match len - 2 {
            short @ ..=6 => out.push((short << 5 | back >> 8) as u8),
            long => out.extend([(7 << 5 | back >> 8) as u8, (long - 7) as u8]),
        }
        out.push(back as u8);
        at += len;
        literals = at;
        if out.len() >= bytes.len() {
            return Ok(None);
        }
    }
    put_literals(bytes.get(literals..).unwrap_or_default(), &mut out);
    Ok(Some(out).filter(|out| out.len() < bytes.len()))
}

fn put_literals(literals: &[u8], out: &mut Vec<u8>) {
    for run in literals.chunks(LITERALS) {
        out.push((run.len() - 1) as u8);
        out.extend_from_slice(run);
    }
}

/// How many bytes from two positions on are the same, up to what a reference can be long.
fn common(bytes: &[u8], from: usize, at: usize) -> usize {
    let (old, new) = (bytes.get(from..).unwrap_or_default(), bytes.get(at..).unwrap_or_default());
    old.iter().zip(new).take(LONGEST).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let mut state = 1u64;
        let mut noise = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        };
        let far: Vec<u8> = (0..40_000).map(|_| noise()).collect();
        let repeats = |period: usize, n: usize| (0..n).map(|i| far[i % period]).collect::<Vec<_>>();
        for bytes in [
            vec![],
            vec![7],
            vec![7; 3],
            vec![7; 100_000],
            (0..60_000u32).flat_map(|i| (i / 7).to_le_bytes()).collect(),
            repeats(5, 8),
            repeats(32, 500),
            repeats(33, 500),
            repeats(8191, 30_000),
            repeats(8192, 30_000),
            repeats(8193, 30_000),
            far.clone(),
        ] {
            let Some(packed) = apply(&[], &bytes).unwrap() else { continue };
            assert!(packed.len() < bytes.len());
            assert_eq!(run(&packed, bytes.len() as u64).unwrap(), bytes);
        }
        assert!(apply(&[], &repeats(8192, 30_000)).unwrap().is_some());
        assert!(apply(&[], &repeats(8193, 30_000)).unwrap().is_none());
        assert!(apply(&[], &far[..8000]).unwrap().is_none());
        assert_eq!(apply(&[], &[9; 211]).unwrap().unwrap(), [0, 9, 0xe0, 201, 0]);
    }

    fn run(stream: &[u8], most: u64) -> Result<Vec<u8>> {
        undo(&[], Cow::Borrowed(stream), Room::exactly(most), &Limits::default()).map(Cow::into_owned)
    }

    #[test]
    fn literals_and_references() {
        assert_eq!(run(&[2, 1, 2, 3], 3).unwrap(), [1, 2, 3]);
        // Three literals, then five bytes from two back.
        assert_eq!(run(&[2, 1, 2, 3, 0x60, 1], 8).unwrap(), [1, 2, 3, 2, 3, 2, 3, 2]);
        // The long form: 7 + 2 + 200 bytes from one back.
        assert_eq!(run(&[0, 9, 0xe0, 200, 0], 1000).unwrap(), [9; 210]);
    }

    #[test]
    fn damage_is_seen() {
        for (stream, most) in [
            (&[2, 1, 2][..], 10),
            (&[0x60], 10),
            (&[0xe0, 1], 10),
            (&[0, 1, 0x60, 1], 10),
            (&[2, 1, 2, 3], 2),
        ] {
            assert!(run(stream, most).is_err(), "{stream:?}");
        }
    }
}
