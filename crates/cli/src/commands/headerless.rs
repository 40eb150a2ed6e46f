//! The options that describe input without a header.

use hyperslab::npy::parse_dtype;
use hyperslab::{Declared, Dtype, Error, OpenOptions, Order, Result};

/// What a headerless file holds, where neither its content nor its name says it.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Headerless input")]
pub(crate) struct Headerless {
    /// Element type, for example '<f8' or int32
    #[arg(long, value_name = "DTYPE", value_parser = parse_dtype)]
    dtype: Option<Dtype>,
    /// Extents, for example 4,5 or 4x5; one of them may be '-1'
    #[arg(long, value_name = "SHAPE", allow_hyphen_values = true)]
    shape: Option<String>,
    /// Order of the elements: C (last index fastest) or F
    #[arg(long, value_name = "ORDER")]
    order: Option<OrderName>,
    /// Bytes before the first element
    #[arg(long, value_name = "BYTES", allow_negative_numbers = true)]
    offset: Option<u64>,
    /// Number of elements to take; '-1' is all of them
    #[arg(long, value_name = "N", conflicts_with = "shape", allow_negative_numbers = true, value_parser = count)]
    count: Option<Count>,
    /// What stands between the elements of a text, for example ',' or '\t'
    #[arg(long, value_name = "SEP", value_parser = separator)]
    sep: Option<String>,
    /// Read NumPy's arrays of Python objects, unpickled without executing anything
    #[arg(long, help_heading = "Options")]
    objects: bool,
    /// Let an HDF5 file lead to files outside its folder (external links, virtual datasets, external data)
    #[arg(long, help_heading = "Options")]
    follow_outside: bool,
}

/// A number of elements, or all.
#[derive(Clone, Copy, Debug)]
struct Count(Option<u64>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum OrderName {
    #[value(name = "C", alias = "c")]
    C,
    #[value(name = "F", alias = "f")]
    F,
}

impl Headerless {
    /// The separator.
    pub(crate) fn sep(&self) -> Option<&str> {
        self.sep.as_deref()
    }

    /// The options under which a file is opened.
    ///
    /// # Errors
    /// `Usage` for a shape that is none.
    pub(crate) fn options(&self) -> Result<OpenOptions> {
        let declared = Declared {
            dtype: self.dtype.clone(),
            shape: self.shape.as_deref().map(shape).transpose()?,
            order: self.order.map(|o| match o {
                OrderName::C => Order::C,
                OrderName::F => Order::F,
            }),
            offset: self.offset,
            count: self.count.and_then(|c| c.0),
            sep: self.sep.clone(),
        };
        let (objects, follow_outside) = (self.objects, self.follow_outside);
        Ok(OpenOptions { declared, objects, follow_outside, ..OpenOptions::default() })
    }
}

/// A separator with the escapes that shells do not make.
pub(super) fn separator(text: &str) -> std::result::Result<String, std::convert::Infallible> {
    Ok(text.replace("\\t", "\t").replace("\\n", "\n"))
}

/// As NumPy takes it: `-1` is everything.
fn count(text: &str) -> std::result::Result<Count, String> {
    match text {
        "-1" => Ok(Count(None)),
        text => text.parse().map(|n| Count(Some(n))).map_err(|_| "is not a number of elements, or -1".into()),
    }
}

/// `4,5`, `4x5` or `(4, 5)`; `-1` follows from the size; `()` is a scalar.
fn shape(text: &str) -> Result<Vec<Option<u64>>> {
    let bare = text.trim();
    let bare = bare.strip_prefix('(').and_then(|t| t.strip_suffix(')')).unwrap_or(bare).trim();
    let bare = bare.strip_suffix(',').unwrap_or(bare);
    if bare.is_empty() {
        return Ok(Vec::new());
    }
    let extent = |t: &str| match t.trim() {
        "-1" => Ok(None),
        t => t.parse().map(Some).map_err(|_| Error::usage(format!("{text:?} is not a shape"))),
    };
    bare.split([',', 'x']).map(extent).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes() {
        assert_eq!(shape("4,5").unwrap(), [Some(4), Some(5)]);
        assert_eq!(shape("(4, -1)").unwrap(), [Some(4), None]);
        assert_eq!(shape("4x5x6").unwrap().len(), 3);
        assert_eq!(shape("(3,)").unwrap(), [Some(3)]);
        assert_eq!(shape("()").unwrap(), []);
        assert!(shape("a").is_err());
    }
}
