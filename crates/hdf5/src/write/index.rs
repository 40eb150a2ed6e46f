//! The index of a dataset's chunks: which one, and the version 1 B-tree, which every library has read since HDF5 1.0.
//!
//! All chunks are known when it is written, so every node but the last of a level is full. Nodes have their final
//! size, and any library can continue the tree. The indexes of HDF5 1.10: `newer_index`.

use super::Libver;
use super::finish::btree_v2;
use super::space::Space;
use crate::format::Sizes;
use crate::format::btree_v1::{ChunkKey, Prefix, emit_chunk_node};
use crate::format::extensible_array::Parameters;
use crate::format::fixed_array;
use crate::format::message::dataspace::UNLIMITED;
use crate::format::message::layout::ChunkIndex;
use hyperslab_core::{Result, Shape};

/// More chunks than this are not listed one by one, written or not.
const MOST_FIXED: u64 = 1 << 22;

/// The index that libhdf5 would choose; a version 1 B-tree for those that know no other, and where the list of all
/// possible chunks would be long.
pub(super) fn choose(
    libver: Libver,
    shape: &Shape,
    max: Option<&Shape>,
    chunk: &Shape,
    filtered: bool,
    early: bool,
) -> ChunkIndex {
    if libver != Libver::Latest {
        return ChunkIndex::BtreeV1;
    }
    let greatest = max.unwrap_or(shape);
    let fixed = greatest == shape;
    let counts = greatest.iter().zip(chunk.iter()).map(|(n, c)| n.div_ceil((*c).max(1)));
    let total = counts.fold(1u64, u64::saturating_mul);
    match greatest.iter().filter(|&&n| n == UNLIMITED).count() {
        1 => ChunkIndex::ExtensibleArray(Parameters::STANDARD),
        0 if fixed && chunk == shape => ChunkIndex::Single { filtered: filtered.then_some((0, 0)) },
        0 if fixed && early && !filtered && total <= MOST_FIXED => ChunkIndex::Implicit,
        0 if total <= MOST_FIXED => ChunkIndex::FixedArray { page_bits: fixed_array::Header::PAGE_BITS },
        0 => ChunkIndex::BtreeV1,
        _ => ChunkIndex::BtreeV2 { node_size: btree_v2::CHUNK_NODE },
    }
}

/// Chunks in the order of their positions, by their number in that order.
pub(super) trait Sorted {
    /// How many there are.
    fn count(&self) -> u64;
    /// The key of a chunk.
    fn key(&self, number: u64) -> ChunkKey;
    /// Where a chunk lies.
    fn address(&self, number: u64) -> u64;
}

/// Writes the tree of an array's chunks, leaves first; returns the address of its root, `None` without chunks.
/// `width` is the size of an element in bytes.
pub(super) fn write(chunks: &impl Sorted, width: u64, space: &mut Space) -> Result<Option<u64>> {
    let count = chunks.count();
    let Some(last) = count.checked_sub(1) else { return Ok(None) };
    // As libhdf5 has it: behind the first element of the last chunk.
    let end = ChunkKey { size: 0, filter_mask: 0, within: width, ..chunks.key(last) };
    let capacity = 2 * u64::from(Sizes::STANDARD.chunk_internal_k);
    let node = Prefix::chunk_capacity(end.offset.len(), Sizes::STANDARD);
    // A node of a level covers so many chunks at the most; the nodes of the level below lie one after another.
    let (mut covers, mut below) = (capacity, None);
    for level in 0.. {
        let nodes = count.div_ceil(covers);
        let first = space.next(8);
        let step = covers / capacity;
        for i in 0..nodes {
            let start = i * covers;
            let stop = covers.saturating_add(start).min(count);
            let child = |number: u64| match below {
                Some(base) => base + number / step * node,
                None => chunks.address(number),
            };
            let children: Vec<_> =
                (start..stop).step_by(usize_of(step)).map(|n| (chunks.key(n), child(n))).collect();
            let next = if stop < count { chunks.key(stop) } else { end.clone() };
            let at = first + i * node;
            let neighbors = [(i > 0).then(|| at - node), (i + 1 < nodes).then(|| at + node)];
            let mut bytes = Vec::new();
            emit_chunk_node(level, &children, &next, neighbors, &mut bytes)?;
            space.append(&bytes, 8)?;
        }
        if nodes <= 1 {
            return Ok(Some(first));
        }
        below = Some(first);
        covers = covers.saturating_mul(capacity);
    }
    Ok(None)
}

fn usize_of(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}
