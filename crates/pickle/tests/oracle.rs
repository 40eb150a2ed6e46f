//! Random values against the real CPython and NumPy, both ways.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is the failure report")]

mod common;

use common::hex;
use hyperslab_core::{Kind, Limits, testing};
use hyperslab_pickle::{Plain, Policy, Protocol, RowsDump, dump_as, load};
use serde_json::{Value as Json, json};
use std::ffi::OsStr;
use std::path::Path;

const SCRIPT: &str = include_str!("oracle.py");

fn unhex(s: &str) -> Vec<u8> {
    (0..s.len()).step_by(2).map(|i| u8::from_str_radix(&s[i..i + 2], 16).unwrap()).collect()
}

/// Values that a run generates; `HYPERSLAB_SOAK=1` makes it thousands.
fn count() -> usize {
    if std::env::var_os("HYPERSLAB_SOAK").is_some() { 4000 } else { 120 }
}

/// The mark of an inert record in the typed form.
const INERT: &str = "\"t\":\"inert\"";

fn seed() -> String {
    std::env::var("HYPERSLAB_SEED").unwrap_or_else(|_| "1".into())
}

/// One value in the six protocols, and by other picklers: its pickle, what CPython loads from it, which of its parts are one object.
type Pickles = Vec<(String, Json, Vec<usize>)>;

/// The typed form of what we load, and its sharing. Whether there are inert records in it is known before.
fn ours(bytes: &[u8], inert: bool) -> (Json, Vec<usize>) {
    let strict = load(bytes, Policy::Strict, &Limits::default());
    let loaded = if inert { load(bytes, Policy::Inspect, &Limits::default()) } else { strict };
    if inert {
        let e = load(bytes, Policy::Strict, &Limits::default()).unwrap_err();
        assert!(e.kind() == Kind::Unsupported && e.offset().is_some(), "{e}\n{}", hex(bytes));
    }
    let p = loaded.unwrap_or_else(|e| panic!("{e}\n{}", hex(bytes)));
    assert_eq!(p.consumed(), bytes.len());
    (common::exact(&p), common::sharing(&p))
}

#[test]
fn what_cpython_writes_is_read_as_cpython_reads_it() {
    // What a Python prints is held whole: many values come in rounds.
    let (n, rounds) = if count() > 500 { (500, count() / 500) } else { (count(), 1) };
    let mut compared = 0;
    for (_, numpy, python) in &testing::oracles() {
        for round in 0..rounds {
            compared += read_as(python, numpy, n, &format!("{}{round}", seed()));
        }
    }
    println!("soak: {compared} pickles by CPython's picklers and three NumPys read as CPython reads them");
}

/// How many pickles of one Python were compared.
fn read_as(python: &Path, numpy: &str, n: usize, seed: &str) -> usize {
    let out = testing::run_python(python, SCRIPT, &["generate", seed, &n.to_string()].map(OsStr::new));
    let (mut compared, mut values) = (0, 0);
    for line in out.lines() {
        values += 1;
        let pickles: Pickles = serde_json::from_str(line).unwrap();
        let mut last = Json::Null;
        for (number, (bytes, truth, shared)) in pickles.iter().enumerate() {
            if !truth.is_null() {
                last = common::sorted_sets(truth);
            }
            let (got, same) = ours(&unhex(bytes), last.to_string().contains(INERT));
            assert_eq!(&same, shared, "parts that are one object, NumPy {numpy}, pickle {number}: {bytes}");
            common::assert_same(&got, &last, &format!("NumPy {numpy}, pickle {number}: {bytes}\n"));
            compared += 1;
        }
    }
    assert_eq!(values, n);
    assert!(compared > 6 * n);
    compared
}

#[test]
fn what_we_write_cpython_reads_without_a_warning() {
    let Some(python) = testing::oracle_python() else { return };
    let (n, seed) = (count().to_string(), format!("{}2", seed()));
    let out = testing::run_python(&python, SCRIPT, &["generate", &seed, &n].map(OsStr::new));
    let limits = Limits::default;
    let (mut written, mut expected, mut refused) = (String::new(), Vec::new(), 0);
    for line in out.lines() {
        let pickles: Pickles = serde_json::from_str(line).unwrap();
        let bytes = &pickles[4].0;
        let truth = pickles[..5].iter().rev().map(|(_, truth, _)| truth).find(|t| !t.is_null()).unwrap();
        let value = load(&unhex(bytes), Policy::Inspect, &limits()).unwrap().to_value(&limits()).unwrap();
        for protocol in [Protocol::Two, Protocol::Three, Protocol::Four, Protocol::Five] {
            match dump_as(&value, protocol) {
                Ok(p) => {
                    let again = load(&p, Policy::Strict, &limits()).unwrap();
                    assert_eq!(again.protocol(), protocol.number());
                    assert_eq!(again.to_value(&limits()).unwrap(), value, "{bytes}\n{}", hex(&p));
                    written += &hex(&p);
                    written.push('\n');
                    expected.push(plain(&common::sorted_sets(truth)));
                }
                // Cycles, arrays of objects and inert records are all that cannot be written.
                Err(e) => {
                    let text = truth.to_string();
                    assert!(
                        ["ref-cycle", "\"object\"", "|O", INERT].iter().any(|t| text.contains(t)),
                        "{e}: {text}"
                    );
                    refused += 1;
                }
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pickles");
    std::fs::write(&file, written).unwrap();
    // NumPy 2, 1.24 and 1.26.
    let older = ["HYPERSLAB_PYTHON_112", "HYPERSLAB_PYTHON_114"].map(testing::oracle);
    let pythons: Vec<_> = std::iter::once(python).chain(older.into_iter().flatten()).collect();
    for python in &pythons {
        let loaded = testing::run_python(python, SCRIPT, &[OsStr::new("load"), file.as_os_str()]);
        let loaded: Vec<Json> = loaded.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!(loaded.len(), expected.len());
        for (got, want) in loaded.iter().zip(&expected) {
            common::assert_same(&plain(&common::sorted_sets(got)), want, "");
        }
    }
    println!(
        "soak: {} pickles of ours read back by {} Pythons, {refused} refused",
        expected.len(),
        pythons.len()
    );
    assert!(expected.len() > 2 * count());
}

#[test]
fn an_index_is_written_as_cpython_reads_it() {
    let Some(python) = testing::oracle_python() else { return };
    let keys: Vec<String> = (0..2500).map(|i| format!("{i:040x}")).collect();
    let files: Vec<String> = (0..70).map(|i| format!("/tmp/ä/{i}.nco")).collect();
    let folder = tempfile::tempdir().unwrap();
    let mut paths = Vec::new();
    for protocol in [Protocol::Two, Protocol::Three, Protocol::Four, Protocol::Five] {
        let version = [Plain::Int(2), Plain::Int(protocol.number().into())];
        let mut bytes = RowsDump::tuple(Protocol::Two, &version).unwrap();
        let mut rows = RowsDump::new(protocol);
        for (i, key) in keys.iter().enumerate() {
            let at = 5_000_000_000 * i as i128;
            rows.insert(key, &[Plain::Str(&files[i % 70]), Plain::Int(at), Plain::Int(at + 209)]).unwrap();
        }
        bytes.extend(rows.finish());
        paths.push(folder.path().join(format!("{}", protocol.number())));
        std::fs::write(paths.last().unwrap(), bytes).unwrap();
    }
    let check = "
import pickle, sys
for n, path in enumerate(sys.argv[1:], 2):
    with open(path, 'rb') as f:
        assert pickle.load(f) == (2, n)
        index = pickle.load(f)
        assert not f.read()
    want = {'%040x' % i: ('/tmp/ä/%d.nco' % (i % 70), 5000000000 * i, 5000000000 * i + 209) for i in range(2500)}
    assert index == want and list(index) == list(want)
";
    let args: Vec<&OsStr> = paths.iter().map(|p| p.as_os_str()).collect();
    testing::run_python(&python, check, &args);
}

/// The typed form without what a metadata tree does not keep: kinds of dicts and of bytes, the order of elements in
/// memory, the difference between a scalar and an array of rank 0, the byte order of scalars.
fn plain(v: &Json) -> Json {
    match v {
        Json::Array(a) => a.iter().map(plain).collect(),
        Json::Object(o) => {
            let t = o.get("t").and_then(Json::as_str).unwrap_or_default();
            if t == "npscalar" {
                let bytes = unhex(o["hex"].as_str().unwrap());
                return json!({ "t": "ndarray", "dtype": common::little_descr(&o["dtype"]), "shape": [], "digest": common::sha256(&bytes) });
            }
            let mut out: serde_json::Map<String, Json> =
                o.iter().filter(|(k, _)| *k != "fortran").map(|(k, v)| (k.clone(), plain(v))).collect();
            match t {
                "OrderedDict" | "defaultdict" => drop(out.insert("t".into(), "dict".into())),
                "bytearray" => drop(out.insert("t".into(), "bytes".into())),
                _ => {}
            }
            Json::Object(out)
        }
        other => other.clone(),
    }
}
