//! The contiguous frame: a header, chunks, the chunk of their offsets, a trailer that is not needed.
//!
//! Header and trailer are written in MessagePack with numbers of fixed widths (big-endian), so that everything has its
//! place: 11 bytes of the header (4), 16 of the frame (8), 25 flags (version and width of offsets, kind of frame, ..),
//! 30 that come out (8), 39 of all chunks (8), 48 of an element (4), 58 that come out of a chunk (4), and from 87 on the
//! layers of metadata: names with the offsets of their contents in the header. Offsets of chunks (8, little-endian)
//! count from the end of the header; one with its highest bit set says in its highest byte what the chunk is instead.
//!
//! Source: the frame format of C-Blosc2 2.x as documented there; measured on hdf5plugin 7.1, which has a field for the
//! bytes of a block (at 53) that the documentation leaves out.

use super::array::Array;
use crate::filter::codec::blosc::Chunk;
use hyperslab_core::{Error, Limits, Result};

/// What a frame starts with.
const MAGIC: &[u8] = b"\x9e\xa8b2frame\0\xd2";
/// Where the layers of metadata start: an array of three, the bytes of the map of names (2), their number (2).
const LAYERS: usize = 87;
/// The marks between the fields: what the format is recognized by.
const MARKS: [(usize, u8); 8] =
    [(15, 0xcf), (24, 0xa4), (29, 0xd3), (38, 0xd3), (47, 0xd2), (52, 0xd2), (57, 0xd2), (LAYERS, 0x93)];

/// A frame whose header was read.
pub(super) struct Frame<'a> {
    header: &'a [u8],
    /// The chunks, without their offsets.
    body: &'a [u8],
    /// Bytes that come out.
    pub(super) len: u64,
    /// Bytes that come out of each chunk but the last.
    pub(super) chunk: u64,
    /// Bytes of an element.
    pub(super) item: u64,
    offsets: Vec<u8>,
}

/// A field of `N` bytes.
fn field<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N]> {
    let found = bytes.get(at..).and_then(|b| b.first_chunk());
    found
        .copied()
        .ok_or_else(|| Error::invalid(format!("Blosc2 frame ends at {} in its header", bytes.len())))
}

impl<'a> Frame<'a> {
    /// Parses the header and the offsets of the chunks, of which at most `most` bytes may come out.
    ///
    /// # Errors
    /// `Invalid`, `Unsupported`, `Limit`.
    pub(super) fn parse(bytes: &'a [u8], most: u64, limits: &Limits) -> Result<Frame<'a>> {
        if !bytes.starts_with(MAGIC) {
            return Err(Error::invalid("no Blosc2 frame"));
        }
        for (at, mark) in MARKS {
            let [found] = field(bytes, at)?;
            if found != mark {
                return Err(Error::invalid(format!(
                    "byte {found:#04x} at {at} of a Blosc2 frame ({mark:#04x})"
                )));
            }
        }
        let [general, kind, ..] = field::<4>(bytes, 25)?;
        if general & 0x30 != 0x10 || general & 0x40 != 0 || kind & 15 != 0 {
            return Err(Error::unsupported(format!("Blosc2 frame with flags {general:#04x} {kind:#04x}")));
        }
        let header = u32::from_be_bytes(field(bytes, 11)?) as usize;
        let len = u64::from_be_bytes(field(bytes, 30)?);
        let packed = u64::from_be_bytes(field(bytes, 39)?);
        let item = u64::from(u32::from_be_bytes(field(bytes, 48)?));
        let chunk = u64::from(u32::from_be_bytes(field(bytes, 58)?));
        let wrong =
            || Error::invalid(format!("Blosc2 frame of {len} bytes in chunks of {chunk}, {packed} packed"));
        if (chunk == 0 && len > 0) || header < LAYERS || item == 0 {
            return Err(wrong());
        }
        let (head, rest) = bytes.split_at_checked(header).ok_or_else(wrong)?;
        let (body, rest) =
            usize::try_from(packed).ok().and_then(|n| rest.split_at_checked(n)).ok_or_else(wrong)?;
        let mut frame = Frame { header: head, body, len, chunk, item, offsets: Vec::new() };
        if len == 0 {
            return Ok(frame);
        }
        // Parts of an array are filled up, so that more comes out of the chunks than of the frame.
        let count = len.div_ceil(chunk);
        let index = Chunk::parse(rest)?;
        if index.len as u64 != count.saturating_mul(8) || count > most.max(1) {
            return Err(Error::invalid(format!("{} bytes of offsets of {count} Blosc2 chunks", index.len)));
        }
        let _held = limits.reserve(index.len as u64)?;
        frame.offsets = vec![0; index.len];
        index.decode(&mut frame.offsets, limits)?;
        Ok(frame)
    }

    /// Where the chunks are, in their order.
    pub(super) fn chunks(&self) -> impl Iterator<Item = u64> {
        self.offsets.as_chunks::<8>().0.iter().map(|b| u64::from_le_bytes(*b))
    }

    /// Decodes the chunk at an offset, which gives `out.len()` bytes.
    ///
    /// # Errors
    /// `Invalid`, `Unsupported`, `Limit`.
    pub(super) fn decode(&self, offset: u64, out: &mut [u8], limits: &Limits) -> Result<()> {
        if offset >> 63 != 0 {
            return self.special(offset >> 56 & 0x7f, out);
        }
        let bytes = usize::try_from(offset).ok().and_then(|o| self.body.get(o..)).ok_or_else(|| {
            Error::invalid(format!("Blosc2 chunk at {offset} of {} bytes", self.body.len()))
        })?;
        let chunk = Chunk::parse(bytes)?;
        if chunk.len != out.len() {
            return Err(Error::invalid(format!(
                "Blosc2 chunk gives {} bytes instead of {}",
                chunk.len,
                out.len()
            )));
        }
        chunk.decode(out, limits)
    }

    fn special(&self, kind: u64, out: &mut [u8]) -> Result<()> {
        match (kind, self.item) {
            (1 | 4, _) => out.fill(0),
            (2, 4) => out.as_chunks_mut::<4>().0.fill(0x7fc0_0000u32.to_le_bytes()),
            (2, 8) => out.as_chunks_mut::<8>().0.fill(0x7ff8_0000_0000_0000u64.to_le_bytes()),
            _ => {
                return Err(Error::unsupported(format!(
                    "Blosc2 chunk of kind {kind} of {} bytes",
                    self.item
                )));
            }
        }
        Ok(())
    }

    /// The dimensions of the array that the chunks are parts of, if they are.
    ///
    /// # Errors
    /// `Invalid`.
    pub(super) fn array(&self) -> Result<Option<Array>> {
        let count = u16::from_be_bytes(field(self.header, LAYERS + 5)?);
        let mut at = LAYERS + 7;
        for _ in 0..count {
            let [tag] = field(self.header, at)?;
            let name = usize::from(tag & 31);
            let place = at + 1 + name;
            let [mark] = field(self.header, place)?;
            if tag & 0xe0 != 0xa0 || mark != 0xd2 {
                return Err(Error::invalid(format!("metadata of a Blosc2 frame at {at}")));
            }
            if matches!(self.header.get(at + 1..place), Some(b"b2nd" | b"caterva")) {
                let content = u32::from_be_bytes(field(self.header, place + 1)?) as usize;
                let content = self.header.get(content..).unwrap_or_default();
                return Array::parse(content, self).map(Some);
            }
            at = place + 5;
        }
        Ok(None)
    }
}
