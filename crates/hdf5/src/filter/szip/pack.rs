//! The adaptive entropy encoder: every block in the way that takes the fewest bits.
//!
//! Source: as that of the decoder, `entropy`.

use super::entropy::{Coding, MAX_PAIR, REST_OF_SEGMENT, SEGMENT};
use crate::filter::codec::bits::Sink;

/// How a block is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Zeros,
    Pairs,
    /// So many of the lowest bits apart.
    Split(u32),
    Plain,
}

/// Encodes one line after the other.
pub(super) struct Encoder {
    bits: Sink,
    coding: Coding,
    option: u32,
}

impl Encoder {
    /// Behind what is there.
    pub(super) fn behind(out: Vec<u8>, coding: Coding) -> Encoder {
        Encoder { bits: Sink::behind(out), coding, option: coding.option_bits() }
    }

    /// Encodes a line, whose samples are no more than `coding.bits` bits long and fill whole blocks.
    pub(super) fn line(&mut self, samples: &mut [u32]) {
        let reference = samples.first().copied().filter(|_| self.coding.differences);
        if self.coding.differences {
            fold(samples, self.coding.bits);
        }
        let total = samples.len() / self.coding.block.max(1);
        let mut blocks = samples.chunks_exact(self.coding.block.max(1)).enumerate().peekable();
        while let Some((number, block)) = blocks.next() {
            let reference = reference.filter(|_| number == 0);
            // Where there is a reference, the first number is not coded.
            let numbers = block.get(usize::from(reference.is_some())..).unwrap_or_default();
            match self.choose(numbers, reference.is_some()) {
                Way::Zeros => {
                    let end = total.min((number / SEGMENT + 1) * SEGMENT);
                    let mut run = 1;
                    while number + run < end
                        && blocks.next_if(|(_, next)| next.iter().all(|&n| n == 0)).is_some()
                    {
                        run += 1;
                    }
                    self.bits.put(0, self.option + 1);
                    self.sample(reference);
                    self.bits.zeros(match run {
                        n if n >= REST_OF_SEGMENT && number + n == end => REST_OF_SEGMENT - 1,
                        n if n >= REST_OF_SEGMENT => n,
                        n => n - 1,
                    } as u32);
                }
                Way::Pairs => {
                    self.bits.put(1, self.option + 1);
                    self.sample(reference);
                    pairs(numbers, reference.is_some()).for_each(|n| self.bits.zeros(n.unwrap_or(0)));
                }
                Way::Split(low) => {
                    self.bits.put(u64::from(low) + 1, self.option);
                    self.sample(reference);
                    numbers.iter().for_each(|n| self.bits.zeros(n >> low));
                    numbers.iter().for_each(|&n| self.bits.put(n.into(), low));
                }
                Way::Plain => {
                    self.bits.put((1 << self.option) - 1, self.option);
                    self.sample(reference);
                    numbers.iter().for_each(|&n| self.bits.put(n.into(), self.coding.bits));
                }
            }
        }
    }

    fn sample(&mut self, reference: Option<u32>) {
        if let Some(sample) = reference {
            self.bits.put(sample.into(), self.coding.bits);
        }
    }

    /// The way that takes the fewest bits.
    fn choose(&self, numbers: &[u32], reference: bool) -> Way {
        if numbers.iter().all(|&n| n == 0) {
            return Way::Zeros;
        }
        let count = numbers.len() as u64;
        let mut best = (count * u64::from(self.coding.bits), Way::Plain);
        let mut offer = |cost, way| {
            if cost < best.0 {
                best = (cost, way);
            }
        };
        for low in 0..=(1u32 << self.option) - 3 {
            let high: u64 = numbers.iter().map(|n| u64::from(n.checked_shr(low).unwrap_or(0))).sum();
            offer(high + count * u64::from(low + 1), Way::Split(low));
        }
        // One bit more says that it is not zeros.
        let cost = pairs(numbers, reference).try_fold(1, |sum, n| Some(sum + u64::from(n?) + 1));
        if let Some(cost) = cost {
            offer(cost, Way::Pairs);
        }
        best.1
    }

    /// Whole bytes so far.
    pub(super) fn len(&self) -> usize {
        self.bits.len()
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.bits.finish()
    }
}

/// The numbers of pairs, of which the first one has a zero where a reference stands before it; `None` for those that
/// have none.
fn pairs(numbers: &[u32], reference: bool) -> impl Iterator<Item = Option<u32>> {
    let (alone, rest) = numbers.split_at(usize::from(reference).min(numbers.len()));
    let number = |first: u32, second: u32| {
        let sum = first.checked_add(second).filter(|&sum| sum <= MAX_PAIR)?;
        Some(sum * (sum + 1) / 2 + second).filter(|&n| n <= MAX_PAIR)
    };
    let alone = alone.iter().map(move |&n| number(0, n));
    // A block of an odd length ends in half a pair.
    alone.chain(rest.chunks(2).map(move |p| match p {
        [first, second] => number(*first, *second),
        _ => None,
    }))
}

/// Folded differences from samples: what the decoder's `restore` undoes. The first one stays.
fn fold(line: &mut [u32], bits: u32) {
    let greatest = u32::MAX >> (32 - bits);
    let Some(mut before) = line.first().copied() else { return };
    for sample in line.iter_mut().skip(1) {
        // Up to the nearer end of the range, distances of both signs take turns.
        let nearer = before.min(greatest - before);
        let distance = sample.abs_diff(before);
        let folded = match distance <= nearer {
            true if *sample >= before => 2 * distance,
            true => 2 * distance - 1,
            false => nearer + distance,
        };
        before = std::mem::replace(sample, folded);
    }
}

#[cfg(test)]
mod tests {
    use super::super::entropy::Decoder;
    use super::*;

    #[test]
    fn lines_come_back() {
        let mut seed = 7u64;
        let mut next = || {
            seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            (seed >> 30) as u32
        };
        for round in 0..3000 {
            let bits = 1 + next() % 32;
            let block = [1, 2, 3, 8, 10, 32, 64][next() as usize % 7];
            let coding = Coding { bits, block, differences: round % 2 == 0 };
            let greatest = u32::MAX >> (32 - bits);
            let wide = next() % (bits + 1);
            let (dense, base) = (next() % 100, next() & greatest);
            let samples: Vec<u32> = (0..block * (1 + next() as usize % 150))
                .map(|_| match next() % 100 < dense {
                    true => base.wrapping_add(next() & (greatest.checked_shr(wide).unwrap_or(0))) & greatest,
                    false => [0, base][round / 2 % 2],
                })
                .collect();
            let mut encoder = Encoder::behind(Vec::new(), coding);
            for _ in 0..2 {
                encoder.line(&mut samples.clone());
            }
            let stream = encoder.finish();
            assert!(stream.len() as u64 * 8 <= 2 * samples.len() as u64 * u64::from(bits + 5) + 8);
            let mut decoder = Decoder::new(&stream, coding);
            for _ in 0..2 {
                let mut out = Vec::new();
                decoder.line(samples.len() / block, samples.len(), &mut out).unwrap();
                assert_eq!(out, samples, "{bits} bits, blocks of {block}");
            }
        }
    }
}
