//! Links and attributes in dense storage: a fractal heap with their messages, and B-trees that find them.

use super::Context;
use crate::format::checksum::lookup3;
use crate::format::fractal_heap::{Block, Header, Id, huge_record};
use crate::format::object_header::SHARED;
use crate::index::btree_v2::BtreeV2;
use hyperslab_core::{Error, Result, ResultExt, Source};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashMap;

/// What one file can nest of indirect blocks: each stands for more bytes than the next.
const MAX_LEVELS: u32 = 64;

/// How many bytes of blocks an open heap keeps: a tree by name asks for objects all over it.
const KEEP: usize = 16 << 20;

/// An open heap that keeps the blocks that it has checked.
pub(crate) struct FractalHeap<'f, 'l> {
    cx: Context<'f, 'l>,
    header: Header,
    kept: HashMap<u64, Cow<'f, [u8]>>,
    kept_bytes: usize,
}

impl<'f, 'l> FractalHeap<'f, 'l> {
    pub(crate) fn open(cx: Context<'f, 'l>, address: u64) -> Result<Self> {
        let what = "fractal heap header";
        let fixed = Header::fixed_len(cx.sizes);
        let bytes = cx.source.bytes_at(address, fixed, cx.limits).reading(what, address)?;
        let len = Header::len(&bytes, cx.sizes, address)?;
        let bytes = cx.source.bytes_at(address, len, cx.limits).reading(what, address)?;
        let header = Header::parse(&bytes, cx.sizes, address)?;
        cx.source.saw(address, len, what);
        Ok(FractalHeap { cx, header, kept: HashMap::new(), kept_bytes: 0 })
    }

    /// Calls `f` with an object's bytes and where they lie in the file (in their block, when that is filtered).
    pub(crate) fn object<T>(&mut self, id: &[u8], f: impl FnOnce(&[u8], u64) -> Result<T>) -> Result<T> {
        let place = self.header.address;
        match self.header.id(id, self.cx.sizes)? {
            Id::Tiny(bytes) => f(bytes, place),
            Id::HugeKey(key) => {
                let huge = self.find_huge(key)?;
                self.huge(huge, f)
            }
            huge @ Id::Huge { .. } => self.huge(huge, f),
            Id::Managed { offset, len } => {
                let (start, block) = self.direct_block(offset)?;
                let bytes = self.kept.get(&block).map(|b| &**b).unwrap_or_default();
                let from = usize::try_from(offset - start).ok();
                let part = from
                    .and_then(|from| bytes.get(from..from.checked_add(usize::try_from(len).ok()?)?))
                    .ok_or_else(|| {
                        Error::invalid(format!("object of {len} bytes at {offset} leaves its block"))
                            .reading("fractal heap direct block")
                            .at(block)
                    })?;
                f(part, block.saturating_add(offset - start))
            }
        }
    }

    fn huge<T>(&self, huge: Id<'_>, f: impl FnOnce(&[u8], u64) -> Result<T>) -> Result<T> {
        let Id::Huge { address, stored, mask, len } = huge else {
            return Err(Error::invalid("not a huge object").reading("fractal heap").at(self.header.address));
        };
        let bytes =
            self.cx.source.bytes_at(address, stored, self.cx.limits).reading("huge object", address)?;
        self.cx.source.saw(address, stored, "huge object");
        let bytes = self.decoded(bytes, mask, len).reading("huge object", address)?;
        f(&bytes, address)
    }

    fn decoded<'b>(&self, bytes: Cow<'b, [u8]>, mask: u32, len: u64) -> Result<Cow<'b, [u8]>> {
        if self.header.filters.is_empty() {
            return Ok(bytes);
        }
        self.cx.file.filters.decode(&self.header.filters, mask, bytes, len, self.cx.limits)
    }

    fn find_huge(&self, key: u64) -> Result<Id<'static>> {
        let missing = || {
            Error::invalid(format!("no huge object {key}")).reading("fractal heap").at(self.header.address)
        };
        let cx = self.cx;
        let tree = BtreeV2::open(cx.source, self.header.huge.ok_or_else(missing)?, cx.sizes, cx.limits)?;
        let mut found = None;
        let record = |r: &[u8]| huge_record(tree.header.kind, r, cx.sizes, self.header.address);
        tree.walk(&|r| Ok(record(r)?.0.cmp(&key)), &mut |r| {
            found = Some(record(r)?.1);
            Ok(())
        })?;
        found.ok_or_else(missing)
    }

    /// Makes the direct block that holds a heap offset the kept one; where it begins in the heap, and its address.
    fn direct_block(&mut self, offset: u64) -> Result<(u64, u64)> {
        let h = &self.header;
        let outside =
            |at: u64| Error::invalid(format!("nothing at offset {offset}")).reading("fractal heap").at(at);
        let root = h.root.ok_or_else(|| outside(h.address))?;
        if h.root_rows == 0 {
            if offset >= h.start_size {
                return Err(outside(root));
            }
            let (stored, mask) = h.root_filtered;
            self.keep(Block { address: root, stored, mask }, self.header.start_size)?;
            return Ok((0, root));
        }
        let (mut at, mut rows, mut start, mut rest) = (root, u32::from(h.root_rows), 0u64, offset);
        for _ in 0..MAX_LEVELS {
            let (row, column, within) = self.header.place(rest);
            self.keep_indirect(at, rows)?;
            let h = &self.header;
            let bytes = self.kept.get(&at).map(|b| &**b).unwrap_or_default();
            let block = h.child(bytes, rows, row, column, self.cx.sizes, at)?.ok_or_else(|| outside(at))?;
            start = start.saturating_add(rest - within);
            if row < h.direct_rows() {
                let size = h.block_size(row);
                self.keep(block, size)?;
                return Ok((start, block.address));
            }
            (at, rows, rest) = (block.address, h.rows_of(h.block_size(row)), within);
        }
        Err(outside(at))
    }

    fn insert(&mut self, at: u64, bytes: Cow<'f, [u8]>) {
        if self.kept_bytes > KEEP {
            self.kept.clear();
            self.kept_bytes = 0;
        }
        self.kept_bytes += bytes.len();
        self.kept.insert(at, bytes);
    }

    fn keep_indirect(&mut self, at: u64, rows: u32) -> Result<()> {
        let what = "fractal heap indirect block";
        let len = self.header.indirect_len(rows, self.cx.sizes);
        if self.kept.get(&at).is_some_and(|b| b.len() as u64 == len) {
            return Ok(());
        }
        let bytes = self.cx.source.bytes_at(at, len, self.cx.limits).reading(what, at)?;
        self.header.check_indirect(&bytes, self.cx.sizes, at)?;
        self.cx.source.saw(at, len, what);
        self.insert(at, bytes);
        Ok(())
    }

    fn keep(&mut self, block: Block, size: u64) -> Result<()> {
        if self.kept.get(&block.address).is_some_and(|b| b.len() as u64 == size) {
            return Ok(());
        }
        let what = "fractal heap direct block";
        let stored = if self.header.filters.is_empty() { size } else { block.stored };
        let bytes =
            self.cx.source.bytes_at(block.address, stored, self.cx.limits).reading(what, block.address)?;
        let bytes = self.decoded(bytes, block.mask, size).reading(what, block.address)?;
        self.header.check_direct(&bytes, self.cx.sizes, block.address)?;
        self.cx.source.saw(block.address, stored, what);
        self.insert(block.address, bytes);
        Ok(())
    }
}

/// What is done with each record.
type EachRecord<'a> = &'a mut dyn FnMut(&[u8], bool, u32) -> Result<()>;

/// A tree that finds heap objects: by name (records sorted by the name's hash) or in creation order.
pub(crate) struct Records<'f> {
    tree: BtreeV2<'f>,
    /// Where a record has the heap identifier, and its length.
    id: std::ops::Range<usize>,
    /// Where it has the hash of the name.
    hash: Option<usize>,
    /// Where it has the flags of the message.
    flags: Option<usize>,
    /// Where it has the order of creation of an attribute.
    order: Option<usize>,
}

impl<'f> Records<'f> {
    pub(crate) fn open(cx: Context<'f, 'f>, address: u64) -> Result<Records<'f>> {
        let tree = BtreeV2::open(cx.source, address, cx.sizes, cx.limits)?;
        let size = usize::from(tree.header.record_size);
        let (id, hash, flags, order) = match tree.header.kind {
            5 => (4..size, Some(0), None, None),
            6 => (8..size, None, None, None),
            8 => (0..8, Some(13), Some(8), Some(9)),
            9 => (0..8, None, Some(8), Some(9)),
            n => {
                return Err(Error::invalid(format!("tree of kind {n} for links or attributes"))
                    .reading("B-tree header")
                    .at(address));
            }
        };
        Ok(Records { tree, id, hash, flags, order })
    }

    /// Calls `f` with the heap identifier of every record, whether it is one of the file's shared-message table, and an
    /// attribute's order of creation, which means something where the object keeps it.
    pub(crate) fn all(&self, f: EachRecord<'_>) -> Result<()> {
        self.tree.walk(&|_| Ok(Ordering::Equal), &mut |r| {
            let (id, shared) = self.id_of(r)?;
            let order = self.order.and_then(|at| r.get(at..)).and_then(|r| r.first_chunk::<4>());
            f(id, shared, order.map_or(0, |b| u32::from_le_bytes(*b)))
        })
    }

    /// As [`Records::all`], for the records that can have the name.
    pub(crate) fn named(&self, name: &[u8], f: &mut dyn FnMut(&[u8], bool) -> Result<()>) -> Result<()> {
        let Some(at) = self.hash else { return self.all(&mut |id, shared, _| f(id, shared)) };
        let want = lookup3(name);
        let order = |r: &[u8]| {
            let stored = r.get(at..).and_then(|r| r.first_chunk::<4>());
            let stored =
                stored.ok_or_else(|| Error::invalid("record without a hash").reading("B-tree node"))?;
            Ok(u32::from_le_bytes(*stored).cmp(&want))
        };
        self.tree.walk(&order, &mut |r| {
            let (id, shared) = self.id_of(r)?;
            f(id, shared)
        })
    }

    fn id_of<'r>(&self, record: &'r [u8]) -> Result<(&'r [u8], bool)> {
        let shared = self.flags.and_then(|at| record.get(at)).is_some_and(|flags| flags & SHARED != 0);
        match record.get(self.id.clone()) {
            Some(id) => Ok((id, shared)),
            None => Err(Error::invalid(format!("record of {} bytes", record.len())).reading("B-tree node")),
        }
    }
}
