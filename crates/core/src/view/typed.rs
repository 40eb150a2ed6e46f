//! Typed access: Rust slices over the bytes of a view, after every check that makes them sound.

use super::{Order, View};
use crate::dtype::{ByteOrder, Element};
use crate::{Dtype, Error, Result, Shape};

impl<'a> View<'a> {
    /// A dense view over a Rust slice.
    ///
    /// # Errors
    /// `Invalid` when the shape does not hold exactly the slice.
    pub fn from_slice<T: Element>(shape: impl Into<Shape>, values: &'a [T]) -> Result<View<'a>> {
        View::new(T::DTYPE, shape.into(), bytemuck::cast_slice::<T, u8>(values))
    }

    /// As [`View::from_slice`], in Fortran order.
    pub fn from_slice_f<T: Element>(shape: impl Into<Shape>, values: &'a [T]) -> Result<View<'a>> {
        View::with_order(T::DTYPE, shape.into(), Order::F, bytemuck::cast_slice::<T, u8>(values))
    }

    /// The elements as a slice, without copying.
    ///
    /// # Errors
    /// `Usage` when the dtype is another (byte order included), the elements are not dense in C order, or the
    /// bytes are not aligned for `T`; [`View::to_vec`] copies in those cases.
    pub fn as_slice<T: Element>(&self) -> Result<&[T]> {
        if self.dtype != T::DTYPE {
            return Err(Error::usage(format!("elements are {}, not {}", self.dtype, T::DTYPE)));
        }
        let bytes = self.bytes().ok_or_else(|| Error::usage("elements are not dense in C order"))?;
        bytemuck::try_cast_slice(bytes)
            .map_err(|_| Error::usage(format!("bytes are not aligned for {}", T::DTYPE)))
    }

    /// A copy of the elements in C order, in this machine's byte order.
    ///
    /// # Errors
    /// `Usage` when the dtype differs in more than byte order.
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>> {
        if let Ok(s) = self.as_slice::<T>() {
            return Ok(s.to_vec());
        }
        if !self.dtype.same_values(&T::DTYPE) {
            return Err(Error::usage(format!("elements are {}, not {}", self.dtype, T::DTYPE)));
        }
        let swap = self.dtype != T::DTYPE;
        let mut out = Vec::with_capacity(self.len() as usize);
        self.for_each(|e| {
            let v: T = bytemuck::pod_read_unaligned(e);
            out.push(if swap { v.swapped() } else { v });
            Ok(())
        })?;
        Ok(out)
    }
}

/// What can be looked at as an array: a view, a number, a slice or vector of numbers (one dimension), and with the
/// feature `ndarray` its arrays.
pub trait AsView {
    /// The array; its bytes are copied only where they cannot be used as they lie.
    ///
    /// # Errors
    /// `Usage` for an array that does not fit this machine's limits.
    fn as_view(&self) -> Result<View<'_>>;
}

impl AsView for View<'_> {
    fn as_view(&self) -> Result<View<'_>> {
        Ok(self.borrow())
    }
}

impl<T: Element> AsView for T {
    fn as_view(&self) -> Result<View<'_>> {
        View::from_slice([], std::slice::from_ref(self))
    }
}

impl<T: Element> AsView for [T] {
    fn as_view(&self) -> Result<View<'_>> {
        View::from_slice([self.len() as u64], self)
    }
}

impl<T: Element> AsView for Vec<T> {
    fn as_view(&self) -> Result<View<'_>> {
        self.as_slice().as_view()
    }
}

impl<T: Element, const N: usize> AsView for [T; N] {
    fn as_view(&self) -> Result<View<'_>> {
        self.as_slice().as_view()
    }
}

impl Dtype {
    /// The byte order of a scalar type; `None` for single bytes and types without one.
    pub fn byte_order(&self) -> Option<ByteOrder> {
        match self {
            Dtype::Int(i) | Dtype::Bitfield(i) if i.size > 1 => Some(i.order),
            Dtype::Float(f) | Dtype::Complex(f) => Some(f.order),
            Dtype::Unicode(_, o) | Dtype::Datetime(_, o) | Dtype::Timedelta(_, o) => Some(*o),
            Dtype::Enum(e) if e.base.size > 1 => Some(e.base.order),
            _ => None,
        }
    }
}
