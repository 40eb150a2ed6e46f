//! One cache directory, used by the real nengo and by us in turn.

#![expect(clippy::unwrap_used, reason = "a panic is the failure report")]

use hyperslab_core::{Value, View, testing};
use hyperslab_nco::cache::{Cache, CacheOptions, Key};
use std::ffi::OsStr;
use std::path::Path;

/// Asks nengo's cache for the decoders of a number: those that it finds, or new ones, and which of the two it was.
/// Prints the key, too.
const ASK: &str = r#"
import sys, logging, warnings, numpy as np, nengo
from nengo.cache import DecoderCache
warnings.simplefilter("error")
logging.disable(logging.CRITICAL)
class Conn:
    class pre_obj:
        neuron_type = nengo.LIF()
    solver = nengo.solvers.LstsqL2()
cache = DecoderCache(cache_dir=sys.argv[1])
with cache:
    assert not cache.readonly
    for i in map(int, sys.argv[2:]):
        calls = []
        def solve(conn, gain, bias, x, targets, rng=None, **kw):
            calls.append(1)
            return np.full((3, 2), float(i)), {"rmses": np.full(2, i / 2), "i": i}
        a = np.full(3, float(i))
        rng = np.random.RandomState(1)
        decoders, info = cache.wrap_solver(solve)(Conn, a, a, a, a, rng=rng)
        key = cache._get_cache_key(Conn.solver, Conn.pre_obj.neuron_type, a, a, a, a, np.random.RandomState(1))
        print(key, "made" if calls else "found", decoders.ravel().tolist(), info["i"])
"#;

/// Nengo's own shrinking, of all.
const SHRINK: &str = r#"
import sys, nengo
from nengo.cache import DecoderCache
cache = DecoderCache(cache_dir=sys.argv[1])
print(cache.get_size_in_bytes())
cache.shrink(0)
print(cache.get_size_in_bytes())
"#;

fn ask(python: &Path, dir: &Path, numbers: &[&str]) -> Vec<[String; 2]> {
    let args: Vec<&OsStr> = [dir.as_os_str()].into_iter().chain(numbers.iter().map(OsStr::new)).collect();
    let out = testing::run_python(python, ASK, &args);
    out.lines()
        .map(|line| {
            let (key, rest) = line.split_once(' ').unwrap();
            [key.to_owned(), rest.to_owned()]
        })
        .collect()
}

/// Makes every pack two days old.
fn age(dir: &Path) {
    let then = std::time::SystemTime::now() - std::time::Duration::from_secs(2 * 24 * 3600);
    let times = std::fs::FileTimes::new().set_accessed(then).set_modified(then);
    for shard in std::fs::read_dir(dir).unwrap().flatten().filter(|e| e.file_type().unwrap().is_dir()) {
        for file in std::fs::read_dir(shard.path()).unwrap().flatten() {
            std::fs::File::options().write(true).open(file.path()).unwrap().set_times(times).unwrap();
        }
    }
}

fn ours(n: f64) -> View<'static> {
    View::from_slice([3, 2], &[n; 6]).unwrap().into_owned().unwrap()
}

#[test]
fn each_finds_what_the_other_put() {
    let Some(python) = testing::oracle_python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("cache");
    let cache = Cache::open(&dir, &CacheOptions::default()).unwrap();
    let first = ask(&python, &dir, &["1", "2"]);
    assert_eq!(first[0][1], "made [1.0, 1.0, 1.0, 1.0, 1.0, 1.0] 1");
    // What nengo put is found here, without opening the cache anew.
    let found = cache.get(&Key::from(&*first[1][0])).unwrap().unwrap();
    assert_eq!(found.array, ours(2.0));
    assert_eq!(found.metadata.get("i"), Some(&Value::Int(2)));
    // What is put here is found there, in place of nengo's own.
    let metadata = Value::map([("i", Value::Int(77)), ("rmses", Value::from(ours(0.5)))]);
    cache.put(&Key::from(&*first[0][0]), &metadata, &ours(9.0)).unwrap();
    let again = ask(&python, &dir, &["1", "2", "3"]);
    assert_eq!(again[0][1], "found [9.0, 9.0, 9.0, 9.0, 9.0, 9.0] 77");
    assert_eq!(again[1][1], "found [2.0, 2.0, 2.0, 2.0, 2.0, 2.0] 2");
    assert_eq!(again[2][1], "made [3.0, 3.0, 3.0, 3.0, 3.0, 3.0] 3");
    assert_eq!(cache.size().unwrap().entries, 3);
    // Packed and unpacked here, nengo finds it all. Its object that was replaced might be about to get a name.
    let done = cache.pack(1 << 20).unwrap();
    assert_eq!((done.before, done.after, done.moved, done.left), (3, 2, 2, 1), "{done:?}");
    assert!(ask(&python, &dir, &["1", "2", "3"]).iter().all(|[_, what]| what.starts_with("found")));
    age(&dir);
    let done = cache.pack(1 << 20).unwrap();
    assert_eq!((done.after, done.moved, done.left), (1, 3, 0), "{done:?}");
    assert!(ask(&python, &dir, &["1", "2", "3"]).iter().all(|[_, what]| what.starts_with("found")));
    let done = cache.unpack().unwrap();
    assert_eq!((done.after, done.moved), (3, 3), "{done:?}");
    assert!(ask(&python, &dir, &["1", "2", "3"]).iter().all(|[_, what]| what.starts_with("found")));
    let checked = cache.verify(&mut |_| {}).unwrap();
    assert_eq!((checked.sound, checked.problems.len()), (3, 0));
    // Sizes are counted alike; what either deletes is a miss to the other.
    let sizes = testing::run_python(&python, SHRINK, &[dir.as_os_str()]);
    let before = cache.size().unwrap();
    assert_eq!(before.bytes, 0);
    assert!(sizes.ends_with("\n0\n"), "{sizes}");
    assert!(cache.get(&Key::from(&*first[0][0])).unwrap().is_none());
    assert!(ask(&python, &dir, &["1"])[0][1].starts_with("made"));
    assert!(cache.get(&Key::from(&*first[0][0])).unwrap().is_some());
    // Nengo leaves names behind that lead nowhere; they go when the names are made anew.
    assert_eq!(cache.recover().unwrap().dropped, 2);
    cache.invalidate().unwrap();
    assert_eq!(cache.size().unwrap().entries, 0);
    assert!(ask(&python, &dir, &["1"])[0][1].starts_with("made"));
}

#[test]
fn a_moved_cache_is_found_by_nengo_after_the_first_commit() {
    let Some(python) = testing::oracle_python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (dir.path().join("old"), dir.path().join("new"));
    ask(&python, &old, &["1", "2"]);
    std::fs::rename(&old, &new).unwrap();
    let cache = Cache::open(&new, &CacheOptions::default()).unwrap();
    cache.put(&Key::from("another"), &Value::Null, &ours(1.0)).unwrap();
    assert!(ask(&python, &new, &["1", "2"]).iter().all(|[_, what]| what.starts_with("found")));
}
