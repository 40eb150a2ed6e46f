//! NumPy basic slicing: `[0, 10:20:2, ..., -1]`, parsed and resolved against a shape.

use crate::{Error, Result, Shape};
use smallvec::SmallVec;
use std::str::FromStr;

/// What to take along one dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// One position; the dimension disappears.
    Index(i64),
    /// `start:stop:step`, each optional; negative positions count from the end.
    Slice(Option<i64>, Option<i64>, Option<i64>),
    /// `...`: as many whole dimensions as are left.
    Ellipsis,
}

/// A selection of an array; the empty one takes everything.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Selection {
    parts: Vec<Part>,
}

/// One dimension of a resolved selection: positions `start, start+step, ..` (`count` of them), all in bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// First position (0 when `count` is 0).
    pub start: u64,
    /// Number of positions.
    pub count: u64,
    /// Distance between positions; negative walks down.
    pub step: i64,
    /// Whether the dimension was taken by a single index and disappears from the result.
    pub dropped: bool,
}

impl Selection {
    /// Everything.
    pub const ALL: Selection = Selection { parts: Vec::new() };

    /// A selection from its parts.
    pub fn new(parts: Vec<Part>) -> Self {
        Selection { parts }
    }

    /// Rows `start..stop` of the first dimension.
    pub fn rows(start: u64, stop: u64) -> Self {
        Selection::block(std::slice::from_ref(&(start..stop)))
    }

    /// A range along each of the first dimensions, and everything along the others.
    pub fn block(ranges: &[std::ops::Range<u64>]) -> Self {
        let bound = |n: u64| Some(i64::try_from(n).unwrap_or(i64::MAX));
        let part = |r: &std::ops::Range<u64>| Part::Slice(bound(r.start), bound(r.end), None);
        Selection { parts: ranges.iter().map(part).collect() }
    }

    /// Whether it takes everything of any array.
    pub fn is_all(&self) -> bool {
        self.parts.iter().all(|p| matches!(p, Part::Ellipsis | Part::Slice(None, None, None | Some(1))))
    }

    /// The positions taken along every dimension of `shape`.
    ///
    /// # Errors
    /// `Usage` for too many parts, an index out of bounds, a zero step or two ellipses.
    pub fn resolve(&self, shape: &Shape) -> Result<SmallVec<[Range; 4]>> {
        let given = self.parts.iter().filter(|p| **p != Part::Ellipsis).count();
        if self.parts.len() - given > 1 {
            return Err(Error::usage("a selection can hold only one '...'"));
        }
        let free = shape.len().checked_sub(given).ok_or_else(|| {
            Error::usage(format!("{given} indices for an array of rank {} and shape {shape}", shape.len()))
        })?;
        let mut out = SmallVec::new();
        let mut dims = shape.iter().copied();
        for part in &self.parts {
            match part {
                Part::Ellipsis => out.extend(dims.by_ref().take(free).map(whole)),
                Part::Index(i) => out.push(index(*i, dims.next().unwrap_or(0), out.len())?),
                Part::Slice(a, b, s) => out.push(slice(*a, *b, *s, dims.next().unwrap_or(0))?),
            }
        }
        out.extend(dims.map(whole));
        Ok(out)
    }
}

fn whole(dim: u64) -> Range {
    Range { start: 0, count: dim, step: 1, dropped: false }
}

fn index(i: i64, dim: u64, axis: usize) -> Result<Range> {
    let at = if i < 0 { i128::from(i) + i128::from(dim) } else { i128::from(i) };
    match u64::try_from(at) {
        Ok(start) if start < dim => Ok(Range { start, count: 1, step: 1, dropped: true }),
        _ => Err(Error::usage(format!("index {i} is out of bounds for dimension {axis} of {dim}"))),
    }
}

/// Python's `slice.indices`.
fn slice(start: Option<i64>, stop: Option<i64>, step: Option<i64>, dim: u64) -> Result<Range> {
    let step = step.unwrap_or(1);
    if step == 0 {
        return Err(Error::usage("slice step cannot be zero"));
    }
    let n = i128::from(dim);
    let (low, high) = if step > 0 { (0, n) } else { (-1, n - 1) };
    let place = |v: Option<i64>, default: i128| match v.map(i128::from) {
        None => default,
        Some(v) => (if v < 0 { v + n } else { v }).clamp(low, high),
    };
    let (a, b) = if step > 0 {
        (place(start, low), place(stop, high))
    } else {
        (place(start, high), place(stop, low))
    };
    let wide = i128::from(step);
    let count = if step > 0 { (b - a + wide - 1).max(0) / wide } else { (b - a + wide + 1).min(0) / wide };
    let count = u64::try_from(count).unwrap_or(0);
    let start = if count == 0 { 0 } else { u64::try_from(a).unwrap_or(0) };
    Ok(Range { start, count, step, dropped: false })
}

impl FromStr for Selection {
    type Err = Error;

    /// Parses the text between the brackets, or with them.
    fn from_str(text: &str) -> Result<Selection> {
        let t = text.trim();
        let t = t.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(t);
        if t.trim().is_empty() {
            return Ok(Selection::ALL);
        }
        let t = t.trim().strip_suffix(',').unwrap_or(t);
        t.split(',').map(|p| part(p.trim())).collect::<Result<Vec<_>>>().map(Selection::new)
    }
}

fn part(text: &str) -> Result<Part> {
    let bad = || Error::usage(format!("{text:?} is not an index, a slice or '...'"));
    let number = |t: &str| t.trim().parse::<i64>().map_err(|_| bad());
    let optional = |t: Option<&str>| t.map(str::trim).filter(|t| !t.is_empty()).map(number).transpose();
    if text == "..." {
        return Ok(Part::Ellipsis);
    }
    if !text.contains(':') {
        return number(text).map(Part::Index);
    }
    let mut it = text.split(':');
    let p = Part::Slice(optional(it.next())?, optional(it.next())?, optional(it.next())?);
    if it.next().is_some() { Err(bad()) } else { Ok(p) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(sel: &str, dim: u64) -> Vec<u64> {
        let r = sel.parse::<Selection>().unwrap().resolve(&[dim].into()).unwrap()[0];
        (0..r.count).map(|i| (r.start as i64 + i as i64 * r.step) as u64).collect()
    }

    #[test]
    fn slices_as_python_does() {
        assert_eq!(taken("2:5", 10), [2, 3, 4]);
        assert_eq!(taken("::-1", 3), [2, 1, 0]);
        assert_eq!(taken("-3:", 10), [7, 8, 9]);
        assert_eq!(taken("8:2:-2", 10), [8, 6, 4]);
        assert_eq!(taken("5:100", 7), [5, 6]);
        assert_eq!(taken("5:2", 7), [0u64; 0]);
        assert_eq!(taken("::9223372036854775807", 7), [0]);
        assert_eq!(taken("-1", 7), [6]);
    }

    #[test]
    fn ellipsis_fills_the_middle() {
        let r = "[0, ..., 1:2]".parse::<Selection>().unwrap().resolve(&[3, 4, 5, 6].into()).unwrap();
        assert_eq!(r.iter().map(|r| r.count).collect::<Vec<_>>(), [1, 4, 5, 1]);
        assert!(r[0].dropped && !r[3].dropped);
    }

    #[test]
    fn misfits_are_refused() {
        let shape: Shape = [3].into();
        for s in ["3", "-4", "0,0", "...,...", "::0", "a", "1:2:3:4"] {
            assert!(s.parse::<Selection>().and_then(|s| s.resolve(&shape)).is_err(), "{s}");
        }
    }
}
