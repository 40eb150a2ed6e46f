//! Which element of an array is the how-manieth of a selection, and the other way round.
//!
//! A mapping pairs the elements of two selections in their order. Both selections can be far larger than what is
//! asked for, so nothing here walks a whole selection: costs grow with the elements that are asked for, and with the
//! bytes that describe the selection.

use crate::format::selection::{Slab, Stored, UNLIMITED};
use crate::read::gather::Axis;
use hyperslab_core::{Error, Limits, Result, Shape};
use smallvec::SmallVec;

/// What is done with elements that follow one another along the last dimension: where the first is along each axis,
/// the how-manieth of the selection it is, and how many they are. `false` ends the walk.
pub(super) type Visit<'v> = &'v mut dyn FnMut(&[u64], u64, u64) -> Result<bool>;

/// One dimension: blocks of positions, the last of which can be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    start: u64,
    stride: u64,
    block: u64,
    /// Positions in all.
    len: u64,
}

impl Pattern {
    /// A bounded pattern; `None` when it passes the end of all numbers.
    pub(super) fn bounded(s: &Slab) -> Option<Pattern> {
        let len = s.count.checked_mul(s.block)?;
        let p = Pattern::of(s, len);
        let last = len.checked_sub(1).map_or(Some(0), |i| (i / p.block).checked_mul(p.stride));
        s.start.checked_add(last?)?.checked_add(p.block)?;
        Some(p)
    }

    fn of(s: &Slab, len: u64) -> Pattern {
        let one = s.count <= 1 || s.block == UNLIMITED || s.stride == s.block;
        let (stride, block) = if one { (len.max(1), len.max(1)) } else { (s.stride, s.block) };
        Pattern { start: s.start, stride: stride.max(1), block: block.max(1), len }
    }

    /// A pattern without bound as far as an extent goes.
    pub(super) fn clipped(s: &Slab, extent: u64) -> Pattern {
        let room = extent.saturating_sub(s.start);
        if room == 0 || s.block == UNLIMITED || s.block == s.stride {
            return Pattern::of(s, room);
        }
        let stride = s.stride.max(1);
        let (whole, rest) = (room / stride, room % stride);
        Pattern::of(s, whole.saturating_mul(s.block).saturating_add(rest.min(s.block)))
    }

    /// Positions in all.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    fn position(&self, i: u64) -> u64 {
        self.start.saturating_add((i / self.block).saturating_mul(self.stride)).saturating_add(i % self.block)
    }

    /// One more than the last position.
    pub(super) fn end(&self) -> u64 {
        self.len.checked_sub(1).map_or(self.start, |i| self.position(i).saturating_add(1))
    }

    /// Calls `f` with runs of the axis that are in the pattern: how-manieth of the axis, how-manieth of the pattern,
    /// how many.
    fn runs(&self, axis: &Axis, f: &mut dyn FnMut(u64, u64, u64) -> Result<bool>) -> Result<bool> {
        let (a, b) = axis.inside(self.start, self.end());
        if a >= b {
            return Ok(true);
        }
        if axis.step == 1 {
            let (low, high) = (axis.start + a, axis.start + b);
            let mut first = ((low - self.start) / self.stride).saturating_mul(self.block);
            while first < self.len && self.position(first) < high {
                let begin = self.position(first);
                let end = begin.saturating_add(self.block.min(self.len - first)).min(high);
                let from = begin.max(low);
                if from < end && !f(from - axis.start, first + (from - begin), end - from)? {
                    return Ok(false);
                }
                first = first.saturating_add(self.block);
            }
            return Ok(true);
        }
        for i in a..b {
            let x = axis.start + i * axis.step - self.start;
            let (block, within) = (x / self.stride, x % self.stride);
            let k = block.saturating_mul(self.block).saturating_add(within);
            if within < self.block && k < self.len && !f(i, k, 1)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Positions of a dimension that lead to the same selection of the dimensions after it.
#[derive(Clone, Debug)]
pub(super) struct Span {
    start: u64,
    end: u64,
    /// Elements before this span.
    before: u64,
    /// Elements of each position.
    each: u64,
    below: Vec<Span>,
}

/// The elements of a selection, in its order.
#[derive(Clone, Debug)]
pub(super) enum Places {
    /// A pattern along each dimension.
    Patterns(Vec<Pattern>, u64),
    /// Positions one by one.
    Points { rank: usize, positions: Vec<u64> },
    /// Any set of boxes.
    Spans { rank: usize, spans: Vec<Span>, len: u64 },
}

fn too_many() -> Error {
    Error::invalid("selection of more elements than can be numbered")
}

impl Places {
    /// The elements of a selection of an array; a dimension without bound ends at the extent of the array.
    pub(super) fn new(stored: &Stored, dims: &Shape, limits: &Limits) -> Result<Places> {
        if stored.rank().is_some_and(|r| r != dims.len()) {
            return Err(Error::invalid(format!(
                "selection of rank {} of an array of shape {dims}",
                stored.rank().unwrap_or(0)
            )));
        }
        match stored {
            Stored::None => Ok(Places::Points { rank: dims.len(), positions: Vec::new() }),
            Stored::All => {
                let whole = |&d: &u64| Slab { start: 0, stride: 1, count: 1, block: d };
                Places::patterns(dims.iter().map(|d| Pattern::bounded(&whole(d))).collect())
            }
            Stored::Regular(slabs) => {
                let one = |(s, &d): (&Slab, &u64)| match (s.count, s.block) {
                    (UNLIMITED, _) | (_, UNLIMITED) => Some(Pattern::clipped(s, d)),
                    _ => Pattern::bounded(s),
                };
                Places::patterns(slabs.iter().zip(dims.iter()).map(one).collect())
            }
            Stored::Points { rank, positions } => {
                Ok(Places::Points { rank: *rank, positions: positions.clone() })
            }
            Stored::Boxes { rank, corners } => {
                let boxes: Vec<&[u64]> = corners.chunks_exact((2 * rank).max(1)).collect();
                let (spans, len) = build(&boxes, 0, *rank, limits)?;
                Ok(Places::Spans { rank: *rank, spans, len })
            }
        }
    }

    /// A pattern along each dimension.
    pub(super) fn patterns(all: Option<Vec<Pattern>>) -> Result<Places> {
        let all = all.ok_or_else(too_many)?;
        let len = all.iter().try_fold(1u64, |n, p| n.checked_mul(p.len));
        // A selection of nothing can have any other extents.
        let len = if all.iter().any(|p| p.len == 0) { 0 } else { len.ok_or_else(too_many)? };
        Ok(Places::Patterns(all, len))
    }

    /// How many elements there are.
    pub(super) fn len(&self) -> u64 {
        match self {
            Places::Patterns(_, len) | Places::Spans { len, .. } => *len,
            Places::Points { rank, positions } => (positions.len() / (*rank).max(1)) as u64,
        }
    }

    /// One more than the last position along each dimension; `None` when nothing is selected.
    pub(super) fn ends(&self) -> Option<SmallVec<[u64; 4]>> {
        if self.len() == 0 {
            return None;
        }
        Some(match self {
            Places::Patterns(all, _) => all.iter().map(Pattern::end).collect(),
            Places::Points { rank, positions } => (0..*rank)
                .map(|d| positions.iter().skip(d).step_by(*rank).max().map_or(0, |m| m.saturating_add(1)))
                .collect(),
            Places::Spans { rank, spans, .. } => {
                let mut ends = SmallVec::from_elem(0, *rank);
                span_ends(spans, 0, &mut ends);
                ends
            }
        })
    }

    /// Calls `f` for every element that axes take.
    pub(super) fn within(&self, axes: &[Axis], f: Visit<'_>) -> Result<()> {
        if self.len() == 0 || axes.iter().any(|a| a.count == 0) {
            return Ok(());
        }
        let mut at: SmallVec<[u64; 4]> = SmallVec::from_elem(0, axes.len());
        match self {
            Places::Patterns(all, len) => pattern_runs(all, axes, 0, 0, *len, &mut at, f).map(drop),
            Places::Spans { spans, .. } => span_runs(spans, axes, 0, 0, &mut at, f).map(drop),
            Places::Points { rank, positions } => {
                for (k, p) in positions.chunks_exact((*rank).max(1)).enumerate() {
                    let mut taken = true;
                    for ((x, axis), i) in p.iter().zip(axes).zip(at.iter_mut()) {
                        let (a, b) = axis.inside(*x, x.saturating_add(1));
                        taken &= a < b;
                        *i = a;
                    }
                    if taken && !f(&at, k as u64, 1)? {
                        return Ok(());
                    }
                }
                Ok(())
            }
        }
    }

    /// Where an element is, and how many follow it along the last dimension, itself counted.
    pub(super) fn at(&self, k: u64) -> Option<(SmallVec<[u64; 4]>, u64)> {
        match self {
            Places::Patterns(all, len) => {
                if k >= *len {
                    return None;
                }
                let (mut rest, mut run) = (k, 1);
                let mut at: SmallVec<[u64; 4]> = SmallVec::from_elem(0, all.len());
                for (d, (p, x)) in all.iter().zip(at.iter_mut()).enumerate().rev() {
                    let i = rest % p.len;
                    *x = p.position(i);
                    rest /= p.len;
                    if d + 1 == all.len() {
                        run = (p.block - i % p.block).min(p.len - i);
                    }
                }
                Some((at, run))
            }
            Places::Points { rank, positions } => {
                let from = usize::try_from(k).ok()?.checked_mul(*rank)?;
                Some((positions.get(from..from.checked_add(*rank)?)?.into(), 1))
            }
            Places::Spans { rank, spans, len } => {
                if k >= *len {
                    return None;
                }
                let (mut rest, mut level, mut run) = (k, spans, 1);
                let mut at = SmallVec::new();
                for _ in 0..*rank {
                    let n = level.partition_point(|s| s.before <= rest);
                    let s = level.get(n.checked_sub(1)?)?;
                    let i = (rest - s.before) / s.each;
                    at.push(s.start + i);
                    run = s.end - s.start - i;
                    rest = (rest - s.before) % s.each;
                    level = &s.below;
                }
                Some((at, run))
            }
        }
    }
}

/// Depth is the rank, which is at most 32; so it is below.
fn pattern_runs(
    all: &[Pattern],
    axes: &[Axis],
    d: usize,
    before: u64,
    len: u64,
    at: &mut [u64],
    f: Visit<'_>,
) -> Result<bool> {
    let Some((p, axis)) = all.get(d).zip(axes.get(d)) else { return f(at, before, 1) };
    let last = d + 1 == all.len();
    let each = len / p.len.max(1);
    p.runs(axis, &mut |i, k, n| {
        if last {
            if let Some(x) = at.get_mut(d) {
                *x = i;
            }
            return f(at, before + k, n);
        }
        for j in 0..n {
            if let Some(x) = at.get_mut(d) {
                *x = i + j;
            }
            if !pattern_runs(all, axes, d + 1, before + (k + j) * each, each, at, f)? {
                return Ok(false);
            }
        }
        Ok(true)
    })
}

fn span_runs(
    spans: &[Span],
    axes: &[Axis],
    d: usize,
    before: u64,
    at: &mut [u64],
    f: Visit<'_>,
) -> Result<bool> {
    let Some(axis) = axes.get(d) else { return f(at, before, 1) };
    for s in spans {
        let (a, b) = axis.inside(s.start, s.end);
        let mut i = a;
        while i < b {
            let k = before + s.before + (axis.start + i * axis.step - s.start) * s.each;
            if let Some(x) = at.get_mut(d) {
                *x = i;
            }
            let last = d + 1 == axes.len();
            let n = if last && axis.step == 1 { b - i } else { 1 };
            let go = if last { f(at, k, n)? } else { span_runs(&s.below, axes, d + 1, k, at, f)? };
            if !go {
                return Ok(false);
            }
            i += n;
        }
    }
    Ok(true)
}

fn span_ends(spans: &[Span], d: usize, ends: &mut [u64]) {
    for s in spans {
        if let Some(e) = ends.get_mut(d) {
            *e = (*e).max(s.end);
        }
        span_ends(&s.below, d + 1, ends);
    }
}

/// The union of boxes from a dimension on, in order, and its elements.
fn build(boxes: &[&[u64]], d: usize, rank: usize, limits: &Limits) -> Result<(Vec<Span>, u64)> {
    if d == rank {
        return Ok((Vec::new(), 1));
    }
    let low = |b: &[u64]| b.get(d).copied().unwrap_or(0);
    let end = |b: &[u64]| b.get(rank + d).copied().unwrap_or(0).saturating_add(1);
    let mut sorted = boxes.to_vec();
    sorted.sort_by_key(|b| low(b));
    let mut coming = sorted.into_iter().peekable();
    let (mut active, mut spans, mut before): (Vec<&[u64]>, Vec<Span>, u64) = (Vec::new(), Vec::new(), 0);
    let mut x = 0;
    loop {
        if active.is_empty() {
            match coming.peek() {
                Some(b) => x = low(b),
                None => return Ok((spans, before)),
            }
        }
        while let Some(b) = coming.next_if(|b| low(b) <= x) {
            active.push(b);
        }
        // Nothing changes up to the next beginning or end.
        let next = active.iter().map(|b| end(b)).chain(coming.peek().map(|b| low(b))).min().unwrap_or(x);
        limits.count_objects(active.len() as u64)?;
        let (below, each) = build(&active, d + 1, rank, limits)?;
        let more = each.checked_mul(next - x).ok_or_else(too_many)?;
        spans.push(Span { start: x, end: next, before, each, below });
        before = before.checked_add(more).ok_or_else(too_many)?;
        x = next;
        active.retain(|b| end(b) > x);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::gather::Taken;
    use hyperslab_core::Selection;

    /// All positions in order, by asking for each in turn.
    fn listed(p: &Places) -> Vec<Vec<u64>> {
        (0..p.len()).map(|k| p.at(k).unwrap().0.to_vec()).collect()
    }

    fn check(stored: &Stored, dims: &[u64], wanted: &[&[u64]]) {
        let shape = Shape::new(dims);
        let p = Places::new(stored, &shape, &Limits::default()).unwrap();
        assert_eq!(listed(&p), wanted, "{stored:?}");
        for k in 0..p.len() {
            let (at, run) = p.at(k).unwrap();
            for i in 1..run {
                let mut next = at.clone();
                *next.last_mut().unwrap() += i;
                assert_eq!(p.at(k + i).unwrap().0, next);
            }
        }
        for text in ["...", "1:", "::2", "1::3", "..., 1:", "..., ::2", "::-1"] {
            let taken = Taken::new(&text.parse::<Selection>().unwrap().resolve(&shape).unwrap(), 1);
            let mut found = Vec::new();
            p.within(&taken.axes, &mut |at, k, n| {
                for i in 0..n {
                    let mut at = at.to_vec();
                    *at.last_mut().unwrap() += i;
                    let x: Vec<u64> = at.iter().zip(&taken.axes).map(|(i, a)| a.start + i * a.step).collect();
                    found.push((x, k + i));
                }
                Ok(true)
            })
            .unwrap();
            let on =
                |x: &u64, a: &Axis| *x >= a.start && (x - a.start).is_multiple_of(a.step) && *x <= a.last();
            let want: Vec<(Vec<u64>, u64)> = (wanted.iter().zip(0u64..))
                .filter(|(x, _)| x.iter().zip(&taken.axes).all(|(x, a)| a.count > 0 && on(x, a)))
                .map(|(x, k)| (x.to_vec(), k))
                .collect();
            assert_eq!(found, want, "{stored:?} {text}");
        }
    }

    #[test]
    fn patterns_in_order() {
        let slab = |start, stride, count, block| Slab { start, stride, count, block };
        check(&Stored::All, &[2, 2], &[&[0, 0], &[0, 1], &[1, 0], &[1, 1]]);
        check(&Stored::Regular(vec![slab(1, 3, 2, 2)]), &[7], &[&[1], &[2], &[4], &[5]]);
        check(
            &Stored::Regular(vec![slab(0, 2, 2, 1), slab(1, 2, 2, 2)]),
            &[4, 6],
            &[&[0, 1], &[0, 2], &[0, 3], &[0, 4], &[2, 1], &[2, 2], &[2, 3], &[2, 4]],
        );
        check(&Stored::Regular(vec![slab(1, 3, UNLIMITED, 2)]), &[8], &[&[1], &[2], &[4], &[5], &[7]]);
        check(&Stored::Regular(vec![slab(2, 1, 1, UNLIMITED)]), &[5], &[&[2], &[3], &[4]]);
        check(&Stored::Regular(vec![slab(9, 3, UNLIMITED, 2)]), &[8], &[]);
    }

    #[test]
    fn boxes_in_order_of_their_union() {
        // Two boxes that overlap in one element, and one apart.
        let corners = vec![0, 0, 1, 1, 1, 1, 2, 2, 0, 4, 0, 4];
        check(
            &Stored::Boxes { rank: 2, corners },
            &[3, 5],
            &[&[0, 0], &[0, 1], &[0, 4], &[1, 0], &[1, 1], &[1, 2], &[2, 1], &[2, 2]],
        );
        check(&Stored::Points { rank: 2, positions: vec![2, 1, 0, 0] }, &[3, 3], &[&[2, 1], &[0, 0]]);
    }

    #[test]
    fn lies_are_refused() {
        let slab = Slab { start: 0, stride: 1 << 40, count: 1 << 40, block: 1 };
        let limits = Limits::default();
        assert!(Places::new(&Stored::Regular(vec![slab]), &[5].into(), &limits).is_err());
        assert!(Places::new(&Stored::Regular(vec![slab]), &[5, 5].into(), &limits).is_err());
    }
}
