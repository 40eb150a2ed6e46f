//! The cache as one process sees it: what is kept, what is a miss, what is nobody's but its owner's.

#![expect(clippy::unwrap_used, reason = "a panic is the failure report")]

use hyperslab_core::{Kind, Value, View, testing};
use hyperslab_nco::cache::{Cache, CacheOptions, Commit, Key, Lookup, Mode, mode_of};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

fn open(dir: &Path) -> Cache {
    Cache::open(dir, &CacheOptions::default()).unwrap()
}

fn array(n: u32) -> View<'static> {
    View::from_slice([4], &[f64::from(n), 1.0, 2.0, 3.0]).unwrap().into_owned().unwrap()
}

fn metadata(n: u32) -> Value {
    Value::map([("n", Value::Int(n.into()))])
}

fn put(cache: &Cache, n: u32) {
    cache.put(&Key::from(&*format!("key {n}")), &metadata(n), &array(n)).unwrap();
}

/// Whether an entry is there, and right.
fn has(cache: &Cache, n: u32) -> bool {
    match cache.get(&Key::from(&*format!("key {n}"))).unwrap() {
        Some(object) => {
            assert_eq!((object.metadata, object.array), (metadata(n), array(n)));
            true
        }
        None => false,
    }
}

/// Every file below a directory that is no cache's own.
fn packs(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for shard in fs::read_dir(dir).unwrap().flatten().filter(|e| e.file_type().unwrap().is_dir()) {
        found.extend(fs::read_dir(shard.path()).unwrap().flatten().map(|e| e.path()));
    }
    found.sort();
    found
}

fn age(path: &Path, seconds: u64) {
    let then = SystemTime::now() - Duration::from_secs(seconds);
    let times = fs::FileTimes::new().set_accessed(then).set_modified(then);
    fs::File::options().write(true).open(path).unwrap().set_times(times).unwrap();
}

#[test]
fn what_is_put_is_found_by_everybody() {
    let dir = tempfile::tempdir().unwrap();
    let cache = open(dir.path());
    assert_eq!((cache.mode(), mode_of(dir.path())), (Mode::Shared, Some(Mode::Shared)));
    assert!(!has(&cache, 1));
    let other = open(dir.path());
    put(&cache, 1);
    put(&other, 2);
    assert!(has(&cache, 1) && has(&cache, 2) && has(&other, 1) && has(&other, 2));
    // Each writes to a file of its own, and nothing else lies there.
    assert_eq!(packs(dir.path()).len(), 2);
    let mut names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.retain(|n| n.len() != 2);
    names.sort();
    assert_eq!(names, ["index", "index.lock"]);
    // An entry is replaced.
    cache.put(&Key::from("key 1"), &metadata(7), &array(7)).unwrap();
    let found = open(dir.path()).get(&Key::from("key 1")).unwrap().unwrap();
    assert_eq!((found.metadata, found.array), (metadata(7), array(7)));
    assert_eq!(cache.size().unwrap().entries, 2);
}

#[test]
fn computed_once() {
    let dir = tempfile::tempdir().unwrap();
    let cache = open(dir.path());
    let mut calls = 0;
    for _ in 0..3 {
        let found = cache
            .get_or_compute(&Key::from(&[0, 255][..]), || {
                calls += 1;
                Ok((metadata(5), array(5)))
            })
            .unwrap();
        assert_eq!((found.metadata, found.array), (metadata(5), array(5)));
    }
    assert_eq!(calls, 1);
    let options = CacheOptions { readonly: true, ..CacheOptions::default() };
    let reader = Cache::open(dir.path(), &options).unwrap();
    assert!(reader.get(&Key::from(&[0, 255][..])).unwrap().is_some());
    let made = reader.get_or_compute(&Key::from("new"), || Ok((metadata(6), array(6)))).unwrap();
    assert_eq!(made.metadata, metadata(6));
    assert!(reader.get(&Key::from("new")).unwrap().is_none());
    assert_eq!(reader.put(&Key::from("new"), &metadata(6), &array(6)).unwrap_err().kind(), Kind::Usage);
    assert_eq!(reader.shrink(0).unwrap_err().kind(), Kind::Usage);
    assert!(Cache::open(dir.path().join("none"), &options).is_err());
    assert!(!dir.path().join("none").exists());
}

#[test]
fn what_waits_for_the_flush_is_found_by_its_cache_alone() {
    let dir = tempfile::tempdir().unwrap();
    let options = CacheOptions { commit: Commit::Flush, ..CacheOptions::default() };
    let cache = Cache::open(dir.path(), &options).unwrap();
    (0..50).for_each(|n| put(&cache, n));
    let other = open(dir.path());
    assert!(has(&cache, 49) && !has(&other, 49));
    cache.flush().unwrap();
    assert!((0..50).all(|n| has(&other, n)));
    put(&cache, 50);
    drop(cache);
    assert!(has(&other, 50));
    assert_eq!(packs(dir.path()).len(), 1);
}

#[test]
fn a_pack_that_is_deleted_while_it_is_written_takes_nothing_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let options = CacheOptions { commit: Commit::Flush, ..CacheOptions::default() };
    let cache = Cache::open(dir.path(), &options).unwrap();
    (0..5).for_each(|n| put(&cache, n));
    open(dir.path()).invalidate().unwrap();
    assert!(packs(dir.path()).is_empty());
    (5..10).for_each(|n| put(&cache, n));
    cache.flush().unwrap();
    let other = open(dir.path());
    assert!((0..10).all(|n| has(&other, n)));
    // Committed entries may go, and the next ones are safe.
    other.invalidate().unwrap();
    put(&cache, 11);
    cache.flush().unwrap();
    assert!(has(&other, 11) && !has(&other, 5));
}

#[test]
fn threads_commit_for_one_another() {
    let dir = tempfile::tempdir().unwrap();
    let cache = open(dir.path());
    std::thread::scope(|s| {
        for t in 0..8 {
            let cache = &cache;
            s.spawn(move || {
                for n in (t * 100)..(t * 100 + 10) {
                    put(cache, n);
                    assert!(has(cache, n));
                }
            });
        }
    });
    let other = open(dir.path());
    assert!((0..8).all(|t| (t * 100..t * 100 + 10).all(|n| has(&other, n))));
}

#[test]
fn any_flipped_bit_is_a_miss_and_is_put_again() {
    let dir = tempfile::tempdir().unwrap();
    let cache = open(dir.path());
    put(&cache, 1);
    drop(cache);
    let path = packs(dir.path()).remove(0);
    let good = fs::read(&path).unwrap();
    let key = Key::from("key 1");
    let mut unnoticed = 0;
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        fs::write(&path, &bad).unwrap();
        match open(dir.path()).lookup(&key).unwrap() {
            Lookup::Hit(object) => {
                // Padding says nothing.
                assert_eq!((object.metadata, object.array), (metadata(1), array(1)), "byte {at}");
                unnoticed += 1;
            }
            Lookup::Damaged(_) => {}
            Lookup::Miss => unreachable!("byte {at}"),
        }
    }
    // Four bytes of the header, the zeros before pickle and array.
    assert!(unnoticed < 40, "{unnoticed}");
    for cut in [0, 1, 39, 40, good.len() / 2, good.len() - 1] {
        fs::write(&path, &good[..cut]).unwrap();
        assert!(matches!(open(dir.path()).lookup(&key).unwrap(), Lookup::Damaged(_)), "{cut}");
    }
    let cache = open(dir.path());
    cache.get_or_compute(&key, || Ok((metadata(1), array(1)))).unwrap();
    assert!(has(&open(dir.path()), 1));
    fs::remove_file(packs(dir.path()).iter().find(|p| **p != path).unwrap()).unwrap();
    assert!(matches!(open(dir.path()).lookup(&key).unwrap(), Lookup::Miss));
}

#[test]
fn a_directory_can_be_moved() {
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (dir.path().join("old"), dir.path().join("new"));
    put(&open(&old), 1);
    fs::rename(&old, &new).unwrap();
    let cache = open(&new);
    assert!(has(&cache, 1));
    put(&cache, 2);
    let index = fs::read(new.join("index")).unwrap();
    let holds = |path: &Path| memchr::memmem::find(&index, path.to_str().unwrap().as_bytes()).is_some();
    assert!(holds(&new.canonicalize().unwrap()) && !holds(&old));
}

#[test]
fn the_least_recently_used_goes_first() {
    let dir = tempfile::tempdir().unwrap();
    for n in 0..4 {
        put(&open(dir.path()), n);
    }
    packs(dir.path()).iter().for_each(|p| age(p, 1000));
    let cache = open(dir.path());
    assert!(has(&cache, 2));
    let size = cache.size().unwrap();
    assert_eq!((size.packs, size.entries), (4, 4));
    assert_eq!(size.bytes % 4, 0);
    assert_eq!(cache.shrink(size.bytes).unwrap().packs, 0);
    let done = cache.shrink(size.bytes / 4).unwrap();
    assert_eq!((done.packs, done.entries, done.left), (3, 3, size.bytes / 4));
    // The entries are gone from the index, and what was used lately is not.
    let other = open(dir.path());
    assert_eq!(other.size().unwrap().entries, 1);
    assert!(has(&other, 2) && !has(&other, 1));
    assert_eq!(cache.shrink(0).unwrap().entries, 1);
    assert_eq!(packs(dir.path()).len(), 0);
    assert_eq!(open(dir.path()).size().unwrap().entries, 0);
}

#[test]
fn entries_are_removed() {
    let dir = tempfile::tempdir().unwrap();
    let cache = open(dir.path());
    put(&cache, 1);
    put(&cache, 2);
    assert!(cache.remove(&Key::from("key 1")).unwrap());
    assert!(!cache.remove(&Key::from("key 1")).unwrap());
    assert!(!has(&open(dir.path()), 1) && has(&open(dir.path()), 2));
    put(&open(dir.path()), 3);
    assert_eq!(packs(dir.path()).len(), 2);
    assert!(cache.remove(&Key::from("key 3")).unwrap());
    assert_eq!(packs(dir.path()).len(), 1);
}

/// A directory that somebody filled with things that look like a cache's, and are not.
#[cfg(unix)]
fn foreign(dir: &Path) -> Vec<PathBuf> {
    use std::os::unix::fs::symlink;
    let object = {
        let other = tempfile::tempdir().unwrap();
        put(&open(other.path()), 9);
        fs::read(packs(other.path()).remove(0)).unwrap()
    };
    let uuid = "676bda-e5ea-11f1-ac7c-02fc00000001.nco";
    let outside = dir.join("outside");
    fs::create_dir_all(outside.join("e8")).unwrap();
    fs::create_dir_all(dir.join("cache/deep/deeper")).unwrap();
    let cache = dir.join("cache");
    fs::create_dir(cache.join("ab")).unwrap();
    let files = [
        (outside.join("precious"), &b"thesis"[..]),
        (outside.join("e8").join(uuid), &object),
        (cache.join("notes.txt"), b"notes"),
        (cache.join("deep/deeper/data.nco"), &object),
        (cache.join("ab/readme"), b"not ours"),
        (cache.join("ab").join(uuid), b"an own name, and no object in it: 40 bytes and more of text"),
        (cache.join("ab").join(uuid.replace("0001", "0002")), b""),
        (cache.join("ab/notuuid.nco"), &object),
    ];
    for (path, bytes) in &files {
        fs::write(path, bytes).unwrap();
    }
    // Links to objects that would be own ones.
    symlink(outside.join("e8"), cache.join("e8")).unwrap();
    symlink(outside.join("e8").join(uuid), cache.join("ab").join(uuid.replace("0001", "0003"))).unwrap();
    symlink("/nowhere", cache.join("ab").join(uuid.replace("0001", "0004"))).unwrap();
    files.into_iter().map(|(path, _)| path).collect()
}

#[cfg(unix)]
#[test]
fn nothing_foreign_is_touched() {
    let dir = tempfile::tempdir().unwrap();
    let files = foreign(dir.path());
    let state = || -> Vec<_> {
        files
            .iter()
            .map(|p| (fs::read(p).unwrap(), p.symlink_metadata().unwrap().modified().unwrap()))
            .collect()
    };
    let before = state();
    let dir = dir.path().join("cache");
    let cache = open(&dir);
    assert_eq!(cache.size().unwrap().bytes % 4096, 0);
    (0..20).for_each(|n| put(&cache, n));
    assert!((0..20).all(|n| has(&cache, n)));
    cache.verify(&mut |_| {}).unwrap();
    cache.unpack().unwrap();
    cache.pack(1 << 20).unwrap();
    assert!((0..20).all(|n| has(&open(&dir), n)));
    cache.recover().unwrap();
    cache.shrink(4096).unwrap();
    cache.invalidate().unwrap();
    for n in ["ab", "e8", "notes.txt"] {
        assert!(dir.join(n).symlink_metadata().is_ok());
    }
    for n in ["3", "4"] {
        let link = dir.join(format!("ab/676bda-e5ea-11f1-ac7c-02fc0000000{n}.nco"));
        assert!(link.symlink_metadata().unwrap().is_symlink());
    }
    // A second look at it without an index.
    drop(cache);
    fs::remove_file(dir.join("index")).unwrap();
    assert_eq!(open(&dir).size().unwrap().entries, 0);
    assert_eq!(state(), before);
}

#[cfg(unix)]
#[test]
fn names_that_belong_to_others_are_left_to_them() {
    use std::os::unix::fs::symlink;
    for (name, content) in [
        ("index", Some("my index of books")),
        ("index.lock", Some("locked")),
        ("index", None),
        ("index.lock", None),
        ("index.part", None),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("target");
        let cache = dir.path().join("cache");
        fs::create_dir(&cache).unwrap();
        match content {
            Some(text) => fs::write(cache.join(name), text).unwrap(),
            None => {
                fs::write(&target, "theirs").unwrap();
                symlink(&target, cache.join(name)).unwrap();
            }
        }
        let opened = Cache::open(&cache, &CacheOptions::default())
            .and_then(|c| c.put(&Key::from("k"), &Value::Null, &array(1)));
        assert!(opened.is_err(), "{name}");
        assert_eq!(
            fs::read_dir(&cache).unwrap().count(),
            1 + usize::from(cache.join("index.lock").exists() && name != "index.lock")
        );
        match content {
            Some(text) => assert_eq!(fs::read_to_string(cache.join(name)).unwrap(), text),
            None => assert_eq!(fs::read_to_string(&target).unwrap(), "theirs"),
        }
    }
}

#[test]
fn a_damaged_index_is_set_aside_and_made_again() {
    for damage in [&b""[..], b"garbage that is no pickle", b"\x80\x02K\x02K\x04\x86q\x00.", &[0; 100]] {
        let dir = tempfile::tempdir().unwrap();
        for n in 0..3 {
            put(&open(dir.path()), n);
        }
        let cache = open(dir.path());
        // The older value of a key that was put twice is not the one that comes back.
        cache.put(&Key::from("key 3"), &metadata(8), &array(8)).unwrap();
        put(&cache, 3);
        fs::write(dir.path().join("index"), damage).unwrap();
        let readonly = CacheOptions { readonly: true, ..CacheOptions::default() };
        let reader = Cache::open(dir.path(), &readonly).unwrap();
        assert_eq!(reader.get(&Key::from("key 1")).unwrap_err().kind(), Kind::Invalid);
        let cache = open(dir.path());
        assert!((0..4).all(|n| has(&cache, n)));
        assert_eq!(fs::read(dir.path().join("index.damaged")).unwrap(), damage);
        assert_eq!(cache.size().unwrap().entries, 4);
    }
    // One that is not there is made again as well.
    let dir = tempfile::tempdir().unwrap();
    put(&open(dir.path()), 1);
    fs::remove_file(dir.path().join("index")).unwrap();
    assert!(has(&open(dir.path()), 1));
}

/// The real indexes: each is read, or refused for a reason, and the other files stay.
#[test]
fn every_index_is_read_or_refused() {
    let Some(corpus) = testing::corpus() else { return };
    let folder = corpus.join("nengo/index");
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.join("manifest.json")).unwrap()).unwrap();
    let mut seen = 0;
    for case in manifest.as_array().unwrap() {
        let name = case["file"].as_str().unwrap();
        let accepted = case["nengo"].as_str().unwrap().starts_with("ok");
        let newer = ["too_new.index", "version3.index", "protocol6.index"].contains(&name);
        for locked in [false, true] {
            let dir = tempfile::tempdir().unwrap();
            fs::copy(folder.join(name), dir.path().join("index")).unwrap();
            fs::write(dir.path().join("data.txt"), "mine").unwrap();
            let shard = dir.path().join("e8");
            fs::create_dir(&shard).unwrap();
            let pack = shard.join("676bda-e5ea-11f1-ac7c-02fc00000001.txt");
            fs::write(&pack, "mine").unwrap();
            if locked {
                fs::write(dir.path().join("index.lock"), "").unwrap();
            }
            let cache = Cache::open(dir.path(), &CacheOptions::default());
            let found = cache.and_then(|c| c.get(&Key::from("key")));
            match (accepted || name == "legacy_dict.index", newer, locked) {
                (true, ..) => assert!(found.unwrap().is_none(), "{name}"),
                (_, true, _) => assert_eq!(found.unwrap_err().kind(), Kind::Unsupported, "{name}"),
                // Whatever it is, no cache ever locked it: it may be somebody's.
                (.., false) => assert_eq!(found.unwrap_err().kind(), Kind::Invalid, "{name}"),
                (.., true) => {
                    assert!(found.unwrap().is_none(), "{name}");
                    let aside = fs::read(dir.path().join("index.damaged")).unwrap();
                    assert_eq!(aside, fs::read(folder.join(name)).unwrap());
                }
            }
            if accepted {
                // What it held is held still.
                let cache = open(dir.path());
                let before = cache.size().unwrap().entries;
                put(&cache, 1);
                assert!(has(&open(dir.path()), 1));
                assert_eq!(open(dir.path()).size().unwrap().entries, before + 1, "{name}");
            }
            assert_eq!(fs::read_to_string(dir.path().join("data.txt")).unwrap(), "mine");
            assert_eq!(fs::read_to_string(&pack).unwrap(), "mine");
            seen += 1;
        }
    }
    assert_eq!(seen, 44);
}

#[test]
fn packs_are_put_together_and_taken_apart() {
    let dir = tempfile::tempdir().unwrap();
    for n in 0..10 {
        put(&open(dir.path()), n);
    }
    let cache = open(dir.path());
    put(&cache, 3);
    let files = packs(dir.path());
    assert_eq!(files.len(), 11);
    // One is damaged: it is left alone, and nothing of it is lost.
    let damaged = files.iter().find(|p| cache_place(&cache, "key 7") == **p).unwrap().clone();
    let mut bytes = fs::read(&damaged).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&damaged, &bytes).unwrap();
    let done = cache.pack(1 << 20).unwrap();
    assert_eq!((done.before, done.moved, done.left), (11, 9, 2), "{done:?}");
    let now = packs(dir.path());
    assert!(now.contains(&damaged));
    assert_eq!(done.after as usize, now.len());
    let all = |cache: &Cache| (0..10).filter(|n| *n != 7).all(|n| has(cache, n));
    assert!(all(&cache) && all(&open(dir.path())));
    let checked = cache.verify(&mut |_| {}).unwrap();
    assert_eq!((checked.sound, checked.checksummed, checked.problems.len()), (9, 9, 1));
    assert!(!checked.is_sound());
    let done = cache.unpack().unwrap();
    assert_eq!((done.moved, done.after), (9, done.before + 8), "{done:?}");
    assert!(all(&cache) && all(&open(dir.path())));
}

fn cache_place(cache: &Cache, key: &str) -> PathBuf {
    let place = cache.list().unwrap().into_iter().find(|l| l.key == key).unwrap().place;
    place.pack.path(cache.dir())
}

#[test]
fn names_are_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let cache = open(dir.path());
    (0..3).for_each(|n| put(&cache, n));
    put(&open(dir.path()), 4);
    fs::remove_file(cache_place(&cache, "key 4")).unwrap();
    cache.remove(&Key::from("key 2")).unwrap();
    let done = cache.recover().unwrap();
    assert_eq!((done.kept, done.found, done.dropped, done.nameless), (2, 1, 1, 0));
    assert!((0..3).all(|n| has(&open(dir.path()), n)));
    fs::write(dir.path().join("index"), b"").unwrap();
    let done = open(dir.path()).recover().unwrap();
    assert_eq!((done.kept, done.found, done.dropped, done.nameless), (0, 3, 0, 0));
}

#[test]
fn threads_mend_an_index_together() {
    let dir = tempfile::tempdir().unwrap();
    let cache = open(dir.path());
    (0..4).for_each(|n| put(&cache, n));
    for round in 0..5 {
        fs::write(dir.path().join("index"), b"damaged").unwrap();
        std::thread::scope(|s| {
            for t in 0..4 {
                let cache = &cache;
                s.spawn(move || {
                    let n = 10 + round * 4 + t;
                    assert!(!has(cache, n));
                    put(cache, n);
                });
            }
        });
    }
    let other = open(dir.path());
    assert!((0..4).chain(10..30).all(|n| has(&other, n)));
}

/// A large entry is used where it lies: it stays as it is when its pack is deleted, and what is damaged is a miss.
#[test]
fn large_entries_are_mapped() {
    let dir = tempfile::tempdir().unwrap();
    let cache = open(dir.path());
    let values: Vec<f64> = (0..300_000).map(f64::from).collect();
    let large = View::from_slice([3, 100_000], &values).unwrap();
    put(&cache, 1);
    cache.put(&Key::from("large"), &metadata(5), &large).unwrap();
    put(&cache, 2);
    let found = cache.get(&Key::from("large")).unwrap().unwrap();
    assert_eq!((&found.metadata, &found.array), (&metadata(5), &large));
    assert_eq!(found.array.as_slice::<f64>().unwrap().len(), values.len());
    let pack = packs(dir.path()).remove(0);
    let is_mapped = || {
        let maps = fs::read_to_string("/proc/self/maps");
        maps.map(|maps| maps.contains(&*pack.to_string_lossy())).ok()
    };
    assert!(is_mapped() != Some(false));
    // Not where it is not wanted, and not for long.
    let copied = CacheOptions { map: false, ..CacheOptions::default() };
    drop(found);
    let copy = Cache::open(dir.path(), &copied).unwrap().get(&Key::from("large")).unwrap().unwrap();
    assert!(is_mapped() != Some(true) && copy.array == large);
    let found = cache.get(&Key::from("large")).unwrap().unwrap();
    cache.invalidate().unwrap();
    assert!(packs(dir.path()).is_empty() && found.array == large);
    // A flipped bit, and a file that ends too early.
    cache.put(&Key::from("large"), &metadata(5), &large).unwrap();
    drop(cache);
    let pack = packs(dir.path()).remove(0);
    let good = fs::read(&pack).unwrap();
    let mut bytes = good.clone();
    bytes[good.len() / 2] ^= 1;
    for bytes in [&bytes, &good[..good.len() - 1], &good[..1 << 20], &good[..10], &good[..0]] {
        fs::remove_file(&pack).unwrap();
        fs::write(&pack, bytes).unwrap();
        let found = open(dir.path()).lookup(&Key::from("large")).unwrap();
        assert!(matches!(found, Lookup::Damaged(_)), "{} bytes", bytes.len());
    }
}
