//! Checksums of records and hashes of keys: XXH3, 64 bits, seeded.
//!
//! Facts: XXH3 as its specification has it (`XXH3_64bits_withSeed`).

use twox_hash::XxHash3_64;

/// The checksum of bytes that lie where `seed` says: the low half of the hash.
pub(super) fn checksum(bytes: &[u8], seed: u64) -> u32 {
    (XxHash3_64::oneshot_with_seed(seed, bytes) & u64::from(u32::MAX)) as u32
}

/// The hash of a key: which block of the table it belongs in, and which of the slots there may be its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyHash(u64);

impl KeyHash {
    pub(super) fn of(key: &str, salt: u64) -> KeyHash {
        KeyHash(XxHash3_64::oneshot_with_seed(salt, key.as_bytes()))
    }

    /// The first block to look in, of `blocks`: the hash as a fraction of 2^64.
    pub(super) fn block(self, blocks: u64) -> u64 {
        ((u128::from(self.0) * u128::from(blocks)) >> 64) as u64
    }

    /// What a slot says of its key.
    pub(super) fn tag(self) -> u32 {
        (self.0 & u64::from(u32::MAX)) as u32
    }
}

/// A number that nobody can foresee.
pub(super) fn salt() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    hasher.finish()
}
