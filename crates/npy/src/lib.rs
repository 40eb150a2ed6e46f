//! NumPy files: NPY, NPZ, raw arrays and delimited text, read and written byte for byte as NumPy does.
//!
//! | module | what it knows |
//! |---|---|
//! | [`header`] | the NPY header, parsed and emitted; no I/O |
//! | [`npy`] | a header and its array in a source; loading and saving |
//! | [`npz`] | ZIP archives of NPY members, with metadata |
//! | [`append`] | rows added to an NPY file in place |
//! | [`memmap`] | arrays as memory maps, to read and to write |
//! | [`raw`] | elements without a header |
//! | [`headers`] | ENVI's and NRRD's headers of raw elements |
//! | [`text`] | numbers with a separator between them |
//! | [`filename`] | dtype and shape in a raw file's name |
//!
//! Arrays of Python objects are refused: their elements are a pickle, which this crate never opens ([`objects`] says
//! where it is).
#![forbid(unsafe_code)]

pub mod append;
mod dense;
mod descr;
pub mod filename;
pub mod header;
pub mod headers;
mod literal;
pub mod memmap;
pub mod npy;
pub mod npz;
pub mod objects;
pub mod raw;
mod single;
pub mod text;
mod walk;

pub use descr::parse_dtype;
pub use header::Header;
pub use npy::{Npy, NpyWriter};
pub use npz::{Npz, NpzEditor, NpzWriter};
pub use raw::{Raw, RawWriter};
pub use text::{Text, TextWriter};
