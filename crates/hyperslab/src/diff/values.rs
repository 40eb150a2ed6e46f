//! Two arrays walked side by side, each in its own parts: equal bytes are passed over at once, elements are looked
//! at where bytes differ.

use super::element::{Around, Plan};
use super::number::Gap;
use super::{DiffOptions, Facet};
use crate::container::Stream;
use crate::view::{Buffer, Heap};
use crate::{Dtype, Error, Kind, Limits, Result, ResultExt, Shape, Value, View, scalar};
use std::path::Path;

/// Bytes that are compared at once, about.
const RUN: usize = 1 << 16;

/// Where and how much two arrays differ.
#[derive(Clone, Debug)]
pub struct Found {
    /// NumPy index of the first element that differs.
    pub index: Shape,
    /// Elements that differ.
    pub count: u64,
    /// Elements in all.
    pub total: u64,
    /// The greatest distance between two numbers that differ; infinite beside an infinity, absent where there is
    /// none.
    pub max_abs: Option<f64>,
    /// The greatest distance in relation to the number of the second array.
    pub max_rel: Option<f64>,
}

/// The parts of an array, and how to name its errors.
pub(super) struct Array<'s> {
    pub(super) parts: Box<dyn Stream + 's>,
    pub(super) dtype: &'s Dtype,
    pub(super) file: &'s Path,
    pub(super) path: &'s str,
}

impl Array<'_> {
    /// The next part, its elements one after the other.
    fn next(&mut self, limits: &Limits) -> Result<View<'_>> {
        let (file, path) = (self.file, self.path);
        next(&mut *self.parts, limits).map_err(|e| e.object(path).file(file))
    }
}

fn next<'p>(parts: &'p mut (dyn Stream + '_), limits: &Limits) -> Result<View<'p>> {
    let Some(view) = parts.next_part()? else {
        return Err(Error::invalid("the array ends before its last element"));
    };
    if view.is_c_contiguous() {
        return Ok(view);
    }
    let item = usize::try_from(view.dtype().itemsize()).unwrap_or(usize::MAX);
    let mut dense = Buffer::zeroed(view.nbytes(), limits)?;
    let mut places = dense.chunks_exact_mut(item.max(1));
    view.for_each(|element| {
        if let Some(place) = places.next() {
            place.copy_from_slice(element);
        }
        Ok(())
    })?;
    let dense = View::new(view.dtype().clone(), view.shape().clone(), dense)?;
    Ok(match view.heap() {
        Some(heap) => dense.with_heap(heap.clone()),
        None => dense,
    })
}

/// A part that is in memory already, as the only one.
pub(super) struct Whole<'v>(pub(super) Option<View<'v>>);

impl Stream for Whole<'_> {
    fn next_part(&mut self) -> Result<Option<View<'_>>> {
        Ok(self.0.take())
    }
}

/// Compares two arrays of one shape; `None` when no element differs. The facets are the first two elements that do.
pub(super) fn compare(
    mut a: Array<'_>,
    mut b: Array<'_>,
    plan: &Plan,
    shape: &Shape,
    options: &DiffOptions,
    progress: &mut dyn FnMut(u64),
) -> Result<Option<(Found, (Facet, Facet))>> {
    let total = shape.count()?;
    let types = (a.dtype, b.dtype);
    let items = (types.0.itemsize(), types.1.itemsize());
    if total == 0 || items.0 == 0 || items.1 == 0 {
        return Ok(None);
    }
    let (limits, files, path) = (&options.limits, (a.file, b.file), a.path);
    let mut walk = Walk {
        plan,
        types,
        doubts: plan.doubts_equal_bytes(options),
        count: 0,
        gap: Gap::default(),
        first: None,
    };
    let mut done = 0u64;
    let (mut one, mut two) = (a.next(limits)?, b.next(limits)?);
    let (mut i, mut j) = (0u64, 0u64);
    loop {
        let run = (one.len() - i).min(two.len() - j).min(total - done);
        let around = Around {
            options,
            heaps: (one.heap().map(|h| &**h as &dyn Heap), two.heap().map(|h| &**h as &dyn Heap)),
            files,
        };
        let (x, y) = (elements(&one, i, run)?, elements(&two, j, run)?);
        walk.run(x, y, done, &around).map_err(|e| e.object(path))?;
        progress(run.saturating_mul(items.0.saturating_add(items.1)));
        (done, i, j) = (done + run, i + run, j + run);
        if done == total {
            break;
        }
        if i == one.len() {
            drop(one);
            (one, i) = (a.next(limits)?, 0);
        }
        if j == two.len() {
            drop(two);
            (two, j) = (b.next(limits)?, 0);
        }
    }
    let Walk { count, gap, first, .. } = walk;
    Ok(first.map(|(at, facets)| {
        let found = Found { index: index_of(at, shape), count, total, max_abs: gap.abs, max_rel: gap.rel };
        (found, facets)
    }))
}

/// The bytes of some elements of a dense part.
fn elements<'v>(part: &'v View<'_>, from: u64, count: u64) -> Result<&'v [u8]> {
    let item = part.dtype().itemsize();
    let place = |n: u64| usize::try_from(n.checked_mul(item)?).ok();
    let range = place(from).zip(place(from.saturating_add(count)));
    part.bytes()
        .and_then(|b| range.and_then(|(from, to)| b.get(from..to)))
        .ok_or_else(|| Error::invalid("a part holds fewer elements than it says"))
}

/// What is known so far.
struct Walk<'p> {
    plan: &'p Plan,
    types: (&'p Dtype, &'p Dtype),
    /// Whether equal bytes can be different elements.
    doubts: bool,
    count: u64,
    gap: Gap,
    /// Number of the first element that differs, and both of it.
    first: Option<(u64, (Facet, Facet))>,
}

impl Walk<'_> {
    /// Compares as many elements of each array, the first of which has the number `at`.
    fn run(&mut self, a: &[u8], b: &[u8], mut at: u64, around: &Around<'_>) -> Result<()> {
        let size = |dtype: &Dtype| usize::try_from(dtype.itemsize()).unwrap_or(usize::MAX).max(1);
        let (i, j) = (size(self.types.0), size(self.types.1));
        let block = (RUN / i).max(1);
        for (x, y) in a.chunks(block.saturating_mul(i)).zip(b.chunks(block.saturating_mul(j))) {
            if self.types.0 != self.types.1 || x != y || self.doubtful(x) {
                let pairs = x.chunks_exact(i).zip(y.chunks_exact(j));
                for (n, (x, y)) in (at..).zip(pairs) {
                    if self.plan.differs(x, y, around, &mut self.gap)? {
                        self.count += 1;
                        if self.first.is_none() {
                            self.first = Some((n, facets(self.types, (x, y), around)?));
                        }
                    }
                }
            }
            at = at.saturating_add(block as u64);
        }
        Ok(())
    }

    /// Whether elements of these bytes, which are the same on both sides, could differ all the same.
    fn doubtful(&self, bytes: &[u8]) -> bool {
        match self.plan {
            Plan::Number(stored, _) => self.doubts && stored.any_nan(bytes),
            _ => self.doubts,
        }
    }
}

/// Two elements as values.
fn facets(types: (&Dtype, &Dtype), bytes: (&[u8], &[u8]), around: &Around<'_>) -> Result<(Facet, Facet)> {
    let one = |dtype: &Dtype, bytes: &[u8], heap| {
        let value = match scalar::decode(dtype, bytes, heap) {
            // A number of an unusual kind has no value to show; its bytes are shown.
            Err(e) if e.kind() == Kind::Unsupported => Value::Bytes(bytes.to_vec()),
            value => value?,
        };
        Ok::<_, Error>(Facet::Element(dtype.clone(), value))
    };
    let a = one(types.0, bytes.0, around.heaps.0).in_file(around.files.0)?;
    Ok((a, one(types.1, bytes.1, around.heaps.1).in_file(around.files.1)?))
}

/// The index of the element of a number in C order.
fn index_of(mut number: u64, shape: &Shape) -> Shape {
    let mut index = Shape::default();
    for &extent in shape.iter().rev() {
        index.push(number.checked_rem(extent).unwrap_or(0));
        number = number.checked_div(extent).unwrap_or(0);
    }
    index.reversed()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Parts(std::vec::IntoIter<View<'static>>);

    impl Stream for Parts {
        fn next_part(&mut self) -> Result<Option<View<'_>>> {
            Ok(self.0.next())
        }
    }

    fn array<'s>(values: &[f64], part: usize, dtype: &'s Dtype) -> Array<'s> {
        let view = |v: &[f64]| View::from_slice([v.len() as u64], v).unwrap().into_owned().unwrap();
        let parts: Vec<_> = values.chunks(part).map(view).collect();
        Array { parts: Box::new(Parts(parts.into_iter())), dtype, file: "f".as_ref(), path: "p" }
    }

    fn compared(a: &[f64], b: &[f64], parts: (usize, usize)) -> Result<Option<(Found, (Facet, Facet))>> {
        let dtype = Dtype::F64;
        let plan = Plan::of(&dtype, &dtype)?.unwrap();
        let shape = Shape::from([a.len().max(b.len()) as u64 / 10, 10]);
        let (a, b) = (array(a, parts.0, &dtype), array(b, parts.1, &dtype));
        compare(a, b, &plan, &shape, &DiffOptions::default(), &mut |_| {})
    }

    #[test]
    fn parts_need_not_be_the_same() {
        let a: Vec<f64> = (0..1000).map(f64::from).collect();
        let mut b = a.clone();
        for (i, by) in [(123, 0.5), (124, 2.0), (999, -1.0)] {
            b[i] += by;
        }
        for parts in [(1000, 1000), (7, 1000), (1000, 1), (10, 25), (999, 3)] {
            let (found, _) = compared(&a, &b, parts).unwrap().unwrap();
            assert_eq!((&found.index[..], found.count, found.total), (&[12, 3][..], 3, 1000), "{parts:?}");
            assert_eq!(found.max_abs, Some(2.0));
            assert!(compared(&a, &a, parts).unwrap().is_none());
        }
    }

    #[test]
    fn an_array_that_ends_early_is_an_error() {
        let a: Vec<f64> = (0..100).map(f64::from).collect();
        let e = compared(&a, &a[..90], (100, 45)).unwrap_err();
        assert!(e.to_string().contains("ends before"), "{e}");
    }
}
