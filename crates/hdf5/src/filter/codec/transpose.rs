//! Transposed bytes and bits: the first bytes (or bits) of all elements, then the second ones, and so on.
//!
//! Turning them back is bound by memory where the compiler finds vector instructions for [`interleave`].

/// Bytes that are interleaved at a time.
const LANE: usize = 16;
type Lane = [u8; LANE];

/// Undoes the transposition of the bytes of elements of `size` bytes; what is left over at the end stays as it is.
/// Both slices are as long.
pub(in super::super) fn unshuffle(size: usize, src: &[u8], dst: &mut [u8]) {
    let count = src.len() / size.max(1);
    if size <= 1 || count <= 1 {
        return dst.copy_from_slice(src);
    }
    let (planes, rest) = src.split_at(count * size);
    let (whole, tail) = dst.split_at_mut(count * size);
    tail.copy_from_slice(rest);
    match size {
        2 => lanes::<2>(planes, whole, count),
        4 => lanes::<4>(planes, whole, count),
        8 => lanes::<8>(planes, whole, count),
        16 => lanes::<16>(planes, whole, count),
        _ => scatter(size, planes, whole, count, 0),
    }
}

/// Bytes as they come, by elements in groups that stay in the cache.
fn scatter(size: usize, planes: &[u8], out: &mut [u8], count: usize, from: usize) {
    const GROUP: usize = 64;
    let mut first = from;
    for group in out.get_mut(from * size..).unwrap_or_default().chunks_mut(GROUP * size) {
        for (k, plane) in planes.chunks_exact(count).enumerate() {
            let slots = group.get_mut(k..).unwrap_or_default().iter_mut().step_by(size);
            slots.zip(plane.get(first..).unwrap_or_default()).for_each(|(slot, &b)| *slot = b);
        }
        first += GROUP;
    }
}

/// As many elements as there are in whole lanes of each plane, the rest one by one.
fn lanes<const SIZE: usize>(planes: &[u8], out: &mut [u8], count: usize) {
    let mut rows: [&[Lane]; SIZE] = [&[]; SIZE];
    for (row, plane) in rows.iter_mut().zip(planes.chunks_exact(count)) {
        *row = plane.as_chunks::<LANE>().0;
    }
    let done = count / LANE;
    let (groups, _) = out.as_chunks_mut::<LANE>();
    for (i, group) in groups.chunks_exact_mut(SIZE).enumerate().take(done) {
        let mut lane = [[0; LANE]; SIZE];
        for (lane, row) in lane.iter_mut().zip(&rows) {
            *lane = row.get(i).copied().unwrap_or_default();
        }
        group.copy_from_slice(&weave(lane));
    }
    scatter(SIZE, planes, out, count, done * LANE);
}

/// The bytes of `SIZE` lanes, taken in turns. `SIZE` is a power of two.
#[inline(always)]
fn weave<const SIZE: usize>(mut lanes: [Lane; SIZE]) -> [Lane; SIZE] {
    // Each step pairs a lane with the one half the lanes away: as many steps as the size has bits.
    let mut step = 1;
    while step < SIZE {
        let mut next = [[0; LANE]; SIZE];
        for (i, pair) in next.as_chunks_mut::<2>().0.iter_mut().enumerate() {
            if let (Some(a), Some(b)) = (lanes.get(i), lanes.get(i + SIZE / 2)) {
                *pair = interleave(a, b);
            }
        }
        lanes = next;
        step *= 2;
    }
    lanes
}

/// The bytes of two lanes in turns.
#[inline(always)]
fn interleave(a: &Lane, b: &Lane) -> [Lane; 2] {
    let mut out = [[0; LANE]; 2];
    let (ah, bh) = (a.as_chunks::<8>().0, b.as_chunks::<8>().0);
    for ((out, a), b) in out.iter_mut().zip(ah).zip(bh) {
        for ((pair, a), b) in out.as_chunks_mut::<2>().0.iter_mut().zip(a).zip(b) {
            *pair = [*a, *b];
        }
    }
    out
}

/// Undoes the transposition of the bits of elements of `size` bytes: a row for each bit of an element, the lowest
/// bit of the first byte first. The number of elements must be a multiple of 8; all slices are as long.
pub(in super::super) fn unshuffle_bits(size: usize, src: &[u8], dst: &mut [u8], scratch: &mut Vec<u8>) {
    let row = src.len() / (8 * size.max(1));
    if row == 0 {
        return dst.copy_from_slice(src);
    }
    scratch.clear();
    scratch.resize(src.len(), 0);
    // Eight rows make a plane of bytes.
    let planes = scratch.chunks_exact_mut(8 * row);
    for (rows, plane) in src.chunks_exact(8 * row).zip(planes) {
        unshuffle(8, rows, plane);
        for eight in plane.as_chunks_mut::<8>().0 {
            *eight = transpose(u64::from_le_bytes(*eight)).to_le_bytes();
        }
    }
    unshuffle(size, scratch, dst);
}

/// Bit `i` of byte `k` becomes bit `k` of byte `i`.
#[inline(always)]
fn transpose(mut x: u64) -> u64 {
    let mut swap = |by: u32, mask: u64| {
        let t = (x ^ (x >> by)) & mask;
        x ^= t ^ (t << by);
    };
    swap(7, 0x00aa_00aa_00aa_00aa);
    swap(14, 0x0000_cccc_0000_cccc);
    swap(28, 0x0000_0000_f0f0_f0f0);
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(n: usize) -> Vec<u8> {
        (0..n).map(|i| (i * 31 + i / 7) as u8).collect()
    }

    #[test]
    fn bytes_come_back() {
        for size in [1, 2, 3, 4, 5, 7, 8, 12, 16, 17, 32, 100] {
            for n in [0, 1, size, 16 * size, 17 * size + 1, 100 * size + size / 2, 1000] {
                let plain = bytes(n);
                let count = n / size;
                let mut shuffled = plain.clone();
                for (e, element) in plain.chunks_exact(size).enumerate() {
                    element.iter().enumerate().for_each(|(k, b)| shuffled[k * count + e] = *b);
                }
                let mut out = vec![0; n];
                unshuffle(size, &shuffled, &mut out);
                assert_eq!(out, plain, "{n} bytes by {size}");
            }
        }
    }

    #[test]
    fn bits_come_back() {
        for size in [1, 2, 3, 4, 8, 16, 33] {
            for count in [8, 16, 24, 128, 1000] {
                let plain = bytes(count * size);
                let mut rows = vec![0u8; plain.len()];
                for e in 0..count {
                    for bit in 0..8 * size {
                        let set = (plain[e * size + bit / 8] >> (bit % 8)) & 1;
                        rows[bit * (count / 8) + e / 8] |= set << (e % 8);
                    }
                }
                let mut out = vec![0; plain.len()];
                unshuffle_bits(size, &rows, &mut out, &mut Vec::new());
                assert_eq!(out, plain, "{count} elements of {size}");
            }
        }
    }
}
