//! Elements on their way into chunks: cut from a view, filtered by all threads, appended in order.
//!
//! A batch of chunks is in memory at one time, as cut and as filtered. Chunks that reach over the edge of the array
//! are filled up with the fill value and stored in full, as every library stores them.

use super::elements::Elements;
use super::heap::Addresses;
use super::index::{self, Sorted};
use super::newer_index::{self, Entry, Form};
use super::space::Space;
use super::storage::{Layout, Storage};
use super::tree::Place;
use crate::filter;
use crate::format::btree_v1::ChunkKey;
use crate::format::message::filter_pipeline::Filter;
use crate::format::message::layout::ChunkIndex;
use crate::index::grid::Grid;
use hyperslab_core::{Error, Limits, Result, Shape, View};
use rayon::prelude::*;
use smallvec::SmallVec;
use std::ops::Range;

/// Bytes of the chunks of a batch, before they are filtered.
const BATCH: u64 = 32 << 20;
/// Bytes of a batch from which on threads share the work.
const SHARED: u64 = 128 << 10;

type Position = SmallVec<[u64; 4]>;

/// The chunks of one dataset.
pub(super) struct Chunks {
    chunk: Shape,
    /// Chunks along each dimension.
    counts: Position,
    width: u64,
    bytes: u64,
    filters: Vec<Filter>,
    rounded: bool,
    /// One element of what is beyond the edge; zeros otherwise.
    fill: Option<Vec<u8>>,
    index: ChunkIndex,
    /// Greatest extents of the array, where it can grow.
    max: Option<Shape>,
    written: Vec<Written>,
}

/// Writes the elements of a whole dataset; objects that they refer to are found by `addresses`.
pub(super) fn place(
    view: &View<'_>,
    storage: &Storage,
    space: &mut Space,
    limits: &Limits,
    addresses: Addresses<'_>,
) -> Result<Place> {
    let elements = Elements::of(view, &storage.dtype, space, limits, addresses)?;
    match &storage.layout {
        Layout::Contiguous => elements.append(space),
        Layout::Compact => elements.dense().map(Place::Compact),
        Layout::Chunked { .. } => {
            let mut chunks = Chunks::new(storage)?;
            let origin = chunks.origin();
            chunks.write(&elements, &origin, space)?;
            chunks.finish(space)
        }
    }
}

#[derive(Clone, Copy)]
struct Written {
    /// In C order, among the chunks of the whole array.
    number: u64,
    address: u64,
    size: u32,
    filter_mask: u32,
}

impl Chunks {
    /// The chunks of a dataset that is stored in chunks.
    pub(super) fn new(storage: &Storage) -> Result<Chunks> {
        let Layout::Chunked { chunk, filters, rounded, index } = &storage.layout else {
            return Err(Error::usage("a dataset without chunks"));
        };
        let shape = &storage.space.dims;
        let counts = shape.iter().zip(chunk.iter()).map(|(n, c)| n.div_ceil(*c)).collect();
        let width = storage.dtype.itemsize();
        let fill = storage.fill_bytes();
        Ok(Chunks {
            chunk: chunk.clone(),
            counts,
            width,
            bytes: chunk.bytes(width)?,
            filters: filters.clone(),
            rounded: *rounded,
            fill: fill.filter(|f| f.iter().any(|&b| b != 0)).map(<[u8]>::to_vec),
            index: *index,
            max: storage.space.max.clone(),
            written: Vec::new(),
        })
    }

    /// Writes elements, the first of which is at `origin` of the array: where a chunk begins. They end where a chunk or
    /// the array ends.
    pub(super) fn write(&mut self, elements: &Elements<'_>, origin: &[u64], space: &mut Space) -> Result<()> {
        if elements.shape().contains(&0) {
            return Ok(());
        }
        let first: Position = origin.iter().zip(self.chunk.iter()).map(|(o, c)| o / c).collect();
        let along: Position =
            elements.shape().iter().zip(self.chunk.iter()).map(|(n, c)| n.div_ceil(*c)).collect();
        let total = along.iter().try_fold(1u64, |n, &c| n.checked_mul(c)).ok_or_else(too_many)?;
        let threads = rayon::current_num_threads() as u64;
        let batch = (BATCH / self.bytes.max(1)).clamp(threads, 4096);
        let shared = threads > 1 && !self.filters.is_empty();
        let mut done = 0;
        while done < total {
            let numbers = done..total.min(done + batch);
            let work = (numbers.end - numbers.start).saturating_mul(self.bytes);
            let one = |i: usize| {
                let at = position(numbers.start + i as u64, &along);
                let bytes = self.cut(elements, &at)?;
                let (bytes, mask) = filter::encode_with(&self.filters, bytes, self.rounded)?;
                Ok((self.number(&first, &at), bytes, mask))
            };
            let count = usize::try_from(numbers.end - numbers.start).map_err(|_| too_many())?;
            let made: Vec<Result<_>> = match shared && work >= SHARED {
                true => (0..count).into_par_iter().with_max_len(1).map(one).collect(),
                false => (0..count).map(one).collect(),
            };
            for made in made {
                // Of several errors, always the same one is told.
                let (number, bytes, filter_mask) = made?;
                let size = u32::try_from(bytes.len()).map_err(|_| {
                    Error::unsupported(format!("a chunk of {} bytes when filtered", bytes.len()))
                })?;
                // Chunks without an index lie one after another.
                let follows = !self.filters.is_empty()
                    || (self.index == ChunkIndex::Implicit && !self.written.is_empty());
                let address = space.append(&bytes, if follows { 1 } else { 8 })?;
                self.written.push(Written { number, address, size, filter_mask });
            }
            done = numbers.end;
        }
        Ok(())
    }

    /// Writes the index; says what it is and where.
    pub(super) fn finish(mut self, space: &mut Space) -> Result<Place> {
        self.written.sort_unstable_by_key(|w| w.number);
        if self.written.windows(2).any(|w| matches!(w, [a, b] if a.number == b.number)) {
            return Err(Error::usage("a chunk was written twice"));
        }
        if self.index == ChunkIndex::BtreeV1 || self.written.is_empty() {
            let address = index::write(&self, self.width, space)?;
            return Ok(Place::Chunked { index: self.index, address });
        }
        let entries = self.written.iter().map(|w| Entry {
            at: position(w.number, &self.counts),
            address: w.address,
            size: w.size,
            mask: w.filter_mask,
        });
        let dims: Shape =
            self.counts.iter().zip(self.chunk.iter()).map(|(n, c)| n.saturating_mul(*c)).collect();
        let grid = Grid::new(&dims, self.max.as_ref(), &self.chunk)?;
        let filtered = !self.filters.is_empty();
        match newer_index::write(
            self.index,
            &entries.collect::<Vec<_>>(),
            &grid,
            Form { filtered, chunk_bytes: self.bytes, wide: false },
            space,
        )? {
            Some((index, address)) => Ok(Place::Chunked { index, address: Some(address) }),
            // Too far apart to be listed.
            None => {
                let address = index::write(&self, self.width, space)?;
                Ok(Place::Chunked { index: ChunkIndex::BtreeV1, address })
            }
        }
    }

    /// Where the first chunk begins.
    pub(super) fn origin(&self) -> Position {
        SmallVec::from_elem(0, self.chunk.len())
    }

    /// How many chunks there are along each dimension.
    pub(super) fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Extents of a chunk.
    pub(super) fn chunk(&self) -> &Shape {
        &self.chunk
    }

    fn number(&self, first: &[u64], at: &[u64]) -> u64 {
        let places = self.counts.iter().zip(first.iter().zip(at));
        // There are no more chunks than elements, and those were counted.
        places.fold(0u64, |n, (c, (f, a))| n.wrapping_mul(*c).wrapping_add(f + a))
    }

    /// The bytes of the chunk at a position among those of the elements.
    fn cut(&self, elements: &Elements<'_>, at: &[u64]) -> Result<Vec<u8>> {
        let range = |(a, (c, n)): (&u64, (&u64, &u64))| {
            let start = a.saturating_mul(*c);
            start..start.saturating_add(*c).min(*n)
        };
        let ranges: SmallVec<[Range<u64>; 4]> =
            at.iter().zip(self.chunk.iter().zip(elements.shape().iter())).map(range).collect();
        let part = elements.part(&ranges)?;
        let bytes = part.dense()?;
        if bytes.len() as u64 == self.bytes {
            return Ok(bytes);
        }
        self.fill_up(&bytes, part.shape())
    }

    /// Puts elements of a part of a chunk, its first corner, among fill values.
    fn fill_up(&self, elements: &[u8], part: &Shape) -> Result<Vec<u8>> {
        let bytes = usize::try_from(self.bytes).map_err(|_| too_many())?;
        let mut out = vec![0; bytes];
        if let Some(fill) = &self.fill {
            out.chunks_exact_mut(fill.len().max(1)).for_each(|slot| slot.copy_from_slice(fill));
        }
        let width = usize::try_from(self.width).map_err(|_| too_many())?;
        let row = usize::try_from(part.last().copied().unwrap_or(1)).map_err(|_| too_many())? * width;
        let outer: Position = part.iter().rev().skip(1).rev().copied().collect();
        for (i, run) in elements.chunks_exact(row.max(1)).enumerate() {
            let at = position(i as u64, &outer);
            let before = at.iter().chain(&[0]).zip(self.chunk.iter());
            let to = before.fold(0u64, |n, (a, c)| n.wrapping_mul(*c).wrapping_add(*a)) as usize * width;
            let slot = out.get_mut(to..to.saturating_add(row)).ok_or_else(too_many)?;
            slot.copy_from_slice(run);
        }
        Ok(out)
    }
}

impl Sorted for Chunks {
    fn count(&self) -> u64 {
        self.written.len() as u64
    }

    fn key(&self, number: u64) -> ChunkKey {
        let Some(w) = self.written.get(number as usize) else {
            return ChunkKey { size: 0, filter_mask: 0, offset: Position::default(), within: 0 };
        };
        let at = position(w.number, &self.counts);
        let offset = at.iter().zip(self.chunk.iter()).map(|(a, c)| a.saturating_mul(*c)).collect();
        ChunkKey { size: w.size, filter_mask: w.filter_mask, offset, within: 0 }
    }

    fn address(&self, number: u64) -> u64 {
        self.written.get(number as usize).map_or(0, |w| w.address)
    }
}

/// The position with a number, in C order, among so many along each dimension.
fn position(mut number: u64, counts: &[u64]) -> Position {
    let mut at: Position = SmallVec::from_elem(0, counts.len());
    for (slot, &count) in at.iter_mut().zip(counts).rev() {
        *slot = number % count.max(1);
        number /= count.max(1);
    }
    at
}

#[cold]
fn too_many() -> Error {
    Error::limit("more chunks or elements than fit this machine")
}
