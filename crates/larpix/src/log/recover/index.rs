//! The chunks that a damaged extensible array still leads to.
//!
//! Blocks whose checksum is wrong are used all the same, and the chunks found through them marked: whoever uses them
//! checks what they hold. Blocks that are no blocks any more leave a range of lost chunks.

use super::input::{Input, Parsed, tolerant};
use hyperslab_core::{Result, ResultExt as _};
use hyperslab_hdf5::format::Sizes;
use hyperslab_hdf5::format::extensible_array::{DataBlock, Element, Header, IndexBlock, Shape, SuperBlock};
use hyperslab_hdf5::index::Chunk;
use std::collections::BTreeMap;
use std::ops::Range;

/// A chunk that was found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Located {
    pub(super) chunk: Chunk,
    /// Whether all that led to it had a right checksum.
    pub(super) checked: bool,
}

/// A range of chunks that cannot be reached, or one that is not what it should be.
#[derive(Clone, Debug)]
pub(super) struct Missing {
    pub(super) chunks: Range<u64>,
    pub(super) why: String,
    pub(super) at: u64,
}

/// What is known of a column's chunks, by number.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    pub(super) found: BTreeMap<u64, Located>,
    /// In order and apart.
    pub(super) missing: Vec<Missing>,
    /// Blocks that were used although their checksum is wrong.
    pub(super) unchecked: u64,
    /// Whether chunks carry sizes and filter masks.
    pub(super) filtered: bool,
}

/// Damaged blocks after which the rest of an array is given up.
const MAX_DAMAGE: usize = 10_000;

impl Chunks {
    /// Goes through the array at an address; `plain` is how many bytes a chunk without a stored size takes.
    ///
    /// # Errors
    /// When there is no array any more.
    pub(super) fn read(input: &Input<'_>, address: u64, plain: u64) -> Result<Chunks> {
        let bytes = input.read(address, Header::len(Sizes::STANDARD) as u64);
        let bytes = bytes.reading("extensible array header", address)?;
        let Parsed { value: header, checked } =
            tolerant(&bytes, |b| Header::parse(b, Sizes::STANDARD, address))?;
        let mut walk = Walk { input, address, shape: header.shape, out: Chunks::default() };
        walk.out.filtered = header.shape.filtered;
        walk.out.unchecked += u64::from(!checked);
        // Beyond the greatest element that was set there is nothing; a header with a wrong checksum does not say.
        let end = if checked { header.max_set } else { u64::MAX };
        if let Some(at) = header.index_block {
            walk.index_block(at, end, checked);
        }
        let mut out = walk.out;
        out.apart(input.len, plain);
        Ok(out)
    }

    /// The number of the last chunk that is known, and one more.
    pub(super) fn end(&self) -> u64 {
        self.found.last_key_value().map_or(0, |(n, _)| n.saturating_add(1))
    }

    /// Chunks that lie over each other: the one that was found through sound blocks is believed, then the first.
    fn apart(&mut self, len: u64, plain: u64) {
        let mut order: Vec<(u64, Located)> = self.found.iter().map(|(n, l)| (*n, *l)).collect();
        order.sort_by_key(|(n, l)| (!l.checked, *n));
        let mut taken: BTreeMap<u64, u64> = BTreeMap::new();
        for (n, Located { chunk, .. }) in order {
            let size = if self.filtered { chunk.size } else { plain };
            let (start, end) = (chunk.address, chunk.address.saturating_add(size.max(1)));
            let before = taken.range(..end).next_back().is_some_and(|(_, &e)| e > start);
            let why = if before {
                "it lies over another chunk"
            } else if start >= len {
                "the file ends before it"
            } else {
                taken.insert(start, end);
                continue;
            };
            self.found.remove(&n);
            self.missing.push(Missing { chunks: n..n + 1, why: why.into(), at: start });
        }
        self.missing.sort_by_key(|m| m.chunks.start);
    }
}

struct Walk<'w, 's> {
    input: &'w Input<'s>,
    address: u64,
    shape: Shape,
    out: Chunks,
}

impl Walk<'_, '_> {
    fn index_block(&mut self, at: u64, end: u64, checked: bool) {
        let shape = self.shape;
        let p = shape.parameters;
        let inline = u64::from(p.index_elements);
        let address = self.address;
        let parse = |b: &[u8]| IndexBlock::parse(b, &shape, address, at);
        let Some(Parsed { value: block, checked }) =
            self.block(at, Ok(IndexBlock::len(&shape)), 0..end, checked, parse)
        else {
            return;
        };
        self.elements(0, &block.elements, end, checked);
        let mut addresses = block.data_blocks.iter();
        for u in 0..p.first_super() {
            for b in 0..p.blocks_of(u) {
                if let Some(Some(at)) = addresses.next() {
                    self.data_block(u, b, *at, None, end, checked);
                }
            }
        }
        for (u, at) in (p.first_super()..).zip(&block.super_blocks) {
            let Some(at) = *at else { continue };
            let start = inline.saturating_add(p.super_start(u));
            let chunks = start..inline.saturating_add(p.super_start(u + 1)).min(end);
            if chunks.is_empty() {
                continue;
            }
            let parse = |b: &[u8]| SuperBlock::parse(b, &shape, u, address, at);
            let Some(Parsed { value: block, checked }) =
                self.block(at, SuperBlock::len(&shape, u), chunks, checked, parse)
            else {
                continue;
            };
            for (b, at) in (0..).zip(&block.data_blocks) {
                if let Some(at) = at {
                    self.data_block(u, b, *at, Some(&block), end, checked);
                }
            }
        }
    }

    fn data_block(&mut self, u: u32, b: u64, at: u64, parent: Option<&SuperBlock>, end: u64, checked: bool) {
        let shape = self.shape;
        let p = shape.parameters;
        let len = p.block_len(u);
        let first = p.super_start(u).saturating_add(b.saturating_mul(len));
        let start = u64::from(p.index_elements).saturating_add(first);
        let chunks = start..start.saturating_add(len).min(end);
        if chunks.is_empty() {
            return;
        }
        let address = self.address;
        let parse = |bytes: &[u8]| DataBlock::parse(bytes, &shape, u, first, address, at);
        let pages = p.pages_of(u);
        let bytes = if pages > 0 { Ok(DataBlock::prefix_len(&shape)) } else { DataBlock::len(&shape, u) };
        let Some(Parsed { value: block, checked }) = self.block(at, bytes, chunks, checked, parse) else {
            return;
        };
        self.elements(start, &block.elements, end, checked);
        let Some(parent) = parent else { return };
        let pages = pages.min((parent.bitmap.len() as u64).saturating_mul(8));
        for page in (0..pages).filter(|&page| parent.has_page(&shape, b, page)) {
            let start = start.saturating_add(page.saturating_mul(p.page_len()));
            let chunks = start..start.saturating_add(p.page_len()).min(end);
            if chunks.is_empty() {
                break;
            }
            let place = DataBlock::page_at(&shape, page).map(|o| at.saturating_add(o)).unwrap_or(u64::MAX);
            let parse = |b: &[u8]| DataBlock::parse_page(b, &shape, place);
            let parsed = self.block(place, DataBlock::page_len(&shape), chunks, checked, parse);
            if let Some(Parsed { value, checked }) = parsed {
                self.elements(start, &value, end, checked);
            }
        }
    }

    /// Reads and parses one block; when it is none any more, its chunks are missing.
    fn block<T>(
        &mut self,
        at: u64,
        len: Result<u64>,
        chunks: Range<u64>,
        checked: bool,
        parse: impl Fn(&[u8]) -> Result<T>,
    ) -> Option<Parsed<T>> {
        if self.out.missing.len() >= MAX_DAMAGE {
            if self.out.missing.len() == MAX_DAMAGE {
                let why = "too much of the index is damaged".into();
                self.out.missing.push(Missing { chunks: chunks.start..u64::MAX, why, at });
            }
            return None;
        }
        let read = || -> Result<Parsed<T>> {
            let bytes = self.input.read(at, len?).reading("extensible array block", at)?;
            tolerant(&bytes, parse)
        };
        match read() {
            Ok(parsed) => {
                self.out.unchecked += u64::from(!parsed.checked);
                Some(Parsed { checked: parsed.checked && checked, ..parsed })
            }
            Err(e) => {
                self.out.missing.push(Missing { chunks, why: e.to_string(), at });
                None
            }
        }
    }

    fn elements(&mut self, start: u64, elements: &[Element], end: u64, checked: bool) {
        for (n, e) in (start..end).zip(elements) {
            if let Some(address) = e.address {
                let chunk = Chunk { address, size: e.size, filter_mask: e.mask };
                self.out.found.insert(n, Located { chunk, checked });
            }
        }
    }
}
