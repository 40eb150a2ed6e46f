//! Arrays as nested JSON lists, written a part at a time.

use hyperslab::{Error, Limits, Result, View, json, scalar};
use std::io::Write;

/// Writes nested lists whose elements arrive in C order.
pub(crate) struct Lists {
    shape: Vec<u64>,
    written: u64,
}

impl Lists {
    /// Lists for an array of this shape.
    pub(crate) fn new(shape: &[u64]) -> Lists {
        Lists { shape: shape.to_vec(), written: 0 }
    }

    /// Writes the elements of a view.
    ///
    /// # Errors
    /// What decoding an element reports; `Io`.
    pub(crate) fn write(&mut self, out: &mut dyn Write, view: &View<'_>, limits: &Limits) -> Result<()> {
        let heap = view.heap().map(|h| &**h);
        view.for_each(|element| {
            let value = scalar::decode(view.dtype(), element, heap)?;
            let value = json::element(view.dtype(), &value, limits)?;
            let opened = self.edges(self.written);
            let comma = if self.written > 0 { "," } else { "" };
            self.written += 1;
            let closed = self.edges(self.written);
            // Brackets close with the last element of a row, so they open before the next.
            let open = if opened > 0 { "[".repeat(opened) } else { String::new() };
            write!(out, "{comma}{open}{value}{}", "]".repeat(closed))
                .map_err(|e| Error::io(e, "cannot write to standard output"))
        })
    }

    /// What closes the lists; an empty array is written here.
    pub(crate) fn finish(&self, out: &mut dyn Write) -> Result<()> {
        if self.written > 0 {
            return Ok(());
        }
        write!(out, "{}", empty(&self.shape)).map_err(|e| Error::io(e, "cannot write to standard output"))
    }

    /// How many dimensions start (or end) at the element of this number.
    fn edges(&self, n: u64) -> usize {
        let mut row = 1u64;
        self.shape
            .iter()
            .rev()
            .take_while(|&&d| {
                row = row.saturating_mul(d);
                row > 0 && n.is_multiple_of(row)
            })
            .count()
    }
}

/// The brackets of an array without elements; outer extents are shown up to a thousand lists.
fn empty(shape: &[u64]) -> String {
    match shape {
        [] | [_] => "[]".into(),
        [d, rest @ ..] => {
            let inner = empty(rest);
            let count = (*d).min(1000 / inner.len().max(1) as u64);
            format!("[{}]", vec![inner.as_str(); count as usize].join(","))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(shape: &[u64], values: &[i64]) -> String {
        let mut out = Vec::new();
        let mut lists = Lists::new(shape);
        lists.write(&mut out, &View::from_slice(shape, values).unwrap(), &Limits::default()).unwrap();
        lists.finish(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn nested_as_the_shape() {
        assert_eq!(text(&[], &[5]), "5");
        assert_eq!(text(&[3], &[1, 2, 3]), "[1,2,3]");
        assert_eq!(text(&[2, 1, 2], &[1, 2, 3, 4]), "[[[1,2]],[[3,4]]]");
        assert_eq!(text(&[0], &[]), "[]");
        assert_eq!(text(&[2, 0], &[]), "[[],[]]");
    }
}
