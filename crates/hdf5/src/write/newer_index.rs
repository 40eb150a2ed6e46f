//! The indexes of chunks that HDF5 1.10 brought: one chunk, chunks without an index, fixed and extensible arrays,
//! version 2 B-trees.
//!
//! Chunks have numbers in a grid of the greatest extents, so that they keep them when the array grows.

use super::finish::arena::Arena;
use super::finish::btree_v2;
use super::space::Space;
use crate::format::Put;
use crate::format::extensible_array::{
    DataBlock, Element, Header, IndexBlock, Parameters, Place, Shape, SuperBlock, size_width_v4,
};
use crate::format::fixed_array;
use crate::format::message::layout::ChunkIndex;
use crate::index::grid::Grid;
use hyperslab_core::{Error, Result};
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet};

/// B-trees of chunks, without and with filters.
const CHUNKS: [u8; 2] = [10, 11];
/// Numbers of chunks in an extensible array end here.
const MOST: u64 = 1 << 31;

/// One chunk that was written.
pub(super) struct Entry {
    /// Its position among the chunks.
    pub(super) at: SmallVec<[u64; 4]>,
    pub(super) address: u64,
    pub(super) size: u32,
    pub(super) mask: u32,
}

impl Entry {
    fn element(&self, filtered: bool) -> Element {
        match filtered {
            true => Element { address: Some(self.address), size: self.size.into(), mask: self.mask },
            false => Element { address: Some(self.address), size: 0, mask: 0 },
        }
    }
}

/// How an index stores chunks.
#[derive(Clone, Copy)]
pub(crate) struct Form {
    pub(crate) filtered: bool,
    /// Of a chunk that is not filtered.
    pub(crate) chunk_bytes: u64,
    /// Whether stored sizes have 8 bytes, as in layout messages of version 5.
    pub(crate) wide: bool,
}

impl Form {
    fn size_width(self) -> u8 {
        if self.wide { 8 } else { size_width_v4(self.chunk_bytes) }
    }

    fn element_size(self) -> u8 {
        if self.filtered { 12 + self.size_width() } else { 8 }
    }
}

/// Writes an index of chunks in C order, of which there is at least one; says what it is and where. `None` where chunks
/// are too many or too far apart for it.
pub(super) fn write(
    index: ChunkIndex,
    entries: &[Entry],
    grid: &Grid,
    form: Form,
    space: &mut Space,
) -> Result<Option<(ChunkIndex, u64)>> {
    let Form { filtered, chunk_bytes, .. } = form;
    let first = entries.first().map_or(0, |e| e.address);
    let mut arena = Arena::new(space);
    let written = match index {
        ChunkIndex::BtreeV1 => return Ok(None),
        ChunkIndex::Single { .. } => {
            let sole = entries.first().map_or((0, 0), |e| (e.size.into(), e.mask));
            return Ok(Some((ChunkIndex::Single { filtered: filtered.then_some(sole) }, first)));
        }
        ChunkIndex::Implicit if is_dense(entries, grid, chunk_bytes)? => return Ok(Some((index, first))),
        ChunkIndex::Implicit => {
            let page_bits = fixed_array::Header::PAGE_BITS;
            let address = fixed(entries, grid, form, &mut arena)?;
            Some((ChunkIndex::FixedArray { page_bits }, address))
        }
        ChunkIndex::FixedArray { .. } => Some((index, fixed(entries, grid, form, &mut arena)?)),
        ChunkIndex::ExtensibleArray(parameters) => {
            let at = extensible(parameters, entries, grid, form, &mut arena)?;
            at.map(|address| (index, address))
        }
        ChunkIndex::BtreeV2 { node_size } => Some((index, tree(node_size, entries, form, &mut arena)?)),
    };
    if written.is_some() {
        arena.finish(space)?;
    }
    Ok(written)
}

/// About how many bytes of memory [`write`] takes: where extents come from a file they can be any.
pub(super) fn cost(index: ChunkIndex, entries: &[Entry], grid: &Grid, form: Form) -> Result<u64> {
    let each = size_of::<Element>() as u64 + u64::from(form.element_size());
    let count = match index {
        ChunkIndex::FixedArray { .. } | ChunkIndex::Implicit => {
            grid.total().ok_or_else(|| Error::limit("more chunks than fit"))?
        }
        ChunkIndex::ExtensibleArray(p) => {
            let mut blocks = BTreeSet::new();
            for e in entries {
                let number = grid.growing_number(&e.at)?;
                if let (true, Place::Block { u, block, .. }) = (number < MOST, p.place(number)) {
                    blocks.insert((u, block));
                }
            }
            blocks.iter().fold(0u64, |sum, (u, _)| sum.saturating_add(p.block_len(*u)))
        }
        _ => entries.len() as u64,
    };
    Ok(count.saturating_mul(each))
}

/// Whether all chunks lie one after another.
fn is_dense(entries: &[Entry], grid: &Grid, chunk_bytes: u64) -> Result<bool> {
    let first = entries.first().map_or(0, |e| e.address);
    for (e, i) in entries.iter().zip(0u64..) {
        let place = first.checked_add(chunk_bytes.saturating_mul(i));
        if grid.number(&e.at)? != i || place != Some(e.address) {
            return Ok(false);
        }
    }
    Ok(grid.total() == Some(entries.len() as u64))
}

fn fixed(entries: &[Entry], grid: &Grid, form: Form, arena: &mut Arena) -> Result<u64> {
    let filtered = form.filtered;
    let total = grid.total().and_then(|n| usize::try_from(n).ok());
    let mut elements = vec![Element::default(); total.ok_or_else(|| Error::limit("more chunks than fit"))?];
    for e in entries {
        let slot = usize::try_from(grid.number(&e.at)?).ok().and_then(|i| elements.get_mut(i));
        *slot.ok_or_else(|| Error::usage("a chunk outside the array"))? = e.element(filtered);
    }
    let mut header = fixed_array::Header {
        filtered,
        element_size: form.element_size(),
        page_bits: fixed_array::Header::PAGE_BITS,
        elements: elements.len() as u64,
        block: None,
    };
    let at = arena.reserve(fixed_array::Header::len(crate::format::Sizes::STANDARD))?;
    let mut out = Vec::new();
    header.emit_block(at, &elements, &mut out);
    header.block = Some(arena.add(&out)?);
    out.clear();
    header.emit(&mut out);
    arena.put(at, &out)?;
    Ok(at)
}

fn extensible(
    parameters: Parameters,
    entries: &[Entry],
    grid: &Grid,
    form: Form,
    arena: &mut Arena,
) -> Result<Option<u64>> {
    let filtered = form.filtered;
    let mut header = Header::new(filtered, form.element_size());
    header.shape.parameters = parameters;
    let (shape, p) = (header.shape, parameters);
    let mut index = IndexBlock::new(&shape);
    let mut blocks: BTreeMap<(u32, u64), Vec<(u64, Element)>> = BTreeMap::new();
    for e in entries {
        let number = grid.growing_number(&e.at)?;
        if number >= MOST {
            return Ok(None);
        }
        header.max_set = header.max_set.max(number + 1);
        match p.place(number) {
            Place::Index(i) => {
                if let Some(slot) = index.elements.get_mut(i) {
                    *slot = e.element(filtered);
                }
            }
            Place::Block { u, block, element, .. } => {
                blocks.entry((u, block)).or_default().push((element, e.element(filtered)));
            }
        }
    }
    let at = arena.reserve(Header::len(crate::format::Sizes::STANDARD) as u64)?;
    let index_at = arena.reserve(IndexBlock::len(&shape))?;
    header.elements = p.index_elements.into();
    let mut supers: BTreeMap<u32, SuperBlock> = BTreeMap::new();
    for ((u, block), elements) in blocks {
        let superior =
            (u >= p.first_super()).then(|| supers.entry(u).or_insert_with(|| SuperBlock::new(&shape, u)));
        let (bytes, pages) = data_block(&shape, u, block, &elements, at)?;
        let address = arena.add(&bytes)?;
        header.data_blocks += 1;
        header.data_bytes += DataBlock::len(&shape, u)?;
        header.elements += p.block_len(u);
        let slot = match superior {
            Some(s) => {
                pages.into_iter().for_each(|page| s.set_page(&shape, block, page));
                s.data_blocks.get_mut(block as usize)
            }
            None => {
                let before: u64 = (0..u).map(|v| p.blocks_of(v)).sum();
                index.data_blocks.get_mut((before + block) as usize)
            }
        };
        *slot.ok_or_else(|| Error::usage("a chunk outside its index"))? = Some(address);
    }
    for (u, superior) in supers {
        let mut out = Vec::new();
        superior.emit(&shape, at, &mut out);
        header.super_blocks += 1;
        header.super_bytes += SuperBlock::len(&shape, u)?;
        let slot = index.super_blocks.get_mut(u.saturating_sub(p.first_super()) as usize);
        *slot.ok_or_else(|| Error::usage("a chunk outside its index"))? = Some(arena.add(&out)?);
    }
    let mut out = Vec::new();
    index.emit(&shape, at, &mut out);
    arena.put(index_at, &out)?;
    header.index_block = Some(index_at);
    out.clear();
    header.emit(&mut out);
    arena.put(at, &out)?;
    Ok(Some(at))
}

/// The bytes of a data block, and the numbers of its pages that have something in them.
fn data_block(
    shape: &Shape,
    u: u32,
    block: u64,
    set: &[(u64, Element)],
    header: u64,
) -> Result<(Vec<u8>, Vec<u64>)> {
    let p = shape.parameters;
    let too_many = || Error::limit("more chunks than fit");
    let len = p.block_len(u);
    let mut elements = vec![Element::default(); usize::try_from(len).map_err(|_| too_many())?];
    for (i, e) in set {
        *usize::try_from(*i).ok().and_then(|i| elements.get_mut(i)).ok_or_else(too_many)? = *e;
    }
    let first = p.super_start(u) + block * len;
    let (mut out, mut pages) = (Vec::new(), Vec::new());
    if p.pages_of(u) == 0 {
        DataBlock::emit(&elements, shape, first, header, &mut out);
        return Ok((out, pages));
    }
    DataBlock::emit_prefix(shape, first, header, &mut out);
    let page_len = usize::try_from(p.page_len()).map_err(|_| too_many())?;
    for (page, number) in elements.chunks(page_len).zip(0u64..) {
        if page.iter().any(|e| e.address.is_some()) {
            pages.push(number);
        }
        DataBlock::emit_page(page, shape, &mut out);
    }
    Ok((out, pages))
}

fn tree(node: u32, entries: &[Entry], form: Form, arena: &mut Arena) -> Result<u64> {
    let rank = entries.first().map_or(0, |e| e.at.len());
    let (filtered, width) = (form.filtered, usize::from(form.size_width()));
    let size = 8 + 8 * rank + if filtered { width + 4 } else { 0 };
    let mut records = Vec::with_capacity(entries.len().saturating_mul(size));
    for e in entries {
        records.put_u64(e.address);
        if filtered {
            records.put_uint(e.size.into(), width);
            records.put_u32(e.mask);
        }
        e.at.iter().for_each(|&n| records.put_u64(n));
    }
    let [plain, with_filters] = CHUNKS;
    let kind = if filtered { with_filters } else { plain };
    let size = u16::try_from(size).map_err(|_| Error::limit("records of more than 64 KiB"))?;
    btree_v2::write(kind, node, size, &records, arena)
}
