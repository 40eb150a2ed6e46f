//! Comparisons: equal in every container, every difference found where NumPy finds it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic here is the failure report")]

use hyperslab::diff::{DiffOptions, Report, Side, What, diff};
use hyperslab::{ConvertOptions, Limits, Place, Value, View, convert, open, testing};
use std::path::{Path, PathBuf};

fn compare(a: (&Path, &str), b: (&Path, &str), options: &DiffOptions) -> Report {
    let place = |path: &str| Place { path: path.into(), ..Place::default() };
    let (x, y) = (open(a.0).unwrap(), open(b.0).unwrap());
    let a = Side { container: &*x, place: &place(a.1), file: a.0 };
    let b = Side { container: &*y, place: &place(b.1), file: b.0 };
    diff(a, b, options, &mut |_| {}).unwrap()
}

fn nan() -> DiffOptions {
    DiffOptions { equal_nan: true, ..DiffOptions::default() }
}

fn files(folder: &str) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> =
        std::fs::read_dir(testing::fixture(folder)).unwrap().map(|e| e.unwrap().path()).collect();
    all.sort();
    all
}

#[test]
fn a_file_equals_itself_and_its_other_dialects() {
    for folder in ["npy", "npz", "nco", "hdf5"] {
        for file in files(folder) {
            // NumPy too refuses this header unless it is told to trust it.
            if file.ends_with("struct_wide.npy") {
                continue;
            }
            let report = compare((&file, ""), (&file, ""), &nan());
            let real: Vec<_> = report.errors.iter().map(ToString::to_string).collect();
            assert!(report.differences.is_empty(), "{}: {:?}", file.display(), report.differences);
            assert!(real.is_empty() || folder != "npy", "{}: {real:?}", file.display());
            assert!(report.compared > 0 || file.ends_with("empty.npz"), "{}", file.display());
        }
    }
    for name in ["tree", "chunks", "shapes"] {
        let one = testing::fixture(&format!("hdf5/{name}_latest_2.0.h5"));
        for other in ["earliest_2.0", "v110_2.0", "latest_1.12"] {
            let two = testing::fixture(&format!("hdf5/{name}_{other}.h5"));
            let report = compare((&one, ""), (&two, ""), &nan());
            assert!(report.is_equal(), "{name} {other}: {report:?}");
        }
    }
}

#[test]
fn containers_of_the_same_are_equal_and_a_flipped_bit_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let mut flipped = 0;
    for npy in files("npy") {
        let options = |replace| ConvertOptions { name: "x".into(), replace, ..ConvertOptions::default() };
        let Ok(input) = open(&npy) else { continue };
        for to in ["a.npz", "b.h5", "c.nco"] {
            let out = dir.path().join(to);
            if convert(&*input, &Place::default(), &out, Vec::new(), &options(true)).is_ok() {
                let report = compare((&npy, ""), (&out, ""), &nan());
                assert!(report.is_equal(), "{} {to}: {report:?}", npy.display());
            }
        }
        let node = input.nodes("", None, false, &Limits::default()).unwrap().pop().unwrap();
        let stored = node.stored_bytes.unwrap_or(0);
        let numbers = node.dtype.as_ref().is_some_and(|d| d.to_string().get(1..2) == Some("i"));
        if stored == 0 || !numbers || node.layout.as_deref() != Some("contiguous") {
            continue;
        }
        let mut bytes = std::fs::read(&npy).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        let other = dir.path().join("flipped.npy");
        std::fs::write(&other, bytes).unwrap();
        let report = compare((&npy, ""), (&other, ""), &nan());
        assert_eq!(report.differences.len(), 1, "{}", npy.display());
        let found = report.differences[0].found.as_ref().unwrap();
        let corner: Vec<u64> = node.shape.unwrap().iter().map(|d| d - 1).collect();
        assert_eq!((found.index.to_vec(), found.count), (corner, 1), "{}", npy.display());
        flipped += 1;
    }
    assert!(flipped > 2);
}

#[test]
fn attributes_names_and_kinds() {
    let dir = tempfile::tempdir().unwrap();
    let (npy, a, b) = (dir.path().join("x.npy"), dir.path().join("a.npz"), dir.path().join("b.h5"));
    hyperslab::npy::npy::save(&npy, &View::from_slice([2], &[1.0, 2.0]).unwrap(), false).unwrap();
    let input = open(&npy).unwrap();
    let options = ConvertOptions { name: "x".into(), ..ConvertOptions::default() };
    let meta = |unit: &str, gain: f64| {
        vec![("unit".to_owned(), Value::from(unit)), ("gain".to_owned(), Value::Float(gain))]
    };
    convert(&*input, &Place::default(), &a, meta("mm", 1.0), &options).unwrap();
    convert(&*input, &Place::default(), &b, meta("mm", 1.5), &options).unwrap();
    let names = |r: &Report| -> Vec<(String, What)> {
        r.differences.iter().map(|d| (d.path.clone(), d.what)).collect()
    };
    let report = compare((&a, ""), (&b, ""), &DiffOptions::default());
    assert_eq!(names(&report), [("x@gain".to_owned(), What::Attribute)]);
    let near = DiffOptions { atol: 0.5, ..DiffOptions::default() };
    assert!(compare((&a, ""), (&b, ""), &near).is_equal());
    let report = compare((&a, ""), (&npy, ""), &DiffOptions::default());
    let want = [("x@unit".to_owned(), What::OnlyInA), ("x@gain".to_owned(), What::OnlyInA)];
    assert_eq!(names(&report), want);
    let tree = testing::fixture("hdf5/tree_latest_2.0.h5");
    let report = compare((&tree, "/level_0"), (&tree, "/data"), &DiffOptions::default());
    assert!(report.differences.iter().any(|d| d.what == What::OnlyInB), "{report:?}");
    // What cannot be read is said, and the rest is compared.
    let damaged = testing::repo().join("fixtures/hostile/crc_deflated.npz");
    let report = compare((&damaged, ""), (&damaged, ""), &DiffOptions::default());
    assert_eq!((report.errors.len(), report.differences.len(), report.compared), (1, 0, 2));
    assert!(!report.is_equal());
}

/// Pairs of arrays, and what NumPy finds between them.
const SCRIPT: &str = r#"
import sys, os, json
import numpy as np
out = sys.argv[1]
rng = np.random.default_rng(7)
cases = []
def wide(a): return a.astype('c16') if a.dtype.kind == 'c' else a.astype('f8') if a.dtype.kind == 'f' else a.astype('O')
def add(a, b, rtol=0.0, atol=0.0, nan=False):
    n = len(cases)
    np.save(os.path.join(out, f'{n}a.npy'), a); np.save(os.path.join(out, f'{n}b.npy'), b)
    if a.dtype.itemsize > 8 and a.dtype.kind == 'f':
        same = np.isclose(a.astype('f16'), b.astype('f16'), rtol=rtol, atol=atol, equal_nan=nan)
    elif rtol or atol or a.dtype.kind in 'fc':
        same = np.isclose(a.astype('c16' if a.dtype.kind == 'c' else 'f8'), b.astype('c16' if b.dtype.kind == 'c' else 'f8'), rtol=rtol, atol=atol, equal_nan=nan)
    else:
        same = a == b
    where = np.argwhere(~same)
    cases.append({'count': len(where), 'index': where[0].tolist() if len(where) else None,
                  'rtol': rtol, 'atol': atol, 'nan': nan})
for dt in ['i1', 'u2', '<i4', '>i8', 'u8', 'f2', '<f4', '>f4', 'f8', 'c8', 'c16', '?', 'S3', 'U2', 'M8[s]', 'm8[ms]']:
    for shape in [(), (7,), (3, 5), (2, 3, 4), (0, 3), (300, 40)]:
        a = (rng.integers(0, 100, shape).astype('i8')).astype(dt)
        b = a.copy()
        add(a, b)
        if a.size:
            for _ in range(3):
                b.reshape(-1)[rng.integers(a.size)] = np.array(rng.integers(0, 100)).astype(dt)
            add(a, b)
            add(np.asarray(a, order='F'), b)
            if np.dtype(dt).kind in 'fc':
                c = a + rng.normal(size=shape).astype('f4').astype(dt) * np.dtype(dt).type(0.01)
                c = np.asarray(c, dtype=dt)
                for rtol, atol in [(1e-2, 0.0), (0.0, 1e-2), (1e-3, 5e-3)]:
                    add(a, c, rtol, atol)
                c.reshape(-1)[0] = np.nan
                add(c, c); add(c, c, nan=True)
                c.reshape(-1)[0] = np.inf
                add(c, c); add(a, c, 1.0, 1e9)
            if np.dtype(dt).kind in 'iu':
                add(a, b, 0.0, 3.0); add(a, b, 0.25, 0.0); add(a, b.astype('f8') + 0.25, 0.0, 0.5)
def padded(a, byte):
    raw = bytearray(a.tobytes())
    for i in range(a.size * (a.itemsize // 16)):
        at = 16 * i + (10 if a.dtype.byteorder != '>' else 0)
        raw[at:at + 6] = bytes([byte] * 6)
    return np.frombuffer(raw, a.dtype).copy()
for dt in ['<f16', '>f16']:
    for size in ['1', '1e-4000', '1e4000', '1e-4945']:
        a = (rng.normal(size=300).astype('f16') * np.longdouble(size)).astype(dt)
        # What lies behind them is what was in memory, often half a double: beyond a double's range that could be a
        # number of another machine.
        clean = (lambda x: x) if size == '1' else lambda x: padded(x, 0)
        a = clean(a)
        for byte in [0, 0x7f, 0xff]:
            b = padded(a, byte); add(a, b)
            b[17] = np.nextafter(b[17], np.longdouble('inf')); b[200] = -b[200]
            b = padded(b, byte); add(a, b); add(b, a, 1e-18)
            c = (a * (1 + rng.normal(size=300).astype('f16') * 0.01)).astype(dt); c[5] = 0; c = padded(c, 0)
            for rtol, atol in [(1e-2, 0.0), (0.0, 1e-2), (1e-3, 5e-3), (0.0, 1e-300), (0.0, 1e300)]:
                add(a, c, rtol, atol)
            c[0] = np.nan; c[1] = np.inf; c[2] = -np.inf; c = padded(c, 0); b = padded(c, byte)
            add(c, b); add(c, b, nan=True); add(a, c, 1.0, 1e9)
    z = (rng.integers(0, 9, 40) + 1j).astype(dt.replace('f16', 'c32'))
    add(z, padded(z, 0xff)); y = z.copy(); y[7] += 1j; add(z, padded(y, 0x80))
json.dump(cases, sys.stdout)
"#;

#[test]
fn differences_are_those_of_numpy() {
    let Some(python) = testing::oracle_python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let found = testing::run_python(&python, SCRIPT, &[dir.path().as_os_str()]);
    let cases: Vec<serde_json::Value> = serde_json::from_str(&found).unwrap();
    assert!(cases.len() > 600, "{} cases", cases.len());
    for (n, case) in cases.iter().enumerate() {
        let (a, b) = (dir.path().join(format!("{n}a.npy")), dir.path().join(format!("{n}b.npy")));
        let options = DiffOptions {
            rtol: case["rtol"].as_f64().unwrap(),
            atol: case["atol"].as_f64().unwrap(),
            equal_nan: case["nan"].as_bool().unwrap(),
            ..DiffOptions::default()
        };
        let report = compare((&a, ""), (&b, ""), &options);
        let found = report.differences.iter().find_map(|d| d.found.as_ref());
        assert!(report.errors.is_empty(), "{n} {case}: {report:?}");
        assert_eq!(found.map_or(0, |f| f.count), case["count"].as_u64().unwrap(), "{n} {case}: {report:?}");
        let index = found.map(|f| serde_json::json!(f.index.to_vec())).unwrap_or_default();
        assert_eq!(index, case["index"], "{n} {case}");
    }
}
