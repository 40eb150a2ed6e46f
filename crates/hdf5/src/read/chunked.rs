//! Chunked elements: which chunks a selection touches, and their way into the result.

use super::Context;
use super::gather::{Step, Taken, copy};
use crate::filter;
use crate::format::message::dataspace::Dataspace;
use crate::format::message::filter_pipeline::Filter;
use crate::format::message::layout::Chunked;
use crate::index::{self, Chunk, Grid, Region};
use hyperslab_core::{Error, Result, ResultExt, Shape, Source};
use smallvec::SmallVec;
use std::borrow::Cow;

/// Fills `out`, which holds fill values, with the selected elements of every chunk that exists.
pub(crate) fn read(
    cx: Context<'_, '_>,
    space: &Dataspace,
    layout: &Chunked,
    filters: &[Filter],
    taken: &Taken,
    out: &mut [u8],
) -> Result<()> {
    let grid = Grid::new(&space.dims, space.max.as_ref(), &layout.dims)?;
    let chunk_bytes = layout.dims.bytes(layout.element_size)?;
    let region = Region {
        low: taken.axes.iter().zip(layout.dims.iter()).map(|(a, c)| a.start / c).collect(),
        high: taken.axes.iter().zip(layout.dims.iter()).map(|(a, c)| a.last() / c + 1).collect(),
    };
    let (to, to_start) = taken.target();
    index::visit(cx.source, cx.sizes, cx.limits, layout, &grid, chunk_bytes, &region, &mut |at, chunk| {
        let mut steps: SmallVec<[Step; 4]> = SmallVec::new();
        let (mut from, mut target) = (0i64, to_start);
        let mut stride = layout.element_size as i64;
        for d in (0..at.len()).rev() {
            let (Some(&position), Some(axis), Some(&size), Some(&to)) =
                (at.get(d), taken.axes.get(d), layout.dims.get(d), to.get(d))
            else {
                return Err(Error::invalid("chunk of another rank"));
            };
            let first = position.saturating_mul(size);
            let (a, b) = axis.inside(first, first.saturating_add(size));
            if a >= b {
                return Ok(());
            }
            steps.push(Step { from: stride * axis.step as i64, to, count: b - a });
            from += stride * (axis.start + a * axis.step - first) as i64;
            target += to * a as i64;
            stride = stride.saturating_mul(size as i64);
        }
        steps.reverse();
        let what = || format!("chunk {}", Shape::new(at));
        let full = edge_unfiltered(layout, space, at);
        let filters = if full { &[][..] } else { filters };
        let bytes =
            decode(cx, &chunk, filters, chunk_bytes).map_err(|e| e.reading(what()).at(chunk.address))?;
        copy(&bytes, out, &mut steps, from, target, layout.element_size as usize)
    })
    .reading("chunk index", layout.address.unwrap_or_default())
}

/// Whether the layout stores this chunk without filters because it reaches over the edge of the array.
fn edge_unfiltered(layout: &Chunked, space: &Dataspace, at: &[u64]) -> bool {
    layout.edge_unfiltered
        && at
            .iter()
            .zip(layout.dims.iter().zip(space.dims.iter()))
            .any(|(p, (c, d))| p.saturating_add(1).checked_mul(*c).is_none_or(|end| end > *d))
}

/// The elements of one chunk.
fn decode<'f>(
    cx: Context<'f, '_>,
    chunk: &Chunk,
    filters: &[Filter],
    chunk_bytes: u64,
) -> Result<Cow<'f, [u8]>> {
    let stored = if filters.is_empty() || chunk.size == 0 { chunk_bytes } else { chunk.size };
    let bytes = cx.source.bytes_at(chunk.address, stored, cx.limits)?;
    filter::decode(filters, chunk.filter_mask, bytes, chunk_bytes, cx.limits)
}
