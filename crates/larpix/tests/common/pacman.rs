//! PACMAN messages that follow from their number, and logs of them.

#![allow(dead_code, reason = "each test file uses its part")]

use hyperslab_larpix::log::{LogOptions, LogWriter};
use hyperslab_larpix::packet::PacketV2;
use hyperslab_larpix::pacman::{MessageType, Word, format};
use std::path::Path;

/// A log of these messages.
pub(crate) fn log(path: &Path, messages: &[(u8, Vec<u8>)]) {
    let mut log = LogWriter::create(path, &LogOptions::default()).unwrap();
    log.append_all(messages.iter().map(|(g, m)| (*g, m.as_slice()))).unwrap();
    log.close().unwrap();
}

/// A message with words of every type that its type has, and packets of every type.
pub(crate) fn message(i: u64) -> (u8, Vec<u8>) {
    let mix = |k: u64| (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ k).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    let kind =
        [MessageType::Data, MessageType::Data, MessageType::Request, MessageType::Reply][i as usize % 4];
    let words: Vec<Word> = (0..i % 23)
        .map(|k| {
            let r = mix(k);
            let packet = PacketV2(mix(k + 100));
            let packet = if r & 8 == 0 { packet.with_valid_parity() } else { packet }.to_bytes();
            let (low, channel) = (r as u32, (r >> 32) as u8);
            match (kind, r % 5) {
                (MessageType::Data, 3) => Word::Trigger { bits: channel, timestamp: low },
                (MessageType::Data, 4) => Word::Sync { kind: b'S', clock_source: channel, timestamp: low },
                (MessageType::Data, _) => Word::Data { io_channel: channel, receipt_timestamp: low, packet },
                (_, 0) => Word::Write { address: low, value: 1 },
                (_, 1) => Word::Read { address: 1, value: low },
                (MessageType::Request, _) => Word::Ping,
                (MessageType::Reply, 2) => Word::Error { code: channel, description: *b"fourteen bytes" },
                (MessageType::Reply, _) => Word::Pong,
            }
        })
        .collect();
    let mut bytes = Vec::new();
    format(&mut bytes, kind, 1_700_000_000 + i as u32, &words).unwrap();
    (i as u8, bytes)
}
