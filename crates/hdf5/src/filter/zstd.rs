//! Filter 32015, Zstandard: each chunk is one frame, which says how many bytes it gives.
//!
//! Source: the registered filter's documentation; measured on hdf5plugin 7.1. The frame: RFC 8878.

use super::Room;
use super::codec::zstd;
use hyperslab_core::{Limits, Result};
use std::borrow::Cow;

/// Undoes the packing.
pub(super) fn undo<'a>(
    _: &[u32],
    bytes: Cow<'a, [u8]>,
    room: Room,
    limits: &Limits,
) -> Result<Cow<'a, [u8]>> {
    let len = zstd::content_size(&bytes).unwrap_or(room.expected);
    let mut out = room.zeroed(len, limits)?;
    zstd::Decoder::new().frames(&bytes, &mut out, limits)?;
    Ok(Cow::Owned(out))
}

/// Packs bytes into a frame that says how long they are, at the encoder's one level whatever was asked for.
pub(super) fn apply(_: &[u32], bytes: &[u8]) -> Result<Option<Vec<u8>>> {
    zstd::frame(bytes).map(Some)
}
