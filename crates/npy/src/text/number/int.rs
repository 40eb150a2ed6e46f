//! Integers: an optional sign and decimal digits, as C's `fscanf` reads them. Where C and NumPy wrap or saturate
//! what does not fit the type, this refuses.

use super::{Bad, Scan, Why, ordered};
use hyperslab_core::ByteOrder;

/// Digits that fit a `u64` whatever they are.
const SAFE_DIGITS: usize = 19;

/// Integers of `N` bytes, 1 to 8.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Integer<const N: usize> {
    /// Greatest value.
    max: u64,
    /// Magnitude of the least.
    min: u64,
    order: ByteOrder,
}

impl<const N: usize> Integer<N> {
    pub(crate) fn new(signed: bool, order: ByteOrder) -> Integer<N> {
        let all = u64::MAX >> (64 - 8 * N.clamp(1, 8));
        match signed {
            true => Integer { max: all >> 1, min: (all >> 1) + 1, order },
            false => Integer { max: all, min: 0, order },
        }
    }
}

impl<const N: usize> Scan<N> for Integer<N> {
    const BLANK_END: bool = true;

    #[inline]
    fn scan(&self, s: &[u8]) -> Result<([u8; N], usize), Bad> {
        let negative = s.first() == Some(&b'-');
        let begin = usize::from(negative || s.first() == Some(&b'+'));
        let mut at = begin;
        let mut value = 0u64;
        while let Some(digit) = digit(s, at)
            && at < begin + SAFE_DIGITS
        {
            value = value.wrapping_mul(10).wrapping_add(digit);
            at += 1;
        }
        let mut fits = true;
        while let Some(digit) = digit(s, at) {
            match value.checked_mul(10).and_then(|v| v.checked_add(digit)) {
                Some(v) => value = v,
                None => fits = false,
            }
            at += 1;
        }
        if at == begin {
            return Err(Bad::not_a_number(at));
        }
        if !fits || value > if negative { self.min } else { self.max } {
            return Err(Bad { why: Why::OutOfRange, at: 0, reach: at });
        }
        let value = if negative { value.wrapping_neg() } else { value };
        // Two's complement: the low bytes of a value that fits are the value.
        let mut low = [0; N];
        low.iter_mut().zip(value.to_le_bytes()).for_each(|(to, from)| *to = from);
        Ok((ordered(low, self.order), at))
    }
}

#[inline]
fn digit(s: &[u8], at: usize) -> Option<u64> {
    s.get(at).map(|b| b.wrapping_sub(b'0')).filter(|d| *d < 10).map(u64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_end_where_the_type_does() {
        let scan = |s: &str| Integer::<1>::new(true, ByteOrder::Little).scan(s.as_bytes());
        assert_eq!(scan("127,").unwrap(), ([127], 3));
        assert_eq!(scan("-128").unwrap(), ([128], 4));
        assert_eq!(scan("+0000000000000000000000000000000000007x").unwrap(), ([7], 38));
        assert!([scan("128"), scan("-129")].iter().all(|r| r.unwrap_err().why == Why::OutOfRange));
        assert!([scan("-"), scan("x"), scan("+-1")].iter().all(|r| r.unwrap_err().why == Why::NotANumber));
        let wide = |signed, s: &str| Integer::<8>::new(signed, ByteOrder::Big).scan(s.as_bytes()).ok();
        assert_eq!(wide(true, "-9223372036854775808").unwrap().0, i64::MIN.to_be_bytes());
        assert_eq!(wide(false, "18446744073709551615").unwrap().0, [0xff; 8]);
        assert_eq!(wide(false, "-0").unwrap().0, [0; 8]);
        for (signed, s) in [
            (true, "9223372036854775808"),
            (true, "-9223372036854775809"),
            (false, "18446744073709551616"),
            (false, "184467440737095516150"),
            (false, "-1"),
        ] {
            assert_eq!(wide(signed, s), None, "{s}");
        }
    }
}
