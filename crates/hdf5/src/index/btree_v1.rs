//! Chunks in a version 1 B-tree: the index of chunked layouts of versions 1 to 3.
//!
//! Not the bytes of a node (`format`). A node that is reached twice is an error, so the walk is no longer than the
//! file, and subtrees outside the region are passed over by their keys. Nodes have no checksums, and what is found must
//! not depend on what is asked for: a chunk must lie where its keys and those above it say, and where keys of a node
//! and those above it disagree, what was passed over is looked at as well.
//!
//! Source: HDF5 File Format Specification 3.0, section III.A.1; that a chunk beyond the keys above it is not found,
//! nor one beyond the last key of its node: libhdf5 1.10 to 2.0.

use super::{Chunk, Grid, Region, Visitor};
use crate::format::Sizes;
use crate::format::btree_v1::{ChunkKey, Prefix, prefix_len};
use hyperslab_core::{Error, Limits, Result, ResultExt, Source};
use smallvec::SmallVec;
use std::collections::HashSet;

/// Calls `f` for every chunk of a region.
///
/// # Errors
/// `Invalid` for damage, `Limit`, `Io`, and what `f` returns.
pub fn visit(
    source: &dyn Source,
    sizes: Sizes,
    limits: &Limits,
    root: u64,
    grid: &Grid,
    region: &Region,
    f: Visitor<'_>,
) -> Result<()> {
    let rank = grid.chunk.len();
    let corner = |p: &[u64]| -> SmallVec<[u64; 4]> {
        p.iter().zip(grid.chunk.iter()).map(|(p, c)| p.saturating_mul(*c)).collect()
    };
    let low = corner(&region.low);
    let last: SmallVec<[u64; 4]> = region.high.iter().map(|h| h.saturating_sub(1)).collect();
    let high = corner(&last);

    let mut seen = HashSet::new();
    let mut stack = vec![(root, None::<u8>, Bounds::default())];
    let (mut passed, mut doubt) = (Vec::new(), false);
    while let Some((at, above, bounds)) = stack.pop().or_else(|| passed.pop().filter(|_| doubt)) {
        let bad = |message: String| Error::invalid(message).reading("B-tree node").at(at);
        if !seen.insert(at) {
            return Err(bad("node reached twice".into()));
        }
        let head = source.bytes_at(at, prefix_len(sizes), limits).reading("B-tree node", at)?;
        let node = Prefix::parse(&head, 1, sizes, at)?;
        if above.is_some_and(|l| node.level.checked_add(1) != Some(l)) {
            return Err(bad(format!("level {} below level {}", node.level, above.unwrap_or_default())));
        }
        let bytes = source.bytes_at(at, node.chunk_len(rank, sizes), limits).reading("B-tree node", at)?;
        source.saw(at, Prefix::chunk_capacity(rank, sizes), "B-tree node");
        let (children, end) = node.chunk_children(&bytes, rank, sizes, at)?;
        limits.count_objects(children.len() as u64)?;
        doubt |= children.first().is_none_or(|(first, _)| !bounds.equal(first, &end));

        // A child holds the keys from its own up to the next one.
        let nexts = children.iter().skip(1).map(|(key, _)| key).chain([&end]);
        if node.level == 0 {
            for ((key, address), next) in children.iter().zip(nexts) {
                if place(key) >= place(next) || !bounds.contain(key) {
                    return Err(bad(format!("chunk at {:?} where no key leads to it", key.offset)));
                }
                leaf(key, *address, grid, region, f)?;
            }
            continue;
        }
        let (below, last) = (stack.len(), children.len().saturating_sub(1));
        for (i, ((key, address), next)) in children.iter().zip(nexts).enumerate() {
            let within = bounds.within(key, next, i == 0, i == last);
            // Nothing but these keys says where the tree begins and ends.
            let asked = (!within.beside.0 || key.offset <= high) && (!within.beside.1 || next.offset >= low);
            if asked { &mut stack } else { &mut passed }.push((*address, Some(node.level), within));
        }
        // Left to right is the order of numbers.
        if let Some(new) = stack.get_mut(below..) {
            new.reverse();
        }
    }
    Ok(())
}

/// What keys are ordered by.
fn place(key: &ChunkKey) -> (&[u64], u64) {
    (&key.offset, key.within)
}

/// The keys that lead to a node: from the first, before the second.
#[derive(Default)]
struct Bounds {
    /// None at the root.
    keys: Option<(ChunkKey, ChunkKey)>,
    /// Whether nodes lie to the left and right of it.
    beside: (bool, bool),
}

impl Bounds {
    fn contain(&self, key: &ChunkKey) -> bool {
        let between =
            |(low, high): &(ChunkKey, ChunkKey)| place(low) <= place(key) && place(key) < place(high);
        self.keys.as_ref().is_none_or(between)
    }

    /// Whether a node's own first and last key say the same, where it matters to another node.
    fn equal(&self, first: &ChunkKey, end: &ChunkKey) -> bool {
        self.keys.as_ref().is_none_or(|(low, high)| {
            (!self.beside.0 || place(low) == place(first)) && (!self.beside.1 || place(high) == place(end))
        })
    }

    /// Those that lead to a child as well.
    fn within(&self, low: &ChunkKey, high: &ChunkKey, first: bool, last: bool) -> Bounds {
        let nearer = |(l, h)| {
            (if place(l) > place(low) { l } else { low }, if place(h) < place(high) { h } else { high })
        };
        let (low, high) = self.keys.as_ref().map_or((low, high), |(l, h)| nearer((l, h)));
        let beside = (self.beside.0 || !first, self.beside.1 || !last);
        Bounds { keys: Some((low.clone(), high.clone())), beside }
    }
}

fn leaf(key: &ChunkKey, address: u64, grid: &Grid, region: &Region, f: Visitor<'_>) -> Result<()> {
    let mut at: SmallVec<[u64; 4]> = SmallVec::new();
    for (o, c) in key.offset.iter().zip(grid.chunk.iter()) {
        if o % c != 0 {
            return Err(Error::invalid(format!(
                "chunk at {:?} is off the grid of {}",
                key.offset, grid.chunk
            ))
            .reading("B-tree node"));
        }
        at.push(o / c);
    }
    if !region.contains(&at) {
        return Ok(());
    }
    f(&at, Chunk { address, size: key.size.into(), filter_mask: key.filter_mask })
}
