//! Real objects, packs and damaged files against what their manifests say.

#![expect(clippy::unwrap_used, reason = "a panic is the failure report")]

use hyperslab_core::source::{FileSource, MemorySource, SliceSource};
use hyperslab_core::{Container, Kind, Limits, Selection, Source, digest, testing};
use hyperslab_nco::{Nco, header::Layout, object, pack};
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

#[test]
fn real_caches_are_read() {
    let mut seen = 0;
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
                    assert!(o.metadata.get("rmses").is_some());
                    assert!(o.metadata.get("time").is_some());
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
                    let mut want = file.clone();
                    if want["dtype"].is_array() {
                        // The manifest writes a struct's padding and titles as NumPy's header does.
                        want["dtype"] = o.array.dtype().to_json();
                    }
                    check_array(&o.array, &want, name(file));
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
            nco.read(&i.to_string(), &Selection::ALL, &Limits::default()).unwrap();
            nco.attributes(&i.to_string(), &Limits::default()).unwrap();
        }
    }
}
