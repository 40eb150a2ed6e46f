//! A row of any packet table in one form, filled by the names of the table's own fields.
//!
//! Facts: larpix-control 3.7.0 `hdf5format`, versions 0.0 to 2.4, and tables of its older releases, whose rows have
//! fewer fields; format 3.0.

use hyperslab_core::dtype::{ByteOrder, Int};
use hyperslab_core::{Dtype, Error, Result};

/// A packet, sync, trigger, time or text. What a table does not have is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the table")]
pub struct Packet {
    pub io_group: u8,
    pub io_channel: u8,
    pub chip_id: u8,
    /// 0 to 3 as in the packet; 4 a time, 5 a text, 6 a sync, 7 a trigger.
    pub packet_type: u8,
    pub downstream_marker: u8,
    pub parity: u8,
    pub valid_parity: u8,
    pub channel_id: u8,
    /// The chip's clock; of a time, Unix seconds.
    pub timestamp: u64,
    /// The ADC value; of a sync, the clock's source.
    pub dataword: u16,
    pub trigger_type: u8,
    /// Bit 0 half full, bit 1 full.
    pub local_fifo: u8,
    pub shared_fifo: u8,
    pub register_address: u8,
    pub register_data: u8,
    pub direction: u8,
    pub local_fifo_events: u8,
    pub shared_fifo_events: u16,
    /// The counter of a test packet; the number of a text.
    pub counter: u32,
    pub fifo_diagnostics_enabled: u8,
    pub first_packet: u8,
    pub receipt_timestamp: u32,
    pub reset_sample_flag: u8,
    pub cds_flag: u8,
}

/// A value put into its field; the error of one that does not fit.
type Put = fn(&mut Packet, u64) -> std::result::Result<(), std::num::TryFromIntError>;

/// The fields that tables have, under all names that they have had.
#[rustfmt::skip]
const NAMES: [(&str, Put); 33] = [
    ("io_group", |p, v| { p.io_group = v.try_into()?; Ok(()) }),
    ("io_channel", |p, v| { p.io_channel = v.try_into()?; Ok(()) }),
    ("chip_id", |p, v| { p.chip_id = v.try_into()?; Ok(()) }),
    ("chipid", |p, v| { p.chip_id = v.try_into()?; Ok(()) }),
    ("packet_type", |p, v| { p.packet_type = v.try_into()?; Ok(()) }),
    ("type", |p, v| { p.packet_type = v.try_into()?; Ok(()) }),
    ("downstream_marker", |p, v| { p.downstream_marker = v.try_into()?; Ok(()) }),
    ("parity", |p, v| { p.parity = v.try_into()?; Ok(()) }),
    ("valid_parity", |p, v| { p.valid_parity = v.try_into()?; Ok(()) }),
    ("channel_id", |p, v| { p.channel_id = v.try_into()?; Ok(()) }),
    ("channel", |p, v| { p.channel_id = v.try_into()?; Ok(()) }),
    ("timestamp", |p, v| { p.timestamp = v; Ok(()) }),
    ("dataword", |p, v| { p.dataword = v.try_into()?; Ok(()) }),
    ("adc_counts", |p, v| { p.dataword = v.try_into()?; Ok(()) }),
    ("trigger_type", |p, v| { p.trigger_type = v.try_into()?; Ok(()) }),
    ("local_fifo", |p, v| { p.local_fifo = v.try_into()?; Ok(()) }),
    // Version 1 packets have one queue and a flag for each state.
    ("fifo_half", |p, v| { p.local_fifo |= u8::from(v != 0); Ok(()) }),
    ("fifo_full", |p, v| { p.local_fifo |= u8::from(v != 0) << 1; Ok(()) }),
    ("shared_fifo", |p, v| { p.shared_fifo = v.try_into()?; Ok(()) }),
    ("register_address", |p, v| { p.register_address = v.try_into()?; Ok(()) }),
    ("register", |p, v| { p.register_address = v.try_into()?; Ok(()) }),
    ("register_data", |p, v| { p.register_data = v.try_into()?; Ok(()) }),
    ("value", |p, v| { p.register_data = v.try_into()?; Ok(()) }),
    ("direction", |p, v| { p.direction = v.try_into()?; Ok(()) }),
    ("local_fifo_events", |p, v| { p.local_fifo_events = v.try_into()?; Ok(()) }),
    ("shared_fifo_events", |p, v| { p.shared_fifo_events = v.try_into()?; Ok(()) }),
    ("counter", |p, v| { p.counter = v.try_into()?; Ok(()) }),
    ("fifo_diagnostics_enabled", |p, v| { p.fifo_diagnostics_enabled = v.try_into()?; Ok(()) }),
    ("first_packet", |p, v| { p.first_packet = v.try_into()?; Ok(()) }),
    ("receipt_timestamp", |p, v| { p.receipt_timestamp = v.try_into()?; Ok(()) }),
    ("reset_sample_flag", |p, v| { p.reset_sample_flag = v.try_into()?; Ok(()) }),
    ("cds_flag", |p, v| { p.cds_flag = v.try_into()?; Ok(()) }),
    // The key of a chip says where it is; tables that have it have no other fields for that.
    (CHIP_KEY, |_, _| Ok(())),
];
const CHIP_KEY: &str = "chip_key";

/// Types as the first tables wrote them.
const TYPES: [(&str, u8); 6] =
    [("data", 0), ("test", 1), ("config write", 2), ("config read", 3), ("timestamp", 4), ("message", 5)];

/// How the rows of a table are read.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    width: usize,
    columns: Vec<Column>,
}

#[derive(Clone, Debug)]
struct Column {
    name: &'static str,
    offset: usize,
    size: usize,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Number(ByteOrder, Put),
    /// The text of a type.
    Type,
    /// `io_group-io_channel-chip_id`, or nothing.
    Key,
}

impl Columns {
    /// The columns of a row type.
    ///
    /// # Errors
    /// `Unsupported` for a type that is no struct, a field of another kind than packets have, or a field that is not
    /// known: it might change what the others mean.
    pub(super) fn of(dtype: &Dtype) -> Result<Columns> {
        let wrong = |what: String| Error::unsupported(format!("{what} is not known in a packet table"));
        let Dtype::Struct(s) = dtype else { return Err(wrong(dtype.to_string())) };
        s.check()?;
        let place = |n: u64| usize::try_from(n).map_err(|_| Error::limit("rows of 4 GiB"));
        let columns = s.fields.iter().map(|f| {
            let field = || wrong(format!("field {:?} of type {}", f.name, f.dtype));
            let (name, put) = NAMES.into_iter().find(|(name, _)| *name == f.name).ok_or_else(field)?;
            let text = matches!(f.dtype, Dtype::Bytes(_) | Dtype::FixedString(_));
            let kind = match &f.dtype {
                _ if name == CHIP_KEY && text => Kind::Key,
                _ if name == "type" && text => Kind::Type,
                Dtype::Int(i @ Int { signed: false, order, size, .. }) if i.is_plain() && *size <= 8 => {
                    Kind::Number(*order, put)
                }
                _ => return Err(field()),
            };
            let (offset, size) = (place(f.offset)?, place(f.dtype.itemsize())?);
            Ok(Column { name, offset, size, kind })
        });
        Ok(Columns { width: place(s.itemsize)?, columns: columns.collect::<Result<_>>()? })
    }

    /// The rows in these bytes; the first one is row `first` of the table.
    ///
    /// # Errors
    /// `Invalid` for a value that its field cannot have.
    pub(super) fn rows(&self, bytes: &[u8], first: u64) -> Result<Vec<Packet>> {
        let rows = bytes.chunks_exact(self.width.max(1)).zip(first..);
        rows.map(|(row, i)| self.row(row).map_err(|e| e.object(format!("row {i}")))).collect()
    }

    fn row(&self, row: &[u8]) -> Result<Packet> {
        let mut packet = Packet::default();
        for c in &self.columns {
            let bytes = row.get(c.offset..c.offset.saturating_add(c.size)).unwrap_or_default();
            let refuse = |what: String| Error::invalid(format!("{}: {what}", c.name));
            match c.kind {
                Kind::Number(order, put) => {
                    let fold = |v: u64, b: &u8| v << 8 | u64::from(*b);
                    let value = match order {
                        ByteOrder::Little => bytes.iter().rev().fold(0, fold),
                        ByteOrder::Big => bytes.iter().fold(0, fold),
                    };
                    put(&mut packet, value).map_err(|_| refuse(format!("{value} is too much")))?;
                }
                Kind::Type => {
                    let text = trimmed(bytes);
                    let code = TYPES.iter().find(|(name, _)| name.as_bytes() == text);
                    let unknown = || refuse(format!("{:?} is no packet type", String::from_utf8_lossy(text)));
                    packet.packet_type = code.ok_or_else(unknown)?.1;
                }
                Kind::Key => {
                    let text = trimmed(bytes);
                    if !text.is_empty() {
                        let wrong = || {
                            let text = String::from_utf8_lossy(text).into_owned();
                            refuse(format!("{text:?} is not io_group-io_channel-chip_id"))
                        };
                        let [group, channel, chip] = key(text).ok_or_else(wrong)?;
                        (packet.io_group, packet.io_channel) = (group, channel);
                        // Written first: a table that has the chip's number too says the same.
                        packet.chip_id = chip;
                    }
                }
            }
        }
        Ok(packet)
    }
}

/// A text without the NULs or spaces that fill its field.
pub(super) fn trimmed(bytes: &[u8]) -> &[u8] {
    bytes.split(|&b| b == 0).next().unwrap_or_default().trim_ascii_end()
}

fn key(text: &[u8]) -> Option<[u8; 3]> {
    let mut parts = std::str::from_utf8(text).ok()?.split('-').map(|p| p.parse::<u8>().ok());
    let key = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packets::TableFormat;
    use hyperslab_core::dtype::Struct;
    use std::sync::Arc;

    #[test]
    fn every_field_that_is_written_is_known() {
        for format in [TableFormat::V2_4, TableFormat::V3_0] {
            let columns = Columns::of(&format.dtype()).unwrap();
            let ones = vec![1; format.row_bytes() * 2];
            let rows = columns.rows(&ones, 0).unwrap();
            assert_eq!((rows.len(), rows[1].receipt_timestamp), (2, 0x0101_0101));
            assert_eq!(rows[0].dataword, if format == TableFormat::V2_4 { 1 } else { 0x0101 });
        }
    }

    #[test]
    fn keys_and_types_of_the_first_tables() {
        let fields = [("chip_key", Dtype::Bytes(8)), ("type", Dtype::Bytes(12)), ("fifo_full", Dtype::U8)];
        let dtype = Struct::packed(fields.map(|(n, d)| (n.to_owned(), d)));
        let columns = Columns::of(&Dtype::Struct(Arc::new(dtype))).unwrap();
        let row = |key: &[u8; 8], kind: &[u8; 12]| columns.row(&[&key[..], kind, &[1]].concat());
        let p = row(b"1-2-250\0", b"config read\0").unwrap();
        assert_eq!((p.io_group, p.io_channel, p.chip_id, p.packet_type, p.local_fifo), (1, 2, 250, 3, 2));
        assert_eq!(row(&[0; 8], b"timestamp\0\0\0").unwrap().packet_type, 4);
        assert!(row(b"1-2-256\0", b"data\0\0\0\0\0\0\0\0").is_err());
        assert!(row(b"1-2-3-4\0", b"data\0\0\0\0\0\0\0\0").is_err());
        assert!(row(&[0; 8], b"something\0\0\0").is_err());
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for (name, dtype) in [("timestamp", Dtype::F64), ("surprise", Dtype::U8), ("chip_key", Dtype::F64)] {
            let dtype = Struct::packed([(name.to_owned(), dtype)]);
            assert!(Columns::of(&Dtype::Struct(Arc::new(dtype))).is_err(), "{name}");
        }
        let wide = Struct::packed([("io_group".to_owned(), Dtype::int(4, false, ByteOrder::Big))]);
        let columns = Columns::of(&Dtype::Struct(Arc::new(wide))).unwrap();
        assert_eq!(columns.row(&[0, 0, 0, 9]).unwrap().io_group, 9);
        assert!(columns.row(&[9, 0, 0, 0]).is_err());
    }
}
