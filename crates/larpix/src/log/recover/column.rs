//! The two datasets of a damaged log: their headers, wherever they are found, and their chunks.

use super::heap::Heap;
use super::index::{Chunks, Located, Missing};
use super::input::{Input, wrong};
use super::object::Object;
use crate::log::columns::HeaderRow;
use hyperslab_core::dtype::VlenType;
use hyperslab_core::{Dtype, Error, Result};
use hyperslab_hdf5::filter;
use hyperslab_hdf5::format::Sizes;
use hyperslab_hdf5::format::message::dataspace::Dataspace;
use hyperslab_hdf5::format::message::filter_pipeline::{self, Filter};
use hyperslab_hdf5::format::message::layout::{ChunkIndex, Layout};
use hyperslab_hdf5::format::message::shared::Shared;
use hyperslab_hdf5::format::message::{datatype, kind};
use hyperslab_hdf5::format::object_header::SHARED;
use std::borrow::Cow;
use std::sync::Arc;

/// Bytes of a stored reference.
pub(super) const REFERENCE: u64 = 16;
/// A chunk of more bytes than that is not believed where only an index tells of it.
const MAX_CHUNK: u64 = 64 << 20;
/// Deflate cannot do better.
const MAX_RATIO: u64 = 1032;

/// One of the two datasets.
pub(super) struct Column {
    /// Its length, where its header is left.
    pub(super) rows: Option<u64>,
    /// Bytes of a row.
    pub(super) width: u64,
    pub(super) chunk_rows: u64,
    pub(super) dtype: Option<Dtype>,
    filters: Vec<Filter>,
    pub(super) chunks: Chunks,
    /// Whether the header's checksums hold.
    pub(super) checked: bool,
}

/// Which of the two datasets a type belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Messages,
    Headers(HeaderRow),
}

impl Role {
    fn of(dtype: &Dtype) -> Result<Role> {
        let messages = Dtype::Vlen(Arc::new(VlenType { base: Dtype::U8, size: 16 }));
        if let Dtype::Vlen(v) = dtype
            && v.base == Dtype::U8
        {
            return Ok(Role::Messages);
        }
        HeaderRow::of([("msgs", &messages), ("msg_headers", dtype)]).map(Role::Headers)
    }
}

impl Column {
    /// The dataset of an object header.
    ///
    /// # Errors
    /// When it is none of a log.
    pub(super) fn open(input: &Input<'_>, object: &Object) -> Result<(Role, Column)> {
        let sizes = Sizes::STANDARD;
        let m = object.one(kind::DATATYPE, "datatype")?;
        if m.flags & SHARED != 0 {
            return Err(Error::unsupported("a committed datatype").at(m.offset));
        }
        let dtype = datatype::parse(&m.body, sizes, m.offset)?;
        let role = Role::of(&dtype)?;
        let m = object.one(kind::LAYOUT, "layout")?;
        let chunked = match Layout::parse(&m.body, sizes, m.offset)? {
            Layout::Chunked(c) if matches!(c.index, ChunkIndex::ExtensibleArray(_)) => c,
            _ => return Err(Error::unsupported("a layout without an extensible array").at(m.offset)),
        };
        let (width, chunk_rows) = (dtype.itemsize(), chunked.dims.first().copied().unwrap_or(0));
        let bytes = chunk_rows.checked_mul(width).filter(|&n| n > 0 && n <= u64::from(u32::MAX));
        let Some(bytes) = bytes.filter(|_| chunked.dims.len() == 1) else {
            return Err(wrong(
                "data layout",
                m.offset,
                format!("chunks of {chunk_rows} rows of {width} bytes"),
            ));
        };
        let filters = match object.find(kind::FILTER_PIPELINE) {
            Some(m) => filter_pipeline::parse(&m.body, m.offset)?,
            None => Vec::new(),
        };
        let chunks = match chunked.address {
            None => Chunks { filtered: !filters.is_empty(), ..Chunks::default() },
            Some(at) => match Chunks::read(input, at, bytes) {
                Ok(chunks) if chunks.filtered != filters.is_empty() => chunks,
                read => {
                    let why = read.map_or_else(
                        |e| e.to_string(),
                        |_| "filters and chunk index do not go together".into(),
                    );
                    let missing = vec![Missing { chunks: 0..u64::MAX, why, at }];
                    Chunks { missing, filtered: !filters.is_empty(), ..Chunks::default() }
                }
            },
        };
        // A length that is lost can be told from the chunks.
        let rows = length(input, object).ok();
        let dtype = Some(dtype);
        Ok((role, Column { rows, width, chunk_rows, dtype, filters, chunks, checked: object.checked }))
    }

    /// The dataset of an index that no header leads to, by what its chunks hold; `beside` is the dataset of
    /// messages, for that of headers.
    ///
    /// # Errors
    /// When it is none of a log.
    pub(super) fn of_index(
        input: &Input<'_>,
        heap: &mut Heap<'_, '_>,
        at: u64,
        beside: Option<&Column>,
    ) -> Result<Column> {
        let chunks = Chunks::read(input, at, 1)?;
        let none = || wrong("extensible array header", at, "its chunks are not those of a log");
        if !chunks.filtered {
            return Err(none());
        }
        let filters = vec![Filter { id: 1, name: None, optional: true, values: vec![] }];
        let column = |bytes: u64, width: u64, chunks| {
            let (dtype, filters) = (None, filters.clone());
            Column { rows: None, width, chunk_rows: bytes / width, dtype, filters, chunks, checked: false }
        };
        // One chunk tells how long they are, whether it is deflated or not.
        let mut told = None;
        for located in chunks.found.values().take(8) {
            let c = located.chunk;
            let raw = c.filter_mask & 1 != 0;
            let most = if raw { c.size } else { c.size.saturating_mul(MAX_RATIO) }.min(MAX_CHUNK);
            let Ok(stored) = input.read(c.address, c.size.min(MAX_CHUNK)) else { continue };
            if raw {
                told = Some(stored);
            } else if let Ok(bytes) = filter::deflate::inflate(&stored, 0, most, &input.limits) {
                told = Some(bytes);
            }
            if told.is_some() {
                break;
            }
        }
        let bytes = told.ok_or_else(none)?;
        let len = bytes.len() as u64;
        match beside {
            None => {
                if len == 0 || !len.is_multiple_of(REFERENCE) {
                    return Err(none());
                }
                let rows = bytes.chunks_exact(REFERENCE as usize).filter_map(reference);
                let mut any = rows.filter(|(count, ..)| *count > 0).take(64);
                let found = any.any(|(count, at, number)| heap.resolve(count, at, number).is_ok());
                if found { Ok(column(len, REFERENCE, chunks)) } else { Err(none()) }
            }
            // Nothing tells where in a wider row the group is.
            Some(messages) if len == messages.chunk_rows => Ok(column(len, 1, chunks)),
            Some(_) => Err(none()),
        }
    }

    /// Bytes of a chunk.
    pub(super) fn chunk_bytes(&self) -> u64 {
        self.chunk_rows.saturating_mul(self.width)
    }

    /// The rows of a chunk, and whether it is certain that they are the chunk's: its address is, or a checksum in it.
    ///
    /// # Errors
    /// When it does not decode, or not to as many rows.
    pub(super) fn decode(&self, input: &Input<'_>, located: &Located) -> Result<(Vec<u8>, bool)> {
        let c = located.chunk;
        let want = self.chunk_bytes();
        let size = if self.chunks.filtered { c.size } else { want };
        let all = u32::MAX.checked_shr(32u32.saturating_sub(self.filters.len() as u32)).unwrap_or(0);
        let raw = self.filters.is_empty() || c.filter_mask & all == all;
        let most = if raw { size } else { size.saturating_mul(MAX_RATIO).saturating_add(64) };
        if want > most {
            return Err(wrong("chunk", c.address, format!("{size} bytes stored where {want} belong")));
        }
        // Of a chunk that the file ends in, the rows before that are whole.
        let stored = if raw { input.up_to(c.address, size) } else { input.read(c.address, size) };
        let stored = stored.map_err(|e| e.reading("chunk").at(c.address))?;
        if raw && (stored.len() as u64) < want {
            return Ok((stored, located.checked));
        }
        let bytes = filter::decode(&self.filters, c.filter_mask, Cow::Owned(stored), want, &input.limits);
        let bytes = bytes.map_err(|e| e.reading("chunk").at(c.address))?.into_owned();
        Ok((bytes, located.checked || !raw))
    }
}

/// Length, address and object number of a stored reference.
#[inline]
pub(super) fn reference(row: &[u8]) -> Option<(u32, u64, u32)> {
    let [a, b, c, d, address @ .., e, f, g, h] = *row.first_chunk::<16>()?;
    Some((u32::from_le_bytes([a, b, c, d]), u64::from_le_bytes(address), u32::from_le_bytes([e, f, g, h])))
}

/// The length that a dataset's header states, its own or the one that it shares.
fn length(input: &Input<'_>, object: &Object) -> Result<u64> {
    let sizes = Sizes::STANDARD;
    let m = object.one(kind::DATASPACE, "dataspace")?;
    let space = if m.flags & SHARED == 0 {
        Dataspace::parse(&m.body, sizes, m.offset)?
    } else {
        let Shared::Object(at) = Shared::parse(&m.body, sizes, m.offset)? else {
            return Err(wrong("dataspace", m.offset, "shared in a table"));
        };
        let other = Object::read(input, at)?;
        let m = other.one(kind::DATASPACE, "dataspace")?;
        if m.flags & SHARED != 0 {
            return Err(wrong("dataspace", m.offset, "shared, and shared again"));
        }
        Dataspace::parse(&m.body, sizes, m.offset)?
    };
    match space.dims[..] {
        [rows] => Ok(rows),
        _ => Err(wrong("dataspace", m.offset, format!("shape {}", space.dims))),
    }
}
