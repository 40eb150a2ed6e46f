//! A loss of power, at any moment of a cache's life in either mode: everything that a process does to the files of a
//! directory is written down by `strace`, and then done again up to each of its steps, on a disk that loses what was
//! not synced. The cache opens, has every entry whose put had returned, and no wrong one.
//!
//! Without `strace` this is not run, and says so.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a panic is the failure report")]

#[path = "power/disk.rs"]
mod disk;
#[path = "power/strace.rs"]
mod strace;

use disk::{Disk, Loss, Random};
use hyperslab_core::{Value, View};
use hyperslab_nco::cache::{Cache, CacheOptions, Commit, Key, Lookup, Mode};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use strace::Op;

/// What the process is to do: mode, directory, the file that it says things to.
const ROLE: &str = "HYPERSLAB_CACHE_POWER";

fn array(key: &str, version: u32) -> View<'static> {
    let seed = key.bytes().fold(u32::from(key.len() as u8), |h, b| h.wrapping_mul(31).wrapping_add(b.into()));
    // Some entries are longer than a sector, some shorter.
    let n = 5 + u64::from(seed % 150);
    let values: Vec<f64> = (0..n).map(|i| f64::from(seed) + i as f64 + f64::from(version) / 64.0).collect();
    View::from_slice([n], &values).unwrap().into_owned().unwrap()
}

fn metadata(version: u32) -> Value {
    Value::map([("version", Value::Int(version.into()))])
}

fn options(mode: Mode) -> CacheOptions {
    CacheOptions { mode, ..CacheOptions::default() }
}

/// The process: says what it is about to do, does it, says that it has done it.
struct Process {
    voice: fs::File,
}

impl Process {
    fn say(&mut self, line: &str) {
        self.voice.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    fn put(&mut self, cache: &Cache, key: &str, version: u32) {
        self.say(&format!("begin put {key} {version}"));
        cache.put(&Key::from(key), &metadata(version), &array(key, version)).unwrap();
        self.say("done");
    }

    fn remove(&mut self, cache: &Cache, key: &str) {
        self.say(&format!("begin remove {key}"));
        assert!(cache.remove(&Key::from(key)).unwrap());
        self.say("done");
    }

    fn run(&mut self, dir: &Path, mode: Mode) {
        let cache = Cache::open(dir, &options(mode)).unwrap();
        (0..4).for_each(|i| self.put(&cache, &format!("first-{i}"), 0));
        let other = Cache::open(dir, &options(mode)).unwrap();
        self.put(&other, "first-1", 1);
        self.put(&cache, "first-2", 2);
        self.put(&other, "second", 0);
        self.remove(&cache, "first-3");
        drop(other);
        // Many at once: they are promised when the flush has returned.
        let many = Cache::open(dir, &CacheOptions { commit: Commit::Flush, ..options(mode) }).unwrap();
        self.say("begin put first-1 3 many-0 0 many-1 0 many-2 0");
        many.put(&Key::from("first-1"), &metadata(3), &array("first-1", 3)).unwrap();
        for key in ["many-0", "many-1", "many-2"] {
            many.put(&Key::from(key), &metadata(0), &array(key, 0)).unwrap();
        }
        many.flush().unwrap();
        self.say("done");
        drop(many);
        self.say("begin pack");
        assert!(cache.pack(1 << 20).unwrap().moved > 0);
        self.say("done");
        self.put(&cache, "third", 0);
        self.say("begin unpack");
        assert!(cache.unpack().unwrap().moved > 0);
        self.say("done");
        self.put(&cache, "fourth", 0);
        self.say("begin shrink");
        assert!(cache.shrink(cache.size().unwrap().bytes / 2).unwrap().packs > 0);
        let left: Vec<_> = cache.list().unwrap().into_iter().map(|e| e.key).collect();
        self.say(&format!("left {}", left.join(",")));
        self.put(&cache, "fifth", 0);
        self.say("begin recover");
        cache.recover().unwrap();
        self.say("back");
        self.put(&cache, "sixth", 0);
    }
}

#[test]
fn power_process() {
    let Some(role) = std::env::var_os(ROLE) else { return };
    let [mode, dir, voice] =
        <[&str; 3]>::try_from(role.to_str().unwrap().split(' ').collect::<Vec<_>>()).unwrap();
    let voice = fs::File::options().append(true).open(voice).unwrap();
    let mode = if mode == "native" { Mode::Native } else { Mode::Shared };
    Process { voice }.run(Path::new(dir), mode);
}

/// What may be found of each key, `None` being nothing: more than one while something is under way.
#[derive(Default)]
struct Expected {
    keys: BTreeMap<String, BTreeSet<Option<u32>>>,
    /// What will be found when it is done.
    coming: Vec<(String, Option<u32>)>,
    /// Every version that was ever put.
    ever: BTreeMap<String, BTreeSet<Option<u32>>>,
}

impl Expected {
    fn hear(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["begin", "put", ..] => {
                for put in words[2..].chunks(2) {
                    let (key, version) = (put[0].to_owned(), Some(put[1].parse().unwrap()));
                    self.coming.push((key.clone(), version));
                    self.ever.entry(key.clone()).or_default().insert(version);
                    self.keys.entry(key).or_insert_with(|| [None].into()).insert(version);
                }
            }
            ["begin", "remove", key] => {
                let key = key.to_owned();
                self.keys.get_mut(&key).unwrap().insert(None);
                self.coming.push((key, None));
            }
            ["begin", "shrink"] => self.keys.values_mut().for_each(|may| may.extend([None])),
            ["left", left] => {
                let left: BTreeSet<&str> = left.split(',').collect();
                for (key, may) in &mut self.keys {
                    may.retain(|version| version.is_some() == left.contains(key.as_str()));
                    assert_eq!(may.len(), 1, "{key}");
                }
            }
            // Entries that were removed, or replaced and then shrunk away, may come back.
            ["begin", "recover"] => {
                for (key, may) in self.keys.iter_mut().filter(|(_, may)| may.contains(&None)) {
                    may.extend(&self.ever[key]);
                }
            }
            ["begin", _] | ["back"] => {}
            ["done"] => {
                for (key, version) in self.coming.drain(..) {
                    self.keys.insert(key, [version].into());
                }
            }
            _ => panic!("{line}"),
        }
    }

    /// Opens what a loss of power left.
    fn check(&self, dir: &Path, mode: Mode, why: &str) {
        let cache = Cache::open(dir, &options(mode)).unwrap_or_else(|e| panic!("{why}: {e}"));
        assert_eq!(cache.mode(), mode, "{why}");
        for (key, may) in &self.keys {
            let found = match cache.lookup(&Key::from(&**key)).unwrap_or_else(|e| panic!("{why}: {e}")) {
                Lookup::Miss => None,
                Lookup::Damaged(e) => panic!("{why}: {key} is damaged: {e}"),
                Lookup::Hit(object) => {
                    let version = may.iter().flatten().find(|v| object.metadata == metadata(**v));
                    let version = version.unwrap_or_else(|| panic!("{why}: {key}: {:?}", object.metadata));
                    assert_eq!(object.array, array(key, *version), "{why}: {key}");
                    Some(*version)
                }
            };
            assert!(may.contains(&found), "{why}: {key} is {found:?}, where it may be {may:?}");
        }
        // What was written in part into a journal is told until it is written anew; every entry is sound.
        let checked = cache.verify(&mut |_| {}).unwrap();
        assert!(checked.names.is_none() || mode == Mode::Native, "{why}: {:?}", checked.names);
        assert!(checked.problems.is_empty(), "{why}: {:?}", checked.problems);
        // Life goes on.
        cache.put(&Key::from("after"), &metadata(7), &array("after", 7)).unwrap();
        let again = Cache::open(dir, &options(mode)).unwrap();
        assert!(again.get(&Key::from("after")).unwrap().is_some(), "{why}");
        assert!(again.verify(&mut |_| {}).unwrap().is_sound(), "{why}");
    }
}

/// What a process does to a directory; nothing where there is no `strace`.
fn recorded(mode: &str, dir: &Path) -> Option<Vec<Op>> {
    let beside = dir.parent().unwrap();
    let (voice, log) = (beside.join("said"), beside.join("strace.log"));
    fs::write(&voice, "").unwrap();
    let mut command = Command::new("strace");
    command.args(["-f", "-xx", "-s", "16777216", "-e", strace::CALLS, "-o"]).arg(&log);
    command.arg(std::env::current_exe().unwrap()).args(["--exact", "power_process", "--test-threads=1"]);
    command.env(ROLE, format!("{mode} {} {}", dir.display(), voice.display()));
    let out = match command.output() {
        Ok(out) => out,
        Err(e) => {
            println!("losses of power: not run, {e}: strace");
            return None;
        }
    };
    let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    if said.contains("ptrace") {
        println!("losses of power: not run: {said}");
        return None;
    }
    assert!(out.status.success(), "{said}");
    Some(strace::parse(&fs::read_to_string(log).unwrap(), dir, &voice))
}

/// Makes a directory of files that lie in another.
fn lay(files: &BTreeMap<PathBuf, Vec<u8>>, from: &Path, to: &Path) {
    for (path, bytes) in files {
        let path = to.join(path.strip_prefix(from).unwrap());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

fn lose_everywhere(mode: Mode, name: &str) {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().canonicalize().unwrap().join("cache");
    fs::create_dir(&dir).unwrap();
    let Some(ops) = recorded(name, &dir) else { return };
    let kinds = |f: fn(&Op) -> bool| ops.iter().filter(|op| f(op)).count();
    assert!(kinds(|op| matches!(op, Op::Sync { .. })) > 10 && kinds(|op| matches!(op, Op::Said(_))) > 20);

    // Where a sync costs nothing: these disks lose their power in memory.
    let memory = Path::new("/dev/shm");
    let samples = if std::env::var_os("HYPERSLAB_SOAK").is_some() { 60 } else { 3 };
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let (mut disk, mut expected, mut losses) = (Disk::new(&dir, BTreeMap::new()), Expected::default(), 0);
    for (i, op) in ops.iter().enumerate() {
        if let Op::Said(line) = op {
            expected.hear(line);
        }
        if !disk.apply(op) {
            continue;
        }
        let hows = [Loss::Nothing, Loss::Everything].into_iter().chain([Loss::Any].repeat(samples));
        for how in hows {
            let left = disk.lose(how, &mut random);
            let there = tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir()).unwrap();
            lay(&left, &dir, there.path());
            expected.check(there.path(), mode, &format!("step {i}, {how:?}: {op:?}"));
            losses += 1;
        }
    }
    // The simulation ends where the directory did.
    let last = disk.lose(Loss::Nothing, &mut random);
    for (path, bytes) in &last {
        assert!(fs::read(path).unwrap() == *bytes, "{}", path.display());
    }
    println!("soak: {losses} losses of power in {} steps of a {name} cache", ops.len());
}

#[test]
fn an_index_shared_with_nengo() {
    lose_everywhere(Mode::Shared, "shared");
}

#[test]
fn a_journal() {
    lose_everywhere(Mode::Native, "native");
}
