//! Version 2 B-trees of records that are all known: as low as can be, every level filled evenly.

use super::arena::Arena;
use crate::format::btree_v2::{Child, Header};
use hyperslab_core::Result;

/// Bytes of a node of most trees, as libhdf5 has it.
pub(in crate::write) const NODE: u32 = 512;
/// Bytes of a node of a tree of chunks, as libhdf5 has it.
pub(in crate::write) const CHUNK_NODE: u32 = 2048;

/// Writes a tree of records of one size, sorted, one after another; returns the address of its header.
pub(in crate::write) fn write(
    kind: u8,
    node: u32,
    record: u16,
    records: &[u8],
    arena: &mut Arena,
) -> Result<u64> {
    let count = (records.len() / usize::from(record).max(1)) as u64;
    let mut header = Header::new(kind, node, record, count)?;
    if count > 0 {
        let depth = header.depth;
        let (root, _) = node_of(&header, depth, records, arena)?;
        header.root = Some(root.address);
        header.root_records = u16::try_from(root.records).unwrap_or(u16::MAX);
    }
    let mut out = Vec::new();
    header.emit(&mut out);
    arena.add(&out)
}

/// Writes a node and all below it; returns it and how many records there are.
fn node_of(header: &Header, level: u16, records: &[u8], arena: &mut Arena) -> Result<(Child, u64)> {
    let size = usize::from(header.record_size);
    let total = records.len() / size;
    let (mut own, mut children) = (Vec::new(), Vec::new());
    match level.checked_sub(1) {
        None => own.extend_from_slice(records),
        Some(below) => {
            // As few children as hold the records, less those between them.
            let each = header.capacity(below).saturating_add(1).max(2) as usize;
            let count = (total + 1).div_ceil(each).max(2);
            let rest = (total + 1).saturating_sub(count);
            let mut at = 0;
            for child in 0..count {
                let take = (rest * (child + 1) / count) - (rest * child / count);
                let part = records.get(at * size..(at + take) * size).unwrap_or_default();
                children.push(node_of(header, below, part, arena)?);
                at += take;
                own.extend_from_slice(records.get(at * size..(at + 1) * size).unwrap_or_default());
                at += 1;
            }
        }
    }
    let mut out = Vec::new();
    header.emit_node(level, &own, &children, &mut out);
    let address = arena.reserve(header.node_size.into())?;
    arena.put(address, &out)?;
    Ok((Child { address, records: (own.len() / size) as u64 }, total as u64))
}
