//! How a chunk is found: one module per kind of index, and what they share.
//!
//! Not here: the bytes of the structures (`format`) and what becomes of a chunk once it is found (`read`). A new
//! index is one module, and one line in [`visit`].

pub mod btree_v1;
pub mod btree_v2;
pub mod extensible_array;
pub mod fixed_array;
pub(crate) mod grid;

pub use grid::{Grid, Region};

use crate::format::Sizes;
use crate::format::message::layout::{ChunkIndex, Chunked};
use hyperslab_core::{Error, Limits, Result, Source};

/// A chunk as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Where its bytes are.
    pub address: u64,
    /// How many bytes are stored; 0 where the index does not say because chunks are not filtered.
    pub size: u64,
    /// Bit `i` set: filter `i` of the pipeline was skipped for this chunk.
    pub filter_mask: u32,
}

/// What is done with a chunk that was found: its position in the grid, and where it is stored.
pub type Visitor<'v> = &'v mut dyn FnMut(&[u64], Chunk) -> Result<()>;

/// Calls `f` for every stored chunk of a region, `chunk_bytes` being the bytes of a decoded one. Only the parts of
/// the index that lead to the region are read.
///
/// # Errors
/// `Invalid` for damage, `Unsupported`, `Limit`, `Io`, and what `f` returns.
#[expect(clippy::too_many_arguments, reason = "what an index needs to know, each of its own kind")]
pub fn visit(
    source: &dyn Source,
    sizes: Sizes,
    limits: &Limits,
    layout: &Chunked,
    grid: &Grid,
    chunk_bytes: u64,
    region: &Region,
    f: Visitor<'_>,
) -> Result<()> {
    let Some(address) = layout.address else { return Ok(()) };
    let plain = |address| Chunk { address, size: 0, filter_mask: 0 };
    match layout.index {
        ChunkIndex::BtreeV1 => btree_v1::visit(source, sizes, limits, address, grid, region, f),
        ChunkIndex::Single { filtered } => {
            let origin = grid.origin();
            if !region.contains(&origin) {
                return Ok(());
            }
            let (size, filter_mask) = filtered.unwrap_or((0, 0));
            f(&origin, Chunk { address, size, filter_mask })
        }
        ChunkIndex::Implicit => region.each(limits, &mut |at| {
            let number = grid.number(at)?;
            let offset = number.checked_mul(chunk_bytes).and_then(|o| o.checked_add(address));
            f(at, plain(offset.ok_or_else(|| Error::invalid(format!("chunk {number} beyond the file")))?))
        }),
        ChunkIndex::FixedArray { .. } => {
            let array = fixed_array::FixedArray::open(source, address, sizes, limits)?;
            region.each(limits, &mut |at| match array.chunk(source, grid.number(at)?, limits)? {
                Some(chunk) => f(at, chunk),
                None => Ok(()),
            })
        }
        ChunkIndex::ExtensibleArray(_) => {
            let array = extensible_array::ExtensibleArray::open(source, address, sizes, limits)?;
            let mut walk = extensible_array::Walk::new(&array, source, limits);
            region.each(limits, &mut |at| match walk.chunk(grid.growing_number(at)?)? {
                Some(chunk) => f(at, chunk),
                None => Ok(()),
            })
        }
        ChunkIndex::BtreeV2 { .. } => btree_v2::visit(source, sizes, limits, address, grid, region, f),
    }
}
