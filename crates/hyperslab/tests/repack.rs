//! Containers written anew: nothing of the data changes, and what cannot be kept is refused.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic here is the failure report")]

use hyperslab::diff::{DiffOptions, Side, diff};
use hyperslab::npy::NpzWriter;
use hyperslab::repack::{RepackOptions, repack};
use hyperslab::{
    ArrayOptions, ContainerWriter, ConvertOptions, Kind, Limits, Node, NodeKind, Place, Value, View, convert,
    open, testing,
};
use std::path::{Path, PathBuf};

fn options(deflate: Option<u32>) -> RepackOptions {
    RepackOptions { array: ArrayOptions { deflate, ..ArrayOptions::default() }, ..RepackOptions::default() }
}

fn paths(file: &Path) -> Vec<String> {
    let nodes = open(file).unwrap().nodes("", None, false, &Limits::default()).unwrap();
    nodes.into_iter().map(|n| n.path).collect()
}

/// Whether two files hold the same, names and their order included.
fn same(a: &Path, b: &Path) -> bool {
    let (x, y, whole) = (open(a).unwrap(), open(b).unwrap(), Place::default());
    let side = |c, file| Side { container: c, place: &whole, file };
    let nan = DiffOptions { equal_nan: true, ..DiffOptions::default() };
    diff(side(&*x, a), side(&*y, b), &nan, &mut |_| {}).unwrap().is_equal() && paths(a) == paths(b)
}

fn files(folder: &str) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> =
        std::fs::read_dir(testing::fixture(folder)).unwrap().map(|e| e.unwrap().path()).collect();
    all.sort();
    all
}

#[test]
fn nothing_changes_but_the_compression() {
    let dir = tempfile::tempdir().unwrap();
    for file in files("npz").into_iter().chain([testing::fixture("demo/jacksboro_fault_dem.npz")]) {
        let layouts = |file: &Path| {
            let nodes = open(file).unwrap().nodes("", None, false, &Limits::default()).unwrap();
            nodes.into_iter().filter(|n| n.dtype.is_some()).map(|n| n.layout).collect::<Vec<_>>()
        };
        for level in [None, Some(6)] {
            let out = dir.path().join("out.npz");
            let done = repack(&file, &out, &RepackOptions { replace: true, ..options(level) });
            done.unwrap_or_else(|e| panic!("{}: {e}", file.display()));
            assert!(same(&file, &out), "{} {level:?}", file.display());
            match level {
                None => assert_eq!(layouts(&out), layouts(&file), "{}", file.display()),
                Some(_) => assert!(layouts(&out).iter().all(|l| l.as_deref() == Some("deflate"))),
            }
            let plain = RepackOptions { replace: true, uncompressed: true, ..options(None) };
            repack(&file, &out, &plain).unwrap();
            assert!(layouts(&out).iter().all(|l| l.as_deref() == Some("stored")), "{}", file.display());
        }
    }
    // Of the same bytes: the canonical form is that of np.save.
    for file in files("npy") {
        let out = dir.path().join("out.npy");
        if repack(&file, &out, &RepackOptions { replace: true, ..options(None) }).is_ok() {
            assert!(same(&file, &out), "{}", file.display());
            let order = |f: &Path| {
                open(f).unwrap().nodes("", None, false, &Limits::default()).unwrap().remove(0).layout
            };
            assert_eq!(order(&file), order(&out), "{}", file.display());
        } else {
            assert!(file.ends_with("struct_wide.npy"), "{}", file.display());
        }
    }
    for file in files("nco").into_iter().chain([testing::fixture("demo/pack.nco")]) {
        let out = dir.path().join("out.nco");
        match repack(&file, &out, &RepackOptions { replace: true, ..options(None) }) {
            Ok(_) => assert!(same(&file, &out), "{}", file.display()),
            Err(e) => assert!(file.ends_with("pack_trailing.nco"), "{}: {e}", file.display()),
        }
    }
}

#[test]
fn raw_members_stay_raw_and_numpy_reads_them() {
    let dir = tempfile::tempdir().unwrap();
    let (file, out) = (testing::fixture("npz/raw_member.npz"), dir.path().join("out.npz"));
    repack(&file, &out, &options(Some(9))).unwrap();
    let Some(python) = testing::oracle_python() else { return };
    let script = "import sys, numpy as np\n\
        a, b = np.load(sys.argv[1]), np.load(sys.argv[2])\n\
        assert a.files == b.files\n\
        raw = [k for k in a.files if isinstance(a[k], bytes)]\n\
        assert raw and all(type(a[k]) is type(b[k]) for k in a.files)\n\
        assert all(a[k] == b[k] for k in raw)\n\
        print(len(raw))";
    let printed = testing::run_python(&python, script, &[file.as_os_str(), out.as_os_str()]);
    assert!(printed.trim().parse::<u32>().unwrap() > 0);
}

#[test]
fn keys_are_the_same_to_numpy() {
    let dir = tempfile::tempdir().unwrap();
    let (file, meta) = (testing::fixture("npz/keys.npz"), dir.path().join("meta.npz"));
    let place = |path: &str| Place { path: path.into(), ..Place::default() };
    let pairs = |n: i128| vec![("n".to_owned(), Value::Int(n))];
    // Attributes of keys that differ in a slash stay apart.
    let mut writer = NpzWriter::create(&meta, false).unwrap();
    let view = View::from_slice([2], &[1i32, 2]).unwrap();
    for (n, (key, member)) in
        [("/a", "/a.npy"), ("a", "a.npy"), ("a.npy.npy", "a.npy.npy")].iter().enumerate()
    {
        let options = ArrayOptions { member: Some((*member).into()), ..ArrayOptions::default() };
        writer.array(key, &view, &options).unwrap();
        writer.attribute(key, "n", &Value::Int(n as i128)).unwrap();
    }
    let twice = ArrayOptions { member: Some("a.npy".into()), ..ArrayOptions::default() };
    assert_eq!(writer.array("b", &view, &twice).unwrap_err().kind(), Kind::Usage);
    let twice = ArrayOptions { member: Some("../a.npy".into()), ..ArrayOptions::default() };
    assert_eq!(writer.array("../a", &view, &twice).unwrap_err().kind(), Kind::Usage);
    Box::new(writer).finish().unwrap();

    let mut made = Vec::new();
    for (i, from) in [&file, &meta].into_iter().enumerate() {
        let out = |how: &str| dir.path().join(format!("{i}{how}.npz"));
        repack(from, &out("repacked"), &options(Some(6))).unwrap();
        let npz = open(from).unwrap();
        convert(&*npz, &Place::default(), out("converted"), Vec::new(), &ConvertOptions::default()).unwrap();
        for how in ["repacked", "converted"] {
            assert!(same(from, &out(how)), "{how}");
            made.extend([from.clone(), out(how)]);
        }
    }
    let back = open(&made[3 * 2 + 1]).unwrap();
    for (key, n) in [("/a", 0), ("a", 1), ("a.npy.npy", 2)] {
        assert_eq!(back.attributes(key, &Limits::default()).unwrap(), pairs(n), "{key}");
    }
    // By itself a member has the name that it has for NumPy.
    let alone = dir.path().join("alone.npz");
    convert(&*back, &place("a.npy.npy"), &alone, Vec::new(), &ConvertOptions::default()).unwrap();
    assert_eq!(paths(&alone), ["a.npy"]);
    assert_eq!(open(&alone).unwrap().attributes("a.npy", &Limits::default()).unwrap(), pairs(2));
    // HDF5 has no such names.
    let options = ConvertOptions::default();
    let e = convert(&*open(&file).unwrap(), &Place::default(), dir.path().join("x.h5"), vec![], &options);
    let e = e.unwrap_err();
    assert!(e.kind() == Kind::Unsupported && e.to_string().contains("\"/a\""), "{e}");

    let Some(python) = testing::oracle_python() else { return };
    let script = "import sys, numpy as np\n\
        files = [np.load(f) for f in sys.argv[1:]]\n\
        for a, b in zip(files[::2], files[1::2]):\n \
            assert a.files == b.files, (a.files, b.files)\n \
            assert all(np.array_equal(a[k], b[k]) for k in a.files)\n\
        print(files[0].files)";
    let args: Vec<_> = made.iter().map(|f| f.as_os_str()).collect();
    assert_eq!(testing::run_python(&python, script, &args).trim(), "['/a', 'a', 'a.npy', '', 'd/']");
}

#[test]
fn refused_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let npz = testing::fixture("npz/stored.npz");
    let out = dir.path().join("out");
    let refused = |file: &Path, options: &RepackOptions| repack(file, &out, options).unwrap_err();
    let chunked = ArrayOptions { chunks: Some([2].into()), ..ArrayOptions::default() };
    let chunked = RepackOptions { array: chunked, ..RepackOptions::default() };
    for file in ["npz/stored.npz", "npy/type_f8.npy", "nco/meta_none.nco"] {
        assert_eq!(refused(&testing::fixture(file), &chunked).kind(), Kind::Unsupported, "{file}");
    }
    for file in ["npy/type_f8.npy", "nco/meta_none.nco"] {
        assert_eq!(refused(&testing::fixture(file), &options(Some(6))).kind(), Kind::Unsupported, "{file}");
    }
    let libver =
        RepackOptions { libver: Some(hyperslab::hdf5::write::Libver::Latest), ..RepackOptions::default() };
    assert_eq!(refused(&npz, &libver).kind(), Kind::Unsupported);
    let hostile = testing::repo().join("fixtures/hostile");
    assert_eq!(refused(&hostile.join("crc_stored.npz"), &options(None)).kind(), Kind::Invalid);
    assert_eq!(refused(&hostile.join("torn_pack.nco"), &options(None)).kind(), Kind::Invalid);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "something was left behind");
    // The same file only where that is asked for, and then whole.
    let mine = dir.path().join("mine.npz");
    std::fs::copy(&npz, &mine).unwrap();
    let before = std::fs::read(&mine).unwrap();
    assert_eq!(repack(&mine, &mine, &options(Some(6))).unwrap_err().kind(), Kind::Usage);
    assert_eq!(std::fs::read(&mine).unwrap(), before);
    repack(&mine, &mine, &RepackOptions { replace: true, ..options(Some(6)) }).unwrap();
    assert!(same(&npz, &mine));
    let e = repack(&npz, &dir.path().join("no/such/folder.npz"), &options(None)).unwrap_err();
    assert!(e.to_string().contains("there is no folder") && !e.to_string().contains(".slab-"), "{e}");
}

/// What every dataset of a file is stored like.
fn stored(file: &Path) -> Vec<(String, ArrayOptions)> {
    let (container, limits) = (open(file).unwrap(), Limits::default());
    let nodes = container.nodes("", None, false, &limits).unwrap();
    let arrays = nodes.into_iter().filter(|n| n.kind == NodeKind::Array && n.error.is_none());
    let how = |n: &Node| testing::filters_by_name(container.storage(&n.path, &limits).unwrap());
    arrays.map(|n| (n.path.clone(), how(&n))).collect()
}

#[test]
fn hdf5_keeps_what_it_is_not_told_to_change() {
    let dir = tempfile::tempdir().unwrap();
    let file = testing::fixture("hdf5/chunks_latest_2.0.h5");
    let (kept, changed, plain) = (dir.path().join("a.h5"), dir.path().join("b.h5"), dir.path().join("c.h5"));
    repack(&file, &kept, &options(None)).unwrap();
    assert!(same(&file, &kept));
    assert_eq!(stored(&file), stored(&kept));
    for has in [
        |o: &ArrayOptions| o.deflate.is_some() && o.shuffle,
        |o: &ArrayOptions| o.fletcher32,
        |o: &ArrayOptions| o.max_shape == [None],
    ] {
        assert!(stored(&kept).iter().any(|(_, o)| has(o)));
    }
    let array =
        ArrayOptions { lzf: true, fletcher32: true, chunks: Some([3].into()), ..ArrayOptions::default() };
    let done = repack(&kept, &changed, &RepackOptions { array, ..RepackOptions::default() }).unwrap();
    assert!(same(&file, &changed));
    assert!(done.notes.iter().any(|n| n.contains("other chunks")), "{:?}", done.notes);
    for ((path, before), (_, after)) in stored(&kept).iter().zip(&stored(&changed)) {
        assert_eq!(
            (before.shuffle, &before.max_shape, &before.fill),
            (after.shuffle, &after.max_shape, &after.fill)
        );
        assert!(after.lzf && after.fletcher32 && after.deflate.is_none(), "{path}");
    }
    repack(&changed, &plain, &RepackOptions { uncompressed: true, ..RepackOptions::default() }).unwrap();
    assert!(same(&file, &plain));
    assert!(stored(&plain).iter().all(|(_, o)| !o.lzf && !o.shuffle && o.chunks.is_some()));
}
