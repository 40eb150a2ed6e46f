//! One raw stream made of pieces that are packed apart, so that threads share the work.
//!
//! Every piece but the last ends with an empty stored block, which ends at a whole byte: the pieces are joined by
//! writing them one after another. No piece refers to bytes of another, so the same bytes give the same stream
//! whoever packs which piece.

use super::{Backend, Form, check_level, literal, rust};
use crate::Result;

/// Pieces from this size on are looked at first, by samples of them.
const LOOKED_AT: usize = 4 * SAMPLE;
const SAMPLE: usize = 1 << 15;
/// Samples of one piece at most.
const SAMPLES: usize = 8;

/// What a piece is packed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// The back end at a level.
    Level(u32),
    Literals,
}

/// How many bytes are packed as one piece where threads share a stream.
pub const PIECE: usize = 1 << 20;

/// Packs one piece of a raw stream; the last one ends the stream.
///
/// # Errors
/// `Usage` for a level that is not one of 0 to 9.
pub fn piece(bytes: &[u8], level: u32, last: bool, backend: Backend) -> Result<Vec<u8>> {
    check_level(level)?;
    let level = match way(bytes, level, backend)? {
        Way::Literals => return Ok(literal::deflate(bytes, last)),
        Way::Level(level) => level,
    };
    match backend {
        Backend::Rust => rust::deflate(bytes, level, Form::Raw, last),
        #[cfg(feature = "libdeflate")]
        Backend::Libdeflate => {
            let mut stream = super::libdeflate::deflate(bytes, level, Form::Raw)?;
            match last || super::walk::open_end(&mut stream) {
                true => Ok(stream),
                // It cannot be that libdeflate's stream is not understood; if it were, this is right too.
                false => rust::deflate(bytes, level, Form::Raw, last),
            }
        }
    }
}

/// How a piece is packed fastest at about the size that its level stands for: without matches where they gain next
/// to nothing, and at the lowest level where that gives about the same. Greater levels do what they are asked for.
fn way(bytes: &[u8], level: u32, backend: Backend) -> Result<Way> {
    if bytes.len() < LOOKED_AT || !(1..=6).contains(&level) {
        return Ok(Way::Level(level));
    }
    let count = (bytes.len() / PIECE).clamp(1, SAMPLES);
    let sample = |i: usize| {
        let middle = bytes.len() / (2 * count) * (2 * i + 1);
        bytes.get(middle..middle + SAMPLE).unwrap_or_default()
    };
    let packed = |level| -> Result<usize> {
        (0..count).map(|i| super::deflate(sample(i), level, Form::Raw, backend).map(|z| z.len())).sum()
    };
    let size = packed(level)?;
    // What is given away here, and what zlib's sizes and ours differ by, stays about two in a hundred;
    // a level that looks for matches finds more of them in a whole piece than in the samples.
    let about = size + size / 64;
    if (0..count).map(|i| literal::size(sample(i))).sum::<usize>() <= about {
        return Ok(Way::Literals);
    }
    for faster in FASTER.into_iter().filter(|&f| f < level) {
        if packed(faster)? <= about {
            return Ok(Way::Level(faster));
        }
    }
    Ok(Way::Level(level))
}

/// The levels that are tried in place of a greater one.
const FASTER: [u32; 2] = [1, 3];
