//! How things look: arrays as NumPy prints them, listings as trees, metadata, hexadecimal.
//!
//! Nothing here reads a file by itself or decides what is shown; commands do.

pub(crate) mod array;
mod cells;
pub(crate) mod csv;
pub(crate) mod diff;
pub(crate) mod dtype;
mod float;
pub(crate) mod hex;
pub(crate) mod json;
mod layout;
pub(crate) mod packets;
pub(crate) mod pacman;
pub(crate) mod size;
pub(crate) mod style;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod tree;
pub(crate) mod value;
pub(crate) mod verify;
