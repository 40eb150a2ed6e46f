//! Walking a version 2 B-tree, and the chunks in one: the index of datasets that are unlimited in several
//! dimensions.
//!
//! Not the bytes of a node (`format`). Only nodes that can hold what is asked for are read; a node that is reached
//! twice is an error, so that a walk is no longer than the file.
//!
//! Source: HDF5 File Format Specification 3.0, sections III.A.2 and VII.D.

use super::{Chunk, Grid, Region, Visitor};
use crate::format::btree_v2::{Child, Header};
use crate::format::{Cursor, Sizes};
use hyperslab_core::{Error, Limits, Result, ResultExt, Shape, Source};
use smallvec::SmallVec;
use std::cmp::Ordering;
use std::collections::HashSet;

/// Where a record lies beside what is asked for: before it, in it, after it.
pub type Order<'o> = &'o dyn Fn(&[u8]) -> Result<Ordering>;

/// An open tree.
pub struct BtreeV2<'s> {
    source: &'s dyn Source,
    sizes: Sizes,
    limits: &'s Limits,
    /// The header.
    pub header: Header,
}

impl<'s> BtreeV2<'s> {
    /// Reads the header of the tree at an address.
    ///
    /// # Errors
    /// `Invalid`, `Unsupported`, `Io`.
    pub fn open(source: &'s dyn Source, address: u64, sizes: Sizes, limits: &'s Limits) -> Result<Self> {
        let bytes = source.bytes_at(address, Header::len(sizes), limits).reading("B-tree header", address)?;
        let header = Header::parse(&bytes, sizes, address)?;
        source.saw(address, Header::len(sizes), "B-tree header");
        Ok(BtreeV2 { source, sizes, limits, header })
    }

    /// Calls `f` with every record for which `order` says `Equal`, in the order of the tree. What `order` says must
    /// not fall from one record to the next.
    ///
    /// # Errors
    /// `Invalid` for damage, `Limit`, `Io`, and what `order` and `f` return.
    pub fn walk(&self, order: Order<'_>, f: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        match self.header.root() {
            Some(root) => {
                let bounds = (Ordering::Less, Ordering::Greater);
                self.node(root, self.header.depth, bounds, &mut HashSet::new(), order, f)
            }
            None => Ok(()),
        }
    }

    /// Recursion is bounded by the depth that the header may have.
    fn node(
        &self,
        at: Child,
        level: u16,
        (low, high): (Ordering, Ordering),
        seen: &mut HashSet<u64>,
        order: Order<'_>,
        f: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        if !seen.insert(at.address) {
            return Err(Error::invalid("node reached twice").reading("B-tree node").at(at.address));
        }
        let used = self.header.used(at, level, self.sizes)?;
        let bytes = self.source.bytes_at(at.address, used, self.limits).reading("B-tree node", at.address)?;
        let node = self.header.node(&bytes, at, level, self.sizes)?;
        self.source.saw(at.address, self.header.node_size.into(), "B-tree node");
        self.limits.count_objects(at.records)?;
        let mut before = low;
        let mut children = node.children.iter();
        for record in node.records.chunks_exact(usize::from(self.header.record_size).max(1)) {
            let here = order(record)?;
            if here < before || here > high {
                return Err(Error::invalid("records out of order").reading("B-tree node").at(at.address));
            }
            // Between two records lies a child: it matters unless both are on the same side of what is asked for.
            if let Some(child) = children.next()
                && here != Ordering::Less
                && before != Ordering::Greater
            {
                self.node(*child, level - 1, (before, here), seen, order, f)?;
            }
            if here == Ordering::Equal {
                f(record)?;
            }
            before = here;
        }
        match children.next() {
            Some(child) if before != Ordering::Greater => {
                self.node(*child, level - 1, (before, high), seen, order, f)
            }
            _ => Ok(()),
        }
    }
}

/// Calls `f` for every chunk of a region.
///
/// # Errors
/// `Invalid` for damage, `Limit`, `Io`, and what `f` returns.
pub fn visit(
    source: &dyn Source,
    sizes: Sizes,
    limits: &Limits,
    address: u64,
    grid: &Grid,
    region: &Region,
    f: Visitor<'_>,
) -> Result<()> {
    let tree = BtreeV2::open(source, address, sizes, limits)?;
    let rank = grid.chunk.len();
    let plain = usize::from(sizes.offset) + 8 * rank;
    let size_width = match tree.header.kind {
        10 if usize::from(tree.header.record_size) == plain => None,
        11 => {
            let width = usize::from(tree.header.record_size).checked_sub(plain + 4);
            Some(width.filter(|w| (1..=8).contains(w)))
        }
        _ => Some(None),
    };
    let filtered = match size_width {
        Some(None) => {
            return Err(Error::invalid(format!(
                "chunk records of kind {} and {} bytes for rank {rank}",
                tree.header.kind, tree.header.record_size
            ))
            .reading("B-tree header")
            .at(address));
        }
        Some(Some(width)) => Some(width),
        None => None,
    };
    let parse = |record: &[u8]| -> Result<(Chunk, Option<u64>, SmallVec<[u64; 4]>)> {
        let mut c = Cursor::new(record, "chunk record", address);
        let stored = c.address(sizes)?;
        let (size, filter_mask) = match filtered {
            Some(width) => (c.uint(width)?, c.u32()?),
            None => (0, 0),
        };
        let mut at = SmallVec::new();
        for _ in 0..rank {
            at.push(c.u64()?);
        }
        Ok((Chunk { address: stored.unwrap_or_default(), size, filter_mask }, stored, at))
    };
    let last: SmallVec<[u64; 4]> = region.high.iter().map(|h| h.saturating_sub(1)).collect();
    let order = |record: &[u8]| {
        let (_, _, at) = parse(record)?;
        Ok(if at < region.low {
            Ordering::Less
        } else if at > last {
            Ordering::Greater
        } else {
            Ordering::Equal
        })
    };
    let mut previous: Option<SmallVec<[u64; 4]>> = None;
    tree.walk(&order, &mut |record| {
        let (chunk, stored, at) = parse(record)?;
        // What is found must not depend on what is asked for.
        if previous.as_ref().is_some_and(|p| *p >= at) {
            return Err(Error::invalid(format!("chunk {} out of order", Shape::new(&at)))
                .reading("B-tree node")
                .at(address));
        }
        previous = Some(at.clone());
        if stored.is_some() && region.contains(&at) { f(&at, chunk) } else { Ok(()) }
    })
}
