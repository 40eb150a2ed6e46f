//! What a selection takes, and how runs of bytes get from storage to their place in the result.

use super::Context;
use hyperslab_core::selection::Range;
use hyperslab_core::{Error, Result, Shape, Source};
use smallvec::SmallVec;

/// Reads of scattered elements fetch this much at once.
const WINDOW: u64 = 256 << 10;

/// One dimension of a selection: positions `start, start + step, ..`, always upwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Axis {
    pub(crate) start: u64,
    pub(crate) step: u64,
    pub(crate) count: u64,
    /// Whether the result has them the other way round.
    pub(crate) reversed: bool,
    dropped: bool,
}

impl Axis {
    /// The last position; `start` when there is none.
    pub(crate) fn last(&self) -> u64 {
        self.start + self.count.saturating_sub(1) * self.step
    }

    /// The selected positions inside `from..to`, as numbers `a..b` into the axis.
    pub(crate) fn inside(&self, from: u64, to: u64) -> (u64, u64) {
        let before = |limit: u64| limit.saturating_sub(self.start).div_ceil(self.step).min(self.count);
        (before(from), before(to))
    }
}

/// A selection of an array with its element size.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    pub(crate) axes: SmallVec<[Axis; 4]>,
    pub(crate) item: u64,
}

impl Taken {
    /// A resolved selection.
    pub(crate) fn new(ranges: &[Range], item: u64) -> Taken {
        let axis = |r: &Range| {
            let step = r.step.unsigned_abs().max(1);
            let (start, reversed) = if r.step < 0 {
                (r.start.saturating_sub(r.count.saturating_sub(1).saturating_mul(step)), true)
            } else {
                (r.start, false)
            };
            Axis { start, step, count: r.count, reversed, dropped: r.dropped }
        };
        Taken { axes: ranges.iter().map(axis).collect(), item }
    }

    /// The shape of the result, dropped dimensions left out.
    pub(crate) fn shape(&self) -> Shape {
        self.axes.iter().filter(|a| !a.dropped).map(|a| a.count).collect()
    }

    /// Bytes of the result.
    pub(crate) fn bytes(&self) -> Result<u64> {
        self.axes.iter().map(|a| a.count).collect::<Shape>().bytes(self.item)
    }

    /// Bytes between neighbours of the result along each dimension, and where its first element (upwards) goes.
    pub(crate) fn target(&self) -> (SmallVec<[i64; 4]>, i64) {
        let mut strides: SmallVec<[i64; 4]> = SmallVec::from_elem(0, self.axes.len());
        let (mut step, mut start) = (self.item as i64, 0i64);
        for (s, a) in strides.iter_mut().zip(&self.axes).rev() {
            *s = if a.reversed { -step } else { step };
            if a.reversed {
                start += step * (a.count as i64 - 1).max(0);
            }
            step = step.saturating_mul(a.count.max(1) as i64);
        }
        (strides, start)
    }
}

/// One dimension of a copy: bytes between neighbours on either side, and how many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) count: u64,
}

/// Calls `run(from, to, count)` for every innermost run of elements of an n-dimensional copy.
pub(crate) fn runs(
    steps: &[Step],
    from: i64,
    to: i64,
    mut run: impl FnMut(i64, i64, &Step) -> Result<()>,
) -> Result<()> {
    if steps.iter().any(|s| s.count == 0) {
        return Ok(());
    }
    let Some((inner, outer)) = steps.split_last() else {
        return run(from, to, &Step { from: 0, to: 0, count: 1 });
    };
    let mut index: SmallVec<[u64; 4]> = SmallVec::from_elem(0, outer.len());
    let (mut f, mut t) = (from, to);
    loop {
        run(f, t, inner)?;
        let mut done = true;
        for (i, s) in index.iter_mut().zip(outer).rev() {
            *i += 1;
            f += s.from;
            t += s.to;
            if *i < s.count {
                done = false;
                break;
            }
            f -= s.from * s.count as i64;
            t -= s.to * s.count as i64;
            *i = 0;
        }
        if done {
            return Ok(());
        }
    }
}

/// Merges dimensions that lie densely behind one another on both sides.
pub(crate) fn merge(steps: &mut SmallVec<[Step; 4]>) {
    let mut i = steps.len();
    while i > 1 {
        i -= 1;
        let (Some(&outer), Some(&inner)) = (steps.get(i - 1), steps.get(i)) else { return };
        let spans = |step: i64| step.checked_mul(inner.count as i64);
        if spans(inner.from) == Some(outer.from) && spans(inner.to) == Some(outer.to) {
            steps.remove(i);
            if let Some(s) = steps.get_mut(i - 1) {
                *s = Step { count: outer.count * inner.count, ..inner };
            }
        }
    }
}

/// Copies elements of `item` bytes between two slices.
pub(crate) fn copy(src: &[u8], dst: &mut [u8], copy: Copy, item: usize) -> Result<()> {
    let Copy { mut steps, from, to } = copy;
    let outside = || Error::invalid("an element outside its array");
    merge(&mut steps);
    runs(&steps, from, to, |f, t, inner| {
        let n = inner.count as usize;
        if inner.from == item as i64 && inner.to == item as i64 {
            let len = n.checked_mul(item).ok_or_else(outside)?;
            let src = range(f, len).and_then(|r| src.get(r)).ok_or_else(outside)?;
            let dst = range(t, len).and_then(|r| dst.get_mut(r)).ok_or_else(outside)?;
            dst.copy_from_slice(src);
            return Ok(());
        }
        for i in 0..inner.count as i64 {
            let src = range(f + i * inner.from, item).and_then(|r| src.get(r)).ok_or_else(outside)?;
            let dst = range(t + i * inner.to, item).and_then(|r| dst.get_mut(r)).ok_or_else(outside)?;
            dst.copy_from_slice(src);
        }
        Ok(())
    })
}

fn range(at: i64, len: usize) -> Option<std::ops::Range<usize>> {
    let start = usize::try_from(at).ok()?;
    Some(start..start.checked_add(len)?)
}

/// Fills `out` with the selected elements of a dense array of `shape` whose first element lies at `address`.
pub(crate) fn contiguous(
    cx: Context<'_, '_>,
    address: u64,
    shape: &Shape,
    taken: &Taken,
    out: &mut [u8],
) -> Result<()> {
    let item = taken.item as i64;
    let (to, to_start) = taken.target();
    let mut steps: SmallVec<[Step; 4]> = SmallVec::new();
    let mut from_start = 0i64;
    let mut stride = item;
    for ((axis, &dim), &to) in taken.axes.iter().zip(shape.iter()).zip(&to).rev() {
        steps.push(Step { from: stride * axis.step as i64, to, count: axis.count });
        from_start += stride * axis.start as i64;
        stride = stride.saturating_mul(dim as i64);
    }
    steps.reverse();
    let copy = Copy { steps, from: from_start, to: to_start };
    fetch(cx, address, stride as u64, copy, taken.item, out)
}

/// The runs of an n-dimensional copy: from where they start to where they go, in bytes.
#[derive(Clone, Debug)]
pub(crate) struct Copy {
    pub(crate) steps: SmallVec<[Step; 4]>,
    pub(crate) from: i64,
    pub(crate) to: i64,
}

/// Copies elements of `item` bytes out of the `len` stored bytes at `address`, reading no more than they need.
pub(crate) fn fetch(
    cx: Context<'_, '_>,
    address: u64,
    len: u64,
    copy: Copy,
    item: u64,
    out: &mut [u8],
) -> Result<()> {
    let Copy { mut steps, from, to } = copy;
    merge(&mut steps);
    let item = item as i64;
    let mut window = Window { cx, address, start: 0, bytes: Vec::new(), end: len };
    let outside = || Error::invalid("an element outside its array");
    runs(&steps, from, to, |f, t, inner| {
        let (f, n) = (f as u64, inner.count as usize);
        if inner.from == item && inner.to == item {
            let len = n.checked_mul(item as usize).ok_or_else(outside)?;
            let dst = range(t, len).and_then(|r| out.get_mut(r)).ok_or_else(outside)?;
            return window.read(f, dst);
        }
        for i in 0..inner.count {
            let dst = range(t + i as i64 * inner.to, item as usize).and_then(|r| out.get_mut(r));
            window.read(f + i * inner.from as u64, dst.ok_or_else(outside)?)?;
        }
        Ok(())
    })
}

/// A stretch of the array that was read ahead: runs come in rising order.
struct Window<'f> {
    cx: Context<'f, 'f>,
    address: u64,
    start: u64,
    bytes: Vec<u8>,
    /// Bytes of the whole array.
    end: u64,
}

impl Window<'_> {
    fn read(&mut self, at: u64, dst: &mut [u8]) -> Result<()> {
        let place = self.address.checked_add(at).ok_or_else(|| Error::invalid("elements beyond the file"))?;
        if dst.len() as u64 >= WINDOW / 4 {
            return self.cx.source.read_exact_at(place, dst);
        }
        let held = |w: &Self| {
            let from = usize::try_from(at.checked_sub(w.start)?).ok()?;
            w.bytes.get(from..from.checked_add(dst.len())?).map(|b| b.as_ptr_range()).map(|_| from)
        };
        if held(self).is_none() {
            let len = WINDOW.min(self.end.saturating_sub(at)).max(dst.len() as u64);
            self.bytes = self.cx.source.bytes_at(place, len, self.cx.limits)?.into_owned();
            self.start = at;
        }
        let from = held(self).ok_or_else(|| Error::invalid("elements beyond the file"))?;
        dst.copy_from_slice(self.bytes.get(from..from + dst.len()).unwrap_or_default());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_know_what_lies_inside() {
        let a = Axis { start: 3, step: 4, count: 5, reversed: false, dropped: false };
        // Positions 3, 7, 11, 15, 19.
        assert_eq!(a.inside(0, 3), (0, 0));
        assert_eq!(a.inside(0, 4), (0, 1));
        assert_eq!(a.inside(4, 12), (1, 3));
        assert_eq!(a.inside(16, 100), (4, 5));
        assert_eq!(a.inside(20, 100), (5, 5));
        assert_eq!(a.last(), 19);
    }

    #[test]
    fn merged_copies_are_one_run() {
        let mut steps: SmallVec<[Step; 4]> = SmallVec::new();
        for (from, count) in [(24, 2), (8, 3), (2, 4)] {
            steps.push(Step { from, to: from, count });
        }
        merge(&mut steps);
        assert_eq!(steps.len(), 1);
        assert_eq!(steps[0].count, 24);
    }
}
