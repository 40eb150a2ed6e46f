//! Files that libhdf5 writes while we read them (single writer, multiple readers).
//!
//! The writer flushes structures in an order that keeps every one reachable whole, but a reader can see one of them
//! half way through its being written: its checksum is wrong for a moment. What does not hold is read again, for a
//! bounded time. Nothing that was read is kept from one call to the next, so extents are always the current ones.
//!
//! Source: HDF5 File Format Specification 3.0, section II.A (file consistency flags); libhdf5 1.10 retries a hundred
//! times.

use super::File;
use crate::format::superblock;
use hyperslab_core::{Error, Kind, Node, Result};
use std::cell::RefCell;
use std::time::Duration;

/// Reads of a damaged structure, and how long to wait before the last of them: a second in all.
const TRIES: u32 = 100;
const LONGEST: Duration = Duration::from_millis(10);

impl File<'_> {
    /// Whether another program may be writing the file for readers like us, as its superblock says.
    pub fn is_live(&self) -> bool {
        self.superblock.version == 3 && self.superblock.flags & superblock::SWMR != 0
    }

    /// Lists nodes; where the file is [live](File::is_live), again while one of them is damaged.
    pub(crate) fn settled_nodes(&self, list: impl Fn() -> Result<Vec<Node>>) -> Result<Vec<Node>> {
        let damaged = |n: &Node| n.error.as_ref().is_some_and(|e| e.kind() == Kind::Invalid);
        let last = RefCell::new(None);
        let settled = self.settled(|| {
            let nodes = list()?;
            if !self.is_live() || !nodes.iter().any(damaged) {
                return Ok(nodes);
            }
            last.replace(Some(nodes));
            Err(Error::invalid("a node is damaged"))
        });
        // What stays damaged is listed as that.
        settled.or_else(|e| last.take().ok_or(e))
    }

    /// Does something that reads; where the file is [live](File::is_live), again while it finds damage.
    pub(crate) fn settled<T>(&self, work: impl Fn() -> Result<T>) -> Result<T> {
        let mut left = if self.is_live() { TRIES } else { 0 };
        loop {
            match work() {
                Err(e) if left > 0 && e.kind() == Kind::Invalid => {
                    left -= 1;
                    std::thread::sleep(LONGEST / left.clamp(1, 20));
                }
                done => return done,
            }
        }
    }
}
