//! Elements and extents of datasets that exist.
//!
//! Chunks that are filtered, or not there yet, go into new space; the index that finds them is written anew behind them,
//! and one write of the header switches to it and to new extents. Elements that lie in the file as they are, in one run
//! or in chunks without filters, are overwritten where they are.

use super::header::Header;
use super::{Change, Plan, chunks, shrink};
use crate::append::Storage;
use crate::filter;
use crate::format::message::dataspace::UNLIMITED;
use crate::format::message::filter_pipeline::Filter;
use crate::format::message::kind;
use crate::format::message::layout::{ChunkIndex, Chunked, Layout};
use crate::index::Chunk;
use crate::read::dataset::Dataset;
use crate::read::gather::{self, Copy, Step, Taken};
use crate::read::{object::Object, walk};
use hyperslab_core::view::Buffer;
use hyperslab_core::{AsView, Dtype, Error, Result, Selection, Shape, View, cast};
use smallvec::SmallVec;
use std::collections::BTreeMap;

/// A chunk's place among the chunks.
pub(super) type Position = SmallVec<[u64; 4]>;

/// A dataset some of whose new elements wait for the index that leads to them.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) path: String,
    pub(super) header: Header,
    pub(super) stored: Dtype,
    shown: Dtype,
    /// Extents in the file, and as they are to be.
    pub(super) was: Shape,
    pub(super) dims: Shape,
    pub(super) max: Option<Shape>,
    pub(super) place: Place,
    pub(super) filters: Vec<Filter>,
    pub(super) fill: Option<Vec<u8>>,
    /// Chunks that the index in the file does not know.
    pub(super) chunks: BTreeMap<Position, Chunk>,
    /// Whether the index in the file knows chunks that are to go.
    pub(super) cut: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Place {
    /// Where in the layout message.
    Compact(usize),
    Contiguous(Option<u64>),
    Chunked(Chunked),
}

/// A dataset of a file that is being changed.
///
/// What it is told takes effect together, when another change of the file follows or it is
/// [finished](Change::finish); only elements that are overwritten where they lie change at once.
#[derive(Debug)]
pub struct DatasetChange<'c, S: Storage> {
    change: &'c mut Change<S>,
    path: String,
}

impl<S: Storage> Change<S> {
    /// A dataset, to extend it and write to it.
    ///
    /// # Errors
    /// `Usage` when it is not there or no dataset; `Unsupported` when its elements are in other files or datasets;
    /// `Invalid`, `Io`.
    pub fn dataset(&mut self, path: &str) -> Result<DatasetChange<'_, S>> {
        self.open_dataset(path).map_err(|e| self.place(e, path))?;
        Ok(DatasetChange { change: self, path: path.to_owned() })
    }

    fn open_dataset(&mut self, path: &str) -> Result<()> {
        self.check_usable()?;
        // What was cut off must be gone before there is room for it again.
        if self.pending.as_ref().is_some_and(|p| p.path == path && !p.cut) {
            return Ok(());
        }
        self.settle()?;
        self.pending = Some(self.described(path)?);
        Ok(())
    }

    fn described(&self, path: &str) -> Result<Pending> {
        let address = self.address(path)?;
        let file = self.file()?;
        let cx = file.context(&self.limits);
        let header = Header::read(cx.source, address, self.sizes, &self.limits)?;
        let object = Object::read(cx, address)?;
        if walk::kind(&object) != walk::Kind::Dataset {
            return Err(Error::usage("not a dataset"));
        }
        let external = object.has(kind::EXTERNAL_FILES);
        let d = Dataset::open(cx, object)?;
        header.own(kind::DATASPACE, "dataspace")?;
        let message = header.own(kind::LAYOUT, "data layout")?;
        let Some(was) = d.space.shape().cloned() else {
            return Err(Error::usage("a null dataspace has no elements"));
        };
        if external {
            return Err(Error::unsupported("changing elements that lie in other files"));
        }
        let place = match d.layout()? {
            Layout::Compact { offset, .. } => {
                Place::Compact(usize::try_from(offset.saturating_sub(message.offset)).unwrap_or(usize::MAX))
            }
            Layout::Contiguous { address, size } => {
                let need = was.bytes(d.stored.itemsize())?;
                if let Some(n) = size.filter(|&n| n < need) {
                    return Err(Error::invalid(format!("{n} bytes where {need} belong")).at(message.offset));
                }
                Place::Contiguous(address)
            }
            Layout::Chunked(c) => {
                if c.element_size != d.stored.itemsize() || c.dims.len() != was.len() {
                    return Err(Error::invalid("chunks of another shape").at(message.offset));
                }
                Place::Chunked(c)
            }
            Layout::Virtual { .. } => {
                return Err(Error::unsupported("changing elements of other datasets through a virtual one"));
            }
        };
        if !matches!(place, Place::Chunked(_)) && !d.filters.is_empty() {
            return Err(Error::invalid("filters on elements that are not in chunks"));
        }
        let fill = d.fill(cx)?;
        Ok(Pending {
            path: path.to_owned(),
            shown: d.dtype().clone(),
            stored: d.stored.clone(),
            dims: was.clone(),
            max: d.space.max.clone(),
            filters: d.filters,
            chunks: BTreeMap::new(),
            cut: false,
            header,
            was,
            place,
            fill,
        })
    }

    /// Writes what was put off.
    pub(super) fn settle(&mut self) -> Result<()> {
        self.check_usable()?;
        let Some(p) = self.pending.take() else { return Ok(()) };
        let path = p.path.clone();
        self.switch_dataset(p).map_err(|e| {
            // Nothing leads to the chunks that were written ahead any more.
            self.cut(0);
            self.place(e, &path)
        })
    }

    fn switch_dataset(&mut self, mut p: Pending) -> Result<()> {
        if p.chunks.is_empty() && p.dims == p.was && !p.cut {
            return Ok(());
        }
        let mut plan = self.plan();
        if let (Place::Chunked(layout), true) = (&p.place, p.cut || !p.chunks.is_empty()) {
            let body = chunks::layout(self, &p, layout, &mut plan)?;
            if let Some(position) = p.header.position(kind::LAYOUT) {
                p.header.replace(position, body);
            }
        }
        if p.dims != p.was
            && let Some(position) = p.header.position(kind::DATASPACE)
        {
            let body = extents(&p.header.own(kind::DATASPACE, "dataspace")?.body, &p.dims)?;
            p.header.replace(position, body);
        }
        self.finish_header(p.header, plan)
    }
}

impl<S: Storage> DatasetChange<'_, S> {
    /// Gives the dataset other extents, each as great as the present one or greater. New elements are the fill value.
    ///
    /// # Errors
    /// `Usage` for smaller extents, beyond the greatest ones, or a dataset that cannot grow; `Unsupported`, `Io`.
    pub fn extend(&mut self, shape: impl Into<Shape>) -> Result<&mut Self> {
        let shape = shape.into();
        self.change.open_dataset(&self.path).map_err(|e| self.change.place(e, &self.path))?;
        self.change.extend(shape).map_err(|e| self.change.place(e, &self.path))?;
        Ok(self)
    }

    /// Gives the dataset other extents, greater and smaller ones. Elements beyond them are gone, and new ones are the
    /// fill value.
    ///
    /// # Errors
    /// `Usage` for extents beyond the greatest ones, or a dataset that is not stored in chunks; `Unsupported` where all
    /// chunks have their places from the start, or filters are not written; `Invalid`, `Limit`, `Io`.
    pub fn resize(&mut self, shape: impl Into<Shape>) -> Result<&mut Self> {
        let shape = shape.into();
        self.change.open_dataset(&self.path).map_err(|e| self.change.place(e, &self.path))?;
        self.change.resize(&self.path, shape).map_err(|e| self.change.place(e, &self.path))?;
        Ok(self)
    }

    /// Overwrites the elements that a selection takes by those of an array of the same shape: a [`View`], a slice or
    /// vector of numbers, an ndarray. They are converted to the dataset's type where each has the same value there.
    ///
    /// # Errors
    /// `Usage` for another shape, a selection that does not fit or values that the type lacks; `Unsupported` for filters
    /// that are not written and types that cannot be converted; `Invalid`, `Limit`, `Io`.
    pub fn write(&mut self, selection: &Selection, array: &(impl AsView + ?Sized)) -> Result<&mut Self> {
        let view = array.as_view()?;
        self.change.open_dataset(&self.path).map_err(|e| self.change.place(e, &self.path))?;
        self.change.overwrite(selection, &view).map_err(|e| self.change.place(e, &self.path))?;
        Ok(self)
    }

    /// The extents as they are to be.
    pub fn shape(&self) -> Option<&Shape> {
        self.change.pending.as_ref().map(|p| &p.dims)
    }
}

/// The body of a dataspace message with other extents.
fn extents(body: &[u8], dims: &Shape) -> Result<Vec<u8>> {
    let mut body = body.to_vec();
    let start = if body.first() == Some(&1) { 8 } else { 4 };
    for (i, &d) in dims.iter().enumerate() {
        let field = body.get_mut(start + 8 * i..start + 8 * i + 8);
        field.ok_or_else(|| Error::invalid("a dataspace without extents"))?.copy_from_slice(&d.to_le_bytes());
    }
    Ok(body)
}

/// Whether the greatest extents allow these.
fn check_extents(shape: &Shape, p: &Pending) -> Result<()> {
    let max = p.max.as_ref().unwrap_or(&p.was);
    if let Some((n, m)) = shape.iter().zip(max.iter()).find(|(n, m)| n > m) {
        return Err(Error::usage(format!("extent {n} where {m} is the greatest")));
    }
    if shape.contains(&UNLIMITED) {
        return Err(Error::usage(format!("an extent of {UNLIMITED}")));
    }
    shape.bytes(p.stored.itemsize()).map_err(crate::write::asked).map(drop)
}

impl<S: Storage> Change<S> {
    fn pending(&mut self) -> Result<&mut Pending> {
        self.pending.as_mut().ok_or_else(|| Error::usage("no dataset is being changed"))
    }

    fn extend(&mut self, shape: Shape) -> Result<()> {
        let p = self.pending()?;
        if shape.len() != p.dims.len() {
            return Err(Error::usage(format!("extents {shape} for an array of shape {}", p.dims)));
        }
        if shape == p.dims {
            return Ok(());
        }
        let Place::Chunked(layout) = &p.place else {
            return Err(Error::usage("an array that is not stored in chunks cannot grow"));
        };
        let bad = shape.iter().zip(p.dims.iter()).find(|(n, d)| n < d);
        if let Some((n, d)) = bad {
            let e = Error::usage(format!("extent {n} where {d} is"));
            return Err(e.hint("'resize' takes elements away"));
        }
        check_extents(&shape, p)?;
        if layout.edge_unfiltered && !p.filters.is_empty() {
            return Err(Error::unsupported("extending an array whose chunks at its edge are not filtered"));
        }
        if matches!(layout.index, ChunkIndex::Implicit) {
            let layout = layout.clone();
            return chunks::fill_implicit(self, &layout, shape);
        }
        p.dims = shape;
        Ok(())
    }

    fn resize(&mut self, path: &str, shape: Shape) -> Result<()> {
        let p = self.pending()?;
        if shape.len() != p.dims.len() || !shape.iter().zip(p.dims.iter()).any(|(n, d)| n < d) {
            return self.extend(shape);
        }
        // What was put off has other extents.
        if p.dims != p.was || !p.chunks.is_empty() {
            self.settle()?;
            self.pending = Some(self.described(path)?);
        }
        let p = self.pending()?;
        let less: Shape = shape.iter().zip(p.dims.iter()).map(|(n, d)| *n.min(d)).collect();
        if less != shape {
            // Whether it can grow so is known before anything of it goes.
            check_extents(&shape, p)?;
        }
        shrink::shrink(self, less)?;
        self.extend(shape)
    }

    fn overwrite(&mut self, selection: &Selection, view: &View<'_>) -> Result<()> {
        let limits = self.limits.clone();
        let mut plan = self.plan();
        let p = self.pending()?;
        let ranges = selection.resolve(&p.dims)?;
        let taken = Taken::new(&ranges, p.stored.itemsize());
        if *view.shape() != taken.shape() {
            let what =
                format!("an array of shape {} for a selection of shape {}", view.shape(), taken.shape());
            return Err(Error::usage(what));
        }
        for f in &p.filters {
            filter::encoder(f)?;
        }
        if p.fill.is_some() && p.stored.has_indirection() {
            // Every element would have to have a copy of what it refers to.
            return Err(Error::unsupported(format!("writing beside a fill value of {}", p.stored)));
        }
        let converted;
        let like = |d: &Dtype| {
            d == view.dtype() || matches!((d, view.dtype()), (Dtype::VlenString(_), Dtype::VlenString(_)))
        };
        let view = match like(&p.stored) || like(&p.shown) {
            true => view,
            false => {
                converted = cast::cast(view, &p.shown, &limits)?;
                &converted
            }
        };
        if view.is_empty() {
            return Ok(());
        }
        let (stored, place) = (p.stored.clone(), p.place.clone());
        let mut part = plan.part()?;
        let elements = part.elements(view, &stored, &limits, &|path| self.address(path).ok())?;
        plan.add(part)?;
        match place {
            Place::Compact(at) => self.overwrite_compact(at, &taken, &elements, plan),
            Place::Contiguous(at) => self.overwrite_contiguous(at, &taken, &elements, plan),
            Place::Chunked(layout) => {
                self.write_ahead(plan)?;
                chunks::overwrite(self, &layout, &taken, &elements)
            }
        }
    }

    fn overwrite_compact(&mut self, at: usize, taken: &Taken, elements: &[u8], plan: Plan) -> Result<()> {
        let p = self.pending()?;
        let Some(position) = p.header.position(kind::LAYOUT) else { return Ok(()) };
        let mut body = p.header.own(kind::LAYOUT, "data layout")?.body.clone();
        let place = body.get_mut(at..).ok_or_else(|| Error::invalid("compact data that is not there"))?;
        let (item, copy) = (usize_of(taken.item)?, into_array(&p.dims, taken));
        gather::copy(elements, place, copy, item)?;
        p.header.replace(position, body);
        // What is read again afterwards is what the file has then.
        match self.pending.take() {
            Some(p) => self.finish_header(p.header, plan),
            None => Ok(()),
        }
    }

    fn overwrite_contiguous(
        &mut self,
        at: Option<u64>,
        taken: &Taken,
        elements: &[u8],
        mut plan: Plan,
    ) -> Result<()> {
        let limits = self.limits.clone();
        let p = self.pending()?;
        let Copy { mut steps, from, to } = into_array(&p.dims, taken);
        let Some(at) = at else {
            let mut whole = Buffer::zeroed(p.dims.bytes(taken.item)?, &limits)?;
            if let Some(fill) = &p.fill {
                whole.chunks_exact_mut(fill.len().max(1)).for_each(|e| e.copy_from_slice(fill));
            }
            gather::copy(elements, &mut whole, Copy { steps, from, to }, usize_of(taken.item)?)?;
            let at = plan.put(whole.to_vec())?;
            let body = chunks::with_address(&p.header.own(kind::LAYOUT, "data layout")?.body, None, at)?;
            if let Some(position) = p.header.position(kind::LAYOUT) {
                p.header.replace(position, body);
            }
            return match self.pending.take() {
                Some(p) => self.finish_header(p.header, plan),
                None => Ok(()),
            };
        };
        gather::merge(&mut steps);
        let item = taken.item;
        let outside = || Error::invalid("an element outside its array");
        let mut put = |from: i64, to: i64, len: u64| -> Result<()> {
            let start = usize::try_from(from).map_err(|_| outside())?;
            let end = start.checked_add(usize_of(len)?).ok_or_else(outside)?;
            let bytes = elements.get(start..end).ok_or_else(outside)?;
            let to = u64::try_from(to).ok().and_then(|to| to.checked_add(at)).ok_or_else(outside)?;
            plan.overwrite(to, bytes.to_vec());
            Ok(())
        };
        gather::runs(&steps, from, to, |from, to, inner| {
            if inner.from == item as i64 && inner.to == item as i64 {
                return put(from, to, inner.count.saturating_mul(item));
            }
            (0..inner.count as i64).try_for_each(|i| put(from + i * inner.from, to + i * inner.to, item))
        })?;
        self.commit(plan)
    }
}

/// How the elements of a selection get from an array of them to their places in a dense array of these extents.
fn into_array(dims: &Shape, taken: &Taken) -> Copy {
    let (strides, from) = taken.target();
    let mut steps: SmallVec<[Step; 4]> = SmallVec::new();
    let (mut to, mut stride) = (0i64, taken.item as i64);
    for ((axis, &n), &from) in taken.axes.iter().zip(dims.iter()).zip(&strides).rev() {
        steps.push(Step { from, to: stride.saturating_mul(axis.step as i64), count: axis.count });
        to = to.saturating_add(stride.saturating_mul(axis.start as i64));
        stride = stride.saturating_mul(n as i64);
    }
    steps.reverse();
    Copy { steps, from, to }
}

pub(super) fn usize_of(n: u64) -> Result<usize> {
    usize::try_from(n).map_err(|_| Error::limit(format!("{n} bytes at once")))
}
