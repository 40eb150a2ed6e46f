//! Doubles as programs print them, `-0.12345678901234567`, read eight digits at a time.
//!
//! The digits are a whole number below 2^64, to be divided by a power of ten: multiplied by the 64 bits of its inverse
//! it has 64 bits that are at most two too small. Where the bits behind those of a double are so far from halfway
//! that this does not matter, the double is right. What is not so, one in some hundreds, and every other number is the
//! caller's to read otherwise.

/// Bytes that a number and what follows it may take to be read here.
pub(super) const ROOM: usize = 32;

/// The most digits after the point, and of all.
const MOST: usize = 19;

/// Bits of a double's significand, and of it those that are stored.
const BITS: u32 = f64::MANTISSA_DIGITS;
const STORED: u32 = BITS - 1;

/// Of each power of ten up to the largest, the 64 bits of its inverse, rounded down, and how many bits below one the
/// lowest of them stands: `10^-k` is `bits * 2^-shift`.
const INVERSES: [(u64, u32); MOST] = {
    let mut inverses = [(0, 0); MOST];
    let mut k = 1;
    while k < MOST {
        let ten = 10_u64.pow(k as u32);
        // 2^127 / ten has more than 64 bits: as many too many as its leading zeros are fewer than 64.
        let quotient = (1_u128 << 127) / ten as u128;
        let drop = 64 - quotient.leading_zeros();
        inverses[k] = ((quotient >> drop) as u64, 127 - drop);
        k += 1;
    }
    inverses
};

const TENS: [u64; 9] = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// The double at the beginning of `s` and its length, if it is one to seven digits, a point and 9 or more digits, no
/// more than 19 in all.
#[inline]
pub(super) fn read(s: &[u8; ROOM]) -> Option<(f64, usize)> {
    let negative = s[0] == b'-';
    let start = usize::from(negative);
    let whole = eight(s, start)?;
    let before = run(whole);
    let point = start + before;
    if !(1..8).contains(&before) || s.get(point) != Some(&b'.') {
        return None;
    }
    let (first, second, third) = (eight(s, point + 1)?, eight(s, point + 9)?, eight(s, point + 17)?);
    let n = run(second);
    // Lengths differ from number to number: no branch would be guessed right.
    let rest = run(third) * usize::from(n == 8);
    if run(first) != 8 || n == 0 {
        return None;
    }
    let places = 8 + n + rest;
    if before + places > MOST {
        return None;
    }
    let mut digits = value(whole << (64 - 8 * before)) * TENS[8] + value(first);
    digits = digits * TENS.get(n)? + value(second << (64 - 8 * n));
    // Two at most, since there are 17 before them.
    let last = (third << (56 - 8 * rest)) >> 40;
    digits = digits * TENS.get(rest)? + 10 * (last & 0xff) + (last >> 8 & 0xff);
    let size = divide(digits, places)?;
    let sign = u64::from(negative) << 63;
    Some((f64::from_bits(size.to_bits() | sign), point + 1 + places))
}

/// `n / 10^places`, rounded half to even, when it is easily said.
#[inline]
fn divide(n: u64, places: usize) -> Option<f64> {
    let &(inverse, shift) = INVERSES.get(places)?;
    if n == 0 {
        return None;
    }
    let left = n.leading_zeros();
    let product = u128::from(n << left) * u128::from(inverse);
    // Of 127 or 128 bits. What the inverse lacks is less than one in its lowest bit, which is less than one here.
    let high = (product >> 64) as u64;
    let more = high.leading_zeros();
    // The bits of a double, one to round by, and nine or ten more; the last two may be wrong.
    let spare = 64 - BITS - more;
    let behind = high & ((1 << spare) - 1);
    let half = 1_u64 << (spare - 1);
    if behind.abs_diff(half) <= 2 {
        return None;
    }
    let significand = (high >> spare) + u64::from(behind > half);
    // The value is significand * 2^(spare + 64 - shift - left). One that is rounded up to 2^53 carries.
    let exponent = u64::from(1075 + spare + 64 - shift - left);
    Some(f64::from_bits(((exponent - 1) << STORED) + significand))
}

/// Eight bytes from `at` on, those of digits from 0 to 9, the first in the lowest.
#[inline]
fn eight(s: &[u8; ROOM], at: usize) -> Option<u64> {
    let bytes = s.get(at..)?.first_chunk()?;
    Some(u64::from_le_bytes(*bytes) ^ 0x3030_3030_3030_3030)
}

/// How many of eight bytes are digits before the first that is none.
#[inline]
fn run(eight: u64) -> usize {
    let others =
        (eight | (eight & 0x7f7f_7f7f_7f7f_7f7f).wrapping_add(0x7676_7676_7676_7676)) & 0x8080_8080_8080_8080;
    (others.trailing_zeros() / 8) as usize
}

/// The number of eight digits.
#[inline]
fn value(eight: u64) -> u64 {
    let twos = (eight * 10 + (eight >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (twos * 100 + (twos >> 16)) & 0x0000_ffff_0000_ffff;
    (fours * 10_000 + (fours >> 32)) & 0xffff_ffff
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a text followed by anything.
    fn read_text(text: &str, after: &str) -> Option<(f64, usize)> {
        let mut s = [b'7'; ROOM];
        let all = format!("{text}{after}");
        s[..all.len()].copy_from_slice(all.as_bytes());
        read(&s)
    }

    fn noise(n: u64) -> impl Iterator<Item = u64> {
        (0..n).map(|i| {
            let mut x = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            x ^ (x >> 31)
        })
    }

    fn check(text: &str) -> bool {
        let Some((value, n)) = read_text(text, ",").filter(|_| !text.contains('e')) else { return false };
        assert_eq!(n, text.len(), "{text}");
        assert_eq!(value.to_bits(), text.parse::<f64>().unwrap().to_bits(), "{text}");
        true
    }

    #[test]
    fn digits_of_any_number_and_place() {
        let mut taken = 0;
        for x in noise(400_000) {
            let (places, digits) = (9 + (x % 10) as usize, x / 7 % 10_u64.pow(10 + (x >> 60) as u32 % 10));
            let text = format!("{digits:0>w$}", w = places + 1);
            let (whole, fraction) = text.split_at(text.len() - places);
            let sign = if x & 64 == 0 { "-" } else { "" };
            taken += u32::from(check(&format!("{sign}{whole}.{fraction}")));
        }
        assert!(taken > 250_000, "{taken}");
    }

    #[test]
    fn what_is_printed_is_read_back() {
        let mut taken = 0;
        for x in noise(400_000) {
            let v = f64::from_bits((1009 + (x >> 56) % 36) << 52 | (x & ((1 << 52) - 1)));
            taken += u32::from(check(&format!("{v:?}")));
        }
        assert!(taken > 300_000, "{taken}");
    }

    #[test]
    fn near_and_at_halfway() {
        // Between two neighbors in all digits: exact where 19 of them suffice, and one off.
        for x in noise(200_000) {
            let v = f64::from_bits((1009 + (x >> 56) % 36) << 52 | (x & ((1 << 52) - 1)));
            let half = f64::from_bits(v.to_bits() + 1) / 2.0 + v / 2.0;
            for places in 9..=18 {
                check(&format!("{v:.places$}"));
                check(&format!("{half:.places$}"));
            }
        }
        for n in 0..2000_u64 {
            // 2^53 and more in units of 2^-k, where every other is a tie.
            for k in 9..=18_u32 {
                let all = ((1_u64 << 53) + n).to_string();
                let text = format!("{all:0>w$}", w = k as usize + 1);
                let (whole, fraction) = text.split_at(text.len() - k as usize);
                check(&format!("{whole}.{fraction}"));
                check(&format!("{}.{:09}", 8_388_608 + n, 1_953_125 * (n % 512)));
            }
        }
    }

    #[test]
    fn others_are_left_alone() {
        for text in [
            "0.0",
            "1.5",
            "1",
            ".123456789",
            "0.12345678",
            "12345678.123456789",
            "+0.1234567890",
            "-.1234567890",
        ] {
            assert_eq!(read_text(text, ","), None, "{text}");
        }
        for text in ["0.000000000", "1.2345678901234567890", "nan", "1e5", "0.123456789x1", "1.1234567:90"] {
            if let Some((value, n)) = read_text(text, ",") {
                assert_eq!(Some((value, n)), text.get(..n).map(|t| (t.parse().unwrap(), 11)), "{text}");
            }
        }
        for after in "/:;,\n e\0\u{7f}\u{80}\u{b0}".chars() {
            assert_eq!(
                read_text("-1.234567890", &after.to_string()).unwrap(),
                (-1.23456789, 12),
                "{after:?}"
            );
        }
    }
}
