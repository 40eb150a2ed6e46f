//! Chunks of Blosc 1 and 2: blocks, each packed for itself, in one stream or one for each byte of an element.
//!
//! A chunk starts with its version, a number of the codec's version, flags, the bytes of an element, the bytes that
//! come out, those of a block and those of the chunk (4 each, little-endian). Flags: 1 bytes were shuffled, 2 nothing
//! was done, 4 bits were shuffled, 16 blocks are one stream, the upper three the codec. Flags 1 and 4 at once mean that
//! 16 more bytes follow: six filters, and their parameters, in the order in which they were applied, and flags of
//! their own. Then come the offsets of the blocks (4 each), and in each block its streams, with their lengths (4)
//! before them; a stream as long as what it gives is not packed.
//!
//! Source: the chunk format of C-Blosc 1.21 and C-Blosc2 2.x as documented there; measured on hdf5plugin 7.1.

use super::spare::Spare;
use super::{blosclz, lz4, transpose, zstd};
use crate::filter::deflate;
use hyperslab_core::{Error, Limits, Result};

/// Bytes of the header, and of the long one.
pub(super) const HEADER: usize = 16;
const LONG_HEADER: usize = 32;
/// The version of the long header that is written since C-Blosc2 2.0, and the greatest that is known.
const MAX_VERSION: u8 = 5;
/// The first version in which blocks are shuffled whose elements are not a multiple of 8.
const ANY_COUNT: u8 = 3;
/// Blosc 1 does not part elements of more bytes.
pub(super) const MAX_STREAMS: usize = 16;
/// Blosc 1 does not part blocks of fewer elements.
pub(super) const MIN_ELEMENTS: usize = 128;

/// A filter of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Bytes of elements of this size.
    Shuffle(usize),
    /// Bits of elements of the chunk's size.
    Bits,
    /// Differences to the first block.
    Delta,
}

/// What a whole chunk is, instead of being blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Special {
    Zeros,
    Nans,
    /// Of the element that follows the header.
    Repeated,
}

/// The header of a chunk.
#[derive(Debug)]
pub(in super::super) struct Chunk<'a> {
    bytes: &'a [u8],
    version: u8,
    long: bool,
    flags: u8,
    /// Bytes of an element.
    item: usize,
    /// Bytes that come out.
    pub(in super::super) len: usize,
    /// Bytes of a block.
    pub(in super::super) block: usize,
    special: Option<Special>,
    /// In the order in which they are undone.
    steps: Vec<Step>,
}

impl<'a> Chunk<'a> {
    /// Parses the header; what is behind the chunk is cut off.
    ///
    /// # Errors
    /// `Invalid`; `Unsupported` for what is newer or needs plugins.
    pub(in super::super) fn parse(bytes: &'a [u8]) -> Result<Chunk<'a>> {
        let short =
            |n: usize| Error::invalid(format!("Blosc chunk of {} bytes where {n} belong", bytes.len()));
        let Some(&[version, _, flags, item, ref sizes @ ..]) = bytes.first_chunk::<HEADER>() else {
            return Err(short(HEADER));
        };
        let mut sizes = sizes.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b) as usize);
        let mut size = || sizes.next().unwrap_or_default();
        let (len, block, packed) = (size(), size(), size());
        let long = flags & 5 == 5;
        if !(1..=MAX_VERSION).contains(&version) {
            return Err(Error::unsupported(format!("Blosc chunk of version {version}")));
        }
        let header = if long { LONG_HEADER } else { HEADER };
        if packed < header || len > i32::MAX as usize || (block == 0 && len > 0) {
            return Err(Error::invalid(format!(
                "Blosc chunk of {packed} bytes for {len} by blocks of {block}"
            )));
        }
        let bytes = bytes.get(..packed).ok_or_else(|| short(packed))?;
        let item = usize::from(item).max(1);
        let mut chunk =
            Chunk { bytes, version, long, flags, item, len, block, special: None, steps: Vec::new() };
        if long {
            chunk.parse_long()?;
        } else if flags & 1 != 0 {
            chunk.steps.push(Step::Shuffle(item));
        } else if flags & 4 != 0 {
            chunk.steps.push(Step::Bits);
        }
        Ok(chunk)
    }

    fn parse_long(&mut self) -> Result<()> {
        let more = self.bytes.get(HEADER..LONG_HEADER).unwrap_or_default();
        let (Some(codes), Some(parameters), Some(&flags)) =
            (more.first_chunk::<6>(), more.get(8..14), more.last())
        else {
            return Err(Error::invalid("Blosc chunk without its long header"));
        };
        self.special = match (flags >> 4) & 7 {
            0 => None,
            // What was never written reads as zero.
            1 | 4 => Some(Special::Zeros),
            2 => Some(Special::Nans),
            3 => Some(Special::Repeated),
            n => return Err(Error::unsupported(format!("Blosc chunk with special values of kind {n}"))),
        };
        for (flag, what) in [
            (1, "a dictionary"),
            (4, "its codec elsewhere"),
            (8, "its blocks elsewhere"),
            (0x80, "figures of its codec"),
        ] {
            if flags & flag != 0 && self.special.is_none() {
                return Err(Error::unsupported(format!("Blosc chunk with {what}")));
            }
        }
        for (&code, &parameter) in codes.iter().zip(parameters).rev() {
            self.steps.push(match code {
                // Precision that was cut off does not come back.
                0 | 4 => continue,
                1 if parameter > 0 => Step::Shuffle(parameter.into()),
                1 => Step::Shuffle(self.item),
                2 => Step::Bits,
                3 => Step::Delta,
                n => return Err(Error::unsupported(format!("Blosc filter {n}"))),
            });
        }
        // The first block must be whole when others are compared to it.
        if self.steps.iter().rev().skip(1).any(|s| *s == Step::Delta) {
            return Err(Error::unsupported("Blosc chunk with differences of what was shuffled"));
        }
        Ok(())
    }

    /// Decodes the chunk into `out`, which is `len` bytes long.
    ///
    /// # Errors
    /// `Invalid`, `Unsupported`, `Limit`.
    pub(in super::super) fn decode(&self, out: &mut [u8], limits: &Limits) -> Result<()> {
        let header = if self.long { LONG_HEADER } else { HEADER };
        let body = self.bytes.get(header..).unwrap_or_default();
        if let Some(special) = self.special {
            return self.fill(special, body, out);
        }
        if self.flags & 2 != 0 {
            let body = body.get(..out.len()).ok_or_else(|| {
                Error::invalid(format!("{} bytes in a Blosc chunk of {}", body.len(), out.len()))
            })?;
            out.copy_from_slice(body);
            return Ok(());
        }
        let room = self.block.min(out.len());
        let _held = limits.reserve((room as u64).saturating_mul(3))?;
        let codec = Codec::new(self.flags >> 5)?;
        let mut scratch = Scratch { a: Spare::new(room), b: Spare::new(0), codec };
        let mut starts = body.as_chunks::<4>().0.iter();
        let (mut done, total) = (0, out.len());
        while done < total {
            let start = starts.next().map(|b| u32::from_le_bytes(*b) as usize);
            let streams =
                start.filter(|&s| s >= header).and_then(|s| self.bytes.get(s..)).ok_or_else(|| {
                    Error::invalid(format!(
                        "block of a Blosc chunk of {} bytes at {start:?}",
                        self.bytes.len()
                    ))
                })?;
            let (first, rest) = out.split_at_mut(done);
            let len = self.block.min(rest.len());
            let block = rest.get_mut(..len).unwrap_or_default();
            self.block(streams, first, block, &mut scratch, limits)?;
            done += len;
        }
        Ok(())
    }

    fn fill(&self, special: Special, body: &[u8], out: &mut [u8]) -> Result<()> {
        let item = match (special, self.item) {
            (Special::Zeros, _) => {
                out.fill(0);
                return Ok(());
            }
            (Special::Nans, 4) => &0x7fc0_0000u32.to_le_bytes()[..],
            (Special::Nans, 8) => &0x7ff8_0000_0000_0000u64.to_le_bytes()[..],
            (Special::Nans, n) => {
                return Err(Error::unsupported(format!("Blosc chunk of NaNs of {n} bytes")));
            }
            (Special::Repeated, n) => body.get(..n).ok_or_else(|| {
                Error::invalid(format!("Blosc chunk with {} bytes of an element of {n}", body.len()))
            })?,
        };
        if !out.len().is_multiple_of(item.len()) {
            return Err(Error::invalid(format!("{} bytes of elements of {}", out.len(), item.len())));
        }
        out.chunks_exact_mut(item.len()).for_each(|slot| slot.copy_from_slice(item));
        Ok(())
    }

    /// Decodes one block; `first` are those before it.
    fn block(
        &self,
        streams: &[u8],
        first: &[u8],
        out: &mut [u8],
        scratch: &mut Scratch,
        limits: &Limits,
    ) -> Result<()> {
        let Scratch { a, b, codec } = scratch;
        let parts = self.parts(out.len());
        if !out.len().is_multiple_of(parts) {
            return Err(Error::invalid(format!("block of {} bytes in {parts} streams", out.len())));
        }
        let len = out.len() / parts;
        let mut rest = streams;
        let copied = self.steps.iter().filter(|s| **s != Step::Delta).count();
        let into = if copied > 0 { a.get_mut(..out.len()).unwrap_or_default() } else { &mut *out };
        for part in into.chunks_mut(len.max(1)) {
            rest = stream(rest, part, self.long, codec, limits)?;
        }
        let mut left = copied;
        for step in &self.steps {
            if *step == Step::Delta {
                undo_delta(self.item, first, out);
                continue;
            }
            let src = a.get(..out.len()).unwrap_or_default();
            left -= 1;
            if left == 0 {
                self.undo(*step, src, out);
            } else {
                if b.is_empty() {
                    *b = Spare::new(a.len());
                }
                self.undo(*step, src, b.get_mut(..out.len()).unwrap_or_default());
                std::mem::swap(a, b);
            }
        }
        Ok(())
    }

    /// How many streams a block of `len` bytes has.
    fn parts(&self, len: usize) -> usize {
        let split = self.flags & 0x10 == 0 && len == self.block;
        let small = self.item > MAX_STREAMS || len / self.item < MIN_ELEMENTS;
        if split && (self.long || !small) { self.item } else { 1 }
    }

    fn undo(&self, step: Step, src: &[u8], dst: &mut [u8]) {
        match step {
            Step::Shuffle(size) => transpose::unshuffle(size, src, dst),
            Step::Bits => {
                let count = src.len() / self.item;
                let eights = count / 8 * 8;
                let whole = if self.version < ANY_COUNT && eights != count { 0 } else { eights * self.item };
                let (src, left) = src.split_at(whole);
                let (dst, rest) = dst.split_at_mut(whole);
                transpose::unshuffle_bits(self.item, src, dst);
                rest.copy_from_slice(left);
            }
            Step::Delta => {}
        }
    }
}

/// What one block after the other uses.
struct Scratch {
    a: Spare,
    b: Spare,
    codec: Codec,
}

/// Reads the stream at the start of `bytes` into `out`, and returns what is behind it.
fn stream<'a>(
    bytes: &'a [u8],
    out: &mut [u8],
    long: bool,
    codec: &mut Codec,
    limits: &Limits,
) -> Result<&'a [u8]> {
    let short = || Error::invalid("Blosc stream ends early");
    let (len, rest) = bytes.split_first_chunk::<4>().ok_or_else(short)?;
    let len = i32::from_le_bytes(*len);
    if long && len == 0 {
        out.fill(0);
        return Ok(rest);
    }
    if long && len < 0 {
        let (token, rest) = rest.split_first().ok_or_else(short)?;
        if token & 1 == 0 || len < -255 {
            return Err(Error::unsupported(format!("Blosc stream of length {len} and kind {token}")));
        }
        out.fill(len.unsigned_abs() as u8);
        return Ok(rest);
    }
    let (packed, rest) =
        usize::try_from(len).ok().and_then(|n| rest.split_at_checked(n)).ok_or_else(short)?;
    match packed.len() == out.len() {
        true => out.copy_from_slice(packed),
        false => codec.decode(packed, out, limits)?,
    }
    Ok(rest)
}

/// Undoes the differences of a block to the first one; those of the first one are to the element before.
fn undo_delta(item: usize, first: &[u8], block: &mut [u8]) {
    let item = match item {
        1 | 2 | 4 | 8 => item,
        n if n.is_multiple_of(8) => 8,
        _ => 1,
    };
    let whole = block.len() / item * item;
    let block = block.get_mut(..whole).unwrap_or_default();
    if !first.is_empty() {
        block.iter_mut().zip(first).for_each(|(b, f)| *b ^= f);
        return;
    }
    let mut before = [0u8; 8];
    let before = before.get_mut(..item).unwrap_or_default();
    for element in block.chunks_exact_mut(item) {
        element.iter_mut().zip(before.iter()).for_each(|(b, f)| *b ^= f);
        before.copy_from_slice(element);
    }
}

/// How streams are packed.
enum Codec {
    BloscLz,
    Lz4,
    Snappy,
    Zlib,
    Zstd(Box<zstd::Decoder>),
}

impl Codec {
    fn new(number: u8) -> Result<Codec> {
        Ok(match number {
            0 => Codec::BloscLz,
            1 => Codec::Lz4,
            2 => Codec::Snappy,
            3 => Codec::Zlib,
            4 => Codec::Zstd(Box::new(zstd::Decoder::new())),
            n => return Err(Error::unsupported(format!("Blosc codec {n}"))),
        })
    }

    /// Decodes a stream that must give exactly `out.len()` bytes.
    fn decode(&mut self, packed: &[u8], out: &mut [u8], limits: &Limits) -> Result<()> {
        match self {
            Codec::BloscLz => blosclz::decode(packed, out),
            Codec::Lz4 => lz4::block(packed, out),
            Codec::Zlib => deflate::inflate_into(packed, out),
            Codec::Zstd(decoder) => decoder.frames(packed, out, limits),
            Codec::Snappy => match snap::raw::Decoder::new().decompress(packed, out) {
                Ok(n) if n == out.len() => Ok(()),
                Ok(n) => {
                    Err(Error::invalid(format!("Snappy stream gives {n} bytes instead of {}", out.len())))
                }
                Err(e) => Err(Error::invalid(format!("Snappy stream: {e}"))),
            },
        }
    }
}
