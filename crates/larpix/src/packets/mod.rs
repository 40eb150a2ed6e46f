//! The packet table: one row per packet, as larpix-control stores them in `/packets` of its packet files.
//!
//! [`PacketRows`] makes rows of PACMAN messages, [`PacketTable`] reads the files, those of older versions too; what
//! makes a file of a whole log is [`crate::convert`]. Facts: larpix-control 3.7.0 `hdf5format`.

mod format;
mod packet;
mod rows;
mod table;

pub use format::{FIELDS, FIELDS_3_0, Field, ROW_BYTES, RowForm, TableFormat, configs_dtype, messages_dtype};
pub use packet::Packet;
pub use rows::{PacketRows, Row};
pub(crate) use table::double;
pub use table::{ConfigRow, PacketTable, TableInfo, TextRow};

/// `packet_type` of a row that holds a message's Unix time.
pub const TIMESTAMP: u8 = 4;
/// `packet_type` of a row that stands for a text of the run's log.
pub const MESSAGE: u8 = 5;
/// `packet_type` of a row made from a sync word.
pub const SYNC: u8 = 6;
/// `packet_type` of a row made from a trigger word.
pub const TRIGGER: u8 = 7;
