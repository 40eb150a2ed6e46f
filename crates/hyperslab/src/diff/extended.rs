//! Long doubles compared: by value where they are those of x86, by bytes where they may be another machine's.
//!
//! On x86 ten bytes mean something (64 bits of mantissa with an explicit leading bit, 15 of exponent, a sign) and two
//! or six behind them are whatever was there. Elsewhere all 16 bytes are one number, and nothing in a file says which
//! it is: numbers that do not look like those of x86, or look more like others, are compared as bytes. Rules for
//! numbers as in `number.rs`; the parts of complex ones are compared one by one.
//! Source: `numpy.longdouble` of NumPy 2.4, probed.

use super::DiffOptions;
use super::number::{Gap, within};
use crate::Dtype;
use crate::dtype::{ByteOrder, FloatFormat};

/// Exponents that double precision has, more or less, in the fields of 15 bits of either machine.
const USUAL: std::ops::RangeInclusive<u64> = 0x3bc0..=0x4400;
const SPECIAL: u64 = 0x7fff;
const TOP: u64 = 1 << 63;

/// How a long double is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    size: usize,
    order: ByteOrder,
    /// Numbers in an element.
    parts: usize,
}

/// The ten bytes of a number, and what is behind them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Number {
    mantissa: u64,
    negative: bool,
    exponent: u64,
    padding: u64,
}

impl Stored {
    /// How numbers of a type are stored; `None` for what is no long double.
    pub(super) fn of(dtype: &Dtype) -> Option<Stored> {
        let (f, parts) = match dtype {
            Dtype::Float(f) => (f, 1),
            Dtype::Complex(f) => (f, 2),
            _ => return None,
        };
        let size = usize::from(f.size);
        (f.format == FloatFormat::LongDouble && matches!(size, 12 | 16)).then_some(Stored {
            size,
            order: f.order,
            parts,
        })
    }

    fn read(self, b: &[u8]) -> Option<Number> {
        let mut wide = [0; 16];
        wide.get_mut(..self.size)?.copy_from_slice(b.get(..self.size)?);
        if self.order == ByteOrder::Big {
            wide.get_mut(..self.size)?.reverse();
        }
        let wide = u128::from_le_bytes(wide);
        let (mantissa, rest) = (wide as u64, (wide >> 64) as u64);
        Some(Number { mantissa, negative: rest & 0x8000 != 0, exponent: rest & SPECIAL, padding: rest >> 16 })
    }

    /// Whether two elements differ, the gaps of their parts added to `gap`; `None` where they are cut off.
    pub(super) fn differs(
        self,
        (a, b): (&[u8], &[u8]),
        other: Stored,
        options: &DiffOptions,
        gap: &mut Gap,
    ) -> Option<bool> {
        let mut any = false;
        for part in 0..self.parts {
            let x = self.read(a.get(part * self.size..)?)?;
            let y = other.read(b.get(part * other.size..)?)?;
            if self.size == 16 && !(x.is_of_x86() && y.is_of_x86()) {
                any |= x != y;
            } else if let Some(apart) = x.differs(y, options) {
                gap.widen(apart);
                any = true;
            }
        }
        Some(any)
    }
}

impl Number {
    /// Whether it looks like a number of x86 and not like one of 16 bytes.
    fn is_of_x86(self) -> bool {
        let leading = (self.mantissa & TOP != 0) == (self.exponent != 0);
        leading && (USUAL.contains(&self.exponent) || !USUAL.contains(&(self.padding >> 32 & SPECIAL)))
    }

    fn is_nan(self) -> bool {
        self.exponent == SPECIAL && self.mantissa << 1 != 0
    }

    fn is_infinite(self) -> bool {
        self.exponent == SPECIAL && self.mantissa << 1 == 0
    }

    /// The value over 2 to the power that belongs to an exponent; zero where it is that much smaller.
    fn over(self, exponent: u64) -> f64 {
        let less = exponent.saturating_sub(self.exponent.max(1)).min(1000) as i32;
        let size = self.mantissa as f64 * 2f64.powi(-63 - less);
        if self.negative { -size } else { size }
    }

    /// The difference over 2 to the power of `exponent`, the greater of both; exact before it is rounded, and zero
    /// for equal numbers only.
    fn minus(self, other: Number, exponent: u64) -> f64 {
        let whole = |n: Number| {
            let less = exponent.saturating_sub(n.exponent.max(1));
            let size = (less <= 60).then(|| i128::from(n.mantissa) << (60 - less))?;
            Some(if n.negative { -size } else { size })
        };
        match (whole(self), whole(other)) {
            (Some(a), Some(b)) => (a - b) as f64 * 2f64.powi(-123),
            _ => self.over(exponent) - other.over(exponent),
        }
    }

    /// `None` for numbers that count as equal, else how far they are apart.
    fn differs(self, b: Number, options: &DiffOptions) -> Option<Gap> {
        match (self.is_nan(), b.is_nan()) {
            (true, true) if options.equal_nan => return None,
            (false, false) => {}
            _ => return Some(Gap::default()),
        }
        if self.is_infinite() || b.is_infinite() {
            let same = self.is_infinite() && b.is_infinite() && self.negative == b.negative;
            let size = if b.is_infinite() { f64::INFINITY } else { 1.0 };
            return (!same).then(|| Gap::new(f64::INFINITY, size));
        }
        let exponent = self.exponent.max(b.exponent).max(1);
        let (gap, size) = (self.minus(b, exponent).abs(), b.over(exponent).abs());
        if gap == 0.0 {
            return None;
        }
        // All numbers here are over the same power, and so must the absolute tolerance be.
        let power = i32::try_from(exponent).unwrap_or(0) - 16383;
        let scaled = DiffOptions { atol: scale(options.atol, -power), ..options.clone() };
        (!within(gap, size, &scaled))
            .then(|| Gap { abs: Some(scale(gap, power).max(f64::from_bits(1))), ..Gap::new(gap, size) })
    }
}

/// A number times a power of two, zero or infinite beyond double precision.
fn scale(v: f64, power: i32) -> f64 {
    (0..power.unsigned_abs()).step_by(512).fold(v, |v, done| {
        let step = (power.unsigned_abs() - done).min(512) as i32;
        v * 2f64.powi(if power < 0 { -step } else { step })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Stored = Stored { size: 16, order: ByteOrder::Little, parts: 1 };

    fn bytes(mantissa: u64, head: u16, padding: u64) -> Vec<u8> {
        let padding = padding.to_le_bytes();
        [&mantissa.to_le_bytes()[..], &head.to_le_bytes(), &padding[..6]].concat()
    }

    fn differs(a: &[u8], b: &[u8], atol: f64, rtol: f64) -> Option<Gap> {
        let mut gap = Gap::default();
        let options = DiffOptions { atol, rtol, ..DiffOptions::default() };
        PLAIN.differs((a, b), PLAIN, &options, &mut gap).unwrap().then_some(gap)
    }

    #[test]
    fn padding_means_nothing_where_it_is_padding() {
        let one = |padding| bytes(TOP, 0x3fff, padding);
        for padding in [1, 0xffff_ffff_ffff, 0x7f12_3456_789a, 0x3ff0_0000_0000] {
            assert_eq!(differs(&one(0), &one(padding), 0.0, 0.0), None);
        }
        assert_eq!(differs(&bytes(0, 0, 0), &bytes(0, 0x8000, 7), 0.0, 0.0), None);
        // 1 and 2 of 113 bits, and 0.1 and 0.2: their lower ten bytes are the same.
        let quad = |mantissa, exponent: u64| bytes(0, mantissa, exponent << 32 | 0x9999_9999);
        for mantissa in [0, 0x9999, 0x999a] {
            assert!(differs(&quad(mantissa, 0x3fff), &quad(mantissa, 0x4000), 0.0, 0.0).is_some());
        }
        let short = [bytes(0, 0, 0x3fff << 32), bytes(0, 0, 0x4000 << 32), bytes(0, 0, 0)];
        assert!(differs(&short[0], &short[1], 0.0, 0.0).is_some());
        assert!(differs(&short[0], &short[2], 0.0, 0.0).is_some());
        // No tolerance for what is no number of x86: its lower bytes look tiny.
        assert!(differs(&quad(5, 0x3fff), &quad(6, 0x3fff), 1.0, 1.0).is_some());
    }

    #[test]
    fn gaps_beyond_double_precision() {
        let (one, next) = (bytes(TOP, 0x3fff, 0), bytes(TOP + 1, 0x3fff, 0));
        let gap = differs(&one, &next, 0.0, 0.0).unwrap();
        assert_eq!(gap.abs, Some(2f64.powi(-63)));
        assert_eq!(differs(&one, &next, 2f64.powi(-63), 0.0), None);
        assert!(differs(&one, &next, 2f64.powi(-64), 0.0).is_some());
        // 2^16000 and its neighbor, 2^-16000 and its.
        for head in [16383 + 16000, 383] {
            let (a, b) = (bytes(TOP, head, 0), bytes(TOP + 1, head, 0));
            let gap = differs(&a, &b, 0.0, 0.0).unwrap();
            assert_eq!(gap.abs, Some(if head > 16383 { f64::INFINITY } else { 5e-324 }));
            assert!(differs(&a, &b, 0.0, 1e-18).is_none());
            assert_eq!(differs(&a, &b, 1e-300, 0.0).is_none(), head == 383);
        }
        let minus = bytes(TOP, 0xbfff, 0);
        assert_eq!(differs(&one, &minus, 0.0, 0.0).unwrap().abs, Some(2.0));
        assert_eq!(differs(&bytes(1, 0, 0), &bytes(0, 0, 0), 0.0, 0.0).unwrap().abs, Some(5e-324));
    }

    #[test]
    fn specials_and_the_other_order() {
        let (inf, nan) = (bytes(TOP, 0x7fff, 0), bytes(3 << 62, 0x7fff, 0));
        assert_eq!(differs(&inf, &inf, 0.0, 0.0), None);
        assert!(differs(&inf, &bytes(TOP, 0xffff, 0), 1.0, 1.0).is_some());
        assert!(differs(&inf, &bytes(TOP, 0x3fff, 0), 1e300, 1e300).is_some());
        assert!(differs(&nan, &nan, 0.0, 0.0).is_some());
        let equal_nan = DiffOptions { equal_nan: true, ..DiffOptions::default() };
        let other = bytes(7 << 61, 0xffff, 9);
        assert_eq!(PLAIN.differs((&nan, &other), PLAIN, &equal_nan, &mut Gap::default()), Some(false));
        let one = bytes(TOP, 0x3fff, 3);
        let swapped: Vec<u8> = one.iter().rev().copied().collect();
        let big = Stored { order: ByteOrder::Big, ..PLAIN };
        assert_eq!(PLAIN.differs((&one, &swapped), big, &equal_nan, &mut Gap::default()), Some(false));
        assert_eq!(PLAIN.differs((&one, &one[1..]), PLAIN, &equal_nan, &mut Gap::default()), None);
        let complex = Stored { parts: 2, ..PLAIN };
        let (a, b) = ([one.clone(), one.clone()].concat(), [one, inf].concat());
        let found = complex.differs((&a, &b), complex, &equal_nan, &mut Gap::default());
        assert_eq!(found, Some(true));
    }
}
