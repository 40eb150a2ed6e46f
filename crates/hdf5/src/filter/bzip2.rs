//! Filter 307, bzip2: each chunk is one stream.
//!
//! Source: the registered filter's documentation; measured on hdf5plugin 7.1.

use super::Room;
use ::bzip2::write::BzEncoder;
use ::bzip2::{Compression, Decompress, Status};
use hyperslab_core::{Error, Limits, Result};
use std::borrow::Cow;
use std::io::Write;

/// What the decoder needs for the largest blocks.
const MEMORY: u64 = 4 << 20;

/// Undoes the packing.
pub(super) fn undo<'a>(
    _: &[u32],
    bytes: Cow<'a, [u8]>,
    room: Room,
    limits: &Limits,
) -> Result<Cow<'a, [u8]>> {
    let _held = limits.reserve(MEMORY)?;
    // The stream does not say how many bytes it gives: as many as are expected, and more only if they come.
    let mut out = room.zeroed(room.expected, limits)?;
    let mut decoder = Decompress::new(false);
    loop {
        let (read, done) = (decoder.total_in() as usize, decoder.total_out() as usize);
        let (from, free) = (bytes.get(read..).unwrap_or_default(), out.get_mut(done..).unwrap_or_default());
        let full = free.is_empty();
        let mut one = [0];
        let free = if full { &mut one[..] } else { free };
        let status =
            decoder.decompress(from, free).map_err(|e| Error::invalid(format!("bzip2 stream: {e}")))?;
        let (read_now, now) = (decoder.total_in() as usize, decoder.total_out() as usize);
        if full && now > done {
            if now as u64 > room.most {
                return Err(Error::invalid(format!("bzip2 stream gives more than {} bytes", room.most)));
            }
            out.push(one[0]);
            let more = (now as u64 * 2).min(room.most);
            let _held = limits.reserve(more)?;
            out.resize(more as usize, 0);
        }
        if status == Status::StreamEnd {
            out.truncate(now);
            return Ok(Cow::Owned(out));
        }
        if now == done && read_now == read {
            return Err(Error::invalid(format!("bzip2 stream of {} bytes ends early", bytes.len())));
        }
    }
}

/// Packs bytes into one stream.
pub(super) fn apply(values: &[u32], bytes: &[u8]) -> Result<Option<Vec<u8>>> {
    let level = values.first().copied().unwrap_or(9);
    if !(1..=9).contains(&level) {
        return Err(Error::unsupported(format!("bzip2 level {level} (possible: 1 to 9)")));
    }
    let mut encoder = BzEncoder::new(Vec::new(), Compression::new(level));
    let packed = encoder.write_all(bytes).and_then(|()| encoder.finish());
    packed.map(Some).map_err(|e| Error::io(e, "cannot pack by bzip2"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(plain: &[u8]) -> Vec<u8> {
        apply(&[], plain).unwrap().unwrap()
    }

    #[test]
    fn streams() {
        let plain: Vec<u8> = (0..100_000u32).map(|i| (i / 100) as u8).collect();
        let stream = packed(&plain);
        let run = |stream: &[u8], expected, most| {
            let room = Room { expected, most };
            undo(&[], Cow::Borrowed(stream), room, &Limits::default()).map(Cow::into_owned)
        };
        assert_eq!(run(&stream, 100_000, 100_000).unwrap(), plain);
        assert_eq!(run(&stream, 10, 200_000).unwrap(), plain);
        assert_eq!(run(&stream, 150_000, 200_000).unwrap(), plain);
        assert!(run(&packed(&[]), 0, 0).unwrap().is_empty());
        assert!(run(&stream, 99_999, 99_999).is_err());
        for n in (0..stream.len()).step_by(7) {
            assert!(run(&stream[..n], 100_000, 100_000).is_err(), "{n}");
        }
    }
}
