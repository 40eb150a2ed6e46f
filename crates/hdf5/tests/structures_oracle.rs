//! Files with rare structures, made by the real h5py and read by us: shared messages, metadata cache images, virtual
//! datasets, external raw data, links to other files.

#![allow(clippy::unwrap_used, reason = "tests: a panic is the failure report")]

mod common;

use common::{Numbers, damage};
use hyperslab_core::testing::{oracle_python, run_python};
use hyperslab_core::{Container, Limits, Selection, View, digest, json, scalar};
use hyperslab_hdf5::{File, Follow, testing::sealed};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::time::{Duration, Instant};

#[test]
fn files_with_rare_structures_are_read() {
    let Some(python) = oracle_python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let script = include_str!("../../../fixtures/make/fresh/hdf5_structures.py");
    let said = run_python(&python, script, &[folder.path().as_os_str()]);
    let mut files: BTreeMap<String, File<'_>> = BTreeMap::new();
    let (mut arrays, mut attributes, mut shown) = (0, 0, 0);
    for line in said.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let (name, path) = (row["file"].as_str().unwrap(), row["path"].as_str().unwrap());
        let file = files.entry(name.into()).or_insert_with(|| File::open(folder.path().join(name)).unwrap());
        let limits = Limits::default();
        if !row["shown"].is_null() {
            let v = match row["name"].as_str() {
                Some(attribute) => file.attribute(path, attribute, &limits).unwrap(),
                None => {
                    let view = file.read(path, &Selection::ALL, &limits).unwrap();
                    scalar::tree(&view, &limits).unwrap()
                }
            };
            let got = json::shown(&v, &limits).unwrap();
            assert!(same(&got, &row["shown"]), "{name}: {path}@{}: {got} {}", row["name"], row["shown"]);
            shown += 1;
            continue;
        }
        if let Some(attribute) = row["name"].as_str() {
            let v = file.attribute(path, attribute, &limits).unwrap();
            assert_eq!(json::from_value(&v, &limits).unwrap(), row["value"], "{name}: {path}@{attribute}");
            attributes += 1;
            continue;
        }
        let view = file.read(path, &Selection::ALL, &limits).unwrap();
        assert_eq!(serde_json::json!(view.shape().to_vec()), row["shape"], "{name}: {path}");
        let sum = digest::digest(&view).unwrap();
        assert_eq!(sum.as_deref(), row["sha256"].as_str(), "{name}: {path}: {view:?}");
        parts_agree(file, path, &view, &limits);
        arrays += 1;
    }
    names_do_not_lead_outside(folder.path());
    damage_is_survived(folder.path());
    for (name, file) in &files {
        for node in file.nodes("/", None, true, &Limits::default()).unwrap() {
            assert!(node.error.is_none(), "{name}: {:?}", node.error);
        }
    }
    println!("{arrays} arrays, {attributes} attributes and {shown} lists of values agree");
    assert!(arrays > 100 && attributes > 300 && shown > 15, "{arrays} {attributes} {shown}");
}

#[test]
fn random_virtual_datasets_are_read() {
    let Some(python) = oracle_python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let script = include_str!("../../../fixtures/make/fresh/hdf5_virtual.py");
    let args = [folder.path().as_os_str(), OsStr::new("300"), OsStr::new("5")];
    let said = run_python(&python, script, &args);
    let file = File::open(folder.path().join("random.h5")).unwrap();
    let limits = Limits::default();
    let mut count = 0;
    for line in said.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let path = row["path"].as_str().unwrap();
        let view = file.read(path, &Selection::ALL, &limits).unwrap();
        assert_eq!(serde_json::json!(view.shape().to_vec()), row["shape"], "{path}");
        parts_agree(&file, path, &view, &limits);
        if let Some(sum) = row["sha256"].as_str() {
            assert_eq!(digest::digest(&view).unwrap().as_deref(), Some(sum), "{path}");
            count += 1;
        }
    }
    assert!(count > 250, "{count}");
}

/// Equal up to how a number is written.
fn same(a: &serde_json::Value, b: &serde_json::Value) -> bool {
    match (a, b) {
        (serde_json::Value::Array(x), serde_json::Value::Array(y)) => {
            x.len() == y.len() && x.iter().zip(y).all(|(x, y)| same(x, y))
        }
        (serde_json::Value::Number(x), serde_json::Value::Number(y)) => {
            x == y || x.to_string().contains('.') && x.as_f64() == y.as_f64()
        }
        _ => a == b,
    }
}

/// What a file may make its reader open.
fn names_do_not_lead_outside(folder: &Path) {
    let limits = Limits::default();
    let read = |f: &File<'_>, path: &str| match f.read(path, &Selection::ALL, &limits) {
        Ok(view) => view.shape().to_string(),
        Err(e) => format!("{:?}: {e}", e.kind()),
    };
    let path = folder.join("below/outside.h5");
    let (careful, trusting) =
        (File::open(&path).unwrap(), File::open(&path).unwrap().following(Follow::Anywhere));
    for name in ["link", "absolute", "raw", "raw absolute", "virtual"] {
        let said = read(&careful, name);
        assert!(said.starts_with("Unsupported") && said.contains("--follow-outside"), "{name}: {said}");
        assert!(!read(&trusting, name).contains(':'), "{name}: {}", read(&trusting, name));
    }
    for name in ["inside", "moved"] {
        assert_eq!(read(&careful, name), "(6, 10)", "{name}");
    }
    for name in ["itself", "a"] {
        let said = read(&careful, name);
        assert!(said.contains("circle") || said.starts_with("Limit"), "{name}: {said}");
    }
    let nodes = careful.nodes("/", None, true, &limits).unwrap();
    assert!(nodes.iter().all(|n| n.error.is_none()), "{nodes:?}");

    let links = File::open(folder.join("links.h5")).unwrap();
    let said = read(&links, "circle");
    assert!(said.contains("circle"), "{said}");
    let said = read(&links, "lost");
    assert!(
        said.starts_with("Usage") && said.contains(&*folder.join("nowhere.h5").to_string_lossy()),
        "{said}"
    );
    let bytes = std::fs::read(folder.join("links.h5")).unwrap();
    let said = read(&File::from_image(&bytes).unwrap(), "there");
    assert!(said.starts_with("Unsupported") && said.contains("in memory"), "{said}");
}

/// Damaged files beside files that they lead to.
fn damage_is_survived(folder: &Path) {
    let rounds = std::env::var("HYPERSLAB_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(40u64);
    let mut numbers = Numbers(0x5eed_0002);
    let (mut right, mut slowest) = (0, Duration::ZERO);
    let names = ["virtual latest.h5", "virtual v110.h5", "shared tree latest.h5", "shared list earliest.h5"];
    for name in names.into_iter().chain(["cache image.h5", "references.h5", "external.h5", "links.h5"]) {
        let original = std::fs::read(folder.join(name)).unwrap();
        let sums = sealed(&original);
        for round in 0..rounds {
            let mut bytes = original.clone();
            damage(&mut bytes, &sums, &mut numbers);
            let path = folder.join("damaged.h5");
            std::fs::write(&path, &bytes).unwrap();
            let start = Instant::now();
            right += read_all(&path);
            let took = start.elapsed();
            assert!(took < Duration::from_secs(5), "{name}, round {round}: {took:?}");
            slowest = slowest.max(took);
        }
    }
    println!("{right} arrays of damaged files are still readable, slowest file {slowest:?}");
    assert!(right > 0);
}

fn read_all(path: &Path) -> usize {
    let limits = Limits::new(64 << 20, 200_000, 32);
    let Ok(file) = File::open(path) else { return 0 };
    let Ok(nodes) = file.nodes("/", None, true, &limits) else { return 0 };
    let mut right = 0;
    for node in &nodes {
        // A listing of everything and reading everything are two operations.
        let limits = Limits::new(64 << 20, 200_000, 32);
        if let Ok(view) = file.read(&node.path, &Selection::ALL, &limits) {
            right += usize::from(view.nbytes() < 16 << 20 && scalar::tree(&view, &limits).is_ok());
        }
        let _ = file.read(&node.path, &Selection::rows(0, 1), &limits);
    }
    right
}

/// Selections give what the whole array holds at those places.
fn parts_agree(file: &File<'_>, path: &str, whole: &View<'_>, limits: &Limits) {
    let texts: &[&str] = match whole.shape().len() {
        0 => return,
        1 => &["0:0", "1:4", "::-3", "-2:", "::2"],
        _ => &["1:2", "::2, ::-1", "..., -1:", "::-2, 1:3", "..., ::3", "1::2, 1::2", "..., 0"],
    };
    for text in texts {
        let s: Selection = text.parse().unwrap();
        let Ok(want) = whole.borrow().select(&s) else { continue };
        let part = file.read(path, &s, limits).unwrap();
        assert_eq!(part, want, "{path}[{text}]");
    }
}
