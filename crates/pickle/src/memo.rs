//! The memo: slots of a pickle that refer to nodes.
//!
//! Slots hold references, so a list that is stored while empty is seen filled later. Indexes come from the
//! input and may be sparse (up to 2^63): they are never allocated by value.

use crate::node::NodeId;
use hyperslab_core::{Error, Result};
use std::collections::HashMap;

/// How far past the dense part an index may lie and still extend it.
const SLACK: u64 = 64;

/// Most entries that a memo may hold.
const MAX_ENTRIES: u64 = 16 << 20;

#[derive(Default)]
pub(crate) struct Memo {
    /// [`NodeId::UNSET`] where nothing was stored.
    dense: Vec<NodeId>,
    sparse: HashMap<u64, NodeId>,
    /// Distinct slots set so far: the index that the next `MEMOIZE` takes.
    count: u64,
}

impl Memo {
    pub(crate) fn with_capacity(n: usize) -> Memo {
        Memo { dense: Vec::with_capacity(n), ..Memo::default() }
    }

    pub(crate) fn put(&mut self, index: u64, node: NodeId) -> Result<()> {
        let dense_len = self.dense.len() as u64;
        let added = if index < dense_len.saturating_add(SLACK) && !self.sparse.contains_key(&index) {
            if index >= dense_len {
                let len = usize::try_from(index).unwrap_or(usize::MAX).saturating_add(1);
                self.dense.resize(len, NodeId::UNSET);
            }
            let slot = usize::try_from(index).ok().and_then(|i| self.dense.get_mut(i));
            slot.is_none_or(|s| std::mem::replace(s, node) == NodeId::UNSET)
        } else {
            self.sparse.insert(index, node).is_none()
        };
        if added {
            self.count += 1;
            if self.count > MAX_ENTRIES {
                return Err(Error::limit(format!("more than {MAX_ENTRIES} memo entries")));
            }
        }
        Ok(())
    }

    /// Stores under the number of slots that are set, as `MEMOIZE` does.
    #[inline]
    pub(crate) fn append(&mut self, node: NodeId) -> Result<()> {
        if self.count == self.dense.len() as u64 && self.sparse.is_empty() && self.count < MAX_ENTRIES {
            self.dense.push(node);
            self.count += 1;
            return Ok(());
        }
        self.put(self.count, node)
    }

    #[inline]
    pub(crate) fn get(&self, index: u64) -> Result<NodeId> {
        match usize::try_from(index).ok().and_then(|i| self.dense.get(i)) {
            Some(&id) if id != NodeId::UNSET => Ok(id),
            _ => self.get_sparse(index),
        }
    }

    #[cold]
    fn get_sparse(&self, index: u64) -> Result<NodeId> {
        let id = self.sparse.get(&index).copied();
        id.ok_or_else(|| Error::invalid(format!("memo slot {index} was never set")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memoize_counts_distinct_slots() {
        let node = |n| NodeId::from_index(n).unwrap();
        let mut m = Memo::default();
        m.put(5, node(0)).unwrap();
        m.append(node(1)).unwrap();
        assert_eq!(m.get(1).unwrap(), node(1));
        m.put(5, node(2)).unwrap();
        m.append(node(3)).unwrap();
        assert_eq!(m.get(2).unwrap(), node(3));
        assert!(m.get(3).is_err());
    }

    #[test]
    fn far_indexes_cost_one_entry() {
        let node = |n| NodeId::from_index(n).unwrap();
        let mut m = Memo::default();
        for i in [1 << 62, 1_000_000_000, 64, 63, 200] {
            m.put(i, node(i as usize & 0xff)).unwrap();
        }
        assert!(m.dense.len() < 200);
        assert_eq!(m.get(1_000_000_000).unwrap(), node(1_000_000_000 & 0xff));
        // The dense part grows past an index that was sparse when it was set.
        for i in 64..300 {
            m.put(i, node(7)).unwrap();
        }
        assert_eq!(m.get(200).unwrap(), node(7));
    }
}
