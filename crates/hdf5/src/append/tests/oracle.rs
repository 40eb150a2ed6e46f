//! The same prefixes through h5py and larpix-control: plainly, with SWMR, and as a raw message log.

use super::*;
use hyperslab_core::testing;
use std::path::PathBuf;

const SCRIPT: &str = r#"
import sys, os, signal, warnings
import h5py
from larpix.format import rawhdf5format as raw
warnings.simplefilter("error", RuntimeWarning)
# A checksum that stays wrong makes a SWMR reader sleep for ever.
signal.alarm(600)

def message(i):
    k = i % 17
    n = 0 if k == 0 else 1000 if k == 3 else 70000 if k == 11 and i % 1000 == 11 else 8 + 16 * k
    return bytes((i * 31 + j) % 251 for j in range(n))

known = []
def check(n, msgs, groups, floor, what):
    assert len(msgs) == len(groups) == n >= floor, (what, len(msgs), len(groups), n, floor)
    while len(known) < n:
        known.append(message(len(known)))
    for i in range(n):
        assert bytes(msgs[i]) == known[i] and groups[i] == i % 256, (what, i)

total = 0
for line in open(os.path.join(sys.argv[1], "list")):
    name, floor = line.split()
    path, floor = os.path.join(sys.argv[1], name), int(floor)
    for mode in ({}, {"swmr": True}):
        with h5py.File(path, "r", libver="latest", **mode) as f:
            n = len(f["msgs"])
            check(n, f["msgs"][:], f["msg_headers"]["io_groups"], floor, (name, mode))
    rd = raw.from_rawfile(path)
    check(raw.len_rawfile(path), rd["msgs"], rd["msg_headers"]["io_groups"], floor, name)
    total += 1
print(total)
"#;

/// Files for the script, each with the least number of rows that it must have.
struct Images {
    dir: tempfile::TempDir,
    list: String,
    count: usize,
}

impl Images {
    fn add(&mut self, image: &[u8], floor: u64) {
        let name = format!("{}.h5", self.count);
        std::fs::write(self.dir.path().join(&name), image).unwrap();
        self.list += &format!("{name} {floor}\n");
        self.count += 1;
    }

    /// Lets every interpreter read all of them, and begins anew; how many there were.
    fn check(&mut self, pythons: &[PathBuf]) -> usize {
        std::fs::write(self.dir.path().join("list"), &self.list).unwrap();
        for python in pythons {
            let seen = testing::run_python(python, SCRIPT, &[self.dir.path().as_os_str()]);
            assert_eq!(seen.trim(), self.count.to_string());
        }
        self.dir = tempfile::tempdir().unwrap();
        self.list.clear();
        std::mem::take(&mut self.count)
    }

    /// A session's states after each write, and with the last one torn.
    fn session(&mut self, start: &[u8], ops: &[Op], floor: u64, every: usize) {
        let mut image = start.to_vec();
        let mut rows = floor;
        for (i, op) in ops.iter().enumerate() {
            if i.is_multiple_of(every) {
                for torn in op.tears() {
                    let mut half = image.clone();
                    op.apply(&mut half, torn);
                    self.add(&half, rows);
                }
            }
            op.apply(&mut image, usize::MAX);
            if i.is_multiple_of(every) || i + 6 > ops.len() {
                rows = read_all(&image).unwrap();
                self.add(&image, rows);
            }
        }
    }
}

/// Creation, appends of many sizes, past the first super block, closing, reopening, adoption.
#[test]
fn every_prefix_opens_in_h5py_and_larpix_control() {
    let pythons: Vec<PathBuf> = ["HYPERSLAB_PYTHON", "HYPERSLAB_PYTHON_112", "HYPERSLAB_PYTHON_114"]
        .iter()
        .filter_map(|v| testing::oracle(v))
        .collect();
    if pythons.is_empty() {
        return;
    }
    let soak = std::env::var_os("HYPERSLAB_SOAK").is_some();
    let mut images = Images { dir: tempfile::tempdir().unwrap(), list: String::new(), count: 0 };
    let every = if soak { 1 } else { 3 };
    let mut sessions = vec![(1024, &[1u64, 30, 1000, 1, 300][..]), (4, &[1, 3, 4, 5, 40, 1, 930, 3, 60])];
    if soak {
        sessions.push((1024, &[1, 10, 100, 1000, 10_000, 1, 3]));
        sessions.push((32, &[7000, 1, 7, 1000, 31, 33, 100, 1]));
    }
    let mut total = 0;
    for pair in [Pair::Shared, Pair::Inline] {
        for (chunk_rows, batches) in &sessions {
            let start = image(&schema(*chunk_rows)).unwrap();
            let r = Recorder::new(start.clone());
            let mut a = resume(r.clone(), options(Sync::None, pair));
            publish(&mut a, batches);
            let rows = a.rows();
            a.close(3.0).unwrap();
            images.session(&start, &r.take(), 0, every);
            let closed = r.image();
            let mut a = resume(r.clone(), options(Sync::None, pair));
            publish(&mut a, &[3, 50]);
            a.close(4.0).unwrap();
            images.session(&closed, &r.take(), rows, every);
            // And once more after a change that makes it a file to be adopted.
            let mut changed = r.image();
            resume::touched_by_another(&mut changed);
            r.replace(changed.clone());
            let mut a = resume(r.clone(), options(Sync::None, pair));
            assert_ne!(a.page.at, 0);
            publish(&mut a, &[1, 20]);
            a.close(5.0).unwrap();
            images.session(&changed, &r.take(), rows + 53, every);
            total += images.check(&pythons);
        }
    }
    println!("soak: every prefix, h5py plainly and with SWMR, larpix-control: {total} states");
}
