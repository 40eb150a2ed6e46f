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

#[cfg(test)]
mod tests {
    use super::*;

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
