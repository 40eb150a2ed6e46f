//! Views as `ndarray` arrays and back.

use super::{AsView, Buffer, View};
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

impl<T: Element, S: Data<Elem = T>, D: Dimension> AsView for ArrayBase<S, D> {
    /// Borrowed where the array is in standard layout, otherwise a copy that is.
    fn as_view(&self) -> Result<View<'_>> {
        if self.as_slice().is_some() {
            return View::from_ndarray(self);
        }
        let shape: Shape = self.shape().iter().map(|&d| d as u64).collect();
        let values: Vec<T> = self.iter().copied().collect();
        View::new(T::DTYPE, shape, Buffer::copy_of(bytemuck::cast_slice(&values)))
    }
}

fn dims(shape: &Shape) -> Result<IxDyn> {
    let dims: Option<Vec<usize>> = shape.iter().map(|&d| usize::try_from(d).ok()).collect();
    dims.map(|d| IxDyn(&d)).ok_or_else(|| Error::usage(format!("shape {shape} does not fit this machine")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, s};

    #[test]
    fn arrays_of_any_layout_are_views() {
        let a = Array2::from_shape_fn((3, 4), |(i, j)| (10 * i + j) as i32);
        assert!(a.as_view().unwrap().is_view());
        let turned = a.t();
        assert_eq!(turned.as_view().unwrap().to_ndarray::<i32>().unwrap(), turned.into_dyn());
        let part = a.slice(s![..;-2, 1..;2]);
        assert_eq!(part.as_view().unwrap().to_ndarray::<i32>().unwrap(), part.into_dyn());
    }
}
