//! A stream of bits, the highest bit of each byte first.

/// The bits that are left of some bytes; behind the last one come zeros.
#[derive(Clone)]
pub(in super::super) struct Bits<'a> {
    rest: &'a [u8],
    /// The next bits, from the highest down; those below `held` are zero.
    word: u64,
    held: u32,
}

impl<'a> Bits<'a> {
    pub(in super::super) fn new(bytes: &'a [u8]) -> Bits<'a> {
        Bits { rest: bytes, word: 0, held: 0 }
    }

    /// How many are left.
    pub(in super::super) fn left(&self) -> u64 {
        (self.rest.len() as u64).saturating_mul(8).saturating_add(self.held.into())
    }

    /// Holds at least 57 bits, as far as there are so many.
    #[inline(always)]
    fn fill(&mut self) {
        if let Some(next) = self.rest.first_chunk::<8>() {
            // Whole bytes that fit; the bits of the one that is cut off are put there again next time.
            self.word |= u64::from_be_bytes(*next) >> self.held;
            let bytes = (63 - self.held) >> 3;
            self.held += bytes * 8;
            self.word &= u64::MAX << (64 - self.held).min(63);
            self.rest = self.rest.get(bytes as usize..).unwrap_or_default();
            return;
        }
        while self.held <= 56 {
            let Some((&b, rest)) = self.rest.split_first() else { return };
            self.word |= u64::from(b) << (56 - self.held);
            self.held += 8;
            self.rest = rest;
        }
    }

    /// The next `n` bits as a number, the first the highest; at most 64.
    #[inline(always)]
    pub(in super::super) fn take(&mut self, n: u32) -> u64 {
        if n > 32 {
            let high = self.take_few(n - 32);
            return (high << 32) | self.take_few(32);
        }
        self.take_few(n)
    }

    #[inline(always)]
    fn take_few(&mut self, n: u32) -> u64 {
        if self.held < n {
            self.fill();
        }
        if n == 0 {
            return 0;
        }
        let value = self.word >> (64 - n);
        self.word <<= n;
        self.held = self.held.saturating_sub(n);
        value
    }

    /// Counts zeros up to the next one, which is taken too; `None` when there is no one.
    #[inline(always)]
    pub(in super::super) fn zeros(&mut self) -> Option<u32> {
        let mut zeros = 0u32;
        loop {
            if self.word != 0 {
                let n = self.word.leading_zeros();
                self.word = (self.word << n) << 1;
                self.held = self.held.saturating_sub(n + 1);
                return zeros.checked_add(n);
            }
            zeros = zeros.checked_add(self.held)?;
            self.held = 0;
            if self.rest.is_empty() {
                return None;
            }
            self.fill();
        }
    }
}

/// A stream of bits in the making.
#[derive(Default)]
pub(in super::super) struct Sink {
    out: Vec<u8>,
    /// The bits that do not fill a byte yet, the lowest `held` of the word.
    word: u64,
    held: u32,
}

impl Sink {
    /// Behind what is there.
    pub(in super::super) fn behind(out: Vec<u8>) -> Sink {
        Sink { out, word: 0, held: 0 }
    }

    /// Appends the lowest `n` bits of a number, the highest of them first; at most 64.
    #[inline(always)]
    pub(in super::super) fn put(&mut self, value: u64, n: u32) {
        if n > 32 {
            self.put_few(value >> 32, n - 32);
            return self.put_few(value, 32);
        }
        self.put_few(value, n);
    }

    #[inline(always)]
    fn put_few(&mut self, value: u64, n: u32) {
        self.word = (self.word << n) | (value & ((1 << n) - 1));
        self.held += n;
        while self.held >= 8 {
            self.held -= 8;
            self.out.push((self.word >> self.held) as u8);
        }
    }

    /// Appends so many zeros, and a one.
    pub(in super::super) fn zeros(&mut self, mut n: u32) {
        while n >= 32 {
            self.put_few(0, 32);
            n -= 32;
        }
        self.put_few(1, n + 1);
    }

    /// Whole bytes so far.
    pub(in super::super) fn len(&self) -> usize {
        self.out.len()
    }

    /// The bytes; the last one is filled up with zeros.
    pub(in super::super) fn finish(mut self) -> Vec<u8> {
        if self.held > 0 {
            self.put_few(0, 8 - self.held);
        }
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_widths_in_any_order() {
        let bytes: Vec<u8> = (0..200u32).map(|i| (i * 37 + 11) as u8).collect();
        let bit = |i: usize| u64::from(bytes.get(i / 8).map_or(0, |b| (b >> (7 - i % 8)) & 1));
        for step in 1..65u32 {
            let (mut bits, mut at) = (Bits::new(&bytes), 0);
            let mut n = step;
            while at < 1500 {
                let want = (at..at + n as usize).fold(0, |v, i| (v << 1) | bit(i));
                assert_eq!(bits.take(n), want, "{n} bits at {at}");
                at += n as usize;
                assert_eq!(bits.left(), 1600 - at as u64);
                n = (n + step) % 65;
            }
        }
    }

    #[test]
    fn runs_of_zeros() {
        let mut bytes = vec![0; 40];
        bytes.extend([0x10, 0x80]);
        let mut bits = Bits::new(&bytes);
        assert_eq!(bits.take(3), 0);
        assert_eq!(bits.zeros(), Some(320));
        assert_eq!(bits.take(4), 0);
        assert_eq!(bits.zeros(), Some(0));
        assert_eq!(bits.zeros(), None);
    }

    #[test]
    fn what_is_put_is_taken() {
        let mut sink = Sink::behind(vec![7]);
        let widths = (0..500u32).map(|i| i * 29 % 65);
        let value = |n: u32| 0x9e37_79b9_7f4a_7c15u64.wrapping_mul(u64::from(n) + 3);
        let low = |v: u64, n: u32| if n == 64 { v } else { v & ((1 << n) - 1) };
        for n in widths.clone() {
            sink.put(value(n), n);
            sink.zeros(n * 3);
        }
        let bytes = sink.finish();
        let mut bits = Bits::new(&bytes[1..]);
        for n in widths {
            assert_eq!(bits.take(n), low(value(n), n));
            assert_eq!(bits.zeros(), Some(n * 3));
        }
        assert!(bits.left() < 8 && bits.zeros().is_none());
    }
}
