//! Damage to files, the same in every run.

use hyperslab_hdf5::testing::{reseal, reseal_mappings};
use std::ops::Range;

/// A generator of numbers that is the same everywhere (xorshift64*).
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

/// Damages a file; in half of all cases the checksums that it had are right all the same.
#[allow(dead_code, reason = "not every test damages files")]
pub(crate) fn damage(file: &mut Vec<u8>, sealed: &[Range<usize>], numbers: &mut Numbers) {
    for _ in 0..1 + numbers.below(4) {
        let at = numbers.below(file.len());
        match numbers.below(6) {
            0 => file[at] ^= 1 << numbers.below(8),
            1 => file[at] = 0xff,
            2 => file[at] = numbers.next() as u8,
            3 => {
                // A whole number: what lengths, counts and addresses are made of.
                let interesting =
                    [0, 1, u64::MAX, u64::MAX - 1, 1 << 31, 1 << 40, file.len() as u64, at as u64];
                let v = interesting[numbers.below(interesting.len())].to_le_bytes();
                let n = v.len().min(file.len() - at);
                file[at..at + n].copy_from_slice(&v[..n]);
            }
            4 => {
                let from = numbers.below(file.len());
                let n = numbers.below(64).min(file.len() - at).min(file.len() - from);
                file.copy_within(from..from + n, at);
            }
            _ if numbers.below(4) == 0 => file.truncate(at.max(1)),
            _ => file[at] = 0,
        }
    }
    if numbers.below(2) == 0 {
        reseal(file, sealed);
        reseal_mappings(file);
    }
}
