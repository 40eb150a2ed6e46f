//! The few colours: names stand out, what is secondary steps back. Streams that are not terminals lose them.

use anstyle::{AnsiColor, Style};

/// Names of nodes, headings.
pub(crate) const NAME: Style = Style::new().bold();
/// Types and sizes beside a name.
pub(crate) const DIM: Style = Style::new().dimmed();
/// Attribute names.
pub(crate) const ATTRIBUTE: Style = AnsiColor::Cyan.on_default();
/// What is wrong.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// What agrees.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();

/// Text in a style.
pub(crate) fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}
