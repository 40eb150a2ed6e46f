//! Views as `ndarray` arrays and back.

use super::View;
use crate::dtype::Element;
use crate::{Error, Result, Shape};
use ndarray::{ArrayBase, ArrayD, ArrayViewD, Data, Dimension, IxDyn};

impl View<'_> {
    /// The elements as an ndarray view, without copying; see [`View::as_slice`] for when that works.
    pub fn as_ndarray<T: Element>(&self) -> Result<ArrayViewD<'_, T>> {
        let dims = dims(self.shape())?;
        ArrayViewD::from_shape(dims, self.as_slice::<T>()?).map_err(|e| Error::usage(e.to_string()))
    }

    /// A copy of the elements as an ndarray, in this machine's byte order.
    pub fn to_ndarray<T: Element>(&self) -> Result<ArrayD<T>> {
        let dims = dims(self.shape())?;
        ArrayD::from_shape_vec(dims, self.to_vec::<T>()?).map_err(|e| Error::usage(e.to_string()))
    }

    /// A view over a standard-layout ndarray.
    ///
    /// # Errors
    /// `Usage` when the array is not in standard (C) layout: pass `a.as_standard_layout()`.
    pub fn from_ndarray<T: Element, S: Data<Elem = T>, D: Dimension>(
        a: &ArrayBase<S, D>,
    ) -> Result<View<'_>> {
        let shape: Shape = a.shape().iter().map(|&d| d as u64).collect();
        let values = a.as_slice().ok_or_else(|| Error::usage("array is not in standard layout"))?;
        View::from_slice(shape, values)
    }
}

fn dims(shape: &Shape) -> Result<IxDyn> {
    let dims: Option<Vec<usize>> = shape.iter().map(|&d| usize::try_from(d).ok()).collect();
    dims.map(|d| IxDyn(&d)).ok_or_else(|| Error::usage(format!("shape {shape} does not fit this machine")))
}
