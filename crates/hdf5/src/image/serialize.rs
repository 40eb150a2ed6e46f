//! Making images.

use super::ALIGNMENT;
use crate::format::message::dataspace::Dataspace;
use crate::format::message::link::{Link, Target};
use crate::format::message::{attribute, datatype, fill_value, group_info, kind, layout, link_info};
use crate::format::object_header::MessageArea;
use crate::format::superblock::{LEN_V2, Superblock};
use crate::numpy_types;
use hyperslab_core::dtype::{Charset, Padding, StringType};
use hyperslab_core::view::Buffer;
use hyperslab_core::{Dtype, Error, Limits, Result, Shape, View};
use std::borrow::Cow;

/// Bytes of a contiguous layout message with its header.
const LAYOUT_MESSAGE: usize = 4 + 18;

/// The image of an array under the name of its one dataset ([`DEFAULT_NAME`](super::DEFAULT_NAME) is customary).
///
/// The elements keep their byte order, and stand in C order whatever their order in memory: shape and values are the
/// array's own. NumPy's types that HDF5 lacks are stored as in files ([`numpy_types`]) and come
/// back as what they were. Time and memory are those of one copy of the elements.
///
/// # Errors
/// `Unsupported` for types that HDF5 lacks, and for elements that point elsewhere (variable length, references);
/// `Usage` for a name that cannot be.
pub fn serialize(view: &View<'_>, name: &str) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    serialize_into(view, name, &mut out)?;
    Ok(out)
}

/// As [`serialize`], into a vector that is cleared first: one that was used before costs no fresh memory.
///
/// # Errors
/// As [`serialize`].
pub fn serialize_into(view: &View<'_>, name: &str, out: &mut Vec<u8>) -> Result<()> {
    out.clear();
    let size = view.nbytes();
    // Room for the elements at once, so that they are copied once.
    let room = usize::try_from(size).ok().and_then(|n| n.checked_add(1024));
    if room.is_none_or(|n| out.try_reserve_exact(n).is_err()) {
        return Err(no_memory(size));
    }
    put_header(view, name, out)?;
    pieces(view, |piece| {
        out.extend_from_slice(piece);
        Ok(())
    })
}

/// As [`serialize`], into memory that starts at a multiple of 64, so that the elements do, too.
///
/// # Errors
/// As [`serialize`].
pub fn serialize_aligned(view: &View<'_>, name: &str) -> Result<Buffer> {
    let mut header = Vec::with_capacity(512);
    put_header(view, name, &mut header)?;
    let size = view.nbytes();
    let len = size.checked_add(header.len() as u64).ok_or_else(|| no_memory(size))?;
    // What the caller has in memory anyway is no claim of a file.
    let mut out = Buffer::zeroed(len, &Limits::new(len, 0, 1))?;
    let mut at = 0;
    let mut put = |piece: &[u8]| {
        let end = at + piece.len();
        let room = out.get_mut(at..end).ok_or_else(|| Error::invalid("more elements than the array has"))?;
        room.copy_from_slice(piece);
        at = end;
        Ok(())
    };
    put(&header)?;
    pieces(view, put)?;
    Ok(out)
}

/// The header of an image and, after it, the array's own bytes: sent one after the other they are the image.
///
/// Nothing of the array's size is copied or allocated. An array in Fortran order has no such image, but the array
/// with its dimensions in reverse order ([`View::transposed`]) has; that is how Julia's arrays stand in HDF5 files.
///
/// # Errors
/// As [`serialize`]; `Usage` when the elements do not lie densely in C order, or must be changed (`U`, stored as
/// UTF-8).
pub fn serialize_parts<'v>(view: &'v View<'_>, name: &str) -> Result<(Vec<u8>, &'v [u8])> {
    let bytes = view.bytes().ok_or_else(|| {
        let e = Error::usage("the elements do not lie densely in C order");
        e.hint("use serialize, which gathers them, or store the transposed array")
    })?;
    if numpy_types::has_unicode(view.dtype()) {
        let e = Error::usage(format!("elements of {} are stored as UTF-8", view.dtype()));
        return Err(e.hint("use serialize, which makes it of them"));
    }
    let mut out = Vec::with_capacity(512);
    put_header(view, name, &mut out)?;
    Ok((out, bytes))
}

/// Hands out the elements as they are stored.
fn pieces(view: &View<'_>, mut out: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    if numpy_types::has_unicode(view.dtype()) {
        let size = view.nbytes();
        return out(&numpy_types::encode(view, &Limits::new(size, 0, 1))?);
    }
    view.pieces(out)
}

fn no_memory(size: u64) -> Error {
    Error::limit(format!("no memory for an image of {size} bytes"))
}

/// Appends everything before the elements.
fn put_header(view: &View<'_>, name: &str, out: &mut Vec<u8>) -> Result<()> {
    let (dtype, shape, size) = (view.dtype(), view.shape(), view.nbytes());
    if dtype.has_indirection() || dtype.has_references() {
        return Err(Error::unsupported(format!("an image of {dtype}, whose elements point elsewhere"))
            .hint("write a file tree instead"));
    }
    if matches!(name, "." | "..") {
        return Err(Error::usage(format!("{name:?} cannot be the name of an HDF5 object")));
    }
    let (stored, descr) = match numpy_types::stored_as(dtype)? {
        Some(stored) => (Cow::Owned(stored), Some(numpy_types::describe(dtype))),
        None => (Cow::Borrowed(dtype), None),
    };
    let dataset_at = LEN_V2;
    let mut root = MessageArea::new();
    root.push(kind::LINK_INFO, 0, |o| {
        link_info::LinkInfo::emit_compact(o);
        Ok(())
    })?;
    root.push(kind::GROUP_INFO, 0, |o| {
        group_info::emit_default(o);
        Ok(())
    })?;
    let target = Target::Hard(dataset_at as u64);
    root.push(kind::LINK, 0, |o| Link { name: name.as_bytes(), creation_order: None, target }.emit(o))
        .map_err(|e| Error::usage(e.message().to_owned()))?;

    let mut dataset = MessageArea::new();
    dataset.push(kind::DATASPACE, 0, |o| Dataspace::fixed(shape.clone()).emit(o))?;
    dataset.push(kind::DATATYPE, 1, |o| datatype::emit(&stored, o))?;
    dataset.push(kind::FILL_VALUE, 1, |o| {
        o.extend_from_slice(&fill_value::CONTIGUOUS);
        Ok(())
    })?;
    if let Some(descr) = descr {
        dataset.push(kind::ATTRIBUTE, 0, |o| put_descr(&descr, o))?;
    }
    let root_at = (dataset_at + dataset.header_len_with(LAYOUT_MESSAGE)).next_multiple_of(8);
    let data_at = ((root_at + root.header_len()) as u64).next_multiple_of(ALIGNMENT);
    dataset.push(kind::LAYOUT, 0, |o| {
        layout::emit_contiguous(data_at, size, o);
        Ok(())
    })?;

    let end =
        data_at.checked_add(size).ok_or_else(|| Error::unsupported("an image of more than 2^64 bytes"))?;
    Superblock::new(2, end, root_at as u64).emit(out)?;
    dataset.emit(None, out)?;
    out.resize(root_at, 0);
    root.emit(None, out)?;
    out.resize(data_at as usize, 0);
    Ok(())
}

/// The attribute that restores a NumPy type. Text of fixed length, since nothing but the header may hold it.
fn put_descr(descr: &str, out: &mut Vec<u8>) -> Result<()> {
    let size = u32::try_from(descr.len()).map_err(|_| Error::unsupported("a type of so many fields"))?;
    let text = StringType { size, charset: Charset::Utf8, padding: Padding::NullPadded };
    let space = Dataspace::fixed(Shape::default());
    attribute::emit(numpy_types::ATTRIBUTE, &Dtype::FixedString(text), &space, descr.as_bytes(), out)
}
