//! PACMAN messages, decoded: a line of header and a line a word, or one JSON object.

use super::hex;
use hyperslab::larpix::packet::{Asic, PacketV2, PacketV3};
use hyperslab::larpix::pacman::{Check, Message, Word};
use serde_json::{Value as Json, json as object};
use std::io::{self, Write};

/// Writes a message as text; whether all of it could be decoded.
pub(crate) fn text(
    out: &mut dyn Write,
    index: u64,
    io_group: u8,
    bytes: &[u8],
    asic: Asic,
) -> io::Result<bool> {
    let head = format!("{index}  io_group={io_group}");
    let message =
        match Message::parse(bytes, Check::Strict).or_else(|_| Message::parse(bytes, Check::Lenient)) {
            Ok(m) => m,
            Err(e) => {
                writeln!(out, "{head}  {e}")?;
                return Ok(false);
            }
        };
    let h = message.header;
    writeln!(out, "{head}  {} seconds={} words={}", h.kind, h.seconds, h.words)?;
    // A count that lies is said, and the words that are there are shown.
    let mut sound = true;
    if let Err(e) = Message::parse(bytes, Check::Strict) {
        writeln!(out, "    {e}")?;
        sound = false;
    }
    for word in message.words() {
        match word {
            Ok(word) => writeln!(out, "    {}", word.display(asic))?,
            Err(e) => {
                writeln!(out, "    {e}")?;
                sound = false;
            }
        }
    }
    Ok(sound)
}

/// Writes a message as one JSON line; whether all of it could be decoded.
pub(crate) fn json(
    out: &mut dyn Write,
    index: u64,
    io_group: u8,
    bytes: &[u8],
    asic: Asic,
) -> io::Result<bool> {
    let mut line = object!({ "index": index, "io_group": io_group });
    let mut sound = true;
    match Message::parse(bytes, Check::Lenient) {
        Err(e) => {
            line["error"] = e.to_string().into();
            sound = false;
        }
        Ok(message) => {
            line["type"] = message.header.kind.to_string().into();
            line["seconds"] = message.header.seconds.into();
            let words = message.words().map(|w| {
                w.map(|w| word(&w, asic)).unwrap_or_else(|e| {
                    sound = false;
                    object!({ "error": e.to_string() })
                })
            });
            line["words"] = words.collect();
            if let Err(e) = Message::parse(bytes, Check::Strict) {
                line["error"] = e.to_string().into();
                sound = false;
            }
        }
    }
    writeln!(out, "{line}")?;
    Ok(sound)
}

fn word(word: &Word, asic: Asic) -> Json {
    let mut o = object!({ "word": word.name() });
    match word {
        Word::Data { io_channel, receipt_timestamp, packet } => {
            o["io_channel"] = (*io_channel).into();
            o["receipt_timestamp"] = (*receipt_timestamp).into();
            o["packet"] = self::packet(*packet, asic);
        }
        Word::Tx { io_channel, packet } => {
            o["io_channel"] = (*io_channel).into();
            o["packet"] = self::packet(*packet, asic);
        }
        Word::Trigger { bits, timestamp } => {
            o["bits"] = (*bits).into();
            o["timestamp"] = (*timestamp).into();
        }
        Word::Sync { kind, clock_source, timestamp } => {
            o["type"] = (*kind).into();
            o["clk_source"] = (clock_source & 1).into();
            o["timestamp"] = (*timestamp).into();
        }
        Word::Write { address, value } | Word::Read { address, value } => {
            o["address"] = (*address).into();
            o["value"] = (*value).into();
        }
        Word::Error { code, description } => {
            let text = description.split(|&b| b == 0).next().unwrap_or_default();
            o["code"] = (*code).into();
            o["description"] = String::from_utf8_lossy(text).into();
        }
        Word::Ping | Word::Pong => {}
    }
    o
}

/// Every field of a packet: which of them are meant depends on its type.
fn packet(bytes: [u8; 8], asic: Asic) -> Json {
    match asic {
        Asic::V2 => packet_v2(bytes),
        Asic::V3 => packet_v3(bytes),
    }
}

fn packet_v3(bytes: [u8; 8]) -> Json {
    let p = PacketV3::from_bytes(bytes);
    object!({
        "hex": hex::digits(&bytes),
        "packet_type": p.packet_type(),
        "chip_id": p.chip_id(),
        "channel_id": p.channel_id(),
        "timestamp": p.timestamp(),
        "reset_sample_flag": p.reset_sample_flag(),
        "cds_flag": p.cds_flag(),
        "dataword": p.dataword(),
        "trigger_type": p.trigger_type(),
        "local_fifo": p.local_fifo(),
        "shared_fifo": p.shared_fifo(),
        "downstream_marker": p.downstream_marker(),
        "parity": p.parity(),
        "valid_parity": u8::from(p.has_valid_parity()),
        "register_address": p.register_address(),
        "register_data": p.register_data(),
        "magic_word": p.magic_word(),
    })
}

fn packet_v2(bytes: [u8; 8]) -> Json {
    let p = PacketV2::from_bytes(bytes);
    object!({
        "hex": hex::digits(&bytes),
        "packet_type": p.packet_type(),
        "chip_id": p.chip_id(),
        "channel_id": p.channel_id(),
        "timestamp": p.timestamp(),
        "first_packet": p.first_packet(),
        "dataword": p.dataword(),
        "trigger_type": p.trigger_type(),
        "local_fifo": p.local_fifo(),
        "shared_fifo": p.shared_fifo(),
        "downstream_marker": p.downstream_marker(),
        "parity": p.parity(),
        "valid_parity": u8::from(p.has_valid_parity()),
        "register_address": p.register_address(),
        "register_data": p.register_data(),
    })
}
