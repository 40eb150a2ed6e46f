//! The adaptive entropy decoder: samples in blocks, each coded in the way that suited it best.
//!
//! Every block starts with the number of its option: the samples as they are; numbers in unary with their lowest bits
//! apart (Rice's code); pairs of samples as one number in unary; or a run of blocks that are all zero. Where
//! differences are coded, a line starts with one sample as it is, and every other number is the distance from the
//! sample before, folded so that small distances of either sign are small numbers.
//!
//! Source: CCSDS 121.0-B (Lossless Data Compression), sections 3 to 5; measured on libaec 1.1.

use crate::filter::codec::bits::Bits;
use hyperslab_core::{Error, Result};

/// The length of a run of zero blocks that stands for the rest of the segment.
pub(super) const REST_OF_SEGMENT: usize = 5;
/// Blocks of a segment.
pub(super) const SEGMENT: usize = 64;
/// The greatest number that stands for a pair of samples.
pub(super) const MAX_PAIR: u32 = 90;

/// How samples are coded.
#[derive(Clone, Copy)]
pub(super) struct Coding {
    /// Bits of a sample, 1 to 32.
    pub(super) bits: u32,
    /// Samples of a block.
    pub(super) block: usize,
    /// Whether differences are coded.
    pub(super) differences: bool,
}

/// Decodes one line after the other.
pub(super) struct Decoder<'a> {
    bits: Bits<'a>,
    coding: Coding,
    /// Bits of an option's number.
    option: u32,
}

impl Coding {
    /// Bits of an option's number.
    pub(super) fn option_bits(self) -> u32 {
        match self.bits {
            17.. => 5,
            9.. => 4,
            _ => 3,
        }
    }
}

impl<'a> Decoder<'a> {
    pub(super) fn new(stream: &'a [u8], coding: Coding) -> Decoder<'a> {
        Decoder { bits: Bits::new(stream), coding, option: coding.option_bits() }
    }

    /// Appends a line of `blocks` blocks to `out`, which is empty. It need not be there further than `wanted` samples.
    ///
    /// # Errors
    /// `Invalid`.
    pub(super) fn line(&mut self, blocks: usize, wanted: usize, out: &mut Vec<u32>) -> Result<()> {
        let whole = blocks * self.coding.block;
        while out.len() < whole {
            if self.block(blocks, out).is_none() {
                if out.len() >= wanted {
                    break;
                }
                return Err(Error::invalid(format!(
                    "szip stream damaged or ended after {} samples of a line of {wanted}",
                    out.len()
                )));
            }
        }
        if self.coding.differences {
            restore(out, self.coding.bits);
        }
        Ok(())
    }

    /// A sample as it is.
    fn plain(&mut self) -> Option<u32> {
        let n = self.coding.bits;
        (self.bits.left() >= n.into()).then(|| self.bits.take(n) as u32)
    }

    /// Appends a block, or several that are zero; `None` where the stream ends or cannot be.
    fn block(&mut self, blocks: usize, out: &mut Vec<u32>) -> Option<()> {
        let end = out.len() + self.coding.block;
        let reference = self.coding.differences && out.is_empty();
        if self.bits.left() < self.option.into() {
            return None;
        }
        match self.bits.take(self.option) as u32 {
            0 => {
                let pairs = self.bits.left() > 0 && self.bits.take(1) == 1;
                let number = out.len() / self.coding.block;
                if reference {
                    out.push(self.plain()?);
                }
                if pairs {
                    return self.pairs(end, out);
                }
                let run = match self.bits.zeros()? as usize + 1 {
                    REST_OF_SEGMENT => (blocks - number).min(SEGMENT - number % SEGMENT),
                    n if n > REST_OF_SEGMENT => n - 1,
                    n => n,
                };
                if run > blocks - number {
                    return None;
                }
                out.resize((number + run) * self.coding.block, 0);
                Some(())
            }
            option if option == (1 << self.option) - 1 => {
                while out.len() < end {
                    out.push(self.plain()?);
                }
                Some(())
            }
            option => self.split(option - 1, reference, end, out),
        }
    }

    /// Numbers whose `low` lowest bits follow apart.
    fn split(&mut self, low: u32, reference: bool, end: usize, out: &mut Vec<u32>) -> Option<()> {
        if reference {
            out.push(self.plain()?);
        }
        let start = out.len();
        out.resize(end, 0);
        let numbers = out.get_mut(start..)?;
        // A copy stays in registers.
        let mut bits = self.bits.clone();
        let mut whole = true;
        for n in &mut *numbers {
            // Too great a number is damage, and comes out as another one.
            let high = bits.zeros();
            whole &= high.is_some();
            *n = high.unwrap_or(0).checked_shl(low).unwrap_or(0);
        }
        if !whole || bits.left() < u64::from(low) * numbers.len() as u64 {
            out.truncate(start);
            return None;
        }
        if low > 0 {
            numbers.iter_mut().for_each(|n| *n |= bits.take(low) as u32);
        }
        self.bits = bits;
        Some(())
    }

    /// Pairs of samples; the first one is alone where a reference stands before it.
    fn pairs(&mut self, end: usize, out: &mut Vec<u32>) -> Option<()> {
        while out.len() < end {
            let number = self.bits.zeros().filter(|n| *n <= MAX_PAIR)?;
            // The pairs are numbered by their sums, and those of a sum by the second sample.
            let (mut sum, mut first) = (0, 0);
            while first + sum < number {
                first += sum + 1;
                sum += 1;
            }
            let second = number - first;
            if (out.len() % self.coding.block).is_multiple_of(2) {
                out.push(sum - second);
            }
            out.push(second);
        }
        out.truncate(end);
        Some(())
    }
}

/// Samples from a sample and the folded differences that follow it.
fn restore(line: &mut [u32], bits: u32) {
    let Some((first, rest)) = line.split_first_mut() else { return };
    let greatest = u32::MAX >> (32 - bits);
    let half = greatest / 2 + 1;
    let mut sample = *first;
    for d in rest {
        // Up to the nearer end of the range, distances of both signs take turns; beyond it there is one sign left.
        let mask = if sample & half != 0 { greatest } else { 0 };
        let distance = (*d >> 1) + (*d & 1);
        sample = match distance <= mask ^ sample {
            true if *d & 1 == 0 => sample.wrapping_add(distance),
            true => sample.wrapping_sub(distance),
            false => mask ^ *d,
        };
        *d = sample;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(bits: &str, coding: Coding, blocks: usize) -> Result<Vec<u32>> {
        let digits: Vec<u8> = bits.bytes().filter(|b| *b != b' ').map(|b| b - b'0').collect();
        let bytes: Vec<u8> =
            digits.chunks(8).map(|c| c.iter().enumerate().fold(0, |v, (i, b)| v | (b << (7 - i)))).collect();
        let mut out = Vec::new();
        Decoder::new(&bytes, coding).line(blocks, blocks * coding.block, &mut out).map(|()| out)
    }

    #[test]
    fn every_option() {
        let coding = Coding { bits: 8, block: 4, differences: false };
        assert_eq!(line("111 00000001 00000010 00000011 11111111", coding, 1).unwrap(), [1, 2, 3, 255]);
        // Two low bits apart: 5, 2, 0, 11.
        assert_eq!(line("011 01 1 1 001 01 10 00 11", coding, 1).unwrap(), [5, 2, 0, 11]);
        // No low bits.
        assert_eq!(line("001 1 01 001 0001", coding, 1).unwrap(), [0, 1, 2, 3]);
        // Pairs: number 4 is (1, 1), number 5 is (0, 2).
        assert_eq!(line("000 1 00001 000001", coding, 1).unwrap(), [1, 1, 0, 2]);
        // Two blocks of zeros, then the rest of them.
        assert_eq!(
            line("000 0 01 111 00000001 00000010 00000011 11111111 000 0 00001", coding, 9).unwrap(),
            {
                let mut all = [0; 36];
                all[8..12].copy_from_slice(&[1, 2, 3, 255]);
                all
            }
        );
        assert!(line("000 0 001", coding, 2).is_err());
        assert!(line("111 00000001", coding, 1).is_err());
    }

    #[test]
    fn differences() {
        let coding = Coding { bits: 8, block: 4, differences: true };
        // 100 as it is, then 2 up, 1 down, and the same again.
        assert_eq!(line("001 01100100 00001 01 1", coding, 1).unwrap(), [100, 102, 101, 101]);
        let mut all = [250, 10, 11, 230];
        restore(&mut all, 8);
        assert_eq!(all, [250, 255, 244, 25]);
    }
}
