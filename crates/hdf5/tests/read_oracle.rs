//! Files made by the real h5py, read by us: the same values, shapes and attributes in every dialect.

#![allow(clippy::unwrap_used, reason = "tests: a panic is the failure report")]

use hyperslab_core::testing::{oracle, run_python};
use hyperslab_core::{Container, Limits, NodeKind, Selection, View, digest, json};
use hyperslab_hdf5::{File, image};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;

/// What each interpreter's library can write: lowest and highest version of the dialect.
const ORACLES: [(&str, &str); 3] = [
    (
        "HYPERSLAB_PYTHON",
        r#"[["earliest","latest"],["v108","v108"],["v110","v110"],["v112","v112"],["v114","v114"],["latest","latest"]]"#,
    ),
    ("HYPERSLAB_PYTHON_114", r#"[["earliest","latest"],["v110","v110"],["latest","latest"]]"#),
    ("HYPERSLAB_PYTHON_112", r#"[["earliest","latest"],["v110","v110"],["latest","latest"]]"#),
];

#[test]
fn files_of_h5py_are_read() {
    for (variable, dialects) in ORACLES {
        let Some(python) = oracle(variable) else { continue };
        let folder = tempfile::tempdir().unwrap();
        let script = include_str!("../../../fixtures/make/fresh/hdf5_dialects.py");
        let said = run_python(&python, script, &[folder.path().as_os_str(), OsStr::new(dialects)]);
        let mut files: BTreeMap<String, File<'_>> = BTreeMap::new();
        let (mut arrays, mut attributes) = (0, 0);
        for line in said.lines() {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            let (name, path) = (row["file"].as_str().unwrap(), row["path"].as_str().unwrap());
            let file =
                files.entry(name.into()).or_insert_with(|| File::open(folder.path().join(name)).unwrap());
            let limits = Limits::default();
            if let Some(attribute) = row["name"].as_str() {
                let v = file.attribute(path, attribute, &limits).unwrap();
                let got = json::from_value(&v, &limits).unwrap();
                assert_eq!(got, row["value"], "{name}: {path}@{attribute}");
                attributes += 1;
                continue;
            }
            let view = file.read(path, &Selection::ALL, &limits).unwrap();
            assert_eq!(serde_json::json!(view.shape().to_vec()), row["shape"], "{name}: {path}");
            let sum = digest::digest(&view).unwrap();
            assert_eq!(sum.as_deref(), row["sha256"].as_str(), "{name}: {path}: {}", view.dtype());
            parts_agree(file, path, &view, &limits);
            arrays += 1;
        }
        for (name, file) in &files {
            everything_is_listed(name, file, &said);
        }
        println!("{variable}: {arrays} arrays and {attributes} attributes agree");
        assert!(arrays > 300 && attributes > 200);
    }
}

/// Selections give what the whole array holds at those places.
fn parts_agree(file: &File<'_>, path: &str, whole: &View<'_>, limits: &Limits) {
    if whole.dtype().has_indirection() {
        return;
    }
    let texts: &[&str] = match whole.shape().len() {
        0 => return,
        1 => &["0:0", "1:4", "::-3", "-2:"],
        _ => &["1:2", "::2, ::-1", "..., -1:", "::-2, 1:3"],
    };
    for text in texts {
        let s: Selection = text.parse().unwrap();
        let part = file.read(path, &s, limits).unwrap();
        assert_eq!(part, whole.borrow().select(&s).unwrap(), "{path}[{text}]");
    }
}

/// The listing has every array that h5py wrote, and none of its nodes an error.
fn everything_is_listed(name: &str, file: &File<'_>, said: &str) {
    let nodes = file.nodes("/", None, true, &Limits::default()).unwrap();
    let arrays: BTreeSet<&str> =
        nodes.iter().filter(|n| n.kind == NodeKind::Array).map(|n| n.path.as_str()).collect();
    assert!(
        nodes.iter().all(|n| n.error.is_none()),
        "{name}: {:?}",
        nodes.iter().find_map(|n| n.error.as_ref())
    );
    for line in said.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        if row["file"] == *name && row["name"].is_null() {
            let path = row["path"].as_str().unwrap();
            assert!(arrays.contains(path), "{name}: {path} is not listed");
        }
    }
    assert_eq!(nodes.iter().filter(|n| n.kind == NodeKind::Link).count(), 2, "{name}");
    assert_eq!(nodes.iter().filter(|n| n.kind == NodeKind::Type).count(), 1, "{name}");
    assert_eq!(arrays.iter().filter(|p| p.starts_with("/many links/")).count(), 2100, "{name}");
    let made: Vec<&str> =
        nodes.iter().filter_map(|n| n.path.strip_prefix("/in order of creation/")).collect();
    let want: Vec<String> = (0..20).map(|i| ((i * 7) % 20).to_string()).collect();
    assert!(name.starts_with("earliest") || made == want, "{name}: {made:?}");
}

#[test]
fn images_are_files_to_h5py() {
    let check = "
import io, sys, h5py, numpy as np
b = open(sys.argv[1], 'rb').read()
with h5py.File(io.BytesIO(b), 'r') as f:
    a = f['data'][()]
    assert f['data'].dtype == np.dtype(sys.argv[2]) and a.shape == eval(sys.argv[3]), (a.dtype, a.shape)
    assert a.tobytes() == np.arange(a.size).astype(a.dtype).tobytes(), a
    off = f['data'].id.get_offset()
    assert off is None or off % 64 == 0, off
b = io.BytesIO(b)
with h5py.File(b, 'r+') as f:
    f['data'].attrs['unit'] = 'mm'
    f['more'] = np.arange(10)
    f.create_group('g')['deep'] = 'text'
    if a.size: f['data'][...] = f['data'][...] * 0
with h5py.File(b, 'r') as f:
    assert sorted(f) == ['data', 'g', 'more'] and f['data'].attrs['unit'] == 'mm' and not f['data'][()].any()
open(sys.argv[1], 'wb').write(b.getvalue())
";
    for (variable, _) in ORACLES {
        let Some(python) = oracle(variable) else { continue };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image.h5");
        for descr in ["<f8", ">f4", "|u1", ">i2", "<u8", "<c16"] {
            for shape in [&[][..], &[7], &[3, 4], &[2, 0]] {
                let dtype: hyperslab_core::Dtype = descr.parse().unwrap();
                let n: u64 = shape.iter().product();
                let bytes: Vec<u8> = (0..n).flat_map(|i| number(descr, i)).collect();
                let view = View::new(dtype, shape.into(), &bytes[..]).unwrap();
                std::fs::write(&path, image::serialize(&view, "data").unwrap()).unwrap();
                let shape = view.shape().to_string();
                run_python(&python, check, &[path.as_os_str(), OsStr::new(descr), OsStr::new(&shape)]);
                // What h5py made of it is read again.
                let changed = std::fs::read(&path).unwrap();
                let file = File::from_image(&changed).unwrap();
                let limits = Limits::default();
                let back = file.read("data", &Selection::ALL, &limits).unwrap();
                assert_eq!(back.shape(), view.shape());
                assert_eq!(file.attribute("data", "unit", &limits).unwrap().as_str(), Some("mm"));
                let more = file.read("more", &Selection::ALL, &limits).unwrap();
                assert_eq!(more.to_vec::<i64>().unwrap(), (0..10).collect::<Vec<_>>());
            }
        }
    }
}

/// A small whole number as an element of a type.
fn number(descr: &str, i: u64) -> Vec<u8> {
    match descr {
        "<f8" => (i as f64).to_le_bytes().to_vec(),
        ">f4" => (i as f32).to_be_bytes().to_vec(),
        "|u1" => vec![i as u8],
        ">i2" => (i as i16).to_be_bytes().to_vec(),
        "<u8" => i.to_le_bytes().to_vec(),
        _ => [(i as f64).to_le_bytes(), 0f64.to_le_bytes()].concat(),
    }
}

#[test]
fn files_of_h5py_are_images() {
    let make = "
import sys, h5py, numpy as np
a = np.arange(500 * 40, dtype='<f8').reshape(500, 40)
for name, how in [('plain', {}), ('gzip', dict(chunks=(100, 7), compression='gzip', shuffle=True))]:
    for libver in ['earliest', 'v110', 'latest']:
        with h5py.File('%s/%s-%s.h5' % (sys.argv[1], name, libver), 'w', libver=libver) as f:
            f.create_dataset('the only one', data=a, **how)
";
    for (variable, _) in ORACLES {
        let Some(python) = oracle(variable) else { continue };
        let folder = tempfile::tempdir().unwrap();
        run_python(&python, make, &[folder.path().as_os_str()]);
        let want: Vec<f64> = (0..20_000).map(f64::from).collect();
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let path = entry.unwrap().path();
            let plain = path.file_name().unwrap().to_string_lossy().starts_with("plain");
            let bytes = hyperslab_core::view::Buffer::copy_of(&std::fs::read(&path).unwrap());
            let view = image::deserialize_as::<f64>(&bytes).unwrap();
            assert_eq!((&view.shape()[..], view.as_slice::<f64>().unwrap()), (&[500, 40][..], &want[..]));
            assert_eq!(view.is_view(), plain, "{}", path.display());
        }
    }
}
