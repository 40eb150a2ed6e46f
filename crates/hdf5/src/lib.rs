//! A pure-Rust HDF5 engine: files, in-memory images and crash-safe live appends.
//!
//! - [`format`](mod@format): the structures of a file, one module each; parse and emit, no I/O.
//!
//! No C, no lock: an open file is `Send + Sync`.
#![forbid(unsafe_code)]

pub mod format;
