//! Views: dtype + shape + strides + bytes.
//!
//! A view is borrowed when the stored bytes can be used as they lie and owned when they had to be decoded.
//! Typed access ([`View::as_slice`], [`View::to_vec`], ndarray) is a checked step on top. Elements of
//! variable-length types are references that the view's [`Heap`] resolves, so nothing is copied until asked for.

mod buffer;
mod data;
mod gather;
#[cfg(feature = "ndarray")]
mod nd;
mod typed;

pub use buffer::Buffer;
pub use data::Data;
pub use typed::AsView;

use crate::dtype::ReferenceKind;
use crate::selection::Selection;
use crate::value::Value;
use crate::{Dtype, Error, Limits, Result, Shape};
use smallvec::SmallVec;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// Resolves the stored references of variable-length elements.
pub trait Heap: Send + Sync {
    /// The item count and the bytes that a stored reference points at.
    ///
    /// For strings the count is of bytes. An empty or null reference gives `(0, [])`.
    ///
    /// # Errors
    /// `Invalid` when the reference points nowhere sensible.
    fn resolve(&self, reference: &[u8]) -> Result<(u64, Cow<'_, [u8]>)>;

    /// What a stored reference to an object, region or attribute points at, for showing; `None` where that is not
    /// known.
    fn reference(&self, kind: ReferenceKind, bytes: &[u8]) -> Option<Value> {
        let _ = (kind, bytes);
        None
    }

    /// What a stored reference points at, for writing it into another file; `None` for a null reference.
    ///
    /// # Errors
    /// `Unsupported` where no path leads there or the file of the elements is not known; `Invalid`, `Io`.
    fn target(&self, kind: ReferenceKind, bytes: &[u8]) -> Result<Option<Target>> {
        let _ = bytes;
        let what = format!("{kind:?} references whose file is not known").to_lowercase();
        Err(Error::unsupported(what))
    }
}

/// Where a reference leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The first path to the object.
    pub path: String,
    /// Of a dataset the elements that are meant: a selection, serialized as HDF5 does.
    pub region: Option<Vec<u8>>,
    /// How many dimensions the dataset has, where the selection is stored with that.
    pub rank: Option<u32>,
    /// Of an object the attribute that is meant.
    pub attribute: Option<String>,
}

impl Target {
    /// An object, by its path.
    pub fn object(path: impl Into<String>) -> Target {
        Target { path: path.into(), region: None, rank: None, attribute: None }
    }

    /// Elements of a dataset, by its path and a selection that is serialized as HDF5 does.
    pub fn region(path: impl Into<String>, region: Vec<u8>) -> Target {
        Target { region: Some(region), ..Target::object(path) }
    }
}

/// How the dense bytes of an array are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Order {
    /// Last dimension fastest.
    #[default]
    C,
    /// First dimension fastest.
    F,
}

/// An n-dimensional array over bytes.
pub struct View<'a> {
    dtype: Dtype,
    shape: Shape,
    /// Bytes from one element to the next, per dimension; may be negative.
    strides: SmallVec<[i64; 4]>,
    /// Byte position of element (0, 0, ..) in `data`.
    start: u64,
    data: Data<'a>,
    heap: Option<Arc<dyn Heap + 'a>>,
}

impl<'a> View<'a> {
    /// A dense view in C order over exactly `shape.bytes(itemsize)` bytes.
    ///
    /// # Errors
    /// `Invalid` when shape, dtype and number of bytes do not agree.
    pub fn new(dtype: Dtype, shape: Shape, data: impl Into<Data<'a>>) -> Result<View<'a>> {
        Self::with_order(dtype, shape, Order::C, data)
    }

    /// A dense view in the given order.
    #[inline]
    pub fn with_order(
        dtype: Dtype,
        shape: Shape,
        order: Order,
        data: impl Into<Data<'a>>,
    ) -> Result<View<'a>> {
        let data = data.into();
        let itemsize = dtype.itemsize();
        let need = shape.bytes(itemsize)?;
        if need != data.len() as u64 {
            return Err(Error::invalid(format!(
                "an array of shape {shape} and type {dtype} takes {need} bytes, {} are there",
                data.len()
            )));
        }
        let strides = dense_strides(&shape, itemsize, order);
        Ok(View { dtype, shape, strides, start: 0, data, heap: None })
    }

    /// A strided view: element `(i, j, ..)` lies at `start + i*strides[0] + j*strides[1] + ..`.
    ///
    /// # Errors
    /// `Invalid` when the ranks differ or any element would leave `data`.
    pub fn strided(
        dtype: Dtype,
        shape: Shape,
        strides: &[i64],
        start: u64,
        data: impl Into<Data<'a>>,
    ) -> Result<View<'a>> {
        let data = data.into();
        let outside = || {
            Error::invalid(format!(
                "strides {strides:?} of shape {shape} leave the {} bytes given",
                data.len()
            ))
        };
        if strides.len() != shape.len() {
            return Err(Error::invalid(format!("{} strides for shape {shape}", strides.len())));
        }
        if shape.count()? > 0 {
            let (mut low, mut high) = (i128::from(start), i128::from(start) + i128::from(dtype.itemsize()));
            for (&d, &s) in shape.iter().zip(strides) {
                let reach = i128::from(s) * i128::from(d.saturating_sub(1));
                if reach < 0 { low += reach } else { high += reach }
            }
            if low < 0 || high > data.len() as i128 {
                return Err(outside());
            }
        }
        Ok(View { dtype, shape, strides: SmallVec::from_slice(strides), start, data, heap: None })
    }

    /// Attaches the heap that resolves this view's variable-length elements.
    #[must_use]
    pub fn with_heap(mut self, heap: Arc<dyn Heap + 'a>) -> View<'a> {
        self.heap = Some(heap);
        self
    }

    /// Element type.
    pub fn dtype(&self) -> &Dtype {
        &self.dtype
    }

    /// Extents.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Bytes between neighbours, per dimension.
    pub fn strides(&self) -> &[i64] {
        &self.strides
    }

    /// The heap of variable-length elements.
    pub fn heap(&self) -> Option<&Arc<dyn Heap + 'a>> {
        self.heap.as_ref()
    }

    /// Number of elements.
    pub fn len(&self) -> u64 {
        // Checked when the view was made.
        self.shape.iter().product()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.shape.contains(&0)
    }

    /// Bytes of the elements, laid out densely.
    pub fn nbytes(&self) -> u64 {
        self.len() * self.dtype.itemsize()
    }

    /// Whether the elements lie densely in C order.
    pub fn is_c_contiguous(&self) -> bool {
        self.is_empty() || self.is_dense(Order::C)
    }

    /// Whether the elements lie densely in Fortran order.
    pub fn is_f_contiguous(&self) -> bool {
        self.is_empty() || self.is_dense(Order::F)
    }

    fn is_dense(&self, order: Order) -> bool {
        let dense = dense_strides(&self.shape, self.dtype.itemsize(), order);
        self.shape.iter().zip(self.strides.iter().zip(&dense)).all(|(&d, (s, want))| d == 1 || s == want)
    }

    /// Whether the bytes are used where the source holds them.
    pub fn is_view(&self) -> bool {
        self.data.is_view()
    }

    /// The dense bytes when the elements lie in C order.
    pub fn bytes(&self) -> Option<&[u8]> {
        if !self.is_c_contiguous() { None } else { self.dense_bytes() }
    }

    /// The dense bytes when the elements lie in Fortran order.
    pub fn bytes_f(&self) -> Option<&[u8]> {
        if !self.is_f_contiguous() { None } else { self.dense_bytes() }
    }

    fn dense_bytes(&self) -> Option<&[u8]> {
        let n = usize::try_from(self.nbytes()).ok()?;
        let start = if n == 0 { 0 } else { usize::try_from(self.start).ok()? };
        self.data.get(start..start.checked_add(n)?)
    }

    /// The dense bytes in C order, gathered when they do not lie so.
    ///
    /// # Errors
    /// `Limit` when a copy is needed and does not fit.
    pub fn to_bytes(&self, limits: &Limits) -> Result<Cow<'_, [u8]>> {
        if let Some(b) = self.bytes() {
            return Ok(Cow::Borrowed(b));
        }
        let (mut out, _r) = limits.vec(self.nbytes())?;
        self.pieces(|piece| {
            out.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(Cow::Owned(out))
    }

    /// Calls `f` with the stored bytes of every element, in C order.
    ///
    /// # Errors
    /// Only what `f` returns.
    pub fn for_each(&self, mut f: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let item = self.dtype.itemsize() as usize;
        let n = self.len();
        if item == 0 {
            return (0..n).try_for_each(|_| f(&[]));
        }
        if let Some(b) = self.bytes() {
            return b.chunks_exact(item).try_for_each(f);
        }
        let mut index: SmallVec<[u64; 4]> = SmallVec::from_elem(0, self.shape.len());
        let mut at = self.start as i64;
        for _ in 0..n {
            let p = at as usize;
            f(self.data.get(p..p + item).ok_or_else(|| Error::invalid("element outside its view"))?)?;
            for d in (0..index.len()).rev() {
                index[d] += 1;
                at += self.strides[d];
                if index[d] < self.shape[d] {
                    break;
                }
                at -= self.strides[d] * self.shape[d] as i64;
                index[d] = 0;
            }
        }
        Ok(())
    }

    /// The stored bytes of one element.
    pub fn get(&self, index: &[u64]) -> Option<&[u8]> {
        if index.len() != self.shape.len() || index.iter().zip(self.shape.iter()).any(|(i, d)| i >= d) {
            return None;
        }
        let at =
            index.iter().zip(&self.strides).map(|(&i, &s)| i as i64 * s).sum::<i64>() + self.start as i64;
        let at = usize::try_from(at).ok()?;
        self.data.get(at..at.checked_add(usize::try_from(self.dtype.itemsize()).ok()?)?)
    }

    /// The part a selection names, over the same bytes.
    ///
    /// # Errors
    /// `Usage` when the selection does not fit the shape.
    pub fn select(self, selection: &Selection) -> Result<View<'a>> {
        let ranges = selection.resolve(&self.shape)?;
        let mut start = self.start as i64;
        let (mut shape, mut strides) = (Shape::default(), SmallVec::new());
        for (r, &s) in ranges.iter().zip(&self.strides) {
            start += r.start as i64 * s;
            if !r.dropped {
                shape.push(r.count);
                strides.push(s.saturating_mul(r.step));
            }
        }
        let start = if shape.contains(&0) { 0 } else { start as u64 };
        Ok(View { shape, strides, start, ..self })
    }

    /// The same elements in the form that depends on nobody: borrowed bytes are copied, a heap is dropped.
    ///
    /// # Errors
    /// `Unsupported` for variable-length elements, whose bytes lie elsewhere.
    pub fn into_owned(self) -> Result<View<'static>> {
        if self.dtype.has_indirection() && self.heap.is_some() {
            return Err(Error::unsupported("variable-length elements cannot leave their file's heap"));
        }
        Ok(View {
            dtype: self.dtype,
            shape: self.shape,
            strides: self.strides,
            start: self.start,
            data: self.data.into_owned(),
            heap: None,
        })
    }

    /// Takes the view apart: strides in bytes, where element (0, 0, ..) lies in the bytes, and the bytes. The heap of
    /// variable-length elements is not among them.
    pub fn into_parts(self) -> (Dtype, Shape, SmallVec<[i64; 4]>, u64, Data<'a>) {
        (self.dtype, self.shape, self.strides, self.start, self.data)
    }

    /// The same bytes under another dtype of the same item size: what a layer above knows the bytes to mean.
    ///
    /// # Errors
    /// `Invalid` when the item sizes differ.
    pub fn reinterpret(self, dtype: Dtype) -> Result<View<'a>> {
        if dtype.itemsize() != self.dtype.itemsize() {
            return Err(Error::invalid(format!("{} cannot be read as {dtype}: other item size", self.dtype)));
        }
        Ok(View { dtype, ..self })
    }

    /// The transposed view: dimensions in reverse order, over the same bytes.
    #[must_use]
    pub fn transposed(mut self) -> View<'a> {
        self.shape = self.shape.reversed();
        self.strides.reverse();
        self
    }

    /// A borrowed view of the same bytes.
    pub fn borrow(&self) -> View<'_> {
        View {
            dtype: self.dtype.clone(),
            shape: self.shape.clone(),
            strides: self.strides.clone(),
            start: self.start,
            data: Data::Borrowed(&self.data),
            heap: self.heap.clone().map(|h| h as Arc<dyn Heap + '_>),
        }
    }
}

/// Strides of a dense array.
#[inline]
fn dense_strides(shape: &Shape, itemsize: u64, order: Order) -> SmallVec<[i64; 4]> {
    // Most arrays have few dimensions, and making room for many takes longer than all the rest.
    let mut strides: SmallVec<[i64; 4]> = match shape.len() {
        rank @ 0..=4 => SmallVec::from_buf_and_len([0; 4], rank),
        rank => SmallVec::from_elem(0, rank),
    };
    let mut step = itemsize as i64;
    let mut set = |(s, &d): (&mut i64, &u64)| {
        *s = step;
        step = step.saturating_mul(d.max(1) as i64);
    };
    match order {
        Order::C => strides.iter_mut().zip(shape.iter()).rev().for_each(&mut set),
        Order::F => strides.iter_mut().zip(shape.iter()).for_each(&mut set),
    }
    strides
}

impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "View({} {} over {:?})", self.dtype, self.shape, self.data)
    }
}

impl PartialEq for View<'_> {
    /// Same dtype up to byte order, same shape, same values (by content digest's canonical form).
    fn eq(&self, other: &Self) -> bool {
        self.shape == other.shape
            && self.dtype.same_values(&other.dtype)
            && matches!((crate::digest::canonical(self), crate::digest::canonical(other)), (Ok(a), Ok(b)) if a == b)
    }
}

#[cfg(test)]
mod tests;
