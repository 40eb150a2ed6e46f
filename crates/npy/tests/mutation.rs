//! Files damaged by the thousand, from a fixed seed: never a panic, never other values than were written, and the
//! same verdict whether the bytes are in memory or read by position.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests: a panic is the failure report")]

mod common;

use common::Positioned;
use hyperslab_core::container::{Container, NodeKind};
use hyperslab_core::digest::digest;
use hyperslab_core::source::SliceSource;
use hyperslab_core::{Kind, Limits, Order, Selection, Source};
use hyperslab_npy::{Npz, NpzWriter, npy};
use std::collections::BTreeSet;
use std::io::Cursor;

/// Marsaglia's xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % n as u64).unwrap()
    }

    /// A copy with a few bytes changed, moved, cut out or put in.
    fn damage(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = bytes.to_vec();
        for _ in 0..=self.below(3) {
            let at = self.below(out.len().max(1));
            match self.below(8) {
                0 => out.truncate(at),
                1 => out.insert(at.min(out.len()), [0, 0xff, b'P', 1][self.below(4)]),
                2 if at < out.len() => drop(out.remove(at)),
                3 if at + 4 <= out.len() => out[at..at + 4].copy_from_slice(&[0xff; 4]),
                4 if at + 4 <= out.len() => out[at..at + 4].copy_from_slice(&[0; 4]),
                _ if at < out.len() => {
                    out[at] = [0, 0xff, out[at] ^ 1, out[at].wrapping_add(1)][self.below(4)]
                }
                _ => {}
            }
        }
        out
    }
}

fn limits() -> Limits {
    Limits::new(64 << 20, 100_000, 64)
}

#[test]
fn damaged_npy() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut sound = 0;
    for view in [
        common::array(&common::plain("<f8"), &[3, 4].into(), Order::F, 1),
        common::array(&common::structures()[6], &[2].into(), Order::C, 2),
        common::array(&common::structures()[8], &[].into(), Order::C, 3),
    ] {
        let mut file = Vec::new();
        npy::write_to(&mut file, &view).unwrap();
        for _ in 0..4000 {
            let bytes = random.damage(&file);
            let (slice, positioned) = (SliceSource(&bytes), Positioned(&bytes));
            let (a, b) = (npy::read(&slice, &limits()), npy::read(&positioned, &limits()));
            match (&a, &b) {
                (Ok(a), Ok(b)) => {
                    assert!(a.nbytes() <= bytes.len() as u64);
                    assert_eq!((a.dtype(), a.shape()), (b.dtype(), b.shape()));
                    assert_eq!(digest(a).unwrap(), digest(b).unwrap());
                    sound += 1;
                }
                (Err(a), Err(b)) => assert_eq!(a.to_string(), b.to_string()),
                _ => panic!("memory {a:?}, by position {b:?}"),
            }
        }
    }
    assert!((1000..9000).contains(&sound), "{sound}");
}

/// By key, what a member gives or why it gives nothing.
type Members = Vec<(String, Result<Option<String>, Kind>)>;

/// Everything that an archive gives, or why it gives nothing.
fn all<S: Source>(source: S) -> Result<Members, Kind> {
    let npz = Npz::open(source, &limits()).map_err(|e| e.kind())?;
    let nodes = npz.nodes("", None, true, &limits()).map_err(|e| e.kind())?;
    let arrays = nodes.into_iter().filter(|n| n.kind == NodeKind::Array).map(|node| {
        let view = npz.read(&node.path, &Selection::ALL, &limits());
        let found = view.map(|v| {
            assert_eq!(node.error.map(|e| e.to_string()), None, "listed as damaged and read");
            digest(&v).unwrap().map(|d| format!("{} {} {d}", v.dtype(), v.shape()))
        });
        (node.path, found.map_err(|e| e.kind()))
    });
    Ok(arrays.collect())
}

#[test]
fn damaged_npz() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let view = common::array(&common::plain("<i4"), &[3, 5].into(), Order::C, 1);
    let other = common::array(&common::structures()[3], &[4].into(), Order::C, 2);
    let mut writer = NpzWriter::new(Cursor::new(Vec::new()));
    writer.add("a", &view, None).unwrap();
    writer.add("b", &view, Some(6)).unwrap();
    writer.add("é", &other, Some(1)).unwrap();
    writer.add_raw("notes", b"some notes", None).unwrap();
    let file = writer.into_inner().unwrap().into_inner();
    let whole = all(SliceSource(&file)).unwrap();
    let written: BTreeSet<_> = whole.iter().map(|(_, d)| d.clone().unwrap()).collect();
    assert_eq!(written.len(), 3);
    let (mut sound, mut damaged) = (0, 0);
    for _ in 0..12_000 {
        let bytes = random.damage(&file);
        let found = all(SliceSource(&bytes));
        assert_eq!(found, all(Positioned(&bytes)));
        // What the CRC has let through is what was written, whatever it is called now.
        for (name, digest) in found.into_iter().flatten() {
            match digest {
                Ok(d) => {
                    assert!(written.contains(&d), "{name}: {d:?}");
                    sound += 1;
                }
                Err(_) => damaged += 1,
            }
        }
    }
    assert!(sound > 1000 && damaged > 500, "{sound} {damaged}");
}
