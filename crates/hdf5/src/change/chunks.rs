//! Chunks of datasets that are being changed, and the index that finds them.

use super::data::{Pending, Position, usize_of};
use super::{Change, Plan};
use crate::append::Storage;
use crate::filter;
use crate::format::UNDEFINED;
use crate::format::btree_v1::ChunkKey;
use crate::format::extensible_array::size_width_v4;
use crate::format::fixed_array::Header;
use crate::format::message::kind;
use crate::format::message::layout::{ChunkIndex, Chunked};
use crate::index::{self, Chunk, Grid, Region};
use crate::read::gather::{self, Copy, Step, Taken};
use crate::write::part::Form;
use hyperslab_core::{Error, Limits, Result, ResultExt, Shape};
use rayon::prelude::*;
use smallvec::SmallVec;
use std::collections::BTreeMap;

/// Bytes of chunks that are filtered together.
const BATCH: u64 = 32 << 20;

/// Writes the elements of a selection into the chunks that have them.
pub(super) fn overwrite<S: Storage>(
    change: &mut Change<S>,
    layout: &Chunked,
    taken: &Taken,
    elements: &[u8],
) -> Result<()> {
    let Some(p) = &change.pending else { return Ok(()) };
    let chunk_bytes = layout.dims.bytes(layout.element_size)?;
    let region = Region {
        low: taken.axes.iter().zip(layout.dims.iter()).map(|(a, c)| a.start / c).collect(),
        high: taken.axes.iter().zip(layout.dims.iter()).map(|(a, c)| a.last() / c + 1).collect(),
    };
    let mut known = stored(change, p, layout, &region)?;
    known.extend(p.chunks.iter().map(|(at, c)| (at.clone(), *c)));
    let mut places: Vec<(Position, Copy, bool)> = Vec::new();
    region.each(&change.limits, &mut |at| {
        places.extend(into_chunk(layout, taken, at).map(|(copy, whole)| (at.into(), copy, whole)));
        Ok(())
    })?;
    let in_batch = usize_of((BATCH / chunk_bytes.max(1)).clamp(1, 4096))?;
    let mut made = BTreeMap::new();
    for batch in places.chunks(in_batch) {
        made.extend(write_batch(change, layout, &known, batch, chunk_bytes, elements)?);
    }
    // All or, where one was an error, none.
    if let Some(p) = &mut change.pending {
        p.chunks.extend(made);
    }
    Ok(())
}

fn write_batch<S: Storage>(
    change: &mut Change<S>,
    layout: &Chunked,
    known: &BTreeMap<Position, Chunk>,
    batch: &[(Position, Copy, bool)],
    chunk_bytes: u64,
    elements: &[u8],
) -> Result<BTreeMap<Position, Chunk>> {
    let mut plan = change.plan();
    let mut made: BTreeMap<Position, Chunk> = BTreeMap::new();
    {
        let Some(p) = &change.pending else { return Ok(made) };
        let one = |(at, copy, whole): &(Position, Copy, bool)| {
            let chunk = known.get(at).copied();
            let plain = p.filters.is_empty() || is_edge_unfiltered(layout, at, &p.dims);
            let old = match chunk {
                Some(c) if !whole || plain => decoded(change, p, &c, plain, chunk_bytes)?,
                _ => filled(p.fill.as_deref(), chunk_bytes, &change.limits)?,
            };
            let mut new = old.clone();
            gather::copy(elements, &mut new, copy.clone(), usize_of(layout.element_size)?)?;
            Ok(match chunk.filter(|_| plain) {
                Some(c) => (Some(super::plan::difference(c.address, &old, &new)), Vec::new(), 0),
                None if plain => (None, new, 0),
                None => {
                    let (bytes, mask) = filter::encode(&p.filters, new)?;
                    (None, bytes, mask)
                }
            })
        };
        let done: Vec<Result<_>> = batch.par_iter().with_max_len(1).map(one).collect();
        for ((at, ..), done) in batch.iter().zip(done) {
            let (in_place, bytes, filter_mask) = done?;
            if let Some(w) = in_place {
                plan.overwrite(w.at, w.bytes);
                continue;
            }
            let plain = p.filters.is_empty() || is_edge_unfiltered(layout, at, &p.dims);
            let size = if plain { 0 } else { bytes.len() as u64 };
            check_size(size, layout, chunk_bytes)?;
            let address = plan.put(bytes)?;
            made.insert(at.clone(), Chunk { address, size, filter_mask });
        }
    }
    change.write_ahead(plan)?;
    Ok(made)
}

/// Whether an index has room for the stored size of a chunk.
pub(super) fn check_size(size: u64, layout: &Chunked, chunk_bytes: u64) -> Result<()> {
    let bits = match layout.index {
        ChunkIndex::BtreeV1 => 32,
        _ if layout.version >= 5 => 64,
        ChunkIndex::Single { .. } => 64,
        _ => 8 * u32::from(size_width_v4(chunk_bytes)),
    };
    if bits < 64 && size >> bits > 0 {
        return Err(Error::unsupported(format!("a chunk of {size} bytes when filtered")));
    }
    Ok(())
}

/// What the index in the file knows of a region.
pub(super) fn stored<S: Storage>(
    change: &Change<S>,
    p: &Pending,
    layout: &Chunked,
    region: &Region,
) -> Result<BTreeMap<Position, Chunk>> {
    let mut out = BTreeMap::new();
    if region.low.iter().zip(&region.high).any(|(l, h)| l >= h) {
        return Ok(out);
    }
    let file = change.file()?;
    let cx = file.context(&change.limits);
    let grid = Grid::new(&p.was, p.max.as_ref(), &layout.dims)?;
    let chunk_bytes = layout.dims.bytes(layout.element_size)?;
    index::visit(
        cx.source,
        change.sizes,
        &change.limits,
        layout,
        &grid,
        chunk_bytes,
        region,
        &mut |at, chunk| {
            out.insert(at.into(), chunk);
            Ok(())
        },
    )
    .reading("chunk index", layout.address.unwrap_or_default())?;
    Ok(out)
}

/// The bytes of a chunk that is in the file.
pub(super) fn decoded<S: Storage>(
    change: &Change<S>,
    p: &Pending,
    chunk: &Chunk,
    plain: bool,
    chunk_bytes: u64,
) -> Result<Vec<u8>> {
    let len = if plain || chunk.size == 0 { chunk_bytes } else { chunk.size };
    let at =
        change.base.checked_add(chunk.address).ok_or_else(|| Error::invalid("a chunk beyond the file"))?;
    let bytes = change.storage.bytes_at(at, len, &change.limits).reading("chunk", chunk.address)?;
    let filters = if plain { &[][..] } else { &p.filters };
    let bytes = filter::decode(filters, chunk.filter_mask, bytes, chunk_bytes, &change.limits);
    Ok(bytes.reading("chunk", chunk.address)?.into_owned())
}

/// A chunk that nothing was written to.
fn filled(fill: Option<&[u8]>, chunk_bytes: u64, limits: &Limits) -> Result<Vec<u8>> {
    let (mut out, _reservation) = limits.vec(chunk_bytes)?;
    out.resize(usize_of(chunk_bytes)?, 0);
    if let Some(fill) = fill.filter(|f| !f.is_empty()) {
        out.chunks_exact_mut(fill.len()).for_each(|e| e.copy_from_slice(fill));
    }
    Ok(out)
}

/// Whether a chunk is stored without filters because it reaches over the edge.
fn is_edge_unfiltered(layout: &Chunked, at: &[u64], dims: &Shape) -> bool {
    let beyond =
        |(p, (c, d)): (&u64, (&u64, &u64))| p.saturating_add(1).checked_mul(*c).is_none_or(|end| end > *d);
    layout.edge_unfiltered && at.iter().zip(layout.dims.iter().zip(dims.iter())).any(beyond)
}

/// How the selected elements get into a chunk, and whether they are all of it; `None` where it has none of them.
fn into_chunk(layout: &Chunked, taken: &Taken, at: &[u64]) -> Option<(Copy, bool)> {
    let (strides, start) = taken.target();
    let mut steps: SmallVec<[Step; 4]> = SmallVec::new();
    let (mut from, mut to, mut stride, mut whole) = (start, 0i64, layout.element_size as i64, true);
    let each = at.iter().zip(&taken.axes).zip(layout.dims.iter().zip(&strides));
    for ((&position, axis), (&size, &source)) in each.rev() {
        let first = position.saturating_mul(size);
        let (a, b) = axis.inside(first, first.saturating_add(size));
        if a >= b {
            return None;
        }
        whole &= b - a == size;
        steps.push(Step { from: source, to: stride * axis.step as i64, count: b - a });
        to += stride * (axis.start + a * axis.step - first) as i64;
        from += source * a as i64;
        stride = stride.saturating_mul(size as i64);
    }
    steps.reverse();
    Some((Copy { steps, from, to }, whole))
}

/// The layout message that leads to all chunks, those that are new among them, by an index that is written anew.
pub(super) fn layout<S: Storage>(
    change: &Change<S>,
    p: &Pending,
    layout: &Chunked,
    plan: &mut Plan,
) -> Result<Vec<u8>> {
    let body = &p.header.own(kind::LAYOUT, "data layout")?.body;
    if let (ChunkIndex::Single { filtered }, Some(c)) = (layout.index, p.chunks.values().next()) {
        let mut body = with_address(body, Some(layout), c.address)?;
        if filtered.is_some() {
            let at = parameters_at(&body);
            let field = body.get_mut(at..at + 12).ok_or_else(short)?;
            let (size, mask) = field.split_at_mut(8);
            size.copy_from_slice(&c.size.to_le_bytes());
            mask.copy_from_slice(&c.filter_mask.to_le_bytes());
        }
        return Ok(body);
    }
    let counts = p.dims.iter().zip(layout.dims.iter()).map(|(n, c)| n.div_ceil(*c)).collect();
    let region = Region { low: SmallVec::from_elem(0, layout.dims.len()), high: counts };
    let mut all = stored(change, p, layout, &region)?;
    all.extend(p.chunks.iter().map(|(at, c)| (at.clone(), *c)));
    if all.is_empty() {
        return with_address(body, Some(layout), UNDEFINED);
    }
    let chunk_bytes = layout.dims.bytes(layout.element_size)?;
    let address = match layout.index {
        ChunkIndex::BtreeV1 => tree_v1(change, layout, &all, chunk_bytes, plan)?,
        index @ (ChunkIndex::ExtensibleArray(_)
        | ChunkIndex::FixedArray { .. }
        | ChunkIndex::BtreeV2 { .. }) => {
            if matches!(index, ChunkIndex::FixedArray { page_bits } if page_bits != Header::PAGE_BITS) {
                return Err(Error::unsupported("a fixed array with pages of an unusual size"));
            }
            let grid = Grid::new(&p.dims, p.max.as_ref(), &layout.dims)?;
            let form = Form { filtered: !p.filters.is_empty(), chunk_bytes, wide: layout.version >= 5 };
            let all: Vec<_> = all.into_iter().collect();
            let mut part = plan.part()?;
            let at = part.chunk_index(index, &all, &grid, form, &change.limits)?;
            plan.add(part)?;
            at
        }
        ChunkIndex::Single { .. } | ChunkIndex::Implicit => {
            return Err(Error::invalid("new chunks where there can be none"));
        }
    };
    with_address(body, Some(layout), address)
}

fn tree_v1<S: Storage>(
    change: &Change<S>,
    layout: &Chunked,
    all: &BTreeMap<Position, Chunk>,
    chunk_bytes: u64,
    plan: &mut Plan,
) -> Result<u64> {
    if change.sizes.chunk_internal_k != crate::format::Sizes::STANDARD.chunk_internal_k {
        return Err(Error::unsupported("B-tree nodes of an unusual size"));
    }
    let mut sorted: Vec<(ChunkKey, u64)> = Vec::with_capacity(all.len());
    for (at, c) in all {
        let size = if c.size == 0 { chunk_bytes } else { c.size };
        let size = u32::try_from(size).map_err(|_| Error::unsupported("a chunk of 4 GiB"))?;
        let offset = at.iter().zip(layout.dims.iter()).map(|(a, c)| a.saturating_mul(*c)).collect();
        sorted.push((ChunkKey { size, filter_mask: c.filter_mask, offset, within: 0 }, c.address));
    }
    let mut part = plan.part()?;
    let root = part.chunk_tree(&sorted, layout.element_size)?;
    plan.add(part)?;
    root.ok_or_else(|| Error::invalid("a tree without chunks"))
}

/// The body of a layout message with another address: of a chunked layout, or of a contiguous one.
pub(super) fn with_address(body: &[u8], chunked: Option<&Chunked>, address: u64) -> Result<Vec<u8>> {
    let mut body = body.to_vec();
    let at = match (body.first(), chunked) {
        (Some(1..=2), _) => 8,
        (Some(_), None) => 2,
        (Some(3), Some(_)) => 3,
        (_, Some(c)) => {
            parameters_at(&body)
                + match c.index {
                    ChunkIndex::Single { filtered: Some(_) } => 12,
                    ChunkIndex::FixedArray { .. } => 1,
                    ChunkIndex::ExtensibleArray(_) => 5,
                    ChunkIndex::BtreeV2 { .. } => 6,
                    _ => 0,
                }
        }
        (None, None) => return Err(short()),
    };
    body.get_mut(at..at + 8).ok_or_else(short)?.copy_from_slice(&address.to_le_bytes());
    Ok(body)
}

/// Where the parameters of the index begin in a version 4 or 5 layout message.
fn parameters_at(body: &[u8]) -> usize {
    let number = |i: usize| body.get(i).copied().map_or(0, usize::from);
    6 + number(3) * number(4)
}

fn short() -> Error {
    Error::invalid("a data layout that ends before its address")
}

/// Makes an array whose chunks all have their place greater: chunks that come into it are made the fill value first.
pub(super) fn fill_implicit<S: Storage>(change: &mut Change<S>, layout: &Chunked, dims: Shape) -> Result<()> {
    let Some(p) = &change.pending else { return Ok(()) };
    let Some(start) = layout.address else {
        return Err(Error::unsupported("an array without an index whose chunks have no place"));
    };
    let chunk_bytes = layout.dims.bytes(layout.element_size)?;
    let fill = filled(p.fill.as_deref(), chunk_bytes, &change.limits)?;
    let grid = Grid::new(&p.was, p.max.as_ref(), &layout.dims)?;
    let counts = |dims: &Shape| -> Position {
        dims.iter().zip(layout.dims.iter()).map(|(n, c)| n.div_ceil(*c)).collect()
    };
    let inside = Region { low: grid.origin(), high: counts(&p.dims) };
    let mut plan = change.plan();
    let outer = Region { low: grid.origin(), high: counts(&dims) };
    outer.each(&change.limits, &mut |at| {
        if !inside.contains(at) {
            let offset = grid.number(at)?.checked_mul(chunk_bytes).and_then(|o| o.checked_add(start));
            let to = offset.filter(|o| o.saturating_add(chunk_bytes) <= change.stated);
            plan.overwrite(to.ok_or_else(|| Error::invalid("a chunk beyond the file"))?, fill.clone());
        }
        Ok(())
    })?;
    change.commit(plan)?;
    if let Some(p) = &mut change.pending {
        p.dims = dims;
    }
    Ok(())
}
