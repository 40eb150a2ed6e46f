//! The shortest digits of doubles of usual size, by whole numbers alone.
//!
//! A double `c * 2^-s` of usual size is `c * 5^j / 2^(s - j)` units of `10^-j`. With the `j` for which a unit is just
//! larger than the distance between neighboring doubles, at most one whole number of units reads back as the same
//! double; it is the shortest text where there is one. Else the nearest tenth of a unit is. The product has 98 bits
//! and the remainder 47, so everything here is exact and nothing needs a table of rounded powers. Other sizes are the
//! caller's to print.
//!
//! Digits are found for some numbers before the first is laid out, so that the processor does not wait for the length
//! of one to begin the next.

/// Bytes that [`put`] may touch; those behind the text are garbage.
pub(super) const ROOM: usize = 40;

/// The most that one text takes, and more than Python's longest: sign, 16 digits before the point and 20 after it.
pub(super) const LONGEST: usize = 26;

/// What is known of the doubles `c * 2^-s`.
#[derive(Clone, Copy)]
struct Size {
    /// Units of `10^-j` from one neighbor to the next, in 2^-64: `5^j` shifted. A double is that times `c`, exactly.
    unit: u64,
    /// `j`
    places: u8,
    /// How many of 16 digits come before the point.
    before: u8,
    /// How many zeros come between the point and 16 digits.
    gap: u8,
}

/// By `s`.
const SIZES: [Size; 67] = {
    let mut sizes = [Size { unit: 0, places: 0, before: 0, gap: 0 }; 67];
    let mut s = LEAST;
    while s < sizes.len() {
        // The largest `j` with `10^j < 2^s`.
        let j = (s * 1233) >> 12;
        let unit = 5_u64.pow(j as u32) << (64 + j - s);
        let (before, gap) = (16_usize.saturating_sub(j) as u8, j.saturating_sub(16) as u8);
        sizes[s] = Size { unit, places: j as u8, before, gap };
        s += 1;
    }
    sizes
};

/// The least `s` taken, of doubles below 2^49.
const LEAST: usize = 4;

/// Bits of a double's significand that are stored.
const STORED: u32 = f64::MANTISSA_DIGITS - 1;
const ZEROS: u64 = 0x3030_3030_3030_3030;

/// A number's shortest digits.
#[derive(Clone, Copy, Default)]
pub(super) struct Digits {
    /// The first eight of sixteen, from 0 to 9, the first in the lowest byte.
    high: u64,
    low: u64,
    /// Behind them.
    last: u8,
    negative: bool,
    /// How many of them all come behind the point.
    places: u8,
    /// How many of these are written.
    written: u8,
    before: u8,
    gap: u8,
}

/// The digits of a number; `None` when it is not one of those that this is for.
#[inline]
pub(super) fn find(v: f64) -> Option<Digits> {
    let bits = v.to_bits();
    let exponent = ((bits >> STORED) & 0x7ff) as usize;
    // v = c * 2^-s
    let s = 1075_usize.wrapping_sub(exponent);
    let Size { unit, places, before, gap } = *SIZES.get(s)?;
    if s < LEAST || v.abs() < 1e-4 {
        return None;
    }
    let c = bits & ((1 << STORED) - 1) | 1 << STORED;

    let product = u128::from(c) * u128::from(unit);
    let (below, part) = ((product >> 64) as u64, product as u64);
    // Halfway to a neighbor is never met, as `5^j` is odd. The nearer neighbor below a power of two does not matter:
    // `c` is then 2^52 and `part` 0.
    let half = unit / 2;
    let up = part > half.wrapping_neg();
    let whole = up | (part < half);
    let units = below + u64::from(up);
    // Half to even: a quarter is the only tie that adding a half takes to the odd digit.
    // The low bits of `part` are 0.
    let last = ((part >> 4) * 10 + (1 << 59) - u64::from(part == 1 << 62)) >> 60;

    let (high, low) = (units / 100_000_000, units % 100_000_000);
    let (high, low) = (digits(high), digits(low));
    let trailing = if low != 0 { low.leading_zeros() / 8 } else { 8 + high.leading_zeros() / 8 } as u8;
    let trimmed = places.saturating_sub(trailing).max(1);
    let written = if whole { trimmed } else { places + 1 };
    Some(Digits {
        high,
        low,
        last: last as u8 & 15,
        negative: v.is_sign_negative(),
        places,
        written,
        before,
        gap,
    })
}

impl Digits {
    /// Writes them at the beginning of `out`, the point where it belongs, and returns the length.
    #[inline]
    pub(super) fn put(&self, out: &mut [u8; ROOM]) -> usize {
        let (before, gap) = (usize::from(self.before), usize::from(self.gap));
        // `dd.ddd`, or `0.00ddd`.
        let leading = usize::from(self.high & 0xff == 0 && before > 1);
        let (high, low) = (self.high | ZEROS, self.low | ZEROS);
        let mut at = usize::from(self.negative);
        out[0] = b'-';
        let first = if before > 0 { high >> (8 * leading) } else { ZEROS };
        store(out, at, first);
        if before <= 8 {
            at += before.max(1) - leading;
            set(out, at, b'.');
            at += 1;
            store(out, at + gap, high >> (4 * before) >> (4 * before));
            store(out, at + gap + 8 - before, low);
        } else {
            store(out, at + 8 - leading, low);
            at += before - leading;
            set(out, at, b'.');
            at += 1;
            store(out, at, low >> (8 * (before - 8)));
        }
        set(out, at + usize::from(self.places), b'0' | self.last);
        at + usize::from(self.written)
    }
}

#[inline]
fn set(out: &mut [u8; ROOM], at: usize, byte: u8) {
    if let Some(place) = out.get_mut(at) {
        *place = byte;
    }
}

#[inline]
fn store(out: &mut [u8; ROOM], at: usize, bytes: u64) {
    if let Some(room) = out.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<8>()) {
        *room = bytes.to_le_bytes();
    }
}

/// Eight decimal digits as bytes from 0 to 9, the first in the lowest byte.
#[inline]
fn digits(n: u64) -> u64 {
    let fours = (n / 10_000) | ((n % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x7f_0000_007f;
    let twos = hundreds | (fours - 100 * hundreds) << 16;
    let tens = ((twos * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | (twos - 10 * tens) << 8
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against another implementation of the same, and how many of them were taken.
    fn check(values: impl Iterator<Item = f64>) -> usize {
        let mut taken = 0;
        for v in values {
            let mut out = [b'x'; ROOM];
            let Some(digits) = find(v) else { continue };
            let n = digits.put(&mut out);
            taken += 1;
            let text = std::str::from_utf8(&out[..n]).unwrap();
            assert_eq!(text, zmij::Buffer::new().format_finite(v), "{:#x}", v.to_bits());
            assert!(n <= LONGEST);
        }
        taken
    }

    /// As many different numbers as asked for, of all bits.
    fn noise(n: u64) -> impl Iterator<Item = u64> {
        (0..n).map(|i| {
            let mut x = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            x ^ (x >> 31)
        })
    }

    #[test]
    fn places_are_the_most_that_neighbors_allow() {
        for (s, size) in SIZES.iter().enumerate().skip(LEAST) {
            let j = u32::from(size.places);
            assert!(10_u128.pow(j) < 1 << s && 10_u128.pow(j + 1) > 1 << s, "{s}");
        }
    }

    #[test]
    fn all_sizes_as_others_print_them() {
        for exponent in 1009..=1071_u64 {
            let numbers = noise(4000).map(|x| f64::from_bits(x >> 63 << 63 | exponent << 52 | x >> 12));
            let taken = check(numbers.filter(|v| v.abs() >= 1e-4));
            assert!(exponent == 1009 || taken == 4000, "{exponent}");
        }
        check(noise(100_000).map(f64::from_bits));
    }

    #[test]
    fn short_and_exact_ones() {
        let decimals = (0..20_000_u32).flat_map(|n| (0..9).map(move |e| f64::from(n) / 10_f64.powi(e)));
        assert!(check(decimals.clone()) > 150_000);
        check(decimals.map(|v| v * 1e9));
        // Half to even, and few bits.
        check((0..60).flat_map(|k| (1..2000_u32).map(move |n| f64::from(n) / 2_f64.powi(k))));
        check((0..60).flat_map(|k| (1..2000_u32).map(move |n| (9e15 - f64::from(n)) / 2_f64.powi(k))));
        check((0..60).flat_map(|k| {
            (1..2000_u32).map(move |n| 2_f64.powi(48 - k) * (1.0 + f64::from(n) * f64::EPSILON))
        }));
        // Single precision.
        check(noise(200_000).map(|x| f64::from(f32::from_bits(x as u32))).filter(|v| v.is_finite()));
    }

    #[test]
    fn others_are_left_alone() {
        for v in [0.0, f64::NAN, f64::INFINITY, 1e-5, 9.9e-5, 1e15, 1e300, 5e-324] {
            assert!(find(v).is_none(), "{v}");
        }
    }
}
