//! Version 2 B-trees: records of one size, sorted by a rule of their own.
//!
//! One node at a time; what a record holds is the business of whoever walks the tree (links and attributes in dense
//! storage, chunks, huge heap objects), and so is following children and bounding the walk.
//!
//! Source: HDF5 File Format Specification 3.0, section III.A.2; the widths of child pointers were measured on
//! libhdf5.

use super::put::narrow;
use super::{Cursor, Put, Sizes, checksum};
use hyperslab_core::Result;

const HEADER: &str = "B-tree header";
const NODE: &str = "B-tree node";
/// Signature, version, kind and checksum of a node.
const NODE_OVERHEAD: u64 = 10;
/// No tree that fits a file is deeper.
const MAX_DEPTH: u16 = 32;

/// The header of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// What its records are: 5 and 6 links, 8 and 9 attributes, 10 and 11 chunks, 1 to 4 huge heap objects.
    pub kind: u8,
    /// Bytes of a node.
    pub node_size: u32,
    /// Bytes of a record.
    pub record_size: u16,
    /// Levels above the leaves.
    pub depth: u16,
    /// The root node; `None` for a tree without records.
    pub root: Option<u64>,
    /// Records in the root node.
    pub root_records: u16,
    /// Records in all.
    pub total: u64,
    /// Bytes of a child's record count in internal nodes.
    count_width: usize,
    /// Bytes of the count of all records below a child, by the child's level.
    total_widths: Vec<usize>,
}

/// A node below another one, or the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Child {
    /// Where it lies.
    pub address: u64,
    /// Its own records.
    pub records: u64,
}

/// A node taken apart.
#[derive(Clone, Debug)]
pub struct Node<'a> {
    /// Its records one after another.
    pub records: &'a [u8],
    /// The nodes between them; empty in a leaf.
    pub children: Vec<Child>,
}

/// Bytes that hold any number up to `n`.
fn width_of(n: u64) -> usize {
    (n.max(1).ilog2() / 8 + 1) as usize
}

impl Header {
    /// Bytes of a stored header.
    pub fn len(sizes: Sizes) -> u64 {
        22 + u64::from(sizes.offset) + u64::from(sizes.length)
    }

    /// Parses the header at the start of `bytes`, which lie at `base` in the file.
    ///
    /// # Errors
    /// `Invalid`, `Unsupported` for another version.
    pub fn parse(bytes: &[u8], sizes: Sizes, base: u64) -> Result<Header> {
        let mut c = Cursor::new(bytes, HEADER, base);
        c.signature(*b"BTHD")?;
        checksum::verify(bytes.get(..Header::len(sizes) as usize).unwrap_or(bytes), HEADER, base)?;
        c.version(0, 0)?;
        let kind = c.u8()?;
        let (node_size, record_size, depth) = (c.u32()?, c.u16()?, c.u16()?);
        c.skip(2)?;
        let root = c.address(sizes)?;
        let root_records = c.u16()?;
        let total = c.length(sizes)?;
        let room = u64::from(node_size).saturating_sub(NODE_OVERHEAD);
        let record = u64::from(record_size);
        if record == 0 || record > room || depth > MAX_DEPTH {
            return Err(c.invalid(format!(
                "records of {record_size} bytes in nodes of {node_size}, {depth} levels deep"
            )));
        }
        // How many records a subtree can hold decides how wide its counts are stored.
        let leaf = room / record;
        let count_width = width_of(leaf);
        let (mut most, mut total_widths) = (leaf, vec![0]);
        for level in 1..=depth {
            let below = total_widths.last().copied().unwrap_or(0);
            let pointer = u64::from(sizes.offset) + count_width as u64 + below as u64;
            let own = room.saturating_sub(pointer) / (record + pointer);
            most = own.saturating_add(1).saturating_mul(most).saturating_add(own);
            if own == 0 {
                return Err(c.invalid(format!("no record fits a node of {node_size} bytes at level {level}")));
            }
            total_widths.push(width_of(most));
        }
        Ok(Header {
            kind,
            node_size,
            record_size,
            depth,
            root,
            root_records,
            total,
            count_width,
            total_widths,
        })
    }

    /// The root as a child.
    pub fn root(&self) -> Option<Child> {
        self.root.map(|address| Child { address, records: self.root_records.into() })
    }

    /// Bytes of a node that are in use, checksum included.
    ///
    /// # Errors
    /// `Invalid` when they do not fit the node.
    pub fn used(&self, child: Child, level: u16, sizes: Sizes) -> Result<u64> {
        let pointers = if level == 0 { 0 } else { child.records.saturating_add(1) };
        let used = NODE_OVERHEAD
            .saturating_add(child.records.saturating_mul(self.record_size.into()))
            .saturating_add(pointers.saturating_mul(self.pointer_len(level, sizes)));
        if used <= u64::from(self.node_size) {
            return Ok(used);
        }
        Err(Cursor::new(&[], NODE, child.address)
            .invalid(format!("{} records in a node of {} bytes", child.records, self.node_size)))
    }

    fn pointer_len(&self, level: u16, sizes: Sizes) -> u64 {
        let total = usize::from(level).checked_sub(1).and_then(|l| self.total_widths.get(l));
        u64::from(sizes.offset) + (self.count_width + total.copied().unwrap_or(0)) as u64
    }

    /// Parses a node of a level (0 for leaves), `bytes` being its [`Header::used`] bytes.
    ///
    /// # Errors
    /// `Invalid`.
    pub fn node<'a>(&self, bytes: &'a [u8], child: Child, level: u16, sizes: Sizes) -> Result<Node<'a>> {
        let mut c = Cursor::new(bytes, NODE, child.address);
        c.signature(if level == 0 { *b"BTLF" } else { *b"BTIN" })?;
        checksum::verify(bytes, NODE, child.address)?;
        c.version(0, 0)?;
        let kind = c.u8()?;
        if kind != self.kind {
            return Err(c.invalid(format!("node of kind {kind} in a tree of kind {}", self.kind)));
        }
        let size =
            usize::try_from(child.records.saturating_mul(self.record_size.into())).unwrap_or(usize::MAX);
        let records = c.bytes(size)?;
        let mut children = Vec::new();
        if level > 0 {
            let total = usize::from(level - 1);
            for _ in 0..=child.records {
                let address = c.address(sizes)?.ok_or_else(|| c.invalid("child without an address"))?;
                let records = c.uint(self.count_width)?;
                c.skip(self.total_widths.get(total).copied().unwrap_or(0))?;
                children.push(Child { address, records });
            }
        }
        Ok(Node { records, children })
    }
}

/// Appends a tree of one leaf, which will lie at `address`: the leaf with its sorted records, padded to the size of a
/// node, then the header. Returns where the header will lie.
///
/// # Errors
/// `Unsupported` for more records than a leaf holds.
pub fn emit_leaf<const N: usize>(
    kind: u8,
    records: &[[u8; N]],
    address: u64,
    out: &mut Vec<u8>,
) -> Result<u64> {
    let count: u16 = narrow(records.len(), "leaf of a B-tree")?;
    let used = NODE_OVERHEAD as usize + records.len() * N;
    let node_size = used.next_power_of_two().max(512);
    let start = out.len();
    out.extend_from_slice(b"BTLF\0");
    out.put_u8(kind);
    records.iter().for_each(|r| out.extend_from_slice(r));
    checksum::seal(out, start);
    out.put_zeros(node_size - used);
    let header = out.len();
    out.extend_from_slice(b"BTHD\0");
    out.put_u8(kind);
    out.put_u32(narrow(node_size, "node of a B-tree")?);
    out.put_u16(narrow(N, "record of a B-tree")?);
    out.put_u16(0);
    // Nodes are split when they are full, and merged below two fifths.
    out.extend_from_slice(&[100, 40]);
    out.put_u64(address);
    out.put_u16(count);
    out.put_u64(count.into());
    checksum::seal(out, header);
    Ok(address + (header - start) as u64)
}
