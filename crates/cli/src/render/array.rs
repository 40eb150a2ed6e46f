//! An array as NumPy prints it, read no further than it is shown.

use super::layout::{Axis, layout};
use super::{cells, text};
use hyperslab::selection::Part;
use hyperslab::{Container, Dtype, Limits, Node, Result, Selection, Shape, Value, View, blocks, scalar};

/// Arrays of more elements are shown by their corners.
const THRESHOLD: u64 = 1000;
/// Positions shown at each end of a dimension whose middle is left out.
const EDGE: u64 = 3;
/// Up to this many corners are read one by one; beyond, the array is read whole.
const MAX_READS: u64 = 64;

/// The text of an array in a container; `full` shows every element.
///
/// # Errors
/// As [`Container::read`], and what decoding an element reports.
pub(crate) fn stored(
    container: &dyn Container,
    node: &Node,
    selection: &Selection,
    full: bool,
    limits: &Limits,
) -> Result<String> {
    let (Some(dtype), Some(shape)) = (&node.dtype, &node.shape) else { return Ok("null".into()) };
    let small = shape.bytes(dtype.itemsize()).is_ok_and(|n| n <= 1 << 20);
    let corners = corners(shape, full);
    let reads = corners.iter().map(|c| c.len() as u64).try_fold(1u64, u64::checked_mul);
    let whole = small || full || blocks::reads_whole(node) || reads.is_none_or(|n| n > MAX_READS);
    if whole || !selection.is_all() {
        return view(&container.read(&node.path, selection, limits)?, full, limits);
    }
    gathered(dtype, shape, full, limits, &mut |part, take| {
        let view = container.read(&node.path, part, limits)?;
        take(&view)
    })
}

/// The text of a view; `full` shows every element.
///
/// # Errors
/// What decoding an element reports.
pub(crate) fn view(view: &View<'_>, full: bool, limits: &Limits) -> Result<String> {
    gathered(view.dtype(), view.shape(), full, limits, &mut |part, take| take(&view.borrow().select(part)?))
}

/// Positions from one up to another along a dimension.
type Run = (u64, u64);

/// Takes the elements of one part.
type Take<'t> = &'t mut dyn FnMut(&View<'_>) -> Result<()>;

fn gathered(
    dtype: &Dtype,
    shape: &Shape,
    full: bool,
    limits: &Limits,
    read: &mut dyn FnMut(&Selection, Take<'_>) -> Result<()>,
) -> Result<String> {
    if shape.contains(&0) {
        return Ok("[]".into());
    }
    let corners = corners(shape, full);
    let mut axes: Vec<Axis> = corners
        .iter()
        .map(|pieces| Axis {
            shown: pieces.iter().map(|(a, b)| (b - a) as usize).sum(),
            summary: pieces.len() > 1,
        })
        .collect();
    let shown = axes.iter().try_fold(1u64, |n, a| n.checked_mul(a.shown as u64)).unwrap_or(u64::MAX);
    limits.count_objects(shown)?;
    let mut values: Vec<Value> = Vec::new();
    values.resize_with(shown as usize, || Value::Null);
    for (ranges, origin) in parts(&corners) {
        let slices = ranges.iter().map(|(a, b)| Part::Slice(bound(*a), bound(*b), None)).collect();
        read(&Selection::new(slices), &mut |view| place(view, &origin, &axes, &mut values))?;
    }
    // An array type inside the elements shows as further dimensions, which is what it is.
    let (base, inner) = dtype.split_subarray();
    axes.extend(inner.iter().map(|&d| Axis { shown: d as usize, summary: false }));
    if inner.contains(&0) {
        return Ok("[]".into());
    }
    let mut flat = Vec::new();
    values.iter().for_each(|v| flatten(v, inner.len(), &mut flat));
    Ok(match axes.is_empty() {
        true => flat.first().map(|v| cells::scalar(base, v)).unwrap_or_default(),
        false => layout(&axes, &cells::column(base, &flat)),
    })
}

fn bound(n: u64) -> Option<i64> {
    Some(i64::try_from(n).unwrap_or(i64::MAX))
}

fn flatten<'v>(v: &'v Value, levels: usize, out: &mut Vec<&'v Value>) {
    match v {
        Value::List(_, items) if levels > 0 => items.iter().for_each(|i| flatten(i, levels - 1, out)),
        v => out.push(v),
    }
}

/// Per dimension, the ranges that are shown: all of it, or both ends.
fn corners(shape: &Shape, full: bool) -> Vec<Vec<Run>> {
    let summary = !full && shape.count().is_ok_and(|n| n > THRESHOLD);
    let ends = |&d: &u64| match summary && d > 2 * EDGE {
        true => vec![(0, EDGE), (d - EDGE, d)],
        false => vec![(0, d)],
    };
    shape.iter().map(ends).collect()
}

/// Every combination of ranges, with the place of its first element among those shown.
fn parts(corners: &[Vec<Run>]) -> Vec<(Vec<Run>, Vec<usize>)> {
    let mut out = Vec::new();
    let mut choice = vec![0usize; corners.len()];
    loop {
        let ranges = corners.iter().zip(&choice).filter_map(|(c, &i)| c.get(i).copied()).collect();
        out.push((ranges, choice.iter().map(|&i| i * EDGE as usize).collect()));
        let next = choice.iter().zip(corners).rposition(|(&i, c)| i + 1 < c.len());
        let Some(d) = next else { return out };
        if let Some(i) = choice.get_mut(d) {
            *i += 1;
        }
        choice.iter_mut().skip(d + 1).for_each(|i| *i = 0);
    }
}

/// Puts the elements of one part where they are shown.
fn place(view: &View<'_>, origin: &[usize], axes: &[Axis], values: &mut [Value]) -> Result<()> {
    let heap = view.heap().map(|h| &**h);
    let mut index = vec![0u64; origin.len()];
    view.for_each(|element| {
        let mut at = 0usize;
        for ((i, o), axis) in index.iter().zip(origin).zip(axes) {
            at = at * axis.shown + o + *i as usize;
        }
        if let Some(slot) = values.get_mut(at) {
            *slot = scalar::decode(view.dtype(), element, heap)?;
        }
        for (i, d) in index.iter_mut().zip(view.shape().iter()).rev() {
            *i += 1;
            if *i < *d {
                break;
            }
            *i = 0;
        }
        Ok(())
    })
}

/// The dtype on one line.
pub(crate) fn dtype(dtype: &Dtype) -> String {
    text::name(&dtype.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(shape: &[u64], values: &[i64]) -> String {
        let v = View::from_slice(shape, values).unwrap();
        view(&v, false, &Limits::default()).unwrap()
    }

    #[test]
    fn corners_of_what_is_large() {
        let v: Vec<i64> = (0..1001).collect();
        assert_eq!(shown(&[1001], &v), "[   0    1    2 ...  998  999 1000]");
        let v: Vec<i64> = (0..2000).collect();
        assert_eq!(
            shown(&[1000, 2], &v),
            "[[   0    1]\n [   2    3]\n [   4    5]\n ...\n [1994 1995]\n [1996 1997]\n [1998 1999]]"
        );
        assert_eq!(shown(&[], &[7]), "7");
        assert_eq!(shown(&[0, 3], &[]), "[]");
    }
}
