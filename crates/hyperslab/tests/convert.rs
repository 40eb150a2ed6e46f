//! Conversions: through every container and back, refused where something would be lost, and read by the real tools.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic here is the failure report")]

use hyperslab::sum::{self, Sum};
use hyperslab::value::ListKind;
use hyperslab::{
    ArrayOptions, Container, ConvertOptions, Kind, Limits, Output, Place, Result, Value, View, convert, open,
    same, testing,
};
use std::path::{Path, PathBuf};

fn options(name: &str) -> ConvertOptions {
    ConvertOptions { name: name.into(), ..ConvertOptions::default() }
}

/// Converts one thing of a file; with the dtype and shape in the name of a raw file.
fn carry(from: &Path, path: &str, dir: &Path, to: &str) -> Result<PathBuf> {
    let options = ConvertOptions { name_scheme: to.ends_with(".dat"), ..options("x") };
    let place = Place { path: path.into(), ..Place::default() };
    Ok(convert(&*open(from)?, &place, dir.join(to), Vec::new(), &options)?.path)
}

fn only_array(container: &dyn Container) -> Sum {
    let mut all = sum::tree(container, "", &Limits::default(), &mut |_| {}).unwrap();
    assert_eq!(all.len(), 1);
    all.pop().unwrap()
}

/// The fixtures that NumPy made, of every dtype, shape and order.
fn npy_fixtures() -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = std::fs::read_dir(testing::fixture("npy"))
        .unwrap()
        .map(|e| e.unwrap().path())
        // One has a header that NumPy too refuses unless it is told to trust it.
        .filter(|p| p.extension().is_some_and(|e| e == "npy") && !p.ends_with("struct_wide.npy"))
        .collect();
    all.sort();
    assert!(all.len() > 40, "{} fixtures", all.len());
    all
}

#[test]
fn every_type_goes_round_all_containers() {
    let mut raw = 0;
    for npy in npy_fixtures() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        let want = only_array(&*open(&npy).unwrap());
        let chain = || -> Result<PathBuf> {
            let npz = carry(&npy, "", dir, "a.npz")?;
            let h5 = carry(&npz, "x", dir, "b.h5")?;
            let nco = carry(&h5, "/x", dir, "c.nco")?;
            carry(&nco, "", dir, "d.npy")
        };
        match chain() {
            Ok(back) => {
                let got = only_array(&*open(&back).unwrap());
                assert!(got.same_as(&want), "{}: {got:?} {want:?}", npy.display());
            }
            // Elements of no bytes have no place in HDF5, and that is said.
            Err(e) => assert_eq!(e.kind(), Kind::Unsupported, "{}: {e}", npy.display()),
        }
        // Not every type has a name in the scheme.
        if let Ok(dat) = carry(&npy, "", dir, "e.dat") {
            raw += 1;
            let got = only_array(&*open(&dat).unwrap());
            assert!(got.same_as(&want), "{}: {got:?}", dat.display());
        }
    }
    assert!(raw > 20, "{raw} raw files");
}

#[test]
fn metadata_goes_where_it_can() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let array = View::from_slice([2], &[1.0, 2.0]).unwrap();
    let npy = dir.join("x.npy");
    hyperslab::npy::npy::save(&npy, &array, false).unwrap();
    let made = || {
        vec![
            ("text".to_owned(), Value::from("grüße")),
            ("int".to_owned(), Value::Int(-3)),
            ("float".to_owned(), Value::Float(0.1)),
            ("flag".to_owned(), Value::Bool(true)),
            ("list".to_owned(), Value::list([Value::Float(1.0), Value::Float(2.5)])),
            (
                "array".to_owned(),
                View::from_slice([2, 2], &[1i16, 2, 3, 4]).unwrap().into_owned().unwrap().into(),
            ),
        ]
    };
    for (from, path, to) in [
        ("x.npy", "", "a.npz"),
        ("a.npz", "x", "b.h5"),
        ("b.h5", "/x", "c.nco"),
        ("c.nco", "", "d_float64_2.dat"),
        ("d_float64_2.dat", "", "e.npz"),
        ("e.npz", "x", "f.nco"),
    ] {
        let added = if from == "x.npy" { made() } else { Vec::new() };
        let place = Place { path: path.into(), ..Place::default() };
        convert(&*open(dir.join(from)).unwrap(), &place, dir.join(to), added, &options("x"))
            .unwrap_or_else(|e| panic!("{from} to {to}: {e}"));
        let file = open(dir.join(to)).unwrap();
        let node = file.nodes("", None, true, &Limits::default()).unwrap().pop().unwrap();
        assert_eq!(same::first_difference(&made(), &node.attributes), None, "{to}");
    }
    // NPY has no place for it.
    let refused = convert(
        &*open(dir.join("f.nco")).unwrap(),
        &Place::default(),
        dir.join("g.npy"),
        vec![],
        &options("x"),
    );
    assert_eq!(refused.unwrap_err().kind(), Kind::Unsupported);
    assert!(!dir.join("g.npy").exists());
}

#[test]
fn a_refusal_leaves_everything_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let nested = Value::map([("a", Value::List(ListKind::Tuple, vec![Value::Int(1)]))]);
    let array = View::from_slice([1], &[1u8]).unwrap();
    let npy = dir.join("x.npy");
    hyperslab::npy::npy::save(&npy, &array, false).unwrap();
    std::fs::write(dir.join("x.h5"), b"theirs").unwrap();
    let input = open(&npy).unwrap();
    let meta = |v: &Value| vec![("m".to_owned(), if *v == nested { copy(v) } else { Value::Null })];
    let force = ConvertOptions { replace: true, ..options("x") };

    let e = convert(&*input, &Place::default(), dir.join("x.h5"), vec![], &options("x")).unwrap_err();
    assert_eq!(e.kind(), Kind::Usage);
    let e = convert(&*input, &Place::default(), dir.join("x.h5"), meta(&nested), &force).unwrap_err();
    assert_eq!(e.kind(), Kind::Unsupported);
    assert_eq!(std::fs::read(dir.join("x.h5")).unwrap(), b"theirs");
    assert_eq!(std::fs::read_dir(dir).unwrap().count(), 2, "something was left behind");

    let leave = ConvertOptions { allow_loss: true, ..force };
    let done = convert(&*input, &Place::default(), dir.join("x.h5"), meta(&nested), &leave).unwrap();
    assert_eq!(done.lost.len(), 1);
    let text = open(dir.join("x.h5")).unwrap().attribute("/x", "m", &Limits::default()).unwrap();
    assert_eq!(text, Value::from(r#"{"a":[1]}"#));
}

fn copy(v: &Value) -> Value {
    hyperslab::json::to_value(&hyperslab::json::from_value(v, &Limits::default()).unwrap())
        .map(|_| Value::map([("a", Value::List(ListKind::Tuple, vec![Value::Int(1)]))]))
        .unwrap()
}

#[test]
fn trees_keep_their_groups_and_attributes() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let limits = Limits::default();
    let tree = testing::fixture("hdf5/tree_latest_2.0.h5");
    let leave = ConvertOptions { allow_loss: true, ..options("x") };
    let done = convert(&*open(&tree).unwrap(), &Place::default(), dir.join("t.npz"), vec![], &leave).unwrap();
    assert!(done.lost.iter().all(|l| l.contains("link")), "{:?}", done.lost);
    convert(&*open(dir.join("t.npz")).unwrap(), &Place::default(), dir.join("t.h5"), vec![], &options("x"))
        .unwrap();
    let (before, after) = (open(&tree).unwrap(), open(dir.join("t.h5")).unwrap());
    let sums = |c: &dyn Container| sum::tree(c, "", &limits, &mut |_| {}).unwrap();
    let (a, b) = (sums(&*before), sums(&*after));
    assert_eq!(a.len(), b.len());
    for a in &a {
        let b = b.iter().find(|b| b.path == a.path).unwrap();
        assert!(a.same_as(b), "{a:?} {b:?}");
    }
    for path in ["/", "/data", "/level_0/level_1/level_2/level_3/level_4/level_5", "/nothing_in_it"] {
        let (a, b) = (before.attributes(path, &limits).unwrap(), after.attributes(path, &limits).unwrap());
        assert_eq!(same::first_difference(&a, &b), None, "{path}");
    }
}

#[test]
fn arrays_that_numpy_lacks_are_left_out_and_the_others_kept() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let log = testing::fixture("larpix/generated_once_2.0.h5");
    let input = open(&log).unwrap();
    let e = convert(&*input, &Place::default(), dir.join("x.npz"), vec![], &options("x")).unwrap_err();
    assert_eq!(e.kind(), Kind::Unsupported);
    assert!(e.to_string().contains("--allow-loss"), "{e}");
    let leave = ConvertOptions { allow_loss: true, ..options("x") };
    let done = convert(&*input, &Place::default(), dir.join("x.npz"), vec![], &leave).unwrap();
    assert!(done.lost.iter().any(|l| l.contains("msgs") && l.contains("sequences")), "{:?}", done.lost);
    let kept = open(dir.join("x.npz")).unwrap();
    let kept = kept.nodes("", None, false, &Limits::default()).unwrap();
    assert!(kept.iter().any(|n| n.path == "msg_headers"));
    assert!(!kept.iter().any(|n| n.path == "msgs"));
}

#[test]
fn part_of_an_array() {
    let dir = tempfile::tempdir().unwrap();
    let grid = testing::fixture("demo/jacksboro_fault_dem.npz");
    let place =
        Place { path: "elevation".into(), selection: "[10:20, -1]".parse().unwrap(), ..Place::default() };
    let out = dir.path().join("part.dat");
    let named = ConvertOptions { name_scheme: true, ..options("") };
    let done = convert(&*open(&grid).unwrap(), &place, &out, vec![], &named).unwrap();
    assert_eq!(done.path.file_name().unwrap(), "part_int16_10.dat");
    let want = sum::part(&*open(&grid).unwrap(), "elevation", &place.selection, &Limits::default()).unwrap();
    assert!(only_array(&*open(&done.path).unwrap()).same_as(&want));
}

const ORACLE: &str = r#"
import sys, os, json
import h5py, numpy as np
from nengo.utils import nco
folder, fixtures = sys.argv[1:3]

def same(a, b, where):
    assert a.dtype.newbyteorder('=') == b.dtype.newbyteorder('='), (where, a.dtype, b.dtype)
    assert a.shape == b.shape, (where, a.shape, b.shape)
    assert np.ascontiguousarray(a.astype(a.dtype.newbyteorder('='))).tobytes() == \
        np.ascontiguousarray(b.astype(b.dtype.newbyteorder('='))).tobytes() or np.array_equal(a, b), where

def restored(d, want):
    if 'numpy_descr' not in d.attrs: return d[()]
    if want.dtype.kind == 'U': return np.asarray(d.asstr()[()], dtype=want.dtype)
    if want.dtype.kind in 'mM': return np.asarray(d[()]).view(want.dtype)
    if want.dtype.kind == 'S': return np.asarray(d[()]).astype(want.dtype)
    return None

seen = 0
for name in sorted(os.listdir(fixtures)):
    if not name.endswith('.npy') or name == 'struct_wide.npy': continue
    want = np.load(os.path.join(fixtures, name))
    stem = os.path.join(folder, name[:-4])
    if os.path.exists(stem + '.npz'):
        seen += 1
        same(np.load(stem + '.npz')['x'], want, stem + '.npz')
    if os.path.exists(stem + '.nco'):
        seen += 1
        with open(stem + '.nco', 'rb') as f: metadata, array = nco.read(f)
        same(array, want, stem + '.nco')
        assert metadata['unit'] == 'm', metadata
    if os.path.exists(stem + '.h5'):
        seen += 1
        with h5py.File(stem + '.h5') as f:
            got = restored(f['x'], want)
            if got is not None and want.dtype.names is None: same(np.asarray(got), want, stem + '.h5')
            assert f['x'].attrs['unit'] == 'm'
print(seen)
"#;

#[test]
fn the_real_tools_read_what_is_converted() {
    let Some(python) = testing::oracle_python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut written = 0;
    for npy in npy_fixtures() {
        let stem = npy.file_stem().unwrap().to_owned();
        for output in [Output::Npz, Output::Hdf5, Output::Nco] {
            let file = dir.path().join(&stem).with_extension(output.extension());
            let unit = vec![("unit".to_owned(), Value::from("m"))];
            let deflate = (output == Output::Npz).then_some(6);
            let array = ArrayOptions { deflate, ..ArrayOptions::default() };
            let options = ConvertOptions { array, ..options("x") };
            match convert(&*open(&npy).unwrap(), &Place::default(), &file, unit, &options) {
                Ok(_) => written += 1,
                Err(e) => assert_eq!(e.kind(), Kind::Unsupported, "{}: {e}", file.display()),
            }
        }
    }
    let fixtures = testing::fixture("npy");
    let seen = testing::run_python(&python, ORACLE, &[dir.path().as_os_str(), fixtures.as_os_str()]);
    assert_eq!(seen.trim().parse::<i32>().unwrap(), written);
    assert!(written > 120, "{written} files");
}
