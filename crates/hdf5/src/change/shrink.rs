//! Extents made smaller: chunks beyond them go, and what is cut of others becomes the fill value, so that it is that when
//! the array grows again.
//!
//! The chunks at the new edge are written anew, whatever their filters: one write of the header then switches to the new
//! extents and to an index of the chunks that are left.

use super::chunks;
use super::data::{Pending, Place, Position, usize_of};
use super::{Change, Plan};
use crate::append::Storage;
use crate::filter;
use crate::format::message::layout::{ChunkIndex, Chunked};
use crate::index::{Chunk, Region};
use hyperslab_core::{Error, Result, Shape};
use smallvec::SmallVec;
use std::collections::BTreeMap;

/// Bytes of chunks that are held before they are written.
const BATCH: u64 = 32 << 20;

/// Makes the extents of the dataset that is being changed these, none of which is greater than the present one.
pub(super) fn shrink<S: Storage>(change: &mut Change<S>, dims: Shape) -> Result<()> {
    let Some(p) = &change.pending else { return Ok(()) };
    let Place::Chunked(layout) = &p.place else {
        return Err(Error::usage("the extents of an array that is not stored in chunks stay as they are"));
    };
    // Where the greatest extents are not told, they are the present ones, and would shrink as well.
    if p.max.is_none() || matches!(layout.index, ChunkIndex::Single { .. }) {
        return Err(Error::unsupported("fewer elements of an array whose extents are fixed"));
    }
    if matches!(layout.index, ChunkIndex::Implicit) || (layout.edge_unfiltered && !p.filters.is_empty()) {
        return Err(Error::unsupported("fewer elements of an array whose chunks all have their places"));
    }
    if p.fill.is_some() && p.stored.has_indirection() {
        return Err(Error::unsupported(format!("a fill value of {} in place of elements", p.stored)));
    }
    for f in &p.filters {
        filter::encoder(f)?;
    }
    let (layout, was) = (layout.clone(), p.dims.clone());
    let counts = dims.iter().zip(layout.dims.iter()).map(|(n, c)| n.div_ceil(*c)).collect();
    let region = Region { low: SmallVec::from_elem(0, layout.dims.len()), high: counts };
    let left = chunks::stored(change, p, &layout, &region)?;
    let mut made = BTreeMap::new();
    let mut waiting = left.into_iter().filter(|(at, _)| is_cut(at, &layout, &was, &dims)).peekable();
    while waiting.peek().is_some() {
        let mut plan = change.plan();
        let mut held = 0;
        while held < BATCH
            && let Some((at, chunk)) = waiting.next()
        {
            let Some(p) = &change.pending else { return Ok(()) };
            let (new, size) = cut(change, p, &layout, &at, &chunk, &dims, &mut plan)?;
            held += size.max(1);
            made.insert(at, new);
        }
        change.write_ahead(plan)?;
    }
    if let Some(p) = &mut change.pending {
        p.chunks.extend(made);
        (p.dims, p.cut) = (dims, true);
    }
    Ok(())
}

/// Whether a chunk has elements within the old extents and beyond the new ones.
fn is_cut(at: &[u64], layout: &Chunked, was: &Shape, dims: &Shape) -> bool {
    at.iter().zip(layout.dims.iter()).zip(was.iter().zip(dims.iter())).any(
        |((position, size), (old, new))| position.saturating_add(1).saturating_mul(*size).min(*old) > *new,
    )
}

/// Plans a chunk anew, without what lies beyond the new extents; returns where it will be and how many bytes it has.
fn cut<S: Storage>(
    change: &Change<S>,
    p: &Pending,
    layout: &Chunked,
    at: &Position,
    chunk: &Chunk,
    dims: &Shape,
    plan: &mut Plan,
) -> Result<(Chunk, u64)> {
    let plain = p.filters.is_empty();
    let chunk_bytes = layout.dims.bytes(layout.element_size)?;
    let mut bytes = chunks::decoded(change, p, chunk, plain, chunk_bytes)?;
    let item = usize_of(layout.element_size)?;
    let row = layout.dims.last().map_or(Ok(1), |&n| usize_of(n))?;
    // How many elements of the chunk are inside, in every dimension.
    let inside: SmallVec<[u64; 4]> = at
        .iter()
        .zip(layout.dims.iter())
        .zip(dims.iter())
        .map(|((position, size), n)| n.saturating_sub(position.saturating_mul(*size)).min(*size))
        .collect();
    let (last, outer) = inside.split_last().ok_or_else(|| Error::invalid("chunks without a dimension"))?;
    for (number, row) in bytes.chunks_exact_mut(row.saturating_mul(item).max(1)).enumerate() {
        let mut rest = number as u64;
        let mut stays = true;
        for (n, size) in outer.iter().zip(layout.dims.iter()).rev() {
            stays &= rest % size < *n;
            rest /= size;
        }
        let keep = if stays { usize_of(*last)?.saturating_mul(item) } else { 0 };
        let gone = row.get_mut(keep..).unwrap_or_default();
        match p.fill.as_deref().filter(|f| f.len() == item && item > 0) {
            Some(fill) => gone.chunks_exact_mut(item).for_each(|e| e.copy_from_slice(fill)),
            None => gone.fill(0),
        }
    }
    let (bytes, filter_mask) = if plain { (bytes, 0) } else { filter::encode(&p.filters, bytes)? };
    let len = bytes.len() as u64;
    let size = if plain { 0 } else { len };
    chunks::check_size(size, layout, chunk_bytes)?;
    Ok((Chunk { address: plan.put(bytes)?, size, filter_mask }, len))
}
