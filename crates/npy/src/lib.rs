//! NumPy files: NPY, NPZ and raw arrays, read and written byte for byte as NumPy does.
//!
//! | module | what it knows |
//! |---|---|
//! | [`header`] | the NPY header, parsed and emitted; no I/O |
//! | [`npy`] | a header and its array in a source; loading and saving |
//! | [`npz`] | ZIP archives of NPY members, with metadata |
//! | [`raw`] | elements without a header |
//! | [`filename`] | dtype and shape in a raw file's name |
//!
//! Object arrays are refused everywhere: their elements are a pickle, which this crate never opens.
#![forbid(unsafe_code)]

mod dense;
mod descr;
pub mod filename;
pub mod header;
mod literal;
pub mod npy;
pub mod npz;
pub mod raw;

pub use header::Header;
pub use npy::{Npy, NpyWriter};
pub use npz::{Npz, NpzEditor, NpzWriter};
pub use raw::{Raw, RawWriter};
