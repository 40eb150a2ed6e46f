//! Chunks through every filter, written by the real filters, read by us: the same values; written anew by
//! us, read by the real filters: the same again.

#![allow(clippy::unwrap_used, reason = "tests: a panic is the failure report")]

use hyperslab_core::testing::{oracle, run_python};
use hyperslab_core::{Container, ContainerWriter, Kind, Limits, Node, NodeKind, Selection};
use hyperslab_hdf5::filter::Registry;
use hyperslab_hdf5::{File, Writer};
use std::collections::BTreeMap;
use std::path::Path;

/// Compares the datasets of a file with those of another, which has more.
const SAME: &str = concat!(
    include_str!("oracle/same.py"),
    "
with h5py.File(sys.argv[2]) as theirs, h5py.File(sys.argv[3]) as ours:
    kept = []
    ours.visititems(lambda n, o: kept.append(n) if isinstance(o, h5py.Dataset) else None)
    for n in kept:
        compare('/' + n, theirs, ours, 'exactly', {})
    print(len(kept))
"
);

/// Some of the datasets written anew by us with the filters that they have, parameter by parameter: the same values and
/// the same filters for the library that wrote them.
fn written_anew(python: &Path, theirs: &Path, nodes: &BTreeMap<&str, &Node>) {
    let (file, limits) = (File::open(theirs).unwrap(), Limits::default());
    let ours = theirs.with_file_name("ours.h5");
    let mut w = Writer::create(&ours, false).unwrap();
    let every = if std::env::var_os("HYPERSLAB_SOAK").is_some() { 1 } else { 11 };
    let (mut count, mut stored) = (0, (0, 0));
    // There is no encoder of Blosc 2.
    let arrays =
        nodes.values().filter(|n| n.kind == NodeKind::Array && !n.filters.contains(&"blosc2".to_owned()));
    for node in arrays.step_by(every) {
        let view = file.read(&node.path, &Selection::ALL, &limits).unwrap();
        let storage = file.storage(&node.path, &limits).unwrap();
        ContainerWriter::array(&mut w, &node.path, &view, &storage).unwrap();
        stored.0 += view.nbytes();
        count += 1;
    }
    w.finish().unwrap();
    stored.1 = std::fs::metadata(&ours).unwrap().len();
    let said = run_python(python, SAME, &["all".as_ref(), theirs.as_os_str(), ours.as_os_str()]);
    assert_eq!(said.trim(), count.to_string());
    println!("{count} datasets written anew: {} bytes in {}", stored.0, stored.1);
}

/// Reads everything that a script wrote and told of; returns how many arrays there were of each filter.
fn agree(variable: &str) -> Option<BTreeMap<String, usize>> {
    let python = oracle(variable)?;
    let folder = tempfile::tempdir().unwrap();
    let (path, bytes) = (folder.path().join("filters.h5"), folder.path().join("filters.bin"));
    let script = include_str!("../../../fixtures/make/fresh/hdf5_filters.py");
    let said = run_python(&python, script, &[path.as_os_str(), bytes.as_os_str()]);
    let bytes = std::fs::read(bytes).unwrap();
    let mut rest = bytes.as_slice();
    let file = File::open(&path).unwrap();
    let path_of_file = path;
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
    written_anew(&python, &path_of_file, &nodes);
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

#[test]
fn a_program_brings_its_own_filter() {
    let Some(python) = oracle("HYPERSLAB_PYTHON") else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.h5");
    let script = "
import sys, h5py
from h5py import h5d, h5p, h5s, h5t, h5z
f = h5py.File(sys.argv[1], 'w')
p = h5p.create(h5p.DATASET_CREATE)
p.set_chunk((4,))
p.set_filter(40000, h5z.FLAG_OPTIONAL, (3,))
d = h5d.create(f.id, b'x', h5t.STD_U8LE, h5s.create_simple((8,)), p)
d.write_direct_chunk((0,), bytes([1, 2, 3, 4]))
d.write_direct_chunk((4,), bytes([5, 6, 7, 8]), 1)
v = h5py.VirtualLayout(shape=(8,), dtype='u1')
v[:] = h5py.VirtualSource('own.h5', 'x', shape=(8,))
with h5py.File(sys.argv[2], 'w') as g:
    g.create_virtual_dataset('v', v)
";
    let other = folder.path().join("other.h5");
    run_python(&python, script, &[path.as_os_str(), other.as_os_str()]);
    let limits = Limits::default();
    let file = File::open(&path).unwrap();
    let e = file.read("/x", &Selection::ALL, &limits).unwrap_err();
    assert_eq!(e.kind(), Kind::Unsupported);
    assert_eq!(e.message(), "filter 40000 is not built in");
    let times = |values: &[u32], bytes: &[u8], _: u64, _: &Limits| {
        Ok(bytes.iter().map(|b| b * u8::try_from(values[0]).unwrap()).collect())
    };
    let filters = Registry::default().with(40000, "times", times);
    let file = file.with_filters(filters.clone());
    // The second chunk went past the filter.
    let view = file.read("/x", &Selection::ALL, &limits).unwrap();
    assert_eq!(view.to_vec::<u8>().unwrap(), [3, 6, 9, 12, 5, 6, 7, 8]);
    assert_eq!(file.nodes("/", None, true, &limits).unwrap().last().unwrap().filters, ["times"]);
    // It holds for the files that a file leads to.
    let other = File::open(&other).unwrap().with_filters(filters);
    let view = other.read("/v", &Selection::ALL, &limits).unwrap();
    assert_eq!(view.to_vec::<u8>().unwrap(), [3, 6, 9, 12, 5, 6, 7, 8]);
}
