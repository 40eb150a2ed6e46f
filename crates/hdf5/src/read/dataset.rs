//! One dataset: type, space, storage, and its elements by selection.

use super::based::{Based, Seen};
use super::external::Segments;
use super::heap::GlobalHeap;
use super::mapped::Plan;
use super::object::Object;
use super::reference::References;
use super::{Context, attribute, chunked, gather, reference, stream};
use crate::filter::{self, Registry};
use crate::format::Sizes;
use crate::format::message::dataspace::{Dataspace, UNLIMITED};
use crate::format::message::datatype;
use crate::format::message::external_files::{self, ExternalFiles};
use crate::format::message::fill_value::FillValue;
use crate::format::message::filter_pipeline::{self, Filter};
use crate::format::message::kind;
use crate::format::message::layout::{ChunkIndex, Layout};
use crate::format::message::shared::Shared;
use crate::format::object_header::SHARED;
use crate::numpy_types;
use hyperslab_core::container::{Allocation, Fill, FillTime};
use hyperslab_core::view::{Buffer, Heap};
use hyperslab_core::{ArrayLayout, ArrayOptions, Dtype, Error, Node, Result, Selection, Shape, Source, View};
use std::ops::Range;
use std::sync::Arc;

/// Bytes of elements that are always gone through when somebody asks for all of them.
const ALWAYS: u64 = 16 << 30;
/// As many bytes as one byte of a file can stand for at most, by deflate.
pub(crate) const MOST_PACKED: u64 = 1032;

/// A dataset whose description has been read; its elements have not.
pub(crate) struct Dataset<'f> {
    object: Object<'f>,
    sizes: Sizes,
    /// The type as it is stored.
    pub(crate) stored: Dtype,
    /// The NumPy type that it stands for: what the attribute `numpy_descr` restores.
    pub(crate) restored: Option<Dtype>,
    pub(crate) space: Dataspace,
    pub(crate) filters: Vec<Filter>,
    /// Where the elements of a virtual dataset are.
    plan: Option<Plan>,
}

impl<'f> Dataset<'f> {
    pub(crate) fn open(cx: Context<'_, '_>, object: Object<'f>) -> Result<Dataset<'f>> {
        object.check_known()?;
        let missing = |what: &'static str| {
            Error::invalid(format!("dataset without {what}")).reading("object header").at(object.address)
        };
        let mut space = object
            .parse(cx, kind::DATASPACE, |b, at| Dataspace::parse(b, cx.sizes, at))?
            .ok_or_else(|| missing("a dataspace"))?;
        let stored = object
            .parse(cx, kind::DATATYPE, |b, at| datatype::parse(b, cx.sizes, at))?
            .ok_or_else(|| missing("a type"))?;
        let filters = object.parse(cx, kind::FILTER_PIPELINE, filter_pipeline::parse)?.unwrap_or_default();
        // An attribute that does not go with the stored type is somebody else's.
        let restored = attribute::text(cx, &object, numpy_types::ATTRIBUTE)
            .and_then(|text| numpy_types::restored(&stored, &text).ok());
        let mut plan = None;
        if let Some(m) = object.first(kind::LAYOUT)
            && let Ok(Layout::Virtual { heap, object }) = Layout::parse(m.body, cx.sizes, m.offset)
            && space.shape().is_some()
        {
            let read = Plan::open(cx, heap, object, &space.dims)?;
            space.dims.clone_from(&read.dims);
            plan = Some(read);
        }
        Ok(Dataset { object, sizes: cx.sizes, stored, restored, space, filters, plan })
    }

    /// The type as it is shown.
    pub(crate) fn dtype(&self) -> &Dtype {
        self.restored.as_ref().unwrap_or(&self.stored)
    }

    pub(crate) fn layout(&self) -> Result<Layout<'_>> {
        let m = self.object.first(kind::LAYOUT).ok_or_else(|| {
            Error::invalid("dataset without a layout").reading("object header").at(self.object.address)
        })?;
        Layout::parse(m.body, self.sizes, m.offset)
    }

    /// Bytes of all elements as they are stored, decoded.
    fn stored_len(&self) -> Result<u64> {
        match self.space.shape() {
            Some(shape) => shape.bytes(self.stored.itemsize()),
            None => Ok(0),
        }
    }

    /// What a listing shows.
    pub(crate) fn describe(&self, registry: &Registry, node: &mut Node) {
        node.dtype = Some(self.dtype().clone());
        node.shape = self.space.shape().cloned();
        node.max_shape = match &self.space.max {
            Some(max) if *max != self.space.dims => {
                max.iter().map(|&m| (m != UNLIMITED).then_some(m)).collect()
            }
            _ => Vec::new(),
        };
        node.nbytes = node.shape.as_ref().and_then(|s| s.bytes(self.stored.itemsize()).ok());
        if node.shape.is_none() {
            node.nbytes = Some(0);
        }
        node.filters = self.filters.iter().map(|f| registry.name(f)).collect();
        if self.object.has(kind::EXTERNAL_FILES) {
            node.layout = Some("external".into());
            return;
        }
        match self.layout() {
            Ok(Layout::Compact { data, .. }) => {
                node.layout = Some("compact".into());
                node.stored_bytes = Some(data.len() as u64);
            }
            Ok(Layout::Contiguous { address, size }) => {
                node.layout = Some("contiguous".into());
                node.stored_bytes = match address {
                    None => Some(0),
                    Some(_) => size.or_else(|| self.stored_len().ok()),
                };
            }
            Ok(Layout::Chunked(c)) => {
                node.layout = Some("chunked".into());
                node.stored_bytes = match (c.address, c.index) {
                    (None, _) => Some(0),
                    (Some(_), ChunkIndex::Single { filtered: Some((n, _)) }) => Some(n),
                    (Some(_), ChunkIndex::Single { .. }) => c.dims.bytes(c.element_size).ok(),
                    _ => None,
                };
                node.chunks = Some(c.dims);
            }
            Ok(Layout::Virtual { .. }) => node.layout = Some("virtual".into()),
            Err(e) => node.error = Some(e),
        }
    }

    /// What a writer is asked for to store the elements that way again.
    pub(crate) fn storage(&self, cx: Context<'_, '_>) -> Result<ArrayOptions> {
        let mut options = ArrayOptions { fill: self.own_fill(cx)?, ..ArrayOptions::default() };
        let (allocation, time) = self.object.parse(cx, kind::FILL_VALUE, FillValue::times)?.unwrap_or((0, 2));
        options.fill_time = match time {
            // What every writer does with elements that point elsewhere.
            0 if self.stored.has_indirection() => FillTime::Usual,
            0 => FillTime::Always,
            1 => FillTime::Never,
            _ => FillTime::Usual,
        };
        // What each layout has by itself.
        let mut usual = 2;
        if let Some(m) = self.object.first(kind::DATATYPE).filter(|m| m.flags & SHARED != 0)
            && let Shared::Object(address) = Shared::parse(m.body, cx.sizes, m.offset)?
        {
            options.named_type = reference::path_of(cx, address);
        }
        if self.object.has(kind::EXTERNAL_FILES) {
            return Ok(options);
        }
        match self.layout()? {
            Layout::Compact { .. } => {
                options.layout = ArrayLayout::Compact;
                usual = 1;
            }
            Layout::Chunked(c) => {
                usual = 3;
                options.layout = ArrayLayout::Chunked;
                options.chunks = Some(c.dims);
            }
            Layout::Contiguous { .. } | Layout::Virtual { .. } => {}
        }
        options.allocation = match allocation {
            n if n == usual => Allocation::Usual,
            1 => Allocation::Early,
            2 => Allocation::Late,
            3 => Allocation::Incremental,
            _ => Allocation::Usual,
        };
        if let Some(max) = self.space.max.as_ref().filter(|max| **max != self.space.dims) {
            options.max_shape = max.iter().map(|&m| (m != UNLIMITED).then_some(m)).collect();
        }
        self.filters.iter().try_for_each(|f| filter::encoder(f).map(drop))?;
        options.filters = self.filters.to_vec();
        // In a file of addresses of another size such elements are longer or shorter.
        if cx.sizes.offset != 8 && (self.stored.has_indirection() || self.stored.has_references()) {
            filter::forget_elements(&mut options.filters);
        }
        Ok(options)
    }

    /// The fill value in the type that is shown.
    fn own_fill(&self, cx: Context<'_, '_>) -> Result<Fill> {
        let undefined = self.object.parse(cx, kind::FILL_VALUE, FillValue::is_undefined)?.unwrap_or(false);
        let Some(bytes) = self.chosen_fill(cx)? else {
            return Ok(if undefined { Fill::Undefined } else { Fill::Zeros });
        };
        if let Dtype::Reference(kind, _) = &self.stored {
            // Its bytes mean nothing in another file.
            let target = References::new(cx, &self.stored).target(*kind, &bytes)?;
            return Ok(target.map_or(Fill::Zeros, Fill::Reference));
        }
        if self.stored.has_indirection() && bytes.iter().all(|&b| b == 0) {
            return Ok(Fill::Zeros);
        }
        match self.restored.as_ref().filter(|d| numpy_types::has_unicode(d)) {
            Some(dtype) => {
                let one = View::new(dtype.clone(), Shape::from([1]), bytes)?;
                Ok(Fill::Value(numpy_types::decode(&one, cx.limits)?.to_vec()))
            }
            None => Ok(Fill::Value(bytes)),
        }
    }

    /// Where the elements lie in the file as they are, when they do: contiguous, written, in their shown type.
    pub(crate) fn contiguous(&self) -> Result<Option<Range<u64>>> {
        if self.object.has(kind::EXTERNAL_FILES) || !self.filters.is_empty() {
            return Ok(None);
        }
        match self.layout()? {
            Layout::Contiguous { address: Some(at), size } if self.space.shape().is_some() => {
                let len = self.check_size(size)?;
                let end = at.checked_add(len);
                Ok(end.map(|end| at..end).filter(|r| !r.is_empty()))
            }
            _ => Ok(None),
        }
    }

    /// Refuses to go through elements that a file of `size` bytes cannot hold: nearly all would be fill values, for
    /// hours.
    pub(crate) fn check_plausible(&self, size: u64) -> Result<()> {
        let need = self.stored_len()?;
        let elsewhere =
            self.object.has(kind::EXTERNAL_FILES) || matches!(self.layout()?, Layout::Virtual { .. });
        if elsewhere || need <= ALWAYS || need / MOST_PACKED <= size {
            return Ok(());
        }
        Err(Error::limit(format!(
            "shape {} of {}: {need} bytes in a file of {size}",
            self.space.dims, self.stored
        ))
        .reading("dataspace")
        .at(self.object.address)
        .hint("nearly all of it can only be fill values; read a part of it by a selection"))
    }

    /// Type, extents and chunks of a chunked dataset of elements that stand for themselves.
    pub(crate) fn chunk_layout(&self) -> Result<Option<stream::Layout>> {
        let (Layout::Chunked(c), Some(shape)) = (self.layout()?, self.space.shape()) else { return Ok(None) };
        if self.stored.has_indirection() || c.dims.len() != shape.len() {
            return Ok(None);
        }
        Ok(Some(stream::Layout { dtype: self.dtype().clone(), shape: shape.clone(), chunk: c.dims }))
    }

    /// Where the elements lie in the file, filtered or not: offset, length, what it is.
    pub(crate) fn stored_at(&self, cx: Context<'_, '_>, out: &mut Vec<Seen>) -> Result<()> {
        if let Some(files) = self.external(cx)? {
            return Segments::look(cx, &files);
        }
        match self.layout()? {
            Layout::Contiguous { address: Some(at), size } => {
                out.push((at, size.map_or_else(|| self.stored_len(), Ok)?, "elements"));
            }
            Layout::Chunked(c) => {
                let Some(shape) = self.space.shape().filter(|s| !s.contains(&0)) else { return Ok(()) };
                let ranges = Selection::ALL.resolve(shape)?;
                let taken = &gather::Taken::new(&ranges, self.stored.itemsize());
                let (space, filters, object) = (&self.space, &*self.filters, self.object.address);
                chunked::Read { cx, object, space, layout: &c, filters, taken }.stored_at(out)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// The files that hold the elements, where other files do.
    fn external(&self, cx: Context<'_, '_>) -> Result<Option<ExternalFiles>> {
        let parse = |b: &[u8], at| external_files::parse(b, cx.sizes, at);
        Ok(self.object.parse(cx, kind::EXTERNAL_FILES, parse)?.filter(|f| !f.segments.is_empty()))
    }

    fn check_size(&self, size: Option<u64>) -> Result<u64> {
        let need = self.stored_len()?;
        match size {
            Some(size) if size < need => Err(Error::invalid(format!(
                "{size} bytes for shape {} of {}, which takes {need}",
                self.space.dims, self.stored
            ))
            .reading("data layout")
            .at(self.object.address)),
            _ => Ok(need),
        }
    }

    /// The elements that a selection takes.
    pub(crate) fn read(self, cx: Context<'f, '_>, selection: &Selection) -> Result<View<'f>> {
        let limits = cx.limits;
        let heap: Option<Arc<dyn Heap + 'f>> = if self.stored.has_references() {
            Some(Arc::new(References::new(cx, &self.stored)))
        } else if self.stored.has_indirection() {
            Some(Arc::new(GlobalHeap::new(cx.source, cx.sizes, limits, &self.stored)))
        } else {
            None
        };
        let restored = self.restored.clone();
        let mut view = self.read_stored(cx, selection)?;
        // The elements of a virtual dataset come with theirs.
        if let Some(heap) = heap.filter(|_| view.heap().is_none()) {
            view = view.with_heap(heap);
        }
        let Some(dtype) = restored else { return Ok(view) };
        let view = view.reinterpret(dtype)?;
        if !numpy_types::has_unicode(view.dtype()) {
            return Ok(view);
        }
        let decoded = numpy_types::decode(&view, limits)?;
        View::new(view.dtype().clone(), view.shape().clone(), decoded)
    }

    /// The same in the type as it is stored.
    pub(crate) fn read_stored<'c>(&self, cx: Context<'c, '_>, selection: &Selection) -> Result<View<'c>> {
        let Some(shape) = self.space.shape().cloned() else {
            return Err(Error::usage("a null dataspace has no elements to read"));
        };
        let ranges = selection.resolve(&shape)?;
        let dtype = self.stored.clone();
        let need = self.stored_len()?;
        let fill = self.fill(cx)?;
        let taken = gather::Taken::new(&ranges, dtype.itemsize());
        let empty = |cx: Context<'_, '_>| -> Result<Buffer> {
            let mut out = Buffer::zeroed(taken.bytes()?, cx.limits)?;
            fill_with(&mut out, fill.as_deref());
            Ok(out)
        };
        if let Some(files) = self.external(cx)? {
            if !self.filters.is_empty() {
                return Err(Error::invalid("filters on external data").at(self.object.address));
            }
            let segments = Segments::open(cx, &files, need).map_err(|e| e.at(self.object.address))?;
            let source = Based::new(Box::new(segments))?;
            let mut out = Buffer::zeroed(taken.bytes()?, cx.limits)?;
            gather::contiguous(Context { source: &source, ..cx }, 0, &shape, &taken, &mut out)?;
            return View::new(dtype, taken.shape(), out);
        }
        match self.layout()? {
            Layout::Compact { data, offset } => {
                let data = usize::try_from(need).ok().and_then(|n| data.get(..n)).ok_or_else(|| {
                    Error::invalid(format!("{} bytes of compact data where {need} belong", data.len()))
                        .reading("data layout")
                        .at(offset)
                })?;
                View::new(dtype, shape, Buffer::copy_of(data))?.select(selection)
            }
            Layout::Contiguous { address: Some(at), size } if need > 0 => {
                if !self.filters.is_empty() {
                    return Err(Error::invalid("filters on contiguous data").at(self.object.address));
                }
                self.check_size(size)?;
                if cx.source.as_slice().is_some() {
                    return match cx.source.bytes_at(at, need, cx.limits)? {
                        std::borrow::Cow::Borrowed(b) => View::new(dtype, shape, b)?.select(selection),
                        std::borrow::Cow::Owned(_) => Err(Error::invalid("bytes in memory were copied")),
                    };
                }
                let mut out = Buffer::zeroed(taken.bytes()?, cx.limits)?;
                gather::contiguous(cx, at, &shape, &taken, &mut out)?;
                View::new(dtype, taken.shape(), out)
            }
            Layout::Contiguous { .. } => View::new(dtype, taken.shape(), empty(cx)?),
            Layout::Chunked(c) => {
                if c.element_size != dtype.itemsize() || c.dims.len() != shape.len() {
                    return Err(Error::invalid(format!(
                        "chunks of shape {} and {}-byte elements for shape {shape} of {dtype}",
                        c.dims, c.element_size
                    ))
                    .reading("data layout")
                    .at(self.object.address));
                }
                let mut out = empty(cx)?;
                if c.address.is_some() && !out.is_empty() {
                    let (space, filters) = (&self.space, &*self.filters);
                    let object = self.object.address;
                    chunked::Read { cx, object, space, layout: &c, filters, taken: &taken }.fill(&mut out)?;
                }
                View::new(dtype, taken.shape(), out)
            }
            Layout::Virtual { .. } => {
                let mut out = empty(cx)?;
                let mut gathered = None;
                if let Some(plan) = self.plan.as_ref().filter(|_| !out.is_empty()) {
                    gathered = plan.read(cx, &dtype, &taken, &mut out)?;
                }
                let view = View::new(dtype, taken.shape(), out)?;
                Ok(match gathered {
                    Some(heap) => view.with_heap(Arc::new(heap)),
                    None => view,
                })
            }
        }
    }

    /// The fill value, unless it is zero.
    pub(crate) fn fill(&self, cx: Context<'_, '_>) -> Result<Option<Vec<u8>>> {
        Ok(self.chosen_fill(cx)?.filter(|v| v.iter().any(|&b| b != 0)))
    }

    /// The fill value, if somebody chose one.
    fn chosen_fill(&self, cx: Context<'_, '_>) -> Result<Option<Vec<u8>>> {
        let own = |f: FillValue<'_>| f.value.map(<[u8]>::to_vec);
        let mut value =
            self.object.parse(cx, kind::FILL_VALUE, |b, at| FillValue::parse(b, at).map(own))?.flatten();
        if value.is_none() && !self.object.has(kind::FILL_VALUE) {
            value = self
                .object
                .parse(cx, kind::FILL_VALUE_OLD, |b, at| FillValue::parse_old(b, at).map(own))?
                .flatten();
        }
        match &value {
            Some(v) if v.len() as u64 != self.stored.itemsize() => {
                Err(Error::invalid(format!("fill value of {} bytes for {}", v.len(), self.stored))
                    .reading("fill value")
                    .at(self.object.address))
            }
            _ => Ok(value),
        }
    }
}

fn fill_with(out: &mut [u8], value: Option<&[u8]>) {
    if let Some(value) = value.filter(|v| !v.is_empty()) {
        out.chunks_exact_mut(value.len()).for_each(|slot| slot.copy_from_slice(value));
    }
}
