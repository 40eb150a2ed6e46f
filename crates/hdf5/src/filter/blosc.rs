//! Filter 32001, Blosc: each chunk is one chunk of Blosc 1.
//!
//! Parameters: two versions, the bytes of an element, those of a chunk, the level, the shuffle (0 none, 1 bytes, 2 bits)
//! and the codec (0 blosclz, 1 LZ4, 2 LZ4HC, 3 Snappy, 4 zlib, 5 Zstandard). Readers go by the chunk alone. There is no
//! encoder of blosclz and LZ4HC here: such chunks are written as LZ4, which every reader of the filter reads.
//!
//! Source: the registered filter's documentation; measured on hdf5plugin 7.1 (C-Blosc 1.21).

use super::Room;
use super::codec::blosc::Chunk;
use super::codec::blosc_pack::{Order, Packing, Wanted};
use hyperslab_core::{Error, Limits, Result};
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

/// Packs bytes into one chunk.
pub(super) fn apply(values: &[u32], bytes: &[u8]) -> Result<Option<Vec<u8>>> {
    let order = match values.get(5) {
        Some(0) => Order::AsIs,
        None | Some(1) => Order::Bytes,
        Some(2) => Order::Bits,
        Some(n) => return Err(Error::unsupported(format!("Blosc with shuffle {n}"))),
    };
    let packing = match values.get(6) {
        None | Some(0..=2) => Packing::Lz4,
        Some(3) => Packing::Snappy,
        Some(4) => Packing::Zlib,
        Some(5) => Packing::Zstd,
        Some(n) => return Err(Error::unsupported(format!("Blosc with codec {n}"))),
    };
    // Longer elements are taken for bytes.
    let item = values.get(2).and_then(|&n| u8::try_from(n).ok()).unwrap_or(1).max(1);
    let level = values.get(4).copied().unwrap_or(5);
    Wanted { item, order, packing, level }.chunk(bytes).map(Some)
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

    #[test]
    fn what_is_packed_comes_back() {
        let plain: Vec<u8> = (0..10_000u32).flat_map(|i| (i / 7).to_le_bytes()).collect();
        for codec in 0..6 {
            for shuffle in 0..3 {
                for values in
                    [vec![2, 2, 4, 40_000, 5, shuffle, codec], vec![2, 2, 1000, 0, 9, shuffle, codec]]
                {
                    let packed = apply(&values, &plain).unwrap().unwrap();
                    assert!(packed.len() < 30_000);
                    assert_eq!(run(&packed, 40_000).unwrap(), plain);
                }
            }
        }
        assert!(apply(&[], &plain).is_ok());
        for values in [[2, 2, 4, 40_000, 5, 3, 0], [2, 2, 4, 40_000, 5, 1, 6]] {
            assert_eq!(apply(&values, &plain).unwrap_err().kind(), hyperslab_core::Kind::Unsupported);
        }
    }
}
