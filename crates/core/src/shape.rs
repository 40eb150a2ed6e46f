//! Shapes: extents of an array, outermost dimension first, as NumPy and HDF5 write them.

use crate::{Error, Result};
use smallvec::SmallVec;
use std::fmt;
use std::ops::Deref;

/// The extents of an array, kept inline up to rank 4. Rank 0 (a scalar) is the empty shape.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Shape(SmallVec<[u64; 4]>);

impl Shape {
    /// The greatest rank handled: NumPy 2's 64 (HDF5 has 32).
    pub const MAX_RANK: usize = 64;

    /// A shape from its extents.
    pub fn new(dims: &[u64]) -> Self {
        Shape(SmallVec::from_slice(dims))
    }

    /// The number of elements, or an error where it does not fit an `i64`.
    ///
    /// Extents beside a zero count too: `(0, 2^62, 8)` is refused, as NumPy refuses it.
    pub fn count(&self) -> Result<u64> {
        self.bytes(1)
    }

    /// The number of bytes of `itemsize`-byte elements laid out densely, checked as [`Shape::count`] is.
    pub fn bytes(&self, itemsize: u64) -> Result<u64> {
        let mut nonzero: u64 = itemsize.max(1);
        let mut zero = itemsize == 0;
        for &d in &self.0 {
            if d == 0 {
                zero = true;
            } else {
                nonzero = nonzero.checked_mul(d).filter(|&n| n <= i64::MAX as u64).ok_or_else(|| {
                    Error::invalid(format!("shape {self} of {itemsize}-byte items overflows"))
                })?;
            }
        }
        Ok(if zero { 0 } else { nonzero })
    }

    /// Adds an extent at the end (the fastest dimension in C order).
    pub fn push(&mut self, dim: u64) {
        self.0.push(dim);
    }

    /// The same extents in reverse order.
    #[must_use]
    pub fn reversed(&self) -> Shape {
        self.0.iter().rev().copied().collect()
    }
}

impl Deref for Shape {
    type Target = [u64];
    fn deref(&self) -> &[u64] {
        &self.0
    }
}

impl FromIterator<u64> for Shape {
    fn from_iter<I: IntoIterator<Item = u64>>(iter: I) -> Self {
        Shape(iter.into_iter().collect())
    }
}

impl From<&[u64]> for Shape {
    fn from(dims: &[u64]) -> Self {
        Shape::new(dims)
    }
}

impl<const N: usize> From<[u64; N]> for Shape {
    fn from(dims: [u64; N]) -> Self {
        Shape::new(&dims)
    }
}

impl fmt::Display for Shape {
    /// As Python prints a tuple: `()`, `(3,)`, `(2, 3)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        for (i, d) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{d}")?;
        }
        f.write_str(if self.0.len() == 1 { ",)" } else { ")" })
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_a_tuple() {
        assert_eq!(Shape::from([]).to_string(), "()");
        assert_eq!(Shape::from([3]).to_string(), "(3,)");
        assert_eq!(Shape::from([2, 3]).to_string(), "(2, 3)");
    }

    #[test]
    fn overflow_is_seen_beside_a_zero() {
        assert_eq!(Shape::from([0, 7]).count().unwrap(), 0);
        assert!(Shape::from([0, 1 << 62, 8]).count().is_err());
        assert!(Shape::from([1 << 40, 1 << 40]).bytes(8).is_err());
        assert_eq!(Shape::from([]).bytes(8).unwrap(), 8);
    }
}
