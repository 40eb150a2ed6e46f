//! Damaged pickles, by the thousand: a value or an error, never a panic, and soon.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is the failure report")]

use hyperslab_core::{Limits, Value, View, testing};
use hyperslab_pickle::{Policy, dump, load};
use std::time::{Duration, Instant};

struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let array = View::from_slice([2, 3], &[1.0f64, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap().into_owned().unwrap();
    let scalar = View::from_slice([], &[7i32]).unwrap().into_owned().unwrap();
    let value = Value::map([
        ("rmses", Value::from(array)),
        ("rank", Value::from(scalar)),
        ("info", Value::list([Value::Null, Value::Float(1.5), Value::Complex(1.0, 2.0), "x".into()])),
    ]);
    let mut seeds = vec![
        dump(&value).unwrap(),
        b"(dp0\nVa\np1\n(lp2\nI1\naF2.5\nasVb\np3\nc_codecs\nencode\n(Vx\nVlatin1\ntRs.".to_vec(),
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n(I1\ntcnumpy\ndtype\n(S'f8'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI00\nS'12345678'\ntb.".to_vec(),
    ];
    if let Some(corpus) = testing::corpus() {
        let Ok(files) = std::fs::read_dir(corpus.join("nengo/synth/np2")) else { return seeds };
        let mut files: Vec<_> = files.filter_map(|f| f.ok().map(|f| f.path())).collect();
        files.sort();
        for path in files.iter().filter(|p| p.extension().is_some_and(|e| e == "nco")) {
            let bytes = std::fs::read(path).unwrap();
            let at = |i: usize| u64::from_le_bytes(bytes[i..i + 8].try_into().unwrap()) as usize;
            let pickle = &bytes[at(8)..at(16)];
            if pickle.len() < 4000 {
                seeds.push(pickle.to_vec());
            }
        }
    }
    seeds
}

#[test]
fn damaged_pickles_are_values_or_errors() {
    let seeds = seeds();
    let mut rng = Rng(0x9e37_79b9_7f4a_7c15);
    let (mut values, mut errors) = (0, 0);
    for _ in 0..6000 {
        let mut b = seeds[rng.below(seeds.len())].clone();
        for _ in 0..1 + rng.below(4) {
            let at = rng.below(b.len());
            match rng.below(5) {
                0 => b[at] ^= 1 << rng.below(8),
                1 => b[at] = rng.next() as u8,
                2 => b.truncate(at.max(1)),
                3 => b.insert(at, rng.next() as u8),
                _ => {
                    let other = &seeds[rng.below(seeds.len())];
                    let from = rng.below(other.len());
                    let len = rng.below(other.len() - from);
                    b.splice(at..at, other[from..from + len].iter().copied());
                }
            }
        }
        let limits = Limits::new(1 << 26, 1 << 20, 64);
        for policy in [Policy::Strict, Policy::Inspect] {
            let start = Instant::now();
            match load(&b, policy, &limits).and_then(|p| p.to_value(&limits)) {
                Ok(v) => {
                    values += 1;
                    // What can be written again is the same when it is read again.
                    if let Ok(again) = dump(&v) {
                        let p = load(&again, Policy::Strict, &limits).unwrap();
                        assert_eq!(p.to_value(&limits).unwrap(), v);
                    }
                }
                Err(_) => errors += 1,
            }
            assert!(start.elapsed() < Duration::from_secs(10), "{b:?}");
        }
    }
    println!("{values} values, {errors} errors");
    assert!(values > 100 && errors > 500);
}
