//! How a dataset is to be stored, once all that was asked for is known to go together.
//!
//! The rules are libhdf5's, where it has any: extents of chunks within the greatest extents, chunks of less than
//! 4 GiB, no chunks for scalars. Which filters: `pipeline`.

use super::{Libver, chunk_shape, heap, index, pipeline};
use crate::filter::Chunked;
use crate::format::message::dataspace::{Dataspace, MAX_RANK, UNLIMITED};
use crate::format::message::fill_value::{self, FillValue};
use crate::format::message::filter_pipeline::{self, Filter};
use crate::format::message::layout::ChunkIndex;
use crate::format::message::shared::Shared;
use crate::format::message::{datatype, kind};
use crate::format::object_header::{MessageArea, SHARED};
use hyperslab_core::container::{Allocation, Fill, FillTime};
use hyperslab_core::dtype::ReferenceKind;
use hyperslab_core::{ArrayLayout, ArrayOptions, Dtype, Error, Result, Shape};

/// The longest body of a compact layout message that leaves room for the elements' length.
const MOST_COMPACT: u64 = 0xffff - 4;

/// A dataset that can be.
pub(super) struct Storage {
    /// The type as it is stored.
    pub(super) dtype: Dtype,
    /// The named type that it is.
    pub(super) named: Option<usize>,
    pub(super) space: Dataspace,
    pub(super) layout: Layout,
    /// The fill value as it is stored.
    pub(super) fill: Fill,
    /// When room for the elements is made, and when it is filled.
    pub(super) allocation: Allocation,
    pub(super) fill_time: FillTime,
}

/// Where elements go.
#[derive(Clone)]
pub(super) enum Layout {
    Contiguous,
    Compact,
    Chunked { chunk: Shape, filters: Vec<Filter>, rounded: bool, index: ChunkIndex },
}

impl Storage {
    /// Settles how elements of `dtype`, a type of HDF5, are stored. `shape` is `None` for a null dataspace.
    ///
    /// # Errors
    /// `Usage` for options that do not go together or with the shape, `Unsupported` for what HDF5 lacks.
    pub(super) fn settle(
        dtype: Dtype,
        shape: Option<&Shape>,
        options: &ArrayOptions,
        libver: Libver,
    ) -> Result<Storage> {
        datatype::emit(&dtype, &mut Vec::new())?;
        let fill = fill(&dtype, &options.fill)?;
        let Some(shape) = shape else {
            if options.needs_chunks() {
                return Err(Error::usage("a dataset without a shape has neither chunks nor filters"));
            }
            let layout = match options.layout {
                ArrayLayout::Compact => Layout::Compact,
                _ => Layout::Contiguous,
            };
            let space = Dataspace::null();
            let (allocation, fill_time) = (options.allocation, options.fill_time);
            return Ok(Storage { dtype, named: None, space, layout, fill, allocation, fill_time });
        };
        if shape.len() > usize::from(MAX_RANK) {
            let what = format!("rank {} (HDF5 ends at {MAX_RANK})", shape.len());
            return Err(Error::unsupported(what));
        }
        shape.bytes(dtype.itemsize()).map_err(super::asked)?;
        let space = space(shape, &options.max_shape)?;
        let chunked = |options| chunked(&dtype, &space, shape, &fill, options, libver);
        let layout = match options.layout {
            ArrayLayout::Usual if !options.needs_chunks() => Layout::Contiguous,
            ArrayLayout::Contiguous | ArrayLayout::Compact if options.needs_chunks() => {
                return Err(Error::usage(
                    "chunks, filters and extents that can grow need a chunked layout, and another is asked for",
                ));
            }
            ArrayLayout::Contiguous => Layout::Contiguous,
            ArrayLayout::Compact => {
                let bytes = shape.bytes(dtype.itemsize())?;
                if bytes > MOST_COMPACT {
                    return Err(Error::usage(format!(
                        "{bytes} bytes in a compact layout, which holds {MOST_COMPACT}"
                    )));
                }
                Layout::Compact
            }
            _ => chunked(options)?,
        };
        let (allocation, fill_time) = (options.allocation, options.fill_time);
        Ok(Storage { dtype, named: None, space, layout, fill, allocation, fill_time })
    }

    /// The version of the fill-value message, and when it says that room is made and filled.
    fn fill_times(&self) -> [u8; 2] {
        let [version, usual] = match &self.layout {
            Layout::Contiguous => fill_value::CONTIGUOUS,
            Layout::Compact => fill_value::COMPACT,
            Layout::Chunked { .. } if self.dtype.has_indirection() => fill_value::CHUNKED_VLEN,
            Layout::Chunked { .. } => fill_value::CHUNKED,
        };
        let allocation = match self.allocation {
            Allocation::Early => 1,
            Allocation::Late => 2,
            Allocation::Incremental => 3,
            _ => usual & 3,
        };
        let time = match self.fill_time {
            FillTime::Always => 0,
            FillTime::Never => 1,
            // Elements that point elsewhere must not point anywhere by chance.
            _ if self.dtype.has_indirection() => 0,
            _ => usual >> 2,
        };
        [version, allocation | time << 2]
    }

    /// The bytes of one element that was never written, unless they are zeros.
    pub(super) fn fill_bytes(&self) -> Option<&[u8]> {
        match &self.fill {
            Fill::Value(bytes) => Some(bytes),
            // As many as there will be once the object has its address.
            Fill::Reference(_) => Some(&[0; 8]),
            _ => None,
        }
    }

    /// Adds the messages for space, type, fill value and filters, in the forms of HDF5 1.6 where they are to be `old`;
    /// the named type is at `named`.
    pub(super) fn describe(&self, named: Option<u64>, old: bool, area: &mut MessageArea) -> Result<()> {
        const CONSTANT: u8 = 1;
        area.push(
            kind::DATASPACE,
            0,
            |out| if old { self.space.emit_old(out) } else { self.space.emit(out) },
        )?;
        match named {
            Some(address) => area.push(kind::DATATYPE, CONSTANT | SHARED, |out| {
                Shared::emit(address, old, out);
                Ok(())
            })?,
            None => area.push(kind::DATATYPE, CONSTANT, |out| match old {
                true => datatype::emit_old(&self.dtype, out),
                false => datatype::emit(&self.dtype, out),
            })?,
        }
        let base = self.fill_times();
        area.push(kind::FILL_VALUE, CONSTANT, |out| {
            let undefined = self.fill == Fill::Undefined;
            let value = FillValue { value: self.fill_bytes() };
            match undefined {
                _ if old => value.emit_old(base, undefined, out),
                true => FillValue::emit_undefined(base, out),
                false => value.emit(base, out),
            }
            Ok(())
        })?;
        if let Layout::Chunked { filters, .. } = &self.layout
            && !filters.is_empty()
        {
            area.push(kind::FILTER_PIPELINE, CONSTANT, |out| match old {
                true => filter_pipeline::emit_old(filters, out),
                false => filter_pipeline::emit(filters, out),
            })?;
        }
        Ok(())
    }
}

fn fill(dtype: &Dtype, fill: &Fill) -> Result<Fill> {
    if let Fill::Reference(_) = fill
        && !matches!(dtype, Dtype::Reference(ReferenceKind::Object, 8))
    {
        return Err(Error::usage(format!("a reference to an object as fill value of {dtype}")));
    }
    let Fill::Value(bytes) = fill else { return Ok(fill.clone()) };
    if heap::points(dtype) {
        // One that is all zeros points at nothing, as does what was never written.
        return match bytes.iter().all(|&b| b == 0) {
            true => Ok(Fill::Zeros),
            false => Err(Error::unsupported(format!("fill values of {dtype} are not written"))),
        };
    }
    if bytes.len() as u64 != dtype.itemsize() {
        return Err(Error::usage(format!("a fill value of {} bytes for elements of {dtype}", bytes.len())));
    }
    // A message must leave room for the value's length.
    if bytes.len() > 0xffff - 6 {
        return Err(Error::unsupported(format!("a fill value of {} bytes", bytes.len())));
    }
    Ok(fill.clone())
}

fn space(shape: &Shape, max: &[Option<u64>]) -> Result<Dataspace> {
    if max.is_empty() {
        return Ok(Dataspace::fixed(shape.clone()));
    }
    if max.len() != shape.len() {
        let what = format!("{} greatest extents for an array of shape {shape}", max.len());
        return Err(Error::usage(what));
    }
    if let Some((n, Some(m))) = shape.iter().zip(max).find(|(n, m)| m.is_some_and(|m| m < **n)) {
        return Err(Error::usage(format!("extent {n} is beyond the greatest extent {m}")));
    }
    // What has all bits set stands for no limit.
    if max.contains(&Some(UNLIMITED)) {
        return Err(Error::usage(format!("a greatest extent of {UNLIMITED}: leave it unlimited")));
    }
    Ok(Dataspace::growing(shape.clone(), max.iter().map(|m| m.unwrap_or(UNLIMITED)).collect()))
}

fn chunked(
    dtype: &Dtype,
    space: &Dataspace,
    shape: &Shape,
    fill: &Fill,
    options: &ArrayOptions,
    libver: Libver,
) -> Result<Layout> {
    if shape.is_empty() {
        return Err(Error::usage("a scalar has neither chunks nor filters, and cannot grow"));
    }
    let itemsize = dtype.itemsize();
    let chunk = match &options.chunks {
        Some(chunk) => chunk.clone(),
        None => chunk_shape::choose(shape, &options.max_shape, itemsize),
    };
    if chunk.len() != shape.len() || chunk.contains(&0) {
        return Err(Error::usage(format!("chunks of shape {chunk} for an array of shape {shape}")));
    }
    let greatest = space.max.as_ref().unwrap_or(shape);
    let beyond = chunk.iter().zip(shape.iter().zip(greatest.iter())).find(|(c, (n, m))| **n > 0 && c > m);
    if beyond.is_some() {
        return Err(Error::usage(format!(
            "chunks of shape {chunk} are longer than the array of shape {shape} can be"
        )));
    }
    let bytes = chunk.bytes(itemsize).ok().filter(|&n| n <= u64::from(u32::MAX));
    if bytes.is_none() {
        return Err(Error::usage(format!(
            "chunks of shape {chunk} of {itemsize}-byte elements have 4 GiB or more, which HDF5 cannot store"
        )));
    }
    let filters = pipeline::settle(options, Chunked { dtype, chunk: &chunk, fill })?;
    let early = options.allocation == Allocation::Early;
    let index = index::choose(libver, shape, space.max.as_ref(), &chunk, !filters.is_empty(), early);
    Ok(Layout::Chunked { chunk, filters, rounded: options.rounded, index })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyperslab_core::Kind;

    fn settle(shape: &[u64], options: &ArrayOptions) -> Result<Storage> {
        Storage::settle(Dtype::F64, Some(&Shape::new(shape)), options, Libver::default())
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        let chunks = |c: &[u64]| ArrayOptions { chunks: Some(Shape::new(c)), ..ArrayOptions::default() };
        let gzip = ArrayOptions { deflate: Some(4), ..ArrayOptions::default() };
        let growing =
            |max: &[Option<u64>]| ArrayOptions { max_shape: max.to_vec(), ..ArrayOptions::default() };
        for (shape, options) in [
            (&[][..], gzip.clone()),
            (&[], growing(&[None])),
            (&[10], chunks(&[0])),
            (&[10], chunks(&[11])),
            (&[10], chunks(&[5, 5])),
            (&[1 << 40], chunks(&[1 << 29])),
            (&[10], growing(&[Some(9)])),
            (&[10], growing(&[Some(u64::MAX)])),
            (&[10], growing(&[None, None])),
            (&[10], ArrayOptions { lzf: true, ..gzip.clone() }),
            (&[10], ArrayOptions { deflate: Some(10), ..ArrayOptions::default() }),
            (&[10], ArrayOptions { layout: ArrayLayout::Contiguous, ..gzip.clone() }),
            (&[10], ArrayOptions { layout: ArrayLayout::Compact, ..gzip.clone() }),
            (&[8192], ArrayOptions { layout: ArrayLayout::Compact, ..ArrayOptions::default() }),
            (&[10], ArrayOptions { fill: Fill::Value(vec![0; 4]), ..ArrayOptions::default() }),
        ] {
            let e = settle(shape, &options).map(drop).unwrap_err();
            assert_eq!(e.kind(), Kind::Usage, "{shape:?} {options:?}: {e}");
        }
        assert!(settle(&[1 << 40, 1 << 40], &gzip).is_err());
        assert!(settle(&[1; 33], &gzip).is_err());
        assert!(Storage::settle(Dtype::F64, None, &gzip, Libver::default()).is_err());
        assert!(settle(&[0, 3], &chunks(&[8, 3])).is_ok());
        assert!(settle(&[1 << 40], &chunks(&[(1 << 29) - 1])).is_ok());
    }

    #[test]
    fn filters_have_one_order() {
        let all =
            ArrayOptions { deflate: Some(4), shuffle: true, fletcher32: true, ..ArrayOptions::default() };
        let Layout::Chunked { chunk, filters, .. } = settle(&[100], &all).unwrap().layout else { panic!() };
        assert_eq!(chunk[..], [100]);
        assert_eq!(filters.iter().map(|f| f.id).collect::<Vec<_>>(), [2, 1, 3]);
    }
}
