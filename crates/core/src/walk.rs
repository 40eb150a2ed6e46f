//! What lies where in a file: the regions that a container's structures and data take, for whoever checks that every
//! byte belongs to one of them and to no other.

use crate::{Error, Result};
use std::borrow::Cow;

/// A run of bytes and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// First byte, from the start of the file.
    pub offset: u64,
    /// Number of bytes.
    pub len: u64,
    /// What it is, for example `NPY header`.
    pub what: Cow<'static, str>,
    /// The node that it belongs to; empty for what belongs to the container.
    pub path: String,
}

impl Region {
    /// A region of a node.
    pub fn new(offset: u64, len: u64, what: impl Into<Cow<'static, str>>, path: impl Into<String>) -> Region {
        Region { offset, len, what: what.into(), path: path.into() }
    }

    /// The first byte behind it.
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.len)
    }
}

/// What a walk comes across.
#[derive(Debug)]
#[non_exhaustive]
pub enum Seen {
    /// A region that is accounted for.
    Region(Region),
    /// Damage that reading every array and attribute does not come across.
    Damage(Error),
}

/// Takes what a walk comes across; an error ends the walk.
pub type Visit<'v> = &'v mut dyn FnMut(Seen) -> Result<()>;
