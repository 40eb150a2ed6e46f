//! The writing side of [`Cursor`](super::Cursor): little-endian fields appended to a byte vector.

use super::UNDEFINED;
use hyperslab_core::{Error, Result};

/// Appends fields. Only 8-byte addresses and lengths are written.
pub trait Put {
    /// One byte.
    fn put_u8(&mut self, v: u8);
    /// Two bytes.
    fn put_u16(&mut self, v: u16);
    /// Four bytes.
    fn put_u32(&mut self, v: u32);
    /// Eight bytes.
    fn put_u64(&mut self, v: u64);
    /// The low `n` bytes (at most 8).
    fn put_uint(&mut self, v: u64, n: usize);
    /// An address, all bits set for `None`.
    fn put_address(&mut self, v: Option<u64>);
    /// `n` zero bytes.
    fn put_zeros(&mut self, n: usize);
}

impl Put for Vec<u8> {
    #[inline]
    fn put_u8(&mut self, v: u8) {
        self.push(v);
    }
    #[inline]
    fn put_u16(&mut self, v: u16) {
        self.extend_from_slice(&v.to_le_bytes());
    }
    #[inline]
    fn put_u32(&mut self, v: u32) {
        self.extend_from_slice(&v.to_le_bytes());
    }
    #[inline]
    fn put_u64(&mut self, v: u64) {
        self.extend_from_slice(&v.to_le_bytes());
    }
    #[inline]
    fn put_uint(&mut self, v: u64, n: usize) {
        self.extend_from_slice(v.to_le_bytes().get(..n).unwrap_or_default());
    }
    #[inline]
    fn put_address(&mut self, v: Option<u64>) {
        self.put_u64(v.unwrap_or(UNDEFINED));
    }
    fn put_zeros(&mut self, n: usize) {
        self.resize(self.len() + n, 0);
    }
}

/// A number as a narrower field of a structure; `Unsupported` where it does not fit.
///
/// # Errors
/// `Unsupported`, naming the field.
pub fn narrow<T: TryFrom<usize>>(v: usize, what: &'static str) -> Result<T> {
    T::try_from(v).map_err(|_| Error::unsupported(format!("{v} is too large for the {what} of HDF5")))
}
