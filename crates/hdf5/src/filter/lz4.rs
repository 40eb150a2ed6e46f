//! Filter 32004, LZ4: blocks of a fixed size, each packed for itself.
//!
//! A chunk starts with the bytes that come out (8) and the bytes of a block (4), both big-endian. Each block, of which
//! the last may be shorter, has the bytes it is packed into (4, big-endian) before it; as many as it gives mean that
//! it is not packed.
//!
//! Source: the format description of the registered filter; measured on hdf5plugin 7.1.

use super::Room;
use super::codec::lz4;
use hyperslab_core::{Error, Limits, Result};
use std::borrow::Cow;

/// Undoes the packing.
pub(super) fn undo<'a>(
    _: &[u32],
    bytes: Cow<'a, [u8]>,
    room: Room,
    limits: &Limits,
) -> Result<Cow<'a, [u8]>> {
    let short = || Error::invalid(format!("LZ4 chunk of {} bytes ends early", bytes.len()));
    let (total, rest) = bytes.split_first_chunk::<8>().ok_or_else(short)?;
    let (block, mut rest) = rest.split_first_chunk::<4>().ok_or_else(short)?;
    let mut out = room.zeroed(u64::from_be_bytes(*total), limits)?;
    let size = u32::from_be_bytes(*block) as usize;
    if size == 0 && !out.is_empty() {
        return Err(Error::invalid("LZ4 blocks of 0 bytes"));
    }
    for block in out.chunks_mut(size.max(1)) {
        let (len, after) = rest.split_first_chunk::<4>().ok_or_else(short)?;
        let (packed, after) = after.split_at_checked(u32::from_be_bytes(*len) as usize).ok_or_else(short)?;
        match packed.len() == block.len() {
            true => block.copy_from_slice(packed),
            false => lz4::block(packed, block)?,
        }
        rest = after;
    }
    Ok(Cow::Owned(out))
}

/// Bytes of a block unless the writer chose: as many as the registered filter takes.
const BLOCK: usize = 1 << 30;

/// Packs bytes; a block that does not get shorter stays as it is.
pub(super) fn apply(values: &[u32], bytes: &[u8]) -> Result<Option<Vec<u8>>> {
    let size = match values.first() {
        Some(&n) if n > 0 => (n as usize).min(BLOCK),
        _ => BLOCK,
    };
    let size = size.min(bytes.len()).max(1);
    let mut out = Vec::new();
    out.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
    out.extend_from_slice(&u32::try_from(size).unwrap_or(u32::MAX).to_be_bytes());
    for block in bytes.chunks(size) {
        let packed = lz4::pack(block);
        let stored = if packed.len() < block.len() { &packed[..] } else { block };
        out.extend_from_slice(&u32::try_from(stored.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(stored);
    }
    Ok(Some(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(chunk: &[u8], n: u64) -> Result<Vec<u8>> {
        undo(&[], Cow::Borrowed(chunk), Room::exactly(n), &Limits::default()).map(Cow::into_owned)
    }

    #[test]
    fn what_is_packed_comes_back() {
        for n in [1u32, 13, 100, 5000, 100_000] {
            let plain: Vec<u8> = (0..n).map(|i| (i.wrapping_mul(i) >> 7) as u8).collect();
            for values in [&[][..], &[0], &[64], &[4096]] {
                let packed = apply(values, &plain).unwrap().unwrap();
                assert_eq!(run(&packed, n.into()).unwrap(), plain);
            }
        }
    }

    #[test]
    fn blocks_packed_and_not() {
        let mut chunk = vec![0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0, 17];
        // Three literals, nine bytes from three back, five literals; then three bytes as they are.
        chunk.extend([0, 0, 0, 12, 0x35, 1, 2, 3, 3, 0, 0x50, 4, 5, 6, 7, 8]);
        chunk.extend([0, 0, 0, 3, 9, 9, 9]);
        let whole = [1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9];
        assert_eq!(run(&chunk, 20).unwrap(), whole);
        assert!(run(&chunk, 19).is_err());
        for n in 0..chunk.len() {
            assert!(run(&chunk[..n], 20).is_err(), "{n}");
        }
        chunk[11] = 0;
        assert!(run(&chunk, 20).is_err());
    }
}
