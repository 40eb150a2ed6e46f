//! The elements of a view as dense bytes in C order, in pieces, however they lie.
//!
//! Runs that lie densely are copied as a whole. Where the last dimension is not the one whose neighbours are nearest
//! (a transposed array), whole rows are filled together from both directions, a tile of columns at a time, so that
//! every fetched cache line is used up.

use super::View;
use crate::{Error, Result};
use smallvec::SmallVec;

/// Pieces have about this many bytes.
const PIECE: usize = 1 << 18;
/// Rows that are filled together have about this many bytes.
const ROWS: usize = 8 << 20;
/// Bytes that a tile has in one row.
const TILE: usize = 128;

impl View<'_> {
    /// Hands out the elements' bytes in C order, in pieces: all at once where they lie so.
    ///
    /// # Errors
    /// Only what `out` returns.
    pub fn pieces(&self, mut out: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        if let Some(bytes) = self.bytes() {
            return if bytes.is_empty() { Ok(()) } else { out(bytes) };
        }
        let item = usize::try_from(self.dtype.itemsize()).unwrap_or(0);
        if item == 0 {
            return Ok(());
        }
        let near = |d: usize| self.strides.get(d).map_or(u64::MAX, |s| s.unsigned_abs());
        let last = self.shape.len().saturating_sub(1);
        // Dimensions of one element have no neighbours.
        let nearest = (0..self.shape.len())
            .filter(|&d| self.shape.get(d).is_some_and(|&n| n > 1))
            .min_by_key(|&d| (near(d), last - d))
            .unwrap_or(last);
        let after: u64 = self.shape.iter().skip(nearest + 1).product();
        if after == 1 { self.by_runs(item, &mut out) } else { self.by_tiles(nearest, item, &mut out) }
    }

    /// Copies the longest runs that lie densely, element by element where there are none.
    fn by_runs(&self, item: usize, out: &mut impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut run = item;
        let mut outer = self.shape.len();
        for (d, (&n, &stride)) in self.shape.iter().zip(&self.strides).enumerate().rev() {
            if n != 1 && stride != run as i64 {
                break;
            }
            run = run.saturating_mul(usize::try_from(n).unwrap_or(usize::MAX));
            outer = d;
        }
        // Without a run, the last dimension is walked in a loop of its own.
        let (inner, step) = match (run == item, outer.checked_sub(1)) {
            (true, Some(d)) => {
                outer = d;
                (self.shape.get(d).copied().unwrap_or(1), self.strides.get(d).copied().unwrap_or(0))
            }
            _ => (1, 0),
        };
        let mut piece = Vec::with_capacity(PIECE.saturating_add(run));
        let mut walk = Walk::new(self, 0..outer);
        let mut at = Some(self.start as i64);
        while let Some(start) = at {
            for i in 0..inner {
                let from = (start + i as i64 * step) as usize;
                piece.extend_from_slice(self.data.get(from..from.saturating_add(run)).ok_or_else(outside)?);
                if piece.len() >= PIECE {
                    out(&piece)?;
                    piece.clear();
                }
            }
            at = walk.next(start);
        }
        if piece.is_empty() { Ok(()) } else { out(&piece) }
    }

    /// Fills runs of rows along the dimension `near` together.
    fn by_tiles(&self, near: usize, item: usize, out: &mut impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let columns: u64 = self.shape.iter().skip(near + 1).product();
        let columns = usize::try_from(columns).map_err(|_| outside())?;
        let row = columns.checked_mul(item).ok_or_else(outside)?;
        let rows = usize::try_from(self.shape.get(near).copied().unwrap_or(1)).map_err(|_| outside())?;
        let step = self.strides.get(near).copied().unwrap_or(0);
        let together = (ROWS / row).clamp(1, rows.max(1));
        let mut block = vec![0u8; together.checked_mul(row).ok_or_else(outside)?];
        let mut walk = Walk::new(self, 0..near);
        let mut at = Some(self.start as i64);
        while let Some(start) = at {
            for first in (0..rows).step_by(together) {
                let count = together.min(rows - first);
                let block = block.get_mut(..count * row).unwrap_or_default();
                self.fill(near, start + first as i64 * step, step, item, row, block)?;
                out(block)?;
            }
            at = walk.next(start);
        }
        Ok(())
    }

    /// Fills the rows of `block`: the columns are the dimensions after `near`.
    fn fill(
        &self,
        near: usize,
        start: i64,
        step: i64,
        item: usize,
        row: usize,
        block: &mut [u8],
    ) -> Result<()> {
        let mut walk = Walk::new(self, near + 1..self.shape.len());
        let width = (TILE / item).max(1);
        let mut bases: Vec<i64> = Vec::with_capacity(width);
        let mut at = Some(start);
        let mut column = 0;
        while at.is_some() {
            bases.clear();
            while let Some(base) = at.filter(|_| bases.len() < width) {
                bases.push(base);
                at = walk.next(base);
            }
            let end = column + bases.len() * item;
            for (i, line) in block.chunks_exact_mut(row).enumerate() {
                let tile = line.get_mut(column..end).ok_or_else(outside)?;
                let shift = i as i64 * step;
                match item {
                    1 => copy::<1>(&self.data, &bases, shift, tile),
                    2 => copy::<2>(&self.data, &bases, shift, tile),
                    4 => copy::<4>(&self.data, &bases, shift, tile),
                    8 => copy::<8>(&self.data, &bases, shift, tile),
                    16 => copy::<16>(&self.data, &bases, shift, tile),
                    _ => tile.chunks_exact_mut(item).zip(&bases).try_for_each(|(to, base)| {
                        let from = (base + shift) as usize;
                        to.copy_from_slice(self.data.get(from..from.saturating_add(item))?);
                        Some(())
                    }),
                }
                .ok_or_else(outside)?;
            }
            column = end;
        }
        Ok(())
    }
}

/// Copies one element of `N` bytes from each base.
fn copy<const N: usize>(data: &[u8], bases: &[i64], shift: i64, tile: &mut [u8]) -> Option<()> {
    let (elements, _) = tile.as_chunks_mut::<N>();
    for (to, base) in elements.iter_mut().zip(bases) {
        *to = *data.get((base + shift) as usize..)?.first_chunk()?;
    }
    Some(())
}

#[cold]
fn outside() -> Error {
    Error::invalid("element outside its view")
}

/// Steps through some dimensions in C order.
struct Walk {
    dims: SmallVec<[(u64, i64); 4]>,
    index: SmallVec<[u64; 4]>,
}

impl Walk {
    fn new(view: &View<'_>, dims: std::ops::Range<usize>) -> Walk {
        let all = view.shape.iter().copied().zip(view.strides.iter().copied());
        let dims: SmallVec<[(u64, i64); 4]> = all.skip(dims.start).take(dims.len()).collect();
        Walk { index: SmallVec::from_elem(0, dims.len()), dims }
    }

    /// The position after `at`; `None` after the last, where the walk is at its start again.
    fn next(&mut self, mut at: i64) -> Option<i64> {
        for (i, (n, stride)) in self.index.iter_mut().zip(&self.dims).rev() {
            *i += 1;
            at += stride;
            if *i < *n {
                return Some(at);
            }
            at -= stride * *n as i64;
            *i = 0;
        }
        None
    }
}
