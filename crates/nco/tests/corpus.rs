//! Real objects, packs and damaged files against what their manifests say.

#![expect(clippy::unwrap_used, reason = "a panic is the failure report")]

use hyperslab_core::source::{FileSource, MemorySource, SliceSource};
use hyperslab_core::value::ListKind;
use hyperslab_core::{Container, Kind, Limits, Selection, Source, Value, digest, testing};
use hyperslab_nco::{Entry, Nco, header::Layout, object, pack};
use hyperslab_pickle::Policy;
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};

fn folder(name: &str) -> Option<PathBuf> {
    testing::corpus().map(|c| c.join("nengo").join(name))
}

fn manifest(dir: &Path) -> Json {
    serde_json::from_slice(&std::fs::read(dir.join("manifest.json")).unwrap()).unwrap()
}

fn sha256(bytes: &[u8]) -> String {
    let view = hyperslab_core::View::from_slice([bytes.len() as u64], bytes).unwrap();
    digest::digest(&view).unwrap().unwrap()
}

fn name(entry: &Json) -> &str {
    entry["file"].as_str().unwrap()
}

/// Dtype, shape and the digest of the elements as stored, in C order.
fn check_array(view: &hyperslab_core::View<'_>, want: &Json, context: &str) {
    if let Some(dtype) = want.get("dtype") {
        assert_eq!(&view.dtype().to_json(), dtype, "{context}");
    }
    assert_eq!(json!(view.shape().to_vec()), want["shape"], "{context}");
    if let Some(fortran) = want.get("fortran") {
        assert_eq!(json!(view.is_f_contiguous() && !view.is_c_contiguous()), *fortran, "{context}");
    }
    assert_eq!(json!(sha256(&view.to_bytes(&Limits::default()).unwrap())), want["sha256_c"], "{context}");
}

/// A value against the manifest's description of it.
fn check_value(got: &Value, want: &Json, context: &str) {
    let list = || want["v"].as_array().unwrap();
    match (want["t"].as_str().unwrap(), got) {
        ("none", Value::Null) => {}
        ("str", Value::String(s)) => assert_eq!(s, want["v"].as_str().unwrap(), "{context}"),
        ("int", Value::Int(n)) => assert_eq!(n.to_string(), want["v"].as_str().unwrap(), "{context}"),
        ("float", Value::Float(f)) => {
            assert_eq!(format!("{:016x}", f.to_bits()), want["bits"].as_str().unwrap(), "{context}");
        }
        ("ndarray", Value::Array(view)) => check_array(view, want, context),
        ("npscalar", Value::Array(view)) => {
            assert_eq!(view.dtype().to_json(), want["dtype"], "{context}");
            let hex: String =
                view.to_bytes(&Limits::default()).unwrap().iter().map(|b| format!("{b:02x}")).collect();
            assert_eq!((view.shape().len(), hex.as_str()), (0, want["hex"].as_str().unwrap()), "{context}");
        }
        ("list", Value::List(ListKind::List, items)) => {
            assert_eq!(items.len(), list().len(), "{context}");
            items.iter().zip(list()).for_each(|(i, w)| check_value(i, w, context));
        }
        ("dict", Value::Map(pairs)) => {
            assert_eq!(pairs.len(), list().len(), "{context}");
            for ((key, value), want) in pairs.iter().zip(list()) {
                check_value(key, &want[0], context);
                check_value(value, &want[1], context);
            }
        }
        (kind, other) => panic!("{context}: {other:?} is no {kind}"),
    }
}

#[test]
fn real_caches_are_read() {
    let (mut seen, mut values) = (0, 0);
    for numpy in ["np1", "np2"] {
        let Some(dir) = folder("real").map(|d| d.join(numpy)) else { return };
        for file in manifest(&dir)["files"].as_array().unwrap() {
            let path = dir.join(name(file));
            let bytes = std::fs::read(&path).unwrap();
            let walk = pack::walk(&SliceSource(&bytes), &Limits::default()).unwrap();
            assert!(walk.damage.is_empty());
            let entries = file["entries"].as_array().unwrap();
            assert_eq!(walk.entries.len(), entries.len());
            // By position in the file, and from memory: the same.
            let from_file = FileSource::open(&path).unwrap();
            let from_memory = MemorySource::new(bytes.clone());
            for (entry, want) in walk.entries.iter().zip(entries) {
                let header = entry.header();
                let got = [
                    header.start,
                    header.pickle.start,
                    header.pickle.end,
                    header.array.start,
                    header.array.end,
                ];
                let keys = ["start", "pickle_start", "pickle_end", "array_start", "array_end"];
                assert_eq!(got, keys.map(|k| want[k].as_u64().unwrap()));
                for source in [&from_file as &dyn Source, &from_memory] {
                    let o = object::read(source, header.start, Policy::Strict, &Limits::default()).unwrap();
                    check_array(&o.array, &want["array"], name(file));
                    check_value(&o.metadata, &want["metadata"], name(file));
                    values += 1;
                }
                // What is written again, with nengo's pickle, is byte for byte the same.
                let start = header.start as usize;
                let o = object::read(&from_memory, header.start, Policy::Strict, &Limits::default()).unwrap();
                let pickle = &bytes[header.pickle.start as usize..header.pickle.end as usize];
                let mut out = std::io::Cursor::new(Vec::new());
                let end = hyperslab_nco::write::write_to(&mut out, header.start, pickle, &o.array).unwrap();
                assert_eq!(end, header.array.end);
                assert!(out.get_ref()[start..] == bytes[start..end as usize], "{}", name(file));
            }
            seen += 1;
        }
    }
    assert_eq!(seen, 34);
    assert!(values > 60, "{values}");
}

#[test]
fn every_kind_of_array_is_read() {
    let mut seen = 0;
    for numpy in ["np1", "np2"] {
        let Some(dir) = folder("npy").map(|d| d.join(numpy)) else { return };
        for file in manifest(&dir).as_array().unwrap() {
            let read = object::load(dir.join(name(file)), Policy::Strict, &Limits::default());
            match file.get("read_error") {
                Some(_) => assert_eq!(read.unwrap_err().kind(), Kind::Unsupported),
                None => {
                    let o = read.unwrap_or_else(|e| panic!("{e}"));
                    check_array(&o.array, file, name(file));
                }
            }
            seen += 1;
        }
    }
    assert_eq!(seen, 76);
}

#[test]
fn packs_are_walked_and_recovered() {
    let Some(dir) = folder("packed") else { return };
    for file in manifest(&dir).as_array().unwrap() {
        let path = dir.join(name(file));
        let nco = Nco::open(FileSource::open(&path).unwrap(), &Limits::default()).unwrap();
        if let Some(header) = file.get("header") {
            let h = nco.entries()[0].header();
            assert_eq!(json!([h.start, h.pickle.start, h.pickle.end, h.array.start, h.array.end]), *header);
            nco.read("", &Selection::ALL, &Limits::default()).unwrap();
            continue;
        }
        let want = file["entries"].as_array().unwrap();
        let got: Vec<_> = nco.entries().iter().map(|e| (e.header().start, e.header().array.end)).collect();
        let expected: Vec<_> =
            want.iter().map(|e| (e["start"].as_u64().unwrap(), e["end"].as_u64().unwrap())).collect();
        assert_eq!(got, expected, "{}", name(file));
        for (i, entry) in want.iter().enumerate().filter(|(_, e)| e.get("sha256_c").is_some()) {
            let view = nco.read(&i.to_string(), &Selection::ALL, &Limits::default()).unwrap();
            check_array(&view, entry, name(file));
            let attributes = nco.attributes(&i.to_string(), &Limits::default()).unwrap();
            let number = attributes.iter().find(|(n, _)| n == "i").map(|(_, v)| v);
            assert_eq!(number, Some(&hyperslab_core::Value::Int(entry["i"].as_i64().unwrap().into())));
        }
        let damage: Vec<_> = nco.damage().iter().map(|d| (d.range.start, d.range.end)).collect();
        let size = std::fs::metadata(&path).unwrap().len();
        let expected = match name(file) {
            "lost_header_10.nco" | "bad_magic_10.nco" | "loop_10.nco" => vec![(6184, 6616)],
            "torn_tail.nco" => vec![(11504, size)],
            "garbage_tail.nco" => vec![(12520, size)],
            _ => vec![],
        };
        assert_eq!(damage, expected, "{}", name(file));
        // Each stretch of damage is listed with its reason.
        let nodes = nco.nodes("", None, true, &Limits::default()).unwrap();
        assert_eq!(nodes.len(), want.len() + damage.len());
        assert_eq!(nodes.iter().filter(|n| n.error.is_some()).count(), damage.len());
    }
}

#[test]
fn a_copy_inside_metadata_is_no_object() {
    let Some(dir) = folder("packed") else { return };
    let mut bytes = std::fs::read(dir.join("decoy.nco")).unwrap();
    // The first header is lost: the search passes the bytes of another object inside the first one's pickle.
    bytes[..40].fill(0);
    let walk = pack::walk(&SliceSource(&bytes), &Limits::default()).unwrap();
    let starts: Vec<_> = walk.entries.iter().map(|e| e.header().start).collect();
    assert_eq!(starts, [752]);
    assert_eq!(walk.damage[0].range, 0..752);
    assert!(walk.damage[0].what.contains("never written"));
}

#[test]
fn damaged_objects_fail_where_nengo_fails() {
    let Some(dir) = folder("corrupt") else { return };
    for file in manifest(&dir).as_array().unwrap() {
        let bytes = std::fs::read(dir.join(name(file))).unwrap();
        let memory = SliceSource(&bytes);
        let one = object::read(&memory, 0, Policy::Strict, &Limits::default());
        let ok = file["nengo"] == "ok";
        match &one {
            Ok(o) => {
                assert!(ok, "{} was read", name(file));
                check_value(&o.metadata, &file["metadata"], name(file));
                assert_eq!(json!(o.array.shape().to_vec()), file["shape"]);
            }
            Err(e) => {
                println!("{}: {e}", name(file));
                assert!(!ok, "{}: {e}", name(file));
                assert!(e.offset().is_some(), "{}: {e}", name(file));
            }
        }
        // As a container, by position in the file: the same verdict.
        let file_source = FileSource::open(dir.join(name(file))).unwrap();
        let contained = Nco::open(file_source, &Limits::default()).and_then(|nco| {
            assert!(!nco.is_pack());
            nco.metadata("", Policy::Strict, &Limits::default())?;
            nco.read("", &Selection::ALL, &Limits::default()).map(drop)
        });
        assert_eq!(contained.is_ok(), ok, "{}", name(file));
        let expected = match name(file) {
            "bad_magic.nco" | "garbage_100.nco" | "zeros_4096.nco" => "not a Nengo cache object file",
            "version_1.nco" => "NCO protocol version 1 is not supported",
            "version_255.nco" => "NCO protocol version 255 is not supported",
            "short_39.nco" => "the file ends after 39 bytes of a header of 40",
            "one_byte_short.nco" => "takes 800 bytes, 799 are there",
            "npy_object.nco" => "pickle of Python objects",
            "no_array.nco" => "the array is missing",
            "ps_gt_pe.nco" => "before its start",
            "ps_0.nco" | "as_0.nco" => "before the header's end",
            _ => "",
        };
        if !ok {
            assert!(one.unwrap_err().to_string().contains(expected), "{}", name(file));
        }
    }
}

#[test]
fn every_platform_is_read() {
    let Some(dir) = folder("foreign") else { return };
    let mut same: Vec<(String, String)> = Vec::new();
    for file in manifest(&dir).as_array().unwrap() {
        let nco = Nco::open(FileSource::open(dir.join(name(file))).unwrap(), &Limits::default()).unwrap();
        let want = file["entries"].as_array().unwrap();
        assert_eq!(nco.entries().len(), want.len(), "{}", name(file));
        assert!(nco.damage().is_empty());
        let layout = match name(file) {
            "lp64_le.nco" => Layout::Lp64Little,
            "lp64_be.nco" => Layout::Lp64Big,
            "ilp32_be.nco" => Layout::Long32Big,
            _ => Layout::Long32Little,
        };
        for (i, (entry, want)) in nco.entries().iter().zip(want).enumerate() {
            let h = entry.header();
            assert_eq!(h.layout, layout);
            assert_eq!(json!([h.pickle.start, h.pickle.end, h.array.start, h.array.end]), want["offsets"]);
            let view = nco.read(&i.to_string(), &Selection::ALL, &Limits::default()).unwrap();
            let attributes = nco.attributes(&i.to_string(), &Limits::default()).unwrap();
            let o = object::read(nco.source(), h.start, Policy::Strict, &Limits::default()).unwrap();
            assert_eq!(o.array, view);
            // Every platform wrote the same objects.
            let values = (digest::digest(&view).unwrap().unwrap(), format!("{attributes:?}"));
            match same.get(i) {
                Some(first) => assert_eq!(*first, values, "{} {i}", name(file)),
                None => same.push(values),
            }
        }
    }
}

#[test]
fn every_value_comes_with_its_array() {
    let mut seen = 0;
    for numpy in ["np1", "np2"] {
        let Some(dir) = folder("synth").map(|d| d.join(numpy)) else { return };
        if !dir.is_dir() {
            continue;
        }
        // Values that a protocol cannot hold are listed without a file.
        for file in manifest(&dir)["files"].as_array().unwrap().iter().filter(|f| f["file"].is_string()) {
            let source = FileSource::open(dir.join(name(file))).unwrap();
            let o = object::read(&source, 0, Policy::Inspect, &Limits::default())
                .unwrap_or_else(|e| panic!("{e}"));
            check_array(&o.array, &file["array"], name(file));
            let entry = Entry::open(&source, 0).unwrap();
            let pickle = entry.pickle(&source, &Limits::default()).unwrap();
            assert_eq!(json!(pickle.len()), file["pickle_len"]);
            assert_eq!(sha256(&pickle), file["pickle_sha256"].as_str().unwrap(), "{}", name(file));
            // Given the same pickle and array, the file is the same.
            let mut out = std::io::Cursor::new(Vec::new());
            hyperslab_nco::write::write_to(&mut out, 0, &pickle, &o.array).unwrap();
            assert!(*out.get_ref() == std::fs::read(dir.join(name(file))).unwrap(), "{}", name(file));
            seen += 1;
        }
    }
    // A selection of the 904 that the manifests list.
    assert!(seen > 100, "{seen}");
}

#[test]
fn older_caches_hold_the_same_objects() {
    let Some(dir) = folder("legacy") else { return };
    let manifest = manifest(&dir);
    let (keys, arrays) = (manifest["keys"].as_array().unwrap(), manifest["arrays"].as_array().unwrap());
    let sum = |view: &hyperslab_core::View<'_>| sha256(&view.to_bytes(&Limits::default()).unwrap());
    for (key, want) in keys.iter().zip(arrays) {
        let key = key.as_str().unwrap();
        let path = dir.join("v0").join(&key[..2]).join(format!("{}.nco", &key[2..]));
        let o = object::load(path, Policy::Strict, &Limits::default()).unwrap();
        assert_eq!(sum(&o.array), want.as_str().unwrap());
    }
    for version in ["v1", "v2"] {
        let path = dir.join(version).join("e8/676bda-e5ea-11f1-ac7c-02fc00000001.nco");
        let nco = Nco::open(FileSource::open(path).unwrap(), &Limits::default()).unwrap();
        assert_eq!((nco.entries().len(), nco.damage().len()), (arrays.len(), 0));
        for (i, want) in arrays.iter().enumerate() {
            let view = nco.read(&i.to_string(), &Selection::ALL, &Limits::default()).unwrap();
            assert_eq!(sum(&view), want.as_str().unwrap());
        }
    }
}
