//! Caches in the native mode: many handles, damage, and nengo, which leaves them alone. Processes that are killed are
//! in `cache_processes.rs`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a panic is the failure report")]

use hyperslab_core::{Kind, Value, View, testing};
use hyperslab_nco::cache::{Cache, CacheOptions, Commit, Key, Lookup, Mode, mode_of};
use std::collections::BTreeSet;
use std::path::Path;

fn options() -> CacheOptions {
    CacheOptions { mode: Mode::Native, ..CacheOptions::default() }
}

fn open(dir: &Path) -> Cache {
    Cache::open(dir, &options()).unwrap()
}

/// The array that belongs to a key.
fn array(key: &str) -> View<'static> {
    let seed = key.bytes().fold(7u64, |h, b| h.wrapping_mul(31).wrapping_add(b.into()));
    let values: Vec<f64> = (0..20).map(|i| (seed % 1_000_003) as f64 + f64::from(i)).collect();
    View::from_slice([5, 4], &values).unwrap().into_owned().unwrap()
}

fn metadata(key: &str) -> Value {
    Value::map([("key", Value::from(key))])
}

fn put(cache: &Cache, key: &str) {
    cache.put(&Key::from(key), &metadata(key), &array(key)).unwrap();
}

/// Whether the entry of a key is there; it is the right one then.
fn has(cache: &Cache, key: &str) -> bool {
    match cache.lookup(&Key::from(key)).unwrap() {
        Lookup::Hit(object) => {
            assert_eq!((object.metadata, object.array), (metadata(key), array(key)), "{key}");
            true
        }
        Lookup::Miss => false,
        Lookup::Damaged(e) => panic!("{key}: {e}"),
    }
}

fn names(dir: &Path) -> BTreeSet<String> {
    std::fs::read_dir(dir).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap()).collect()
}

/// A cache of so many entries, put at once.
fn full(dir: &Path, entries: usize) -> Vec<String> {
    let cache = Cache::open(dir, &CacheOptions { commit: Commit::Flush, ..options() }).unwrap();
    let keys: Vec<String> = (0..entries).map(|i| format!("{i:040x}")).collect();
    keys.iter().for_each(|key| put(&cache, key));
    cache.flush().unwrap();
    keys
}

#[test]
fn what_one_puts_others_find() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (open(dir.path()), open(dir.path()));
    assert_eq!((a.mode(), mode_of(dir.path())), (Mode::Native, Some(Mode::Native)));
    for i in 0..40 {
        let key = format!("key {i}");
        assert!(!has(&a, &key) && !has(&b, &key));
        put(if i % 3 == 0 { &a } else { &b }, &key);
        assert!(has(&a, &key) && has(&b, &key));
    }
    // The mode is the directory's, whatever is asked for.
    let c = Cache::open(dir.path(), &CacheOptions::default()).unwrap();
    assert_eq!((c.mode(), c.size().unwrap().entries), (Mode::Native, 40));
    assert!(a.remove(&Key::from("key 3")).unwrap());
    assert!(!has(&a, "key 3"));
    b.size().unwrap();
    assert!(!has(&b, "key 3") && has(&b, "key 4"));
    let checked = b.verify(&mut |_| {}).unwrap();
    assert!(checked.problems.is_empty(), "{:?}", checked.problems);
    drop((a, b, c));
    // Moved, it is the same.
    let moved = dir.path().join("moved");
    std::fs::create_dir(&moved).unwrap();
    for name in names(dir.path()).into_iter().filter(|n| n != "moved") {
        std::fs::rename(dir.path().join(&name), moved.join(&name)).unwrap();
    }
    let readonly = Cache::open(&moved, &CacheOptions { readonly: true, ..options() }).unwrap();
    assert!(has(&readonly, "key 4") && !has(&readonly, "key 3"));
    assert_eq!(readonly.put(&Key::from("x"), &Value::Null, &array("x")).unwrap_err().kind(), Kind::Usage);
}

#[test]
fn a_journal_is_written_anew_under_its_readers() {
    let dir = tempfile::tempdir().unwrap();
    let reader = open(dir.path());
    put(&reader, "first");
    let before = std::fs::read(dir.path().join("index")).unwrap();
    let keys = full(dir.path(), 5000);
    let after = std::fs::read(dir.path().join("index")).unwrap();
    // Another salt: another file.
    assert_ne!(before[24..32], after[24..32]);
    assert!(keys.iter().step_by(50).all(|key| has(&reader, key)));
    put(&reader, "last");
    assert!(has(&open(dir.path()), "last") && has(&reader, "first"));
    assert_eq!(open(dir.path()).size().unwrap().entries, 5002);
    assert_eq!(names(dir.path()).into_iter().filter(|n| n.starts_with("index")).count(), 2);
}

#[test]
fn shrinking_removes_entries_with_their_packs() {
    let dir = tempfile::tempdir().unwrap();
    for i in 0..6 {
        let cache = open(dir.path());
        put(&cache, &format!("a{i}"));
        put(&cache, &format!("b{i}"));
    }
    let cache = open(dir.path());
    let size = cache.size().unwrap();
    assert_eq!((size.packs, size.entries), (6, 12));
    let done = cache.shrink(size.bytes / 2).unwrap();
    assert_eq!((done.packs, done.entries), (3, 6));
    let left: Vec<bool> = (0..6).map(|i| has(&cache, &format!("a{i}"))).collect();
    assert_eq!(left.iter().filter(|l| **l).count(), 3);
    let again = open(dir.path());
    for (i, left) in left.iter().enumerate() {
        assert_eq!(has(&again, &format!("b{i}")), *left);
    }
    assert_eq!(again.invalidate().unwrap().entries, 6);
    assert_eq!(open(dir.path()).size().unwrap().entries, 0);
}

#[test]
fn a_damaged_journal_costs_no_entry() {
    let dir = tempfile::tempdir().unwrap();
    let keys = full(dir.path(), 300);
    let index = dir.path().join("index");
    let good = std::fs::read(&index).unwrap();
    // The header, behind the bytes that say what it is: set aside, and made again from the packs.
    let damages: [fn(&mut Vec<u8>); 4] =
        [|b| b[20] ^= 1, |b| b.truncate(40), |b| b[16..].fill(0), |b| b.truncate(16)];
    for (i, damage) in damages.into_iter().enumerate() {
        let mut bytes = good.clone();
        damage(&mut bytes);
        std::fs::write(&index, &bytes).unwrap();
        let readonly = Cache::open(dir.path(), &CacheOptions { readonly: true, ..options() }).unwrap();
        assert_eq!(readonly.get(&Key::from(&*keys[0])).unwrap_err().kind(), Kind::Invalid);
        let cache = open(dir.path());
        assert!(keys.iter().all(|key| has(&cache, key)), "{i}");
        assert_eq!(cache.mode(), Mode::Native);
        let aside = if i == 0 { "index.damaged".to_owned() } else { format!("index.damaged.{i}") };
        assert_eq!(std::fs::read(dir.path().join(aside)).unwrap(), bytes);
    }
    // Another index in its place is not the journal's to replace.
    let cache = open(dir.path());
    assert!(has(&cache, &keys[0]));
    std::fs::write(dir.path().join("new"), b"\x80\x02K\x02K\x04\x86q\0.\x80\x04}\x94.").unwrap();
    std::fs::rename(dir.path().join("new"), &index).unwrap();
    let e = cache.put(&Key::from("late"), &Value::Null, &array("late")).unwrap_err();
    assert_eq!(e.kind(), Kind::Conflict);
    assert_eq!(mode_of(dir.path()), Some(Mode::Shared));
    // The record that names the pack: the next one that puts finds what is missing.
    let mut bytes = good.clone();
    bytes[64 + 10] ^= 1;
    std::fs::write(&index, &bytes).unwrap();
    let cache = open(dir.path());
    let lost = keys.iter().filter(|key| !has(&cache, key)).count();
    let checked = cache.verify(&mut |_| {}).unwrap();
    assert!(!checked.is_sound() && checked.names.unwrap().contains("damaged"));
    put(&cache, "another");
    put(&cache, "and another");
    assert!(keys.iter().all(|key| has(&cache, key)), "{lost} were lost");
    assert!(lost > 0 && has(&cache, "another"));
    assert!(cache.verify(&mut |_| {}).unwrap().is_sound());
    // Missing: as if it were damaged, with nothing to set aside.
    std::fs::remove_file(&index).unwrap();
    let cache = open(dir.path());
    assert!(keys.iter().all(|key| has(&cache, key)));
}

/// A directory with a journal is one with a journal, whatever becomes of the start of that file: to write, it is set
/// aside and made again; to read, it is an error that says what to do.
fn stays_native(dir: &Path, keys: &[String], bytes: &[u8], what: &str) {
    let index = dir.join("index");
    std::fs::write(&index, bytes).unwrap();
    assert_eq!(mode_of(dir), Some(Mode::Native), "{what}");
    let shared = CacheOptions::default();
    let readonly = Cache::open(dir, &CacheOptions { readonly: true, ..shared.clone() }).unwrap();
    let e = readonly.verify(&mut |_| {}).unwrap_err();
    assert_eq!((e.kind(), std::fs::read(&index).unwrap() == bytes), (Kind::Invalid, true), "{what}: {e}");
    let cache = Cache::open(dir, &shared).unwrap();
    assert_eq!(cache.recover().unwrap().found, keys.len() as u64, "{what}");
    assert!(keys.iter().all(|key| has(&cache, key)), "{what}");
    assert_eq!((cache.mode(), mode_of(dir)), (Mode::Native, Some(Mode::Native)), "{what}");
    let aside = dir.join("index.damaged");
    assert!(std::fs::read(&aside).unwrap() == bytes, "{what}");
    std::fs::remove_file(aside).unwrap();
}

#[test]
fn a_journal_whose_start_is_damaged_is_one_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let keys = full(dir, 40);
    for at in 0..64 {
        // Each damage is of a journal that was made anew after the last.
        let good = std::fs::read(dir.join("index")).unwrap();
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at % 8);
        stays_native(dir, &keys, &bytes, &format!("byte {at}"));
        stays_native(dir, &keys, &good[..at], &format!("cut to {at}"));
    }
    for len in [16, 40, 64, 512, 4096] {
        let mut bytes = std::fs::read(dir.join("index")).unwrap();
        let len = len.min(bytes.len());
        bytes[..len].fill(0);
        stays_native(dir, &keys, &bytes, &format!("{len} zeros"));
    }
    // Without the lock, which says what it is, too: by the rest of the header, and by the records.
    let good = std::fs::read(dir.join("index")).unwrap();
    for (first, last) in [(0, 1), (0, 16), (0, 24), (0, 64), (3, 60), (0, 100), (0, 800)] {
        let mut bytes = good.clone();
        bytes[first..last].iter_mut().for_each(|b| *b ^= 0x5a);
        std::fs::write(dir.join("index"), &bytes).unwrap();
        std::fs::remove_file(dir.join("index.lock")).unwrap();
        assert_eq!(mode_of(dir), Some(Mode::Native), "{first} to {last}");
        assert!(has(&open(dir), &keys[7]));
    }
    // A journal that is missing was one.
    std::fs::remove_file(dir.join("index")).unwrap();
    assert_eq!(mode_of(dir), Some(Mode::Native));
    let readonly = CacheOptions { readonly: true, ..CacheOptions::default() };
    assert_eq!(Cache::open(dir, &readonly).unwrap().size().unwrap_err().kind(), Kind::Invalid);
    assert!(has(&Cache::open(dir, &CacheOptions::default()).unwrap(), &keys[0]));
    assert_eq!(mode_of(dir), Some(Mode::Native));
    // An index of nengo's in its place is one of nengo's, and the lock says no more what it said.
    std::fs::remove_file(dir.join("index")).unwrap();
    std::fs::write(dir.join("index"), b"\x80\x02K\x02K\x05\x86q\0.\x80\x05}\x94.").unwrap();
    let cache = Cache::open(dir, &CacheOptions::default()).unwrap();
    put(&cache, "shared");
    assert_eq!(cache.mode(), Mode::Shared);
    assert_eq!(std::fs::read(dir.join("index.lock")).unwrap(), b"");
    std::fs::write(dir.join("index"), b"").unwrap();
    assert_eq!(mode_of(dir), Some(Mode::Shared));
}

#[test]
fn foreign_names_stay() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("notes.txt"), "mine").unwrap();
    std::fs::create_dir(dir.path().join("ab")).unwrap();
    std::fs::write(dir.path().join("ab/thesis.nco"), "mine").unwrap();
    let cache = open(dir.path());
    put(&cache, "a");
    cache.invalidate().unwrap();
    drop(cache);
    assert_eq!(std::fs::read(dir.path().join("notes.txt")).unwrap(), b"mine");
    assert_eq!(std::fs::read(dir.path().join("ab/thesis.nco")).unwrap(), b"mine");
    #[cfg(unix)]
    {
        // An index that is a link is nobody's to write to.
        let dir = tempfile::tempdir().unwrap();
        let (cache, theirs) = (dir.path().join("cache"), dir.path().join("theirs"));
        full(&cache, 3);
        std::fs::rename(cache.join("index"), &theirs).unwrap();
        let before = std::fs::read(&theirs).unwrap();
        std::os::unix::fs::symlink(&theirs, cache.join("index")).unwrap();
        let refused =
            Cache::open(&cache, &options()).and_then(|c| c.put(&Key::from("k"), &Value::Null, &array("k")));
        assert_eq!(refused.unwrap_err().kind(), Kind::Usage);
        assert_eq!(std::fs::read(&theirs).unwrap(), before);
    }
}

/// Nengo takes the journal for an index that is too new, goes on without a cache, and changes nothing.
#[test]
fn nengo_leaves_it_alone() {
    let dir = tempfile::tempdir().unwrap();
    let keys = full(dir.path(), 20);
    let before = std::fs::read(dir.path().join("index")).unwrap();
    const SCRIPT: &str = r#"
import sys, warnings
from nengo.cache import DecoderCache
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    with DecoderCache(cache_dir=sys.argv[1]) as cache:
        assert cache.readonly
    cache.shrink(0)
print(str(said[0].message))
"#;
    if let Some(python) = testing::oracle_python() {
        let said = testing::run_python(&python, SCRIPT, &[dir.path().as_os_str()]);
        assert!(said.contains("was deactivated"), "{said}");
        assert_eq!(std::fs::read(dir.path().join("index")).unwrap(), before);
        let cache = open(dir.path());
        assert!(keys.iter().all(|key| has(&cache, key)));
    }
}
