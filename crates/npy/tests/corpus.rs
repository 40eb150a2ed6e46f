//! Real, odd, malformed and hostile NumPy files, with what NumPy 2.4 says of them and what is expected of us.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests: a panic is the failure report")]

use hyperslab_core::container::{Container, NodeKind};
use hyperslab_core::digest::digest;
use hyperslab_core::source::{FileSource, map};
use hyperslab_core::{Dtype, Error, Limits, Selection, Shape, Source, testing};
use hyperslab_npy::raw::{Layout, Raw};
use hyperslab_npy::{Npy, Npz, filename};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::Path;

/// What was found: dtype, shape and digest by path.
type Found = BTreeMap<String, (Json, Vec<u64>, Option<String>)>;

fn walk(container: &dyn Container) -> Result<Found, Error> {
    let limits = Limits::new(1 << 30, 1 << 20, 64);
    let mut found = Found::new();
    for node in container.nodes("", None, true, &limits)? {
        if let Some(e) = node.error {
            return Err(e);
        }
        if node.kind != NodeKind::Array {
            continue;
        }
        let view = container.read(&node.path, &Selection::ALL, &limits)?;
        // The listing and the array must tell the same story.
        assert_eq!(node.dtype.as_ref(), Some(view.dtype()), "{}", node.path);
        assert_eq!(node.shape.as_ref(), Some(view.shape()), "{}", node.path);
        found.insert(node.path, (view.dtype().to_json(), view.shape().to_vec(), digest(&view)?));
    }
    Ok(found)
}

fn read<S: Source>(source: S, row: &Json, path: &Path) -> Result<Found, Error> {
    let limits = Limits::new(1 << 30, 1 << 20, 64);
    match row["kind"].as_str() {
        Some("npy") => walk(&Npy::open(source, &limits)?),
        Some("npz") => walk(&Npz::open(source, &limits)?),
        _ => {
            let size = source.len()?;
            let layout = match filename::parse(path)? {
                Some(named) => named.layout_for(size),
                None => {
                    // What a person would say of the file: its type, and the extents that the name still shows.
                    let layout = Layout::new(row["dtype"].as_str().unwrap().parse::<Dtype>()?);
                    match path.file_stem().is_some_and(|s| s.to_string_lossy().ends_with("4_5_trunc")) {
                        true => layout.with_shape(&Shape::from([4, 5])),
                        false => layout,
                    }
                }
            };
            walk(&Raw::open(source, layout)?)
        }
    }
}

/// Path, dtype, shape and digest of an array that the truth lists.
type Expected = (String, Json, Vec<u64>, Option<String>);

/// The arrays that the truth lists.
fn expected(row: &Json) -> Vec<Expected> {
    let extents = |a: &Json| a["shape"].as_array().unwrap().iter().map(|d| d.as_u64().unwrap()).collect();
    let text = |v: &Json| v.as_str().map(String::from);
    match row["numpy"].as_object() {
        Some(_) => {
            let n = &row["numpy"];
            vec![(String::new(), n["descr"].clone(), extents(n), text(&n["sha256"]))]
        }
        None => row["arrays"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|a| (text(&a["path"]).unwrap(), a["descr"].clone(), extents(a), text(&a["sha256"])))
            .collect(),
    }
}

#[test]
fn every_file_is_as_expected() {
    let Some(corpus) = testing::corpus() else { return };
    let base = corpus.join("npy");
    let truth = std::fs::read_to_string(base.join("truth.jsonl")).unwrap();
    let mut wrong = Vec::new();
    let mut counts = BTreeMap::<String, u32>::new();
    for line in truth.lines() {
        let row: Json = serde_json::from_str(line).unwrap();
        let kind = row["kind"].as_str().unwrap();
        if kind == "text" {
            continue;
        }
        let name = row["path"].as_str().unwrap();
        let path = base.join(name);
        let over_file = FileSource::open(&path).and_then(|s| read(s, &row, &path));
        let over_map = map(&path).and_then(|s| read(s, &row, &path));
        match (&over_file, &over_map) {
            (Ok(a), Ok(b)) if a == b => {}
            (Err(a), Err(b)) if a.kind() == b.kind() => {}
            _ => wrong.push(format!("{name}: file {over_file:?}, map {over_map:?}")),
        }
        let expect = row["expect"].as_str().unwrap();
        *counts.entry(expect.into()).or_default() += 1;
        match (expect, over_file) {
            ("ok" | "ok_reject_extract", Ok(found)) => {
                for (path, descr, shape, sha256) in expected(&row) {
                    // A title that is a number has its digits as text here.
                    let descr_matters = !name.ends_with("descr_title_int.npy");
                    match found.get(&path) {
                        Some((d, s, h)) if (*d == descr || !descr_matters) && *s == shape && *h == sha256 => {
                        }
                        other => wrong.push(format!(
                            "{name}: {path}: {other:?}, expected {descr} {shape:?} {sha256:?}"
                        )),
                    }
                }
            }
            ("error" | "policy" | "member_error", Err(e)) => {
                let text = e.to_string();
                if text.contains('\n') || text.len() > 600 || !text.contains(path.to_str().unwrap()) {
                    wrong.push(format!("{name}: not one clear line: {text}"));
                }
            }
            ("ok_optional", _) => {}
            (_, found) => wrong.push(format!("{name}: {expect}, got {found:?}")),
        }
    }
    println!("{counts:?}");
    assert!(counts.values().sum::<u32>() > 250, "the truth lists hardly any file: {counts:?}");
    assert!(wrong.is_empty(), "{} of the files:\n{}", wrong.len(), wrong.join("\n"));
}
