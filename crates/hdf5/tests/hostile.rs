//! Damaged files: every one gives what can be read or an error, within the limits and without delay.

#![allow(clippy::unwrap_used, reason = "tests: a panic is the failure report")]

use hyperslab_core::{Container, Limits, NodeKind, Selection, Value, View, digest, testing};
use hyperslab_hdf5::{File, Writer, image, testing::repair};
use std::time::{Duration, Instant};

/// Mutations of each file, unless `HYPERSLAB_ROUNDS` asks for more.
const ROUNDS: u64 = 60;
/// Files of the corpus that are not longer than this are damaged too.
const SMALL: u64 = 24 << 10;

/// A generator of numbers that is the same everywhere (xorshift64*).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

fn damage(file: &mut Vec<u8>, numbers: &mut Numbers) {
    for _ in 0..1 + numbers.below(4) {
        let at = numbers.below(file.len());
        match numbers.below(6) {
            0 => file[at] ^= 1 << numbers.below(8),
            1 => file[at] = 0xff,
            2 => file[at] = numbers.next() as u8,
            3 => {
                // A whole number: what lengths, counts and addresses are made of.
                let interesting =
                    [0, 1, u64::MAX, u64::MAX - 1, 1 << 31, 1 << 40, file.len() as u64, at as u64];
                let v = interesting[numbers.below(interesting.len())].to_le_bytes();
                let n = v.len().min(file.len() - at);
                file[at..at + n].copy_from_slice(&v[..n]);
            }
            4 => {
                let from = numbers.below(file.len());
                let n = numbers.below(64).min(file.len() - at).min(file.len() - from);
                file.copy_within(from..from + n, at);
            }
            _ if numbers.below(4) == 0 => file.truncate(at.max(1)),
            _ => file[at] = 0,
        }
    }
    if numbers.below(2) == 0 {
        repair(file);
    }
}

/// Reads everything that there is.
fn read_all(bytes: &[u8]) -> usize {
    let limits = Limits::new(64 << 20, 200_000, 32);
    let _ = image::deserialize(bytes);
    let Ok(file) = File::from_image(bytes) else { return 0 };
    let Ok(nodes) = file.nodes("/", None, true, &limits) else { return 0 };
    let mut right = 0;
    for node in nodes.iter().filter(|n| n.kind == NodeKind::Array) {
        if let Ok(view) = file.read(&node.path, &Selection::ALL, &limits)
            && view.nbytes() < 16 << 20
        {
            right += usize::from(digest::digest(&view).is_ok());
        }
        let _ = file.read(&node.path, &Selection::rows(0, 1), &limits);
    }
    right
}

fn ours() -> Vec<Vec<u8>> {
    let v: Vec<f64> = (0..20).map(f64::from).collect();
    let matrix = View::from_slice([4, 5], &v).unwrap();
    let mut w = Writer::in_memory();
    w.dataset("/a/b/x", &matrix).unwrap();
    w.dataset("/a/s", &View::new("|S3".parse().unwrap(), [2].into(), &b"abcdef"[..]).unwrap()).unwrap();
    w.attribute("/a", "text", &Value::from("hello")).unwrap();
    w.attribute("/a/b/x", "list", &Value::list([Value::from(1.5), Value::from(2.5)])).unwrap();
    vec![image::serialize(&matrix, "data").unwrap(), w.into_image().unwrap()]
}

fn small_files() -> Vec<Vec<u8>> {
    let Some(corpus) = testing::corpus() else { return Vec::new() };
    let mut paths = Vec::new();
    for folder in std::fs::read_dir(corpus.join("hdf5/files")).unwrap() {
        let folder = folder.unwrap().path();
        if folder.is_dir() {
            paths.extend(std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()));
        }
    }
    paths.sort();
    paths.retain(|p| p.metadata().is_ok_and(|m| m.len() <= SMALL));
    paths.iter().map(|p| std::fs::read(p).unwrap()).collect()
}

#[test]
fn mutations_are_survived() {
    let rounds = std::env::var("HYPERSLAB_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(ROUNDS);
    let mut numbers = Numbers(0x5eed_0001);
    let (mut count, mut opened, mut slowest) = (0u32, 0u32, Duration::ZERO);
    for original in ours().into_iter().chain(small_files()) {
        for _ in 0..rounds {
            let mut file = original.clone();
            damage(&mut file, &mut numbers);
            let start = Instant::now();
            opened += u32::from(read_all(&file) > 0);
            slowest = slowest.max(start.elapsed());
            count += 1;
        }
    }
    println!("{count} damaged files, {opened} of them still with readable arrays, slowest {slowest:?}");
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    assert!(opened > 0);
}
