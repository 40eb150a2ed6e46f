//! How a chunk is found: one module per kind of index.
//!
//! Not here: the bytes of the structures (`format`) and what becomes of a chunk once it is found (`read`).

pub mod extensible_array;

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
