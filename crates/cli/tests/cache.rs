//! `slab cache` on directories that tests make: older layouts, damage, and what is no cache at all.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests: a panic is the failure report")]

mod layouts;

use hyperslab::nco::cache::{Cache, CacheOptions, Key, Mode};
use hyperslab::{Value, testing};
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

/// Directories that are no sound caches, each with what a command says of it; nothing in them is changed.
#[test]
fn what_is_no_cache_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let made = |name: &str| {
        let path = dir.path().join(name);
        fs::create_dir(&path).unwrap();
        path
    };
    fs::write(dir.path().join("file"), "text").unwrap();
    made("empty");
    let foreign = made("foreign");
    fs::create_dir(foreign.join("ab")).unwrap();
    fs::write(foreign.join("ab/thesis.nco"), "mine").unwrap();
    for (name, index) in [("newer", &b"\x80\x02K\x03K\x05\x86q\0."[..]), ("text", b"notes\n")] {
        fs::write(made(name).join("index"), index).unwrap();
    }
    fs::create_dir(made("folder").join("index")).unwrap();
    layouts::unversioned(&dir.path().join("packs"));
    fs::remove_file(dir.path().join("packs/index")).unwrap();
    let mut cases = vec![
        ("file", "is a file, and a cache is a directory"),
        ("nowhere", "nowhere: cannot open the cache"),
        ("empty", "empty: is no cache"),
        ("foreign", "foreign: is no cache"),
        ("newer", "a cache index of version (3, 5), known are those up to (2, 5)"),
        ("text", "index: "),
        ("folder", "folder/index: is a folder, where a cache has its index"),
    ];
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("../text/index", made("link").join("index")).unwrap();
        std::os::unix::fs::symlink("foreign", dir.path().join("elsewhere")).unwrap();
        cases.push(("link", "link/index: is a link, where a cache has its index"));
        cases.push(("elsewhere", "elsewhere: is no cache"));
    }
    let before = files(dir.path());
    let commands: [&[&str]; 7] =
        [&["ls"], &["verify"], &["pack"], &["unpack"], &["recover"], &["migrate"], &["shrink", "--to", "1"]];
    for (name, says) in cases {
        for command in commands {
            let out = slab(&[&["cache"], command, &[name]].concat(), dir.path());
            let text = printed(&out);
            let damaged = name == "text" && command == ["verify"];
            assert_eq!(out.status.code(), Some(if damaged { 1 } else { 2 }), "{command:?} {name}: {text}");
            assert!(text.contains(says) && text.lines().count() == 1, "{command:?} {name}: {text}");
            let hint = name == "text" && matches!(command, ["ls" | "verify" | "migrate"]);
            assert_eq!(text.contains("cache recover"), hint, "{command:?} {name}: {text}");
            assert!(files(dir.path()) == before, "{command:?} {name}");
        }
    }
    let text = printed(&slab(&["cache", "migrate", "packs"], dir.path()));
    assert!(text.contains("has packs and no index") && text.contains("slab cache recover packs"), "{text}");
}

/// Commands that write say what becomes of a damaged index before they go on without it.
#[test]
fn a_damaged_index_is_told_when_it_is_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    for (name, mode) in [("shared", Mode::Shared), ("native", Mode::Native)] {
        let cache =
            Cache::open(dir.path().join(name), &CacheOptions { mode, ..CacheOptions::default() }).unwrap();
        for key in layouts::KEYS {
            cache.put(&Key::from(key), &Value::Null, &layouts::array(1)).unwrap();
        }
        drop(cache);
        let index = dir.path().join(name).join("index");
        let good = fs::read(&index).unwrap();
        let mut bytes = good.clone();
        bytes[..16].fill(b'x');
        fs::write(&index, &bytes).unwrap();
        let out = slab(&["cache", "verify", name], dir.path());
        let text = printed(&out);
        assert_eq!(out.status.code(), Some(1), "{text}");
        assert!(
            text.contains("damaged") && text.contains(&format!("try 'slab cache recover {name}'")),
            "{text}"
        );
        let out = slab(&["cache", "recover", name], dir.path());
        let text = printed(&out);
        assert_eq!(out.status.code(), Some(0), "{text}");
        assert!(text.contains("0 entries kept, 3 found in the packs"), "{text}");
        assert!(text.contains("note: ") && text.contains("kept as index.damaged"), "{text}");
        assert!(fs::read(dir.path().join(name).join("index.damaged")).unwrap() == bytes);
        let (listed, code) = json(&["cache", "ls", name], dir.path());
        assert_eq!((&listed["mode"], code), (&name.into(), 0), "{listed}");
        assert_eq!(json(&["cache", "verify", name], dir.path()).1, 0);
        let text = printed(&slab(&["cache", "recover", name], dir.path()));
        assert!(text.contains("3 entries kept, 0 found") && !text.contains("note"), "{text}");
    }
    // So do those that meet an index of nengo 2.1.
    layouts::unversioned(&dir.path().join("older"));
    let text = printed(&slab(&["cache", "pack", "older"], dir.path()));
    assert!(text.contains("note: older: ") && text.contains("kept as index.older"), "{text}");
}
