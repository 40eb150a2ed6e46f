//! Numbers in text, one file per kind: how far a number goes and what it is.
//!
//! The caller has skipped white space and looks at what follows the number; nothing here knows separators.

mod complex;
mod decimal;
mod float;
mod int;
mod long_double;

pub(super) use complex::Complex;
pub(super) use float::{Bool, Real};
pub(super) use int::Integer;
pub(super) use long_double::LongDouble;

use hyperslab_core::ByteOrder;

/// Why there is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// What stands there does not begin as a number.
    NotANumber,
    /// The integer is not one of the type.
    OutOfRange,
    /// A sign begins an imaginary part that is none.
    BadImaginary,
    /// Something else than the separator follows a number.
    NoSeparator,
    /// White space follows the last separator, where a number is expected.
    BlankEnd,
}

/// A place where there is no number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bad {
    pub(super) why: Why,
    /// Where what is wrong begins.
    pub(super) at: usize,
    /// Everything before this place was looked at: at the end of the data, more of them might be a number.
    pub(super) reach: usize,
}

impl Bad {
    fn not_a_number(reach: usize) -> Bad {
        Bad { why: Why::NotANumber, at: 0, reach }
    }
}

/// Finds elements of `N` bytes.
pub(super) trait Scan<const N: usize>: Copy + Send + Sync {
    /// Whether white space alone, after a separator at the end, is the end: so it is for what C's `fscanf` reads.
    const BLANK_END: bool;

    /// The element at the beginning of `s`, which is not empty, and how many bytes it takes.
    ///
    /// It has as many bytes as possible; one that reaches the end of `s` may go on behind it.
    fn scan(&self, s: &[u8]) -> Result<([u8; N], usize), Bad>;
}

/// Little-endian bytes in the order that is asked for.
#[inline]
fn ordered<const N: usize>(mut bytes: [u8; N], order: ByteOrder) -> [u8; N] {
    if order == ByteOrder::Big {
        bytes.reverse();
    }
    bytes
}
