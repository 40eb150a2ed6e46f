//! Transposed bytes and bits: the first bytes (or bits) of all elements, then the second ones, and so on.
//!
//! Squares of eight by eight are turned by swapping parts of words: bytes, pairs of them, halves.

use super::spare::Spare;

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
        2 => words(planes, whole, count, turn2),
        4 => words(planes, whole, count, turn4),
        8 => words(planes, whole, count, turn8),
        _ => scatter(size, planes, whole, count, 0),
    }
}

/// Transposes the bytes of elements of `size` bytes: what [`unshuffle`] undoes.
pub(in super::super) fn shuffle(size: usize, src: &[u8], dst: &mut [u8]) {
    let count = src.len() / size.max(1);
    if size <= 1 || count <= 1 {
        return dst.copy_from_slice(src);
    }
    let (whole, rest) = src.split_at(count * size);
    let (planes, tail) = dst.split_at_mut(count * size);
    tail.copy_from_slice(rest);
    match size {
        2 => planes_of(whole, planes, count, turn_back2),
        4 => planes_of(whole, planes, count, turn_back4),
        8 => planes_of(whole, planes, count, turn8),
        _ => collect(size, whole, planes, count, 0),
    }
}

/// The bytes of the elements from number `from` on, by elements in groups that stay in the cache.
fn collect(size: usize, elements: &[u8], planes: &mut [u8], count: usize, from: usize) {
    const GROUP: usize = 64;
    let mut first = from;
    for group in elements.get(from * size..).unwrap_or_default().chunks(GROUP * size) {
        for (k, plane) in planes.chunks_exact_mut(count).enumerate() {
            let bytes = group.get(k..).unwrap_or_default().iter().step_by(size);
            plane.get_mut(first..).unwrap_or_default().iter_mut().zip(bytes).for_each(|(to, &b)| *to = b);
        }
        first += GROUP;
    }
}

/// Eight elements at a time become words of each plane, what is left goes one by one.
#[inline(always)]
fn planes_of<const SIZE: usize>(
    elements: &[u8],
    planes: &mut [u8],
    count: usize,
    turn: impl Fn([u64; SIZE]) -> [u64; SIZE],
) {
    let done = count / 8;
    let mut rows: [&mut [[u8; 8]]; SIZE] = std::array::from_fn(|_| &mut [][..]);
    for (row, plane) in rows.iter_mut().zip(planes.chunks_exact_mut(count)) {
        *row = plane.as_chunks_mut().0;
    }
    let groups = elements.as_chunks::<8>().0.as_chunks::<SIZE>().0;
    for (i, group) in groups.iter().enumerate().take(done) {
        for (row, word) in rows.iter_mut().zip(turn(group.map(u64::from_le_bytes))) {
            if let Some(slot) = row.get_mut(i) {
                *slot = word.to_le_bytes();
            }
        }
    }
    collect(SIZE, elements, planes, count, done * 8);
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

/// Eight elements at a time as words of each plane, what is left one by one.
#[inline(always)]
fn words<const SIZE: usize>(
    planes: &[u8],
    out: &mut [u8],
    count: usize,
    turn: impl Fn([u64; SIZE]) -> [u64; SIZE],
) {
    let done = count / 8;
    let mut rows: [&[[u8; 8]]; SIZE] = [&[]; SIZE];
    for (row, plane) in rows.iter_mut().zip(planes.chunks_exact(count)) {
        *row = plane.as_chunks().0.get(..done).unwrap_or_default();
    }
    let groups = out.as_chunks_mut::<8>().0.as_chunks_mut::<SIZE>().0;
    for (i, group) in groups.iter_mut().enumerate().take(done) {
        let words = rows.map(|row| row.get(i).map_or(0, |w| u64::from_le_bytes(*w)));
        *group = turn(words).map(u64::to_le_bytes);
    }
    scatter(SIZE, planes, out, count, done * 8);
}

/// Swaps the upper part of each pair in `a` with the lower part in `b`; `mask` has the lower parts, `by` bits long.
#[inline(always)]
fn swap(a: u64, b: u64, by: u32, mask: u64) -> (u64, u64) {
    let t = ((a >> by) ^ b) & mask;
    (a ^ (t << by), b ^ t)
}

#[inline(always)]
fn swap_bytes(a: u64, b: u64) -> (u64, u64) {
    swap(a, b, 8, 0x00ff_00ff_00ff_00ff)
}

#[inline(always)]
fn swap_pairs(a: u64, b: u64) -> (u64, u64) {
    swap(a, b, 16, 0x0000_ffff_0000_ffff)
}

#[inline(always)]
fn swap_halves(a: u64, b: u64) -> (u64, u64) {
    swap(a, b, 32, 0xffff_ffff)
}

/// Eight elements of two bytes.
#[inline(always)]
fn turn2([a, b]: [u64; 2]) -> [u64; 2] {
    let (a, b) = swap_bytes(a, b);
    let (a, b) = swap_pairs(a, b);
    let (a, b) = swap_halves(a, b);
    [a, b]
}

/// What [`turn2`] undoes.
#[inline(always)]
fn turn_back2([a, b]: [u64; 2]) -> [u64; 2] {
    let (a, b) = swap_halves(a, b);
    let (a, b) = swap_pairs(a, b);
    let (a, b) = swap_bytes(a, b);
    [a, b]
}

/// What [`turn4`] undoes.
#[inline(always)]
fn turn_back4([a, c, b, d]: [u64; 4]) -> [u64; 4] {
    let ((a, b), (c, d)) = (swap_halves(a, b), swap_halves(c, d));
    let ((a, c), (b, d)) = (swap_pairs(a, c), swap_pairs(b, d));
    let ((a, b), (c, d)) = (swap_bytes(a, b), swap_bytes(c, d));
    [a, b, c, d]
}

/// Eight elements of four bytes.
#[inline(always)]
fn turn4([a, b, c, d]: [u64; 4]) -> [u64; 4] {
    let ((a, b), (c, d)) = (swap_bytes(a, b), swap_bytes(c, d));
    let ((a, c), (b, d)) = (swap_pairs(a, c), swap_pairs(b, d));
    // Elements 0 and 4, 1 and 5, 2 and 6, 3 and 7.
    let ((a, b), (c, d)) = (swap_halves(a, b), swap_halves(c, d));
    [a, c, b, d]
}

/// Eight elements of eight bytes.
#[inline(always)]
fn turn8([a, b, c, d, e, f, g, h]: [u64; 8]) -> [u64; 8] {
    let ((a, b), (c, d), (e, f), (g, h)) =
        (swap_bytes(a, b), swap_bytes(c, d), swap_bytes(e, f), swap_bytes(g, h));
    let ((a, c), (b, d), (e, g), (f, h)) =
        (swap_pairs(a, c), swap_pairs(b, d), swap_pairs(e, g), swap_pairs(f, h));
    let ((a, e), (b, f), (c, g), (d, h)) =
        (swap_halves(a, e), swap_halves(b, f), swap_halves(c, g), swap_halves(d, h));
    [a, b, c, d, e, f, g, h]
}

/// Undoes the transposition of the bits of elements of `size` bytes: a row for each bit of an element, the lowest
/// bit of the first byte first. The number of elements must be a multiple of 8; all slices are as long.
pub(in super::super) fn unshuffle_bits(size: usize, src: &[u8], dst: &mut [u8]) {
    let row = src.len() / (8 * size.max(1));
    if row == 0 {
        return dst.copy_from_slice(src);
    }
    let mut scratch = Spare::new(src.len());
    // Eight rows make a plane of bytes.
    let planes = scratch.chunks_exact_mut(8 * row);
    for (rows, plane) in src.chunks_exact(8 * row).zip(planes) {
        unshuffle(8, rows, plane);
        for eight in plane.as_chunks_mut::<8>().0 {
            *eight = transpose(u64::from_le_bytes(*eight)).to_le_bytes();
        }
    }
    unshuffle(size, &scratch, dst);
}

/// Transposes the bits of elements of `size` bytes: what [`unshuffle_bits`] undoes.
pub(in super::super) fn shuffle_bits(size: usize, src: &[u8], dst: &mut [u8]) {
    let row = src.len() / (8 * size.max(1));
    if row == 0 {
        return dst.copy_from_slice(src);
    }
    let mut scratch = Spare::new(src.len());
    shuffle(size, src, &mut scratch);
    for (plane, rows) in scratch.chunks_exact_mut(8 * row).zip(dst.chunks_exact_mut(8 * row)) {
        for eight in plane.as_chunks_mut::<8>().0 {
            *eight = transpose(u64::from_le_bytes(*eight)).to_le_bytes();
        }
        shuffle(8, plane, rows);
    }
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
                shuffle(size, &plain, &mut out);
                assert_eq!(out, shuffled, "{n} bytes by {size}");
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
                unshuffle_bits(size, &rows, &mut out);
                assert_eq!(out, plain, "{count} elements of {size}");
                shuffle_bits(size, &plain, &mut out);
                assert_eq!(out, rows, "{count} elements of {size}");
            }
        }
    }
}
