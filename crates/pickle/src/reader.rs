//! A cursor over the bytes of one pickle.
//!
//! Hands out slices of the input; knows nothing of opcodes. Every read is bounded by the input, so a length
//! that a pickle claims is never more than a reason for an error.

use hyperslab_core::{Error, Result};

/// Longest line of a text opcode (protocol 0 numbers, names, strings), in bytes, its newline not counted.
///
/// Strings of protocol 0 are lines, and data of Python 2 arrays are such strings: they may be as long as the
/// input. The bound is for numbers and names.
pub(crate) const MAX_LINE: usize = 64 << 10;

/// Longest module or name of a global.
pub(crate) const MAX_NAME: usize = 1 << 10;

#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    input: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(input: &'a [u8]) -> Self {
        Reader { input, at: 0 }
    }

    /// Bytes consumed so far.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    pub(crate) fn remaining(&self) -> usize {
        self.input.len().saturating_sub(self.at)
    }

    #[inline]
    pub(crate) fn take(&mut self, n: u64) -> Result<&'a [u8]> {
        let rest = self.input.get(self.at..).unwrap_or_default();
        match usize::try_from(n).ok().and_then(|n| rest.get(..n)) {
            Some(bytes) => {
                self.at += bytes.len();
                Ok(bytes)
            }
            None => Err(ends_early(n, rest.len())),
        }
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let rest = self.input.get(self.at..).unwrap_or_default();
        match rest.first_chunk::<N>() {
            Some(bytes) => {
                self.at += N;
                Ok(*bytes)
            }
            None => Err(ends_early(N as u64, rest.len())),
        }
    }

    /// Whether this byte comes next.
    #[inline]
    pub(crate) fn next_is(&self, byte: u8) -> bool {
        self.input.get(self.at) == Some(&byte)
    }

    #[inline]
    pub(crate) fn u8(&mut self) -> Result<u8> {
        match self.input.get(self.at) {
            Some(&b) => {
                self.at += 1;
                Ok(b)
            }
            None => Err(ends_early(1, 0)),
        }
    }

    pub(crate) fn u16(&mut self) -> Result<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn i32(&mut self) -> Result<i32> {
        self.array().map(i32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// The one number that pickles store big-endian.
    pub(crate) fn f64_be(&mut self) -> Result<f64> {
        self.array().map(f64::from_be_bytes)
    }

    /// The bytes up to the next newline, which is consumed but not returned.
    pub(crate) fn line(&mut self) -> Result<&'a [u8]> {
        let rest = self.input.get(self.at..).unwrap_or_default();
        let n = memchr::memchr(b'\n', rest)
            .ok_or_else(|| Error::invalid("the pickle ends in the middle of a line"))?;
        self.at += n + 1;
        Ok(rest.get(..n).unwrap_or_default())
    }

    /// As [`Reader::line`], for numbers and names.
    pub(crate) fn short_line(&mut self) -> Result<&'a [u8]> {
        let line = self.line()?;
        if line.len() > MAX_LINE {
            return Err(Error::limit(format!("a line of {} bytes is longer than {MAX_LINE}", line.len())));
        }
        Ok(line)
    }
}

#[cold]
fn ends_early(wanted: u64, got: usize) -> Error {
    Error::invalid(format!("the pickle ends early (wanted {wanted} bytes, got {got})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_end_at_the_input() {
        let mut r = Reader::new(b"ab\ncd");
        assert_eq!(r.line().unwrap(), b"ab");
        assert!(r.line().is_err());
        assert!(r.take(u64::MAX).is_err());
        assert_eq!(r.take(2).unwrap(), b"cd");
        assert!(r.u8().is_err());
        assert_eq!(r.take(0).unwrap(), b"");
    }
}
