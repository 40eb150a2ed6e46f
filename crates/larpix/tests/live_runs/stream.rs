//! The messages of the runs: made and compared as fast as memory is copied, and no two alike.
//!
//! Message `i` is its number in 8 bytes, then 5 to 20 words of 16 bytes out of a pool of noise; its group is the
//! number's lowest byte. 208 bytes in the mean, as a detector's are.

/// Bytes in the pool.
const POOL: usize = 1 << 16;

pub(crate) struct Stream {
    pool: Vec<u8>,
}

impl Stream {
    pub(crate) fn new() -> Stream {
        let mut state = 1u64;
        let noise = std::iter::repeat_with(|| {
            state = (state * 1_103_515_245 + 12_345) % (1 << 31);
            (state >> 16) as u8
        });
        Stream { pool: noise.take(POOL).collect() }
    }

    fn words(&self, i: u64) -> &[u8] {
        let start = (i * 31 % 61_440) as usize;
        let len = (16 * (5 + i * 7 % 16)) as usize;
        &self.pool[start..start + len]
    }

    /// Message `i` into `out`, in the place of what it held; returns the group.
    pub(crate) fn make(&self, i: u64, out: &mut Vec<u8>) -> u8 {
        out.clear();
        out.extend_from_slice(&i.to_le_bytes());
        out.extend_from_slice(self.words(i));
        i as u8
    }

    /// Whether something is message `i`.
    pub(crate) fn is(&self, i: u64, group: u8, message: &[u8]) -> bool {
        group == i as u8
            && message
                .split_first_chunk::<8>()
                .is_some_and(|(n, rest)| u64::from_le_bytes(*n) == i && rest == self.words(i))
    }
}
