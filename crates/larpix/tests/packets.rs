//! Packet rows against larpix-control: its golden tables, its packet files, and the package itself.

#![expect(clippy::unwrap_used, reason = "a panic is the failure report")]

use hyperslab_core::testing;
use hyperslab_larpix::packets::{self, PacketRows, ROW_BYTES};
use hyperslab_larpix::pacman::Check;
use serde_json::Value as Json;
use std::path::Path;

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

fn json(path: &Path) -> Json {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn random300(folder: &Path) -> Vec<(u8, Vec<u8>)> {
    let all = json(&folder.join("random300.json"));
    let one = |m: &Json| (m["io_group"].as_u64().unwrap() as u8, hex(m["msg"].as_str().unwrap()));
    all.as_array().unwrap().iter().map(one).collect()
}

fn real20(folder: &Path) -> Vec<(u8, Vec<u8>)> {
    let all = json(&folder.join("real20.json"));
    let groups = all["io_groups"].as_array().unwrap().iter().map(|g| g.as_u64().unwrap() as u8);
    groups.zip(all["msgs"].as_array().unwrap().iter().map(|m| hex(m.as_str().unwrap()))).collect()
}

fn rows(messages: &[(u8, Vec<u8>)]) -> PacketRows {
    let mut rows = PacketRows::new();
    for (io_group, message) in messages {
        rows.push(*io_group, message, Check::Strict).unwrap();
    }
    rows
}

#[test]
fn random_words_give_the_golden_table() {
    let Some(corpus) = testing::corpus() else { return };
    let folder = corpus.join("larpix");
    let rows = rows(&random300(&folder));
    let golden = std::fs::read_to_string(folder.join("random300_packets.csv")).unwrap();
    let mut lines = golden.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    assert_eq!(names, packets::FIELDS.map(|(name, ..)| name));
    let mut ours = rows.rows();
    for (i, line) in lines.enumerate() {
        let row = ours.next().unwrap();
        let values: Vec<u64> = names.iter().map(|n| row.get(n).unwrap()).collect();
        let want: Vec<u64> = line.split(',').map(|v| v.parse().unwrap()).collect();
        assert_eq!(values, want, "row {i}");
    }
    assert!(ours.next().is_none());
}

/// The rows of a packet file lie in it uncompressed: ours must be there, byte for byte.
#[test]
fn real_messages_give_the_rows_of_the_packet_files() {
    let Some(corpus) = testing::corpus() else { return };
    let folder = corpus.join("larpix");
    let rows = rows(&real20(&folder));
    assert_eq!(rows.bytes().len() % ROW_BYTES, 0);
    for name in ["packets_real20_1.12.2.h5", "packets_real20_1.14.2.h5", "packets_direct_real20_1.14.2.h5"] {
        let file = std::fs::read(folder.join(name)).unwrap();
        let found = file.windows(rows.bytes().len()).any(|w| w == rows.bytes());
        assert!(found, "{name} does not hold our {} rows", rows.len());
    }
}

/// Words of every type, random and real, through larpix-control's own parse and table.
#[test]
fn rows_are_those_of_larpix_control() {
    let Some(python) = testing::oracle_python() else { return };
    let Some(corpus) = testing::corpus() else { return };
    let folder = corpus.join("larpix");
    let script = r#"
import json, sys, numpy as np
from larpix.format import pacman_msg_format as pm, hdf5format as hf
from larpix import Packet_v2
rd = [(m["io_group"], bytes.fromhex(m["msg"])) for m in json.load(open(sys.argv[1]))]
j = json.load(open(sys.argv[2]))
rd += list(zip(j["io_groups"], (bytes.fromhex(m) for m in j["msgs"])))
pk = [p for g, m in rd for p in pm.parse(m, io_group=g)]
fmt = hf._format_method_lookup["2.4"]["packets"]
rows = np.array([tuple(fmt[type(p)](p, version="2.4", dset="packets")) for p in pk], dtype=hf.dtypes["2.4"]["packets"])
assert rows.dtype.itemsize == 36
names = {n: (int(rows.dtype.fields[n][1]), rows.dtype.fields[n][0].itemsize) for n in rows.dtype.names}
print(json.dumps({"rows": rows.tobytes().hex(), "fields": names}))
"#;
    let (a, b) = (folder.join("random300.json"), folder.join("real20.json"));
    let out = testing::run_python(&python, script, &[a.as_os_str(), b.as_os_str()]);
    let out: Json = serde_json::from_str(&out).unwrap();
    for (name, offset, size) in packets::FIELDS {
        assert_eq!(out["fields"][name], serde_json::json!([offset, size]), "{name}");
    }
    let mut messages = random300(&folder);
    messages.extend(real20(&folder));
    let ours = rows(&messages);
    let theirs = hex(out["rows"].as_str().unwrap());
    assert_eq!(ours.bytes().len(), theirs.len());
    for (i, (a, b)) in ours.bytes().chunks(36).zip(theirs.chunks(36)).enumerate() {
        assert_eq!(a, b, "row {i}");
    }
}

/// Each word type, formatted by us, is parsed by larpix-control to the fields that we put in; and back.
#[test]
fn words_are_those_of_larpix_control() {
    use hyperslab_larpix::pacman::{Message, MessageType, Word, format};
    let Some(python) = testing::oracle_python() else { return };
    let script = r#"
import json, sys
from larpix.format import pacman_msg_format as pm
pm.time.time = lambda: 1700000123.9
def show(v): return v.hex() if isinstance(v, bytes) else v
out = []
for line in sys.argv[1].split():
    m = bytes.fromhex(line)
    header, words = pm.parse_msg(m)
    out.append({"header": header, "words": [[show(v) for v in w] for w in words],
                "back": pm.format_msg(header[0], words).hex()})
print(json.dumps(out))
"#;
    let packet = *b"datadata";
    let cases: [(MessageType, Vec<Word>, Json); 3] = [
        (
            MessageType::Data,
            vec![
                Word::Data { io_channel: 1, receipt_timestamp: 0xDEAD_BEEF, packet },
                Word::Trigger { bits: 0x81, timestamp: 0x0102_0304 },
                Word::Sync { kind: b'H', clock_source: 1, timestamp: 77 },
            ],
            serde_json::json!([
                ["DATA", 1, 0xDEAD_BEEF_u32, "6461746164617461"],
                ["TRIG", "81", 0x0102_0304],
                ["SYNC", "48", 1, 77]
            ]),
        ),
        (
            MessageType::Request,
            vec![
                Word::Ping,
                Word::Write { address: 0x10, value: 0xFFFF_FFFF },
                Word::Read { address: 0xFFFF_FFFE, value: 3 },
                Word::Tx { io_channel: 255, packet },
            ],
            serde_json::json!([
                ["PING"],
                ["WRITE", 16, 0xFFFF_FFFF_u32],
                ["READ", 0xFFFF_FFFE_u32, 3],
                ["TX", 255, "6461746164617461"]
            ]),
        ),
        (
            MessageType::Reply,
            vec![Word::Pong, Word::Error { code: 9, description: *b"fourteen bytes" }],
            serde_json::json!([["PONG"], ["ERR", 9, "666f75727465656e206279746573"]]),
        ),
    ];
    let mut arg = String::new();
    for (kind, words, _) in &cases {
        let mut bytes = Vec::new();
        format(&mut bytes, *kind, 1_700_000_123, words).unwrap();
        arg += &bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        arg.push(' ');
    }
    let out: Json = serde_json::from_str(&testing::run_python(&python, script, &[arg.as_ref()])).unwrap();
    for ((kind, words, want), got) in cases.iter().zip(out.as_array().unwrap()) {
        assert_eq!(got["header"], serde_json::json!([kind.to_string(), 1_700_000_123, words.len()]));
        assert_eq!(&got["words"], want);
        let back = hex(got["back"].as_str().unwrap());
        let message = Message::parse(&back, Check::Strict).unwrap();
        assert_eq!(&message.words().map(|w| w.unwrap()).collect::<Vec<_>>(), words);
    }
}

/// Numbers without a pattern.
fn random(count: u64) -> impl Iterator<Item = u64> {
    (1..=count).map(|i| {
        let mixed = (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (i << 7)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        mixed ^ mixed >> 29
    })
}

/// Every field of packets of versions 1 and 2 is larpix-control's, whatever the bits; so is the parity that makes them
/// valid.
#[test]
fn packets_have_the_fields_of_larpix_control() {
    use hyperslab_larpix::packet::{PacketV1, PacketV2};
    let Some(python) = testing::oracle_python() else { return };
    let script = r#"
import json, sys
from larpix.packet.packet_v1 import Packet_v1
from larpix import Packet_v2
out = []
for i, line in enumerate(sys.argv[1].split()):
    b = bytes.fromhex(line)
    p = Packet_v2(b)
    two = [p.packet_type, p.chip_id, p.channel_id, p.timestamp, p.first_packet, p.dataword, p.trigger_type, p.local_fifo,
           p.shared_fifo, p.downstream_marker, p.parity, int(p.has_valid_parity()), p.register_address, p.register_data]
    two.append(p.compute_parity())
    p.fifo_diagnostics_enabled = True
    two += [p.timestamp, p.shared_fifo_events, p.local_fifo_events]
    q = Packet_v1(b[:6] + bytes([b[6] & 0x3f]))
    one = [q.packet_type.to01(), q.chipid, q.channel_id, q.timestamp, q.dataword, q.fifo_half_flag, q.fifo_full_flag,
           q.parity_bit_value, int(q.has_valid_parity()), q.register_address, q.register_data, q.test_counter]
    one[0] = int(one[0], 2)
    out.append([two, one])
print(json.dumps(out))
"#;
    let packets: Vec<[u8; 8]> = random(400).map(u64::to_le_bytes).collect();
    let arg: Vec<String> =
        packets.iter().map(|p| p.iter().map(|b| format!("{b:02x}")).collect::<String>()).collect();
    let out = testing::run_python(&python, script, &[arg.join(" ").as_ref()]);
    let out: Vec<[Vec<u64>; 2]> = serde_json::from_str(&out).unwrap();
    assert_eq!(out.len(), packets.len());
    for (bytes, [two, one]) in packets.iter().zip(out) {
        let p = PacketV2::from_bytes(*bytes);
        let ours = [
            p.packet_type().into(),
            p.chip_id().into(),
            p.channel_id().into(),
            u64::from(p.timestamp()),
            p.first_packet().into(),
            p.dataword().into(),
            p.trigger_type().into(),
            p.local_fifo().into(),
            p.shared_fifo().into(),
            p.downstream_marker().into(),
            p.parity().into(),
            p.has_valid_parity().into(),
            p.register_address().into(),
            p.register_data().into(),
            p.with_valid_parity().parity().into(),
            p.diagnostics_timestamp().into(),
            p.shared_fifo_events().into(),
            p.local_fifo_events().into(),
        ];
        assert_eq!(ours[..], two[..], "{bytes:02x?}");
        let mut seven = [0; 7];
        seven.copy_from_slice(&bytes[..7]);
        let q = PacketV1::from_bytes(seven);
        let ours = [
            u64::from(q.packet_type()),
            q.chip_id().into(),
            q.channel_id().into(),
            q.timestamp().into(),
            q.adc().into(),
            q.fifo_half().into(),
            q.fifo_full().into(),
            q.parity().into(),
            q.has_valid_parity().into(),
            q.register_address().into(),
            q.register_data().into(),
            q.test_counter().into(),
        ];
        assert_eq!(ours[..], one[..], "{bytes:02x?}");
    }
}

/// Packets, syncs and triggers become the messages that larpix-control's `format` makes of them.
#[test]
fn messages_are_formatted_as_larpix_control_does() {
    use hyperslab_larpix::pacman::{Cargo, MessageType, format};
    let Some(python) = testing::oracle_python() else { return };
    let script = r#"
import json, sys
from larpix.format import pacman_msg_format as pm
from larpix import Packet_v2, TimestampPacket, MessagePacket, SyncPacket, TriggerPacket
pm.time.time = lambda: 1700000123.9
packets = []
for i, (kind, a, b, c) in enumerate(json.loads(sys.argv[1])):
    if kind == 0:
        p = Packet_v2(bytes.fromhex(c))
        if a is not None:
            p.io_channel = a
        if b is not None:
            p.receipt_timestamp = b
    elif kind == 1:
        p = SyncPacket(sync_type=bytes([a]), clk_source=int(c, 16), timestamp=b)
    elif kind == 2:
        p = TriggerPacket(trigger_type=bytes([a]), timestamp=b)
    else:
        p = [TimestampPacket(5), MessagePacket("text", 5)][a % 2]
    packets.append(p)
print(json.dumps([pm.format(packets, kind, ts_pacman=77).hex() for kind in ("DATA", "REQ", "REP")]))
"#;
    let (mut cargo, mut told) = (Vec::new(), Vec::new());
    for r in random(200) {
        let (a, b) = ((r >> 40) as u8, r as u32);
        let packet = r.wrapping_mul(0x1234_5678_9ABC_DEF1).to_le_bytes();
        let text: String = packet.iter().map(|b| format!("{b:02x}")).collect();
        let (one, line) = match r >> 61 {
            0..=3 => {
                let (channel, time) = (((r >> 50) % 3 != 0).then_some(a), ((r >> 52) % 3 != 0).then_some(b));
                let one = Cargo::Packet { io_channel: channel, receipt_timestamp: time, packet };
                (one, serde_json::json!([0, channel, time, text]))
            }
            4 => {
                let one = Cargo::Sync { kind: a, clock_source: packet[0], timestamp: b };
                (one, serde_json::json!([1, a, b, format!("{:02x}", packet[0])]))
            }
            5 => (Cargo::Trigger { bits: a, timestamp: b }, serde_json::json!([2, a, b, ""])),
            _ => (Cargo::Note, serde_json::json!([3, a, b, ""])),
        };
        cargo.push(one);
        told.push(line);
    }
    let out = testing::run_python(&python, script, &[Json::from(told).to_string().as_ref()]);
    let want: Vec<String> = serde_json::from_str(&out).unwrap();
    for (kind, want) in [MessageType::Data, MessageType::Request, MessageType::Reply].into_iter().zip(want) {
        let words: Vec<_> = cargo.iter().filter_map(|c| c.word(kind, 77)).collect();
        let mut ours = Vec::new();
        format(&mut ours, kind, 1_700_000_123, &words).unwrap();
        assert!(words.len() > 50 && ours == hex(&want), "{kind}");
    }
}
