//! Random values against the real CPython and NumPy, both ways.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is the failure report")]

mod common;

use common::hex;
use hyperslab_core::{Limits, testing};
use hyperslab_pickle::{Policy, dump, load};
use serde_json::{Value as Json, json};
use std::ffi::OsStr;

const SCRIPT: &str = include_str!("oracle.py");

fn unhex(s: &str) -> Vec<u8> {
    (0..s.len()).step_by(2).map(|i| u8::from_str_radix(&s[i..i + 2], 16).unwrap()).collect()
}

fn ours(bytes: &[u8]) -> Json {
    let p = load(bytes, Policy::Strict, &Limits::default()).unwrap_or_else(|e| panic!("{e}\n{}", hex(bytes)));
    assert_eq!(p.consumed(), bytes.len());
    common::exact(&p)
}

#[test]
fn what_cpython_writes_is_read_as_cpython_reads_it() {
    let Some(python) = testing::oracle_python() else { return };
    let seed = std::env::var("HYPERSLAB_SEED").unwrap_or_else(|_| "1".into());
    let out = testing::run_python(&python, SCRIPT, &["generate", &seed, "200"].map(OsStr::new));
    let mut compared = 0;
    for line in out.lines() {
        let pickles: Vec<(String, Json)> = serde_json::from_str(line).unwrap();
        let mut last = Json::Null;
        for (protocol, (bytes, truth)) in pickles.iter().enumerate() {
            let got = ours(&unhex(bytes));
            if !truth.is_null() {
                last = common::sorted_sets(truth);
            }
            common::assert_same(&got, &last, &format!("protocol {protocol} of {bytes}\n"));
            compared += 1;
        }
    }
    println!("{compared} pickles compared");
    assert_eq!(compared, 1200);
}

#[test]
fn what_we_write_cpython_reads_without_a_warning() {
    let Some(python) = testing::oracle_python() else { return };
    let out = testing::run_python(&python, SCRIPT, &["generate", "2", "200"].map(OsStr::new));
    let limits = Limits::default;
    let (mut written, mut expected, mut refused) = (String::new(), Vec::new(), 0);
    for line in out.lines() {
        let pickles: Vec<(String, Json)> = serde_json::from_str(line).unwrap();
        let bytes = &pickles[4].0;
        let truth = pickles[..5].iter().rev().map(|(_, truth)| truth).find(|t| !t.is_null()).unwrap();
        let value = load(&unhex(bytes), Policy::Strict, &limits()).unwrap().to_value(&limits()).unwrap();
        match dump(&value) {
            Ok(p) => {
                let again = load(&p, Policy::Strict, &limits()).unwrap().to_value(&limits()).unwrap();
                assert_eq!(again, value, "{bytes}\n{}", hex(&p));
                written += &hex(&p);
                written.push('\n');
                expected.push(plain(&common::sorted_sets(truth)));
            }
            // Cycles and arrays of objects are all that cannot be written.
            Err(e) => {
                let text = truth.to_string();
                assert!(
                    text.contains("ref-cycle") || text.contains("\"object\"") || text.contains("|O"),
                    "{e}: {text}"
                );
                refused += 1;
            }
        }
    }
    let dir = std::env::temp_dir().join(format!("hyperslab-pickle-{}", std::process::id()));
    std::fs::write(&dir, written).unwrap();
    let loaded = testing::run_python(&python, SCRIPT, &[OsStr::new("load"), dir.as_os_str()]);
    std::fs::remove_file(&dir).unwrap();
    let loaded: Vec<Json> = loaded.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(loaded.len(), expected.len());
    for (got, want) in loaded.iter().zip(&expected) {
        common::assert_same(&plain(&common::sorted_sets(got)), want, "");
    }
    println!("{} values written and read back, {refused} refused", expected.len());
    assert!(expected.len() > 120);
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
