//! What a new live file is to hold.

use super::object::Message;
use crate::format::message::filter_pipeline::Filter;
use crate::format::message::{attribute, attribute_info, dataspace::Dataspace};
use crate::format::message::{datatype, fill_value, filter_pipeline, group_info, kind, link_info};
use crate::format::object_header::MessageArea;
use hyperslab_core::{Dtype, Error, Result};

/// Deflate's number.
pub(super) const DEFLATE: u16 = 1;

/// The datasets that grow together, and the group beside them.
#[derive(Clone, Debug)]
pub struct Schema {
    /// The datasets, members of the root group, in order.
    pub columns: Vec<ColumnSpec>,
    /// A group with attributes.
    pub group: Option<GroupSpec>,
}

/// One dataset: one dimension, unlimited, in chunks.
#[derive(Clone, Debug)]
pub struct ColumnSpec {
    /// Name in the root group.
    pub name: String,
    /// Type of a row: of fixed size, or a variable-length sequence of it.
    pub dtype: Dtype,
    /// Rows of one chunk.
    pub chunk_rows: u64,
    /// Deflate level in the dataset's filter list. Chunks written here skip it; those that another library writes
    /// when it continues the file do not.
    ///
    /// It must be 0, which stores bytes as they are in a slightly longer stream, unless deflated chunks are certain
    /// to be shorter than plain ones: libhdf5 (1.12 to 2.0) does not update the list of skipped filters when it
    /// deflates a plain chunk to exactly the same size, and then reads it wrongly.
    pub deflate: Option<u32>,
}

/// A group with attributes.
#[derive(Clone, Debug)]
pub struct GroupSpec {
    /// Name in the root group.
    pub name: String,
    /// Attributes, in order.
    pub attributes: Vec<(String, AttributeValue)>,
    /// The attribute, one of the above and a number, that becomes the time of each publish.
    pub touched: Option<String>,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum AttributeValue {
    /// A double.
    F64(f64),
    /// A variable-length UTF-8 string.
    Text(String),
}

/// A message of the first chunk of a header that is being made.
pub(super) fn message(kind: u16, flags: u8, body: Vec<u8>) -> Message {
    Message { kind, flags, body, offset: 0, first: true }
}

/// The messages of a dataset's header but dataspace and layout, which the page adds.
pub(super) fn column_messages(dtype: &Dtype, filters: &[Filter]) -> Result<Vec<Message>> {
    let mut body = Vec::new();
    datatype::emit(dtype, &mut body)?;
    let mut out = vec![message(kind::DATATYPE, 1, body)];
    let fill = if dtype.has_indirection() { fill_value::CHUNKED_VLEN } else { fill_value::CHUNKED };
    out.push(message(kind::FILL_VALUE, 1, fill.to_vec()));
    if !filters.is_empty() {
        let mut body = Vec::new();
        filter_pipeline::emit(filters, &mut body)?;
        out.push(message(kind::FILTER_PIPELINE, 1, body));
    }
    Ok(out)
}

impl ColumnSpec {
    pub(super) fn filters(&self) -> Vec<Filter> {
        self.deflate
            .map(|level| Filter { id: DEFLATE, name: None, optional: true, values: vec![level] })
            .into_iter()
            .collect()
    }

    pub(super) fn check(&self) -> Result<()> {
        if self.chunk_rows == 0 || self.dtype.itemsize() == 0 {
            return Err(Error::usage(format!("column {:?} has chunks of no bytes", self.name)));
        }
        if self.deflate.is_some_and(|level| level > 9) {
            return Err(Error::usage(format!("column {:?}: deflate levels are 0 to 9", self.name)));
        }
        Ok(())
    }
}

/// What every new-style group begins with.
pub(super) fn group_messages() -> Vec<Message> {
    let (mut links, mut info) = (Vec::new(), Vec::new());
    link_info::LinkInfo::emit_compact(&mut links);
    group_info::emit_default(&mut info);
    vec![message(kind::LINK_INFO, 0, links), message(kind::GROUP_INFO, 1, info)]
}

/// The message without which libraries do not count attributes.
pub(super) fn attribute_info_message() -> Message {
    let mut body = Vec::new();
    attribute_info::AttributeInfo::emit_compact(&mut body);
    message(kind::ATTRIBUTE_INFO, attribute_info::FLAGS, body)
}

/// The message of a scalar double.
pub(super) fn f64_message(name: &str, value: f64) -> Result<Message> {
    let mut body = Vec::new();
    attribute::emit(name, &Dtype::F64, &Dataspace::fixed([].into()), &value.to_le_bytes(), &mut body)?;
    Ok(message(kind::ATTRIBUTE, 0, body))
}

/// Puts messages into a header's area.
pub(super) fn area<'a>(messages: impl IntoIterator<Item = &'a Message>) -> Result<MessageArea> {
    let mut area = MessageArea::new();
    for m in messages {
        area.push(m.kind, m.flags, |out| {
            out.extend_from_slice(&m.body);
            Ok(())
        })?;
    }
    Ok(area)
}
