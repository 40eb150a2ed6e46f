//! Images with mutations, most of them with their checksums put right again: an error, or a view that lies in the image.
//!
//! Twenty thousand of them; `HYPERSLAB_SOAK=1` tries five million. `HYPERSLAB_SEED` names the first one, to have it
//! again.

#![allow(clippy::unwrap_used, reason = "tests: a panic is the failure report")]

use hyperslab_core::testing::fixture;
use hyperslab_core::view::Buffer;
use hyperslab_core::{Dtype, View};
use hyperslab_hdf5::image::{self, DeserializeOptions, Elements};
use hyperslab_hdf5::{Writer, testing};
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Instant;

/// Numbers that follow from a seed: xorshift64*.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Random {
        // Neighboring seeds have nothing in common.
        Random(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

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

/// An image to start from: its bytes, how many of them describe the rest, where checksums are.
struct Start {
    what: String,
    bytes: Vec<u8>,
    head: usize,
    sealed: Vec<Range<usize>>,
}

impl Start {
    fn new(what: impl Into<String>, bytes: Vec<u8>, head: usize) -> Start {
        let sealed = testing::sealed(&bytes);
        Start { what: what.into(), head: head.min(bytes.len()), bytes, sealed }
    }
}

/// Images of arrays of several types and ranks, trees, files of other libraries.
fn starts() -> Vec<Start> {
    let mut out = Vec::new();
    for d in ["<f8", ">i2", "|b1", "<c16", "|S3", "<U2", "<M8[s]"] {
        for shape in [&[][..], &[5], &[2, 3], &[1, 2, 1, 2]] {
            let dtype: Dtype = d.parse().unwrap();
            let n: u64 = shape.iter().product();
            let bytes = vec![0; (n * dtype.itemsize()) as usize];
            let view = View::new(dtype, shape.into(), &bytes[..]).unwrap();
            let image = image::serialize(&view, "data").unwrap();
            let head = image.len() - bytes.len();
            out.push(Start::new(format!("{d} {shape:?}"), image, head));
        }
    }
    let values: Vec<f64> = (0..60).map(f64::from).collect();
    for packed in [false, true] {
        let mut w = Writer::in_memory();
        let data = w.dataset("only").shape([6, 10]).attribute("unit", "mm");
        let data = if packed { data.chunks([4, 5]).gzip(4).shuffle().fletcher32() } else { data };
        data.write(&values).unwrap();
        w.group("/g").unwrap();
        let image = w.into_image().unwrap();
        let len = image.len();
        out.push(Start::new(format!("tree, packed: {packed}"), image, len));
    }
    let folder = fixture("hdf5");
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        if (1..=8192).contains(&bytes.len()) && image::deserialize(&bytes).is_ok() {
            let len = bytes.len();
            out.push(Start::new(path.file_name().unwrap().to_string_lossy(), bytes, len));
        }
    }
    out
}

/// What fields are set to: the least, the greatest, and what lies at edges.
fn number(r: &mut Random, len: usize) -> u64 {
    match r.below(8) {
        0 => 0,
        1 => u64::MAX,
        2 => 1 << r.below(64),
        3 => (1u64 << r.below(64)).wrapping_sub(1),
        4 => (len as u64).wrapping_add(r.below(17) as u64).wrapping_sub(8),
        5 => r.below(len) as u64,
        6 => r.below(64) as u64,
        _ => r.next(),
    }
}

fn mutate(start: &Start, r: &mut Random) -> Vec<u8> {
    let mut bytes = start.bytes.clone();
    for _ in 0..=r.below(4) {
        let at = r.below(start.head);
        match r.below(6) {
            0 => bytes[at] ^= 1 << r.below(8),
            1 => bytes[at] = r.next() as u8,
            2 | 3 => {
                let width = [1, 2, 4, 8][r.below(4)];
                let value = number(r, bytes.len()).to_le_bytes();
                let n = width.min(bytes.len() - at);
                bytes[at..at + n].copy_from_slice(&value[..n]);
            }
            4 => {
                // A piece from elsewhere: messages that come twice, or at wrong places.
                let from = r.below(start.head);
                let n = r.below(40).min(bytes.len() - at.max(from));
                bytes.copy_within(from..from + n, at);
            }
            _ => {
                let n = r.below(16).min(bytes.len() - at);
                bytes[at..at + n].fill(if r.below(2) == 0 { 0 } else { 0xff });
            }
        }
    }
    if r.below(8) > 0 {
        testing::reseal(&mut bytes, &start.sealed);
        if r.below(4) == 0 {
            testing::repair(&mut bytes);
        }
    }
    match r.below(16) {
        0 => bytes.truncate(r.below(start.bytes.len())),
        1 => bytes.extend_from_slice(&[7; 9]),
        _ => {}
    }
    bytes
}

/// Says which one it was when something panics.
struct Trying<'s>(u64, &'s str);

impl Drop for Trying<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("HYPERSLAB_SEED={} ({})", self.0, self.1);
        }
    }
}

/// Whether a view was handed out; all of it lies in the image.
fn check(image: &[u8], view: &View<'_>, insisted: bool) -> bool {
    let bytes = view.bytes().unwrap();
    assert_eq!(Some(bytes.len() as u64), view.shape().bytes(view.dtype().itemsize()).ok());
    assert!(!insisted || view.is_view());
    if view.is_view() && !bytes.is_empty() {
        let (all, part) = (image.as_ptr_range(), bytes.as_ptr_range());
        assert!(all.start <= part.start && part.end <= all.end);
        // Behind the superblock, and every byte can be read.
        assert!(part.start as usize - all.start as usize >= 48);
    }
    if bytes.len() < 1 << 16 {
        std::hint::black_box(bytes.iter().fold(0u8, |sum, b| sum ^ b));
    }
    view.is_view()
}

#[test]
fn every_accepted_view_lies_in_its_image() {
    let soak = std::env::var_os("HYPERSLAB_SOAK").is_some();
    let count = if soak { 5_000_000 } else { 20_000 };
    let first: u64 = std::env::var("HYPERSLAB_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(0);
    let starts = starts();
    let (mut views, mut copies, mut refused) = (0u64, 0u64, BTreeMap::new());
    let begin = Instant::now();
    for seed in first..first + count {
        let mut r = Random::new(seed);
        let start = &starts[r.below(starts.len())];
        let _trying = Trying(seed, &start.what);
        let bytes = Buffer::copy_of(&mutate(start, &mut r));
        // At any address.
        let image = bytes.get(if r.below(4) == 0 { r.below(8) } else { 0 }..).unwrap_or_default();
        match image::deserialize(image) {
            Ok(view) if check(image, &view, false) => {
                views += 1;
                // Typed access never leaves the view either, and refuses what is misaligned.
                let _ = (view.as_slice::<f64>().map(<[f64]>::len), view.as_slice::<i16>().map(<[i16]>::len));
            }
            Ok(_) => copies += 1,
            Err(e) => *refused.entry(format!("{:?}", e.kind())).or_insert(0u64) += 1,
        }
        let ask = DeserializeOptions { elements: Elements::Borrowed, name: Some("data") };
        if let Ok(view) = image::deserialize_with(image, &ask) {
            check(image, &view, true);
        }
    }
    let took = begin.elapsed().as_secs_f64();
    println!(
        "soak: {count} mutated images of {}, {views} viewed, {copies} copied, refused: {refused:?}; {took:.0} s",
        starts.len()
    );
    assert!(views > count / 100 && copies > count / 1000 && refused.len() >= 2);
}
