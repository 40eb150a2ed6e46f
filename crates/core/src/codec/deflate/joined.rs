//! One raw stream made of pieces that are packed apart, so that threads share the work.
//!
//! Every piece but the last ends with an empty stored block, which ends at a whole byte: the pieces are joined by
//! writing them one after another. No piece refers to bytes of another, so the same bytes give the same stream
//! whoever packs which piece.

use super::{Backend, Form, check_level, literal, rust};
use crate::Result;

/// Pieces from this size on are looked at first, by a sample from their middle.
const LOOKED_AT: usize = 4 * SAMPLE;
const SAMPLE: usize = 1 << 15;

/// What a piece is packed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// The back end at a level.
    Level(u32),
    Literals,
}

/// How many bytes are packed as one piece.
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

/// How a piece is packed fastest at about the size that its level stands for: without matches where they gain
/// nothing, and at a lower level where that gives the same. Greater levels do what they are asked for.
fn way(bytes: &[u8], level: u32, backend: Backend) -> Result<Way> {
    let middle = bytes.len() / 2;
    let sample = bytes.get(middle..middle + SAMPLE).filter(|_| bytes.len() >= LOOKED_AT);
    let Some(sample) = sample.filter(|_| (1..=6).contains(&level)) else { return Ok(Way::Level(level)) };
    let packed = |level| super::deflate(sample, level, Form::Raw, backend).map(|z| z.len());
    let size = packed(level)?;
    if literal::size(sample) <= size {
        return Ok(Way::Literals);
    }
    // Half a level's gain is less than what zlib's sizes and ours differ by.
    if level > FASTER && packed(FASTER)? <= size + size / 64 {
        return Ok(Way::Level(FASTER));
    }
    Ok(Way::Level(level))
}

/// The level that is tried in place of a greater one.
const FASTER: u32 = 3;
