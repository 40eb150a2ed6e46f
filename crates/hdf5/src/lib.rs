//! A pure-Rust HDF5 engine: files, in-memory images and crash-safe live appends.
//!
//! - [`format`](mod@format): the structures of a file, one module each; parse and emit, no I/O.
//! - [`index`]: how a chunk is found, one module per kind of index.
//! - [`filter`]: what a chunk goes through, one module per filter.
//!
//! No C, no lock: an open file is `Send + Sync`.
#![forbid(unsafe_code)]

pub mod filter;
pub mod format;
pub mod index;
