//! The back end in Rust, on zlib-rs: the only one that unpacks in pieces.

use super::{Form, MAX_RATIO, too_long, too_short};
use crate::{Error, Limits, Result};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use std::cell::RefCell;

/// zlib-rs's own level for each of ours. At 6 the sizes are within 2 % of zlib's and the time is the least.
const LEVELS: [u32; 10] = [0, 1, 2, 2, 3, 3, 4, 6, 7, 9];

thread_local! {
    // Making the states takes longer than packing a small array.
    static PACKER: RefCell<Option<(u32, Form, Compress)>> = const { RefCell::new(None) };
    static UNPACKER: RefCell<Option<Decompress>> = const { RefCell::new(None) };
}

/// Packs bytes into a whole stream, or into a part of one that ends at a whole byte and refers to nothing before it.
pub(super) fn deflate(bytes: &[u8], level: u32, form: Form, last: bool) -> Result<Vec<u8>> {
    let level = LEVELS.get(level as usize).copied().unwrap_or(6);
    PACKER.with_borrow_mut(|slot| {
        let z = match slot {
            Some((l, f, z)) if (*l, *f) == (level, form) => {
                z.reset();
                z
            }
            _ => {
                let z = Compress::new(Compression::new(level), form == Form::Zlib);
                &mut slot.insert((level, form, z)).2
            }
        };
        let flush = if last { FlushCompress::Finish } else { FlushCompress::Full };
        let mut out = Vec::with_capacity(bytes.len() / 2 + 64);
        loop {
            let used = usize::try_from(z.total_in()).ok();
            let rest = used.and_then(|n| bytes.get(n..)).unwrap_or_default();
            out.reserve(rest.len() / 2 + 64);
            let status =
                z.compress_vec(rest, &mut out, flush).map_err(|e| Error::invalid(format!("deflate: {e}")))?;
            // Flushed when there is room left.
            let flushed = !last && z.total_in() == bytes.len() as u64 && out.len() < out.capacity();
            if status == Status::StreamEnd || flushed {
                return Ok(out);
            }
        }
    })
}

/// Unpacks a stream that must give exactly `out.len()` bytes, and says how many it took.
pub(super) fn inflate_exact(stream: &[u8], out: &mut [u8], form: Form) -> Result<usize> {
    with_unpacker(form, |z| {
        let status = z.decompress(stream, out, FlushDecompress::Finish).map_err(|e| damaged(z, &e))?;
        let got = z.total_out();
        let used = |z: &Decompress| usize::try_from(z.total_in()).unwrap_or(usize::MAX);
        match status {
            Status::StreamEnd if got == out.len() as u64 => Ok(used(z)),
            _ if got < out.len() as u64 => Err(too_short(out.len() as u64, got)),
            // Full to the last byte, yet the stream has not said that it ends: only its end may follow.
            _ => {
                let rest = stream.get(used(z)..).unwrap_or_default();
                let end =
                    z.decompress(rest, &mut [0], FlushDecompress::Finish).map_err(|e| damaged(z, &e))?;
                match end {
                    Status::StreamEnd if z.total_out() == got => Ok(used(z)),
                    _ if z.total_out() > got => Err(too_long(got)),
                    _ => Err(Error::invalid("deflate stream ends before its end mark or checksum")),
                }
            }
        }
    })
}

pub(super) fn inflate_zlib_within(
    stream: &[u8],
    expected: u64,
    most: u64,
    limits: &Limits,
) -> Result<Vec<u8>> {
    let possible = (stream.len() as u64).saturating_mul(MAX_RATIO).saturating_add(64).min(most);
    let (mut out, mut held) = limits.vec(expected.clamp(64, possible.max(64)))?;
    with_unpacker(Form::Zlib, |z| {
        loop {
            let used = usize::try_from(z.total_in()).ok().and_then(|n| stream.get(n..)).unwrap_or_default();
            let before = (z.total_in(), z.total_out());
            let status =
                z.decompress_vec(used, &mut out, FlushDecompress::Finish).map_err(|e| damaged(z, &e))?;
            if z.total_out() > most {
                return Err(Error::invalid(format!("deflate stream gives more than {most} bytes")));
            }
            if status == Status::StreamEnd {
                return Ok(());
            }
            if out.len() < out.capacity() {
                if before == (z.total_in(), z.total_out()) {
                    return Err(Error::invalid(format!(
                        "deflate stream ends early (got {} bytes)",
                        out.len()
                    )));
                }
                continue;
            }
            // Room for one byte beyond the most allowed tells a stream that is too long from one that just fits.
            let have = out.len() as u64;
            let want = have.saturating_mul(2).min(possible).max(have).saturating_add(64);
            let more = limits.vec(want)?;
            let old = std::mem::replace(&mut out, more.0);
            out.extend_from_slice(&old);
            drop(std::mem::replace(&mut held, more.1));
        }
    })?;
    Ok(out)
}

fn with_unpacker<T>(form: Form, work: impl FnOnce(&mut Decompress) -> T) -> T {
    UNPACKER.with_borrow_mut(|slot| {
        let zlib = form == Form::Zlib;
        let z = match slot {
            Some(z) => {
                z.reset(zlib);
                z
            }
            None => slot.insert(Decompress::new(zlib)),
        };
        work(z)
    })
}

#[cold]
fn damaged(z: &Decompress, e: &flate2::DecompressError) -> Error {
    Error::invalid(format!("deflate stream is damaged after {} bytes: {e}", z.total_out()))
}

/// A stream that is unpacked in pieces.
#[derive(Debug)]
pub struct Inflater {
    z: Decompress,
    finished: bool,
}

/// What one step of an [`Inflater`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Bytes taken of the input.
    pub read: usize,
    /// Bytes put into the output.
    pub written: usize,
    /// Whether the stream is over.
    pub finished: bool,
}

impl Inflater {
    /// At the start of a stream.
    pub fn new(form: Form) -> Inflater {
        Inflater { z: Decompress::new(form == Form::Zlib), finished: false }
    }

    /// Whether the stream is over.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// Bytes taken so far.
    pub fn total_in(&self) -> u64 {
        self.z.total_in()
    }

    /// Bytes given so far.
    pub fn total_out(&self) -> u64 {
        self.z.total_out()
    }

    /// Unpacks until the output is full, the input is used up or the stream ends.
    ///
    /// # Errors
    /// `Invalid` for a damaged stream.
    pub fn step(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step> {
        let mut done = Step { finished: self.finished, ..Step::default() };
        while !done.finished {
            let (from, to) = (self.z.total_in(), self.z.total_out());
            let rest = input.get(done.read..).unwrap_or_default();
            let room = out.get_mut(done.written..).unwrap_or_default();
            let status =
                self.z.decompress(rest, room, FlushDecompress::None).map_err(|e| damaged(&self.z, &e))?;
            let (read, written) = (self.z.total_in() - from, self.z.total_out() - to);
            done.read = done.read.saturating_add(usize::try_from(read).unwrap_or(usize::MAX));
            done.written = done.written.saturating_add(usize::try_from(written).unwrap_or(usize::MAX));
            done.finished = status == Status::StreamEnd;
            self.finished = done.finished;
            if (read == 0 && written == 0) || (done.written >= out.len() && !out.is_empty()) {
                break;
            }
        }
        Ok(done)
    }
}
