//! Extents of chunks where nobody gives them.

use hyperslab_core::Shape;

/// Chunks have at most so many bytes, unless one element has more.
const MOST: u64 = 1 << 20;
/// What an extent counts as that is not known yet.
const UNKNOWN: u64 = 1024;

/// The extents of the chunks of an array: its own, of which the longest (the first of several) is halved until a
/// chunk has at most 1 MiB.
///
/// So chunks are as much like the array as they can be, and no way of reading it is preferred; that of a large array
/// has more than 512 KiB. An extent without limit, which may be nothing yet, counts as 1024 at least.
pub(super) fn choose(shape: &Shape, max: &[Option<u64>], itemsize: u64) -> Shape {
    let extent = |(d, &n): (usize, &u64)| match max.get(d) {
        Some(None) => n.max(UNKNOWN),
        Some(&Some(most)) if n == 0 => most.clamp(1, UNKNOWN),
        _ => n.max(1),
    };
    let mut chunk: Vec<u64> = shape.iter().enumerate().map(extent).collect();
    let bytes = |chunk: &[u64]| chunk.iter().fold(itemsize.max(1), |n, &d| n.saturating_mul(d));
    while bytes(&chunk) > MOST {
        let Some(longest) = chunk.iter_mut().rev().max_by_key(|d| **d).filter(|d| **d > 1) else { break };
        *longest = longest.div_ceil(2);
    }
    chunk.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_have_a_sensible_size() {
        let choose =
            |shape: &[u64], max: &[Option<u64>], itemsize| choose(&Shape::new(shape), max, itemsize).to_vec();
        assert_eq!(choose(&[10, 20], &[], 8), [10, 20]);
        assert_eq!(choose(&[1000, 1000], &[], 8), [250, 500]);
        assert_eq!(choose(&[1 << 40], &[], 8), [1 << 17]);
        assert_eq!(choose(&[0], &[None], 8), [1024]);
        assert_eq!(choose(&[0, 3], &[Some(10), Some(3)], 4), [10, 3]);
        assert_eq!(choose(&[0, 3], &[], 4), [1, 3]);
        assert_eq!(choose(&[5, 5], &[], 1 << 24), [1, 1]);
        assert_eq!(choose(&[u64::MAX >> 1, 1, 1], &[], 1 << 62), [1, 1, 1]);
        for shape in [&[300, 400, 500][..], &[7, 1 << 30], &[1 << 20, 2, 2, 2, 2]] {
            let bytes = choose(shape, &[], 8).iter().product::<u64>() * 8;
            assert!((MOST / 2..=MOST).contains(&bytes), "{shape:?}: {bytes}");
        }
    }
}
