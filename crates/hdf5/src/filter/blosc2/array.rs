//! Arrays with dimensions (`b2nd`): chunks of blocks, each block dense in itself.
//!
//! The metadata has the version, the rank, and the shapes of the array, its chunks and their blocks. Chunks stand in
//! row-major order, and in each of them its blocks, all of them whole: what reaches over an edge is filling.
//!
//! Source: the layer `b2nd` of C-Blosc2 2.x as documented there; measured on hdf5plugin 7.1.

use super::frame::Frame;
use hyperslab_core::{Error, Limits, Result};

/// As many dimensions as C-Blosc2 allows, and to spare.
const MAX_RANK: usize = 16;
/// How many times the array its chunks may be, with what fills them up.
const MAX_FILLING: u64 = 256;

/// An array by its shapes; those of chunks and blocks are not 0.
pub(super) struct Array {
    shape: Vec<u64>,
    chunk: Vec<u64>,
    block: Vec<u64>,
    item: u64,
}

impl Array {
    /// Parses the metadata of a frame.
    ///
    /// # Errors
    /// `Invalid`.
    pub(super) fn parse(content: &[u8], frame: &Frame<'_>) -> Result<Array> {
        let wrong = || Error::invalid("dimensions of a Blosc2 frame");
        // A binary of 4 bytes of length, an array of at least 5, the version, the rank.
        let [0xc6, _, _, _, _, fields, _version, rank, rest @ ..] = content else { return Err(wrong()) };
        let rank = usize::from(*rank);
        if !(0x95..=0x9f).contains(fields) || rank > MAX_RANK {
            return Err(wrong());
        }
        let mut rest = rest;
        let mut shape = |mark: u8, width: usize| -> Result<Vec<u64>> {
            let [count, after @ ..] = rest else { return Err(wrong()) };
            if usize::from(*count) != 0x90 + rank && !(rank > 15 && *count == 0xdc) {
                return Err(wrong());
            }
            let after = if rank > 15 { after.get(2..).ok_or_else(wrong)? } else { after };
            let (dims, after) = after.split_at_checked(rank * (1 + width)).ok_or_else(wrong)?;
            rest = after;
            let number = |d: &[u8]| match d {
                [first, digits @ ..] if *first == mark => {
                    Ok(digits.iter().fold(0u64, |v, &b| (v << 8) | u64::from(b)))
                }
                _ => Err(wrong()),
            };
            dims.chunks_exact(1 + width).map(number).collect()
        };
        let (shape, chunk, block) = (shape(0xd3, 8)?, shape(0xd2, 4)?, shape(0xd2, 4)?);
        if chunk.contains(&0) || block.contains(&0) || chunk.iter().zip(&block).any(|(c, b)| b > c) {
            return Err(wrong());
        }
        let array = Array { shape, chunk, block, item: frame.item };
        let len = product(&array.shape, array.item);
        let (Some(len), Some(padded)) = (len, array.padded().filter(|&n| n == frame.chunk)) else {
            return Err(Error::invalid(format!(
                "Blosc2 chunks of {:?} in blocks of {:?} in {} bytes",
                array.chunk, array.block, frame.chunk
            )));
        };
        let work = product(&array.grid(), padded).unwrap_or(u64::MAX);
        if work / MAX_FILLING > len.saturating_add(1 << 16) {
            return Err(Error::invalid(format!("Blosc2 chunks of {work} bytes for an array of {len}")));
        }
        Ok(array)
    }

    /// How many chunks there are in each dimension.
    fn grid(&self) -> Vec<u64> {
        self.shape.iter().zip(&self.chunk).map(|(s, c)| s.div_ceil(*c)).collect()
    }

    /// Bytes of the array.
    pub(super) fn len(&self) -> u64 {
        product(&self.shape, self.item).unwrap_or(u64::MAX)
    }

    /// Bytes of a chunk of whole blocks.
    fn padded(&self) -> Option<u64> {
        let dims: Option<Vec<u64>> =
            self.chunk.iter().zip(&self.block).map(|(c, b)| c.div_ceil(*b).checked_mul(*b)).collect();
        product(&dims?, self.item)
    }

    /// Fills `out` with the array.
    ///
    /// # Errors
    /// `Invalid`, `Unsupported`, `Limit`.
    pub(super) fn gather(&self, frame: &Frame<'_>, out: &mut [u8], limits: &Limits) -> Result<()> {
        if out.is_empty() {
            return Ok(());
        }
        let padded = self.padded().unwrap_or(u64::MAX);
        let (mut bytes, _held) = limits.vec(padded)?;
        bytes.resize(usize::try_from(padded).unwrap_or(usize::MAX), 0);
        let mut chunks = frame.chunks();
        let grid = self.grid();
        let inside: Vec<u64> = self.chunk.iter().zip(&self.block).map(|(c, b)| c.div_ceil(*b)).collect();
        let block =
            usize::try_from(product(&self.block, self.item).unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
        each(&grid, |at| {
            let offset = chunks.next().ok_or_else(|| Error::invalid("Blosc2 frame with too few chunks"))?;
            frame.decode(offset, &mut bytes, limits)?;
            let mut blocks = bytes.chunks_exact(block);
            each(&inside, |inner| match blocks.next() {
                Some(block) => self.put(at, inner, block, out),
                None => Err(Error::invalid("Blosc2 chunk with too few blocks")),
            })
        })
    }

    /// Copies the rows of one block that lie in the array.
    fn put(&self, chunk: &[u64], inner: &[u64], block: &[u8], out: &mut [u8]) -> Result<()> {
        // Where the block starts, and how much of it counts.
        let mut start = Vec::with_capacity(self.shape.len());
        let mut counts = Vec::with_capacity(self.shape.len());
        for (d, (&shape, (&c, &b))) in self.shape.iter().zip(self.chunk.iter().zip(&self.block)).enumerate() {
            let (i, j) = (chunk.get(d).copied().unwrap_or(0), inner.get(d).copied().unwrap_or(0));
            let (first, within) = (i.saturating_mul(c), j.saturating_mul(b));
            let end = first.saturating_add(c).min(shape).min(first.saturating_add(within).saturating_add(b));
            let at = first.saturating_add(within);
            start.push(at);
            counts.push(end.saturating_sub(at));
        }
        let Some((row, outer)) = counts.split_last() else {
            return copy(out, 0, block, 0, self.item);
        };
        let len = row.saturating_mul(self.item);
        if len == 0 {
            return Ok(());
        }
        each(outer, |at| {
            let (mut to, mut from) = (0u64, 0u64);
            for (d, &first) in start.iter().enumerate() {
                let i = at.get(d).copied().unwrap_or(0);
                let (shape, block) = (self.shape.get(d), self.block.get(d));
                to = to.saturating_mul(shape.copied().unwrap_or(1)).saturating_add(first.saturating_add(i));
                from = from.saturating_mul(block.copied().unwrap_or(1)).saturating_add(i);
            }
            copy(out, to.saturating_mul(self.item), block, from.saturating_mul(self.item), len)
        })
    }
}

fn copy(out: &mut [u8], to: u64, from: &[u8], at: u64, len: u64) -> Result<()> {
    let range = |start: u64| {
        let start = usize::try_from(start).ok()?;
        Some(start..start.checked_add(usize::try_from(len).ok()?)?)
    };
    match (range(to).and_then(|r| out.get_mut(r)), range(at).and_then(|r| from.get(r))) {
        (Some(out), Some(from)) => {
            out.copy_from_slice(from);
            Ok(())
        }
        _ => Err(Error::invalid("block of a Blosc2 chunk outside its array")),
    }
}

fn product(dims: &[u64], item: u64) -> Option<u64> {
    dims.iter().try_fold(item, |n, d| n.checked_mul(*d))
}

/// Calls `f` for every position of a grid, the last dimension fastest.
fn each(grid: &[u64], mut f: impl FnMut(&[u64]) -> Result<()>) -> Result<()> {
    if grid.contains(&0) {
        return Ok(());
    }
    let mut at = vec![0; grid.len()];
    loop {
        f(&at)?;
        let mut done = true;
        for (i, n) in at.iter_mut().zip(grid).rev() {
            *i += 1;
            if *i < *n {
                done = false;
                break;
            }
            *i = 0;
        }
        if done {
            return Ok(());
        }
    }
}
