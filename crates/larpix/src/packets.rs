//! The packet table in memory: one 36-byte row per packet, byte for byte as larpix-control stores them in
//! `/packets` of its packet files (versions 2.0 to 2.4).
//!
//! Not the HDF5 file around the table. Facts: larpix-control 3.7.0 `hdf5format` (its 2.0 to 2.4 rows are the same 36
//! bytes, because the versions share one list of fields) and `pacman_msg_format.parse`.

use crate::packet::PacketV2;
use crate::pacman::{Check, Message, Word};
use hyperslab_core::dtype::{ByteOrder, Field, Struct};
use hyperslab_core::{Dtype, Error, Result, Shape, View};
use std::sync::Arc;

/// Bytes of one row.
pub const ROW_BYTES: usize = 36;

/// `packet_type` of a row that holds a message's Unix time.
pub const TIMESTAMP: u8 = 4;
/// `packet_type` of a row made from a sync word.
pub const SYNC: u8 = 6;
/// `packet_type` of a row made from a trigger word.
pub const TRIGGER: u8 = 7;

/// Name, offset and size of every field, in order; all are unsigned and little-endian.
pub const FIELDS: [(&str, usize, u8); 22] = [
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

/// The type of a row.
pub fn dtype() -> Dtype {
    let fields = FIELDS.map(|(name, offset, size)| Field {
        name: name.into(),
        title: None,
        offset: offset as u64,
        dtype: Dtype::int(size, false, ByteOrder::Little),
    });
    Dtype::Struct(Arc::new(Struct { fields: fields.into(), itemsize: ROW_BYTES as u64 }))
}

/// Rows one after another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PacketRows {
    bytes: Vec<u8>,
    skipped: u64,
}

impl PacketRows {
    /// No rows.
    pub fn new() -> PacketRows {
        PacketRows::default()
    }

    /// Number of rows.
    pub fn len(&self) -> u64 {
        (self.bytes.len() / ROW_BYTES) as u64
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The rows' bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The rows one by one.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = Row<'_>> {
        self.bytes.chunks_exact(ROW_BYTES).map(Row)
    }

    /// Forgets the rows and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Words that lenient decoding left out: unknown types, torn words.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// The rows as an array of structs.
    ///
    /// # Errors
    /// Never for rows made here: they are whole.
    pub fn view(&self) -> Result<View<'_>> {
        View::new(dtype(), Shape::from([self.len()]), self.bytes())
    }

    /// Appends the rows of one PACMAN message: first a timestamp row with the header's seconds, then one row for
    /// each packet, sync and trigger. Other words (ping, registers, errors) give none. Returns how many rows.
    ///
    /// A packet fills the fields of every packet type, whichever it is, as versions 2.3 and 2.4 do. For a packet
    /// in a request or a reply, which has no receipt time, `receipt_timestamp` is 0.
    ///
    /// # Errors
    /// `Invalid` where the message is; with [`Check::Lenient`] only for its header, and words that cannot be
    /// parsed are counted in [`PacketRows::skipped`]. No row is left behind by an error.
    pub fn push(&mut self, io_group: u8, message: &[u8], check: Check) -> Result<u64> {
        let message = Message::parse(message, check)?;
        let start = self.bytes.len();
        self.bytes.reserve((message.len() + 1) * ROW_BYTES);
        let seconds = u64::from(message.header.seconds);
        self.bytes.extend_from_slice(&special(io_group, TIMESTAMP, seconds, 0, 0));
        for word in message.words() {
            let row = match word {
                Ok(Word::Data { io_channel, receipt_timestamp, packet }) => {
                    packet_row(io_group, io_channel, receipt_timestamp, PacketV2::from_bytes(packet))
                }
                Ok(Word::Tx { io_channel, packet }) => {
                    packet_row(io_group, io_channel, 0, PacketV2::from_bytes(packet))
                }
                Ok(Word::Sync { kind, clock_source, timestamp }) => {
                    special(io_group, SYNC, timestamp.into(), clock_source & 1, kind)
                }
                Ok(Word::Trigger { bits, timestamp }) => {
                    special(io_group, TRIGGER, timestamp.into(), 0, bits)
                }
                Ok(_) => continue,
                Err(_) if check == Check::Lenient => {
                    self.skipped += 1;
                    continue;
                }
                Err(e) => {
                    self.bytes.truncate(start);
                    return Err(e);
                }
            };
            self.bytes.extend_from_slice(&row);
        }
        Ok(((self.bytes.len() - start) / ROW_BYTES) as u64)
    }
}

/// A row that is no packet: a time, a sync, a trigger.
fn special(io_group: u8, kind: u8, timestamp: u64, dataword: u8, trigger_type: u8) -> [u8; ROW_BYTES] {
    let mut row = [0; ROW_BYTES];
    row[0] = io_group;
    row[3] = kind;
    row[8..16].copy_from_slice(&timestamp.to_le_bytes());
    row[16] = dataword;
    row[17] = trigger_type;
    row
}

fn packet_row(io_group: u8, io_channel: u8, receipt: u32, p: PacketV2) -> [u8; ROW_BYTES] {
    let mut row = [0; ROW_BYTES];
    row[..8].copy_from_slice(&[
        io_group,
        io_channel,
        p.chip_id(),
        p.packet_type(),
        p.downstream_marker(),
        p.parity(),
        u8::from(p.has_valid_parity()),
        p.channel_id(),
    ]);
    row[8..16].copy_from_slice(&u64::from(p.timestamp()).to_le_bytes());
    row[16..22].copy_from_slice(&[
        p.dataword(),
        p.trigger_type(),
        p.local_fifo(),
        p.shared_fifo(),
        p.register_address(),
        p.register_data(),
    ]);
    row[31] = p.first_packet();
    row[32..].copy_from_slice(&receipt.to_le_bytes());
    row
}

/// One row, by field name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row<'a>(&'a [u8]);

impl Row<'_> {
    /// The value of a field.
    ///
    /// # Errors
    /// `Usage` for a name that is not a field.
    pub fn get(&self, field: &str) -> Result<u64> {
        let (_, at, size) = FIELDS
            .iter()
            .find(|(name, ..)| *name == field)
            .ok_or_else(|| Error::usage(format!("packet rows have no field {field:?}")))?;
        let bytes = self.0.get(*at..*at + usize::from(*size)).unwrap_or_default();
        Ok(bytes.iter().rev().fold(0, |v, &b| v << 8 | u64::from(b)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pacman::{MessageType, format};

    #[test]
    fn the_dtype_is_packed() {
        let Dtype::Struct(s) = dtype() else { panic!("not a struct") };
        s.check().unwrap();
        assert_eq!(*s, Struct::packed(s.fields.iter().map(|f| (f.name.clone(), f.dtype.clone()))));
    }

    #[test]
    fn each_word_makes_its_row() {
        let mut m = Vec::new();
        let words = [
            Word::Sync { kind: b'S', clock_source: 3, timestamp: 7 },
            Word::Trigger { bits: 2, timestamp: 8 },
            Word::Data { io_channel: 9, receipt_timestamp: 10, packet: [0xFF; 8] },
        ];
        format(&mut m, MessageType::Data, 1_700_000_000, &words).unwrap();
        let mut rows = PacketRows::new();
        assert_eq!(rows.push(5, &m, Check::Strict).unwrap(), 4);
        let column = |f: &str| rows.rows().map(|r| r.get(f).unwrap()).collect::<Vec<_>>();
        assert_eq!(column("packet_type"), [4, 6, 7, 3]);
        assert_eq!(column("io_group"), [5; 4]);
        assert_eq!(column("io_channel"), [0, 0, 0, 9]);
        assert_eq!(column("timestamp"), [1_700_000_000, 7, 8, 0x7FFF_FFFF]);
        assert_eq!(column("dataword"), [0, 1, 0, 255]);
        assert_eq!(column("trigger_type"), [0, u64::from(b'S'), 2, 3]);
        assert_eq!(column("receipt_timestamp"), [0, 0, 0, 10]);
        assert_eq!(column("valid_parity"), [0, 0, 0, 0]);
        assert_eq!(rows.view().unwrap().shape()[..], [4]);
        assert!(rows.rows().next().unwrap().get("nothing").is_err());
    }

    #[test]
    fn requests_give_their_packets_and_nothing_else() {
        let mut m = Vec::new();
        let words = [
            Word::Ping,
            Word::Write { address: 1, value: 2 },
            Word::Tx { io_channel: 3, packet: PacketV2(0).with_chip_id(11).with_valid_parity().to_bytes() },
        ];
        format(&mut m, MessageType::Request, 1, &words).unwrap();
        let mut rows = PacketRows::new();
        assert_eq!(rows.push(1, &m, Check::Strict).unwrap(), 2);
        let last = rows.rows().last().unwrap();
        assert_eq!((last.get("chip_id").unwrap(), last.get("valid_parity").unwrap()), (11, 1));
    }

    #[test]
    fn an_error_leaves_no_row() {
        let mut m = Vec::new();
        format(&mut m, MessageType::Data, 1, &[Word::Trigger { bits: 0, timestamp: 0 }; 3]).unwrap();
        m[8 + 16] = b'?';
        let mut rows = PacketRows::new();
        assert!(rows.push(1, &m, Check::Strict).is_err());
        assert!(rows.is_empty());
        assert_eq!(rows.push(1, &m, Check::Lenient).unwrap(), 3);
        assert_eq!(rows.skipped(), 1);
    }
}
