//! A dataset in the making, one call for each thing that is asked for.

use super::tree::{Dataset, Place};
use super::{DatasetStream, Layout, Writer};
use crate::filter;
use hyperslab_core::container::{Allocation, Fill};
use hyperslab_core::{
    ArrayLayout, ArrayOptions, AsView, ChunkFilter, Dtype, Element, Error, Limits, Result, Shape, Value,
    View, cast,
};

/// What was asked for of a dataset; nothing is written before one of [`write`](DatasetBuilder::write),
/// [`stream`](DatasetBuilder::stream), [`create`](DatasetBuilder::create) and [`null`](DatasetBuilder::null).
///
/// Chunks, filters and extents that can grow imply chunked storage; without any of them elements lie in one run.
#[must_use = "nothing is written before `write`, `stream`, `create` or `null`"]
pub struct DatasetBuilder<'w> {
    writer: &'w mut Writer,
    path: String,
    shape: Option<Shape>,
    dtype: Option<Dtype>,
    fill: Option<View<'static>>,
    options: ArrayOptions,
    attributes: Vec<(String, Value)>,
}

impl<'w> DatasetBuilder<'w> {
    pub(super) fn new(writer: &'w mut Writer, path: &str) -> DatasetBuilder<'w> {
        DatasetBuilder {
            writer,
            path: path.to_owned(),
            shape: None,
            dtype: None,
            fill: None,
            options: ArrayOptions::default(),
            attributes: Vec::new(),
        }
    }

    /// Extents. [`write`](DatasetBuilder::write) takes them from the array unless they are given.
    pub fn shape(mut self, shape: impl Into<Shape>) -> Self {
        self.shape = Some(shape.into());
        self
    }

    /// Greatest extents, `None` where there is no limit: any program can make the array longer later.
    pub fn max_shape(mut self, max: impl IntoIterator<Item = Option<u64>>) -> Self {
        self.options.max_shape = max.into_iter().collect();
        self
    }

    /// Type of the elements, where there is no array to take it from.
    pub fn dtype(mut self, dtype: Dtype) -> Self {
        self.dtype = Some(dtype);
        self
    }

    /// Extents of a chunk. Without them chunks have the array's own, of which the longest is halved until a chunk
    /// has at most 1 MiB.
    pub fn chunks(mut self, chunks: impl Into<Shape>) -> Self {
        self.options.chunks = Some(chunks.into());
        self
    }

    /// Stores elements in chunks even if nothing else needs them.
    pub fn chunked(mut self) -> Self {
        self.options.layout = ArrayLayout::Chunked;
        self
    }

    /// Stores elements in the dataset's header, which holds up to 64 KiB.
    pub fn compact(mut self) -> Self {
        self.options.layout = ArrayLayout::Compact;
        self
    }

    /// Compresses chunks by deflate, at a level of 0 to 9.
    pub fn gzip(mut self, level: u32) -> Self {
        self.options.deflate = Some(level);
        self
    }

    /// Compresses chunks by LZF, h5py's own filter: fast, and known to few other programs.
    pub fn lzf(mut self) -> Self {
        self.options.lzf = true;
        self
    }

    /// Compresses chunks by LZ4: fast, and known to programs that have the plugin.
    pub fn lz4(mut self) -> Self {
        self.options.lz4 = true;
        self
    }

    /// Compresses chunks by Zstandard, of which there is one level here, the fastest; known to programs that have the
    /// plugin.
    pub fn zstd(mut self) -> Self {
        self.options.zstd = Some(1);
        self
    }

    /// Compresses chunks by bitshuffle and LZ4: fast and small for numbers whose upper bits are alike; known to programs
    /// that have the plugin.
    pub fn bitshuffle_lz4(self) -> Self {
        self.filter(filter::BITSHUFFLE, [0, 0, 0, 0, 2])
    }

    /// Stores integers as their distances from the least of their chunk, in as few bits as these need.
    pub fn scale_offset(self) -> Self {
        self.filter(filter::SCALE_OFFSET, [2, 0])
    }

    /// Rounds floats to so many decimal digits behind the point (before it, where negative), and stores their distances
    /// from the least of their chunk.
    pub fn scale_offset_digits(mut self, digits: i32) -> Self {
        self.options.rounded = true;
        self.filter(filter::SCALE_OFFSET, [0, digits.cast_unsigned()])
    }

    /// Stores only the bits that numbers have, of types whose precision is less than their size.
    pub fn nbit(self) -> Self {
        self.filter(filter::NBIT, [])
    }

    /// Adds a filter by its registered number, with its parameters, behind those that are there. What they say of
    /// elements may be left out: all of shuffle, n-bit and LZF; of szip and scale-offset what is behind the first two;
    /// of Blosc and bitshuffle the size of an element, as 0.
    pub fn filter(mut self, id: u16, values: impl Into<Vec<u32>>) -> Self {
        let name = filter::registered_name(id).filter(|_| id >= 256).map(str::to_owned);
        self.options.filters.push(ChunkFilter { id, name, optional: true, values: values.into() });
        self
    }

    /// Puts the first bytes of all elements together, then the second bytes, and so on: numbers compress better so.
    pub fn shuffle(mut self) -> Self {
        self.options.shuffle = true;
        self
    }

    /// Adds a checksum to every chunk.
    pub fn fletcher32(mut self) -> Self {
        self.options.fletcher32 = true;
        self
    }

    /// What stands for elements that were never written, converted to the type of the dataset; zero unless given.
    pub fn fill<T: Element>(mut self, value: T) -> Self {
        let bytes = bytemuck::bytes_of(&value).to_vec();
        self.fill = View::new(T::DTYPE, Shape::from([1]), bytes).ok();
        self
    }

    /// Leaves open what stands for elements that were never written.
    pub fn fill_undefined(mut self) -> Self {
        self.options.fill = Fill::Undefined;
        self
    }

    /// Leaves room for all chunks from the start: with [`Libver::Latest`](super::Libver::Latest) and without filters
    /// they lie one after another then, and no index is needed.
    pub fn allocate_early(mut self) -> Self {
        self.options.allocation = Allocation::Early;
        self
    }

    /// Lets the type of the elements be a [named type](super::Writer::named_type), which is the same.
    pub fn named_type(mut self, path: &str) -> Self {
        self.options.named_type = Some(path.to_owned());
        self
    }

    /// The same as a container's options have it, all at once.
    pub fn options(mut self, options: ArrayOptions) -> Self {
        self.options = options;
        self
    }

    /// Hangs an attribute on the dataset.
    pub fn attribute(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.attributes.push((name.to_owned(), value.into()));
        self
    }

    /// Writes an array: a [`View`], a slice or vector of numbers, an ndarray.
    ///
    /// # Errors
    /// `Usage` when the name is taken or cannot be stored, when what was asked for does not go together, or the array
    /// has another type or number of elements; `Unsupported` for types that cannot be stored, `Io`.
    pub fn write(self, array: &(impl AsView + ?Sized)) -> Result<()> {
        let path = self.path.clone();
        self.written(array).map_err(|e| e.object(path))
    }

    fn written(mut self, array: &(impl AsView + ?Sized)) -> Result<()> {
        let view = array.as_view()?;
        if let Some(dtype) = self.dtype.take().filter(|d| d != view.dtype()) {
            let what = format!("elements are {}, and {dtype} is asked for", view.dtype());
            return Err(Error::usage(what).hint("convert them first"));
        }
        let view = match self.shape.take() {
            Some(shape) if shape != *view.shape() => reshaped(&view, shape)?,
            _ => view,
        };
        self.settle_fill(view.dtype())?;
        self.writer.put(&self.path, &view, &self.options)?;
        self.finish_attributes()
    }

    /// Makes the dataset without writing elements: until somebody does, all of them are the fill value.
    ///
    /// # Errors
    /// As [`write`](DatasetBuilder::write); `Usage` without a type and a shape.
    pub fn create(mut self) -> Result<()> {
        let path = self.path.clone();
        self.created().map_err(|e| e.object(path))
    }

    fn created(&mut self) -> Result<()> {
        self.writer.tree.check_free(&self.path)?;
        let (dtype, shape) = self.described()?;
        let (storage, attributes) = self.writer.settle(&dtype, Some(&shape), &self.options)?;
        let size = shape.bytes(storage.dtype.itemsize())?;
        let place = match &storage.layout {
            Layout::Contiguous => Place::Contiguous { address: None, size },
            Layout::Compact => {
                let (mut bytes, _reservation) = self.writer.limits.vec(size)?;
                let zero = vec![0; usize::try_from(storage.dtype.itemsize()).unwrap_or(0)];
                let fill = storage.fill_bytes().unwrap_or(&zero);
                (0..shape.count()?).for_each(|_| bytes.extend_from_slice(fill));
                Place::Compact(bytes)
            }
            Layout::Chunked { index, .. } => Place::Chunked { index: *index, address: None },
        };
        self.writer.tree.dataset(&self.path, Dataset { storage, place }, attributes)?;
        self.finish_attributes()
    }

    /// Makes the dataset with a type and no shape: a null dataspace, which has no elements.
    ///
    /// # Errors
    /// As [`create`](DatasetBuilder::create); `Usage` for a shape and what needs one.
    pub fn null(mut self) -> Result<()> {
        let path = self.path.clone();
        let mut made = || {
            let dtype = self.dtype.take().ok_or_else(|| Error::usage("a dataset needs a type"))?;
            if self.shape.is_some() {
                return Err(Error::usage("a shape for a dataset without one"));
            }
            self.settle_fill(&dtype)?;
            self.writer.put_null(&self.path, &dtype, &self.options)?;
            self.finish_attributes()
        };
        made().map_err(|e| e.object(path))
    }

    /// Starts the dataset, whose elements come in parts: arrays larger than memory.
    ///
    /// # Errors
    /// As [`create`](DatasetBuilder::create).
    pub fn stream(mut self) -> Result<DatasetStream<'w>> {
        let started = self.writer.tree.check_free(&self.path).and_then(|()| self.described());
        let settled = started.and_then(|(dtype, shape)| {
            let (storage, attributes) = self.writer.settle(&dtype, Some(&shape), &self.options)?;
            Ok((dtype, storage, attributes))
        });
        let (dtype, storage, attributes) = settled.map_err(|e| e.object(self.path.as_str()))?;
        DatasetStream::start(self.writer, self.path, dtype, storage, attributes, self.attributes)
    }

    fn described(&mut self) -> Result<(Dtype, Shape)> {
        let dtype = self.dtype.take().ok_or_else(|| Error::usage("a dataset needs a type"))?;
        let shape = self.shape.take().ok_or_else(|| Error::usage("a dataset needs a shape"))?;
        self.settle_fill(&dtype)?;
        Ok((dtype, shape))
    }

    fn settle_fill(&mut self, dtype: &Dtype) -> Result<()> {
        if let Some(fill) = self.fill.take() {
            let limits = Limits::default();
            let cast = cast::cast(&fill, dtype, &limits)?;
            self.options.fill = Fill::Value(cast.to_bytes(&limits)?.into_owned());
        }
        Ok(())
    }

    fn finish_attributes(&mut self) -> Result<()> {
        let attributes = std::mem::take(&mut self.attributes);
        attributes.iter().try_for_each(|(name, value)| self.writer.attribute(&self.path, name, value))
    }
}

/// The elements of a view, in C order, under another shape.
fn reshaped<'v>(view: &'v View<'_>, shape: Shape) -> Result<View<'v>> {
    if shape.count().map_err(super::asked)? != view.len() {
        let what = format!("an array of shape {} is not one of shape {shape}", view.shape());
        return Err(Error::usage(what));
    }
    let bytes = view
        .bytes()
        .filter(|_| view.heap().is_none())
        .ok_or_else(|| Error::usage("only an array that is dense in C order can have another shape"))?;
    View::new(view.dtype().clone(), shape, bytes)
}
