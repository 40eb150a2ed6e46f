//! The links of a group as HDF5 1.6 reads them: names in a local heap, symbol nodes in the order of names, a version 1
//! B-tree that finds the node.

use super::arena::Arena;
use crate::format::Sizes;
use crate::format::btree_v1::{Prefix, emit_group_node};
use crate::format::local_heap::{self, LocalHeap, Names};
use crate::format::message::symbol_table::SymbolTable;
use crate::format::symbol_node::{self, Entry, Target};
use crate::write::space::Space;
use crate::write::tree::Child;
use hyperslab_core::{Error, Result};

/// Writes hard and soft links; objects are at these addresses.
pub(in crate::write) fn write(
    children: &[(String, Child)],
    addresses: &[u64],
    space: &mut Space,
) -> Result<SymbolTable> {
    const SIZES: Sizes = Sizes::STANDARD;
    let mut sorted: Vec<_> = children.iter().collect();
    sorted.sort_unstable_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
    let (mut names, mut entries) = (Names::default(), Vec::with_capacity(sorted.len()));
    for (name, child) in sorted {
        let name = names.push(name.as_bytes());
        let target = match child {
            Child::Object(index) => Target::Hard(addresses.get(*index).copied().unwrap_or_default()),
            Child::Soft(path) => {
                let at = names.push(path.as_bytes());
                let at = u32::try_from(at);
                Target::Soft(at.map_err(|_| Error::unsupported("names of a group of more than 4 GiB"))?)
            }
            Child::External { .. } => {
                return Err(Error::unsupported("HDF5 1.6 has no external links"));
            }
        };
        entries.push(Entry { name, target });
    }
    let mut arena = Arena::new(space);
    let (mut level, mut nodes) = (0u8, Vec::new());
    for part in entries.chunks(2 * usize::from(SIZES.group_leaf_k)) {
        let mut out = Vec::new();
        symbol_node::emit(part, SIZES.group_leaf_k, &mut out)?;
        nodes.push((arena.add(&out)?, part.last().map_or(0, |e| e.name)));
    }
    let capacity = 2 * usize::from(SIZES.group_internal_k);
    let btree = loop {
        let parts: Vec<_> = nodes.chunks(capacity).collect();
        let size = Prefix::group_capacity(SIZES);
        let places: Vec<u64> = match parts.len() {
            0 => vec![arena.reserve(size)?],
            n => (0..n).map(|_| arena.reserve(size)).collect::<Result<_>>()?,
        };
        let (mut above, mut before) = (Vec::new(), 0);
        for (i, &place) in places.iter().enumerate() {
            let part = parts.get(i).copied().unwrap_or_default();
            let left = i.checked_sub(1).and_then(|i| places.get(i)).copied();
            let neighbors = [left, places.get(i + 1).copied()];
            let mut out = Vec::new();
            emit_group_node(level, before, part, neighbors, SIZES.group_internal_k, &mut out)?;
            arena.put(place, &out)?;
            before = part.last().map_or(0, |(_, last)| *last);
            above.push((place, before));
        }
        if let [(only, _)] = above[..] {
            break only;
        }
        nodes = above;
        level += 1;
    };
    // libhdf5 makes room for a few names at once; here there is none left.
    let heap = arena.reserve(local_heap::header_len(SIZES))?;
    let data = arena.add(&names.data)?;
    let mut out = Vec::new();
    LocalHeap { data_len: names.data.len() as u64, data }.emit(&mut out);
    arena.put(heap, &out)?;
    arena.finish(space)?;
    Ok(SymbolTable { btree, heap })
}
