//! Filter 32001, Blosc: each chunk is one chunk of Blosc 1.
//!
//! Source: the registered filter's documentation; measured on hdf5plugin 7.1 (C-Blosc 1.21).

use super::Room;
use super::codec::blosc::Chunk;
use hyperslab_core::{Limits, Result};
use std::borrow::Cow;

/// Undoes the packing.
pub(super) fn undo<'a>(
    _: &[u32],
    bytes: Cow<'a, [u8]>,
    room: Room,
    limits: &Limits,
) -> Result<Cow<'a, [u8]>> {
    let chunk = Chunk::parse(&bytes)?;
    let mut out = room.zeroed(chunk.len as u64, limits)?;
    chunk.decode(&mut out, limits)?;
    Ok(Cow::Owned(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(chunk: &[u8], n: u64) -> Result<Vec<u8>> {
        undo(&[], Cow::Borrowed(chunk), Room::exactly(n), &Limits::default()).map(Cow::into_owned)
    }

    /// A header for `n` bytes in one block.
    fn chunk(flags: u8, item: u8, n: u32, body: &[u8]) -> Vec<u8> {
        let mut v = vec![2, 1, flags, item];
        v.extend(n.to_le_bytes());
        v.extend(n.to_le_bytes());
        v.extend((16 + body.len() as u32).to_le_bytes());
        v.extend(body);
        v
    }

    #[test]
    fn chunks() {
        // Nothing was done.
        assert_eq!(run(&chunk(0x33, 2, 4, &[1, 2, 3, 4]), 4).unwrap(), [1, 2, 3, 4]);
        // One block, one stream that is not packed, its bytes shuffled.
        let body = [20, 0, 0, 0, 4, 0, 0, 0, 1, 2, 3, 4];
        assert_eq!(run(&chunk(0x31, 2, 4, &body), 4).unwrap(), [1, 3, 2, 4]);
        // The same in LZ4: four literals.
        let body = [20, 0, 0, 0, 5, 0, 0, 0, 0x40, 1, 2, 3, 4];
        let whole = chunk(0x31, 2, 4, &body);
        assert_eq!(run(&whole, 4).unwrap(), [1, 3, 2, 4]);
        for n in 0..whole.len() {
            assert!(run(&whole[..n], 4).is_err(), "{n}");
        }
        assert!(run(&whole, 3).is_err());
        assert!(run(&chunk(0xb1, 2, 4, &body), 4).is_err());
        assert!(run(&chunk(0x31, 2, 4, &[200, 0, 0, 0]), 4).is_err());
    }
}
