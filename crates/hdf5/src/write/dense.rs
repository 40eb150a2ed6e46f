//! The attributes of an object in a heap of their own, where one of them is too long for its header.
//!
//! Every attribute, long or short, is a huge object of the heap: it lies where it lies, a tree finds it by its key, and
//! another tree finds the key by the attribute's name. Any library that changes them puts short ones into the heap's
//! blocks.

use super::space::Space;
use crate::format::Put;
use crate::format::btree_v2;
use crate::format::checksum::lookup3;
use crate::format::fractal_heap::{self, huge_id};
use hyperslab_core::Result;

/// B-tree of huge objects that filters do not change.
const HUGE: u8 = 1;
/// B-tree of attributes by name.
const NAMES: u8 = 8;
/// The order of creation of an attribute whose object keeps none.
const NO_ORDER: u32 = 0xffff;

/// Where the attributes of an object are.
#[derive(Clone, Copy)]
pub(super) struct Dense {
    pub(super) heap: u64,
    pub(super) names: u64,
}

/// Writes attributes, each a name and the body of its message.
pub(super) fn write<'a>(
    attributes: impl Iterator<Item = (&'a str, &'a [u8])>,
    space: &mut Space,
) -> Result<Dense> {
    let (mut huge, mut names) = (Vec::new(), Vec::new());
    let mut bytes = 0;
    for ((name, body), key) in attributes.zip(1u64..) {
        let address = space.append(body, 8)?;
        let len = body.len() as u64;
        bytes += len;
        huge.push(record::<24>(|r| {
            r.put_u64(address);
            r.put_u64(len);
            r.put_u64(key);
        }));
        names.push((lookup3(name.as_bytes()), name, key));
    }
    names.sort_unstable();
    let names: Vec<[u8; 17]> = names
        .into_iter()
        .map(|(hash, _, key)| {
            record(|r| {
                r.extend_from_slice(&huge_id(key));
                r.put_u8(0);
                r.put_u32(NO_ORDER);
                r.put_u32(hash);
            })
        })
        .collect();
    let huge_tree = tree(HUGE, &huge, space)?;
    let names_tree = tree(NAMES, &names, space)?;
    let mut header = Vec::new();
    fractal_heap::emit_huge(huge_tree, huge.len() as u64, bytes, &mut header);
    Ok(Dense { heap: space.append(&header, 8)?, names: names_tree })
}

fn tree<const N: usize>(kind: u8, records: &[[u8; N]], space: &mut Space) -> Result<u64> {
    let mut out = Vec::new();
    let header = btree_v2::emit_leaf(kind, records, space.next(8), &mut out)?;
    space.append(&out, 8)?;
    Ok(header)
}

fn record<const N: usize>(fill: impl FnOnce(&mut Vec<u8>)) -> [u8; N] {
    let mut bytes = Vec::with_capacity(N);
    fill(&mut bytes);
    let mut out = [0; N];
    out.iter_mut().zip(bytes).for_each(|(to, b)| *to = b);
    out
}
