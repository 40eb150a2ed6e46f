//! Chunks in a version 1 B-tree: the index of chunked layouts of versions 1 to 3.
//!
//! Not the bytes of a node (`format`). A node that is reached twice is an error, so the walk is no longer than the
//! file, and subtrees outside the region are passed over by their keys.
//!
//! Source: HDF5 File Format Specification 3.0, section III.A.1.

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
    let mut stack = vec![(root, None::<u8>)];
    while let Some((at, above)) = stack.pop() {
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
        if node.level == 0 {
            for (key, address) in &children {
                leaf(key, *address, grid, region, f)?;
            }
            continue;
        }
        // A child holds the keys from its own up to the next one, in the order of numbers read left to right.
        let mut next = &end.offset;
        for (key, address) in children.iter().rev() {
            if key.offset <= high && *next >= low {
                stack.push((*address, Some(node.level)));
            }
            next = &key.offset;
        }
    }
    Ok(())
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
