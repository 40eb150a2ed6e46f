//! Filter 32008, bitshuffle: the first bits of the elements of a block, then the second bits, and so on; each block
//! may be packed then.
//!
//! Parameters: two versions, the bytes of an element, the elements of a block (0: 8 KiB of them, at least 128, a
//! multiple of 8), and how blocks are packed (0: not, 2: LZ4, 3: Zstandard). A packed chunk starts with the bytes that
//! come out (8) and the bytes of a block (4), and each block with the bytes it is packed into (4), all big-endian.
//! The last block has the elements that are left, down to a multiple of 8; up to 7 elements after it are as they were.
//!
//! Source: the registered filter's documentation; measured on hdf5plugin 7.1 (bitshuffle 0.5).

use super::Room;
use super::codec::{lz4, transpose, zstd};
use hyperslab_core::{Error, Limits, Result};
use std::borrow::Cow;

/// Bytes of a block, unless the writer chose.
const BLOCK: usize = 8192;
/// Elements of a block at least, unless the writer chose.
const LEAST: usize = 128;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Packing {
    None,
    Lz4,
    Zstd,
}

/// What the parameters say.
struct Form {
    /// Bytes of an element.
    size: usize,
    /// Elements of a block; 0 where the writer did not choose.
    block: usize,
    packing: Packing,
}

impl Form {
    fn parse(values: &[u32]) -> Result<Form> {
        let size = match values.get(2) {
            Some(&n) if n > 0 => n as usize,
            _ => return Err(Error::invalid("bitshuffle filter without an element size")),
        };
        let packing = match values.get(4) {
            None | Some(0) => Packing::None,
            Some(2) => Packing::Lz4,
            Some(3) => Packing::Zstd,
            Some(n) => return Err(Error::unsupported(format!("bitshuffle with packing {n}"))),
        };
        Ok(Form { size, block: values.get(3).map_or(0, |&n| n as usize), packing })
    }
}

/// Elements of a block, unless the writer chose.
fn usual_block(size: usize) -> usize {
    (BLOCK / size / 8 * 8).max(LEAST)
}

/// Undoes the packing and the transposition.
pub(super) fn undo<'a>(
    values: &[u32],
    bytes: Cow<'a, [u8]>,
    room: Room,
    limits: &Limits,
) -> Result<Cow<'a, [u8]>> {
    let Form { size, block, packing } = Form::parse(values)?;
    let short = || Error::invalid(format!("bitshuffle chunk of {} bytes ends early", bytes.len()));
    let (mut rest, mut block, mut total) = (&*bytes, block, bytes.len() as u64);
    if packing != Packing::None {
        let (said, after) = rest.split_first_chunk::<8>().ok_or_else(short)?;
        let (bytes, after) = after.split_first_chunk::<4>().ok_or_else(short)?;
        (rest, block, total) = (after, u32::from_be_bytes(*bytes) as usize / size, u64::from_be_bytes(*said));
    }
    if block == 0 {
        block = usual_block(size);
    }
    if block % 8 != 0 || total % size as u64 != 0 {
        return Err(Error::invalid(format!(
            "bitshuffle of {total} bytes by blocks of {block} elements of {size} bytes"
        )));
    }
    let mut out = room.zeroed(total, limits)?;
    let group = size.saturating_mul(8);
    let (shuffled, tail) = out.split_at_mut(total as usize / group * group);
    let block = block.saturating_mul(size);
    let room = (block.min(shuffled.len())) as u64;
    let _held = limits.reserve(room.saturating_mul(2))?;
    let mut unpacked = vec![0; room as usize];
    let mut zstd = zstd::Decoder::new();
    for block in shuffled.chunks_mut(block) {
        let len = match packing {
            Packing::None => block.len(),
            _ => {
                let (len, after) = rest.split_first_chunk::<4>().ok_or_else(short)?;
                rest = after;
                u32::from_be_bytes(*len) as usize
            }
        };
        let (stored, after) = rest.split_at_checked(len).ok_or_else(short)?;
        rest = after;
        let unpacked = unpacked.get_mut(..block.len()).unwrap_or_default();
        let rows = match packing {
            Packing::None => stored,
            Packing::Lz4 => {
                lz4::block(stored, unpacked)?;
                unpacked
            }
            Packing::Zstd => {
                zstd.frames(stored, unpacked, limits)?;
                unpacked
            }
        };
        transpose::unshuffle_bits(size, rows, block);
    }
    tail.copy_from_slice(rest.get(..tail.len()).ok_or_else(short)?);
    Ok(Cow::Owned(out))
}

/// Transposes the bits of blocks, and packs these as the parameters say.
pub(super) fn apply(values: &[u32], bytes: &[u8]) -> Result<Option<Vec<u8>>> {
    let Form { size, block, packing } = Form::parse(values)?;
    let block = if block == 0 { usual_block(size) } else { block };
    let whole = block.checked_mul(size).and_then(|n| u32::try_from(n).ok());
    let (Some(whole), true) = (whole, block.is_multiple_of(8) && bytes.len().is_multiple_of(size)) else {
        return Err(Error::unsupported(format!(
            "bitshuffle of {} bytes by blocks of {block} elements of {size} bytes",
            bytes.len()
        )));
    };
    let group = size.saturating_mul(8);
    let (elements, tail) = bytes.split_at(bytes.len() / group * group);
    let mut out = Vec::with_capacity(bytes.len());
    if packing != Packing::None {
        out.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        out.extend_from_slice(&whole.to_be_bytes());
    }
    let mut rows = vec![0; elements.len().min(whole as usize)];
    for block in elements.chunks(whole as usize) {
        let rows = rows.get_mut(..block.len()).unwrap_or_default();
        transpose::shuffle_bits(size, block, rows);
        let packed = match packing {
            Packing::None => {
                out.extend_from_slice(rows);
                continue;
            }
            Packing::Lz4 => lz4::pack(rows),
            Packing::Zstd => zstd::frame(rows)?,
        };
        out.extend_from_slice(&u32::try_from(packed.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(&packed);
    }
    out.extend_from_slice(tail);
    Ok(Some(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(values: &[u32], chunk: &[u8], n: u64) -> Result<Vec<u8>> {
        undo(values, Cow::Borrowed(chunk), Room::exactly(n), &Limits::default()).map(Cow::into_owned)
    }

    #[test]
    fn blocks_and_what_is_left() {
        // Sixteen elements of a byte in blocks of eight, then two as they are.
        let chunk = [0xff, 0, 0, 0, 0, 0, 0, 1, 0x80, 0, 0, 0, 0, 0, 0, 0, 7, 8];
        let plain = [129, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 7, 8];
        assert_eq!(run(&[0, 5, 1, 8], &chunk, 18).unwrap(), plain);
        // The same, packed: eight literals each.
        let mut packed = vec![0, 0, 0, 0, 0, 0, 0, 18, 0, 0, 0, 8];
        for block in chunk[..16].chunks(8) {
            packed.extend([0, 0, 0, 9, 0x80]);
            packed.extend(block);
        }
        packed.extend([7, 8]);
        assert_eq!(run(&[0, 5, 1, 0, 2], &packed, 18).unwrap(), plain);
        for n in 0..packed.len() {
            assert!(run(&[0, 5, 1, 0, 2], &packed[..n], 18).is_err(), "{n}");
        }
        assert!(run(&[0, 5, 1, 0, 2], &packed, 17).is_err());
        assert_eq!(apply(&[0, 5, 1, 8], &plain).unwrap().unwrap(), chunk);
        assert_eq!(apply(&[0, 5, 1, 8, 2], &plain).unwrap().unwrap(), packed);
    }

    #[test]
    fn parameters_that_cannot_be() {
        for values in [&[0, 5][..], &[0, 5, 0], &[0, 5, 1, 7], &[0, 5, 4], &[0, 5, 1, 8, 9]] {
            assert!(run(values, &[0; 18], 18).is_err(), "{values:?}");
            assert!(apply(values, &[0; 18]).is_err(), "{values:?}");
        }
    }
}
