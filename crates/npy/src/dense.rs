//! Dense arrays inside a source: the part that NPY, NPZ and raw files share once dtype, shape, order and position
//! are known. Bytes are checked to be there before anything is allocated, used where they lie when they are in
//! memory, and otherwise read only as far as the selection reaches. Writing hands out the bytes in the order
//! in which they are stored.

use hyperslab_core::view::{Buffer, Data};
use hyperslab_core::{Dtype, Error, Limits, Order, Result, Selection, Shape, Source, View};
use smallvec::SmallVec;
use std::borrow::Cow;

/// Where a dense array lies in a source.
#[derive(Clone, Debug)]
pub(crate) struct Dense<'h> {
    pub(crate) dtype: &'h Dtype,
    pub(crate) shape: &'h Shape,
    pub(crate) order: Order,
    /// Of the first element, from the start of the source.
    pub(crate) offset: u64,
}

impl Dense<'_> {
    /// Bytes of all elements, once they are known to be inside the `size` bytes of the source.
    ///
    /// # Errors
    /// `Invalid` when the source ends first or sizes overflow, `Unsupported` for elements that are not in it,
    /// `Limit` for more elements without bytes than the limits allow objects.
    pub(crate) fn check(&self, size: u64, limits: &Limits) -> Result<u64> {
        readable(self.dtype)?;
        let nbytes = self.shape.bytes(self.dtype.itemsize())?;
        let there = size.saturating_sub(self.offset);
        if self.offset > size || nbytes > there {
            return Err(truncated(self.dtype, self.shape, nbytes, there)
                .at(self.offset)
                .reading("array data"));
        }
        if self.dtype.itemsize() == 0 {
            // Nothing in the file bounds their number, and every walk over them takes its time.
            limits.count_objects(self.shape.count()?)?;
        }
        Ok(nbytes)
    }

    /// The selected elements: a view where the source is memory, read by position otherwise.
    pub(crate) fn read<'a, S: Source + ?Sized>(
        &self,
        source: &'a S,
        selection: &Selection,
        limits: &Limits,
    ) -> Result<View<'a>> {
        let nbytes = self.check(source.len()?, limits)?;
        if let Some(data) = in_memory(source, self.offset, nbytes) {
            return View::with_order(self.dtype.clone(), self.shape.clone(), self.order, data)?
                .select(selection);
        }
        if !selection.is_all() {
            return self.read_span(source, selection, limits);
        }
        let mut buffer = Buffer::zeroed(nbytes, limits)?;
        source.read_exact_at(self.offset, &mut buffer)?;
        View::with_order(self.dtype.clone(), self.shape.clone(), self.order, buffer)
    }

    /// Reads from the first to the last selected byte.
    fn read_span<'a, S: Source + ?Sized>(
        &self,
        source: &'a S,
        selection: &Selection,
        limits: &Limits,
    ) -> Result<View<'a>> {
        let span = self.span(selection)?;
        let mut buffer = Buffer::zeroed(span.len, limits)?;
        source.read_exact_at(self.offset.saturating_add(span.low), &mut buffer)?;
        span.view(self.dtype, buffer)
    }

    /// Where the selected elements of an array that was [checked](Dense::check) lie.
    pub(crate) fn span(&self, selection: &Selection) -> Result<Span> {
        let item = self.dtype.itemsize();
        let ranges = selection.resolve(self.shape)?;
        let mut shape = Shape::default();
        let mut strides: SmallVec<[i64; 4]> = SmallVec::new();
        // Positions of the selection's first, lowest and highest element. Products of in-bounds positions and
        // strides stay below the array's size, which fits an i64.
        let (mut start, mut low, mut high) = (0i128, 0i128, 0i128);
        for (r, stride) in ranges.iter().zip(strides_of(self.shape, item, self.order)) {
            let step = i128::from(stride) * i128::from(r.step);
            let first = i128::from(r.start) * i128::from(stride);
            let reach = step * i128::from(r.count.saturating_sub(1));
            start += first;
            low += first + reach.min(0);
            high += first + reach.max(0);
            if !r.dropped {
                shape.push(r.count);
                // A step past the end is never taken.
                strides.push(i64::try_from(step).unwrap_or(0));
            }
        }
        if shape.contains(&0) {
            return Ok(Span { shape, strides, start: 0, low: 0, len: 0 });
        }
        let place = |n: i128| u64::try_from(n).map_err(|_| Error::usage("selection outside the array"));
        let (start, low, high) = (place(start - low)?, place(low)?, place(high)?);
        Ok(Span { shape, strides, start, low, len: (high - low).saturating_add(item) })
    }
}

/// The bytes from the first to the last selected element, and the selection in them.
#[derive(Debug)]
pub(crate) struct Span {
    shape: Shape,
    strides: SmallVec<[i64; 4]>,
    /// Of the selection's first element, from the span's start.
    start: u64,
    /// Where the span begins, from the array's start.
    pub(crate) low: u64,
    pub(crate) len: u64,
}

impl Span {
    /// The selected elements in the span's bytes.
    pub(crate) fn view<'a>(self, dtype: &Dtype, bytes: Buffer) -> Result<View<'a>> {
        if self.shape.contains(&0) {
            return View::new(dtype.clone(), self.shape, bytes);
        }
        View::strided(dtype.clone(), self.shape, &self.strides, self.start, bytes)
    }
}

/// The bytes of a source that is memory: counted ones where it has them, so that a view can outlive the source.
pub(crate) fn in_memory<S: Source + ?Sized>(source: &S, offset: u64, len: u64) -> Option<Data<'_>> {
    let all = source.as_slice()?;
    if let Some(shared) = source.shared(offset, len) {
        return Some(Data::Shared(shared));
    }
    let start = usize::try_from(offset).ok()?;
    let end = start.checked_add(usize::try_from(len).ok()?)?;
    all.get(start..end).map(Data::Borrowed)
}

/// A view over a dense array that starts `start` bytes into `data` (whose tail may hold something else).
pub(crate) fn within<'a>(
    dtype: Dtype,
    shape: Shape,
    order: Order,
    start: u64,
    data: impl Into<Data<'a>>,
) -> Result<View<'a>> {
    let strides = strides_of(&shape, dtype.itemsize(), order);
    View::strided(dtype, shape, &strides, start, data)
}

/// Strides of a dense array whose size was checked to fit an `i64`.
fn strides_of(shape: &Shape, itemsize: u64, order: Order) -> SmallVec<[i64; 4]> {
    let mut strides: SmallVec<[i64; 4]> = SmallVec::from_elem(0, shape.len());
    let mut step = i64::try_from(itemsize).unwrap_or(i64::MAX);
    let mut set = |(stride, &extent): (&mut i64, &u64)| {
        *stride = step;
        step = step.saturating_mul(i64::try_from(extent.max(1)).unwrap_or(i64::MAX));
    };
    match order {
        Order::C => strides.iter_mut().zip(shape.iter()).rev().for_each(&mut set),
        Order::F => strides.iter_mut().zip(shape.iter()).for_each(&mut set),
    }
    strides
}

/// A shape of `count` elements, one extent of which may be left open and then follows from them.
///
/// # Errors
/// `Usage` for more than one open extent and too many dimensions.
pub(crate) fn with_open_extent(extents: &[Option<u64>], count: u64) -> Result<Shape> {
    if extents.len() > Shape::MAX_RANK {
        return Err(Error::usage(format!("{} dimensions, at most {}", extents.len(), Shape::MAX_RANK)));
    }
    if extents.iter().filter(|e| e.is_none()).count() > 1 {
        return Err(Error::usage("only one extent can follow from the size"));
    }
    let known: Shape = extents.iter().flatten().copied().collect();
    let open = count.checked_div(known.count()?).unwrap_or(0);
    Ok(extents.iter().map(|e| e.unwrap_or(open)).collect())
}

/// Whether elements of a type are in the file themselves.
pub(crate) fn readable(dtype: &Dtype) -> Result<()> {
    if dtype.has_indirection() {
        return Err(Error::unsupported(format!("elements of {dtype} are Python objects in a pickle"))
            .hint("--objects reads them, without executing anything"));
    }
    Ok(())
}

/// The error for data that end before the array does.
pub(crate) fn truncated(dtype: &Dtype, shape: &Shape, wanted: u64, there: u64) -> Error {
    Error::invalid(format!(
        "shape {shape} of {dtype} takes {wanted} bytes, {there} are there: the data are truncated"
    ))
}

/// Hands out the bytes of a view in C order, in pieces; in Fortran order where that is how they lie and `f` is set.
pub(crate) fn pieces(view: &View<'_>, f: bool, mut out: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    match view.bytes_f().filter(|_| f) {
        Some([]) => Ok(()),
        Some(bytes) => out(bytes),
        None => view.pieces(out),
    }
}

/// The order in which NumPy would store a view: Fortran only when it lies so and not in C order too.
pub(crate) fn stored_order(view: &View<'_>) -> Order {
    if !view.is_c_contiguous() && view.is_f_contiguous() { Order::F } else { Order::C }
}

/// What this version cannot put into a NumPy file, said before anything is written.
pub(crate) fn writable(dtype: &Dtype) -> Result<()> {
    if dtype.has_indirection() {
        return Err(Error::unsupported(format!("elements of {dtype} have no bytes of their own to store"))
            .hint("objects need a pickle, variable-length elements another container"));
    }
    Ok(())
}

/// Refuses options that a format without chunks and filters cannot honour.
pub(crate) fn plain_options(options: &hyperslab_core::ArrayOptions, format: &str) -> Result<()> {
    let compression = options.deflate.map(|_| "compression");
    match compression.or_else(|| options.beyond_deflate()) {
        Some(what) => Err(Error::unsupported(format!("{format} has no {what}"))),
        None => Ok(()),
    }
}

/// An I/O error while writing.
pub(crate) fn cannot_write(e: std::io::Error) -> Error {
    Error::io(e, Cow::Borrowed("cannot write"))
}

/// Adds the source's name to an error.
pub(crate) fn named<S: Source + ?Sized>(e: Error, source: &S) -> Error {
    match source.name() {
        Some(name) => e.file(name),
        None => e,
    }
}

/// The node path of a file that is one array.
pub(crate) fn only_root(path: &str) -> Result<()> {
    if matches!(path, "" | "/") {
        return Ok(());
    }
    Err(Error::usage("the file is one array and holds nothing by this name").object(path))
}
