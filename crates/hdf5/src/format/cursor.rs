//! A bounded cursor: little-endian fields out of a slice, never past its end.

use super::Sizes;
use hyperslab_core::{Error, Result};

/// Reads fields one after another; an error names the structure and the absolute byte offset.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    base: u64,
    what: &'static str,
}

impl<'a> Cursor<'a> {
    /// A cursor at the start of `bytes`, which lie at `base` in the file and hold the structure `what`.
    pub fn new(bytes: &'a [u8], what: &'static str, base: u64) -> Self {
        Cursor { bytes, at: 0, base, what }
    }

    /// The position from the start of the slice.
    pub fn position(&self) -> usize {
        self.at
    }

    /// The position in the file.
    pub fn offset_in_file(&self) -> u64 {
        self.base.saturating_add(self.at as u64)
    }

    /// How many bytes are left.
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// The bytes that are left, without taking them.
    pub fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// An `Invalid` error at this position.
    #[cold]
    pub fn invalid(&self, message: impl Into<String>) -> Error {
        Error::invalid(message.into()).reading(self.what).at(self.offset_in_file())
    }

    /// An `Unsupported` error at this position.
    #[cold]
    pub fn unsupported(&self, message: impl Into<String>) -> Error {
        Error::unsupported(message.into()).reading(self.what).at(self.offset_in_file())
    }

    #[cold]
    fn short(&self, wanted: usize) -> Error {
        self.invalid(format!("{wanted} bytes wanted where {} are left", self.remaining()))
    }

    /// The next `n` bytes.
    ///
    /// # Errors
    /// `Invalid` when fewer are left; so for every method below.
    #[inline(always)]
    pub fn bytes(&mut self, n: usize) -> Result<&'a [u8]> {
        match self.bytes.get(self.at..).and_then(|rest| rest.get(..n)) {
            Some(b) => {
                self.at += n;
                Ok(b)
            }
            None => Err(self.short(n)),
        }
    }

    /// The next `N` bytes as an array.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        match self.bytes.get(self.at..).and_then(|b| b.first_chunk::<N>()) {
            Some(b) => {
                self.at += N;
                Ok(*b)
            }
            None => Err(self.short(N)),
        }
    }

    /// Passes over `n` bytes.
    #[inline(always)]
    pub fn skip(&mut self, n: usize) -> Result<()> {
        self.bytes(n).map(drop)
    }

    /// Passes over the padding up to the next multiple of 8 from the start of the slice.
    pub fn align8(&mut self) -> Result<()> {
        self.skip(self.at.wrapping_neg() % 8)
    }

    /// One byte.
    #[inline(always)]
    pub fn u8(&mut self) -> Result<u8> {
        match self.bytes.get(self.at) {
            Some(b) => {
                self.at += 1;
                Ok(*b)
            }
            None => Err(self.short(1)),
        }
    }

    /// Two bytes, little-endian.
    #[inline(always)]
    pub fn u16(&mut self) -> Result<u16> {
        match self.bytes.get(self.at..).and_then(|b| b.first_chunk()) {
            Some(b) => {
                self.at += 2;
                Ok(u16::from_le_bytes(*b))
            }
            None => Err(self.short(2)),
        }
    }

    /// Four bytes, little-endian.
    #[inline(always)]
    pub fn u32(&mut self) -> Result<u32> {
        match self.bytes.get(self.at..).and_then(|b| b.first_chunk()) {
            Some(b) => {
                self.at += 4;
                Ok(u32::from_le_bytes(*b))
            }
            None => Err(self.short(4)),
        }
    }

    /// Eight bytes, little-endian.
    #[inline(always)]
    pub fn u64(&mut self) -> Result<u64> {
        match self.bytes.get(self.at..).and_then(|b| b.first_chunk()) {
            Some(b) => {
                self.at += 8;
                Ok(u64::from_le_bytes(*b))
            }
            None => Err(self.short(8)),
        }
    }

    /// An unsigned integer of `n` bytes (at most 8), little-endian.
    #[inline(always)]
    pub fn uint(&mut self, n: usize) -> Result<u64> {
        match n {
            8 => self.u64(),
            1 => self.u8().map(u64::from),
            _ => self.odd_uint(n),
        }
    }

    fn odd_uint(&mut self, n: usize) -> Result<u64> {
        let mut wide = [0u8; 8];
        let b = self.bytes(n)?;
        match wide.get_mut(..n) {
            Some(dst) => dst.copy_from_slice(b),
            None => return Err(self.invalid(format!("integer of {n} bytes"))),
        }
        Ok(u64::from_le_bytes(wide))
    }

    /// An address; `None` when it is undefined (all bits set).
    #[inline(always)]
    pub fn address(&mut self, sizes: Sizes) -> Result<Option<u64>> {
        let n = usize::from(sizes.offset);
        let v = self.uint(n)?;
        let undefined = if n >= 8 { u64::MAX } else { (1 << (8 * n)) - 1 };
        Ok(if v == undefined { None } else { Some(v) })
    }

    /// A length.
    #[inline(always)]
    pub fn length(&mut self, sizes: Sizes) -> Result<u64> {
        self.uint(sizes.length.into())
    }

    /// The bytes up to the next NUL, which is passed over too.
    pub fn until_nul(&mut self) -> Result<&'a [u8]> {
        match self.rest().iter().position(|&b| b == 0) {
            Some(n) => {
                let b = self.bytes(n)?;
                self.skip(1)?;
                Ok(b)
            }
            None => Err(self.invalid("name without a closing NUL")),
        }
    }

    /// Checks and passes over a four-byte signature.
    #[inline]
    pub fn signature(&mut self, want: [u8; 4]) -> Result<()> {
        let here = self.clone();
        let got = self.array::<4>()?;
        if got == want { Ok(()) } else { Err(here.wrong_signature(got, want)) }
    }

    #[cold]
    fn wrong_signature(&self, got: [u8; 4], want: [u8; 4]) -> Error {
        self.invalid(format!("signature {} where {} belongs", got.escape_ascii(), want.escape_ascii()))
    }

    /// Takes a version byte that must lie in `low..=high`; another one is `Unsupported`.
    #[inline(always)]
    pub fn version(&mut self, low: u8, high: u8) -> Result<u8> {
        let here = self.at;
        let v = self.u8()?;
        if (low..=high).contains(&v) {
            return Ok(v);
        }
        self.at = here;
        Err(self.unknown_version(v, low, high))
    }

    #[cold]
    fn unknown_version(&self, v: u8, low: u8, high: u8) -> Error {
        self.unsupported(if low == high {
            format!("version {v} (known: {low})")
        } else {
            format!("version {v} (known: {low} to {high})")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyperslab_core::Kind;

    #[test]
    fn never_past_the_end() {
        let mut c = Cursor::new(&[1, 2, 3], "thing", 100);
        assert_eq!(c.u16().unwrap(), 0x0201);
        let e = c.u16().unwrap_err();
        assert_eq!(e.to_string(), "thing at byte 102: 2 bytes wanted where 1 are left");
        assert!(c.bytes(usize::MAX).is_err());
        assert_eq!(c.u8().unwrap(), 3);
        assert_eq!(c.remaining(), 0);
    }

    #[test]
    fn undefined_depends_on_the_width() {
        let narrow = Sizes { offset: 4, length: 4, ..Sizes::STANDARD };
        assert_eq!(Cursor::new(&[0xff; 4], "x", 0).address(narrow).unwrap(), None);
        assert_eq!(
            Cursor::new(&[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0], "x", 0).address(Sizes::STANDARD).unwrap(),
            Some(0xffff_ffff)
        );
    }

    #[test]
    fn versions_out_of_range_are_unsupported() {
        let e = Cursor::new(&[9], "layout", 7).version(1, 5).unwrap_err();
        assert_eq!((e.kind(), e.offset()), (Kind::Unsupported, Some(7)));
    }
}
