//! The extended precision of x86, printed: the fewest digits that tell a value from its neighbours, in exact integer
//! arithmetic.
//! Source: `str` of `numpy.longdouble`, NumPy 2.4, probed.

use super::float::push_scientific;
use hyperslab_core::ByteOrder;
use num_bigint::BigUint;
use num_traits::ToPrimitive;
use std::cmp::Ordering;

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

    /// The fewest digits that are read as this value, and the power of ten of the first.
    ///
    /// What lies between the midpoints to the neighbors is read as it, and so is a midpoint where the mantissa is even.
    /// Value and midpoints are scaled to whole numbers of some 25 digits, more than tell any value from another; then
    /// the most of the last digits are dropped that leave a number between the midpoints.
    fn shortest(self) -> (Vec<u8>, i32) {
        let power = self.power() - 2;
        // Below the least mantissa the neighbor is only half as far.
        let narrow = self.mantissa == TOP && self.exponent > 1;
        let quarters = u128::from(self.mantissa) << 2;
        let bits = i64::from(64 - self.mantissa.leading_zeros()) + i64::from(self.power());
        // The power of ten of the first digit, perhaps less one, by the logarithm of 2.
        let ten = i32::try_from((bits - 1) * 30_103 / 100_000).unwrap_or(0) - 24;
        let scale = Scale::new(power, ten);
        let (value, exact) = scale.of(quarters);
        let (low, low_exact) = scale.of(quarters - if narrow { 1 } else { 2 });
        let (high, high_exact) = scale.of(quarters + 2);
        let even = self.mantissa & 1 == 0;
        let mut place = 10u128.pow(value.checked_ilog10().unwrap_or(0));
        loop {
            let rest = value % place;
            let (down, up) = (value - rest, value - rest + place);
            let below = down > low || down == low && low_exact && even;
            let above = up < high || up == high && (!high_exact || even);
            if below || above || place == 1 {
                // The nearer of both, in the middle the one whose last digit is even.
                let middle = if exact { Ordering::Equal } else { Ordering::Greater };
                let half = (2 * rest).cmp(&place).then(middle);
                let even_digit = (down / place) & 1 == 0;
                let nearer = half.is_lt() || half.is_eq() && even_digit;
                let digits = if below && (!above || nearer) { down } else { up };
                let first = digits.checked_ilog10().unwrap_or(0);
                let mut digits = digits.to_string().into_bytes();
                let end = digits.iter().rposition(|d| *d != b'0').map_or(1, |at| at + 1);
                digits.truncate(end);
                return (digits, ten + i32::try_from(first).unwrap_or(0));
            }
            place /= 10;
        }
    }
}

/// The leading bit, which is explicit.
const TOP: u64 = 1 << 63;

/// Multiplies by 2 to one power over 10 to another, rounding down.
struct Scale {
    /// The factor, or the divisor, without its powers of two.
    five: BigUint,
    divides: bool,
    shift: i32,
}

impl Scale {
    fn new(two: i32, ten: i32) -> Scale {
        Scale { five: BigUint::from(5u8).pow(ten.unsigned_abs()), divides: ten > 0, shift: two - ten }
    }

    /// The whole part, and whether that is all.
    fn of(&self, n: u128) -> (u128, bool) {
        let n = if self.divides { BigUint::from(n) } else { &self.five * n };
        let places = self.shift.unsigned_abs();
        let (n, mut exact) = match self.shift < 0 {
            true => (&n >> places, n.trailing_zeros().is_none_or(|zeros| zeros >= places.into())),
            false => (n << places, true),
        };
        let n = match self.divides {
            true => {
                let whole = &n / &self.five;
                exact &= &whole * &self.five == n;
                whole
            }
            false => n,
        };
        // Of 26 digits at most.
        (n.to_u128().unwrap_or(u128::MAX), exact)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(exponent: u16, mantissa: u64) -> String {
        let mut out = Vec::new();
        Extended { negative: false, exponent, mantissa }.push(&mut out, true);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn midpoints_belong_to_even_mantissas() {
        // Values are 4 apart, and 36893488147419103250 lies in the middle of the first two.
        assert_eq!(shown(16383 + 65, TOP + 4), "3.689348814741910325e+19");
        assert_eq!(shown(16383 + 65, TOP + 5), "3.6893488147419103252e+19");
    }

    #[test]
    fn least_and_greatest() {
        assert_eq!(shown(0, 1), "4e-4951");
        assert_eq!(shown(0, 3), "1e-4950");
        assert_eq!(shown(1, TOP), "3.3621031431120935063e-4932");
        assert_eq!(shown(0x7ffe, u64::MAX), "1.189731495357231765e+4932");
        assert_eq!(shown(0x7ffe, TOP), "5.9486574767861588254e+4931");
        // Not normal: no arithmetic makes it, a file may hold it.
        assert_eq!(shown(0x3fff + 63, 1), "1.0");
    }
}
