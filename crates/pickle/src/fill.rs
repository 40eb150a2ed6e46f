//! Lists, sets and dicts being filled: `APPEND`, `ADDITEMS`, `SETITEMS` and their kin.
//!
//! Keys are checked here, when they arrive; which of them are equal is settled once, at the end (`keys.rs`).

use crate::keys;
use crate::machine::Machine;
use crate::node::{Node, NodeId};
use hyperslab_core::{Error, Result};

impl Machine<'_> {
    pub(crate) fn append(&mut self, list: NodeId, items: &[NodeId]) -> Result<()> {
        match self.arena.node(list) {
            Node::List(l) => {
                let l = self.arena.extend(l, items)?;
                self.arena.set(list, Node::List(l));
                Ok(())
            }
            Node::Opaque(i) => self.extend_opaque(i, items),
            _ => Err(Error::invalid("an item appended to a value that is not a list")),
        }
    }

    pub(crate) fn add_items(&mut self, set: NodeId, items: &[NodeId]) -> Result<()> {
        match self.arena.node(set) {
            Node::Set(l) => {
                items.iter().try_for_each(|&i| self.check_key(i))?;
                let l = self.arena.extend(l, items)?;
                self.arena.set(set, Node::Set(l));
                Ok(())
            }
            Node::Opaque(i) => self.extend_opaque(i, items),
            _ => Err(Error::invalid("an item added to a value that is not a set")),
        }
    }

    fn extend_opaque(&mut self, i: u32, items: &[NodeId]) -> Result<()> {
        if let Some(o) = self.arena.opaques.get(i as usize).copied() {
            let items = self.arena.extend(o.items, items)?;
            if let Some(o) = self.arena.opaques.get_mut(i as usize) {
                o.items = items;
            }
        }
        Ok(())
    }

    pub(crate) fn set_items(&mut self, dict: NodeId, pairs: &[NodeId]) -> Result<()> {
        if !pairs.len().is_multiple_of(2) {
            return Err(Error::invalid("a key without a value"));
        }
        pairs.iter().step_by(2).try_for_each(|&k| self.check_key(k))?;
        let node = match self.arena.node(dict) {
            Node::Dict(l) => Node::Dict(self.arena.extend(l, pairs)?),
            Node::OrderedDict(l) => Node::OrderedDict(self.arena.extend(l, pairs)?),
            Node::DefaultDict(l, factory) => Node::DefaultDict(self.arena.extend(l, pairs)?, factory),
            Node::Opaque(i) => {
                if let Some(o) = self.arena.opaques.get(i as usize).copied() {
                    let pairs = self.arena.extend(o.pairs, pairs)?;
                    if let Some(o) = self.arena.opaques.get_mut(i as usize) {
                        o.pairs = pairs;
                    }
                }
                return Ok(());
            }
            _ => return Err(Error::invalid("an item set in a value that is not a dict")),
        };
        self.arena.set(dict, node);
        Ok(())
    }

    pub(crate) fn check_key(&self, id: NodeId) -> Result<()> {
        if keys::is_hashable(&self.arena, id) {
            return Ok(());
        }
        Err(Error::invalid("a value that cannot change its place (a list, dict, set or array) as a key"))
    }
}
