//! A pure-Rust HDF5 engine: files, in-memory images and crash-safe live appends.
//!
//! - [`read`]: [`File`], an open file: its tree, attributes and elements.
//! - [`write`]: [`Writer`], new files and whole trees in memory.
//! - [`append`]: files that grow while others read them, whole whenever their writer dies.
//! - [`image`]: an array as a complete file in memory, and back as a view.
//! - [`format`](mod@format): the structures of a file, one module each; parse and emit, no I/O.
//! - [`index`]: how a chunk is found, one module per kind of index.
//! - [`filter`]: what a chunk goes through, one module per filter.
//! - [`numpy_types`]: NumPy's types that HDF5 lacks.
//!
//! No C, no lock: an open file is `Send + Sync`.
#![forbid(unsafe_code)]

pub mod append;
pub mod filter;
pub mod format;
pub mod image;
pub mod index;
pub mod numpy_types;
pub mod read;
#[doc(hidden)]
pub mod testing;
pub mod write;

pub use read::File;
pub use write::Writer;
