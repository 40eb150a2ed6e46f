//! Version 1 B-tree nodes: of groups (keys are names) and of chunks (keys are positions).
//!
//! One node at a time; whoever walks the tree brings its bytes and bounds the walk. These nodes have no checksum.
//!
//! Source: HDF5 File Format Specification 3.0, section III.A.1.

use super::{Cursor, Put, Sizes};
use hyperslab_core::Result;
use smallvec::SmallVec;

const SIGNATURE: [u8; 4] = *b"TREE";
const WHAT: &str = "B-tree node";

/// Bytes before the keys and children of a node.
pub fn prefix_len(sizes: Sizes) -> u64 {
    8 + 2 * u64::from(sizes.offset)
}

/// What stands before the keys and children.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// 0 for leaves, whose children are symbol nodes or chunks.
    pub level: u8,
    /// Number of children.
    pub children: u16,
}

impl Prefix {
    /// Parses the start of a node of groups (`kind` 0) or chunks (1); `bytes` may be longer.
    ///
    /// # Errors
    /// `Invalid` for another signature or kind.
    pub fn parse(bytes: &[u8], kind: u8, sizes: Sizes, base: u64) -> Result<Prefix> {
        let mut c = Cursor::new(bytes, WHAT, base);
        c.signature(SIGNATURE)?;
        let found = c.u8()?;
        if found != kind {
            return Err(c.invalid(format!("node of kind {found} in a tree of kind {kind}")));
        }
        let level = c.u8()?;
        let children = c.u16()?;
        c.address(sizes)?;
        c.address(sizes)?;
        Ok(Prefix { level, children })
    }

    /// Bytes of a group node as it lies in the file, with room for more children.
    pub fn group_capacity(sizes: Sizes) -> u64 {
        Prefix { level: 0, children: sizes.group_internal_k.saturating_mul(2) }.group_len(sizes)
    }

    /// Bytes of a chunk node as it lies in the file, with room for more children.
    pub fn chunk_capacity(rank: usize, sizes: Sizes) -> u64 {
        Prefix { level: 0, children: sizes.chunk_internal_k.saturating_mul(2) }.chunk_len(rank, sizes)
    }

    /// Bytes of a group node, keys and children included.
    pub fn group_len(&self, sizes: Sizes) -> u64 {
        let n = u64::from(self.children);
        prefix_len(sizes) + n * u64::from(sizes.offset) + (n + 1) * u64::from(sizes.length)
    }

    /// The children of a group node, `bytes` being [`Prefix::group_len`] bytes at `base`, each with the key behind
    /// it: where the local heap has the greatest name of the child.
    ///
    /// # Errors
    /// `Invalid` when the node is too short or a child has no address.
    pub fn group_children(&self, bytes: &[u8], sizes: Sizes, base: u64) -> Result<Vec<(u64, u64)>> {
        let mut c = Cursor::new(bytes, WHAT, base);
        c.skip(prefix_len(sizes) as usize)?;
        let mut out = Vec::new();
        c.length(sizes)?;
        for _ in 0..self.children {
            let child = c.address(sizes)?.ok_or_else(|| c.invalid("child without an address"))?;
            out.push((child, c.length(sizes)?));
        }
        Ok(out)
    }

    /// Bytes of a chunk node of an array of `rank` dimensions.
    pub fn chunk_len(&self, rank: usize, sizes: Sizes) -> u64 {
        let n = u64::from(self.children);
        prefix_len(sizes) + n * u64::from(sizes.offset) + (n + 1) * chunk_key_len(rank)
    }

    /// The children of a chunk node with their keys, and the key after the last.
    ///
    /// # Errors
    /// `Invalid` when the node is too short or a child has no address.
    pub fn chunk_children(
        &self,
        bytes: &[u8],
        rank: usize,
        sizes: Sizes,
        base: u64,
    ) -> Result<(Vec<(ChunkKey, u64)>, ChunkKey)> {
        let mut c = Cursor::new(bytes, WHAT, base);
        c.skip(prefix_len(sizes) as usize)?;
        let mut out = Vec::new();
        for _ in 0..self.children {
            let key = ChunkKey::parse(&mut c, rank)?;
            out.push((key, c.address(sizes)?.ok_or_else(|| c.invalid("child without an address"))?));
        }
        let end = ChunkKey::parse(&mut c, rank)?;
        Ok((out, end))
    }
}

fn chunk_key_len(rank: usize) -> u64 {
    8 + 8 * (rank as u64 + 1)
}

/// A key of a chunk node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkKey {
    /// Stored bytes of the chunk.
    pub size: u32,
    /// Filters that were passed over for it, by bit.
    pub filter_mask: u32,
    /// Position of its first element.
    pub offset: SmallVec<[u64; 4]>,
    /// Position inside an element: 0, but in the last key of a node, which can be the last chunk's with the bytes of
    /// an element here.
    pub within: u64,
}

impl ChunkKey {
    fn parse(c: &mut Cursor<'_>, rank: usize) -> Result<ChunkKey> {
        let (size, filter_mask) = (c.u32()?, c.u32()?);
        let mut offset = SmallVec::new();
        for _ in 0..rank {
            offset.push(c.u64()?);
        }
        Ok(ChunkKey { size, filter_mask, offset, within: c.u64()? })
    }

    fn emit(&self, out: &mut Vec<u8>) {
        out.put_u32(self.size);
        out.put_u32(self.filter_mask);
        self.offset.iter().for_each(|&at| out.put_u64(at));
        out.put_u64(self.within);
    }
}

/// Appends a node of a group, padded to its full size of `2 * internal_k` children: children with, for each, the heap
/// offset of its last name, behind the offset of the last name before them, between the node's neighbours.
///
/// # Errors
/// `Unsupported` for more children than the node holds.
pub fn emit_group_node(
    level: u8,
    before: u64,
    children: &[(u64, u64)],
    neighbors: [Option<u64>; 2],
    internal_k: u16,
    out: &mut Vec<u8>,
) -> Result<()> {
    let capacity = 2 * usize::from(internal_k);
    let start = out.len();
    emit_prefix(0, level, children.len(), capacity, neighbors, out)?;
    out.put_u64(before);
    for &(child, last_name) in children {
        out.put_u64(child);
        out.put_u64(last_name);
    }
    out.put_zeros(start + 24 + 8 * (2 * capacity + 1) - out.len());
    Ok(())
}

/// Appends what every node starts with: which tree it is of, its level, the count of its children and its neighbours.
fn emit_prefix(
    tree: u8,
    level: u8,
    children: usize,
    capacity: usize,
    neighbors: [Option<u64>; 2],
    out: &mut Vec<u8>,
) -> Result<()> {
    if children > capacity {
        return Err(hyperslab_core::Error::unsupported(format!(
            "{children} children of a B-tree node of {capacity}"
        )));
    }
    out.extend_from_slice(&SIGNATURE);
    out.extend_from_slice(&[tree, level]);
    out.put_u16(children as u16);
    neighbors.iter().for_each(|&n| out.put_address(n));
    Ok(())
}

/// Appends a node of the chunks of an array, padded to the full size of a node: children with their keys, between the
/// node's neighbours, and the key behind the last of them.
///
/// # Errors
/// `Unsupported` for more children than a node holds.
pub fn emit_chunk_node(
    level: u8,
    children: &[(ChunkKey, u64)],
    end: &ChunkKey,
    neighbors: [Option<u64>; 2],
    out: &mut Vec<u8>,
) -> Result<()> {
    let capacity = 2 * usize::from(Sizes::STANDARD.chunk_internal_k);
    let start = out.len();
    emit_prefix(1, level, children.len(), capacity, neighbors, out)?;
    for (key, address) in children {
        key.emit(out);
        out.put_u64(*address);
    }
    end.emit(out);
    let used = out.len() - start;
    let full = Prefix::chunk_capacity(end.offset.len(), Sizes::STANDARD);
    out.put_zeros(usize::try_from(full).unwrap_or(used).saturating_sub(used));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunk_nodes_round_trip() {
        let key =
            |size, row| ChunkKey { size, filter_mask: 2, offset: [row, 7].into_iter().collect(), within: 0 };
        let children = vec![(key(360, 640), 4096), (key(350, 650), 4456)];
        let mut out = Vec::new();
        emit_chunk_node(0, &children, &key(0, 660), [Some(8), None], &mut out).unwrap();
        assert_eq!(out.len(), 24 + 64 * 40 + 32);
        let p = Prefix::parse(&out, 1, Sizes::STANDARD, 0).unwrap();
        assert_eq!(p, Prefix { level: 0, children: 2 });
        let used = p.chunk_len(2, Sizes::STANDARD) as usize;
        let (found, end) = p.chunk_children(&out[..used], 2, Sizes::STANDARD, 0).unwrap();
        assert_eq!((found, end), (children.clone(), key(0, 660)));
        let many = vec![children[0].clone(); 65];
        assert!(emit_chunk_node(0, &many, &key(0, 660), [None; 2], &mut out).is_err());
    }

    #[test]
    fn group_leaves_round_trip() {
        let mut out = Vec::new();
        emit_group_node(0, 0, &[(100, 8), (200, 24)], [None; 2], 16, &mut out).unwrap();
        assert_eq!(out.len(), 544);
        let p = Prefix::parse(&out, 0, Sizes::STANDARD, 0).unwrap();
        assert_eq!(p, Prefix { level: 0, children: 2 });
        let used = p.group_len(Sizes::STANDARD) as usize;
        assert_eq!(p.group_children(&out[..used], Sizes::STANDARD, 0).unwrap(), [(100, 8), (200, 24)]);
        assert!(p.group_children(&out[..30], Sizes::STANDARD, 0).is_err());
        assert!(Prefix::parse(&out, 1, Sizes::STANDARD, 0).is_err());
    }

    #[test]
    fn chunk_nodes() {
        let mut b = b"TREE\x01\0\x01\0".to_vec();
        b.put_address(None);
        b.put_address(None);
        let key = |b: &mut Vec<u8>, size, at: u64| {
            b.put_u32(size);
            b.put_u32(1);
            b.put_u64(at);
            b.put_u64(0);
        };
        key(&mut b, 50, 0);
        b.put_u64(4096);
        key(&mut b, 0, 10);
        let p = Prefix::parse(&b, 1, Sizes::STANDARD, 0).unwrap();
        assert_eq!(p.chunk_len(1, Sizes::STANDARD), b.len() as u64);
        let (children, end) = p.chunk_children(&b, 1, Sizes::STANDARD, 0).unwrap();
        assert_eq!((children[0].0.size, children[0].0.filter_mask, children[0].1), (50, 1, 4096));
        assert_eq!(end.offset[0], 10);
    }
}
