//! Headers of others that describe a raw array: ENVI's and NRRD's, parsed from text. No I/O.
//!
//! Only their uncompressed binary forms are arrays that lie as they are; the others are refused by name.

pub mod envi;
pub mod nrrd;

use crate::raw::Layout;
use hyperslab_core::value::ListKind;
use hyperslab_core::{Error, Result, Value};

/// The longest header that is read, in bytes.
pub const MAX: u64 = 1 << 20;

/// What a header says of an array.
#[derive(Debug)]
pub struct Description {
    /// Type, extents, order and position of the elements.
    pub layout: Layout,
    /// Where the elements are.
    pub data: Place,
    /// Everything else, in order.
    pub attributes: Vec<(String, Value)>,
}

/// Where the elements of a described array are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the file of the header, behind it.
    Behind,
    /// In the file whose name is the header's without its extension, or with another one.
    Beside,
    /// In a file of this name in the header's directory.
    Named(String),
    /// In a file of this name, at its end.
    AtEnd(String),
}

/// A number where the text is one, else the text.
fn plain(text: &str) -> Value {
    if let Ok(i) = text.parse::<i64>() {
        return Value::from(i);
    }
    match text.parse::<f64>() {
        // Words like "nan" and "infinity" are words here.
        Ok(f) if f.is_finite() => Value::from(f),
        _ => Value::from(text),
    }
}

/// Plain values between separators.
fn list<'t>(items: impl Iterator<Item = &'t str>) -> Value {
    Value::List(ListKind::List, items.map(|t| plain(t.trim())).collect())
}

/// A whole number of a header.
fn whole(key: &str, text: &str) -> Result<u64> {
    let text = text.trim();
    text.parse().map_err(|_| Error::invalid(format!("{key} is {:.40?}, expected a whole number", text)))
}
