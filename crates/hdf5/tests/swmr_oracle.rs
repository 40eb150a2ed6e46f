//! Files that the real libhdf5 is writing (single writer, multiple readers) while we read them, opened once.

#![allow(clippy::unwrap_used, reason = "tests: a panic is the failure report")]

use hyperslab_core::testing::oracles;
use hyperslab_core::{Container, Limits, Selection};
use hyperslab_hdf5::File;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Three datasets, each with another index, that grow by odd numbers of rows until standard input ends.
const WRITER: &str = r#"
import sys, threading, h5py, numpy as np
threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
stop = threading.Event()
with h5py.File(sys.argv[1], "w", libver="latest") as f:
    def new(name, shape, most, chunks, **options):
        return f.create_dataset(name, shape, "i8", maxshape=most, chunks=chunks, fillvalue=-1, **options)
    packed = new("packed", (0,), (None,), (64,), compression=1, shuffle=True, fletcher32=True)
    plain = new("plain", (0, 10), (None, 10), (7, 10))
    both = new("both", (0, 6), (None, None), (5, 4))
    f.swmr_mode = True
    print("ready", flush=True)
    n = 0
    while not stop.is_set():
        k = 1 + n * 7 % 23
        packed.resize((n + k,))
        packed[n:] = np.arange(n, n + k)
        packed.flush()
        for d in (plain, both):
            d.resize((n + k, d.shape[1]))
            d[n:] = np.arange(n, n + k)[:, None]
            d.flush()
        n += k
print(n)
"#;

#[test]
fn a_file_that_is_being_written_is_read() {
    for (version, _, python) in oracles() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("live.h5");
        let mut writer = Command::new(&python)
            .args(["-c", WRITER])
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(writer.stdout.take().unwrap()).lines();
        assert_eq!(said.next().unwrap().unwrap(), "ready");

        let file = File::open(&path).unwrap();
        assert!(file.is_live());
        let limits = Limits::default();
        let end = Instant::now() + Duration::from_secs(2);
        let (mut reads, mut seen, mut slowest) = (0, [0; 3], Duration::ZERO);
        while Instant::now() < end || seen[0] < 100 {
            for (name, seen) in ["/packed", "/plain", "/both"].into_iter().zip(&mut seen) {
                let start = Instant::now();
                let view = file.read(name, &Selection::ALL, &limits).unwrap();
                slowest = slowest.max(start.elapsed());
                let rows = usize::try_from(view.shape()[0]).unwrap();
                assert!(rows >= *seen, "{name} became shorter");
                let values = view.to_vec::<i64>().unwrap();
                let width = values.len().checked_div(rows).unwrap_or(1);
                // What lies behind rows that were flushed may not have been written yet, and is the fill value then.
                for (i, v) in values.iter().enumerate() {
                    let row = i / width;
                    assert!(*v == row as i64 || (*v == -1 && row >= *seen), "{name}[{row}] is {v}");
                }
                *seen = values.iter().take_while(|v| **v != -1).count() / width;
                reads += 1;
            }
            let nodes = file.nodes("/", None, true, &limits).unwrap();
            assert!(nodes.iter().all(|n| n.error.is_none()));
        }
        drop(writer.stdin.take());
        assert!(writer.wait().unwrap().success());
        let n: usize = said.next().unwrap().unwrap().parse().unwrap();
        // The same open file sees what the writer left.
        let last = file.read("/packed", &"-1".parse().unwrap(), &limits).unwrap();
        assert_eq!(last.to_vec::<i64>().unwrap(), [n as i64 - 1]);
        println!("HDF5 {version}: {reads} reads of up to {n} rows, the slowest {slowest:?}");
        assert!(reads > 20 && slowest < Duration::from_secs(2));
    }
}
