//! Rows made of PACMAN messages, byte for byte as larpix-control stores them.
//!
//! Facts: larpix-control 3.7.0 `pacman_msg_format.parse` and the encoding of its 2.3 and 2.4 tables, which fills the
//! fields of every packet type, whichever a packet has.

use super::format::{Field, RowForm, TableFormat};
use super::{SYNC, TIMESTAMP, TRIGGER};
use crate::packet::{Asic, PacketV2, PacketV3};
use crate::pacman::{Check, Message, MessageType, WORD_BYTES, Word};
use hyperslab_core::{Error, Result, Shape, View};

/// Rows one after another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PacketRows {
    bytes: Vec<u8>,
    form: RowForm,
    skipped: u64,
    miscounted: u64,
}

impl PacketRows {
    /// No rows, of format 2.4 and of version 2 packets.
    pub fn new() -> PacketRows {
        PacketRows::default()
    }

    /// No rows, of a form.
    pub fn of(form: RowForm) -> PacketRows {
        PacketRows { form, ..PacketRows::default() }
    }

    /// Number of rows.
    pub fn len(&self) -> u64 {
        (self.bytes.len() / self.form.format().row_bytes()) as u64
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
        let fields = self.form.format().fields();
        self.bytes.chunks_exact(self.form.format().row_bytes()).map(move |bytes| Row { bytes, fields })
    }

    /// The bytes of each row.
    pub fn raw_rows(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.bytes.chunks_exact(self.form.format().row_bytes())
    }

    /// Forgets the rows and what was counted, and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.skipped = 0;
        self.miscounted = 0;
    }

    /// Words that lenient decoding left out: unknown types, torn words.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Messages whose header counts another number of words than follow, which lenient decoding overlooks.
    pub fn miscounted(&self) -> u64 {
        self.miscounted
    }

    /// The rows as an array of structs.
    ///
    /// # Errors
    /// Never for rows made here: they are whole.
    pub fn view(&self) -> Result<View<'_>> {
        View::new(self.form.format().dtype(), Shape::from([self.len()]), self.bytes())
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
        match (self.form.format(), self.form.asic()) {
            (TableFormat::V2_4, _) => self.fill(io_group, message, check, Values::v2, Values::put_2_4),
            (TableFormat::V3_0, Asic::V2) => self.fill(io_group, message, check, Values::v2, Values::put_3_0),
            (TableFormat::V3_0, Asic::V3) => self.fill(io_group, message, check, Values::v3, Values::put_3_0),
        }
    }

    #[inline(always)]
    fn fill<const N: usize>(
        &mut self,
        io_group: u8,
        message: &[u8],
        check: Check,
        decode: impl Fn(u64) -> Values,
        put: impl Fn(Values, &mut [u8; N]),
    ) -> Result<u64> {
        let message = Message::parse(message, check)?;
        let (words, torn) = message.body().as_chunks::<WORD_BYTES>();
        let start = self.bytes.len();
        self.bytes.resize(start + (words.len() + 1) * N, 0);
        let (rows, _) = self.bytes.get_mut(start..).unwrap_or_default().as_chunks_mut::<N>();
        let all = rows.len();
        let mut rows = rows.iter_mut();
        if let Some(row) = rows.next() {
            put(Values::special(io_group, TIMESTAMP, message.header.seconds, 0, 0), row);
        }
        let group = u64::from(io_group);
        let mut skipped = u64::from(!torn.is_empty());
        let mut wrong = None;
        for (i, word) in words.iter().enumerate() {
            let [code, io_channel, a, b, c, d, _, _, packet @ ..] = *word;
            let values = if code == b'D' {
                let receipt = match message.header.kind {
                    MessageType::Data => u32::from_le_bytes([a, b, c, d]),
                    MessageType::Request | MessageType::Reply => 0,
                };
                let mut values = decode(u64::from_le_bytes(packet));
                values.head |= group | u64::from(io_channel) << 8;
                values.receipt = receipt;
                values
            } else {
                match Word::parse(message.header.kind, word) {
                    Ok(Word::Sync { kind, clock_source, timestamp }) => {
                        Values::special(io_group, SYNC, timestamp, clock_source & 1, kind)
                    }
                    Ok(Word::Trigger { bits, timestamp }) => {
                        Values::special(io_group, TRIGGER, timestamp, 0, bits)
                    }
                    Ok(_) => continue,
                    Err(_) if check == Check::Lenient => {
                        skipped += 1;
                        continue;
                    }
                    Err(_) => {
                        wrong = Some(i);
                        break;
                    }
                }
            };
            if let Some(row) = rows.next() {
                put(values, row);
            }
        }
        let made = all - rows.len();
        if let Some(i) = wrong {
            self.bytes.truncate(start);
            // The same word again, for its error.
            return Err(match message.words().nth(i) {
                Some(Err(e)) => e,
                _ => Error::invalid(format!("word {i} cannot be parsed")),
            });
        }
        self.bytes.truncate(start + made * N);
        self.skipped += skipped;
        self.miscounted += u64::from(!message.is_counted());
        Ok(made as u64)
    }
}

/// The fields of a row that are not always 0.
#[derive(Clone, Copy)]
struct Values {
    /// The first eight bytes: io_group, io_channel, chip_id, packet_type, downstream_marker, parity, valid_parity,
    /// channel_id.
    head: u64,
    timestamp: u32,
    dataword: u16,
    /// Trigger type, both queues, register and its value: a byte each from the lowest on.
    middle: u64,
    first_packet: u8,
    receipt: u32,
    reset_sample: u8,
    cds: u8,
}

impl Values {
    /// A row that is no packet: a time, a sync, a trigger.
    fn special(io_group: u8, kind: u8, timestamp: u32, dataword: u8, trigger_type: u8) -> Values {
        Values {
            head: u64::from(io_group) | u64::from(kind) << 24,
            timestamp,
            dataword: dataword.into(),
            middle: trigger_type.into(),
            first_packet: 0,
            receipt: 0,
            reset_sample: 0,
            cds: 0,
        }
    }

    /// What both versions have at the same place.
    #[inline(always)]
    fn common(p: u64) -> (u64, u64) {
        let bits = |low: u32, width: u32| (p >> low) & ((1 << width) - 1);
        let head = bits(2, 8) << 16
            | bits(0, 2) << 24
            | bits(62, 1) << 32
            | bits(63, 1) << 40
            | u64::from(p.count_ones() & 1) << 48
            | bits(10, 6) << 56;
        let middle =
            bits(56, 2) | bits(58, 2) << 8 | bits(60, 2) << 16 | bits(10, 8) << 24 | bits(18, 8) << 32;
        (head, middle)
    }

    #[inline(always)]
    fn v2(p: u64) -> Values {
        let (head, middle) = Values::common(p);
        let p = PacketV2(p);
        Values {
            head,
            timestamp: p.timestamp(),
            dataword: p.dataword().into(),
            middle,
            first_packet: p.first_packet(),
            receipt: 0,
            reset_sample: 0,
            cds: 0,
        }
    }

    #[inline(always)]
    fn v3(p: u64) -> Values {
        let (head, middle) = Values::common(p);
        let p = PacketV3(p);
        Values {
            head,
            timestamp: p.timestamp(),
            dataword: p.dataword(),
            middle,
            first_packet: 0,
            receipt: 0,
            reset_sample: p.reset_sample_flag(),
            cds: p.cds_flag(),
        }
    }

    #[inline(always)]
    fn put_2_4(self, row: &mut [u8; 36]) {
        row[..8].copy_from_slice(&self.head.to_le_bytes());
        row[8..16].copy_from_slice(&u64::from(self.timestamp).to_le_bytes());
        // A version 2 value has one byte.
        row[16..24].copy_from_slice(&(u64::from(self.dataword & 0xFF) | self.middle << 8).to_le_bytes());
        row[24..32].copy_from_slice(&(u64::from(self.first_packet) << 56).to_le_bytes());
        row[32..].copy_from_slice(&self.receipt.to_le_bytes());
    }

    #[inline(always)]
    fn put_3_0(self, row: &mut [u8; 39]) {
        row[..8].copy_from_slice(&self.head.to_le_bytes());
        row[8..16].copy_from_slice(&u64::from(self.timestamp).to_le_bytes());
        row[16..18].copy_from_slice(&self.dataword.to_le_bytes());
        row[18..26].copy_from_slice(&self.middle.to_le_bytes());
        row[26..33].copy_from_slice(&[0, 0, 0, 0, 0, 0, self.first_packet]);
        row[33..37].copy_from_slice(&self.receipt.to_le_bytes());
        row[37] = self.reset_sample;
        row[38] = self.cds;
    }
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    bytes: &'a [u8],
    fields: &'static [Field],
}

impl Row<'_> {
    /// The value of a field.
    ///
    /// # Errors
    /// `Usage` for a name that is not a field.
    pub fn get(&self, field: &str) -> Result<u64> {
        let (_, at, size) = self
            .fields
            .iter()
            .find(|(name, ..)| *name == field)
            .ok_or_else(|| Error::usage(format!("packet rows have no field {field:?}")))?;
        let bytes = self.bytes.get(*at..*at + usize::from(*size)).unwrap_or_default();
        Ok(bytes.iter().rev().fold(0, |v, &b| v << 8 | u64::from(b)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::PacketV3;
    use crate::packets::FIELDS;
    use crate::pacman::{MessageType, Word, format};
    use hyperslab_core::Dtype;
    use hyperslab_core::dtype::Struct;

    #[test]
    fn dtypes_are_packed() {
        for (format, bytes) in [(TableFormat::V2_4, 36), (TableFormat::V3_0, 39)] {
            let Dtype::Struct(s) = format.dtype() else { panic!("not a struct") };
            s.check().unwrap();
            assert_eq!((s.itemsize, format.row_bytes()), (bytes, bytes as usize));
            assert_eq!(*s, Struct::packed(s.fields.iter().map(|f| (f.name.clone(), f.dtype.clone()))));
        }
    }

    /// The same words in every form: each field that both have is the same, and those of version 3 are its own.
    #[test]
    fn forms_differ_where_their_packets_do() {
        let v3 = PacketV3(0)
            .with_packet_type(1)
            .with_chip_id(7)
            .with_channel_id(60)
            .with_timestamp(0x0ABC_DEF0)
            .with_reset_sample_flag(1)
            .with_cds_flag(1)
            .with_dataword(0x3A5)
            .with_trigger_type(2)
            .with_local_fifo(1)
            .with_shared_fifo(2)
            .with_downstream_marker(1)
            .with_valid_parity();
        let mut m = Vec::new();
        let words = [
            Word::Data { io_channel: 9, receipt_timestamp: 0xFEDC_BA98, packet: v3.to_bytes() },
            Word::Sync { kind: b'S', clock_source: 1, timestamp: 5 },
        ];
        format(&mut m, MessageType::Data, 3, &words).unwrap();
        let rows = |format, asic| {
            let mut rows = PacketRows::of(RowForm::new(format, asic).unwrap());
            rows.push(4, &m, Check::Strict).unwrap();
            rows
        };
        let old = rows(TableFormat::V2_4, Asic::V2);
        let new = rows(TableFormat::V3_0, Asic::V2);
        for (a, b) in old.rows().zip(new.rows()) {
            for (name, ..) in FIELDS {
                assert_eq!(a.get(name).unwrap(), b.get(name).unwrap(), "{name}");
            }
        }
        let rows = rows(TableFormat::V3_0, Asic::V3);
        let row = rows.rows().nth(1).unwrap();
        let want = [
            ("io_group", 4),
            ("io_channel", 9),
            ("chip_id", 7),
            ("packet_type", 1),
            ("downstream_marker", 1),
            ("valid_parity", 1),
            ("channel_id", 60),
            ("timestamp", 0x0ABC_DEF0),
            ("dataword", 0x3A5),
            ("trigger_type", 2),
            ("local_fifo", 1),
            ("shared_fifo", 2),
            ("register_address", u64::from(v3.register_address())),
            ("register_data", u64::from(v3.register_data())),
            ("first_packet", 0),
            ("receipt_timestamp", 0xFEDC_BA98),
            ("reset_sample_flag", 1),
            ("cds_flag", 1),
            ("counter", 0),
            ("shared_fifo_events", 0),
        ];
        for (name, value) in want {
            assert_eq!(row.get(name).unwrap(), value, "{name}");
        }
        let sync = rows.rows().nth(2).unwrap();
        assert_eq!((sync.get("dataword").unwrap(), sync.get("trigger_type").unwrap()), (1, 83));
        assert!(RowForm::new(TableFormat::V2_4, Asic::V3).is_err());
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
        assert_eq!((rows.skipped(), rows.miscounted()), (1, 0));
        m.truncate(8 + 16 + 5);
        assert_eq!(rows.push(1, &m, Check::Lenient).unwrap(), 2);
        assert_eq!((rows.skipped(), rows.miscounted()), (2, 1));
        assert_eq!(rows.len(), 5);
    }
}
