//! The extended precision of x86, printed: the fewest digits that tell a value from its neighbours, in exact integer
//! arithmetic.
//! Source: `str` of `numpy.longdouble`, NumPy 2.4, probed.

use super::float::push_scientific;
use hyperslab_core::ByteOrder;
use num_bigint::BigUint;
use num_traits::{ToPrimitive, Zero};

/// A long double: `mantissa * 2^power`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::text) struct Extended {
    negative: bool,
    /// The exponent field.
    exponent: u16,
    mantissa: u64,
}

/// The exponent field of infinities and NaNs.
const SPECIAL: u16 = 0x7fff;

impl Extended {
    pub(super) fn new(bytes: &[u8], order: ByteOrder) -> Extended {
        let all = u128::from_le_bytes(super::little(bytes, order));
        let head = (all >> 64) as u16;
        Extended { negative: head & 0x8000 != 0, exponent: head & SPECIAL, mantissa: all as u64 }
    }

    pub(super) fn is_finite(self) -> bool {
        self.exponent != SPECIAL
    }

    pub(super) fn is_nan(self) -> bool {
        // The leading bit of an infinity is set and nothing else.
        !self.is_finite() && self.mantissa << 1 != 0
    }

    pub(super) fn is_positive_zero(self) -> bool {
        self.is_finite() && self.mantissa == 0 && !self.negative
    }

    /// Whether it is written with a minus.
    pub(super) fn has_minus(self) -> bool {
        self.negative && !self.is_nan()
    }

    fn power(self) -> i32 {
        i32::from(self.exponent.max(1)) - 16383 - 63
    }

    /// The whole part, without its sign.
    pub(super) fn whole(self) -> BigUint {
        let places = self.power().unsigned_abs();
        let mantissa = BigUint::from(self.mantissa);
        if self.power() < 0 { mantissa >> places } else { mantissa << places }
    }

    /// The nearest double, half to even.
    pub(super) fn to_f64(self) -> f64 {
        let size = match (self.is_finite(), self.mantissa) {
            (false, _) if self.is_nan() => return f64::NAN,
            (false, _) => f64::INFINITY,
            (true, 0) => 0.0,
            (true, mantissa) => {
                let top = 63 - i64::from(mantissa.leading_zeros());
                let power = i64::from(self.power());
                // The place value of a double's last bit here.
                let last = (top + power - 52).max(-1074);
                let drop = (last - power).clamp(0, 127) as u32;
                let wide = u128::from(mantissa);
                let (mut kept, rest) = (wide >> drop, wide & ((1u128 << drop) - 1));
                let half = (1u128 << drop) >> 1;
                if drop > 0 && (rest > half || rest == half && kept & 1 == 1) {
                    kept += 1;
                }
                let shift = power + i64::from(drop);
                scale(kept as f64, shift)
            }
        };
        if self.negative { -size } else { size }
    }

    /// Appends the value, a whole number with `.0` if asked for.
    pub(super) fn push(self, out: &mut Vec<u8>, point: bool) {
        if self.is_nan() {
            return out.extend_from_slice(b"nan");
        }
        if self.negative {
            out.push(b'-');
        }
        if !self.is_finite() {
            return out.extend_from_slice(b"inf");
        }
        if self.mantissa == 0 {
            return out.extend_from_slice(if point { b"0.0" } else { b"0" });
        }
        let (digits, power) = self.shortest();
        // 1e-4 to 1e16 without an exponent. A value below 1e16 is not rounded up to it: it has 19 digits.
        if !(-4..16).contains(&power) {
            return push_scientific(&digits, power, out);
        }
        let Ok(power) = usize::try_from(power) else {
            out.extend_from_slice(b"0.");
            (1..power.unsigned_abs()).for_each(|_| out.push(b'0'));
            return out.extend_from_slice(&digits);
        };
        let (whole, fraction) = digits.split_at_checked(power + 1).unwrap_or((&digits, b""));
        out.extend_from_slice(whole);
        (whole.len()..power + 1).for_each(|_| out.push(b'0'));
        if !fraction.is_empty() {
            out.push(b'.');
            out.extend_from_slice(fraction);
        } else if point {
            out.extend_from_slice(b".0");
        }
    }

    /// The fewest digits that lie nearer to this value than to any other, and the power of ten of the first.
    ///
    /// The value is `value / unit`, its neighbours' midpoints `low / unit` below and `high / unit` above it; digits
    /// are taken until what is left lies within them.
    fn shortest(self) -> (Vec<u8>, i32) {
        let one = BigUint::from(1u8);
        let power = self.power();
        // Below the least mantissa the neighbour is only half as far.
        let narrow = self.mantissa == 1 << 63 && self.exponent > 1;
        let up = if narrow { 2u32 } else { 1 };
        let shift = |n: u64, by: i32| BigUint::from(n) << by.max(0).unsigned_abs();
        let mut value = shift(self.mantissa, power) << up;
        let mut unit = shift(1, -power) << up;
        let mut low = shift(1, power);
        let mut high = if narrow { &low << 1u8 } else { low.clone() };
        let bits = i64::from(64 - self.mantissa.leading_zeros()) + i64::from(power);
        // At most one too small: the logarithm of 2 is a little more than this.
        let mut ten = i32::try_from((bits - 1) * 30_102 / 100_000).unwrap_or(0) - i32::from(bits <= 0);
        let by = BigUint::from(10u8).pow(ten.unsigned_abs());
        if ten >= 0 {
            unit *= by;
        } else {
            value *= &by;
            low *= &by;
            high *= &by;
        }
        while value >= &unit * 10u8 {
            unit *= 10u8;
            ten += 1;
        }
        while value < unit {
            value *= 10u8;
            low *= 10u8;
            high *= 10u8;
            ten -= 1;
        }
        let mut digits = Vec::new();
        loop {
            let digit = (&value / &unit).to_u8().unwrap_or(9);
            value -= &unit * digit;
            let below = value < low;
            let above = &value + &high > unit;
            if below || above {
                let twice = &value << 1u8;
                let down = match (below, above) {
                    (true, false) => true,
                    (false, true) => false,
                    _ => twice < unit || twice == unit && digit & 1 == 0,
                };
                digits.push(b'0' + digit);
                if !down {
                    round_up(&mut digits, &mut ten);
                }
                break;
            }
            digits.push(b'0' + digit);
            if value.is_zero() {
                break;
            }
            value *= 10u8;
            low *= 10u8;
            high *= 10u8;
        }
        debug_assert!(unit >= one);
        let end = digits.iter().rposition(|d| *d != b'0').map_or(1, |at| at + 1);
        digits.truncate(end);
        (digits, ten)
    }
}

/// Adds one to the last digit.
fn round_up(digits: &mut Vec<u8>, ten: &mut i32) {
    while let Some(last) = digits.pop() {
        if last != b'9' {
            return digits.push(last + 1);
        }
    }
    digits.push(b'1');
    *ten += 1;
}

/// `v * 2^power`, exact where the result is a double.
fn scale(mut v: f64, mut power: i64) -> f64 {
    while power > 1000 {
        v *= 2f64.powi(1000);
        power -= 1000;
        if v.is_infinite() {
            return v;
        }
    }
    while power < -1000 {
        v *= 2f64.powi(-1000);
        power += 1000;
        if v == 0.0 {
            return v;
        }
    }
    v * 2f64.powi(i32::try_from(power).unwrap_or(0))
}
