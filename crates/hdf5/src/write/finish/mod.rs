//! What of a new file is written last: object headers, and the groups, heaps and trees that they lead to.
//!
//! Not here: elements and what those point at, which are written as they come.

pub(in crate::write) mod arena;
pub(in crate::write) mod btree_v2;
pub(in crate::write) mod dense;
mod fractal;
pub(in crate::write) mod headers;
mod symbol_table;
