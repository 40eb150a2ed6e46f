//! Reading images: the fast path to a borrowed view, with every check before it is handed out.
//!
//! The path takes version 2 and 3 superblocks, headers in one chunk and contiguous elements. Whatever else a
//! library can write goes through the general reader.

use crate::format::message::dataspace::{self, Dataspace};
use crate::format::message::link::{Link, Target};
use crate::format::message::link_info::LinkInfo;
use crate::format::message::{datatype, kind};
use crate::format::object_header::{Prefix, SHARED};
use crate::format::superblock::{LEN_V2, SIGNATURE, Superblock};
use crate::format::{Cursor, Sizes};
use crate::read::{File, MOST_PACKED};
use bytes::Bytes;
use hyperslab_core::dtype::Element;
use hyperslab_core::view::Buffer;
use hyperslab_core::{Container, Dtype, Error, Limits, NodeKind, Result, Selection, Shape, View};

/// What an image may take, however small it is: it may hold an array that was never written. A fuzzer has less time.
const ALWAYS: u64 = if cfg!(fuzzing) { 16 << 20 } else { 1 << 30 };

/// Whether elements are handed out where they lie in the image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Elements {
    /// Where they lie, if they can be used there; a copy otherwise.
    #[default]
    Either,
    /// Where they lie, at whatever address in memory that is, so that [`View::as_slice`] may refuse them. Elements that
    /// do not lie in the image as they are (chunked, compact, never written) are an error.
    Borrowed,
    /// A copy, even where a view would do.
    Copied,
}

/// What [`deserialize_with`] is to do.
#[derive(Clone, Copy, Debug, Default)]
pub struct DeserializeOptions<'n> {
    /// The dataset, by its name in the root group or its path; the only one there unless this says which.
    pub name: Option<&'n str>,
    /// Whether a view is wanted, or a copy.
    pub elements: Elements,
}

/// The array of an image that holds one dataset: a view of the image where the elements lie in it ready to use,
/// a copy otherwise (chunked, compact, never written, or misaligned in memory).
///
/// # Errors
/// `Invalid` for damage, `Unsupported`; `Limit` for more than a gigabyte that the image is too small to hold, nearly all
/// of which would be fill values; `Usage` when the root group does not hold exactly one dataset.
pub fn deserialize(image: &[u8]) -> Result<View<'_>> {
    find(image, None, Elements::Either)
}

/// As [`deserialize`], of the dataset with this name in the root group or this path.
///
/// # Errors
/// As [`deserialize`].
pub fn deserialize_named<'a>(image: &'a [u8], name: &str) -> Result<View<'a>> {
    find(image, Some(name), Elements::Either)
}

/// As [`deserialize`], of a certain dataset, insisting on a view or a copy.
///
/// # Errors
/// As [`deserialize`]; `Usage` when a view is insisted on and the elements do not lie in the image as they are.
pub fn deserialize_with<'a>(image: &'a [u8], options: &DeserializeOptions<'_>) -> Result<View<'a>> {
    find(image, options.name, options.elements)
}

/// As [`deserialize_with`], of counted bytes: a view keeps them alive.
///
/// # Errors
/// As [`deserialize_with`].
pub fn deserialize_shared(image: &Bytes, options: &DeserializeOptions<'_>) -> Result<View<'static>> {
    let view = find(image, options.name, options.elements)?;
    match view.bytes().and_then(|bytes| inside(image, bytes)).filter(|_| view.is_view()) {
        Some(range) => View::new(view.dtype().clone(), view.shape().clone(), image.slice(range)),
        None => view.into_owned(),
    }
}

/// As [`deserialize`], for elements that are used as `T`: the bytes are in this machine's order and aligned, so
/// that [`View::as_slice`] gives them.
///
/// # Errors
/// As [`deserialize`]; `Usage` when the elements differ from `T` in more than byte order.
pub fn deserialize_as<T: Element>(image: &[u8]) -> Result<View<'_>> {
    let view = find(image, None, Elements::Either)?;
    if *view.dtype() == T::DTYPE {
        return Ok(view);
    }
    let values = view.to_vec::<T>()?;
    View::new(T::DTYPE, view.shape().clone(), Buffer::copy_of(bytemuck::cast_slice(&values)))
}

fn find<'a>(image: &'a [u8], name: Option<&str>, wanted: Elements) -> Result<View<'a>> {
    let Some(p) = plain(image, name)? else { return general(image, name, wanted) };
    let space = Dataspace::parse(p.space.body, Sizes::STANDARD, p.space.offset)?;
    let dtype = datatype::parse(p.dtype.body, Sizes::STANDARD, p.dtype.offset)?;
    if space.kind == dataspace::Kind::Null || dtype.has_indirection() || dtype.has_references() {
        return general(image, name, wanted);
    }
    let (bytes, have) = (p.data, p.data.len() as u64);
    let need = space.dims.bytes(dtype.itemsize())?;
    if need != have {
        let shape = space.dims;
        return Err(Error::invalid(format!("{have} bytes for shape {shape} of {dtype}, which takes {need}"))
            .reading("data layout")
            .at(p.at));
    }
    plain_view(dtype, space.dims, bytes, wanted)
}

/// A view of the bytes where that is wanted, or they are aligned for their elements; of a copy otherwise.
#[inline(always)]
fn plain_view(dtype: Dtype, shape: Shape, bytes: &[u8], wanted: Elements) -> Result<View<'_>> {
    let view = match wanted {
        Elements::Either => (bytes.as_ptr() as usize).is_multiple_of(alignment(&dtype)),
        Elements::Borrowed => true,
        Elements::Copied => false,
    };
    if view { View::new(dtype, shape, bytes) } else { View::new(dtype, shape, Buffer::copy_of(bytes)) }
}

/// What an element's scalars want of their address.
fn alignment(dtype: &Dtype) -> usize {
    match dtype {
        Dtype::Int(i) | Dtype::Bitfield(i) => match i.size {
            n @ (2 | 4 | 8) => n.into(),
            _ => 1,
        },
        Dtype::Float(f) | Dtype::Complex(f) => match f.size {
            n @ (2 | 4 | 8) => n.into(),
            _ => 1,
        },
        Dtype::Datetime(..) | Dtype::Timedelta(..) => 8,
        Dtype::Unicode(..) => 4,
        Dtype::Enum(e) => alignment(&Dtype::Int(e.base)),
        Dtype::Array(a) => alignment(&a.base),
        _ => 1,
    }
}

/// A plain dataset: its messages, still as bytes, and its elements.
struct Plain<'a> {
    space: Part<'a>,
    dtype: Part<'a>,
    data: &'a [u8],
    /// Where its header lies.
    at: u64,
}

#[derive(Clone, Copy, Default)]
struct Part<'a> {
    body: &'a [u8],
    offset: u64,
}

/// The one dataset of a plain image; `None` when the general reader must look.
#[inline(always)]
fn plain<'a>(image: &'a [u8], name: Option<&str>) -> Result<Option<Plain<'a>>> {
    // A user block before the superblock is the general reader's business, as are the older superblocks.
    if !image.starts_with(&SIGNATURE) || image.get(8).is_some_and(|&version| version < 2) {
        return Ok(None);
    }
    let s = Superblock::parse(image, 0)?;
    if s.sizes != Sizes::STANDARD || s.base != 0 || s.extension.is_some() || s.flags != 0 {
        return Ok(None);
    }
    let Some(file) = usize::try_from(s.end).ok().and_then(|end| image.get(..end)) else {
        return Err(Error::invalid(format!("an image of {} bytes in {}", s.end, image.len())).at(28));
    };
    let Some((root, address)) = only_link(file, s.root, name)? else { return Ok(None) };

    let bytes = tail(file, address);
    let prefix = Prefix::parse(bytes, address)?;
    let mut messages = prefix.messages(bytes, address)?;
    let (mut space, mut dtype, mut layout) = (Part::default(), Part::default(), Part::default());
    while messages.advance()? {
        let m = messages.message();
        if m.flags & SHARED != 0 {
            return Ok(None);
        }
        let slot = match m.kind {
            kind::DATASPACE => &mut space,
            kind::DATATYPE => &mut dtype,
            kind::LAYOUT => &mut layout,
            // What it says matters only for elements that were never written.
            kind::FILL_VALUE => continue,
            // Filters, external files, continuations; attributes can say what type is meant.
            _ => return Ok(None),
        };
        if slot.offset != 0 {
            return Err(Error::invalid(format!("two messages of kind {:#x}", m.kind)).at(m.offset));
        }
        *slot = Part { body: m.body, offset: m.offset };
    }
    // Anything but contiguous elements that were written is the general reader's.
    let (Some(&[3..=5, 1]), 18, 1.., 1..) =
        (layout.body.first_chunk::<2>(), layout.body.len(), space.offset, dtype.offset)
    else {
        return Ok(None);
    };
    let mut c = Cursor::new(layout.body, "data layout", layout.offset);
    c.skip(2)?;
    let Some(at) = c.address(Sizes::STANDARD)? else { return Ok(None) };
    let size = c.length(Sizes::STANDARD)?;
    let outside = || {
        Error::invalid(format!("elements at {at}, {size} bytes, in an image of {} bytes", file.len()))
            .reading("data layout")
            .at(layout.offset)
    };
    let (start, end) = span(at, size).ok_or_else(outside)?;
    let data = file.get(start..end).ok_or_else(outside)?;
    let overlaps = |(from, len): (u64, u64)| at < from.saturating_add(len) && from < at.saturating_add(size);
    if overlaps((0, LEN_V2 as u64)) || overlaps(root) || overlaps((address, prefix.len())) {
        return Err(Error::invalid(format!("elements at {at} overlap the image's headers")).at(layout.offset));
    }
    Ok(Some(Plain { space, dtype, data, at: address }))
}

/// The bytes of the root group's header (from, length) and the object that its one link, or the named one, points
/// at; `None` when the general reader must look.
#[inline(always)]
fn only_link(file: &[u8], root: u64, name: Option<&str>) -> Result<Option<((u64, u64), u64)>> {
    let bytes = tail(file, root);
    let prefix = Prefix::parse(bytes, root)?;
    let mut messages = prefix.messages(bytes, root)?;
    let mut found = None;
    while messages.advance()? {
        let m = messages.message();
        match m.kind {
            kind::LINK if m.flags & SHARED == 0 => {
                let link = Link::parse(m.body, Sizes::STANDARD, m.offset)?;
                if name.is_some_and(|n| n.as_bytes() != link.name) {
                    continue;
                }
                match link.target {
                    Target::Hard(address) if found.is_none() => found = Some(address),
                    _ => return Ok(None),
                }
            }
            kind::LINK_INFO if LinkInfo::parse(m.body, Sizes::STANDARD, m.offset)?.heap.is_none() => {}
            kind::GROUP_INFO => {}
            _ => return Ok(None),
        }
    }
    Ok(found.map(|address| ((root, prefix.len()), address)))
}

#[inline(always)]
fn tail(file: &[u8], address: u64) -> &[u8] {
    usize::try_from(address).ok().and_then(|a| file.get(a..)).unwrap_or_default()
}

#[inline(always)]
fn span(at: u64, len: u64) -> Option<(usize, usize)> {
    let start = usize::try_from(at).ok()?;
    Some((start, start.checked_add(usize::try_from(len).ok()?)?))
}

/// Any other file: through the general reader.
#[cold]
fn general<'a>(image: &'a [u8], name: Option<&str>, wanted: Elements) -> Result<View<'a>> {
    let most = (image.len() as u64).saturating_mul(MOST_PACKED).clamp(ALWAYS, 8 << 30);
    let limits = Limits::new(most, 16 << 20, 64);
    let file = File::from_image(image)?;
    let path = match name {
        Some(name) => name.to_owned(),
        None => only_array(&file, &limits)?,
    };
    let view = file.read(&path, &Selection::ALL, &limits)?;
    if view.dtype().has_indirection() || view.dtype().has_references() {
        let e =
            Error::unsupported(format!("elements of {}, which point elsewhere in the image", view.dtype()));
        return Err(e.object(path).hint("open the image with 'File::from_image'"));
    }
    // What lies in the image is a view of the image, not of the file that was opened over it.
    let lies = view.bytes().filter(|_| view.is_view()).and_then(|bytes| inside(image, bytes));
    // Nothing lies anywhere.
    let lies = lies.or_else(|| view.is_empty().then_some(0..0));
    let (dtype, shape) = (view.dtype().clone(), view.shape().clone());
    match lies {
        Some(range) => {
            if !range.is_empty() {
                file.check_apart(&path, &(range.start as u64..range.end as u64))?;
            }
            plain_view(dtype, shape, image.get(range).unwrap_or_default(), wanted)
        }
        None if wanted == Elements::Borrowed => {
            let e = Error::usage("the elements do not lie in the image as they are");
            Err(e.object(path).hint("let them be copied"))
        }
        None => view.into_owned(),
    }
}

/// The path of the one array in the root group.
fn only_array(file: &File<'_>, limits: &Limits) -> Result<String> {
    let mut arrays =
        file.nodes("/", Some(1), false, limits)?.into_iter().filter(|n| n.kind == NodeKind::Array);
    match (arrays.next(), arrays.count()) {
        (Some(node), 0) => Ok(node.path),
        (None, _) => Err(Error::usage("no array in the image's root group")),
        (Some(_), more) => {
            Err(Error::usage(format!("{} arrays in the image's root group", more + 1)).hint("name one"))
        }
    }
}

/// Where a slice lies in the image.
fn inside(image: &[u8], part: &[u8]) -> Option<std::ops::Range<usize>> {
    let start = (part.as_ptr() as usize).checked_sub(image.as_ptr() as usize)?;
    let range = start..start.checked_add(part.len())?;
    (range.end <= image.len()).then_some(range)
}
