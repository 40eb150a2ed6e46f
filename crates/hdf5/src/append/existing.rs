//! What a file holds of the datasets that are to grow: read, checked, not changed.
//!
//! Serves the writer that continues a file (`open`) and the reader that follows one (`live`). Not a general reader:
//! only members of the root group, only one-dimensional datasets with one unlimited dimension and an extensible
//! array, which is all that can grow in the proven order.
//!
//! Source: HDF5 File Format Specification 3.0 and 4.0, sections II.A and IV.A.

use super::object::{Message, Object};
use crate::format::extensible_array::size_width_v4;
use crate::format::message::dataspace::{Dataspace, UNLIMITED};
use crate::format::message::filter_pipeline::{self, Filter};
use crate::format::message::layout::{ChunkIndex, Layout};
use crate::format::message::link::{Link, Target};
use crate::format::message::shared::Shared;
use crate::format::message::{datatype, kind};
use crate::format::object_header::SHARED;
use crate::format::superblock::{self, Superblock};
use hyperslab_core::{Dtype, Error, Limits, Result, ResultExt, Source};

/// Which members of the root group are meant.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    /// The datasets that grow together. Where their lengths are one shared message, it lies with the first of them.
    pub columns: &'a [&'a str],
    /// The group that describes them, and its attribute that holds the time of the last publish.
    pub group: Option<(&'a str, Option<&'a str>)>,
}

/// One dataset as it is stored.
#[derive(Clone, Debug)]
pub(super) struct StoredColumn {
    pub(super) name: String,
    pub(super) object: Object,
    pub(super) dtype: Dtype,
    /// Its length.
    pub(super) rows: u64,
    /// Whether its length is that of the first column.
    pub(super) shared: bool,
    pub(super) chunk_rows: u64,
    pub(super) filters: Vec<Filter>,
    /// The array's header; `None` while there is no chunk.
    pub(super) index: Option<u64>,
}

impl StoredColumn {
    /// Bytes of one row.
    pub(super) fn width(&self) -> u64 {
        self.dtype.itemsize()
    }

    /// Bytes of one chunk.
    pub(super) fn chunk_bytes(&self) -> Result<u64> {
        self.chunk_rows
            .checked_mul(self.width())
            .filter(|&n| n <= u64::from(u32::MAX))
            .ok_or_else(|| Error::invalid("chunks of more than 4 GiB").object(&self.name))
    }

    /// Bytes of one element of its array, as layout version 4 has it.
    pub(super) fn element_size(&self) -> Result<u8> {
        Ok(if self.filters.is_empty() { 8 } else { 12 + size_width_v4(self.chunk_bytes()?) })
    }
}

/// The superblock, the root group and the named members.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) superblock: Superblock,
    pub(super) root: Object,
    pub(super) columns: Vec<StoredColumn>,
    pub(super) group: Option<(String, Object)>,
}

/// Reads the superblock at the start of a source.
pub(super) fn superblock(source: &dyn Source, limits: &Limits) -> Result<Superblock> {
    let len = source.len()?.min(superblock::MAX_LEN as u64);
    let bytes = source.bytes_at(0, len, limits).reading("superblock", 0)?;
    let s = Superblock::parse(&bytes, 0)?;
    if s.base != 0 {
        return Err(Error::unsupported(format!("base address {}", s.base)).reading("superblock").at(0));
    }
    Ok(s)
}

impl Stored {
    /// Reads what `names` names.
    ///
    /// # Errors
    /// `Usage` when a name is not there, `Invalid`, `Unsupported`, `Io`.
    pub(super) fn read(source: &dyn Source, names: &Names<'_>, limits: &Limits) -> Result<Stored> {
        let superblock = superblock(source, limits)?;
        let sizes = superblock.sizes;
        let root = Object::read(source, superblock.root, sizes, limits)?;
        let address = |name: &str| -> Result<u64> {
            let found = child(&root, name, &superblock)?;
            found.ok_or_else(|| Error::usage(format!("no member {name:?} in the root group")))
        };
        let addresses = names.columns.iter().map(|n| address(n)).collect::<Result<Vec<_>>>()?;
        let first = addresses.first().copied();
        let mut columns = Vec::new();
        for (name, &at) in names.columns.iter().zip(&addresses) {
            let read = Object::read(source, at, sizes, limits)
                .and_then(|o| column(source, name, o, &superblock, first, limits));
            columns.push(read.in_object(&format!("/{name}"))?);
        }
        let group = match names.group {
            Some((name, _)) => {
                let object = Object::read(source, address(name)?, sizes, limits);
                Some((name.to_owned(), object.in_object(&format!("/{name}"))?))
            }
            None => None,
        };
        Ok(Stored { superblock, root, columns, group })
    }

    /// The length that all columns have; of columns that differ, the smallest.
    pub(super) fn rows(&self) -> u64 {
        self.columns.iter().map(|c| c.rows).min().unwrap_or(0)
    }
}

/// The address of a hard link in a new-style group.
fn child(group: &Object, name: &str, superblock: &Superblock) -> Result<Option<u64>> {
    for m in group.messages.iter().filter(|m| m.kind == kind::LINK) {
        let link = Link::parse(&m.body, superblock.sizes, m.offset)?;
        if link.name == name.as_bytes() {
            return match link.target {
                Target::Hard(address) => Ok(Some(address)),
                _ => Err(Error::unsupported(format!("{name:?} is not a hard link")).at(m.offset)),
            };
        }
    }
    if group.find(kind::SYMBOL_TABLE).is_some() {
        return Err(
            Error::unsupported("the root group is stored in the old style (symbol table)").at(group.address)
        );
    }
    Ok(None)
}

fn column(
    source: &dyn Source,
    name: &str,
    object: Object,
    superblock: &Superblock,
    first: Option<u64>,
    limits: &Limits,
) -> Result<StoredColumn> {
    let sizes = superblock.sizes;
    let m = object.one(kind::DATATYPE, "datatype")?;
    if m.flags & SHARED != 0 {
        return Err(Error::unsupported("a committed datatype").at(m.offset));
    }
    let dtype = datatype::parse(&m.body, sizes, m.offset)?;
    let m = object.one(kind::DATASPACE, "dataspace")?;
    let (space, shared) = dataspace(source, m, superblock, first, limits)?;
    if space.dims.len() != 1 || space.max.as_ref().is_none_or(|max| max[..] != [UNLIMITED]) {
        return Err(
            Error::unsupported(format!("shape {} cannot grow without limit", space.dims)).at(m.offset)
        );
    }
    let rows = space.dims.first().copied().unwrap_or(0);
    let m = object.one(kind::LAYOUT, "layout")?;
    let chunked = match Layout::parse(&m.body, sizes, m.offset)? {
        Layout::Chunked(c) => c,
        _ => return Err(Error::unsupported("a layout that is not chunked").at(m.offset)),
    };
    if !matches!(chunked.index, ChunkIndex::ExtensibleArray(_)) {
        return Err(Error::unsupported("a chunk index that is not an extensible array").at(m.offset));
    }
    if chunked.dims.len() != 1 || chunked.element_size != dtype.itemsize() {
        return Err(Error::invalid(format!(
            "chunks of shape {} and {} bytes",
            chunked.dims, chunked.element_size
        ))
        .at(m.offset));
    }
    let filters = match object.find(kind::FILTER_PIPELINE) {
        Some(m) => filter_pipeline::parse(&m.body, m.offset)?,
        None => Vec::new(),
    };
    let chunk_rows = chunked.dims.first().copied().unwrap_or(1);
    let (name, index) = (name.to_owned(), chunked.address);
    Ok(StoredColumn { name, object, dtype, rows, shared, chunk_rows, filters, index })
}

/// The dataspace of a column: its own, or the one in the header of the first column.
fn dataspace(
    source: &dyn Source,
    m: &Message,
    superblock: &Superblock,
    first: Option<u64>,
    limits: &Limits,
) -> Result<(Dataspace, bool)> {
    let sizes = superblock.sizes;
    if m.flags & SHARED == 0 {
        return Ok((Dataspace::parse(&m.body, sizes, m.offset)?, false));
    }
    match Shared::parse(&m.body, sizes, m.offset)? {
        Shared::Object(at) if Some(at) == first => {
            let other = Object::read(source, at, sizes, limits)?;
            let m = other.one(kind::DATASPACE, "dataspace")?;
            if m.flags & SHARED != 0 {
                return Err(Error::invalid("a shared dataspace that is itself shared").at(m.offset));
            }
            Ok((Dataspace::parse(&m.body, sizes, m.offset)?, true))
        }
        _ => Err(Error::unsupported("a dataspace shared with another object").at(m.offset)),
    }
}
