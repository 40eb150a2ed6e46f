//! The filters that a chunk goes through, one module each.

pub mod deflate;
