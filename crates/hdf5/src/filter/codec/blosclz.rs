//! BloscLZ, the codec that Blosc brings along: literals and references back into what was already written.
//!
//! A control byte below 32 is followed by that many literals and one more. Another one starts a reference: its upper
//! three bits and, when they are all set, the bytes that follow up to one below 255 give the length less two; its
//! lower five bits and the next byte give the distance less one. When these are all set as well, two more bytes
//! (high, low) are added to the greatest distance. The first control byte is always one of literals: its upper bits
//! mean nothing.
//!
//! Source: C-Blosc's documentation and behavior, versions 1.21 and 2.

use hyperslab_core::{Error, Result};

/// The greatest distance that takes no more bytes.
const NEAR: usize = 8191;

/// Decodes a stream that must give exactly `out.len()` bytes.
///
/// # Errors
/// `Invalid` for a damaged stream, or one that gives fewer or more bytes.
pub(in super::super) fn decode(packed: &[u8], out: &mut [u8]) -> Result<()> {
    let short = || Error::invalid(format!("BloscLZ stream of {} bytes ends early", packed.len()));
    let wanted = out.len();
    let long = || Error::invalid(format!("BloscLZ stream gives more than {wanted} bytes"));
    let (mut rest, mut done, mut first) = (packed, 0usize, true);
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        let control = usize::from(if std::mem::take(&mut first) { byte & 31 } else { byte });
        if control < 32 {
            let (literals, tail) = rest.split_at_checked(control + 1).ok_or_else(short)?;
            let free = out.get_mut(done..).unwrap_or_default();
            // A copy of fixed length, where there is room, is a few instructions.
            match (rest.first_chunk::<32>(), free.first_chunk_mut::<32>()) {
                (Some(from), Some(to)) => *to = *from,
                _ => free.get_mut(..literals.len()).ok_or_else(long)?.copy_from_slice(literals),
            }
            done += literals.len();
            rest = tail;
            continue;
        }
        let mut next = || -> Result<usize> {
            let (&b, tail) = rest.split_first().ok_or_else(short)?;
            rest = tail;
            Ok(b.into())
        };
        let mut len = (control >> 5) + 2;
        if len == 9 {
            loop {
                let more = next()?;
                len += more;
                if more < 255 {
                    break;
                }
            }
        }
        let low = next()?;
        let mut distance = ((control & 31) << 8) + low;
        if distance == NEAR {
            distance += (next()? << 8) + next()?;
        }
        let from = done.checked_sub(distance + 1).ok_or_else(|| {
            Error::invalid(format!("BloscLZ reference {} bytes back after {done} bytes", distance + 1))
        })?;
        let end = done.checked_add(len).filter(|&end| end <= wanted).ok_or_else(long)?;
        repeat(out, from, done, end);
        done = end;
    }
    if done != wanted {
        return Err(Error::invalid(format!("BloscLZ stream gives {done} bytes instead of {wanted}")));
    }
    Ok(())
}

/// Fills `start..end` with what lies from `from` on, which is before it and may reach into it.
fn repeat(out: &mut [u8], from: usize, start: usize, end: usize) {
    const FEW: usize = 16;
    if end - start <= FEW && start - from >= FEW {
        let few = out.get(from..).and_then(|b| b.first_chunk::<FEW>()).copied();
        let free = out.get_mut(start..).and_then(|b| b.first_chunk_mut::<FEW>());
        if let (Some(few), Some(free)) = (few, free) {
            *free = few;
            return;
        }
    }
    if start - from == 1 {
        let byte = out.get(from).copied().unwrap_or(0);
        return out.get_mut(start..end).unwrap_or_default().fill(byte);
    }
    let mut at = start;
    while at < end {
        // What was written is a whole number of repetitions, so it doubles each time.
        let n = (at - from).min(end - at);
        out.copy_within(from..from + n, at);
        at += n;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_references() {
        let run = |packed: &[u8], n| {
            let mut out = vec![0; n];
            decode(packed, &mut out).map(|()| out)
        };
        // The first control byte's upper bits are not looked at.
        assert_eq!(run(&[0x22, 1, 2, 3], 3).unwrap(), [1, 2, 3]);
        // Five bytes from two back.
        assert_eq!(run(&[2, 1, 2, 3, 0x60, 1], 8).unwrap(), [1, 2, 3, 2, 3, 2, 3, 2]);
        // A long run: 7 + 2 + 255 + 3 bytes of the last one.
        assert_eq!(run(&[0, 9, 0xe0, 255, 3, 0], 268).unwrap(), [9; 268]);
        for (packed, n) in [
            (&[2, 1, 2, 3][..], 4),
            (&[2, 1, 2, 3], 2),
            (&[2, 1, 2], 3),
            (&[2, 1, 2, 3, 0x60, 3], 8),
            (&[2, 1, 2, 3, 0x60], 8),
            (&[0, 9, 0xe0, 255], 300),
            (&[], 1),
        ] {
            assert!(run(packed, n).is_err(), "{packed:?}");
        }
        assert!(run(&[], 0).unwrap().is_empty());
    }

    #[test]
    fn far_references() {
        let mut packed = Vec::new();
        let plain: Vec<u8> = (0..9000usize).map(|i| (i % 251) as u8).collect();
        for part in plain.chunks(32) {
            packed.push(part.len() as u8 - 1);
            packed.extend(part);
        }
        // Three bytes from 8191 + 500 + 1 back.
        packed.extend([0x3f, 255, 1, 244]);
        let mut out = vec![0; 9003];
        decode(&packed, &mut out).unwrap();
        assert_eq!(out[..9000], plain);
        assert_eq!(out[9000..], plain[9000 - 8692..][..3]);
    }
}
