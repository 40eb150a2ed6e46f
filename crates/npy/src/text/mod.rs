//! Delimited text, as `numpy.fromfile(sep=..)` and `ndarray.tofile(sep=.., format=..)` read and write it: numbers with
//! a separator between them and nothing else. No rows and columns, no names, no comments: that is not what these two
//! know.
//!
//! | file | what it knows |
//! |---|---|
//! | `separator.rs` | what separates two numbers |
//! | `number/` | what a number is, one file per kind |
//! | `piece.rs`, `parser.rs` | the loop, and windows of a source cut into pieces for it |
//! | `position.rs` | line, column and advice for what is wrong |
//! | `format.rs` | `%` formats |
//! | `write.rs`, `print/` | elements as text |
//!
//! Where NumPy wraps integers, ignores byte order or returns fewer elements than were asked for, this refuses or is
//! right. Source: NumPy 2.4 and Python 3.13, probed.

mod container;
mod format;
mod layout;
mod number;
mod parser;
mod piece;
mod position;
mod print;
mod read;
mod separator;
mod write;

pub use container::Text;
pub use format::Format;
pub use layout::Layout;
pub use read::{read, read_in_windows};
pub use separator::Separator;
pub use write::{TextWriter, save, write_to};

#[cfg(test)]
mod tests;
