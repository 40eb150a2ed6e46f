//! The extended precision of x86 (64 bits of mantissa, one of them explicit, in 16 bytes): `<f16`.
//!
//! Decimal text to the nearest value, half to even, in exact integer arithmetic: no hardware type of Rust's has this
//! precision. The same integers print it in `extended.rs`.

use super::float::{LONGEST, Literal, extent, literal};
use super::{Bad, Scan, ordered};
use hyperslab_core::ByteOrder;
use num_bigint::BigUint;
use num_traits::{ToPrimitive, Zero};

/// Long doubles.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LongDouble {
    pub(crate) order: ByteOrder,
}

impl Scan<16> for LongDouble {
    const BLANK_END: bool = false;

    fn scan(&self, s: &[u8]) -> Result<([u8; 16], usize), Bad> {
        let n = extent(s);
        let text = literal(s.get(..n).unwrap_or_default()).ok_or_else(|| Bad::not_a_number(n))?;
        let (negative, exponent, mantissa) = match text {
            Literal::Nan => (false, EXPONENT_MAX, 3 << 62),
            Literal::Infinity { negative } => (negative, EXPONENT_MAX, TOP),
            Literal::Decimal(text) => {
                let (exponent, mantissa) = nearest(text);
                (text.starts_with('-'), exponent, mantissa)
            }
        };
        let mut out = [0; 16];
        let head = u64::from(exponent | if negative { 0x8000 } else { 0 });
        let bytes = mantissa.to_le_bytes().into_iter().chain(head.to_le_bytes());
        out.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
        Ok((ordered(out, self.order), n))
    }
}

/// The exponent of infinities and NaNs.
const EXPONENT_MAX: u16 = 0x7fff;
/// The explicit leading bit.
const TOP: u64 = 1 << 63;
/// The least value is 2 to minus this.
const LEAST: i64 = 16445;
/// 2 to the exponent's bias less the mantissa's 63 places: a mantissa m with the biased exponent e is m * 2^(e - this).
const SCALE: i64 = 16383 + 63;
/// Decimal exponents beyond this are zero or infinity, however many digits there are.
const FAR: i64 = 5100 + LONGEST as i64;

/// Biased exponent and mantissa of the nearest value, without its sign.
fn nearest(text: &str) -> (u16, u64) {
    let (digits, exponent) = decimal(text);
    let Some(digits) = BigUint::parse_bytes(digits.as_bytes(), 10).filter(|d| !d.is_zero()) else {
        return (0, 0);
    };
    if exponent > FAR {
        return (EXPONENT_MAX, TOP);
    }
    if exponent < -FAR {
        return (0, 0);
    }
    let power = BigUint::from(10u8).pow(u32::try_from(exponent.unsigned_abs()).unwrap_or(0));
    let (num, den) = if exponent < 0 { (digits, power) } else { (digits * power, BigUint::from(1u8)) };
    let bits = |n: &BigUint| i64::try_from(n.bits()).unwrap_or(i64::MAX);
    // The quotient of num * 2^shift and den has 64 or 65 bits, or fewer at the least values.
    let mut shift = (64 - bits(&num) + bits(&den)).min(LEAST);
    let mut mantissa = divide(&num, &den, shift);
    if mantissa.0 >> 64 != 0 {
        shift -= 1;
        mantissa = divide(&num, &den, shift);
    }
    let (mut value, rest) = mantissa;
    let odd = value & 1 == 1;
    if rest.is_gt() || rest.is_eq() && odd {
        value += 1;
    }
    if value >> 64 != 0 {
        value >>= 1;
        shift -= 1;
    }
    let value = u64::try_from(value).unwrap_or(u64::MAX);
    match u16::try_from(SCALE - shift) {
        _ if value < TOP => (0, value),
        Ok(exponent) if exponent < EXPONENT_MAX => (exponent, value),
        _ => (EXPONENT_MAX, TOP),
    }
}

/// The whole part of num * 2^shift / den, below 2^66, and how what is left compares with a half.
fn divide(num: &BigUint, den: &BigUint, shift: i64) -> (u128, std::cmp::Ordering) {
    let places = usize::try_from(shift.unsigned_abs()).unwrap_or(0);
    let (num, den) = if shift < 0 { (num.clone(), den << places) } else { (num << places, den.clone()) };
    let whole = &num / &den;
    let rest = (num - &whole * &den) << 1u8;
    (whole.to_u128().unwrap_or(u128::MAX), rest.cmp(&den))
}

/// The digits of a decimal number without point, and the power of ten that they are multiplied by.
fn decimal(text: &str) -> (String, i64) {
    let text = text.trim_start_matches(['+', '-']);
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    // An exponent with more digits than an i64 holds is as far as one can be.
    let far = if exponent.starts_with('-') { -2 * FAR } else { 2 * FAR };
    let exponent = exponent.parse::<i64>().unwrap_or(far).clamp(-4 * FAR, 4 * FAR);
    (format!("{whole}{fraction}"), exponent - i64::try_from(fraction.len()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_values() {
        for (text, exponent, mantissa) in [
            ("1", 0x3fff, TOP),
            ("0.1", 0x3ffb, 0xcccc_cccc_cccc_cccd),
            ("1e-4950", 0, 3),
            ("3.6e-4951", 0, 1),
            ("1.8e-4951", 0, 0),
            ("1.9e-4951", 0, 1),
            ("3.3621031431120935063e-4932", 1, TOP),
            ("1.18973149535723176502e4932", 0x7ffe, u64::MAX),
            ("1.1897314953572317651e4932", 0x7fff, TOP),
            ("18446744073709551616", 0x403f, TOP),
            ("18446744073709551615", 0x403e, u64::MAX),
            ("18446744073709551617", 0x403f, TOP),
            ("18446744073709551619", 0x403f, TOP + 2),
            ("1e99999999999999999999", 0x7fff, TOP),
            ("1e-99999999999999999999", 0, 0),
            ("0e99999999999999999999", 0, 0),
            ("00.000e5", 0, 0),
        ] {
            assert_eq!(nearest(text), (exponent, mantissa), "{text}");
        }
    }
}
