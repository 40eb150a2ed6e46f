//! Fractal heaps of objects that are all known: blocks one after another, each filled before the next is begun.
//!
//! What is longer than the blocks are for lies by itself, found by a tree. Room that is left at the end of a block is
//! free, and libhdf5 is not told where: it makes new blocks for what it adds.

use super::arena::Arena;
use super::btree_v2;
use crate::format::Put;
use crate::format::fractal_heap::{Counts, Header, Parameters};
use hyperslab_core::{Error, Result};
use std::collections::BTreeMap;

/// B-tree of huge objects that filters do not change.
const HUGE: u8 = 1;
/// Bytes of its records.
const HUGE_RECORD: u16 = 24;

/// A heap being filled.
pub(in crate::write) struct FractalHeap {
    header: Header,
    counts: Counts,
    /// Address and length of huge objects.
    huge: Vec<(u64, u64)>,
    /// Blocks that are full, by their offset in the heap: where they are.
    blocks: BTreeMap<u64, u64>,
    open: Option<Block>,
    used: u64,
}

struct Block {
    offset: u64,
    size: u64,
    objects: Vec<u8>,
}

impl FractalHeap {
    pub(in crate::write) fn new(parameters: Parameters, arena: &mut Arena) -> Result<FractalHeap> {
        let address = arena.reserve(Header::fixed_len(crate::format::Sizes::STANDARD) + 4)?;
        Ok(FractalHeap {
            header: parameters.header(address),
            counts: Counts::default(),
            huge: Vec::new(),
            blocks: BTreeMap::new(),
            open: None,
            used: 0,
        })
    }

    /// Adds an object; returns its identifier.
    pub(in crate::write) fn add(&mut self, object: &[u8], arena: &mut Arena) -> Result<Vec<u8>> {
        let len = object.len() as u64;
        if object.len() > Parameters::MAX_MANAGED {
            self.huge.push((arena.add(object)?, len));
            self.counts.huge += 1;
            self.counts.huge_bytes += len;
            return Ok(self.header.huge_id(self.counts.huge));
        }
        let overhead = self.header.overhead();
        let fits = |b: &Block| overhead + b.objects.len() as u64 + len <= b.size;
        if !self.open.as_ref().is_some_and(fits) {
            self.close(arena)?;
            let mut offset = self.counts.next;
            let size = loop {
                let size = self.size_at(offset)?;
                if overhead + len <= size {
                    break size;
                }
                offset += size;
            };
            self.counts.next = offset + size;
            self.open = Some(Block { offset, size, objects: Vec::new() });
        }
        let Some(block) = &mut self.open else { return Err(Error::limit("no block for an object")) };
        let at = block.offset + overhead + block.objects.len() as u64;
        block.objects.extend_from_slice(object);
        self.counts.managed += 1;
        self.used += len;
        Ok(self.header.managed_id(at, len))
    }

    /// Bytes of the direct block that begins at an offset.
    fn size_at(&self, mut offset: u64) -> Result<u64> {
        if offset >> self.header.offset_bits != 0 {
            return Err(Error::unsupported("more links or attributes than a fractal heap holds"));
        }
        loop {
            let (row, _, within) = self.header.place(offset);
            if row < self.header.direct_rows() {
                return Ok(self.header.block_size(row));
            }
            offset = within;
        }
    }

    fn close(&mut self, arena: &mut Arena) -> Result<()> {
        let Some(block) = self.open.take() else { return Ok(()) };
        let mut out = Vec::new();
        let size = usize::try_from(block.size).unwrap_or(usize::MAX);
        self.header.emit_direct(block.offset, size, &block.objects, &mut out);
        self.blocks.insert(block.offset, arena.add(&out)?);
        self.counts.allocated += block.size;
        Ok(())
    }

    /// Writes everything but the objects; returns the address of the header.
    pub(in crate::write) fn finish(mut self, arena: &mut Arena) -> Result<u64> {
        self.close(arena)?;
        if !self.huge.is_empty() {
            let mut records = Vec::new();
            for ((address, len), key) in self.huge.iter().zip(1u64..) {
                [*address, *len, key].iter().for_each(|&n| records.put_u64(n));
            }
            self.header.huge = Some(btree_v2::write(HUGE, btree_v2::NODE, HUGE_RECORD, &records, arena)?);
        }
        match (self.blocks.len(), self.blocks.first_key_value(), self.blocks.last_key_value()) {
            (1, Some((0, &address)), _) => {
                self.header.root = Some(address);
                self.counts.space = self.header.start_size;
                self.counts.free = self.header.room(0) - self.used;
                // Where the next block goes is worked out anew once the root is not a block itself.
                self.counts.next = 0;
            }
            (_, _, Some((&last, _))) => {
                let rows = self.header.place(last).0 + 1;
                self.header.root = self.indirect(0, rows, arena)?;
                self.header.root_rows = u16::try_from(rows).unwrap_or(u16::MAX);
                self.counts.space = self.header.row_offset(rows);
                let width = u64::from(self.header.width);
                let room: u64 = (0..rows).map(|r| self.header.room(r).saturating_mul(width)).sum();
                self.counts.free = room.saturating_sub(self.used);
            }
            _ => {}
        }
        let mut out = Vec::new();
        self.header.emit(&self.counts, &mut out);
        arena.put(self.header.address, &out)?;
        Ok(self.header.address)
    }

    /// Writes the indirect block of so many rows that begins at an offset, and all below it, where there is anything.
    fn indirect(&self, offset: u64, rows: u32, arena: &mut Arena) -> Result<Option<u64>> {
        let mut children = Vec::new();
        for row in 0..rows {
            let size = self.header.block_size(row);
            for column in 0..u64::from(self.header.width) {
                let at = offset + self.header.row_offset(row) + column * size;
                let is_direct = row < self.header.direct_rows();
                children.push(match self.blocks.range(at..at.saturating_add(size)).next() {
                    None => None,
                    Some((_, &address)) if is_direct => Some(address),
                    Some(_) => self.indirect(at, self.header.rows_of(size), arena)?,
                });
            }
        }
        let mut out = Vec::new();
        self.header.emit_indirect(offset, &children, &mut out);
        arena.add(&out).map(Some)
    }
}
