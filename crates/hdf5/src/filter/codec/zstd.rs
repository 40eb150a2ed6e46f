//! Frames of Zstandard, by a library.

use hyperslab_core::{Error, Limits, Result};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use std::io::Read;

/// What starts a frame.
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// How far back frames may reach that say how long they are.
const MAX_WINDOW: u64 = 1 << 27;
/// How far they may reach whatever they give.
const MIN_WINDOW: u64 = 8 << 20;
/// Decoded at a time before it is taken over.
const STEP: usize = 1 << 20;

/// The bytes that the frame at the start of `packed` says it gives.
pub(in super::super) fn content_size(packed: &[u8]) -> Option<u64> {
    let (&descriptor, rest) = packed.strip_prefix(&MAGIC)?.split_first()?;
    let single = descriptor & 0x20 != 0;
    let id = [0usize, 1, 2, 4].get(usize::from(descriptor & 3)).copied()?;
    let rest = rest.get(usize::from(!single) + id..)?;
    let n = match descriptor >> 6 {
        0 if !single => return None,
        0 => 1,
        1 => 2,
        2 => 4,
        _ => 8,
    };
    let value = rest.get(..n)?.iter().rev().fold(0, |v, &b| (v << 8) | u64::from(b));
    Some(if n == 2 { value + 256 } else { value })
}

/// Packs bytes into one frame that says how many they are, as readers of the registered filter want it.
///
/// # Errors
/// `Unsupported` for 4 GiB and more.
pub(in super::super) fn frame(plain: &[u8]) -> Result<Vec<u8>> {
    let len = u32::try_from(plain.len())
        .map_err(|_| Error::unsupported(format!("a Zstandard frame of {} bytes", plain.len())))?;
    let packed = compress_to_vec(plain, CompressionLevel::Fastest);
    // The library's own header says how far back references reach, and not how long the whole is.
    let odd = || Error::unsupported("a Zstandard frame of another form than expected");
    let (&descriptor, rest) =
        packed.strip_prefix(&MAGIC).and_then(|rest| rest.split_first()).ok_or_else(odd)?;
    let single = descriptor & 0x20 != 0;
    let size = match descriptor >> 6 {
        0 => usize::from(single),
        n => 1 << n,
    };
    if descriptor & 3 != 0 {
        return Err(odd());
    }
    let blocks = rest.get(usize::from(!single) + size..).ok_or_else(odd)?;
    let mut out = Vec::with_capacity(blocks.len() + 9);
    out.extend_from_slice(&MAGIC);
    // One segment, its size in four bytes; a checksum where there is one.
    out.push(0xa0 | (descriptor & 4));
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(blocks);
    Ok(out)
}

/// A decoder, whose tables are used again.
pub(in super::super) struct Decoder(FrameDecoder);

impl Decoder {
    pub(in super::super) fn new() -> Decoder {
        Decoder(FrameDecoder::new())
    }

    /// Decodes frames that must give exactly `out.len()` bytes.
    ///
    /// # Errors
    /// `Invalid` for damaged frames, or if they give fewer or more bytes; `Limit`.
    pub(in super::super) fn frames(&mut self, packed: &[u8], out: &mut [u8], limits: &Limits) -> Result<()> {
        let decoder = &mut self.0;
        // The decoder holds the window next to the result.
        let window = MAX_WINDOW.min((out.len() as u64).next_power_of_two()).max(MIN_WINDOW);
        let _held = limits.reserve(window)?;
        decoder.set_max_window_size(window);
        let wrong = |e: &dyn std::fmt::Display| Error::invalid(format!("Zstandard frame: {e}"));
        let (mut rest, mut done, wanted) = (packed, 0usize, out.len());
        while !rest.is_empty() {
            decoder.reset(&mut rest).map_err(|e| wrong(&e))?;
            while !decoder.is_finished() {
                let step = BlockDecodingStrategy::UptoBytes(STEP);
                decoder.decode_blocks(&mut rest, step).map_err(|e| wrong(&e))?;
                done += decoder.read(out.get_mut(done..).unwrap_or_default()).map_err(|e| wrong(&e))?;
                if decoder.can_collect() > 0 {
                    return Err(Error::invalid(format!("Zstandard frame gives more than {wanted} bytes")));
                }
            }
            let stored = decoder.get_checksum_from_data();
            if stored.is_some() && stored != decoder.get_calculated_checksum() && !cfg!(fuzzing) {
                return Err(Error::invalid("Zstandard frame: its checksum does not match"));
            }
        }
        if done != wanted {
            return Err(Error::invalid(format!("Zstandard frame gives {done} bytes instead of {wanted}")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_say_how_long_they_are() {
        for n in [0usize, 1, 255, 256, 65_791, 65_792, 3_000_000] {
            let plain: Vec<u8> = (0..n).map(|i| (i / 100) as u8).collect();
            let packed = compress_to_vec(&plain[..], CompressionLevel::Fastest);
            assert!(content_size(&packed).is_none_or(|said| said == n as u64));
            let framed = frame(&plain).unwrap();
            assert_eq!(content_size(&framed), Some(n as u64));
            let mut out = vec![0; n];
            let mut decoder = Decoder::new();
            decoder.frames(&framed, &mut out, &Limits::default()).unwrap();
            assert_eq!(out, plain);
            out.fill(0);
            decoder.frames(&packed, &mut out, &Limits::default()).unwrap();
            assert_eq!(out, plain);
            assert!(decoder.frames(&packed, &mut vec![0; n + 1], &Limits::default()).is_err());
            if n > 0 {
                assert!(decoder.frames(&packed, &mut out[1..], &Limits::default()).is_err());
                assert!(decoder.frames(&packed[..packed.len() - 1], &mut out, &Limits::default()).is_err());
            }
        }
    }

    #[test]
    fn content_sizes() {
        let frame = |rest: &[u8]| content_size(&[&MAGIC[..], rest].concat());
        // One segment: 1, 2, 4 and 8 bytes; a window before it; a dictionary before it; none.
        assert_eq!(frame(&[0x20, 9]), Some(9));
        assert_eq!(frame(&[0x60, 1, 0]), Some(257));
        assert_eq!(frame(&[0x80, 0x58, 1, 2, 0, 0]), Some(513));
        assert_eq!(frame(&[0xe1, 7, 1, 2, 0, 0, 0, 0, 0, 0]), Some(513));
        assert_eq!(frame(&[0, 0x58]), None);
        assert_eq!(frame(&[0x80, 0x58, 1, 2, 0]), None);
        assert_eq!(content_size(&[0x28, 0xb5, 0x2f, 0xfe, 0x20, 9]), None);
    }
}
