//! What others have put into a log: objects and attributes that stay, header fields that this version does not know.

#![expect(clippy::unwrap_used, reason = "a panic is the failure report")]

mod common;

use common::{borrowed, messages, pythons, run};
use hyperslab_core::Kind;
use hyperslab_larpix::log::{LogOptions, LogReader, LogWriter, RecoverOptions, recover};

/// Everything in a file but the log's own rows, as text.
const SNAPSHOT: &str = r#"
import hashlib
def snapshot(path):
    out = []
    def attributes(name, o):
        for k, v in sorted(o.attrs.items()):
            if (name, k) != ("meta", "modified"):
                out.append((name, k, repr(v)))
    with h5py.File(path, "r") as f:
        attributes("/", f)
        out.append(sorted(f))
        def visit(name, o):
            attributes(name, o)
            if isinstance(o, h5py.Dataset) and name not in ("msgs", "msg_headers"):
                data = o[()]
                data = data.tobytes() if isinstance(data, np.ndarray) and data.dtype != object else repr(data)
                out.append((name, o.shape, str(o.dtype), o.compression, o.chunks, o.id.get_offset(),
                            hashlib.sha256(data if isinstance(data, bytes) else data.encode()).hexdigest()))
            else:
                out.append((name, type(o).__name__))
        f.visititems(visit)
        links = [(n, repr(f.get(n, getlink=True).__class__)) for n in f]
        out.append(links)
        if "soft" in f:
            out.append(f["soft"].name)
    return repr(out)
"#;

const ADD: &str = r#"
path, many = sys.argv[1], int(sys.argv[2])
append(path, 0, 1500, "0.0")
with h5py.File(path, "r+", libver="latest") as f:
    rng = np.random.default_rng(3)
    d = f.create_dataset("daq_configs", data=rng.integers(0, 256, 20_000, dtype="u1"))
    d.attrs["dirname"] = "configs/run-7"
    # More than a header holds: the attributes go elsewhere.
    f["meta"].attrs["run"] = 7
    f["meta"].attrs["subrun"] = 1
    f["meta"].attrs["last_event"] = 99
    f["meta"].attrs["operator"] = "nobody"
    f["meta"].attrs["data_stream"] = "tpc"
    f["meta"].attrs["first_event"] = np.arange(5)
    f.attrs["title"] = "a root attribute"
    f["msgs"].attrs["note"] = "of the messages"
    f["msg_headers"].attrs["note"] = np.float32(1.5)
    g = f.create_group("geometry/deep")
    g.create_dataset("table", data=rng.random((40, 50)), chunks=(7, 11), compression="gzip", shuffle=True)
    g.attrs["text"] = ["a", "b"]
    f["soft"] = h5py.SoftLink("/geometry/deep/table")
    for i in range(many):
        f.create_dataset(f"more-{i}", data=np.arange(i + 1))
print(snapshot(path))
"#;

#[test]
fn what_others_added_is_there_after_an_adoption() {
    let dir = tempfile::tempdir().unwrap();
    for (version, python) in pythons() {
        // Each check starts a Python: both under one HDF5, one of them under the others.
        let counts = match version {
            "1.12" => &[0][..],
            "1.14" => &[40],
            _ => &[0, 40],
        };
        for many in counts {
            let path = dir.path().join(format!("{version}-{many}.h5"));
            let before = run(&python, &format!("{SNAPSHOT}\n{ADD}"), &[&path, &many.to_string()]);
            let log = LogWriter::open(&path, &LogOptions::default());
            let mut log = log.unwrap();
            assert_eq!(log.committed(), 1500);
            log.append_all(borrowed(&messages(1500..3000))).unwrap();
            log.commit().unwrap();
            let script = format!("{SNAPSHOT}\nprint(snapshot(sys.argv[1]))");
            assert_eq!(run(&python, &script, &[&path]), before, "HDF5 {version}, live");
            log.close().unwrap();
            assert_eq!(run(&python, &script, &[&path]), before, "HDF5 {version}, closed");
            // The log itself is read by every HDF5, also those that could not read it before; what others added
            // is as they wrote it.
            for (_, python) in pythons() {
                let length = "print(len(raw.from_rawfile(sys.argv[1])['msgs']))";
                assert_eq!(run(&python, length, &[&path]).trim(), "3000");
            }
            let added = "with h5py.File(sys.argv[1], 'r+') as f: f.create_group('later'); f['meta'].attrs['end'] = 1\n\
                         append(sys.argv[1], 3000, 3100)";
            run(&python, added, &[&path]);
            let mut log = LogWriter::open(&path, &LogOptions::default()).unwrap();
            log.append_all(borrowed(&messages(3100..3200))).unwrap();
            log.close().unwrap();
            assert_eq!(common::check_ours(&path), 3200);
            let script = "with h5py.File(sys.argv[1]) as f: print('later' in f, f['meta'].attrs['end'], len(f['msgs']))";
            assert_eq!(run(&python, script, &[&path]).trim(), "True 1 3200");
        }
    }
}

#[test]
fn what_others_added_is_recovered() {
    let dir = tempfile::tempdir().unwrap();
    let anywhere = SNAPSHOT.replace("o.id.get_offset(),", "");
    for (version, python) in pythons() {
        let (path, out) =
            (dir.path().join(format!("{version}.h5")), dir.path().join(format!("{version}-saved.h5")));
        let before = run(&python, &format!("{anywhere}\n{ADD}"), &[&path, &"3"]);
        // As a writer leaves it that was killed: marked as open. What leads to an object that others added is lost.
        let damage = r#"
with h5py.File(sys.argv[1]) as f:
    at = f["more-1"].id.get_offset()
    header = h5py.h5o.get_info(f["more-1"].id).addr
with open(sys.argv[1], "r+b") as f:
    f.seek(11); f.write(bytes([5]))
    f.seek(header); f.write(bytes(16))
"#;
        run(&python, damage, &[&path]);
        let report = recover(&path, &out, &RecoverOptions::default()).unwrap();
        assert_eq!((report.saved, report.lost), (1500, 0), "HDF5 {version}");
        assert_eq!(report.left_out, ["/more-1"], "HDF5 {version}: {:?}", report.notes);
        let script = format!("{anywhere}\nprint(snapshot(sys.argv[1]))");
        let after = run(&python, &script, &[&out]);
        let lost = "with h5py.File(sys.argv[1], 'r+') as f: f['more-1'] = np.arange(2)";
        run(&python, lost, &[&out]);
        assert_ne!(after, before);
        assert_eq!(run(&python, &script, &[&out]), before, "HDF5 {version}");
        let mut log = LogWriter::open(&out, &LogOptions::default()).unwrap();
        log.append_all(borrowed(&messages(1500..1600))).unwrap();
        log.close().unwrap();
        assert_eq!(common::check_ours(&out), 1600);
    }
}

/// A later version of the log may have more header fields: they stay, and are zero in what is appended.
#[test]
fn header_fields_of_later_versions_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let make = r#"
import time
with h5py.File(sys.argv[1], "w", libver="latest") as f:
    m = f.create_group("meta")
    for k, v in (("version", "0.1"), ("created", time.time()), ("modified", time.time())):
        m.attrs[k] = v
    fields = [("receipt", "<u8"), ("io_groups", "u1"), ("flags", "<u2"), ("x", "<f4", (3,))][:int(sys.argv[2])]
    f.create_dataset("msgs", shape=(3,), maxshape=(None,), compression="gzip", chunks=(1024,), dtype=h5py.vlen_dtype("u1"))
    f.create_dataset("msg_headers", shape=(3,), maxshape=(None,), compression="gzip", chunks=(1024,), dtype=fields)
    for i in range(3):
        f["msgs"][i] = np.frombuffer(b"old%d" % i, "u1")
        row = np.ones((), dtype=fields)
        row["io_groups"] = i + 5
        f["msg_headers"][i] = row
"#;
    let check = r#"
with h5py.File(sys.argv[1]) as f:
    h = f["msg_headers"][:]
    assert h["io_groups"].tolist() == [5, 6, 7, 200, 201], h
    for name in h.dtype.names:
        if name != "io_groups":
            assert (h[name][:3] == 1).all() and (h[name][3:] == 0).all(), h
    print([bytes(m).decode() for m in f["msgs"][:]])
"#;
    for (version, python) in pythons() {
        for fields in if version == "2.0" { &["2", "4"][..] } else { &["3"] } {
            let path = dir.path().join(format!("{version}-{fields}.h5"));
            run(&python, make, &[&path, fields]);
            let mut log = LogWriter::open(&path, &LogOptions::default()).unwrap();
            log.append(200, b"new0").unwrap();
            log.append(201, b"new1").unwrap();
            log.commit().unwrap();
            assert_eq!(
                LogReader::open(&path).unwrap().read(3..5).unwrap().get(1).unwrap(),
                (201, &b"new1"[..])
            );
            log.close().unwrap();
            for (_, python) in pythons() {
                assert_eq!(run(&python, check, &[&path]).trim(), "['old0', 'old1', 'old2', 'new0', 'new1']");
            }
        }
        // Without the field that makes it a log it is none.
        let path = dir.path().join(format!("{version}-1.h5"));
        run(&python, &make.replace("row[\"io_groups\"]", "row[\"receipt\"]"), &[&path, &"1"]);
        let e = LogWriter::open(&path, &LogOptions::default()).unwrap_err();
        assert_eq!(e.kind(), Kind::Unsupported, "{e}");
    }
}
