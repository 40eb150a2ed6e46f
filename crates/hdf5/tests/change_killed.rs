//! A process that changes a file is killed for good, at moments that nobody chooses; h5py and we read what is left.

#![allow(clippy::unwrap_used, reason = "tests: a panic is the failure report")]

use hyperslab_core::testing::{oracle_python, run_python};
use hyperslab_core::{ArrayOptions, Container, Limits, Selection, Shape, View};
use hyperslab_hdf5::{Change, File, Writer};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const FILE: &str = "HYPERSLAB_CHANGE_KILLED";

const CHECK: &str = r"
import sys, h5py
with h5py.File(sys.argv[1], 'r') as f:
    rows = f['x'].shape[0]
    assert (f['x'][:] == [[i] * 3 for i in range(rows)]).all()
    assert f['x'].attrs.get('text', '') == 't' * len(f['x'].attrs.get('text', ''))
    names = [n for n in f if n.startswith('n')]
    for n in names:
        assert (f[n][:] == [1, 2, 3]).all()
    print(rows)
";

/// What the killed process does: it grows an array of known content, changes attributes, adds and removes datasets.
fn change_for_ever(path: &Path) {
    let limits = Limits::default();
    let rows = |path: &Path| -> Shape {
        let f = File::open(path).unwrap();
        f.nodes("/x", None, false, &limits).unwrap().remove(0).shape.unwrap()
    };
    let mut n = rows(path)[0];
    loop {
        let mut f = Change::open(path).unwrap();
        for i in 0..5 {
            let values: Vec<i32> = (0..2).flat_map(|k| [(n + k) as i32; 3]).collect();
            let view = View::from_slice([2, 3], &values).unwrap();
            f.dataset("/x")
                .unwrap()
                .extend([n + 2, 3])
                .unwrap()
                .write(&Selection::rows(n, n + 2), &view)
                .unwrap();
            n += 2;
            f.attribute("/x", "text", "t".repeat((n % 50) as usize * 10).as_str()).unwrap();
            f.put(&format!("/n{n}"), &[1i32, 2, 3], &ArrayOptions::default()).unwrap();
            if i % 2 == 0 {
                f.remove(&format!("/n{n}")).unwrap();
            }
        }
        f.finish().unwrap();
    }
}

#[test]
fn a_killed_change_leaves_a_whole_file() {
    if let Some(path) = std::env::var_os(FILE) {
        change_for_ever(path.as_ref());
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.h5");
    let mut w = Writer::create(&path, false).unwrap();
    let none: [i32; 0] = [];
    let options = |d: hyperslab_hdf5::write::DatasetBuilder<'_>| {
        let none = View::from_slice([0, 3], &none).unwrap();
        d.max_shape([None, Some(3)]).chunks([4, 3]).gzip(1).write(&none).unwrap();
    };
    options(w.dataset("/x"));
    w.finish().unwrap();
    let python = oracle_python();
    let mut last = 0;
    for round in 0..6u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_killed_change_leaves_a_whole_file"])
            .env(FILE, &path)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(150 + 37 * round));
        assert_eq!(child.try_wait().unwrap(), None, "it was to run until it is killed");
        child.kill().unwrap();
        child.wait().unwrap();
        let file = File::open(&path).unwrap();
        let limits = Limits::default();
        let x = file.read("/x", &Selection::ALL, &limits).unwrap().to_vec::<i32>().unwrap();
        assert!(x.iter().enumerate().all(|(i, &v)| v == (i / 3) as i32));
        assert!(x.len() >= last, "{} after {last}", x.len());
        last = x.len();
        for node in file.nodes("/", None, true, &limits).unwrap() {
            assert!(node.error.is_none(), "{:?}", node.error);
        }
        if let Some(python) = &python {
            let rows = run_python(python, CHECK, &[path.as_os_str()]);
            assert_eq!(rows.trim(), (last / 3).to_string());
        }
    }
    assert!(last > 0);
}
