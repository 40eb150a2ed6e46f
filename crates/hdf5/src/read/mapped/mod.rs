//! Virtual datasets: elements that are those of other datasets.
//!
//! A [`Plan`] has the mappings and the extents that follow from their sources, as libhdf5 gives them with its default
//! view (an extent without bound reaches to the last element that any source has). Reading opens only the sources of
//! elements that are asked for; where a source is not there, elements have the fill value.
//!
//! Source: HDF5 File Format Specification 3.0, section IV.A.2.i, and libhdf5 1.10 to 2.0 for the extents and for the
//! blocks of sources whose names are numbered.

mod gathered;
mod places;

use super::dataset::Dataset;
use super::gather::Taken;
use super::heap::GlobalHeap;
use super::{Context, others, walk};
use crate::format::selection::{Slab, Stored, UNLIMITED};
use crate::format::virtual_mapping::{self, Mapping};
use gathered::Gathered;
use hyperslab_core::selection::Part;
use hyperslab_core::view::Heap;
use hyperslab_core::{Dtype, Error, Result, ResultExt, Selection, Shape, View, cast};
use places::{Pattern, Places};
use smallvec::SmallVec;
use std::sync::Arc;

const WHAT: &str = "virtual dataset mapping";
/// So much of a source is read at once, unless one run of elements is longer.
const BATCH_BYTES: u64 = 32 << 20;
/// So many runs of elements are collected before they are read.
const BATCH_RUNS: usize = 1 << 14;

/// The mappings of a virtual dataset and its extents.
pub(crate) struct Plan {
    pieces: Vec<Piece>,
    pub(crate) dims: Shape,
}

/// Elements of one source, in their order, and where they stand.
struct Piece {
    file: Arc<[u8]>,
    dataset: Arc<[u8]>,
    source: Stored,
    /// Elements of the virtual dataset; `None` for all of them.
    target: Option<Places>,
}

impl Plan {
    /// Reads the mappings at an object of the global heap, and works out the extents.
    pub(crate) fn open(cx: Context<'_, '_>, heap: Option<u64>, object: u32, stored: &Shape) -> Result<Plan> {
        let Some(address) = heap else { return Ok(Plan { pieces: Vec::new(), dims: stored.clone() }) };
        let (bytes, at) =
            GlobalHeap::new(cx.source, cx.sizes, cx.limits, &Dtype::U8).object(address, object)?;
        let mappings = virtual_mapping::parse(&bytes, cx.sizes, at)?;
        let cx = cx.deeper()?;
        let mut plan = Plan { pieces: Vec::new(), dims: stored.clone() };
        // Extents that sources give, and what the mappings need at least.
        let mut grown: SmallVec<[Option<u64>; 4]> = SmallVec::from_elem(None, stored.len());
        let mut least: SmallVec<[u64; 4]> = SmallVec::from_elem(0, stored.len());
        for m in mappings {
            cx.limits.count_objects(1)?;
            plan.add(cx, m, stored, &mut grown, &mut least).reading(WHAT, at)?;
        }
        let extent = |((&dim, grown), least): ((&u64, Option<u64>), u64)| grown.map_or(dim, |g| g.max(least));
        plan.dims = stored.iter().zip(grown).zip(least).map(extent).collect();
        Ok(plan)
    }

    fn add(
        &mut self,
        cx: Context<'_, '_>,
        m: Mapping,
        stored: &Shape,
        grown: &mut [Option<u64>],
        least: &mut [u64],
    ) -> Result<()> {
        let names = (Name::parse(&m.file)?, Name::parse(&m.dataset)?);
        let unlimited = m.target.unlimited();
        if let Some(rank) = m.target.rank()
            && rank != stored.len()
        {
            return Err(Error::invalid(format!("selection of rank {rank} of an array of shape {stored}")));
        }
        let places = match (&m.target, unlimited) {
            (Stored::All, _) => None,
            // Only the bounded dimensions are looked at here.
            _ => Some(Places::new(&m.target, stored, cx.limits)?),
        };
        let ends = match (&m.target, unlimited) {
            (Stored::Regular(slabs), Some(_)) => {
                let end = |s: &Slab| (s.count != UNLIMITED && s.block != UNLIMITED).then(|| slab_end(s));
                Some(slabs.iter().map(|s| end(s).unwrap_or(0)).collect())
            }
            _ => places.as_ref().and_then(Places::ends),
        };
        for (l, e) in least.iter_mut().zip(ends.unwrap_or_default()) {
            *l = (*l).max(e);
        }
        let Some(d) = unlimited else {
            if m.source.unlimited().is_some() || names.0.numbered() || names.1.numbered() {
                return Err(Error::invalid("source without bound for a bounded part of the dataset"));
            }
            let (file, dataset) = (names.0.with(0), names.1.with(0));
            self.pieces.push(Piece { file, dataset, source: m.source, target: places });
            return Ok(());
        };
        let Stored::Regular(slabs) = &m.target else {
            return Err(Error::invalid("only a hyperslab can be without bound"));
        };
        let slab = slabs.get(d).copied().ok_or_else(|| Error::invalid("hyperslab without that dimension"))?;
        let end = match m.source.unlimited() {
            Some(s) => {
                let (file, dataset) = (names.0.with(0), names.1.with(0));
                let Stored::Regular(sources) = &m.source else { return Ok(()) };
                let source = sources.get(s).copied();
                let extent = with_source(cx, &file, &dataset, |_, ds| {
                    ds.space.shape().and_then(|dims| dims.get(s)).copied().ok_or_else(|| {
                        Error::invalid(format!(
                            "source of shape {} for rank {}",
                            ds.space.dims,
                            sources.len()
                        ))
                    })
                })?;
                let Some((extent, source)) = extent.zip(source) else {
                    // Not there: it gives the extent nothing, and has no elements.
                    grow(grown, d, 0);
                    return Ok(());
                };
                let slices = Pattern::clipped(&source, extent).len();
                let target = with_dim(slabs, d, Pattern::clipped(&slab, extent_of(&slab, slices)?))?;
                self.pieces.push(Piece { file, dataset, source: m.source, target: Some(target) });
                // Where a source ends within its first block, libhdf5 counts the whole block: the extent is then
                // greater than what the source fills.
                let first = source.count == UNLIMITED && source.block != source.stride;
                let partial = first && slices > 0 && slices < source.block;
                extent_of(&slab, if partial { source.block } else { slices })?
            }
            None => self.add_numbered(cx, &m, &names, slabs, (d, slab))?,
        };
        grow(grown, d, end);
        Ok(())
    }

    /// A block for each source of a numbered name, up to the first that is not there; where the last one ends.
    fn add_numbered(
        &mut self,
        cx: Context<'_, '_>,
        m: &Mapping,
        names: &(Name, Name),
        slabs: &[Slab],
        (d, slab): (usize, Slab),
    ) -> Result<u64> {
        if slab.count != UNLIMITED || !(names.0.numbered() || names.1.numbered()) {
            return Err(Error::invalid("mapping without bound to a source that is bounded and not numbered"));
        }
        let mut end = 0;
        for n in 0u64.. {
            cx.limits.count_objects(64)?;
            let (file, dataset) = (names.0.with(n), names.1.with(n));
            if with_source(cx, &file, &dataset, |_, _| Ok(()))?.is_none() {
                break;
            }
            let start = n.checked_mul(slab.stride).and_then(|o| o.checked_add(slab.start));
            let start = start.ok_or_else(|| Error::invalid("block beyond all positions"))?;
            let block = Slab { start, stride: slab.block, count: 1, block: slab.block };
            end = slab_end(&block);
            let target = with_dim(slabs, d, Pattern::clipped(&Slab { block: UNLIMITED, ..block }, end))?;
            self.pieces.push(Piece { file, dataset, source: m.source.clone(), target: Some(target) });
        }
        Ok(end)
    }

    /// Puts the elements that are asked for in their places; elements without a source stay as they are. Gives the
    /// heap of elements of variable length.
    pub(crate) fn read(
        &self,
        cx: Context<'_, '_>,
        dtype: &Dtype,
        taken: &Taken,
        out: &mut [u8],
    ) -> Result<Option<Gathered>> {
        let mut gathered = dtype.has_indirection().then(Gathered::default);
        let cx = cx.deeper()?;
        let (strides, start) = taken.target();
        let item = usize::try_from(taken.item).map_err(|_| Error::limit("elements of that size"))?;
        if let Some(g) =
            gathered.as_mut().filter(|_| out.get(..item).is_some_and(|e| e.iter().any(|&b| b != 0)))
        {
            // The fill value refers to the heap of this file.
            let own = GlobalHeap::new(cx.source, cx.sizes, cx.limits, dtype);
            let elements = &mut out.chunks_exact_mut(item.max(1));
            elements.try_for_each(|e| g.adopt(dtype, e, &own, cx.limits, 0))?;
        }
        for piece in &self.pieces {
            let all;
            let target = match &piece.target {
                Some(places) => places,
                None => {
                    all = Places::new(&Stored::All, &self.dims, cx.limits)?;
                    &all
                }
            };
            let mut any = false;
            target.within(&taken.axes, &mut |_, _, _| {
                any = true;
                Ok(false)
            })?;
            if !any {
                continue;
            }
            with_source(cx, &piece.file, &piece.dataset, |cx, source| {
                let mut copy = Copy::open(cx, source, &piece.source, dtype, item, &piece.file, out)?;
                copy.gathered = gathered.as_mut();
                if target.len() != copy.places.len() {
                    return Err(Error::invalid(format!(
                        "{} elements of a source for {} of the virtual dataset",
                        copy.places.len(),
                        target.len()
                    ))
                    .reading(WHAT));
                }
                let step = strides.last().copied().unwrap_or(0);
                target.within(&taken.axes, &mut |at, k, n| {
                    let to = at.iter().zip(&strides).fold(start, |to, (&i, s)| to + i as i64 * s);
                    copy.add(k, n, to, step).map(|()| true)
                })?;
                copy.flush()
            })?;
        }
        Ok(gathered)
    }
}

fn grow(grown: &mut [Option<u64>], d: usize, end: u64) {
    if let Some(g) = grown.get_mut(d) {
        *g = Some(g.unwrap_or(0).max(end));
    }
}

/// One more than the last position of a bounded hyperslab, 0 when it has none.
fn slab_end(s: &Slab) -> u64 {
    let blocks = s.count.checked_sub(1).filter(|_| s.block > 0);
    blocks.map_or(0, |n| n.saturating_mul(s.stride).saturating_add(s.start).saturating_add(s.block))
}

/// The extent to which a hyperslab without bound must reach to have so many positions.
fn extent_of(s: &Slab, slices: u64) -> Result<u64> {
    let end = if slices == 0 {
        Some(0)
    } else if s.block == UNLIMITED || s.block == s.stride {
        s.start.checked_add(slices)
    } else {
        let last = slices - 1;
        let block = (last / s.block.max(1)).checked_mul(s.stride);
        block.and_then(|b| b.checked_add(s.start)?.checked_add(last % s.block.max(1))?.checked_add(1))
    };
    end.ok_or_else(|| Error::invalid("extent beyond all positions"))
}

/// Patterns along all dimensions, one of which is given.
fn with_dim(slabs: &[Slab], d: usize, pattern: Pattern) -> Result<Places> {
    let one = |(i, s): (usize, &Slab)| if i == d { Some(pattern) } else { Pattern::bounded(s) };
    Places::patterns(slabs.iter().enumerate().map(one).collect())
}

/// A name with places for a number: `%b` is the number, `%%` a percent sign.
struct Name(Vec<Vec<u8>>);

impl Name {
    fn parse(name: &[u8]) -> Result<Name> {
        let mut parts = vec![Vec::new()];
        let mut bytes = name.iter();
        while let Some(&b) = bytes.next() {
            let part = match (b, parts.last_mut()) {
                (_, None) => continue,
                (b'%', Some(part)) => match bytes.next() {
                    Some(b'b') => {
                        parts.push(Vec::new());
                        continue;
                    }
                    Some(b'%') => part,
                    _ => {
                        let name = String::from_utf8_lossy(name);
                        return Err(Error::invalid(format!("name {name:?} with a lone percent sign")));
                    }
                },
                (_, Some(part)) => part,
            };
            part.push(b);
        }
        Ok(Name(parts))
    }

    fn numbered(&self) -> bool {
        self.0.len() > 1
    }

    fn with(&self, n: u64) -> Arc<[u8]> {
        self.0.join(n.to_string().as_bytes()).into()
    }
}

/// Calls `f` with a source dataset; `None` when its file or it is not there.
fn with_source<T>(
    cx: Context<'_, '_>,
    file: &[u8],
    dataset: &[u8],
    f: impl FnOnce(Context<'_, '_>, Dataset<'_>) -> Result<T>,
) -> Result<Option<T>> {
    let path = String::from_utf8_lossy(dataset);
    if file == b"." {
        return match walk::find(cx, &path)? {
            Some((object, cx)) => f(cx, Dataset::open(cx, object)?).map(Some),
            None => Ok(None),
        };
    }
    let Some(place) = others::find(cx, file)? else { return Ok(None) };
    cx.others.with(cx, &place, |other| {
        let within = cx.within(other)?;
        let run = || match walk::find(within, &path)? {
            Some((object, cx)) => f(cx, Dataset::open(cx, object)?).map(Some),
            None => Ok(None),
        };
        run().map_err(|e| within.place(e).object(path.as_ref()))
    })
}

/// Elements on their way from a source.
struct Copy<'o, 'd, 'f, 'l> {
    cx: Context<'f, 'l>,
    source: Dataset<'d>,
    places: Places,
    dims: Shape,
    dtype: &'o Dtype,
    item: usize,
    out: &'o mut [u8],
    gathered: Option<&'o mut Gathered>,
    /// What waits: place in the result, bytes between neighbours there, and how many.
    runs: Vec<(i64, i64, u64)>,
    /// Where each run begins in the source.
    from: Vec<u64>,
    low: SmallVec<[u64; 4]>,
    high: SmallVec<[u64; 4]>,
}

impl<'o, 'd, 'f, 'l> Copy<'o, 'd, 'f, 'l> {
    fn open(
        cx: Context<'f, 'l>,
        source: Dataset<'d>,
        selection: &Stored,
        dtype: &'o Dtype,
        item: usize,
        file: &[u8],
        out: &'o mut [u8],
    ) -> Result<Self> {
        let dims = source
            .space
            .shape()
            .cloned()
            .ok_or_else(|| Error::invalid("source without elements: its dataspace is null"))?;
        if dtype.has_references() && file != b"." {
            return Err(Error::unsupported("references in a virtual dataset whose source is another file"));
        }
        if (dtype.has_indirection() || source.stored.has_indirection()) && *dtype != source.stored {
            return Err(Error::unsupported(format!("elements of {} as {dtype}", source.stored)));
        }
        let places = Places::new(selection, &dims, cx.limits)?;
        let rank = dims.len();
        Ok(Copy {
            cx,
            source,
            places,
            dims,
            dtype,
            item,
            out,
            gathered: None,
            runs: Vec::new(),
            from: Vec::new(),
            low: SmallVec::from_elem(u64::MAX, rank),
            high: SmallVec::from_elem(0, rank),
        })
    }

    /// Takes `n` elements from the `k`th on to places from `to` on, `step` bytes apart.
    fn add(&mut self, mut k: u64, mut n: u64, mut to: i64, step: i64) -> Result<()> {
        while n > 0 {
            let (at, run) = self
                .places
                .at(k)
                .ok_or_else(|| Error::invalid(format!("no element {k} in the selection of a source")))?;
            let run = run.min(n);
            let mut low = self.low.clone();
            let mut high = self.high.clone();
            let last = at.len().saturating_sub(1);
            let mut bytes = self.item as u64;
            for (d, ((&x, &dim), (low, high))) in
                at.iter().zip(self.dims.iter()).zip(low.iter_mut().zip(high.iter_mut())).enumerate()
            {
                let end = x.saturating_add(if d == last { run } else { 1 });
                if end > dim {
                    return Err(Error::invalid(format!(
                        "elements up to {end} along dimension {d} of a source of shape {}",
                        self.dims
                    ))
                    .reading(WHAT));
                }
                *low = (*low).min(x);
                *high = (*high).max(end);
                bytes = bytes.saturating_mul(*high - *low);
            }
            if !self.runs.is_empty() && (bytes > BATCH_BYTES || self.runs.len() >= BATCH_RUNS) {
                self.flush()?;
                continue;
            }
            (self.low, self.high) = (low, high);
            self.runs.push((to, step, run));
            self.from.extend_from_slice(&at);
            let there =
                i64::try_from(run).ok().and_then(|r| r.checked_mul(step)).and_then(|o| to.checked_add(o));
            to = there.ok_or_else(|| Error::invalid("an element outside its array"))?;
            (k, n) = (k + run, n - run);
        }
        Ok(())
    }

    /// Reads the part of the source that holds all that waits, and puts it in its places.
    fn flush(&mut self) -> Result<()> {
        if self.runs.is_empty() {
            return Ok(());
        }
        let outside = || Error::invalid("an element outside its array");
        let bound = |&n: &u64| i64::try_from(n).map_err(|_| Error::limit("position beyond 2^63"));
        let mut parts = Vec::new();
        for (low, high) in self.low.iter().zip(&self.high) {
            parts.push(Part::Slice(Some(bound(low)?), Some(bound(high)?), None));
        }
        let view = self.source.read_stored(self.cx, &Selection::new(parts))?;
        let view = self.converted(view)?;
        let data = view.to_bytes(self.cx.limits)?;
        // A source that is virtual itself comes with its heap.
        let own = GlobalHeap::new(self.cx.source, self.cx.sizes, self.cx.limits, self.dtype);
        let heap: &dyn Heap = view.heap().map_or(&own, |h| &**h);
        let rank = self.low.len();
        let mut from = self.from.chunks_exact(rank.max(1));
        for &(to, step, n) in &self.runs {
            let mut at = 0u64;
            for ((x, low), high) in from.next().unwrap_or_default().iter().zip(&self.low).zip(&self.high) {
                at = at * (high - low) + (x - low);
            }
            let start =
                usize::try_from(at).ok().and_then(|a| a.checked_mul(self.item)).ok_or_else(outside)?;
            let len = usize::try_from(n).ok().and_then(|n| n.checked_mul(self.item)).ok_or_else(outside)?;
            let src = start.checked_add(len).and_then(|end| data.get(start..end)).ok_or_else(outside)?;
            let mut put = |to: i64, src: &[u8]| {
                let dst =
                    usize::try_from(to).ok().and_then(|t| self.out.get_mut(t..t.checked_add(src.len())?));
                let dst = dst.ok_or_else(outside)?;
                dst.copy_from_slice(src);
                match &mut self.gathered {
                    Some(g) => dst
                        .chunks_exact_mut(self.item.max(1))
                        .try_for_each(|e| g.adopt(self.dtype, e, heap, self.cx.limits, 0)),
                    None => Ok(()),
                }
            };
            if step == self.item as i64 {
                put(to, src)?;
                continue;
            }
            let mut to = to;
            for element in src.chunks_exact(self.item.max(1)) {
                put(to, element)?;
                to += step;
            }
        }
        self.runs.clear();
        self.from.clear();
        self.low.fill(u64::MAX);
        self.high.fill(0);
        Ok(())
    }

    fn converted<'v>(&self, view: View<'v>) -> Result<View<'v>> {
        if view.dtype() == self.dtype {
            return Ok(view);
        }
        cast::cast(&view, self.dtype, self.cx.limits).map_err(|e| {
            Error::unsupported(format!("elements of {} as {}: {}", view.dtype(), self.dtype, e.message()))
                .reading(WHAT)
        })
    }
}
