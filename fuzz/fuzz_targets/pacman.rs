//! PACMAN messages: what parses strictly is written back as it was, and rows come from every message that parses.
#![no_main]

use hyperslab_larpix::packets::PacketRows;
use hyperslab_larpix::pacman::{Check, Message, WORD_BYTES, format};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut rows = PacketRows::new();
    let _ = rows.push(1, data, Check::Lenient);
    assert!(rows.view().is_ok_and(|view| view.shape()[..] == [rows.len()]));

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
