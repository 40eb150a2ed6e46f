//! Damaged NPZ files: every whole member is saved as it was, none is made up, and NumPy loads what is saved.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests: a panic is the failure report")]

use hyperslab_core::digest::digest;
use hyperslab_core::source::SliceSource;
use hyperslab_core::{Container as _, Kind, Limits, Selection, testing};
use hyperslab_npy::Npz;
use hyperslab_npy::npz::{Recovered, recover};
use std::collections::BTreeMap;
use std::path::Path;

/// Makes archives of every kind in a folder; prints for each its name, and for each member its name, where it begins
/// and where it ends.
const MAKE: &str = r#"
import io, os, sys, zipfile
import numpy as np
os.chdir(sys.argv[1])
rng = np.random.default_rng(5)
inner = io.BytesIO()
np.savez(inner, a=np.arange(4), nested=np.ones(3))
arrays = {
    "x": np.arange(7, dtype="<f8"),
    "deep/y": rng.integers(0, 3, 40).astype("u1"),
    # An archive inside an array: none of its members is one of the archive around it.
    "holds": np.frombuffer(inner.getvalue(), "u1"),
    "z": np.array([[1, 2], [3, 4]], dtype=">i2"),
}

class Pipe(io.RawIOBase):
    def __init__(self):
        self.all = b""
    def writable(self):
        return True
    def write(self, data):
        self.all += bytes(data)
        return len(data)

def make(name, save):
    for kind, target in ("file", io.BytesIO()), ("pipe", Pipe()):
        save(target)
        data = target.getvalue() if kind == "file" else target.all
        with open(f"{kind}_{name}", "wb") as f:
            f.write(data)
        with zipfile.ZipFile(io.BytesIO(data)) as z:
            infos = sorted(z.infolist(), key=lambda i: i.header_offset)
            ends = [i.header_offset for i in infos[1:]] + [z.start_dir]
            print(f"{kind}_{name}", *(f"{i.filename}:{i.header_offset}:{e}" for i, e in zip(infos, ends)))

make("stored.npz", lambda t: np.savez(t, **arrays))
make("deflated.npz", lambda t: np.savez_compressed(t, **arrays))

def raw(target):
    with zipfile.ZipFile(target, "w") as z:
        z.writestr("notes.txt", "of no array")
        z.writestr("empty", b"")
        with z.open("x.npy", "w") as f:
            np.lib.format.write_array(f, arrays["x"])

make("raw.npz", raw)
"#;

/// Prints what NumPy loads of an archive: names and digests of the bytes.
const LOAD: &str = r#"
import sys, numpy as np
with np.load(sys.argv[1]) as f:
    for key in f.files:
        v = f[key]
        print(key, v if isinstance(v, bytes) else (v.dtype.str, v.shape, v.tolist()))
"#;

struct Archive {
    name: String,
    bytes: Vec<u8>,
    /// Name, first byte, end.
    members: Vec<(String, usize, usize)>,
}

/// The archives, in a folder that lives as long as they are used.
fn archives(python: &Path) -> Vec<Archive> {
    let dir = tempfile::tempdir().unwrap();
    let made = testing::run_python(python, MAKE, &[dir.path().as_os_str()]);
    let archive = |line: &str| {
        let mut words = line.split(' ');
        let name = words.next().unwrap().to_owned();
        let member = |word: &str| {
            let [end, at, name] = word.rsplitn(3, ':').collect::<Vec<_>>().try_into().unwrap();
            (name.to_owned(), at.parse().unwrap(), end.parse().unwrap())
        };
        Archive {
            bytes: std::fs::read(dir.path().join(&name)).unwrap(),
            members: words.map(member).collect(),
            name,
        }
    };
    made.lines().map(archive).collect()
}

/// Every so many bytes are tried, in a long run each.
fn step() -> usize {
    if std::env::var_os("HYPERSLAB_SOAK").is_some() { 1 } else { 29 }
}

/// Digests of all members by name.
fn content(bytes: &[u8]) -> BTreeMap<String, String> {
    let limits = Limits::default();
    let npz = Npz::open(SliceSource(bytes), &limits).unwrap();
    let nodes = npz.nodes("", None, false, &limits).unwrap();
    let one = |node: hyperslab_core::Node| {
        let view = npz.read(&node.path, &Selection::ALL, &limits).unwrap();
        let sum = digest(&view).unwrap().map(|d| d.to_string()).unwrap_or_default();
        (node.member.unwrap(), format!("{} {} {sum}", view.dtype(), view.shape()))
    };
    nodes.into_iter().map(one).collect()
}

/// Recovers damaged bytes; what was saved, by name, with the account. `None` when not one member was left.
fn saved(bytes: &[u8], how: &str) -> Option<(Recovered, BTreeMap<String, String>)> {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.npz");
    let done = recover(&SliceSource(bytes), &out, false, &Limits::default());
    match done {
        Ok(account) => {
            let content = content(&std::fs::read(&out).unwrap());
            let mut names = account.saved.clone();
            names.sort();
            assert_eq!(names, content.keys().cloned().collect::<Vec<_>>(), "{how}");
            Some((account, content))
        }
        Err(e) => {
            assert_eq!(e.kind(), Kind::Invalid, "{how}: {e}");
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "{how}");
            None
        }
    }
}

#[test]
fn what_a_cut_archive_holds_is_saved_and_numpy_loads_it() {
    let Some((.., python)) = testing::oracles().into_iter().next() else { return };
    for Archive { name, bytes, members } in archives(&python) {
        let whole = content(&bytes);
        assert_eq!(whole.len(), members.len(), "{name}");
        let ends: Vec<usize> = members.iter().map(|m| m.2).chain([bytes.len()]).collect();
        for cut in (0..=bytes.len()).filter(|&c| c % step() == 0 || ends.iter().any(|e| e.abs_diff(c) < 3)) {
            let how = format!("{name} cut at {cut} of {}", bytes.len());
            // An empty member is complete with its header.
            let mut want: Vec<&str> = members.iter().filter(|m| m.2 <= cut).map(|m| &*m.0).collect();
            let Some((account, content)) = saved(&bytes[..cut], &how) else {
                assert!(want.is_empty(), "{how}: {want:?} lost");
                continue;
            };
            assert_eq!(account.saved, want, "{how}: {account:?}");
            assert_eq!(account.stated, (cut == bytes.len()).then_some(members.len() as u64), "{how}");
            // The one that is cut is named, unless its header is cut too.
            let begun = members.iter().filter(|m| m.1 + 30 + m.0.len() + 20 <= cut).count();
            assert!(account.saved.len() + account.lost.len() >= begun, "{how}: {account:?}");
            for (name, sum) in &content {
                assert_eq!(whole.get(name), Some(sum), "{how}: {name}");
            }
            want.sort_unstable();
        }
        // The directory is lost, and NumPy is the judge.
        let dir = tempfile::tempdir().unwrap();
        let (first, second) = (dir.path().join("before.npz"), dir.path().join("after.npz"));
        std::fs::write(&first, &bytes).unwrap();
        let end = members.last().unwrap().2;
        let account = recover(&SliceSource(&bytes[..end + 5]), &second, false, &Limits::default()).unwrap();
        assert!(account.lost.is_empty(), "{name}: {account:?}");
        let load = |path: &Path| testing::run_python(&python, LOAD, &[path.as_os_str()]);
        assert_eq!(load(&first), load(&second), "{name}");
    }
}

#[test]
fn whatever_byte_is_damaged_nothing_wrong_is_saved_and_the_other_members_are() {
    let Some((.., python)) = testing::oracles().into_iter().next() else { return };
    for Archive { name, bytes, members } in archives(&python) {
        let whole = content(&bytes);
        let mut lost = 0;
        for at in (0..bytes.len()).step_by(step()) {
            let how = format!("{name} with byte {at} damaged");
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x21;
            let Some((account, content)) = saved(&damaged, &how) else { panic!("{how}: nothing saved") };
            for (member, first, end) in &members {
                match content.get(member) {
                    Some(sum) => assert_eq!(whole.get(member), Some(sum), "{how}: {member}"),
                    // Damage in it, or in its name in the directory.
                    None => {
                        lost += 1;
                        let inside = (*first..*end).contains(&at);
                        let renamed = account.saved.len() == members.len();
                        assert!(inside || renamed, "{how}: {member}: {account:?}");
                        assert!(renamed || !account.lost.is_empty(), "{how}: {account:?}");
                    }
                }
            }
            let known: Vec<&String> = whole.values().collect();
            for (member, sum) in &content {
                assert!(known.contains(&sum), "{how}: {member} is made up");
            }
        }
        assert!(lost > 0, "{name}");
    }
}

#[test]
fn damaged_parts_of_every_length_are_survived() {
    let Some((.., python)) = testing::oracles().into_iter().next() else { return };
    for Archive { name, bytes, members } in archives(&python) {
        let whole = content(&bytes);
        for at in (0..bytes.len()).step_by(if step() == 1 { 7 } else { 61 }) {
            for len in [16, 120, 700] {
                let how = format!("{name} with {len} bytes from {at} lost");
                let mut damaged = bytes.clone();
                let end = (at + len).min(bytes.len());
                damaged[at..end].fill(0);
                let Some((account, content)) = saved(&damaged, &how) else { continue };
                for (member, first, stop) in &members {
                    let touched = at < *stop && end > *first;
                    assert!(touched || content.contains_key(member), "{how}: {member}: {account:?}");
                    if let Some(sum) = content.get(member) {
                        assert_eq!(whole.get(member), Some(sum), "{how}: {member}");
                    }
                }
            }
        }
    }
}

/// The archive is being written, and NumPy is killed in the middle of a member.
#[test]
fn what_a_killed_numpy_leaves() {
    const KILLED: &str = r#"
import os, sys, zipfile, numpy as np
z = zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_STORED)
for name in "ab":
    with z.open(name + ".npy", "w", force_zip64=True) as f:
        np.lib.format.write_array(f, np.arange(100))
f = z.open("c.npy", "w", force_zip64=True)
np.lib.format.write_array(f, np.arange(5000))
z.fp.flush()
os._exit(0)
"#;
    let Some((.., python)) = testing::oracles().into_iter().next() else { return };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("killed.npz");
    testing::run_python(&python, KILLED, &[path.as_os_str()]);
    let (account, _) = saved(&std::fs::read(&path).unwrap(), "killed").unwrap();
    assert_eq!(account.saved, ["a.npy", "b.npy"]);
    assert_eq!(account.lost.len(), 1, "{account:?}");
    assert_eq!(account.lost[0].name.as_deref(), Some("c.npy"));
    assert!(account.lost[0].why.contains("its writer died"), "{account:?}");
}

#[test]
fn what_is_no_archive_and_what_would_be_overwritten_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.npz");
    let limits = Limits::default();
    for bytes in [&b""[..], b"PK", b"PK\x03\x04", b"PK\x05\x06 and more", &[7; 4000]] {
        let e = recover(&SliceSource(bytes), &out, false, &limits).unwrap_err();
        assert_eq!(e.kind(), Kind::Invalid, "{e}");
        assert!(!out.exists());
    }
    std::fs::write(&out, "here").unwrap();
    assert_eq!(recover(&SliceSource(b"PK"), &out, false, &limits).unwrap_err().kind(), Kind::Usage);
    assert_eq!(recover(&SliceSource(b"PK"), &out, true, &limits).unwrap_err().kind(), Kind::Invalid);
    assert_eq!(std::fs::read(&out).unwrap(), b"here");
}

/// Headers that all claim the same bytes: the work is bounded.
#[test]
fn many_claims_on_the_same_bytes_take_no_longer() {
    let mut bytes = Vec::new();
    let (count, each) = (20_000u32, 31u32);
    for i in 0..count {
        let rest = (count - i) * each;
        bytes.extend(b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0");
        bytes.extend(1u32.to_le_bytes());
        bytes.extend((rest - each).to_le_bytes());
        bytes.extend((rest - each).to_le_bytes());
        bytes.extend([1, 0, 0, 0, b'x']);
    }
    let dir = tempfile::tempdir().unwrap();
    let e = recover(&SliceSource(&bytes), dir.path().join("out"), false, &Limits::default()).unwrap_err();
    assert_eq!(e.kind(), Kind::Invalid, "{e}");
}
