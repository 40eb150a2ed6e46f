//! Filter 32026, Blosc2: each chunk is a contiguous frame of Blosc2, of one chunk mostly.
//!
//! The frame gives its chunks one after the other, unless it says that they are parts of an array with dimensions: then
//! their blocks are put where they belong.
//!
//! Source: the registered filter's documentation; measured on hdf5plugin 7.1 (C-Blosc2 2.2x).

mod array;
mod frame;

#[cfg(test)]
mod tests;

use super::Room;
use frame::Frame;
use hyperslab_core::{Error, Limits, Result};
use std::borrow::Cow;

/// Undoes the packing.
pub(super) fn undo<'a>(
    _: &[u32],
    bytes: Cow<'a, [u8]>,
    room: Room,
    limits: &Limits,
) -> Result<Cow<'a, [u8]>> {
    let frame = Frame::parse(&bytes, room.most, limits)?;
    if let Some(array) = frame.array()? {
        let mut out = room.zeroed(array.len(), limits)?;
        array.gather(&frame, &mut out, limits)?;
        return Ok(Cow::Owned(out));
    }
    let mut out = room.zeroed(frame.len, limits)?;
    let mut chunks = frame.chunks();
    let mut rest = &mut *out;
    while !rest.is_empty() {
        let len = usize::try_from(frame.chunk).unwrap_or(usize::MAX).min(rest.len());
        let (part, after) = rest.split_at_mut(len);
        let number = chunks.next().ok_or_else(|| Error::invalid("Blosc2 frame with too few chunks"))?;
        frame.decode(number, part, limits)?;
        rest = after;
    }
    Ok(Cow::Owned(out))
}
