//! What is told about a text file: what its elements are, what separates them, how they make an array.

use super::Separator;
use crate::dense;
use hyperslab_core::{Dtype, Error, Order, Result, Shape};

/// What is told about a text file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Element type.
    pub dtype: Dtype,
    /// What stands between two elements.
    pub separator: Separator,
    /// Number of elements; what follows them is then not looked at.
    pub count: Option<u64>,
    /// Extents, `None` for the one that follows from the number of elements; without a shape, a list.
    pub shape: Option<Vec<Option<u64>>>,
    /// Order of the elements.
    pub order: Order,
}

impl Layout {
    /// All numbers of a text as a list.
    pub fn new(dtype: Dtype, separator: Separator) -> Layout {
        Layout { dtype, separator, count: None, shape: None, order: Order::C }
    }

    /// The same with a known shape.
    #[must_use]
    pub fn with_shape(mut self, shape: &Shape) -> Layout {
        self.shape = Some(shape.iter().copied().map(Some).collect());
        self
    }

    /// The shape of an array of which `found` elements are there.
    ///
    /// # Errors
    /// `Invalid` when there are fewer elements than the count or another number than the shape holds, `Usage` for
    /// contradictions in the layout itself.
    pub fn resolve(&self, found: u64) -> Result<Shape> {
        if let Some(count) = self.count.filter(|count| *count != found) {
            return Err(Error::invalid(format!("{count} elements were asked for, {found} are there")));
        }
        let Some(extents) = &self.shape else { return Ok(Shape::from([found])) };
        let shape = dense::with_open_extent(extents, found)?;
        let holds = shape.count()?;
        if holds == found {
            return Ok(shape);
        }
        let message = format!("shape {shape} holds {holds} elements, {found} are there");
        Err(match self.count {
            Some(_) => Error::usage(message),
            None if holds < found => {
                Error::invalid(message).hint("give the count to read only the first ones")
            }
            None => Error::invalid(message),
        })
    }
}
