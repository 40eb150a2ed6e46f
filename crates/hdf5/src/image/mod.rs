//! HDF5 images: an array as a complete HDF5 file in memory.
//!
//! [`serialize`] makes one with a single copy of the elements, [`serialize_parts`] with none (a header to send
//! before the caller's own bytes), and [`deserialize`] hands the elements out as a view of the image after every
//! check that makes that sound. Any HDF5 library opens such an image as a file, and files with one dataset are
//! images too, however they are laid out; those that are not plain are read by copying, through the general reader.
//!
//! Whole trees are images as well: [`crate::Writer::in_memory`] makes them, [`crate::Writer::holding`] writes one anew
//! with more in it, [`crate::File::from_image`] and [`crate::File::from_bytes`] read them, [`crate::File::to_image`] gives
//! the bytes. [`MemoryFile`] is a file in memory that is changed where it lies, grows in blocks and can have a file
//! behind it.
//!
//! Layout: superblock (version 2), dataset header, root header, zeros up to a multiple of 64, elements. For a
//! matrix of doubles they start at byte 256.

mod memory;
mod parse;
mod serialize;
mod tree;

#[cfg(test)]
mod tests;

pub use memory::{BLOCK_SIZE, MemoryFile};
pub use parse::{
    DeserializeOptions, Elements, deserialize, deserialize_as, deserialize_named, deserialize_shared,
    deserialize_with,
};
pub use serialize::{serialize, serialize_aligned, serialize_into, serialize_parts};

/// The name of the dataset unless another is given.
pub const DEFAULT_NAME: &str = "data";

/// Elements start at a multiple of this many bytes.
pub const ALIGNMENT: u64 = 64;
