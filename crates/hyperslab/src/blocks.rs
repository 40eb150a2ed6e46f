//! An array in parts that fit in memory, in C order.

use crate::{Container, Limits, Node, Result, Selection, Shape, View};

/// Decoded bytes of one part, about.
const PART: u64 = 32 << 20;

/// Calls `each` with the array's elements, in C order, a part at a time.
///
/// Parts are runs of whole rows of the first dimension, and of whole chunks where there are chunks, so that no
/// chunk is decoded twice. What is stored so that any part costs as much as the whole
/// ([`reads_whole`]) is one part.
///
/// # Errors
/// As [`Container::read`], and what `each` returns.
pub fn for_each(
    container: &dyn Container,
    node: &Node,
    limits: &Limits,
    mut each: impl FnMut(&View<'_>) -> Result<()>,
) -> Result<()> {
    let Some(shape) = &node.shape else { return Ok(()) };
    let rows = rows_per_part(shape, node);
    let all = shape.first().copied().unwrap_or(1);
    if rows >= all {
        return each(&container.read(&node.path, &Selection::ALL, limits)?);
    }
    let mut at = 0;
    while at < all {
        let end = at.saturating_add(rows).min(all);
        each(&container.read(&node.path, &Selection::rows(at, end), limits)?)?;
        at = end;
    }
    Ok(())
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
