//! The metadata checksum: Bob Jenkins' lookup3 (`hashlittle`, initial value 0) over the bytes before it.
//!
//! Source: HDF5 File Format Specification 3.0, "Disk Format: Level 0"; the algorithm is in the public domain.
//! Filters have their own checksum, fletcher32, which lives with them.

use super::Put;
use hyperslab_core::{Error, Result};

const fn word(k: &[u8; 12], i: usize) -> u32 {
    u32::from_le_bytes([k[4 * i], k[4 * i + 1], k[4 * i + 2], k[4 * i + 3]])
}

/// The lookup3 hash of `bytes`.
#[inline]
pub fn lookup3(bytes: &[u8]) -> u32 {
    // The algorithm counts lengths modulo 2^32.
    let start = 0xdead_beef_u32.wrapping_add(bytes.len() as u32);
    let (mut a, mut b, mut c) = (start, start, start);
    let mut rest = bytes;
    // The last block, even a full one, goes through the final mix instead.
    while rest.len() > 12
        && let Some((k, tail)) = rest.split_first_chunk::<12>()
    {
        a = a.wrapping_add(word(k, 0));
        b = b.wrapping_add(word(k, 1));
        c = c.wrapping_add(word(k, 2));
        a = a.wrapping_sub(c) ^ c.rotate_left(4);
        c = c.wrapping_add(b);
        b = b.wrapping_sub(a) ^ a.rotate_left(6);
        a = a.wrapping_add(c);
        c = c.wrapping_sub(b) ^ b.rotate_left(8);
        b = b.wrapping_add(a);
        a = a.wrapping_sub(c) ^ c.rotate_left(16);
        c = c.wrapping_add(b);
        b = b.wrapping_sub(a) ^ a.rotate_left(19);
        a = a.wrapping_add(c);
        c = c.wrapping_sub(b) ^ b.rotate_left(4);
        b = b.wrapping_add(a);
        rest = tail;
    }
    if rest.is_empty() {
        return c;
    }
    let mut last = [0u8; 12];
    if let Some(dst) = last.get_mut(..rest.len()) {
        dst.copy_from_slice(rest);
    }
    a = a.wrapping_add(word(&last, 0));
    b = b.wrapping_add(word(&last, 1));
    c = c.wrapping_add(word(&last, 2));
    c = (c ^ b).wrapping_sub(b.rotate_left(14));
    a = (a ^ c).wrapping_sub(c.rotate_left(11));
    b = (b ^ a).wrapping_sub(a.rotate_left(25));
    c = (c ^ b).wrapping_sub(b.rotate_left(16));
    a = (a ^ c).wrapping_sub(c.rotate_left(4));
    b = (b ^ a).wrapping_sub(a.rotate_left(14));
    (c ^ b).wrapping_sub(b.rotate_left(24))
}

/// Appends the checksum of everything from `start` on.
pub fn seal(out: &mut Vec<u8>, start: usize) {
    let sum = lookup3(out.get(start..).unwrap_or_default());
    out.put_u32(sum);
}

/// Checks a structure whose last four bytes are its checksum and returns what comes before them.
///
/// # Errors
/// `Invalid` when they differ or there are fewer than four bytes; `base` is where the structure lies in the file.
#[inline]
pub fn verify<'a>(bytes: &'a [u8], what: &'static str, base: u64) -> Result<&'a [u8]> {
    let Some((body, stored)) = bytes.split_last_chunk::<4>() else {
        return Err(Error::invalid("too short to hold a checksum").reading(what).at(base));
    };
    compare(u32::from_le_bytes(*stored), lookup3(body), what, base).map(|()| body)
}

/// Compares a stored checksum with the computed one, for structures that keep it elsewhere than at their end.
///
/// # Errors
/// `Invalid` when they differ.
#[inline(always)]
pub fn compare(stored: u32, computed: u32, what: &'static str, base: u64) -> Result<()> {
    // A fuzzer guesses no checksum: it must get at what lies behind.
    if stored == computed || cfg!(fuzzing) { Ok(()) } else { Err(mismatch(stored, computed, what, base)) }
}

#[cold]
fn mismatch(stored: u32, computed: u32, what: &'static str, base: u64) -> Error {
    Error::invalid(format!("checksum {computed:08x} where {stored:08x} is stored")).reading(what).at(base)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The two vectors that come with the algorithm, and one per tail length from an independent implementation
    /// that was checked against libhdf5's files.
    #[test]
    fn known_hashes() {
        assert_eq!(lookup3(b""), 0xdead_beef);
        assert_eq!(lookup3(b"Four score and seven years ago"), 0x1777_0551);
        let sums = [
            0x8ba9_414b,
            0xdf0d_39c9,
            0x6b12_f277,
            0xe4cf_1d42,
            0x1d48_33cc,
            0x5229_ee9e,
            0x5895_11d8,
            0xd4cc_b93c,
            0xeca5_1474,
            0x610f_c1e3,
            0x2ca6_817a,
            0x5e4a_a593,
            0xbc9d_6816,
            0x9609_e9d3,
            0x63a6_e503,
            0x5e84_eafc,
            0x8c35_32cb,
            0xd732_003d,
            0x74ab_ad21,
            0x94b6_59b5,
            0x8709_c37b,
            0x3190_cf5d,
            0xa5ff_3c58,
            0x9c0a_dd53,
        ];
        let bytes: Vec<u8> = (0..24).collect();
        for (n, sum) in sums.iter().enumerate() {
            assert_eq!(lookup3(&bytes[..=n]), *sum, "{n}");
        }
    }

    #[test]
    fn a_sealed_structure_verifies() {
        for n in 0..40 {
            let mut v: Vec<u8> = (0..n).collect();
            seal(&mut v, 0);
            assert_eq!(verify(&v, "x", 0).unwrap().len(), usize::from(n));
            for i in 0..v.len() {
                v[i] ^= 1;
                assert!(verify(&v, "x", 0).is_err());
                v[i] ^= 1;
            }
        }
        assert!(verify(&[1, 2, 3], "x", 0).is_err());
    }
}
