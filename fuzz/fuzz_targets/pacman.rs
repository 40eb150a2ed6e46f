//! PACMAN messages: what parses strictly is written back as it was, and rows come from every message that parses, the
//! same in every form of table.
#![no_main]

use hyperslab_larpix::packet::Asic;
use hyperslab_larpix::packets::{PacketRows, RowForm, TableFormat};
use hyperslab_larpix::pacman::{Check, Envelope, Message, WORD_BYTES, format};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let forms = [(TableFormat::V2_4, Asic::V2), (TableFormat::V3_0, Asic::V2), (TableFormat::V3_0, Asic::V3)];
    let made = forms.map(|(format, asic)| {
        let mut rows = PacketRows::of(RowForm::new(format, asic).unwrap());
        let lenient = rows.push(1, data, Check::Lenient).ok();
        assert!(rows.view().is_ok_and(|view| view.shape()[..] == [rows.len()]));
        assert_eq!(lenient.unwrap_or(0), rows.len());
        let mut strict = PacketRows::of(RowForm::new(format, asic).unwrap());
        if strict.push(1, data, Check::Strict).is_ok() {
            assert_eq!(strict, rows);
            assert_eq!((rows.skipped(), rows.miscounted()), (0, 0));
        } else {
            assert!(strict.is_empty());
        }
        let of = |name: &str| rows.rows().map(|r| r.get(name).unwrap()).collect::<Vec<_>>();
        (of("packet_type"), of("receipt_timestamp"), of("chip_id"), of("valid_parity"))
    });
    assert!(made[0] == made[1] && made[1] == made[2]);

    // The two formats of messages exclude each other.
    if let Ok(envelope) = Envelope::parse(data) {
        assert_eq!(24 + 24 * envelope.words().len(), data.len());
        assert!(Message::parse(data, Check::Lenient).is_err());
        return;
    }
    let Ok(message) = Message::parse(data, Check::Strict) else { return };
    assert_eq!(8 + message.len() * WORD_BYTES, data.len());
    let Ok(words) = message.words().collect::<Result<Vec<_>, _>>() else { return };
    let mut again = Vec::new();
    format(&mut again, message.header.kind, message.header.seconds, &words).unwrap();
    // Unused bytes are written as zero; everything that means something is the same.
    let second = Message::parse(&again, Check::Strict).unwrap();
    assert_eq!(second.header, message.header);
    assert_eq!(second.words().collect::<Result<Vec<_>, _>>().unwrap(), words);
});
