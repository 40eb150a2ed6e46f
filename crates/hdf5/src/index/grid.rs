//! Chunks as positions in a grid, and their numbers in the indexes that count them.
//!
//! Numbers follow the *greatest* extents of the dataset, not the current ones, so that a chunk keeps its number when
//! the dataset grows.

use super::extensible_array::chunk_number;
use crate::format::message::dataspace::UNLIMITED;
use hyperslab_core::{Error, Limits, Result, Shape};
use smallvec::SmallVec;

/// The grid of a dataset's chunks.
#[derive(Clone, Debug)]
pub struct Grid {
    /// Extents of a chunk, in elements.
    pub chunk: Shape,
    /// Chunks along each dimension by its greatest extent; 0 where unlimited.
    max: SmallVec<[u64; 4]>,
    unlimited: Option<usize>,
}

impl Grid {
    /// The grid of a dataset of these extents, greatest extents and chunk extents.
    ///
    /// # Errors
    /// `Invalid` when the ranks differ.
    pub fn new(dims: &Shape, max: Option<&Shape>, chunk: &Shape) -> Result<Grid> {
        let greatest = max.unwrap_or(dims);
        if greatest.len() != chunk.len() || chunk.contains(&0) {
            return Err(Error::invalid(format!("chunks of shape {chunk} for an array of shape {dims}")));
        }
        let unlimited = greatest.iter().position(|&m| m == UNLIMITED);
        let count = |(&m, &c): (&u64, &u64)| if m == UNLIMITED { 0 } else { m.div_ceil(c) };
        Ok(Grid {
            chunk: chunk.clone(),
            max: greatest.iter().zip(chunk.iter()).map(count).collect(),
            unlimited,
        })
    }

    /// The position of the first chunk.
    pub fn origin(&self) -> SmallVec<[u64; 4]> {
        SmallVec::from_elem(0, self.chunk.len())
    }

    /// How many chunks there can be; `None` without a limit.
    pub fn total(&self) -> Option<u64> {
        match self.unlimited {
            None => self.max.iter().try_fold(1u64, |n, &m| n.checked_mul(m)),
            Some(_) => None,
        }
    }

    /// The number of a chunk in C order.
    ///
    /// # Errors
    /// `Invalid` when it overflows or the dataset has an unlimited dimension, which this order cannot number.
    pub fn number(&self, at: &[u64]) -> Result<u64> {
        if self.unlimited.is_some_and(|d| d != 0) {
            return Err(Error::invalid("this chunk index cannot number chunks along an unlimited dimension"));
        }
        self.max
            .iter()
            .zip(at)
            .try_fold(0u64, |n, (&m, &i)| n.checked_mul(m)?.checked_add(i))
            .ok_or_else(|| overflow(at))
    }

    /// The number of a chunk in an extensible array: the unlimited dimension moves slowest.
    ///
    /// # Errors
    /// `Invalid` when it overflows or no dimension is unlimited.
    pub fn growing_number(&self, at: &[u64]) -> Result<u64> {
        let unlimited = self
            .unlimited
            .ok_or_else(|| Error::invalid("an extensible array for a dataset that cannot grow"))?;
        chunk_number(&self.max, unlimited, at).ok_or_else(|| overflow(at))
    }
}

#[cold]
fn overflow(at: &[u64]) -> Error {
    Error::invalid(format!("number of chunk {} overflows", Shape::new(at)))
}

/// A box of chunk positions, `low..high` along each dimension.
#[derive(Clone, Debug)]
pub struct Region {
    /// First position.
    pub low: SmallVec<[u64; 4]>,
    /// One past the last.
    pub high: SmallVec<[u64; 4]>,
}

impl Region {
    /// Whether a position lies inside.
    pub fn contains(&self, at: &[u64]) -> bool {
        at.len() == self.low.len()
            && at.iter().zip(self.low.iter().zip(&self.high)).all(|(p, (l, h))| l <= p && p < h)
    }

    /// Calls `f` for every position, in C order.
    ///
    /// # Errors
    /// `Limit` when there are more than the limits allow objects, and what `f` returns.
    pub fn each(&self, limits: &Limits, f: &mut dyn FnMut(&[u64]) -> Result<()>) -> Result<()> {
        let counts = || self.low.iter().zip(&self.high).map(|(l, h)| h.saturating_sub(*l));
        let total = counts().try_fold(1u64, u64::checked_mul).unwrap_or(u64::MAX);
        limits.count_objects(total)?;
        let mut at = self.low.clone();
        for _ in 0..total {
            f(&at)?;
            for (p, (l, h)) in at.iter_mut().zip(self.low.iter().zip(&self.high)).rev() {
                *p += 1;
                if *p < *h {
                    break;
                }
                *p = *l;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_the_greatest_extents() {
        let g = Grid::new(&[10, 10].into(), Some(&[10, 40].into()), &[5, 10].into()).unwrap();
        assert_eq!(g.number(&[1, 0]).unwrap(), 4);
        let g = Grid::new(&[3, 10].into(), Some(&[6, UNLIMITED].into()), &[3, 5].into()).unwrap();
        assert_eq!(g.growing_number(&[1, 4]).unwrap(), 9);
        assert!(g.number(&[0, 0]).is_err());
        assert!(Grid::new(&[3].into(), None, &[3, 5].into()).is_err());
    }

    #[test]
    fn regions_in_c_order() {
        let r = Region { low: [1, 2].into_iter().collect(), high: [3, 4].into_iter().collect() };
        let mut seen = Vec::new();
        r.each(&Limits::default(), &mut |at| {
            seen.push(at.to_vec());
            Ok(())
        })
        .unwrap();
        assert_eq!(seen, [[1, 2], [1, 3], [2, 2], [2, 3]]);
        assert!(r.contains(&[2, 3]) && !r.contains(&[3, 3]));
        let vast = Region { low: [0].into_iter().collect(), high: [u64::MAX].into_iter().collect() };
        assert!(vast.each(&Limits::default(), &mut |_| Ok(())).is_err());
    }
}
