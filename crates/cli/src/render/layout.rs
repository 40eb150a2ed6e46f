//! Cells of an array in nested brackets, wrapped and aligned as NumPy's `print` does.

/// The line width that NumPy prints to.
const LINE: usize = 75;

/// One dimension as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Axis {
    /// Positions shown.
    pub(crate) shown: usize,
    /// Whether the middle was left out: `...` stands after half of the shown positions.
    pub(crate) summary: bool,
}

/// The text of an array of at least one dimension from its cells in C order.
pub(crate) fn layout(axes: &[Axis], cells: &[String]) -> String {
    let mut cells = cells.iter();
    nested(axes, &mut cells, 1, LINE)
}

/// One bracket; `indent` is the column of what it holds on further lines.
fn nested<'c>(
    axes: &[Axis],
    cells: &mut impl Iterator<Item = &'c String>,
    indent: usize,
    width: usize,
) -> String {
    let Some((axis, inner)) = axes.split_first() else {
        return cells.next().cloned().unwrap_or_default();
    };
    if inner.is_empty() {
        return row(*axis, cells, indent, width.saturating_sub(1));
    }
    let gap = "\n".repeat(inner.len());
    let margin = " ".repeat(indent);
    let mut out = String::from("[");
    for i in 0..axis.shown {
        if i > 0 {
            out.push_str(&gap);
            out.push_str(&margin);
        }
        if axis.summary && i == axis.shown / 2 {
            out.push_str("...");
            out.push_str(&gap);
            out.push_str(&margin);
        }
        out.push_str(&nested(inner, cells, indent + 1, width.saturating_sub(1)));
    }
    out.push(']');
    out
}

/// The innermost bracket: words, wrapped when the line is full.
fn row<'c>(axis: Axis, cells: &mut impl Iterator<Item = &'c String>, indent: usize, width: usize) -> String {
    let mut out = String::from("[");
    let mut column = indent;
    let mut first = true;
    let mut word = |text: &str| {
        let len = text.chars().count();
        // The separating space counts towards the line that is full, and goes when it is broken.
        let with_space = column + usize::from(!first);
        if with_space + len > width && with_space > indent {
            out.truncate(out.trim_end().len());
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            column = indent + len;
        } else {
            if !first {
                out.push(' ');
            }
            column = with_space + len;
        }
        out.push_str(text);
        first = false;
    };
    for i in 0..axis.shown {
        if axis.summary && i == axis.shown / 2 {
            word("...");
        }
        if let Some(cell) = cells.next() {
            word(cell);
        }
    }
    out.push(']');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(n: usize) -> Vec<String> {
        (0..n).map(|i| i.to_string()).collect()
    }

    fn full(shown: usize) -> Axis {
        Axis { shown, summary: false }
    }

    #[test]
    fn brackets_nest() {
        assert_eq!(layout(&[full(3)], &cells(3)), "[0 1 2]");
        assert_eq!(layout(&[full(2), full(2)], &cells(4)), "[[0 1]\n [2 3]]");
        assert_eq!(layout(&[full(2), full(1), full(2)], &cells(4)), "[[[0 1]]\n\n [[2 3]]]");
        let summary = Axis { shown: 6, summary: true };
        assert_eq!(layout(&[summary], &cells(6)), "[0 1 2 ... 3 4 5]");
    }

    #[test]
    fn long_rows_wrap_under_their_bracket() {
        let words = vec!["123456789".to_owned(); 8];
        let text = layout(&[full(8)], &words);
        assert_eq!(text.lines().count(), 2);
        assert_eq!(text.lines().nth(1), Some(" 123456789]"));
    }
}
