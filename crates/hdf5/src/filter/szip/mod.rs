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
mod pack;

use super::Room;
use super::codec::transpose;
use entropy::{Coding, Decoder};
use hyperslab_core::{Error, Limits, Result};
use pack::Encoder;
use std::borrow::Cow;

const MSB: u32 = 16;
const NEAREST_NEIGHBOR: u32 = 32;
/// Samples of a block at the most: szip ends at 32, libaec at 64.
const MAX_BLOCK: u32 = 64;

/// What the parameters say.
struct Form {
    coding: Coding,
    /// Bytes of a sample.
    size: usize,
    /// Samples of a line, and the blocks that they are filled up to.
    line: usize,
    blocks: usize,
    /// Whether samples are big-endian.
    big: bool,
    /// Bytes that are parted before they are coded as samples; 1 where they are not.
    word: usize,
}

impl Form {
    fn parse(values: &[u32]) -> Result<Form> {
        let Some(&[mask, block, bits, line]) = values.first_chunk::<4>() else {
            return Err(Error::invalid(format!("{} parameters of szip where 4 belong", values.len())));
        };
        if !(1..=MAX_BLOCK).contains(&block) || line == 0 || !(matches!(bits, 1..=32 | 64)) {
            return Err(Error::invalid(format!(
                "szip lines of {line} samples of {bits} bits in blocks of {block}"
            )));
        }
        let word = if matches!(bits, 32 | 64) { bits as usize / 8 } else { 1 };
        let bits = if word > 1 { 8 } else { bits };
        Ok(Form {
            coding: Coding { bits, block: block as usize, differences: mask & NEAREST_NEIGHBOR != 0 },
            size: if bits > 16 { 4 } else { bits.div_ceil(8) as usize },
            line: line as usize,
            blocks: line.div_ceil(block) as usize,
            big: mask & MSB != 0,
            word,
        })
    }
}

/// Undoes the coding.
pub(super) fn undo<'a>(
    values: &[u32],
    bytes: Cow<'a, [u8]>,
    room: Room,
    limits: &Limits,
) -> Result<Cow<'a, [u8]>> {
    let form = Form::parse(values)?;
    let Some((len, stream)) = bytes.split_first_chunk::<4>() else {
        return Err(Error::invalid(format!("szip chunk of {} bytes ends early", bytes.len())));
    };
    let mut out = room.zeroed(u32::from_le_bytes(*len).into(), limits)?;
    let Form { coding, size, line, blocks, big, word } = form;
    // A line that is longer than the chunk is not coded further than to its end.
    let padded = (blocks as u64 * coding.block as u64).min((out.len() + coding.block) as u64);
    let _held = limits.reserve(padded * 4)?;
    let mut decoder = Decoder::new(stream, coding);
    let mut samples = Vec::new();
    for part in out.chunks_mut(line.saturating_mul(size)) {
        samples.clear();
        decoder.line(blocks, part.len().div_ceil(size), &mut samples)?;
        put(&samples, part, size, big);
    }
    if word == 1 {
        return Ok(Cow::Owned(out));
    }
    let mut whole = room.zeroed(out.len() as u64, limits)?;
    transpose::unshuffle(word, &out, &mut whole);
    Ok(Cow::Owned(whole))
}

/// Codes bytes; `None` where that makes them no fewer, as the szip library does, or they are not whole samples.
pub(super) fn apply(values: &[u32], bytes: &[u8]) -> Result<Option<Vec<u8>>> {
    let Form { coding, size, line, blocks, big, word } = Form::parse(values)?;
    let len = u32::try_from(bytes.len())
        .map_err(|_| Error::unsupported(format!("a szip chunk of {} bytes", bytes.len())))?;
    // Behind another compression: libhdf5 does not read a sample that ends early.
    if !bytes.len().is_multiple_of(size.saturating_mul(word)) {
        return Ok(None);
    }
    let mut parted = Vec::new();
    let from = match word {
        1 => bytes,
        _ => {
            parted.resize(bytes.len(), 0);
            transpose::shuffle(word, bytes, &mut parted);
            &parted
        }
    };
    let greatest = u32::MAX >> (32 - coding.bits);
    let mut encoder = Encoder::behind(len.to_le_bytes().to_vec(), coding);
    let (mut samples, padded) = (Vec::new(), blocks.saturating_mul(coding.block));
    for part in from.chunks(line.saturating_mul(size)) {
        samples.clear();
        samples.extend(part.chunks(size).map(|slot| sample(slot, size, big)));
        if let Some(wide) = samples.iter().find(|&&s| s > greatest) {
            let what = format!("szip codes {} bits of a sample, and {wide} has more", coding.bits);
            return Err(Error::unsupported(what));
        }
        // A line that is longer than all there is need not be filled up to its end, only its last block.
        let whole = samples.len().next_multiple_of(coding.block);
        let whole = if part.len() == from.len() { whole.min(padded) } else { padded };
        let filling = samples.last().copied().filter(|_| coding.differences).unwrap_or(0);
        samples.resize(whole, filling);
        encoder.line(&mut samples);
        if encoder.len() > bytes.len().saturating_add(4) {
            return Ok(None);
        }
    }
    let out = encoder.finish();
    Ok((out.len() <= bytes.len().saturating_add(4)).then_some(out))
}

/// The sample in a slot of `size` bytes, of which the last one may have fewer.
fn sample(slot: &[u8], size: usize, big: bool) -> u32 {
    let mut bytes = [0; 4];
    bytes.iter_mut().zip(slot).for_each(|(to, from)| *to = *from);
    if big { u32::from_be_bytes(bytes) >> (32 - 8 * size) } else { u32::from_le_bytes(bytes) }
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
            assert!(apply(values, &[0; 30]).is_err(), "{values:?}");
        }
    }

    #[test]
    fn chunks_come_back() {
        for bits in [1, 5, 8, 9, 12, 16, 17, 24, 31, 32, 64] {
            let size = [1, 2, 4, 8][usize::from(bits > 8) + usize::from(bits > 16) + usize::from(bits > 32)];
            for n in [1usize, 2, 7, 100, 1001] {
                for (block, line) in [(8, 8), (8, 100), (10, 37), (32, 4096), (2, 1), (16, u32::MAX)] {
                    for mask in [0, 16, 32, 48] {
                        let greatest = if bits < 64 { (1u64 << bits) - 1 } else { u64::MAX };
                        let mut plain = Vec::new();
                        for i in 0..n as u64 {
                            let bytes = ((i * i / 50) & greatest).to_le_bytes();
                            let mut bytes = bytes[..size].to_vec();
                            if mask & 16 != 0 {
                                bytes.reverse();
                            }
                            plain.extend(bytes);
                        }
                        let values = [mask, block, bits, line];
                        let Some(packed) = apply(&values, &plain).unwrap() else { continue };
                        let back = run(&values, &packed, plain.len() as u64).unwrap();
                        assert_eq!(back, plain, "{values:?} {n}");
                        assert!(n < 1000 || line == 1 || packed.len() < plain.len() + 5);
                    }
                }
            }
        }
        // What would be cut off.
        assert!(apply(&[0, 8, 7, 8], &[128; 8]).is_err());
        // Noise is left alone.
        let noise: Vec<u8> =
            (0..200u64).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect();
        assert!(apply(&[0, 8, 8, 200], &noise).unwrap().is_none());
    }
}
