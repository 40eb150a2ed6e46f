use super::*;
use crate::packet::{Asic, PacketV3};
use hyperslab_core::Kind;

const ALL: [(MessageType, Word); 12] = [
    (MessageType::Data, Word::Data { io_channel: 17, receipt_timestamp: 0x0102_0304, packet: *b"12345678" }),
    (MessageType::Data, Word::Trigger { bits: 0xCC, timestamp: 0xA0B0_C0D0 }),
    (MessageType::Data, Word::Sync { kind: b'S', clock_source: 1, timestamp: 10_000_000 }),
    (MessageType::Request, Word::Ping),
    (MessageType::Reply, Word::Pong),
    (MessageType::Request, Word::Write { address: 0x1010, value: 7 }),
    (MessageType::Reply, Word::Write { address: 0x1010, value: 7 }),
    (MessageType::Request, Word::Read { address: 1, value: 0 }),
    (MessageType::Reply, Word::Read { address: 1, value: u32::MAX }),
    (MessageType::Request, Word::Tx { io_channel: 2, packet: [0xFF; 8] }),
    (MessageType::Reply, Word::Tx { io_channel: 2, packet: [1; 8] }),
    (MessageType::Reply, Word::Error { code: 3, description: *b"timed out\0\0\0\0\0" }),
];

#[test]
fn packets_are_shown_as_their_version_has_them() {
    let packet = PacketV3(0).with_packet_type(1).with_chip_id(7).with_dataword(512).to_bytes();
    let word = Word::Data { io_channel: 3, receipt_timestamp: 9, packet };
    let text = word.display(Asic::V3).to_string();
    assert!(text.starts_with("DATA io_channel=3 receipt_timestamp=9 data chip=7 "), "{text}");
    assert!(text.contains(" adc=512 "), "{text}");
    assert_eq!(word.display(Asic::V2).to_string(), word.to_string());
}

#[test]
fn every_word_comes_back() {
    for (kind, word) in ALL {
        let mut bytes = Vec::new();
        format(&mut bytes, kind, 1_700_000_000, &[word, word]).unwrap();
        assert_eq!(bytes.len(), 8 + 32);
        let message = Message::parse(&bytes, Check::Strict).unwrap();
        assert_eq!(message.header, Header { kind, seconds: 1_700_000_000, words: 2 });
        let words: Vec<Word> = message.words().map(|w| w.unwrap()).collect();
        assert_eq!(words, [word, word]);
        assert!(word.to_string().starts_with(word.name()));
    }
}

#[test]
fn timestamps_lie_where_the_card_puts_them() {
    // A data message recorded at a detector: channel 0x11, receipt 0x005A69E2 at bytes 2 to 5 of its word.
    let bytes = hex("44433111640001004411e2695a0000005004bc5e5a8023c0");
    let message = Message::parse(&bytes, Check::Strict).unwrap();
    assert_eq!(message.header.seconds, 0x6411_3143);
    assert_eq!(
        message.words().next().unwrap().unwrap(),
        Word::Data {
            io_channel: 0x11,
            receipt_timestamp: 0x005A_69E2,
            packet: [0x50, 0x04, 0xBC, 0x5E, 0x5A, 0x80, 0x23, 0xC0]
        }
    );
}

#[test]
fn a_count_that_lies_is_an_error_only_when_strict() {
    let mut bytes = Vec::new();
    format(&mut bytes, MessageType::Data, 1, &[ALL[0].1]).unwrap();
    bytes[6] = 2;
    assert_eq!(Message::parse(&bytes, Check::Strict).unwrap_err().kind(), Kind::Invalid);
    assert_eq!(Message::parse(&bytes, Check::Lenient).unwrap().words().count(), 1);
}

#[test]
fn torn_and_unknown_words_are_named_by_their_byte() {
    let mut bytes = Vec::new();
    format(&mut bytes, MessageType::Data, 1, &[ALL[0].1, ALL[1].1, ALL[2].1]).unwrap();
    bytes[24] = b'P';
    bytes.truncate(8 + 40);
    let message = Message::parse(&bytes, Check::Lenient).unwrap();
    let words: Vec<_> = message.words().collect();
    assert_eq!(words.len(), 3);
    assert!(words[0].is_ok());
    assert_eq!(
        words[1].as_ref().unwrap_err().to_string(),
        "PACMAN word at byte 24: word type 0x50 is not one of a DATA message"
    );
    assert_eq!(
        words[2].as_ref().unwrap_err().to_string(),
        "PACMAN word at byte 40: 8 bytes are left for a word of 16"
    );
    assert!(Message::parse(b"X1234567", Check::Lenient).is_err());
    assert!(Message::parse(b"D123456", Check::Lenient).is_err());
}

#[test]
fn what_cannot_be_formatted_is_refused() {
    let mut out = vec![9];
    assert_eq!(format(&mut out, MessageType::Data, 0, &[Word::Ping]).unwrap_err().kind(), Kind::Usage);
    assert!(format(&mut out, MessageType::Data, 0, &vec![ALL[0].1; 65536]).is_err());
    assert_eq!(out, [9]);
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}
