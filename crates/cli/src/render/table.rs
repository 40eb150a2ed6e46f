//! Columns of text, aligned.

/// Rows with their columns padded to one width; the last column is not padded. Columns in `right` are aligned at
/// their right edge.
pub(crate) fn columns(rows: &[Vec<String>], right: &[usize]) -> Vec<String> {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |c: usize| rows.iter().filter_map(|r| r.get(c)).map(|s| s.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count).map(width).collect();
    rows.iter()
        .map(|row| {
            let mut line = String::new();
            for (c, (cell, w)) in row.iter().zip(&widths).enumerate() {
                if c > 0 {
                    line.push_str("  ");
                }
                match right.contains(&c) {
                    true => line.push_str(&format!("{cell:>w$}")),
                    false => line.push_str(&format!("{cell:<w$}")),
                }
            }
            line.truncate(line.trim_end().len());
            line
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align() {
        let row = |a: &str, b: &str| vec![a.to_owned(), b.to_owned()];
        assert_eq!(columns(&[row("a", "1"), row("bcd", "22")], &[1]), ["a     1", "bcd  22"]);
    }
}
