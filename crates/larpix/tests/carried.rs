//! What recovery carries along: objects with several names, references among them, orders; and a disk that is full, which
//! is no reason to leave anything out.

#![expect(clippy::unwrap_used, reason = "a panic is the failure report")]

mod common;

use common::{borrowed, messages, pythons, run};
use hyperslab_core::Kind;
use hyperslab_larpix::log::{LogOptions, LogWriter, RecoverOptions, recover};
use std::path::Path;
use std::sync::Arc;

const ADD: &str = r#"
append(sys.argv[1], 0, 500, "0.0")
with h5py.File(sys.argv[1], "r+", libver="latest") as f:
    g = f.create_group("geometry", track_order=True)
    for name in ("z", "a", "m"):
        g[name] = np.arange(3)
        g.attrs[name] = 1
    g["self"] = g
    g["kind"] = np.dtype("i4,f8")
    f["table"] = g["a"]
    f["also"] = g
    f.create_dataset("typed", (3,), dtype=g["kind"])
    f.create_dataset("refs", data=[g["a"].ref, g.ref, f["typed"].ref], dtype=h5py.ref_dtype)
    f["table"].make_scale("s")
    f["x"] = np.zeros((3, 4))
    f["x"].dims[0].attach_scale(f["table"])
    f["refers to the log"] = np.arange(2)
    f["refers to the log"].attrs["of"] = f["msgs"].ref
with open(sys.argv[1], "r+b") as f:
    f.seek(11); f.write(bytes([5]))
"#;

const CHECK: &str = r#"
with h5py.File(sys.argv[1]) as f:
    assert list(f["geometry"]) == ["z", "a", "m", "self", "kind"], list(f["geometry"])
    assert list(f["geometry"].attrs) == ["z", "a", "m"]
    assert f["geometry"] == f["also"] == f["also/self/self"] and f["table"] == f["geometry/a"]
    assert [f[r] for r in f["refs"][:]] == [f["table"], f["also"], f["typed"]]
    assert f["typed"].id.get_type().committed() and f["x"].dims[0][0] == f["table"]
    assert f[f["refers to the log"].attrs["of"]] == f["msgs"]
    assert [h5py.h5o.get_info(f[n].id).rc for n in ("geometry", "table", "geometry/kind")] == [3, 2, 2]
print("ok", len(raw.from_rawfile(sys.argv[1])["msgs"]))
"#;

#[test]
fn names_and_references_are_recovered() {
    let dir = tempfile::tempdir().unwrap();
    for (version, python) in pythons() {
        let (path, out) = (dir.path().join(format!("{version}.h5")), dir.path().join("saved.h5"));
        run(&python, ADD, &[&path]);
        let options = RecoverOptions { replace: true, ..RecoverOptions::default() };
        let report = recover(&path, &out, &options).unwrap();
        assert_eq!((report.saved, report.lost), (500, 0), "HDF5 {version}");
        assert!(report.left_out.is_empty(), "HDF5 {version}: {:?} {:?}", report.left_out, report.notes);
        for (_, python) in pythons() {
            assert_eq!(run(&python, CHECK, &[&out]).trim(), "ok 500");
        }
    }
}

/// Not a test of its own: recovers where the new file may not grow beyond its messages (a limit stands for a full disk).
#[test]
fn recovering_process() {
    let Some(folder) = std::env::var_os("HYPERSLAB_TEST_FULL_DISK") else { return };
    use nix::sys::resource::{RLIM_INFINITY, Resource, setrlimit};
    let told = Arc::new(std::sync::atomic::AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGXFSZ, told).unwrap();
    let (path, out) = (Path::new(&folder).join("log.h5"), Path::new(&folder).join("saved.h5"));
    let report = recover(&path, &out, &RecoverOptions::default()).unwrap();
    assert!(report.is_complete(), "{report:?}");
    let whole = std::fs::metadata(&out).unwrap().len();
    std::fs::remove_file(&out).unwrap();
    let mut failed = 0;
    for limit in [whole / 2, whole - (4 << 20), whole - 100] {
        setrlimit(Resource::RLIMIT_FSIZE, limit, RLIM_INFINITY).unwrap();
        let e = recover(&path, &out, &RecoverOptions::default()).unwrap_err();
        assert_eq!(e.kind(), Kind::Io, "{limit}: {e}");
        assert!(!out.exists());
        failed += 1;
    }
    setrlimit(Resource::RLIMIT_FSIZE, RLIM_INFINITY, RLIM_INFINITY).unwrap();
    recover(&path, &out, &RecoverOptions::default()).unwrap();
    println!("failed and recovered: {failed}");
}

#[test]
fn a_full_disk_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.h5");
    let mut log = LogWriter::create(&path, &LogOptions::default()).unwrap();
    log.append_all(borrowed(&messages(0..500))).unwrap();
    log.close().unwrap();
    let mut more = hyperslab_hdf5::Change::open(&path).unwrap();
    for i in 0..4 {
        more.put(&format!("/more/{i}"), &vec![f64::from(i); 1 << 18], &Default::default()).unwrap();
    }
    more.finish().unwrap();
    let out = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["recovering_process", "--exact", "--nocapture", "--test-threads=1"])
        .env("HYPERSLAB_TEST_FULL_DISK", dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success() && said.contains("failed and recovered: 3"), "{said}");
    // Nothing is left beside the two files.
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
}
