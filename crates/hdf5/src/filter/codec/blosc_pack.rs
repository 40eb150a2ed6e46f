//! Chunks of Blosc 1 in the making: blocks, each shuffled and packed for itself.
//!
//! Readers take the sizes of blocks and streams from the chunk, so those are this crate's own choice; which blocks are
//! parted into streams is C-Blosc's, whose older versions know no other.
//!
//! Source: as that of the decoder, `blosc`.

use super::blosc::{HEADER, MAX_STREAMS, MIN_ELEMENTS};
use super::{lz4, transpose, zstd};
use crate::filter::deflate;
use hyperslab_core::{Error, Result};

/// The version of chunks, and that of streams.
const VERSION: [u8; 2] = [2, 1];
/// Bytes of a block at first, and of the longest.
const BLOCK: usize = 64 << 10;
const LONGEST: usize = 512 << 10;
/// Shorter chunks are not packed.
const SHORTEST: usize = 128;

/// How streams are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Packing {
    Lz4,
    Snappy,
    Zlib,
    Zstd,
}

/// What is done to blocks before they are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Order {
    AsIs,
    Bytes,
    Bits,
}

/// What a chunk is to be.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Wanted {
    /// Bytes of an element, 1 to 255.
    pub(in super::super) item: u8,
    pub(in super::super) order: Order,
    pub(in super::super) packing: Packing,
    /// 0 packs nothing.
    pub(in super::super) level: u32,
}

impl Wanted {
    /// A chunk of these bytes.
    ///
    /// # Errors
    /// `Unsupported` for 2 GiB and more.
    pub(in super::super) fn chunk(&self, plain: &[u8]) -> Result<Vec<u8>> {
        let most = i32::MAX as usize - HEADER;
        if plain.len() > most {
            return Err(Error::unsupported(format!(
                "a Blosc chunk of {} bytes (greatest: {most})",
                plain.len()
            )));
        }
        if self.level > 0
            && plain.len() >= SHORTEST
            && let Some(chunk) = self.packed(plain)?
        {
            return Ok(chunk);
        }
        let mut out = self.header(2, plain.len(), self.block(plain.len()));
        out.extend_from_slice(plain);
        finish(&mut out);
        Ok(out)
    }

    fn header(&self, flags: u8, len: usize, block: usize) -> Vec<u8> {
        let order = match self.order {
            Order::Bytes if self.item > 1 => 1,
            Order::Bits => 4,
            _ => 0,
        };
        let codec = match self.packing {
            Packing::Lz4 => 1,
            Packing::Snappy => 2,
            Packing::Zlib => 3,
            Packing::Zstd => 4,
        };
        let mut out = VERSION.to_vec();
        out.extend([flags | order | (codec << 5), self.item]);
        out.extend((len as u32).to_le_bytes());
        out.extend((block as u32).to_le_bytes());
        out.resize(HEADER, 0);
        out
    }

    /// Bytes of a block: eights of elements, and no more than there are.
    fn block(&self, len: usize) -> usize {
        let item = usize::from(self.item.max(1));
        let block = if self.parts() { (BLOCK * item).min(LONGEST) } else { BLOCK * 2 };
        (block / (8 * item) * 8 * item).min(len)
    }

    /// Whether blocks are parted into a stream for each byte of an element, as far as they are long enough.
    fn parts(&self) -> bool {
        self.packing != Packing::Zstd && usize::from(self.item) <= MAX_STREAMS
    }

    /// `None` where the chunk is no shorter so.
    fn packed(&self, plain: &[u8]) -> Result<Option<Vec<u8>>> {
        let (item, block) = (usize::from(self.item.max(1)), self.block(plain.len()).max(1));
        let parts = self.parts() && block / item >= MIN_ELEMENTS && block.is_multiple_of(item);
        let flags = if parts { 0 } else { 0x10 };
        let mut out = self.header(flags, plain.len(), block);
        let starts = out.len();
        out.resize(starts + 4 * plain.len().div_ceil(block), 0);
        let mut shuffled = vec![0; block];
        for (i, part) in plain.chunks(block).enumerate() {
            let start = (out.len() as u32).to_le_bytes();
            if let Some(slot) = out.get_mut(starts + 4 * i..).and_then(|s| s.first_chunk_mut()) {
                *slot = start;
            }
            let shuffled = shuffled.get_mut(..part.len()).unwrap_or_default();
            self.shuffle(part, shuffled);
            let streams = if parts && part.len() == block { item } else { 1 };
            for stream in shuffled.chunks(part.len() / streams) {
                let packed = self.stream(stream)?;
                // One as long as what it gives would be taken for what it gives.
                let stored = if packed.len() < stream.len() { &packed } else { stream };
                out.extend_from_slice(&(stored.len() as u32).to_le_bytes());
                out.extend_from_slice(stored);
            }
            if out.len() >= plain.len() + HEADER {
                return Ok(None);
            }
        }
        finish(&mut out);
        Ok(Some(out))
    }

    fn shuffle(&self, src: &[u8], dst: &mut [u8]) {
        let item = usize::from(self.item.max(1));
        match self.order {
            Order::Bytes => transpose::shuffle(item, src, dst),
            // Other counts of elements stay as they are.
            Order::Bits if (src.len() / item).is_multiple_of(8) => {
                let (whole, rest) = src.split_at(src.len() / item * item);
                let (to, tail) = dst.split_at_mut(whole.len());
                transpose::shuffle_bits(item, whole, to);
                tail.copy_from_slice(rest);
            }
            _ => dst.copy_from_slice(src),
        }
    }

    fn stream(&self, plain: &[u8]) -> Result<Vec<u8>> {
        match self.packing {
            Packing::Lz4 => Ok(lz4::pack(plain)),
            Packing::Zstd => zstd::frame(plain),
            Packing::Zlib => {
                let mut out = Vec::new();
                deflate::deflate(plain, self.level.min(9), &mut out).map(|()| out)
            }
            Packing::Snappy => {
                let packed = snap::raw::Encoder::new().compress_vec(plain);
                packed.map_err(|e| Error::unsupported(format!("Snappy stream of {} bytes: {e}", plain.len())))
            }
        }
    }
}

/// Notes the length of a chunk in its header.
fn finish(chunk: &mut [u8]) {
    let len = (chunk.len() as u32).to_le_bytes();
    if let Some(slot) = chunk.get_mut(HEADER - 4..HEADER) {
        slot.copy_from_slice(&len);
    }
}

#[cfg(test)]
mod tests {
    use super::super::blosc::Chunk;
    use super::*;
    use hyperslab_core::Limits;

    #[test]
    fn chunks_come_back() {
        let smooth: Vec<u8> = (0..700_001u32).map(|i| (i / 300) as u8 ^ (i % 4) as u8).collect();
        let noise: Vec<u8> =
            (0..5000u64).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect();
        for packing in [Packing::Lz4, Packing::Snappy, Packing::Zlib, Packing::Zstd] {
            for order in [Order::AsIs, Order::Bytes, Order::Bits] {
                for item in [1, 3, 4, 8, 16, 17, 255] {
                    let wanted = Wanted { item, order, packing, level: 5 };
                    let few = [0, 1, 127, 128, 1001, 65_536].map(|n| &smooth[..n]);
                    for plain in few.into_iter().chain([&noise[..], &smooth[..]]) {
                        let chunk = wanted.chunk(plain).unwrap();
                        assert!(chunk.len() <= plain.len() + HEADER);
                        let parsed = Chunk::parse(&chunk).unwrap();
                        let mut back = vec![0; parsed.len];
                        parsed.decode(&mut back, &Limits::default()).unwrap();
                        assert!(back == plain, "{wanted:?} {}", plain.len());
                        assert!(plain.len() < 65_536 || chunk.len() < plain.len() / 2, "{wanted:?}");
                    }
                    let plain = Wanted { level: 0, ..wanted }.chunk(&smooth).unwrap();
                    assert_eq!(plain.len(), smooth.len() + HEADER);
                }
            }
        }
    }
}
