//! Filter 1, deflate: each chunk is one zlib stream.
//!
//! Not the pipeline that says which filters a chunk went through. Source: HDF5 File Format Specification 3.0,
//! section IV.A.2.l (filter pipeline message); the stream is zlib's (RFC 1950), not raw deflate.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use hyperslab_core::{Error, Limits, Result};

/// A stream cannot grow by more than this factor.
const MAX_RATIO: u64 = 1032;

/// Inflates a stream that must give exactly `out.len()` bytes.
///
/// # Errors
/// `Invalid` for a damaged stream, or one that gives fewer or more bytes.
pub fn inflate_into(stream: &[u8], out: &mut [u8]) -> Result<()> {
    let mut z = Decompress::new(true);
    let status = z.decompress(stream, out, FlushDecompress::Finish).map_err(damaged)?;
    let got = z.total_out();
    match status {
        Status::StreamEnd if got == out.len() as u64 => Ok(()),
        _ if got < out.len() as u64 => {
            Err(Error::invalid(format!("deflate stream ends early (wanted {} bytes, got {got})", out.len())))
        }
        // Full to the last byte, yet the stream has not said that it ends: only its end may follow.
        _ => {
            let rest = usize::try_from(z.total_in()).ok().and_then(|n| stream.get(n..)).unwrap_or_default();
            let end = z.decompress(rest, &mut [0], FlushDecompress::Finish).map_err(damaged)?;
            match end {
                Status::StreamEnd if z.total_out() == got => Ok(()),
                _ if z.total_out() > got => {
                    Err(Error::invalid(format!("deflate stream gives more than the {got} bytes wanted")))
                }
                _ => Err(Error::invalid("deflate stream ends before its checksum")),
            }
        }
    }
}

/// Inflates a stream of unknown length, at most `most` bytes. `expected` is how much is reserved at first.
///
/// # Errors
/// `Invalid` for a damaged stream or one that gives more than `most`; `Limit`.
pub fn inflate(stream: &[u8], expected: u64, most: u64, limits: &Limits) -> Result<Vec<u8>> {
    let possible = (stream.len() as u64).saturating_mul(MAX_RATIO).saturating_add(64).min(most);
    let (mut out, mut held) = limits.vec(expected.clamp(64, possible.max(64)))?;
    let mut z = Decompress::new(true);
    loop {
        let used = usize::try_from(z.total_in()).ok().and_then(|n| stream.get(n..)).unwrap_or_default();
        let before = (z.total_in(), z.total_out());
        let status = z.decompress_vec(used, &mut out, FlushDecompress::Finish).map_err(damaged)?;
        if z.total_out() > most {
            return Err(Error::invalid(format!("deflate stream gives more than {most} bytes")));
        }
        if status == Status::StreamEnd {
            return Ok(out);
        }
        if out.len() < out.capacity() {
            if before == (z.total_in(), z.total_out()) {
                return Err(Error::invalid(format!("deflate stream ends early (got {} bytes)", out.len())));
            }
            continue;
        }
        // Room for one byte beyond the most allowed tells a stream that is too long from one that just fits.
        let have = out.len() as u64;
        let want = have.saturating_mul(2).min(possible).max(have).saturating_add(64);
        let more = limits.vec(want)?;
        let old = std::mem::replace(&mut out, more.0);
        held = {
            drop(held);
            more.1
        };
        out.extend_from_slice(&old);
    }
}

/// Deflates `bytes` at a level of 0 to 9 and appends the stream to `out`.
///
/// # Errors
/// `Usage` for another level.
pub fn deflate(bytes: &[u8], level: u32, out: &mut Vec<u8>) -> Result<()> {
    if level > 9 {
        return Err(Error::usage(format!("deflate level {level} is not one of 0 to 9")));
    }
    let mut z = Compress::new(Compression::new(level), true);
    loop {
        let rest = usize::try_from(z.total_in()).ok().and_then(|n| bytes.get(n..)).unwrap_or_default();
        out.reserve(rest.len() / 2 + 64);
        let status = z
            .compress_vec(rest, out, FlushCompress::Finish)
            .map_err(|e| Error::invalid(format!("deflate: {e}")))?;
        if status == Status::StreamEnd {
            return Ok(());
        }
    }
}

#[cold]
fn damaged(e: flate2::DecompressError) -> Error {
    Error::invalid(format!("deflate stream is damaged: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyperslab_core::Kind;

    fn stream(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        deflate(bytes, 4, &mut out).unwrap();
        out
    }

    #[test]
    fn round_trips_of_every_size() {
        let noise: Vec<u8> = (0..40_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        for bytes in [&[][..], &[1], &[0; 16384], &noise] {
            for level in 0..=9 {
                let mut z = Vec::new();
                deflate(bytes, level, &mut z).unwrap();
                let mut out = vec![9; bytes.len()];
                inflate_into(&z, &mut out).unwrap();
                assert_eq!(out, bytes);
                for expected in [0, 1, bytes.len() as u64, 1 << 40] {
                    let most = bytes.len() as u64;
                    assert_eq!(inflate(&z, expected, most, &Limits::default()).unwrap(), bytes);
                }
            }
        }
        assert!(deflate(b"x", 10, &mut Vec::new()).is_err());
    }

    #[test]
    fn wrong_lengths_and_damage_are_seen() {
        let z = stream(&[5; 1000]);
        let error = |n: usize| inflate_into(&z, &mut vec![0; n]).unwrap_err().to_string();
        assert_eq!(error(1001), "deflate stream ends early (wanted 1001 bytes, got 1000)");
        assert_eq!(error(999), "deflate stream gives more than the 999 bytes wanted");
        assert!(inflate(&z, 0, 999, &Limits::default()).is_err());
        for n in 0..z.len() {
            assert_eq!(inflate_into(&z[..n], &mut [0; 1000]).unwrap_err().kind(), Kind::Invalid, "{n}");
            assert_eq!(
                inflate(&z[..n], 1000, 1000, &Limits::default()).unwrap_err().kind(),
                Kind::Invalid,
                "{n}"
            );
        }
        for i in 0..z.len() {
            let mut bad = z.clone();
            bad[i] ^= 0x40;
            let _ = inflate_into(&bad, &mut [0; 1000]);
            let _ = inflate(&bad, 1000, 1000, &Limits::default());
        }
    }

    #[test]
    fn a_bomb_meets_the_limit() {
        let z = stream(&vec![0; 10 << 20]);
        let limits = Limits::new(1 << 20, 10, 10);
        assert_eq!(inflate(&z, 0, 1 << 40, &limits).unwrap_err().kind(), Kind::Limit);
    }
}
