//! The links of a large group, and the attributes of an object of which one is too long for its header: in a fractal
//! heap, found by name through a tree of the hashes of their names.

use super::arena::Arena;
use super::btree_v2::{self, NODE};
use super::fractal::FractalHeap;
use crate::format::Put;
use crate::format::checksum::lookup3;
use crate::format::fractal_heap::Parameters;
use crate::write::space::Space;
use hyperslab_core::Result;

/// B-tree of links by name.
const LINK_NAMES: u8 = 5;
/// B-tree of links by their order of creation.
const LINK_ORDER: u8 = 6;
/// B-tree of attributes by name.
const ATTRIBUTE_NAMES: u8 = 8;
/// B-tree of attributes by their order of creation.
const ATTRIBUTE_ORDER: u8 = 9;
/// The order of creation of an attribute whose object keeps none.
const NO_ORDER: u32 = 0xffff;

/// Where links or attributes are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::write) struct Dense {
    pub(in crate::write) heap: u64,
    pub(in crate::write) names: u64,
    /// The tree of the order of creation, where it is kept.
    pub(in crate::write) order: Option<u64>,
}

/// Writes attributes, each a name, the body of its message and, where that is kept, its number in the order of their
/// creation, of which there may be an index.
pub(in crate::write) fn attributes<'a>(
    attributes: impl Iterator<Item = (&'a str, &'a [u8], Option<u32>)>,
    indexed: bool,
    space: &mut Space,
) -> Result<Dense> {
    let mut arena = Arena::new(space);
    let mut heap = FractalHeap::new(Parameters::ATTRIBUTES, &mut arena)?;
    let mut all = Vec::new();
    for (name, body, order) in attributes {
        let order = order.unwrap_or(NO_ORDER);
        all.push((lookup3(name.as_bytes()), name, heap.add(body, &mut arena)?, order));
    }
    all.sort_unstable();
    let mut records = Vec::new();
    for (hash, _, id, order) in &all {
        records.extend_from_slice(id);
        records.put_u8(0);
        records.put_u32(*order);
        records.put_u32(*hash);
    }
    let names = btree_v2::write(ATTRIBUTE_NAMES, NODE, 17, &records, &mut arena)?;
    let mut order = None;
    if indexed {
        all.sort_unstable_by_key(|(_, _, _, order)| *order);
        records.clear();
        for (_, _, id, order) in &all {
            records.extend_from_slice(id);
            records.put_u8(0);
            records.put_u32(*order);
        }
        order = Some(btree_v2::write(ATTRIBUTE_ORDER, NODE, 13, &records, &mut arena)?);
    }
    let heap = heap.finish(&mut arena)?;
    arena.finish(space)?;
    Ok(Dense { heap, names, order })
}

/// Writes links in the order of their creation, each a name and the body of its message.
pub(in crate::write) fn links<'a>(
    links: impl Iterator<Item = (&'a str, Result<Vec<u8>>)>,
    ordered: bool,
    space: &mut Space,
) -> Result<Dense> {
    let mut arena = Arena::new(space);
    let mut heap = FractalHeap::new(Parameters::LINKS, &mut arena)?;
    let (mut all, mut by_order) = (Vec::new(), Vec::new());
    for ((name, body), number) in links.zip(0u64..) {
        let id = heap.add(&body?, &mut arena)?;
        if ordered {
            by_order.put_u64(number);
            by_order.extend_from_slice(&id);
        }
        all.push((lookup3(name.as_bytes()), name, id));
    }
    all.sort_unstable();
    let mut records = Vec::with_capacity(all.len() * 11);
    for (hash, _, id) in &all {
        records.put_u32(*hash);
        records.extend_from_slice(id);
    }
    let names = btree_v2::write(LINK_NAMES, NODE, 11, &records, &mut arena)?;
    let order = match ordered {
        true => Some(btree_v2::write(LINK_ORDER, NODE, 15, &by_order, &mut arena)?),
        false => None,
    };
    let heap = heap.finish(&mut arena)?;
    arena.finish(space)?;
    Ok(Dense { heap, names, order })
}
