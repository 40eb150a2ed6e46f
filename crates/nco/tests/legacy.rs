//! Directories of nengo 2.0 to 2.2 put into caches of either mode, and caches of one mode into the other.

#![expect(clippy::unwrap_used, reason = "a panic is the failure report")]

use hyperslab_core::{Kind, Limits, View, testing};
use hyperslab_nco::cache::{Cache, CacheOptions, Key, Layout, Lookup, Mode, layout_of, migrate};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn options(mode: Mode) -> CacheOptions {
    CacheOptions { mode, ..CacheOptions::default() }
}

/// Every file below a directory, with its bytes.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut folders = vec![dir.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    let bytes = std::fs::read(&path).unwrap();
                    all.insert(path.strip_prefix(dir).unwrap().to_path_buf(), bytes);
                }
            }
        }
    }
    all
}

fn copy(from: &Path, to: &Path) {
    for (name, bytes) in files(from) {
        std::fs::create_dir_all(to.join(&name).parent().unwrap()).unwrap();
        std::fs::write(to.join(name), bytes).unwrap();
    }
}

fn hash(view: &View<'_>) -> String {
    let bytes = view.to_bytes(&Limits::default()).unwrap();
    Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn every_layout_goes_into_either_mode() {
    let Some(corpus) = testing::corpus() else { return };
    let legacy = corpus.join("nengo/legacy");
    let manifest: serde_json::Value =
        serde_json::from_slice(&std::fs::read(legacy.join("manifest.json")).unwrap()).unwrap();
    let texts = |name: &str| -> Vec<String> {
        manifest[name].as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned()).collect()
    };
    let (keys, arrays) = (texts("keys"), texts("arrays"));
    for (name, layout) in
        [("v0", Layout::Keyed), ("v1", Layout::Unversioned), ("v2", Layout::Current(Mode::Shared))]
    {
        for mode in [Mode::Shared, Mode::Native] {
            let dir = tempfile::tempdir().unwrap();
            let (from, to) = (dir.path().join("old"), dir.path().join("new"));
            copy(&legacy.join(name), &from);
            let before = files(&from);
            assert_eq!(layout_of(&from, &Limits::default()).unwrap(), Some(layout));
            let done = migrate(&from, &to, &options(mode)).unwrap();
            assert_eq!((done.entries, done.known, done.damaged.len()), (3, 0, 0), "{name}");
            assert_eq!(files(&from), before, "{name} was changed");
            let cache = Cache::open(&to, &options(mode)).unwrap();
            assert_eq!(cache.mode(), mode);
            for (key, array) in keys.iter().zip(&arrays) {
                let Lookup::Hit(object) = cache.lookup(&Key::from(&**key)).unwrap() else {
                    panic!("{name}: {key}")
                };
                assert_eq!(hash(&object.array), *array, "{name}: {key}");
            }
            drop(cache);
            // Once more, and on into the other mode.
            let again = migrate(&from, &to, &options(mode)).unwrap();
            assert_eq!((again.entries, again.known), (3, 3));
            let other = dir.path().join("other");
            let on = migrate(
                &to,
                &other,
                &options(if mode == Mode::Shared { Mode::Native } else { Mode::Shared }),
            );
            assert_eq!(on.unwrap().entries, 3);
        }
    }
}

#[test]
fn damaged_entries_stay_behind() {
    let Some(corpus) = testing::corpus() else { return };
    let dir = tempfile::tempdir().unwrap();
    let from = dir.path().join("old");
    copy(&corpus.join("nengo/legacy/v0"), &from);
    let victim = from.join("da/4b9237bacccdf19c0760cab7aec4a8359010b0.nco");
    std::fs::write(&victim, b"corrupted").unwrap();
    std::fs::write(from.join("da/notes.nco"), b"mine").unwrap();
    let done = migrate(&from, &dir.path().join("new"), &options(Mode::Native)).unwrap();
    assert_eq!((done.entries, done.damaged.len()), (2, 1));
    assert_eq!(done.damaged[0].0, "da4b9237bacccdf19c0760cab7aec4a8359010b0");
    assert_eq!(done.damaged[0].1.kind(), Kind::Invalid);
}

#[test]
fn what_is_no_cache_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("mine"), dir.path().join("new"));
    std::fs::create_dir(&from).unwrap();
    std::fs::write(from.join("thesis.txt"), "text").unwrap();
    let kind = |from: &Path, to: &Path| migrate(from, to, &options(Mode::Native)).unwrap_err().kind();
    assert_eq!(kind(&from, &to), Kind::Usage);
    assert!(!to.exists());
    std::fs::write(from.join("index"), "text").unwrap();
    assert_eq!(kind(&from, &to), Kind::Invalid);
    assert!(!to.exists());
    std::fs::write(from.join("legacy.txt"), "0\n").unwrap();
    std::fs::remove_file(from.join("index")).unwrap();
    for inside in [&from, &from.join("below"), &dir.path().to_path_buf()] {
        assert_eq!(kind(&from, inside), Kind::Usage, "{}", inside.display());
    }
    assert_eq!(migrate(&from, &to, &options(Mode::Native)).unwrap().entries, 0);
}
