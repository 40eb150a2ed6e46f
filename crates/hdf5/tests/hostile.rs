//! Damaged files: every one gives what can be read or an error, within the limits and without delay.

#![allow(clippy::unwrap_used, reason = "tests: a panic is the failure report")]

mod common;

use common::{Numbers, damage};
use hyperslab_core::{Container, Limits, NodeKind, Selection, Value, View, digest, testing};
use hyperslab_hdf5::{File, Writer, image, testing::sealed};
use std::time::{Duration, Instant};

/// Mutations of all files together, unless `HYPERSLAB_MUTATIONS` asks for more.
const MUTATIONS: usize = 5000;
/// Files of the corpus that are not longer than this are damaged too.
const SMALL: u64 = 24 << 10;

/// Reads everything that there is.
fn read_all(bytes: &[u8]) -> usize {
    let limits = Limits::new(64 << 20, 200_000, 32);
    let _ = image::deserialize(bytes);
    let Ok(file) = File::from_image(bytes) else { return 0 };
    let Ok(nodes) = file.nodes("/", None, true, &limits) else { return 0 };
    let mut right = 0;
    for node in nodes.iter().filter(|n| n.kind == NodeKind::Array) {
        if let Ok(view) = file.read(&node.path, &Selection::ALL, &limits)
            && view.nbytes() < 16 << 20
        {
            right += usize::from(digest::digest(&view).is_ok());
        }
        let _ = file.read(&node.path, &Selection::rows(0, 1), &limits);
    }
    let _ = file.walk(&limits, &mut |_| Ok(()));
    right
}

fn ours() -> Vec<Vec<u8>> {
    let v: Vec<f64> = (0..20).map(f64::from).collect();
    let matrix = View::from_slice([4, 5], &v).unwrap();
    let mut w = Writer::in_memory();
    w.dataset("/a/b/x").write(&matrix).unwrap();
    w.dataset("/a/s").write(&View::new("|S3".parse().unwrap(), [2].into(), &b"abcdef"[..]).unwrap()).unwrap();
    w.attribute("/a", "text", &Value::from("hello")).unwrap();
    w.attribute("/a/b/x", "list", &Value::list([Value::from(1.5), Value::from(2.5)])).unwrap();
    vec![image::serialize(&matrix, "data").unwrap(), w.into_image().unwrap()]
}

fn small_files() -> Vec<Vec<u8>> {
    let mut paths = Vec::new();
    let mut folders = vec![testing::fixture("hdf5")];
    folders.extend(testing::corpus().map(|corpus| corpus.join("hdf5/files")));
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { paths.push(path) }
        }
    }
    paths.sort();
    paths.retain(|p| p.metadata().is_ok_and(|m| m.len() <= SMALL));
    paths.iter().map(|p| std::fs::read(p).unwrap()).collect()
}

#[test]
fn mutations_are_survived() {
    let wanted = std::env::var("HYPERSLAB_MUTATIONS").ok().and_then(|n| n.parse().ok()).unwrap_or(MUTATIONS);
    let mut numbers = Numbers(0x5eed_0001);
    let (mut count, mut opened, mut slowest) = (0u32, 0u32, Duration::ZERO);
    let originals: Vec<Vec<u8>> = ours().into_iter().chain(small_files()).collect();
    let mut checksums = 0;
    for original in &originals {
        let sealed = sealed(original);
        checksums += sealed.len();
        for _ in 0..wanted.div_ceil(originals.len()) {
            let mut file = original.clone();
            damage(&mut file, &sealed, &mut numbers);
            let start = Instant::now();
            opened += u32::from(read_all(&file) > 0);
            slowest = slowest.max(start.elapsed());
            count += 1;
        }
    }
    assert!(checksums > 200, "{checksums}");
    println!("{count} damaged files, {opened} of them still with readable arrays, slowest {slowest:?}");
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    assert!(opened > 0);
}

/// Found by fuzzing: reading all of it gave the elements, reading the one row gave fill values.
#[test]
fn a_key_that_leads_past_a_chunk_is_found_whatever_is_read() {
    for (name, parts) in [
        ("btree_key.h5", [0..100, 57..58, 58..59, 0..10, 90..100]),
        ("btree_records.h5", [0..5, 0..2, 0..1, 0..3, 0..4]),
    ] {
        let image = std::fs::read(testing::fixture("../hostile").join(name)).unwrap();
        let (file, limits) = (File::from_image(&image).unwrap(), Limits::default());
        let read = |selection| file.read("/damaged", &selection, &limits).map(|v| v.nbytes());
        for rows in parts {
            let error = read(Selection::rows(rows.start, rows.end)).unwrap_err();
            assert_eq!(error.kind(), hyperslab_core::Kind::Invalid, "{name} {rows:?}");
        }
        let all = file.read("/sound", &Selection::ALL, &limits).unwrap();
        assert_eq!(all.to_vec::<i64>().unwrap(), [0, 1, 2]);
    }
}
