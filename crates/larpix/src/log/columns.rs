//! The log's datasets and attributes in HDF5: `/msgs`, `/msg_headers`, `/meta`.
//!
//! Facts: larpix-control 3.7.0 `rawhdf5format`. The field of the headers is `io_groups`; its documentation writes
//! `io_group`.

use hyperslab_core::dtype::{Int, Struct, VlenType};
use hyperslab_core::{Dtype, Error, Result};
use hyperslab_hdf5::append::{AttributeValue, ColumnSpec, GroupSpec, Names, Schema};
use std::sync::Arc;

/// The messages' column.
pub(super) const MSGS: usize = 0;
/// The headers' column.
pub(super) const HEADERS: usize = 1;
/// The members of the root group.
pub(super) const NAMES: Names<'static> =
    Names { columns: &["msgs", "msg_headers"], group: Some(("meta", Some("modified"))) };

const IO_GROUPS: &str = "io_groups";

/// A new log's datasets.
pub(super) fn schema(version: &str, io_version: Option<&str>, created: f64, chunk_rows: u64) -> Schema {
    let messages = Dtype::Vlen(Arc::new(VlenType { base: Dtype::U8, size: 16 }));
    let headers = Dtype::Struct(Arc::new(Struct::packed([(IO_GROUPS.to_owned(), Dtype::U8)])));
    // larpix-control's level is 4. See `ColumnSpec::deflate` for why it must be 0 where a chunk may not shrink:
    // references always do, unless there are only a few.
    let level = if chunk_rows < 64 { 0 } else { 4 };
    let column =
        |name: &str, dtype, level| ColumnSpec { name: name.into(), dtype, chunk_rows, deflate: Some(level) };
    let mut attributes = vec![
        ("version".into(), AttributeValue::Text(version.into())),
        ("created".into(), AttributeValue::F64(created)),
        ("modified".into(), AttributeValue::F64(created)),
    ];
    attributes.extend(io_version.map(|v| ("io_version".into(), AttributeValue::Text(v.into()))));
    Schema {
        columns: vec![column("msgs", messages, level), column("msg_headers", headers, 0)],
        group: Some(GroupSpec { name: "meta".into(), attributes, touched: Some("modified".into()) }),
    }
}

/// Where a header row holds its group, once the datasets are known to be a log's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HeaderRow {
    /// Bytes of a row.
    pub(super) width: usize,
    /// Offset of the group in it.
    pub(super) io_group: usize,
}

impl HeaderRow {
    /// The groups of stored header rows.
    #[inline]
    pub(super) fn io_groups(self, headers: &[u8]) -> impl ExactSizeIterator<Item = u8> {
        headers.chunks_exact(self.width.max(1)).map(move |h| h.get(self.io_group).copied().unwrap_or(0))
    }

    /// Checks the types of the two columns. Later versions may have more header fields.
    ///
    /// # Errors
    /// `Unsupported`, naming the dataset.
    pub(super) fn of<'a>(columns: impl IntoIterator<Item = (&'a str, &'a Dtype)>) -> Result<HeaderRow> {
        let mut columns = columns.into_iter();
        match columns.next() {
            Some((_, Dtype::Vlen(v))) if v.base == Dtype::U8 => {}
            other => return Err(wrong("/msgs", other.map(|(_, d)| d), "sequences of bytes")),
        }
        let want = "structs with a one-byte field \"io_groups\"";
        let headers = columns.next().map(|(_, d)| d);
        let Some(dtype @ Dtype::Struct(s)) = headers else {
            return Err(wrong("/msg_headers", headers, want));
        };
        let field = s.fields.iter().find(|f| f.name == IO_GROUPS);
        let good = field.filter(|f| matches!(&f.dtype, Dtype::Int(Int { size: 1, signed: false, .. })));
        let place = good.and_then(|f| {
            Some(HeaderRow { width: s.itemsize.try_into().ok()?, io_group: f.offset.try_into().ok()? })
        });
        place.filter(|p| p.io_group < p.width).ok_or_else(|| wrong("/msg_headers", Some(dtype), want))
    }
}

fn wrong(path: &str, found: Option<&Dtype>, want: &str) -> Error {
    let found = found.map_or_else(|| "nothing".into(), Dtype::to_string);
    Error::unsupported(format!("{found} where a message log has {want}")).object(path)
}
