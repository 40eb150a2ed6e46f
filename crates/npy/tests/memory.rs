//! What reading takes of memory, measured: alone in this program, so that nothing else is measured.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests: a panic is the failure report")]

use hyperslab_core::source::FileSource;
use hyperslab_core::{Container, Limits, Order, Selection, View};
use hyperslab_npy::{Npz, NpzWriter};
use std::fs;

/// Kilobytes of this process's memory that are no file's.
fn anonymous() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("RssAnon")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_member_of_500_mb_is_streamed_in_little_memory() {
    const SIDE: u64 = 22_000;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("z.npz");
    let write = || {
        // All zeros: about half a megabyte packed.
        let zeros = vec![0u8; usize::try_from(SIDE * SIDE).unwrap()];
        let mut w = NpzWriter::create(&path, false).unwrap();
        for (key, order) in [("c", Order::C), ("f", Order::F)] {
            let dtype = hyperslab_core::Dtype::U8;
            w.add(key, &View::with_order(dtype, [SIDE, SIDE].into(), order, &zeros[..]).unwrap(), Some(6))
                .unwrap();
        }
        w.into_inner().unwrap().commit().unwrap();
    };
    write();
    assert!(fs::metadata(&path).unwrap().len() < 2 << 20);
    let npz = Npz::open(FileSource::open(&path).unwrap(), &Limits::default()).unwrap();
    let before = anonymous();
    let mut most = before;
    for key in ["c", "f"] {
        let limits = Limits::new(40 << 20, 1000, 64);
        let mut stream = npz.stream(key, &limits).unwrap().unwrap();
        let mut count = 0;
        while let Some(part) = stream.next_part().unwrap() {
            assert!(part.bytes().unwrap().iter().all(|b| *b == 0));
            count += part.len();
            most = most.max(anonymous());
        }
        assert_eq!(count, SIDE * SIDE);
    }
    let limits = Limits::new(8 << 20, 1000, 64);
    assert!(npz.nodes("", None, true, &limits).unwrap().iter().all(|n| n.error.is_none()));
    for key in ["c", "f"] {
        let last = npz.read(key, &"-1, -1".parse::<Selection>().unwrap(), &limits).unwrap();
        assert_eq!(last.to_vec::<u8>().unwrap(), [0]);
        most = most.max(anonymous());
    }
    println!("anonymous memory: {before} kB before, {most} kB at most");
    assert!(most < before + (64 << 10), "{before} kB before, {most} kB at most");
}
