//! Selections as they are stored: in the mappings of virtual datasets and in region references.
//!
//! Not here: which selection a caller asks for (core), and which element comes where in it (`read`).
//!
//! Source: HDF5 File Format Specification 3.0, section III.E.1 ("Reference Encoding"), and libhdf5 1.10 to 2.0 for
//! versions 2 and 3.

use super::message::dataspace::MAX_RANK;
use super::{Cursor, Put};
use hyperslab_core::{Error, Result};

/// A count or block without bound.
pub const UNLIMITED: u64 = u64::MAX;

/// One dimension of a regular hyperslab: `count` blocks of `block` positions, `stride` apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slab {
    /// First position.
    pub start: u64,
    /// From the start of a block to the start of the next.
    pub stride: u64,
    /// Number of blocks, or [`UNLIMITED`].
    pub count: u64,
    /// Positions of a block, or [`UNLIMITED`].
    pub block: u64,
}

/// A selection of an array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// Nothing.
    None,
    /// Everything.
    All,
    /// Elements one by one, in this order: their positions one after another.
    Points {
        /// Numbers of a position.
        rank: usize,
        /// All numbers.
        positions: Vec<u64>,
    },
    /// The same pattern along each dimension.
    Regular(Vec<Slab>),
    /// Boxes: first positions, then last positions, of each.
    Boxes {
        /// Numbers of a position.
        rank: usize,
        /// All numbers.
        corners: Vec<u64>,
    },
}

impl Stored {
    /// The rank, where it says one.
    pub fn rank(&self) -> Option<usize> {
        match self {
            Stored::None | Stored::All => None,
            Stored::Points { rank, .. } | Stored::Boxes { rank, .. } => Some(*rank),
            Stored::Regular(slabs) => Some(slabs.len()),
        }
    }

    /// The dimension without bound, where there is one.
    pub fn unlimited(&self) -> Option<usize> {
        match self {
            Stored::Regular(slabs) => slabs.iter().position(|s| s.count == UNLIMITED || s.block == UNLIMITED),
            _ => None,
        }
    }

    /// Parses a selection where the cursor stands.
    ///
    /// # Errors
    /// `Invalid`, `Unsupported` for unknown kinds and versions.
    pub fn parse(c: &mut Cursor<'_>) -> Result<Stored> {
        let here = c.clone();
        let (kind, version) = (c.u32()?, c.u32()?);
        match kind {
            0 | 3 => {
                c.skip(8)?;
                Ok(if kind == 0 { Stored::None } else { Stored::All })
            }
            1 => {
                let width = match version {
                    1 => {
                        c.skip(8)?;
                        4
                    }
                    2 => take_width(c)?,
                    n => return Err(here.unsupported(format!("point selection of version {n}"))),
                };
                let rank = take_rank(c)?;
                let points = c.uint(width)?;
                let positions = take_numbers(c, points, rank, width)?;
                Ok(Stored::Points { rank, positions })
            }
            2 => parse_hyperslab(c, version),
            n => Err(here.unsupported(format!("selection of kind {n}"))),
        }
    }

    /// Appends the selection in version 1, which every library reads: regular ones as their boxes.
    ///
    /// # Errors
    /// `Unsupported` for positions from 2 to the 32 on, selections without bound, and more than a million boxes.
    pub fn emit(&self, out: &mut Vec<u8>) -> Result<()> {
        let (kind, rank, each, numbers): (u32, usize, usize, Vec<u64>) = match self {
            Stored::None | Stored::All => {
                out.put_u32(if *self == Stored::None { 0 } else { 3 });
                out.put_u32(1);
                out.put_zeros(8);
                return Ok(());
            }
            Stored::Points { rank, positions } => (1, *rank, *rank, positions.clone()),
            Stored::Boxes { rank, corners } => (2, *rank, 2 * rank, corners.clone()),
            Stored::Regular(slabs) => (2, slabs.len(), 2 * slabs.len(), boxes(slabs)?),
        };
        if rank == 0 || rank > MAX_RANK.into() || numbers.len() % each != 0 {
            return Err(Error::usage(format!("{} numbers for positions of rank {rank}", numbers.len())));
        }
        let narrow = |n: u64| {
            let what = || Error::unsupported(format!("{n} in a stored selection, which ends at 32 bits"));
            u32::try_from(n).map_err(|_| what())
        };
        out.put_u32(kind);
        out.put_u32(1);
        out.put_zeros(4);
        out.put_u32(narrow(8 + 4 * numbers.len() as u64)?);
        out.put_u32(narrow(rank as u64)?);
        out.put_u32(narrow((numbers.len() / each) as u64)?);
        for n in numbers {
            out.put_u32(narrow(n)?);
        }
        Ok(())
    }
}

/// The boxes of a regular selection, in C order.
fn boxes(slabs: &[Slab]) -> Result<Vec<u64>> {
    const MOST: u64 = 1 << 20;
    let refused =
        |what: &str| Error::unsupported(format!("a selection {what} cannot be stored in a reference"));
    if slabs.iter().any(|s| s.count == UNLIMITED || s.block == UNLIMITED) {
        return Err(refused("without bound"));
    }
    let total = slabs.iter().try_fold(1u64, |n, s| n.checked_mul(s.count)).filter(|&n| n <= MOST);
    let total = total.ok_or_else(|| refused("of more than a million boxes"))?;
    let mut out = Vec::new();
    for number in 0..total {
        let (mut left, mut at) = (number, vec![0; slabs.len()]);
        for (slot, s) in at.iter_mut().zip(slabs).rev() {
            *slot = s.start.saturating_add((left % s.count.max(1)).saturating_mul(s.stride));
            left /= s.count.max(1);
        }
        let last = at.iter().zip(slabs).map(|(a, s)| a.saturating_add(s.block.saturating_sub(1)));
        let last: Vec<u64> = last.collect();
        out.extend(at.into_iter().chain(last));
    }
    Ok(out)
}

fn take_rank(c: &mut Cursor<'_>) -> Result<usize> {
    match c.u32()? {
        n if n > 0 && n <= MAX_RANK.into() => Ok(n as usize),
        n => Err(c.invalid(format!("rank {n} of a selection"))),
    }
}

fn take_width(c: &mut Cursor<'_>) -> Result<usize> {
    match c.u8()? {
        n @ (2 | 4 | 8) => Ok(n.into()),
        n => Err(c.invalid(format!("numbers of {n} bytes in a selection"))),
    }
}

/// `count` times `each` numbers. What is not there is not allocated for.
fn take_numbers(c: &mut Cursor<'_>, count: u64, each: usize, width: usize) -> Result<Vec<u64>> {
    let total = usize::try_from(count).ok().and_then(|n| n.checked_mul(each));
    let bytes = total.and_then(|n| n.checked_mul(width)).filter(|&n| n <= c.remaining());
    let (Some(total), Some(_)) = (total, bytes) else {
        return Err(c.invalid(format!("{count} items where {} bytes are left", c.remaining())));
    };
    (0..total).map(|_| c.uint(width)).collect()
}

fn parse_hyperslab(c: &mut Cursor<'_>, version: u32) -> Result<Stored> {
    let (flags, width) = match version {
        1 => {
            c.skip(8)?;
            (0, 4)
        }
        2 => {
            let flags = c.u8()?;
            c.skip(4)?;
            (flags, 8)
        }
        3 => (c.u8()?, take_width(c)?),
        n => return Err(c.unsupported(format!("hyperslab selection of version {n}"))),
    };
    if flags & !1 != 0 {
        return Err(c.unsupported(format!("flags {flags:#04x} of a hyperslab selection")));
    }
    let rank = take_rank(c)?;
    if flags & 1 == 0 {
        let boxes = c.uint(width)?;
        let corners = take_numbers(c, boxes, 2 * rank, width)?;
        for b in corners.chunks_exact(2 * rank) {
            let (first, last) = b.split_at(rank);
            if first.iter().zip(last).any(|(a, b)| a > b || *b == u64::MAX) {
                return Err(c.invalid("box of a selection that ends before it begins"));
            }
        }
        return Ok(Stored::Boxes { rank, corners });
    }
    let endless = if width >= 8 { u64::MAX } else { (1 << (8 * width)) - 1 };
    let mut slabs = Vec::with_capacity(rank);
    let mut unlimited = 0;
    for _ in 0..rank {
        let (start, stride) = (c.uint(width)?, c.uint(width)?);
        let (count, block) = (c.uint(width)?, c.uint(width)?);
        let wide = |n: u64| if n == endless { UNLIMITED } else { n };
        let slab = Slab { start, stride, count: wide(count), block: wide(block) };
        let (many, long) = (slab.count == UNLIMITED, slab.block == UNLIMITED);
        unlimited += u32::from(many || long);
        let ends = slab
            .count
            .checked_sub(1)
            .and_then(|n| n.checked_mul(stride))
            .and_then(|n| n.checked_add(slab.block)?.checked_add(start));
        let sane = match (many, long) {
            (true, true) => false,
            (true, false) => block > 0 && stride >= block,
            (false, true) => count == 1,
            // Nothing at all is a selection too.
            (false, false) => count == 0 || block == 0 || (ends.is_some() && (count == 1 || stride >= block)),
        };
        if !sane || (slab.stride == 0 && slab.count > 1) {
            return Err(c.invalid(format!("hyperslab {slab:?}")));
        }
        slabs.push(slab);
    }
    if unlimited > 1 {
        return Err(c.invalid("hyperslab without bound in more than one dimension"));
    }
    Ok(Stored::Regular(slabs))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: &[u8]) -> Result<Stored> {
        Stored::parse(&mut Cursor::new(bytes, "selection", 0))
    }

    #[test]
    fn what_is_emitted_is_parsed() {
        let slab = |start, stride, count, block| Slab { start, stride, count, block };
        for s in [
            Stored::None,
            Stored::All,
            Stored::Points { rank: 2, positions: vec![1, 2, 3, 4] },
            Stored::Boxes { rank: 1, corners: vec![0, 3, 5, 6] },
        ] {
            let mut out = Vec::new();
            s.emit(&mut out).unwrap();
            assert_eq!(parse(&out).unwrap(), s);
        }
        let mut out = Vec::new();
        Stored::Regular(vec![slab(1, 4, 2, 2), slab(0, 1, 1, 5)]).emit(&mut out).unwrap();
        let corners = vec![1, 0, 2, 4, 5, 0, 6, 4];
        assert_eq!(parse(&out).unwrap(), Stored::Boxes { rank: 2, corners });
        for bad in [
            Stored::Regular(vec![slab(0, 1, UNLIMITED, 1)]),
            Stored::Regular(vec![slab(0, 1, 1 << 30, 1)]),
            Stored::Points { rank: 1, positions: vec![1 << 32] },
            Stored::Points { rank: 0, positions: vec![] },
            Stored::Boxes { rank: 2, corners: vec![1, 2, 3] },
        ] {
            assert!(bad.emit(&mut Vec::new()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn all_and_none() {
        assert_eq!(parse(&[3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap(), Stored::All);
        assert_eq!(parse(&[0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap(), Stored::None);
        assert!(parse(&[3, 0, 0, 0, 1, 0, 0, 0, 0]).is_err());
    }

    #[test]
    fn points_and_boxes() {
        let mut b = vec![1, 0, 0, 0, 2, 0, 0, 0, 2, 2, 0, 0, 0, 2, 0];
        b.extend([1, 0, 2, 0, 3, 0, 4, 0]);
        assert_eq!(parse(&b).unwrap(), Stored::Points { rank: 2, positions: vec![1, 2, 3, 4] });
        for n in 0..b.len() {
            assert!(parse(&b[..n]).is_err());
        }
        let mut b = vec![2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0];
        b.extend([3, 0, 0, 0, 5, 0, 0, 0]);
        assert_eq!(parse(&b).unwrap(), Stored::Boxes { rank: 1, corners: vec![3, 5] });
        b[28] = 2;
        assert!(parse(&b).is_err());
    }

    #[test]
    fn slabs() {
        let mut b = vec![2, 0, 0, 0, 3, 0, 0, 0, 1, 2, 1, 0, 0, 0];
        b.extend([1, 0, 4, 0, 0xff, 0xff, 2, 0]);
        let got = parse(&b).unwrap();
        assert_eq!(got, Stored::Regular(vec![Slab { start: 1, stride: 4, count: UNLIMITED, block: 2 }]));
        assert_eq!(got.unlimited(), Some(0));
        // Blocks that overlap.
        b[20] = 5;
        assert!(parse(&b).is_err());
    }
}
