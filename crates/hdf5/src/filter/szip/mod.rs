//! Filter 4, szip: adaptive entropy coding, as the szip library frames it.
//!
//! A chunk starts with the bytes that come out (4, little-endian). Parameters: a mask of options (16: samples are
//! big-endian; 32: differences are coded instead of values), the samples of a block, the bits of a sample and the
//! samples of a scan line. Each line is coded for itself, filled up to whole blocks with samples that are thrown away.
//! Samples of 32 and 64 bits are coded as bytes, the first bytes of all samples first.
//!
//! Not the entropy coding itself, which is in `entropy`.
//!
//! Source: HDF5 File Format Specification 3.0, section IV.A.2.l; measured on libhdf5 with libaec 1.1.

mod entropy;

use super::Room;
use super::codec::transpose;
use entropy::{Coding, Decoder};
use hyperslab_core::{Error, Limits, Result};
use std::borrow::Cow;

const MSB: u32 = 16;
const NEAREST_NEIGHBOR: u32 = 32;
/// Samples of a block at the most: szip ends at 32, libaec at 64.
const MAX_BLOCK: u32 = 64;

/// Undoes the coding.
pub(super) fn undo<'a>(
    values: &[u32],
    bytes: Cow<'a, [u8]>,
    room: Room,
    limits: &Limits,
) -> Result<Cow<'a, [u8]>> {
    let Some(&[mask, block, bits, line]) = values.first_chunk::<4>() else {
        return Err(Error::invalid(format!("{} parameters of szip where 4 belong", values.len())));
    };
    let Some((len, stream)) = bytes.split_first_chunk::<4>() else {
        return Err(Error::invalid(format!("szip chunk of {} bytes ends early", bytes.len())));
    };
    if !(1..=MAX_BLOCK).contains(&block) || line == 0 || !(matches!(bits, 1..=32 | 64)) {
        return Err(Error::invalid(format!(
            "szip lines of {line} samples of {bits} bits in blocks of {block}"
        )));
    }
    let word = if matches!(bits, 32 | 64) { bits as usize / 8 } else { 1 };
    let bits = if word > 1 { 8 } else { bits };
    let mut out = room.zeroed(u32::from_le_bytes(*len).into(), limits)?;
    // A line that is longer than the chunk is not coded further than to its end.
    let size = if bits > 16 { 4 } else { bits.div_ceil(8) as usize };
    let blocks = line.div_ceil(block);
    let padded = u64::from(blocks) * u64::from(block);
    let _held = limits.reserve(padded * 4)?;
    let coding = Coding { bits, block: block as usize, differences: mask & NEAREST_NEIGHBOR != 0 };
    let mut decoder = Decoder::new(stream, coding);
    let mut samples = Vec::new();
    for part in out.chunks_mut((line as usize).saturating_mul(size)) {
        samples.clear();
        decoder.line(blocks as usize, part.len().div_ceil(size), &mut samples)?;
        put(&samples, part, size, mask & MSB != 0);
    }
    if word == 1 {
        return Ok(Cow::Owned(out));
    }
    let mut whole = room.zeroed(out.len() as u64, limits)?;
    transpose::unshuffle(word, &out, &mut whole);
    Ok(Cow::Owned(whole))
}

/// Writes samples of `size` bytes.
fn put(samples: &[u32], out: &mut [u8], size: usize, big: bool) {
    if size == 1 {
        return out.iter_mut().zip(samples).for_each(|(o, s)| *o = *s as u8);
    }
    for (slot, sample) in out.chunks_mut(size).zip(samples) {
        let bytes = if big { (sample << (32 - 8 * size)).to_be_bytes() } else { sample.to_le_bytes() };
        slot.iter_mut().zip(bytes).for_each(|(o, b)| *o = b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(values: &[u32], chunk: &[u8], n: u64) -> Result<Vec<u8>> {
        undo(values, Cow::Borrowed(chunk), Room::exactly(n), &Limits::default()).map(Cow::into_owned)
    }

    #[test]
    fn lines_are_filled_up() {
        // Bytes, lines of three in blocks of two; each block not coded (7): 3 + 16 bits, two of them to a line.
        let mut bits = String::new();
        for block in [[1u8, 2], [3, 99], [4, 5], [6, 98], [7, 8], [97, 96]] {
            bits += &format!("111{:08b}{:08b}", block[0], block[1]);
        }
        let mut chunk = vec![8, 0, 0, 0];
        while !bits.is_empty() {
            let byte: String = bits.chars().chain("00000000".chars()).take(8).collect();
            chunk.push(u8::from_str_radix(&byte, 2).unwrap());
            bits = bits.chars().skip(8).collect();
        }
        assert_eq!(run(&[0, 2, 8, 3], &chunk, 8).unwrap(), [1, 2, 3, 4, 5, 6, 7, 8]);
        // The last block is all filling, so it may be missing.
        for n in 0..chunk.len() {
            assert_eq!(run(&[0, 2, 8, 3], &chunk[..n], 8).is_ok(), n >= 4 + 12, "{n}");
        }
        assert!(run(&[0, 2, 8, 3], &chunk, 7).is_err());
    }

    #[test]
    fn parameters_that_cannot_be() {
        for values in
            [&[0, 0, 8, 3][..], &[0, 65, 8, 3], &[0, 2, 0, 3], &[0, 2, 33, 3], &[0, 2, 8, 0], &[0, 2]]
        {
            assert!(run(values, &[0; 30], 0).is_err(), "{values:?}");
        }
    }
}
