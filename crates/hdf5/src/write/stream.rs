//! Datasets whose elements come in parts: row by row, or chunk by chunk in any order.
//!
//! Rows are kept until they fill the chunks that they go into, and written then.

use super::chunks::Chunks;
use super::elements::Elements;
use super::heap;
use super::storage::{Layout, Storage};
use super::tree::{Attribute, Dataset, Place};
use super::{ALIGNMENT, Writer};
use hyperslab_core::{AsView, Dtype, Error, Result, Selection, Shape, Value, View};

/// A dataset on its way; it exists once [`DatasetStream::finish`] was called.
///
/// ```
/// use hyperslab_core::{Dtype, View};
/// use hyperslab_hdf5::Writer;
///
/// # fn main() -> hyperslab_core::Result<()> {
/// let mut f = Writer::in_memory();
/// let dtype = Dtype::float(4, hyperslab_core::ByteOrder::NATIVE);
/// let mut frames = f.dataset("frames").dtype(dtype).shape([1000, 64, 48]).chunks([10, 64, 48]).gzip(1).stream()?;
/// for i in 0..1000 {
///     let frame = vec![i as f32; 64 * 48];
///     frames.push(&View::from_slice([1, 64, 48], &frame)?)?;
/// }
/// frames.finish()?;
/// # Ok(())
/// # }
/// ```
pub struct DatasetStream<'w> {
    writer: &'w mut Writer,
    path: String,
    dtype: Dtype,
    storage: Storage,
    shape: Shape,
    sink: Sink,
    /// Rows that were pushed, in bytes of the array's own type; those of chunks that are not yet full.
    rows: u64,
    kept: Vec<u8>,
    hidden: Vec<Attribute>,
    attributes: Vec<(String, Value)>,
}

enum Sink {
    /// One run of bytes, which begins here once there are any.
    Run(Option<u64>),
    Chunks(Box<Chunks>),
}

impl<'w> DatasetStream<'w> {
    pub(super) fn start(
        writer: &'w mut Writer,
        path: String,
        dtype: Dtype,
        storage: Storage,
        hidden: Vec<Attribute>,
        attributes: Vec<(String, Value)>,
    ) -> Result<DatasetStream<'w>> {
        let shape = storage.space.dims.clone();
        let refused = |what: &'static str| Err(Error::unsupported(what).object(path.as_str()));
        if heap::points(&dtype) {
            return refused("elements that point elsewhere are written at once");
        }
        if shape.is_empty() {
            return refused("a scalar has no parts: write it at once");
        }
        let sink = match &storage.layout {
            Layout::Compact => return refused("what lies in a header is written at once"),
            Layout::Contiguous => Sink::Run(None),
            Layout::Chunked { .. } => Sink::Chunks(Box::new(Chunks::new(&storage)?)),
        };
        let (rows, kept) = (0, Vec::new());
        Ok(DatasetStream { writer, path, dtype, storage, shape, sink, rows, kept, hidden, attributes })
    }

    /// Adds rows: an array that has the dataset's extents but for the first.
    ///
    /// # Errors
    /// `Usage` for another type or shape, more rows than the dataset has, or chunks written by place before; `Io`.
    pub fn push(&mut self, rows: &(impl AsView + ?Sized)) -> Result<()> {
        let pushed = rows.as_view().and_then(|view| self.pushed(&view));
        pushed.map_err(|e| e.object(self.path.as_str()))
    }

    fn pushed(&mut self, view: &View<'_>) -> Result<()> {
        self.check(view)?;
        let fits = view.shape().len() == self.shape.len()
            && view.shape().iter().skip(1).eq(self.shape.iter().skip(1));
        let count = view.shape().first().copied().unwrap_or(0);
        let total = self.shape.first().copied().unwrap_or(0);
        if !fits || count > total - self.rows {
            return Err(Error::usage(format!(
                "rows of shape {} after {} of an array of shape {}",
                view.shape(),
                self.rows,
                self.shape
            )));
        }
        if view.is_empty() {
            self.rows += count;
            return Ok(());
        }
        let Sink::Chunks(chunks) = &self.sink else {
            let elements = elements(view, &self.storage, self.writer)?;
            let Sink::Run(base) = &mut self.sink else { return Ok(()) };
            let space = &mut self.writer.space;
            if base.is_none() {
                *base = Some(space.append(&[], ALIGNMENT)?);
            }
            elements.pieces(|piece| space.append(piece, 1).map(drop))?;
            self.rows += count;
            return Ok(());
        };
        let height = chunks.chunk().first().copied().unwrap_or(1);
        let mut done = 0;
        while done < count {
            let started = self.rows % height;
            let take = (height - started).min(count - done);
            let part = view.borrow().select(&Selection::rows(done, done + take))?;
            self.rows += take;
            done += take;
            let ends = self.rows.is_multiple_of(height) || self.rows == total;
            if self.kept.is_empty() && ends {
                self.flush(&part, self.rows - take)?;
                continue;
            }
            part.pieces(|piece| {
                self.kept.extend_from_slice(piece);
                Ok(())
            })?;
            if ends {
                let kept = std::mem::take(&mut self.kept);
                let first = self.rows - started - take;
                let mut shape = self.shape.to_vec();
                if let Some(n) = shape.first_mut() {
                    *n = self.rows - first;
                }
                let whole = View::new(self.dtype.clone(), Shape::new(&shape), &kept[..])?;
                self.flush(&whole, first)?;
                // The memory is used again.
                drop(whole);
                self.kept = kept;
                self.kept.clear();
            }
        }
        Ok(())
    }

    fn flush(&mut self, view: &View<'_>, first: u64) -> Result<()> {
        let Sink::Chunks(chunks) = &mut self.sink else { return Ok(()) };
        let elements = elements(view, &self.storage, self.writer)?;
        let mut origin = chunks.origin();
        if let Some(at) = origin.first_mut() {
            *at = first;
        }
        chunks.write(&elements, &origin, &mut self.writer.space)
    }

    /// Writes the elements of one chunk, by its place among the chunks, in any order; chunks that are never written
    /// hold the fill value. Where the array ends inside a chunk, so does the array that is given.
    ///
    /// # Errors
    /// `Usage` for another type or shape, a place that there is not, elements in one run, or rows pushed before; `Io`.
    pub fn chunk(&mut self, place: &[u64], elements: &(impl AsView + ?Sized)) -> Result<()> {
        let written = elements.as_view().and_then(|view| self.placed(place, &view));
        written.map_err(|e| e.object(self.path.as_str()))
    }

    fn placed(&mut self, place: &[u64], view: &View<'_>) -> Result<()> {
        self.check(view)?;
        let Sink::Chunks(chunks) = &mut self.sink else {
            return Err(Error::usage("the elements lie in one run, without chunks"));
        };
        if self.rows > 0 {
            return Err(Error::usage("rows were pushed before"));
        }
        let counts = chunks.counts();
        if place.len() != counts.len() || place.iter().zip(counts).any(|(p, n)| p >= n) {
            let (place, counts) = (Shape::new(place), Shape::new(counts));
            return Err(Error::usage(format!("no chunk {place} among {counts}")));
        }
        let places = place.iter().zip(chunks.chunk().iter());
        let origin: Vec<u64> = places.map(|(p, c)| p.saturating_mul(*c)).collect();
        let want: Shape = origin
            .iter()
            .zip(chunks.chunk().iter().zip(self.shape.iter()))
            .map(|(o, (c, n))| n.saturating_sub(*o).min(*c))
            .collect();
        if *view.shape() != want {
            let what = format!("an array of shape {} for a chunk that holds {want}", view.shape());
            return Err(Error::usage(what));
        }
        let elements = elements(view, &self.storage, self.writer)?;
        chunks.write(&elements, &origin, &mut self.writer.space)
    }

    fn check(&self, view: &View<'_>) -> Result<()> {
        if *view.dtype() != self.dtype {
            return Err(Error::usage(format!("elements are {}, not {}", view.dtype(), self.dtype)));
        }
        Ok(())
    }

    /// Completes the dataset.
    ///
    /// # Errors
    /// `Usage` when rows are missing or a chunk was written twice, `Io`.
    pub fn finish(self) -> Result<()> {
        let path = self.path.clone();
        self.finished().map_err(|e| e.object(path))
    }

    fn finished(self) -> Result<()> {
        let total = self.shape.first().copied().unwrap_or(0);
        let by_rows = self.rows > 0 || matches!(self.sink, Sink::Run(_));
        if by_rows && self.rows < total && !self.shape.contains(&0) {
            return Err(Error::usage(format!("{} of {total} rows were written", self.rows)));
        }
        let place = match self.sink {
            Sink::Run(address) => {
                Place::Contiguous { address, size: self.shape.bytes(self.storage.dtype.itemsize())? }
            }
            Sink::Chunks(chunks) => chunks.finish(&mut self.writer.space)?,
        };
        self.writer.tree.dataset(&self.path, Dataset { storage: self.storage, place }, self.hidden)?;
        self.attributes.iter().try_for_each(|(name, value)| self.writer.attribute(&self.path, name, value))
    }
}

/// Elements that point nowhere else.
fn elements<'v>(view: &'v View<'_>, storage: &Storage, writer: &mut Writer) -> Result<Elements<'v>> {
    Elements::of(view, &storage.dtype, &mut writer.space, &writer.limits, &|_| None)
}
