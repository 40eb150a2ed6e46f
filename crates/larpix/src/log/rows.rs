//! Which messages of a log are meant: ranges, slices, masks and lists of positions, by Python's and NumPy's rules.
//!
//! Worked out against a length once, so that a log that grows meanwhile does not change what was asked for.

use hyperslab_core::{Error, Result, Selection, Shape};
use std::ops::Range;

/// Positions of messages in the order in which they are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// `start, start+step, ..`, all of them positions.
    Steps { start: u64, count: u64, step: i64 },
    /// Any.
    List(Vec<u64>),
}

impl Rows {
    /// The messages of a range.
    pub fn range(range: Range<u64>) -> Rows {
        let count = range.end.saturating_sub(range.start);
        Rows(Kind::Steps { start: range.start, count, step: 1 })
    }

    /// Python's `[start:stop:step]` on a log of `len` messages: negative positions count from the end, positions
    /// beyond it are cut.
    ///
    /// # Errors
    /// `Usage` for a step of 0.
    pub fn slice(start: Option<i64>, stop: Option<i64>, step: Option<i64>, len: u64) -> Result<Rows> {
        let part = hyperslab_core::selection::Part::Slice(start, stop, step);
        Rows::select(&Selection::new(vec![part]), len)
    }

    /// What a selection takes of a log of `len` messages; one index takes one message.
    ///
    /// # Errors
    /// `Usage` for an index out of bounds, a step of 0, more than one dimension.
    pub fn select(selection: &Selection, len: u64) -> Result<Rows> {
        let ranges = selection.resolve(&Shape::from([len]))?;
        Ok(ranges.first().map_or_else(
            || Rows::range(0..0),
            |r| Rows(Kind::Steps { start: r.start, count: r.count, step: r.step }),
        ))
    }

    /// The messages where a mask is true.
    ///
    /// # Errors
    /// `Usage` when the mask has not an element for each message.
    pub fn mask(mask: impl IntoIterator<Item = bool>, len: u64) -> Result<Rows> {
        let (mut list, mut count) = (Vec::new(), 0u64);
        for wanted in mask {
            if wanted {
                list.push(count);
            }
            count += 1;
        }
        if count != len {
            return Err(Error::usage(format!("a mask of {count} elements for {len} messages")));
        }
        Ok(Rows(Kind::List(list)))
    }

    /// The messages at some positions, in this order, also twice; negative ones count from the end.
    ///
    /// # Errors
    /// `Usage` for one out of bounds.
    pub fn list(positions: impl IntoIterator<Item = i64>, len: u64) -> Result<Rows> {
        let place = |i: i64| {
            let at = if i < 0 { len.checked_sub(i.unsigned_abs()) } else { Some(i.unsigned_abs()) };
            at.filter(|&at| at < len)
                .ok_or_else(|| Error::usage(format!("position {i} is out of bounds for {len} messages")))
        };
        positions.into_iter().map(place).collect::<Result<_>>().map(|list| Rows(Kind::List(list)))
    }

    /// The messages at these positions, in this order; whether they are there, the reader says.
    pub fn positions(positions: Vec<u64>) -> Rows {
        Rows(Kind::List(positions))
    }

    /// Number of messages.
    pub fn len(&self) -> u64 {
        match &self.0 {
            Kind::Steps { count, .. } => *count,
            Kind::List(list) => list.len() as u64,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The position of the `i`th message.
    pub fn get(&self, i: u64) -> Option<u64> {
        match &self.0 {
            Kind::Steps { start, count, step } => {
                let way = i128::from(*step).checked_mul(i128::from(i))?;
                u64::try_from(i128::from(*start) + way).ok().filter(|_| i < *count)
            }
            Kind::List(list) => list.get(usize::try_from(i).ok()?).copied(),
        }
    }

    /// The positions in order.
    pub fn iter(&self) -> impl Iterator<Item = u64> {
        (0..self.len()).map_while(|i| self.get(i))
    }

    /// Some of them: those from the `range.start`th on.
    pub(super) fn part(&self, range: Range<u64>) -> Vec<u64> {
        range.map_while(|i| self.get(i)).collect()
    }

    /// The range that they are, if they are one.
    pub(super) fn as_range(&self) -> Option<Range<u64>> {
        match self.0 {
            Kind::Steps { start, count, step } if step == 1 || count <= 1 => {
                Some(start..start.checked_add(count)?)
            }
            _ => None,
        }
    }
}

impl From<Range<u64>> for Rows {
    fn from(range: Range<u64>) -> Rows {
        Rows::range(range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyperslab_core::Kind;

    fn positions(rows: Result<Rows>) -> Vec<u64> {
        let rows = rows.unwrap();
        assert_eq!(rows.len(), rows.iter().count() as u64);
        assert_eq!(rows.get(rows.len()), None);
        rows.iter().collect()
    }

    /// Python's own answers for `list(range(10))[a:b:c]`.
    #[test]
    fn slices_are_pythons() {
        assert_eq!(positions(Rows::slice(None, None, None, 3)), [0, 1, 2]);
        assert_eq!(positions(Rows::slice(Some(-3), None, None, 10)), [7, 8, 9]);
        assert_eq!(positions(Rows::slice(Some(-100), Some(2), None, 10)), [0, 1]);
        assert_eq!(positions(Rows::slice(None, None, Some(-4), 10)), [9, 5, 1]);
        assert_eq!(positions(Rows::slice(Some(8), Some(2), Some(-3), 10)), [8, 5]);
        assert_eq!(positions(Rows::slice(Some(8), Some(2), None, 10)), [0u64; 0]);
        assert_eq!(positions(Rows::slice(Some(20), None, None, 10)), [0u64; 0]);
        assert_eq!(positions(Rows::slice(None, None, None, 0)), [0u64; 0]);
        assert_eq!(Rows::slice(None, None, Some(0), 3).unwrap_err().kind(), Kind::Usage);
        assert_eq!(positions(Rows::select(&"[-1]".parse().unwrap(), 4)), [3]);
        assert_eq!(Rows::select(&"[4]".parse().unwrap(), 4).unwrap_err().kind(), Kind::Usage);
        assert_eq!(Rows::select(&"[1, 2]".parse().unwrap(), 4).unwrap_err().kind(), Kind::Usage);
    }

    #[test]
    fn masks_and_lists() {
        assert_eq!(positions(Rows::mask([true, false, true], 3)), [0, 2]);
        for mask in [&[true][..], &[true; 4]] {
            assert_eq!(Rows::mask(mask.iter().copied(), 3).unwrap_err().kind(), Kind::Usage);
        }
        assert_eq!(positions(Rows::list([2, -1, 0, 2], 3)), [2, 2, 0, 2]);
        for i in [3, -4, i64::MIN, i64::MAX] {
            assert_eq!(Rows::list([i], 3).unwrap_err().kind(), Kind::Usage);
        }
        assert_eq!(Rows::list([], 0).unwrap().as_range(), None);
        assert_eq!(Rows::range(3..9).as_range(), Some(3..9));
        assert_eq!(Rows::slice(Some(2), Some(8), Some(1), 10).unwrap().as_range(), Some(2..8));
    }
}
