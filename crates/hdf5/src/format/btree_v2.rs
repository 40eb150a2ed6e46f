//! Version 2 B-trees: records of one size, sorted by a rule of their own.
//!
//! One node at a time; what a record holds is the business of whoever walks the tree (links and attributes in dense
//! storage, chunks, huge heap objects), and so is following children and bounding the walk.
//!
//! Source: HDF5 File Format Specification 3.0, section III.A.2; the widths of child pointers were measured on
//! libhdf5.

use super::{Cursor, Put, Sizes, checksum};
use hyperslab_core::{Error, Result};

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
    /// Records of a node, and of all below it and itself, by level: as many as fit.
    capacities: Vec<(u64, u64)>,
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
        let header = Header {
            kind,
            node_size,
            record_size,
            depth,
            root,
            root_records,
            total,
            count_width: 0,
            total_widths: Vec::new(),
            capacities: Vec::new(),
        };
        header.measured(sizes).map_err(|e| c.invalid(e.message().to_owned()))
    }

    /// Works out how much fits and how wide counts are.
    fn measured(mut self, sizes: Sizes) -> Result<Header> {
        let room = u64::from(self.node_size).saturating_sub(NODE_OVERHEAD);
        let record = u64::from(self.record_size).max(1);
        // How many records a subtree can hold decides how wide its counts are stored.
        let leaf = room / record;
        self.count_width = width_of(leaf);
        let mut most = leaf;
        self.total_widths = vec![0];
        self.capacities = vec![(leaf, leaf)];
        for level in 1..=self.depth {
            let below = self.total_widths.last().copied().unwrap_or(0);
            let pointer = u64::from(sizes.offset) + self.count_width as u64 + below as u64;
            let own = room.saturating_sub(pointer) / (record + pointer);
            most = own.saturating_add(1).saturating_mul(most).saturating_add(own);
            if own == 0 {
                let what = format!("no record fits a node of {} bytes at level {level}", self.node_size);
                return Err(Error::invalid(what));
            }
            self.total_widths.push(width_of(most));
            self.capacities.push((own, most));
        }
        Ok(self)
    }

    /// A tree of so many records that is to be written, as low as it can be. Its root is not known yet.
    ///
    /// # Errors
    /// `Unsupported` where a node holds no record.
    pub fn new(kind: u8, node_size: u32, record_size: u16, total: u64) -> Result<Header> {
        let too_long =
            || Error::unsupported(format!("records of {record_size} bytes in B-tree nodes of {node_size}"));
        let mut header = Header {
            kind,
            node_size,
            record_size,
            depth: 0,
            root: None,
            root_records: 0,
            total,
            count_width: 0,
            total_widths: Vec::new(),
            capacities: Vec::new(),
        };
        loop {
            header = header.measured(Sizes::STANDARD).map_err(|_| too_long())?;
            match header.capacities.last() {
                Some((own, _)) if *own == 0 => return Err(too_long()),
                Some((_, most)) if *most >= total => return Ok(header),
                _ if header.depth >= MAX_DEPTH => return Err(too_long()),
                _ => header.depth += 1,
            }
        }
    }

    /// How many records a node of a level and all below it hold.
    pub fn capacity(&self, level: u16) -> u64 {
        self.capacities.get(usize::from(level)).map_or(0, |(_, most)| *most)
    }

    /// Appends the header.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(b"BTHD\0");
        out.put_u8(self.kind);
        out.put_u32(self.node_size);
        out.put_u16(self.record_size);
        out.put_u16(self.depth);
        // Nodes are split when they are full, and merged below two fifths.
        out.extend_from_slice(&[100, 40]);
        out.put_address(self.root);
        out.put_u16(self.root_records);
        out.put_u64(self.total);
        checksum::seal(out, start);
    }

    /// Appends a node of a level, which is shorter than a node's size: records one after another and, above the leaves,
    /// the children between them with the number of all records below each.
    pub fn emit_node(&self, level: u16, records: &[u8], children: &[(Child, u64)], out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(if level == 0 { b"BTLF\0" } else { b"BTIN\0" });
        out.put_u8(self.kind);
        out.extend_from_slice(records);
        let below = usize::from(level).checked_sub(1).and_then(|l| self.total_widths.get(l));
        for (child, total) in children {
            out.put_u64(child.address);
            out.put_uint(child.records, self.count_width);
            out.put_uint(*total, below.copied().unwrap_or(0));
        }
        checksum::seal(out, start);
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
