//! Packet files of every version, read as h5py reads them.

#![expect(clippy::unwrap_used, reason = "a panic is the failure report")]

mod common;

use hyperslab_core::{Kind, testing};
use hyperslab_larpix::packets::{Packet, PacketTable};
use serde_json::Value as Json;

/// Files of each version by larpix-control, and by h5py those that older releases left and newer ones make; with what
/// is in them under the names of today.
const MAKE: &str = r#"
import json, os
from larpix.format import hdf5format as hf
from larpix.packet import Packet_v1, Packet_v2, TimestampPacket, MessagePacket, SyncPacket, TriggerPacket
from larpix import Chip
folder = sys.argv[1]
def packets(version):
    out = [TimestampPacket(1700000000 + 3)]
    for i in range(40):
        p = Packet_v1()
        p.packet_type, p.chipid, p.channel, p.timestamp, p.dataword = i % 4, i, i % 32, 1000 * i, 4 * i
        p.fifo_half_flag, p.fifo_full_flag = i % 2, i // 2 % 2
        p.chip_key = "%d-%d-%d" % (i % 8 + 1, i % 32 + 1, i)
        p.assign_parity()
        q = Packet_v2()
        q.bits = type(q.bits)(endian="little", buffer=bytes((i * 37 + k * k) % 256 for k in range(8)))
        q.io_group, q.io_channel, q.receipt_timestamp = i % 8, i % 32, i * 99991
        out.append(p if version < "2" else q)
    if version >= "1":
        out.append(MessagePacket("the run begins", 7))
    return out if version < "2.2" else out + [SyncPacket(sync_type=b"S", timestamp=4, clk_source=1, io_group=2),
                  TriggerPacket(trigger_type=b"\x02", timestamp=8, io_group=3)]
NEW = {"type": "packet_type", "chipid": "chip_id", "channel": "channel_id", "adc_counts": "dataword",
       "register": "register_address", "value": "register_data"}
TYPES = [b"data", b"test", b"config write", b"config read", b"timestamp", b"message"]
def today(row):
    out = {}
    for name in row.dtype.names:
        v = row[name]
        if name == "chip_key":
            if v:
                out["io_group"], out["io_channel"], _ = map(int, v.decode().split("-"))
        elif name in ("fifo_half", "fifo_full"):
            out["local_fifo"] = out.get("local_fifo", 0) | int(v) << (name == "fifo_full")
        elif isinstance(v, bytes):
            out["packet_type"] = TYPES.index(v)
        else:
            out[NEW.get(name, name)] = int(v)
    return out
truth = {}
def note(path):
    with h5py.File(path, "r") as f:
        version = f["_header"].attrs["version"]
        rows = f["raw_packet" if version == "0.0" else "packets"][:]
        truth[path] = {"version": version, "rows": [today(r) for r in rows],
            "messages": [[m["message"].decode(), int(m["timestamp"]), int(m["index"])] for m in f.get("messages", [])],
            "configs": [[int(c[k]) for k in ("timestamp", "io_group", "io_channel", "chip_id")] + [bytes(c["registers"]).hex()]
                        for c in f.get("configs", [])],
            "asic": f["configs"].attrs.get("asic_version") if "configs" in f else None}
for version in hf.dtypes:
    path = os.path.join(folder, version + ".h5")
    hf.to_file(path, packets(version), version=version, workers=1)
    if version == "2.4":
        hf.to_file(path, chip_list=[Chip("1-2-3", version=2), Chip("4-5-6", version=2)], workers=1)
    note(path)
full = np.dtype(hf.dtypes["2.4"]["packets"])
def older(path, version, dtype, name="packets"):
    rng = np.random.default_rng(len(truth))
    rows = np.zeros(70, dtype)
    for field in dtype.names:
        if dtype[field].kind == "u":
            rows[field] = rng.integers(0, 256 ** dtype[field].itemsize, 70, dtype=dtype[field].newbyteorder("="))
    if "type" in dtype.names:
        rows["type"] = (TYPES * 12)[:70]
    if "chip_key" in dtype.names:
        rows["chip_key"] = ["%d-%d-%d" % (i % 255, i, 255 - i) if i % 5 else "" for i in range(70)]
    if "chip_key" in dtype.names and "chipid" in dtype.names:
        rows["chipid"] = [255 - i if i % 5 else 0 for i in range(70)]
    with h5py.File(path, "w") as f:
        f.create_group("_header").attrs["version"] = version
        f.create_dataset(name, data=rows, maxshape=(None,), chunks=(16,), compression="gzip")
    note(path)
pick = lambda names: np.dtype([(n, full[n]) for n in names])
names = list(full.names)
older(os.path.join(folder, "31.h5"), "2.1", pick(names[:-2]))
older(os.path.join(folder, "32.h5"), "2.2", pick(names[:-1]))
older(os.path.join(folder, "big.h5"), "2.4", np.dtype([(n, full[n].newbyteorder(">")) for n in names]))
older(os.path.join(folder, "first.h5"), "0.0", np.dtype([("chip_key", "S32"), ("type", "S12"), ("chipid", "u1"),
    ("parity", "u1"), ("counter", "u4"), ("channel", "u1"), ("timestamp", "u8"), ("adc_counts", "u1")]), "raw_packet")
wide = [(n, "u2" if n == "dataword" else full[n]) for n in names] + [("reset_sample_flag", "u1"), ("cds_flag", "u1")]
assert np.dtype(wide).itemsize == 39 and pick(names[:-2]).itemsize == 31
older(os.path.join(folder, "3.0.h5"), "3.0", np.dtype(wide))
print(json.dumps(truth))
"#;

fn field(p: &Packet, name: &str) -> u64 {
    match name {
        "io_group" => p.io_group.into(),
        "io_channel" => p.io_channel.into(),
        "chip_id" => p.chip_id.into(),
        "packet_type" => p.packet_type.into(),
        "downstream_marker" => p.downstream_marker.into(),
        "parity" => p.parity.into(),
        "valid_parity" => p.valid_parity.into(),
        "channel_id" => p.channel_id.into(),
        "timestamp" => p.timestamp,
        "dataword" => p.dataword.into(),
        "trigger_type" => p.trigger_type.into(),
        "local_fifo" => p.local_fifo.into(),
        "shared_fifo" => p.shared_fifo.into(),
        "register_address" => p.register_address.into(),
        "register_data" => p.register_data.into(),
        "direction" => p.direction.into(),
        "local_fifo_events" => p.local_fifo_events.into(),
        "shared_fifo_events" => p.shared_fifo_events.into(),
        "counter" => p.counter.into(),
        "fifo_diagnostics_enabled" => p.fifo_diagnostics_enabled.into(),
        "first_packet" => p.first_packet.into(),
        "receipt_timestamp" => p.receipt_timestamp.into(),
        "reset_sample_flag" => p.reset_sample_flag.into(),
        "cds_flag" => p.cds_flag.into(),
        other => unreachable!("{other}"),
    }
}

#[test]
fn files_of_every_version_are_read() {
    let Some(python) = testing::oracle_python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let truth: Json = serde_json::from_str(&common::run(&python, MAKE, &[&dir.path()])).unwrap();
    let truth = truth.as_object().unwrap();
    assert_eq!(truth.len(), 12);
    for (path, want) in truth {
        let table = PacketTable::open(path).unwrap();
        assert_eq!(want["version"], table.info().version);
        assert_eq!(want["asic"].as_str(), table.info().asic_version.as_deref());
        let rows = table.read(0..table.len()).unwrap();
        assert_eq!(rows.len(), want["rows"].as_array().unwrap().len(), "{path}");
        let mut values = 0;
        for (i, (row, want)) in rows.iter().zip(want["rows"].as_array().unwrap()).enumerate() {
            for (name, value) in want.as_object().unwrap() {
                assert_eq!(field(row, name), value.as_u64().unwrap(), "{path}: row {i}: {name}");
                values += 1;
            }
        }
        assert!(values > 500, "{path}: {values}");
        assert_eq!(table.read(20..23).unwrap(), rows[20..23]);
        let texts =
            table.messages().unwrap().into_iter().map(|m| serde_json::json!([m.text, m.timestamp, m.index]));
        assert_eq!(want["messages"], texts.collect::<Json>(), "{path}");
        let configs = table.configs().unwrap().into_iter().map(|c| {
            let registers: String = c.registers.iter().map(|b| format!("{b:02x}")).collect();
            serde_json::json!([c.timestamp, c.io_group, c.io_channel, c.chip_id, registers])
        });
        assert_eq!(want["configs"], configs.collect::<Json>(), "{path}");
        assert_eq!(table.read(0..table.len() + 1).unwrap_err().kind(), Kind::Usage);
    }
}

#[test]
fn the_tables_of_larpix_control_are_read() {
    let Some(corpus) = testing::corpus() else { return };
    let mut count = 0;
    for entry in std::fs::read_dir(corpus.join("larpix")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.ends_with(".h5") {
            match PacketTable::open(&path) {
                Ok(table) => {
                    assert!(name.starts_with("packets_"), "{name}");
                    assert_eq!(table.info().version, "2.4");
                    let rows = table.read(0..table.len()).unwrap();
                    assert!(rows.len() > 50 && rows[0].packet_type == 4 && rows[0].timestamp > 1_600_000_000);
                    count += 1;
                }
                Err(e) => {
                    assert!(!name.starts_with("packets_") && e.kind() == Kind::Unsupported, "{name}: {e}")
                }
            }
        }
    }
    assert!(count >= 5);
}
