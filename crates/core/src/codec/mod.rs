//! Compression that more than one format uses; what only one has is in that format's crate.

pub mod deflate;
