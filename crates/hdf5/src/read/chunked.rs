//! Chunked elements: which chunks a selection touches, and their way into the result.
//!
//! Planning (the index says where the chunks are) and fetching (they are read, decoded and copied) are apart: what is
//! planned is fetched in batches, by all threads of the current pool where there is something to decode.

use super::Context;
use super::based::Seen;
use super::gather::{self, Copy, Step, Taken};
use crate::format::message::dataspace::Dataspace;
use crate::format::message::filter_pipeline::Filter;
use crate::format::message::layout::Chunked;
use crate::index::{self, Chunk, Grid, Region};
use hyperslab_core::{Error, Result, ResultExt, Shape, Source};
use rayon::prelude::*;
use smallvec::SmallVec;
use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

/// Chunks of one batch.
const BATCH: usize = 1024;
/// Decoded bytes from which on threads share the work of a batch.
const SHARED: u64 = 128 << 10;

/// One chunk that a selection touches, and how its elements get to their places.
struct Piece {
    at: SmallVec<[u64; 4]>,
    chunk: Chunk,
    copy: Copy,
    /// Whether every element of the chunk is taken.
    whole: bool,
}

/// The elements of a chunk.
enum Elements<'f> {
    /// In the cache.
    Kept(Arc<Vec<u8>>),
    Decoded(Cow<'f, [u8]>),
    /// In the file, as they are.
    Stored,
}

/// A read of chunked elements.
pub(crate) struct Read<'f, 'l, 'd> {
    pub(crate) cx: Context<'f, 'l>,
    /// Where the dataset's header lies.
    pub(crate) object: u64,
    pub(crate) space: &'d Dataspace,
    pub(crate) layout: &'d Chunked,
    pub(crate) filters: &'d [Filter],
    pub(crate) taken: &'d Taken,
}

impl<'f> Read<'f, '_, '_> {
    /// Fills `out`, which holds fill values, with the selected elements of every chunk that exists.
    pub(crate) fn fill(&self, out: &mut [u8]) -> Result<()> {
        let chunk_bytes = self.chunk_bytes()?;
        let mut batch = Vec::new();
        self.visit(&mut |at, chunk| {
            batch.extend(self.piece(at, chunk)?);
            if batch.len() >= BATCH {
                self.fetch(&batch, chunk_bytes, out)?;
                batch.clear();
            }
            Ok(())
        })?;
        self.fetch(&batch, chunk_bytes, out)
    }

    /// Where the chunks of the selection lie: offset, length, what it is.
    pub(crate) fn stored_at(&self, out: &mut Vec<Seen>) -> Result<()> {
        let chunk_bytes = self.chunk_bytes()?;
        self.visit(&mut |at, chunk| {
            let plain = self.filters.is_empty() || self.is_edge_unfiltered(at) || chunk.size == 0;
            out.push((chunk.address, if plain { chunk_bytes } else { chunk.size }, "chunk"));
            Ok(())
        })
    }

    fn chunk_bytes(&self) -> Result<u64> {
        self.layout.dims.bytes(self.layout.element_size)
    }

    /// Calls `f` for every stored chunk that the selection can touch.
    fn visit(&self, f: index::Visitor<'_>) -> Result<()> {
        let (cx, layout, taken) = (self.cx, self.layout, self.taken);
        let grid = Grid::new(&self.space.dims, self.space.max.as_ref(), &layout.dims)?;
        let region = Region {
            low: taken.axes.iter().zip(layout.dims.iter()).map(|(a, c)| a.start / c).collect(),
            high: taken.axes.iter().zip(layout.dims.iter()).map(|(a, c)| a.last() / c + 1).collect(),
        };
        index::visit(cx.source, cx.sizes, cx.limits, layout, &grid, self.chunk_bytes()?, &region, f)
            .reading("chunk index", layout.address.unwrap_or_default())
    }

    /// What the selection takes of a chunk, if anything.
    fn piece(&self, at: &[u64], chunk: Chunk) -> Result<Option<Piece>> {
        let (to, to_start) = self.taken.target();
        let mut steps: SmallVec<[Step; 4]> = SmallVec::new();
        let (mut from, mut target) = (0i64, to_start);
        let mut stride = self.layout.element_size as i64;
        let mut whole = true;
        for d in (0..at.len()).rev() {
            let (Some(&position), Some(axis), Some(&size), Some(&to)) =
                (at.get(d), self.taken.axes.get(d), self.layout.dims.get(d), to.get(d))
            else {
                return Err(Error::invalid("chunk of another rank"));
            };
            let first = position.saturating_mul(size);
            let (a, b) = axis.inside(first, first.saturating_add(size));
            if a >= b {
                return Ok(None);
            }
            whole &= b - a == size;
            steps.push(Step { from: stride * axis.step as i64, to, count: b - a });
            from += stride * (axis.start + a * axis.step - first) as i64;
            target += to * a as i64;
            stride = stride.saturating_mul(size as i64);
        }
        steps.reverse();
        Ok(Some(Piece { at: at.into(), chunk, copy: Copy { steps, from, to: target }, whole }))
    }

    fn fetch(&self, pieces: &[Piece], chunk_bytes: u64, out: &mut [u8]) -> Result<()> {
        let work = chunk_bytes.saturating_mul(pieces.len() as u64);
        let alone = pieces.len() < 2 || self.filters.is_empty() || work < SHARED;
        let place =
            |e: Error, p: &Piece| e.reading(format!("chunk {}", Shape::new(&p.at))).at(p.chunk.address);
        if alone || rayon::current_num_threads() < 2 {
            return pieces.iter().try_for_each(|p| {
                self.elements(p, chunk_bytes)
                    .and_then(|e| self.put(p, &e, chunk_bytes, out))
                    .map_err(|e| place(e, p))
            });
        }
        // Decoding takes many times as long as copying, so threads seldom wait for each other here.
        let out = Mutex::new(out);
        let one = |p: &Piece| {
            let elements = self.elements(p, chunk_bytes)?;
            self.put(p, &elements, chunk_bytes, &mut out.lock().unwrap_or_else(PoisonError::into_inner))
        };
        let done: Vec<Result<()>> =
            pieces.par_iter().with_max_len(1).map(|p| one(p).map_err(|e| place(e, p))).collect();
        // Of several errors, always the same one is told.
        done.into_iter().collect()
    }

    /// What a chunk holds, decoded where it has to be.
    fn elements(&self, piece: &Piece, chunk_bytes: u64) -> Result<Elements<'f>> {
        let filters = if self.is_edge_unfiltered(&piece.at) { &[][..] } else { self.filters };
        if filters.is_empty() {
            return Ok(Elements::Stored);
        }
        let key = (self.object, piece.chunk.address);
        let kept = self.cx.file.chunks().filter(|cache| !piece.whole && cache.takes(chunk_bytes));
        if let Some(bytes) = kept.and_then(|cache| cache.get(key)) {
            return Ok(Elements::Kept(bytes));
        }
        let bytes = self.decode(&piece.chunk, filters, chunk_bytes)?;
        let Some(cache) = kept else { return Ok(Elements::Decoded(bytes)) };
        let bytes = Arc::new(bytes.into_owned());
        cache.put(key, Arc::clone(&bytes));
        Ok(Elements::Kept(bytes))
    }

    /// Copies what is taken of a chunk to its places.
    fn put(&self, piece: &Piece, elements: &Elements<'_>, chunk_bytes: u64, out: &mut [u8]) -> Result<()> {
        let (cx, address, item) = (self.cx, piece.chunk.address, self.layout.element_size);
        let copy = piece.copy.clone();
        let bytes = match elements {
            Elements::Kept(bytes) => bytes.as_slice(),
            Elements::Decoded(bytes) => bytes,
            Elements::Stored if cx.source.as_slice().is_some() => {
                &cx.source.bytes_at(address, chunk_bytes, cx.limits)?
            }
            Elements::Stored => {
                // A chunk that is cut off is an error whatever part of it is taken.
                cx.source.check(address, chunk_bytes)?;
                return gather::fetch(cx, address, chunk_bytes, copy, item, out);
            }
        };
        gather::copy(bytes, out, copy, item as usize)
    }

    /// The elements of one chunk.
    fn decode(&self, chunk: &Chunk, filters: &[Filter], chunk_bytes: u64) -> Result<Cow<'f, [u8]>> {
        let stored = if chunk.size == 0 { chunk_bytes } else { chunk.size };
        let bytes = self.cx.source.bytes_at(chunk.address, stored, self.cx.limits)?;
        self.cx.file.filters.decode(filters, chunk.filter_mask, bytes, chunk_bytes, self.cx.limits)
    }

    /// Whether the layout stores this chunk without filters because it reaches over the edge of the array.
    fn is_edge_unfiltered(&self, at: &[u64]) -> bool {
        let beyond = |(p, (c, d)): (&u64, (&u64, &u64))| {
            p.saturating_add(1).checked_mul(*c).is_none_or(|end| end > *d)
        };
        self.layout.edge_unfiltered
            && at.iter().zip(self.layout.dims.iter().zip(self.space.dims.iter())).any(beyond)
    }
}
