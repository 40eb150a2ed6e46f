//! NumPy files: NPY, NPZ and raw arrays, read and written byte for byte as NumPy does.
#![forbid(unsafe_code)]

mod descr;
pub mod header;
mod literal;

pub use header::Header;
