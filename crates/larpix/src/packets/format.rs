//! The formats of packet tables that are written: which fields a row has, and where.
//!
//! Facts: larpix-control 3.7.0 `hdf5format` (its 2.0 to 2.4 rows are the same 36 bytes, because the versions share one
//! list of fields), and format 3.0 of the releases after it.

use crate::packet::Asic;
use hyperslab_core::dtype::{ArrayType, ByteOrder, Struct};
use hyperslab_core::{Dtype, Error, Result};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Name, offset and size of a field; all are unsigned and little-endian.
pub type Field = (&'static str, usize, u8);

/// Bytes of one row of format 2.4.
pub const ROW_BYTES: usize = 36;

/// The fields of format 2.4, in order.
pub const FIELDS: [Field; 22] = [
    ("io_group", 0, 1),
    ("io_channel", 1, 1),
    ("chip_id", 2, 1),
    ("packet_type", 3, 1),
    ("downstream_marker", 4, 1),
    ("parity", 5, 1),
    ("valid_parity", 6, 1),
    ("channel_id", 7, 1),
    ("timestamp", 8, 8),
    ("dataword", 16, 1),
    ("trigger_type", 17, 1),
    ("local_fifo", 18, 1),
    ("shared_fifo", 19, 1),
    ("register_address", 20, 1),
    ("register_data", 21, 1),
    ("direction", 22, 1),
    ("local_fifo_events", 23, 1),
    ("shared_fifo_events", 24, 2),
    ("counter", 26, 4),
    ("fifo_diagnostics_enabled", 30, 1),
    ("first_packet", 31, 1),
    ("receipt_timestamp", 32, 4),
];

/// The fields of format 3.0, in order: a wider `dataword`, and two flags of version 3 packets.
pub const FIELDS_3_0: [Field; 24] = [
    ("io_group", 0, 1),
    ("io_channel", 1, 1),
    ("chip_id", 2, 1),
    ("packet_type", 3, 1),
    ("downstream_marker", 4, 1),
    ("parity", 5, 1),
    ("valid_parity", 6, 1),
    ("channel_id", 7, 1),
    ("timestamp", 8, 8),
    ("dataword", 16, 2),
    ("trigger_type", 18, 1),
    ("local_fifo", 19, 1),
    ("shared_fifo", 20, 1),
    ("register_address", 21, 1),
    ("register_data", 22, 1),
    ("direction", 23, 1),
    ("local_fifo_events", 24, 1),
    ("shared_fifo_events", 25, 2),
    ("counter", 27, 4),
    ("fifo_diagnostics_enabled", 31, 1),
    ("first_packet", 32, 1),
    ("receipt_timestamp", 33, 4),
    ("reset_sample_flag", 37, 1),
    ("cds_flag", 38, 1),
];

/// The version of a packet file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum TableFormat {
    /// 2.4: rows of 36 bytes, for packets of version 2.
    #[default]
    V2_4,
    /// 3.0: rows of 39 bytes, for packets of versions 2 and 3.
    V3_0,
}

impl TableFormat {
    /// As the file states it.
    pub const fn version(self) -> &'static str {
        match self {
            TableFormat::V2_4 => "2.4",
            TableFormat::V3_0 => "3.0",
        }
    }

    /// Bytes of one row.
    pub const fn row_bytes(self) -> usize {
        match self {
            TableFormat::V2_4 => ROW_BYTES,
            TableFormat::V3_0 => 39,
        }
    }

    /// The fields, in order.
    pub const fn fields(self) -> &'static [Field] {
        match self {
            TableFormat::V2_4 => &FIELDS,
            TableFormat::V3_0 => &FIELDS_3_0,
        }
    }

    /// The type of a row.
    pub fn dtype(self) -> Dtype {
        packed(self.fields().iter().map(|(name, _, size)| (*name, unsigned(*size))))
    }
}

impl fmt::Display for TableFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.version())
    }
}

impl FromStr for TableFormat {
    type Err = Error;
    fn from_str(text: &str) -> Result<TableFormat> {
        let known = [TableFormat::V2_4, TableFormat::V3_0].into_iter().find(|f| f.version() == text);
        known.ok_or_else(|| {
            Error::usage(format!("packet files of format {text:?} are not written, 2.4 and 3.0 are"))
        })
    }
}

/// A format and the packets that go into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct RowForm {
    format: TableFormat,
    asic: Asic,
}

impl RowForm {
    /// A format for the packets of an ASIC.
    ///
    /// # Errors
    /// `Usage` for packets of version 3 in format 2.4, whose `dataword` has too few bits for them.
    pub fn new(format: TableFormat, asic: Asic) -> Result<RowForm> {
        match (format, asic) {
            (TableFormat::V2_4, Asic::V3) => {
                Err(Error::usage("format 2.4 has no room for packets of version 3").hint("use format 3.0"))
            }
            _ => Ok(RowForm { format, asic }),
        }
    }

    /// The format.
    pub const fn format(self) -> TableFormat {
        self.format
    }

    /// The ASIC.
    pub const fn asic(self) -> Asic {
        self.asic
    }
}

/// The type of a row of `/messages`: a text of at most 64 bytes, a time, a number.
pub fn messages_dtype() -> Dtype {
    packed([("message", Dtype::Bytes(64)), ("timestamp", unsigned(8)), ("index", unsigned(4))])
}

/// The type of a row of `/configs`: a time, a chip, its registers.
///
/// # Errors
/// Never: the size of the registers is a constant.
pub fn configs_dtype() -> Result<Dtype> {
    let registers = Dtype::Array(Arc::new(ArrayType::new(Dtype::U8, [239].into())?));
    Ok(packed([
        ("timestamp", unsigned(8)),
        ("io_group", Dtype::U8),
        ("io_channel", Dtype::U8),
        ("chip_id", Dtype::U8),
        ("registers", registers),
    ]))
}

fn unsigned(size: u8) -> Dtype {
    Dtype::int(size, false, ByteOrder::Little)
}

fn packed(fields: impl IntoIterator<Item = (&'static str, Dtype)>) -> Dtype {
    Dtype::Struct(Arc::new(Struct::packed(fields.into_iter().map(|(name, dtype)| (name.to_owned(), dtype)))))
}
