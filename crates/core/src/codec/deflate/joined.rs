//! One raw stream made of pieces that are packed apart, so that threads share the work.
//!
//! Every piece but the last ends with an empty stored block, which ends at a whole byte: the pieces are joined by
//! writing them one after another. No piece refers to bytes of another, so the same bytes give the same stream
//! whoever packs which piece.

use super::{Backend, Form, check_level, rust};
use crate::Result;

/// How many bytes are packed as one piece.
pub const PIECE: usize = 1 << 20;

/// Packs one piece of a raw stream; the last one ends the stream.
///
/// # Errors
/// `Usage` for a level that is not one of 0 to 9.
pub fn piece(bytes: &[u8], level: u32, last: bool, backend: Backend) -> Result<Vec<u8>> {
    check_level(level)?;
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
