//! Many processes in one cache directory, nengo's among them, and some are killed: nothing that was put is lost, and
//! nothing wrong is read.
//!
//! `HYPERSLAB_SOAK=1` runs 64 processes of ours in each mode, then 8 with 8 of nengo, for half a minute and more.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a panic is the failure report")]

use hyperslab_core::{Value, View, testing};
use hyperslab_nco::cache::{Cache, CacheOptions, Commit, Key, Lookup, Mode};
use std::collections::HashSet;
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const ROLE: &str = "HYPERSLAB_TEST_CACHE_PROCESS";

/// The array that belongs to a key.
fn array(key: &str) -> View<'static> {
    let seed = key.bytes().fold(7u64, |h, b| h.wrapping_mul(31).wrapping_add(b.into()));
    let values: Vec<f64> = (0..64).map(|i| (seed % 1_000_003) as f64 + f64::from(i)).collect();
    View::from_slice([16, 4], &values).unwrap().into_owned().unwrap()
}

fn metadata(key: &str) -> Value {
    Value::map([("key", Value::from(key)), ("rmses", Value::from(array(key)))])
}

fn check(cache: &Cache, key: &str) -> bool {
    match cache.lookup(&Key::from(key)).unwrap() {
        Lookup::Hit(object) => {
            assert_eq!((object.metadata, object.array), (metadata(key), array(key)), "{key}");
            true
        }
        Lookup::Miss => false,
        Lookup::Damaged(e) => panic!("{key}: {e}"),
    }
}

/// Not a test of its own: a process that puts and gets until it is killed. It prints what was put.
#[test]
fn cache_process() {
    let Some(role) = std::env::var_os(ROLE) else { return };
    let (name, dir) = role.to_str().unwrap().split_once(' ').unwrap();
    let mut out = std::io::stdout().lock();
    let mut done: Vec<String> = Vec::new();
    for n in 0u64.. {
        let cache = Cache::open(dir, &CacheOptions::default()).unwrap();
        for m in 0..1 + n % 5 {
            let key = format!("{name}-{n}-{m}");
            cache.put(&Key::from(&*key), &metadata(&key), &array(&key)).unwrap();
            // One write, so that a kill leaves no half of a line.
            out.write_all(format!("put {key}\n").as_bytes()).unwrap();
            out.flush().unwrap();
            done.push(key);
            for key in done.iter().rev().step_by(7) {
                assert!(check(&cache, key), "{key} is lost");
            }
        }
    }
}

/// A nengo process: builds that find or make decoders, each in a context of its own.
const NENGO: &str = r#"
import sys, warnings, numpy as np, nengo
from nengo.cache import DecoderCache
warnings.simplefilter("ignore")
class Conn:
    class pre_obj:
        neuron_type = nengo.LIF()
    solver = nengo.solvers.LstsqL2()
def made(i):
    return np.arange(24.0).reshape(6, 4) + i, {"rmses": np.full(3, float(i)), "i": i}
base = int(sys.argv[2])
for n in range(10**6):
    with DecoderCache(cache_dir=sys.argv[1]) as cache:
        for m in range(4):
            i = base + n * 4 + m if m < 3 else base
            def solve(conn, gain, bias, x, targets, rng=None, **kw):
                return made(i)
            ones = np.full(3, float(i))
            decoders, info = cache.wrap_solver(solve)(Conn, ones, ones, ones, ones, rng=np.random.RandomState(1))
            want = made(i)
            assert np.array_equal(decoders, want[0]) and info["i"] == i, i
    print("built", flush=True)
"#;

/// Opens the directory in nengo, reads every entry, and prints how many there are.
const JUDGE: &str = r#"
import sys, warnings
from nengo.cache import DecoderCache
from nengo.utils import nco
# Not before: nengo's own import warns.
warnings.simplefilter("error")
cache = DecoderCache(cache_dir=sys.argv[1])
with cache:
    assert not cache.readonly
    index = cache._index._index
    for key, (path, start, end) in index.items():
        with open(path, "rb") as f:
            f.seek(start)
            info, array = nco.read(f)
            assert f.tell() == end
        if "key" in info:
            assert info["key"] == key and array.shape == (16, 4), key
    print(len(index))
"#;

struct Worker {
    child: Child,
    said: Receiver<String>,
}

impl Worker {
    fn start(mut command: Command) -> Worker {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (tell, said) = channel();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|l| tell.send(l)));
        Worker { child, said }
    }

    fn ours(dir: &Path, name: &str) -> Worker {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["cache_process", "--exact", "--nocapture", "--test-threads=1"]);
        command.env(ROLE, format!("{name} {}", dir.to_str().unwrap()));
        Worker::start(command)
    }

    fn nengo(python: &Path, dir: &Path, number: u64) -> Worker {
        let mut command = Command::new(python);
        command
            .args([OsStr::new("-c"), OsStr::new(NENGO), dir.as_os_str()])
            .arg((number * 1_000_000).to_string());
        Worker::start(command)
    }

    /// Kills it; what it had said. It must not have ended by itself.
    fn kill(mut self) -> Vec<String> {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("a process ended by itself: {status}");
        }
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.said.iter().collect()
    }
}

/// Runs processes in a directory and kills them at random, each time starting another; then everything that was
/// put must be there.
fn run(mode: Mode, python: Option<&Path>, ours: u64, nengos: u64, time: Duration) {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().canonicalize().unwrap();
    let mut put = HashSet::new();
    let cache = Cache::open(&dir, &CacheOptions { mode, commit: Commit::Flush, ..CacheOptions::default() });
    let cache = cache.unwrap();
    // So many that the journal becomes long, and is written anew, while the processes run.
    for i in 0..if mode == Mode::Native { 3500 } else { 0 } {
        let key = format!("{i:040x}");
        cache.put(&Key::from(&*key), &metadata(&key), &array(&key)).unwrap();
        put.insert(key);
    }
    drop(cache);
    let before = put.len();
    let mut born = 0;
    let mut start = |nengo: bool| {
        born += 1;
        match (nengo, python) {
            (true, Some(python)) => Worker::nengo(python, &dir, born),
            _ => Worker::ours(&dir, &format!("p{born}")),
        }
    };
    let mut workers: Vec<(bool, Worker)> = Vec::new();
    for i in 0..ours + nengos {
        workers.push((i >= ours, start(i >= ours)));
    }
    let (mut built, mut kills) = (0, 0u64);
    let mut hear = |said: Vec<String>| {
        for line in said {
            match line.rsplit_once("put ") {
                Some((_, key)) => drop(put.insert(key.to_owned())),
                None => built += u64::from(line == "built"),
            }
        }
    };
    let until = Instant::now() + time;
    let mut random = 88172645463325252u64;
    while Instant::now() < until {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        std::thread::sleep(Duration::from_millis(20 + random % 150));
        let victim = (random >> 20) as usize % workers.len();
        // Nengo takes a second to start: it is killed less often.
        let (nengo, worker) = workers.swap_remove(victim);
        if nengo && random >> 40 & 3 != 0 {
            workers.push((nengo, worker));
            continue;
        }
        hear(worker.kill());
        kills += 1;
        workers.push((nengo, start(nengo)));
    }
    workers.into_iter().for_each(|(_, worker)| hear(worker.kill()));
    let cache = Cache::open(&dir, &CacheOptions::default()).unwrap();
    let lost: Vec<_> = put.iter().filter(|key| !check(&cache, key)).collect();
    assert!(lost.is_empty(), "{} of {} lost: {lost:?}", lost.len(), put.len());
    assert!(put.len() > before);
    let checked = cache.verify(&mut |_| {}).unwrap();
    assert!(checked.problems.is_empty(), "{:?}", checked.problems);
    let entries = cache.size().unwrap().entries;
    println!(
        "soak: {ours} processes and {nengos} of nengo in one {mode:?} cache, {kills} killed: {} entries put, 0 lost; {built} builds of nengo",
        put.len() - before
    );
    if let Some(python) = python {
        let seen = testing::run_python(python, JUDGE, &[dir.as_os_str()]);
        assert_eq!(seen.trim_end(), entries.to_string());
        assert!(nengos == 0 || built > 0);
    }
}

fn soak() -> bool {
    std::env::var_os("HYPERSLAB_SOAK").is_some()
}

#[test]
fn ours_alone() {
    let python = testing::oracle_python();
    let (processes, seconds) = if soak() { (64, 30) } else { (12, 3) };
    run(Mode::Shared, python.as_deref(), processes, 0, Duration::from_secs(seconds));
}

#[test]
fn ours_in_a_journal() {
    let (processes, seconds) = if soak() { (64, 30) } else { (16, 4) };
    run(Mode::Native, None, processes, 0, Duration::from_secs(seconds));
}

#[test]
fn ours_with_nengo() {
    let Some(python) = testing::oracle_python() else { return };
    let (each, seconds) = if soak() { (8, 45) } else { (3, 6) };
    run(Mode::Shared, Some(&python), each, each, Duration::from_secs(seconds));
}
