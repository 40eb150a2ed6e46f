//! Making images.

use super::ALIGNMENT;
use crate::format::message::dataspace::Dataspace;
use crate::format::message::link::{Link, Target};
use crate::format::message::{datatype, fill_value, group_info, kind, layout, link_info};
use crate::format::object_header::MessageArea;
use crate::format::superblock::{LEN_V2, Superblock};
use hyperslab_core::{Dtype, Error, Result, Shape, View};

/// Bytes of a contiguous layout message with its header.
const LAYOUT_MESSAGE: usize = 4 + 18;

/// The image of an array under the name of its one dataset ([`DEFAULT_NAME`](super::DEFAULT_NAME) is customary).
///
/// The elements keep their byte order; what does not lie densely in C order is gathered. Time and memory are those
/// of one copy of the elements.
///
/// # Errors
/// `Unsupported` for types that HDF5 lacks or whose elements lie elsewhere (variable length), `Usage` for a name
/// that cannot be.
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
        return Err(Error::limit(format!("no memory for an image of {size} bytes")));
    }
    put_header(view.dtype(), view.shape(), size, name, out)?;
    match view.bytes() {
        Some(bytes) => out.extend_from_slice(bytes),
        None => view.for_each(|element| {
            out.extend_from_slice(element);
            Ok(())
        })?,
    }
    Ok(())
}

/// The header of an image and, after it, the array's own bytes: sent one after the other they are the image.
///
/// Nothing of the array's size is copied or allocated.
///
/// # Errors
/// As [`serialize`]; `Usage` when the elements do not lie densely in C order.
pub fn serialize_parts<'v>(view: &'v View<'_>, name: &str) -> Result<(Vec<u8>, &'v [u8])> {
    let bytes = view.bytes().ok_or_else(|| {
        Error::usage("the elements do not lie densely in C order").hint("use serialize, which gathers them")
    })?;
    let mut out = Vec::with_capacity(512);
    put_header(view.dtype(), view.shape(), bytes.len() as u64, name, &mut out)?;
    Ok((out, bytes))
}

/// Appends everything before the elements.
fn put_header(dtype: &Dtype, shape: &Shape, size: u64, name: &str, out: &mut Vec<u8>) -> Result<()> {
    if dtype.has_indirection() {
        return Err(Error::unsupported(format!("an image of {dtype}, whose elements lie elsewhere"))
            .hint("write a file tree instead"));
    }
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
    dataset.push(kind::DATATYPE, 1, |o| datatype::emit(dtype, o))?;
    dataset.push(kind::FILL_VALUE, 1, |o| {
        o.extend_from_slice(&fill_value::CONTIGUOUS);
        Ok(())
    })?;
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
