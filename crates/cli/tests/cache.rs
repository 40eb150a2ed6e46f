//! `slab cache` on directories that tests make: older layouts, damage, and what is no cache at all.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests: a panic is the failure report")]

mod layouts;

use hyperslab::nco::cache::{Cache, CacheOptions, Key};
use hyperslab::testing;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn slab(args: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_slab")).args(args).current_dir(folder).output().unwrap()
}

fn printed(out: &Output) -> String {
    String::from_utf8(out.stdout.clone()).unwrap() + &String::from_utf8(out.stderr.clone()).unwrap()
}

/// What a command says with `--json`, and its exit code.
fn json(args: &[&str], folder: &Path) -> (Json, i32) {
    let out = slab(&[args, &["--json"]].concat(), folder);
    let document = serde_json::from_slice(&out.stdout).unwrap_or_else(|_| panic!("{}", printed(&out)));
    (document, out.status.code().unwrap())
}

/// Every file below a directory, with its bytes.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut folders = vec![dir.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    let bytes = fs::read(&path).unwrap();
                    all.insert(path.strip_prefix(dir).unwrap().to_path_buf(), bytes);
                }
            }
        }
    }
    all
}

fn copy(from: &Path, to: &Path) {
    for (name, bytes) in files(from) {
        fs::create_dir_all(to.join(&name).parent().unwrap()).unwrap();
        fs::write(to.join(name), bytes).unwrap();
    }
}

/// Migrates a directory with three entries twice, and checks that everything that was there is there.
fn migrates(dir: &Path, layout: &str) {
    let before = files(dir);
    let (done, code) = json(&["cache", "migrate", "."], dir);
    assert_eq!((&done["from"], &done["entries"], code), (&layout.into(), &3.into(), 0), "{done}");
    assert_eq!((&done["mode"], &done["needed"]), (&"shared".into(), &true.into()), "{done}");
    let after = files(dir);
    for (name, bytes) in &before {
        let name = if name == Path::new("index") { Path::new("index.older") } else { name };
        assert!(after.get(name) == Some(bytes), "{} is gone, or changed", name.display());
    }
    for key in layouts::KEYS {
        let cache = Cache::open(dir, &CacheOptions::default()).unwrap();
        assert!(cache.get(&Key::from(key)).unwrap().is_some(), "{key}");
    }
    let (checked, code) = json(&["cache", "verify", "."], dir);
    assert_eq!((&checked["entries"], code), (&3.into(), 0), "{checked}");
    let (again, code) = json(&["cache", "migrate", "."], dir);
    assert_eq!((&again["needed"], &again["from"], code), (&false.into(), &"shared".into(), 0), "{again}");
    assert!(files(dir) == after);
}

#[test]
fn older_layouts_are_migrated_where_they_lie() {
    let dir = tempfile::tempdir().unwrap();
    let (keyed, packed) = (dir.path().join("keyed"), dir.path().join("packed"));
    layouts::keyed(&keyed);
    layouts::unversioned(&packed);
    for made in [&keyed, &packed] {
        fs::write(made.join("notes.txt"), "mine").unwrap();
    }
    migrates(&keyed, "nengo 2.0");
    migrates(&packed, "nengo 2.1");
    let Some(corpus) = testing::corpus().map(|c| c.join("nengo/legacy")) else { return };
    for (name, layout) in [("v0", "nengo 2.0"), ("v1", "nengo 2.1")] {
        let real = dir.path().join(name);
        copy(&corpus.join(name), &real);
        migrates(&real, layout);
    }
}

#[test]
fn a_migration_goes_on_where_it_ended() {
    let dir = tempfile::tempdir().unwrap();
    let cache = dir.path().join("cache");
    layouts::keyed(&cache);
    let key = layouts::KEYS[1];
    let object = cache.join(&key[..2]).join(format!("{}.nco", &key[2..]));
    let good = fs::read(&object).unwrap();
    // One is damaged, and says so.
    fs::write(&object, &good[..100]).unwrap();
    let out = slab(&["cache", "migrate", "cache"], dir.path());
    let text = printed(&out);
    assert_eq!(out.status.code(), Some(1), "{text}");
    assert!(text.contains("2 entries") && text.contains(&format!("left behind: entry {key}")), "{text}");
    assert_eq!(fs::read(&object).unwrap().len(), 100);
    // What is there now and has no name is taken in.
    fs::write(&object, &good).unwrap();
    let (done, code) = json(&["cache", "migrate", "cache"], dir.path());
    assert_eq!((&done["entries"], &done["known"], code), (&3.into(), &2.into(), 0), "{done}");
    assert_eq!(json(&["cache", "migrate", "cache"], dir.path()).0["needed"], false);
}

#[test]
fn a_damaged_old_index_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let cache = dir.path().join("cache");
    layouts::unversioned(&cache);
    let index = fs::read(cache.join("index")).unwrap();
    fs::write(cache.join("index"), &index[..index.len() - 9]).unwrap();
    let before = files(&cache);
    let out = slab(&["cache", "migrate", "cache"], dir.path());
    let text = printed(&out);
    assert_eq!(out.status.code(), Some(2), "{text}");
    assert!(
        text.contains("cache/index: ")
            && text.contains("at byte 412: the pickle ends early")
            && text.contains("slab cache recover cache"),
        "{text}"
    );
    assert!(files(&cache) == before);
}
