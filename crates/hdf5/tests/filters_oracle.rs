//! Chunks through every filter, written by the real filters, read by us: the same values.

#![allow(clippy::unwrap_used, reason = "tests: a panic is the failure report")]

use hyperslab_core::testing::{oracle, run_python};
use hyperslab_core::{Container, Limits, Selection};
use hyperslab_hdf5::File;
use std::collections::BTreeMap;

/// Reads everything that a script wrote and told of; returns how many arrays there were of each filter.
fn agree(variable: &str) -> Option<BTreeMap<String, usize>> {
    let python = oracle(variable)?;
    let folder = tempfile::tempdir().unwrap();
    let (path, bytes) = (folder.path().join("filters.h5"), folder.path().join("filters.bin"));
    let script = include_str!("oracle/make_filters.py");
    let said = run_python(&python, script, &[path.as_os_str(), bytes.as_os_str()]);
    let bytes = std::fs::read(bytes).unwrap();
    let mut rest = bytes.as_slice();
    let file = File::open(&path).unwrap();
    let limits = Limits::default();
    let nodes = file.nodes("/", None, true, &limits).unwrap();
    let nodes: BTreeMap<&str, _> = nodes.iter().map(|n| (n.path.as_str(), n)).collect();
    let mut counts = BTreeMap::new();
    for line in said.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let path = row["path"].as_str().unwrap();
        let node = nodes.get(path).unwrap();
        let filters: Vec<&str> = node.filters.iter().map(String::as_str).collect();
        assert_eq!(serde_json::json!(filters), row["filters"], "{path}");
        let view = file.read(path, &Selection::ALL, &limits).unwrap();
        assert_eq!(serde_json::json!(view.shape().to_vec()), row["shape"], "{path}");
        let (want, after) = rest.split_at(row["length"].as_u64().unwrap() as usize);
        rest = after;
        let got = view.to_bytes(&limits).unwrap();
        let first = got.iter().zip(want).position(|(a, b)| a != b);
        assert!(first.is_none() && got.len() == want.len(), "{path} {}: at {first:?}", view.dtype());
        for f in filters {
            *counts.entry(f.to_owned()).or_insert(0) += 1;
        }
    }
    println!("{variable}: {counts:?}");
    Some(counts)
}

#[test]
fn chunks_of_every_filter_are_read() {
    let Some(counts) = agree("HYPERSLAB_PYTHON") else { return };
    for (filter, least) in [
        ("scaleoffset", 150),
        ("nbit", 60),
        ("szip", 150),
        ("lz4", 60),
        ("bitshuffle", 150),
        ("zstd", 60),
        ("bzip2", 60),
        ("blosc", 300),
        ("blosc2", 300),
        ("lzf", 40),
    ] {
        assert!(counts.get(filter).is_some_and(|n| *n >= least), "{filter}: {counts:?}");
    }
}

#[test]
fn older_libraries_write_the_same() {
    for variable in ["HYPERSLAB_PYTHON_114", "HYPERSLAB_PYTHON_112"] {
        let Some(counts) = agree(variable) else { continue };
        for filter in ["scaleoffset", "nbit"] {
            assert!(counts.get(filter).is_some_and(|n| *n >= 60), "{filter}: {counts:?}");
        }
    }
}
