//! HDF5 images: an array as a complete HDF5 file in memory.
//!
//! [`serialize`] makes one with a single copy of the elements, [`serialize_parts`] with none (a header to send
//! before the caller's own bytes), and [`deserialize`] hands the elements out as a view of the image after every
//! check that makes that sound. Any HDF5 library opens such an image as a file, and files with one dataset are
//! images too, however they are laid out; those that are not plain are read by copying, through the general reader.
//! Whole trees as images are made by [`crate::write`].
//!
//! Layout: superblock (version 2), dataset header, root header, zeros up to a multiple of 64, elements. For a
//! matrix of doubles they start at byte 256.

mod parse;
mod serialize;

#[cfg(test)]
mod tests;

pub use parse::{deserialize, deserialize_as, deserialize_named};
pub use serialize::{serialize, serialize_into, serialize_parts};

/// The name of the dataset unless another is given.
pub const DEFAULT_NAME: &str = "data";

/// Elements start at a multiple of this many bytes.
pub const ALIGNMENT: u64 = 64;
