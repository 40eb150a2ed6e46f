//! An array in parts that fit in memory, in C order.

use crate::container::Stream;
use crate::{Container, Limits, Node, Result, Selection, Shape, View};

/// Decoded bytes of one part, about.
const PART: u64 = 32 << 20;

/// Calls `each` with the array's elements, in C order, a part at a time.
///
/// # Errors
/// As [`Container::read`], and what `each` returns.
pub fn for_each(
    container: &dyn Container,
    node: &Node,
    limits: &Limits,
    mut each: impl FnMut(&View<'_>) -> Result<()>,
) -> Result<()> {
    let mut parts = parts(container, node, limits)?;
    while let Some(part) = parts.next_part()? {
        each(&part)?;
    }
    Ok(())
}

/// The array's elements in C order, a part at a time, for a caller who takes them one by one.
///
/// Parts are runs of whole rows of the first dimension, and of whole chunks where there are chunks, so that no
/// chunk is decoded twice; or what the container itself streams. What is stored so that any part costs as much as
/// the whole ([`reads_whole`]), and is not streamed, is one part.
///
/// # Errors
/// As [`Container::read`].
pub fn parts<'a>(
    container: &'a dyn Container,
    node: &'a Node,
    limits: &'a Limits,
) -> Result<Box<dyn Stream + 'a>> {
    let large = node.nbytes.is_none_or(|n| n > PART);
    if large && let Some(stream) = container.stream(&node.path, limits)? {
        return Ok(stream);
    }
    let all = node.shape.as_ref().map_or(0, |s| s.first().copied().unwrap_or(1));
    let rows = node.shape.as_ref().map_or(u64::MAX, |s| rows_per_part(s, node));
    let done = node.shape.is_none();
    Ok(Box::new(Rows { container, path: &node.path, limits, at: 0, all, rows, done }))
}

/// Runs of rows, each read by a selection.
struct Rows<'a> {
    container: &'a dyn Container,
    path: &'a str,
    limits: &'a Limits,
    at: u64,
    all: u64,
    rows: u64,
    done: bool,
}

impl Stream for Rows<'_> {
    fn next_part(&mut self) -> Result<Option<View<'_>>> {
        if self.done {
            return Ok(None);
        }
        let end = self.at.saturating_add(self.rows).min(self.all);
        let selection = match (self.at, end) {
            (0, end) if end == self.all => Selection::ALL,
            (at, end) => Selection::rows(at, end),
        };
        self.at = end;
        self.done = end == self.all;
        self.container.read(self.path, &selection, self.limits).map(Some)
    }
}

/// Whether any part of an array costs as much as all of it: the bytes of a row lie all over the file, or can only
/// be decoded from the start.
pub fn reads_whole(node: &Node) -> bool {
    matches!(node.layout.as_deref(), Some("deflate" | "fortran"))
}

/// Rows of one part; `u64::MAX` for all of them at once.
fn rows_per_part(shape: &Shape, node: &Node) -> u64 {
    let whole = node.nbytes.is_none_or(|n| n <= PART) || reads_whole(node);
    let rows = shape.first().copied().unwrap_or(0);
    let row_bytes = node.nbytes.unwrap_or(0).checked_div(rows).unwrap_or(0);
    if whole || row_bytes == 0 {
        return u64::MAX;
    }
    let fit = (PART / row_bytes).max(1);
    match node.chunks.as_ref().and_then(|c| c.first().copied()).filter(|&c| c > 1) {
        Some(chunk) => fit.div_ceil(chunk).saturating_mul(chunk),
        None => fit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dtype;

    #[test]
    fn parts_are_whole_rows_and_chunks() {
        let node = |shape: [u64; 2]| Node::array("", Dtype::F64, shape.into());
        let rows = |n: &Node| rows_per_part(n.shape.as_ref().unwrap(), n);
        assert_eq!(rows(&node([10, 10])), u64::MAX);
        assert_eq!(rows(&node([1 << 20, 1 << 10])), 4096);
        assert_eq!(rows(&node([1 << 20, 1 << 30])), 1);
        let chunked = Node { chunks: Some([1000, 7].into()), ..node([1 << 20, 1 << 10]) };
        assert_eq!(rows(&chunked), 5000);
        let zipped = Node { layout: Some("deflate".into()), ..node([1 << 20, 1 << 10]) };
        assert_eq!(rows(&zipped), u64::MAX);
        assert_eq!(rows(&node([1 << 40, 0])), u64::MAX);
    }
}
