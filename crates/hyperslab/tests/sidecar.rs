//! Raw arrays described by what lies beside them: our own JSON, and ENVI and NRRD headers that others wrote.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is the failure report")]

use hyperslab::{
    ConvertOptions, Kind, Limits, OpenOptions, Output, Place, Value, View, convert, open, open_with, sum,
    testing,
};
use std::path::Path;

fn digest(path: &Path) -> sum::Sum {
    let c = open(path).unwrap_or_else(|e| panic!("{e}"));
    let mut all = sum::tree(&*c, "", &Limits::default(), &mut |_| {}).unwrap();
    assert_eq!(all.len(), 1);
    let one = all.remove(0);
    assert!(one.error.is_none(), "{:?}", one.error);
    one
}

#[test]
fn what_convert_writes_beside_a_raw_file_describes_it() {
    let dir = tempfile::tempdir().unwrap();
    let (npy, raw, back) = (dir.path().join("x.npy"), dir.path().join("x.dat"), dir.path().join("y.npy"));
    let values: Vec<f32> = (0..6).map(|i| i as f32).collect();
    hyperslab::npy::npy::save(&npy, &View::from_slice_f([2, 3], &values).unwrap(), false).unwrap();
    let options = ConvertOptions::default();
    let unit = vec![("unit".to_owned(), Value::from("mm"))];
    convert(&*open(&npy).unwrap(), &Place::default(), &raw, unit, &options).unwrap();
    assert!(digest(&raw).same_as(&digest(&npy)));
    let c = open(&raw).unwrap();
    assert_eq!(c.attribute("", "unit", &options.limits).unwrap(), Value::from("mm"));
    // What is told counts more than what lies beside.
    let mut told = OpenOptions::default();
    told.declared.dtype = Some("<i4".parse().unwrap());
    let c = open_with(&raw, &told).unwrap();
    assert_eq!(c.nodes("", None, false, &options.limits).unwrap()[0].shape.as_ref().unwrap()[..], [6]);
    let lossy = ConvertOptions { allow_loss: true, ..ConvertOptions::default() };
    convert(&*open(&raw).unwrap(), &Place::default(), &back, Vec::new(), &lossy).unwrap();
    assert!(digest(&back).same_as(&digest(&npy)));
    // A file that became shorter no longer fits, and is not read as something else.
    std::fs::write(&raw, [0; 20]).unwrap();
    assert_eq!(open(&raw).err().unwrap().kind(), Kind::Invalid);
    std::fs::write(dir.path().join("x.dat.meta.json"), br#"{"descr": "<f4", "shape": [-1]}"#).unwrap();
    assert_eq!(open(&raw).err().unwrap().kind(), Kind::Invalid);
}

#[test]
fn plain_values_are_taken_and_what_is_malformed_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (raw, beside) = (dir.path().join("x.dat"), dir.path().join("x.dat.meta.json"));
    std::fs::write(&raw, [0; 16]).unwrap();
    let limits = Limits::default();
    let with = |json: &str| {
        std::fs::write(&beside, json).unwrap();
        open(&raw)
    };
    let plain = r#"{"descr": "<f8", "attrs": {"a": 1, "b": [1.5, null], "c": {"value": 2, "unit": "mm"},
        "d": {"dtype": "<i2", "shape": [2], "value": [3, 4]}, "e": {"value": "text"}}}"#;
    let found = with(plain).unwrap().attributes("", &limits).unwrap();
    let value = |name: &str| &found.iter().find(|(n, _)| n == name).unwrap().1;
    assert_eq!(*value("a"), Value::Int(1));
    assert_eq!(*value("b"), Value::list([Value::Float(1.5), Value::Null]));
    assert_eq!(*value("c"), Value::map([("value", Value::Int(2)), ("unit", "mm".into())]));
    assert_eq!(*value("d"), Value::from(View::from_slice([2], &[3i16, 4]).unwrap()));
    assert_eq!(*value("e"), Value::from("text"));
    for (json, said) in [
        ("\"hello\"", "is \"hello\", not an object"),
        ("[1]", "is [1], not an object"),
        ("{\"descr\": \"<f8\", \"sha", "is not JSON: EOF"),
        ("", "is not JSON: EOF"),
        (r#"{"descr": "<f8", "shape": 3}"#, "\"shape\" is 3, not a list of extents"),
        (r#"{"descr": "<f8", "shape": [1, -1]}"#, "\"shape\" is [1,-1], not a list of extents"),
        (r#"{"descr": "<f8", "offset": "1"}"#, "\"offset\" is \"1\", not a number of bytes"),
        (r#"{"descr": "<f8", "fortran_order": 1}"#, "\"fortran_order\" is 1, not true or false"),
        (r#"{"descr": "<q8"}"#, "<q8"),
        (r#"{"sep": 1}"#, "\"sep\" is 1, not text"),
        (r#"{"shape": [2]}"#, "\"shape\" is there, and \"descr\" is not"),
        (r#"{"descr": "<f8", "attrs": [1]}"#, "\"attrs\" is [1], not an object of names"),
        (r#"{"descr": "<f8", "attributes": {}}"#, "\"attributes\" is none of the keys"),
        (r#"{"attrs": {"a": 1}, "": {"a": 1}}"#, "the attribute \"a\" is there twice"),
    ] {
        let e = with(json).err().unwrap_or_else(|| panic!("{json} is taken"));
        assert_eq!((e.kind(), e.file_path()), (Kind::Invalid, Some(&*beside)), "{json}: {e}");
        assert!(e.to_string().contains(said), "{json}: {e}");
    }
    // An object that says nothing of this kind is not for us.
    assert_eq!(with(r#"{"title": "x"}"#).err().unwrap().kind(), Kind::Usage);
}

#[test]
fn the_name_scheme_needs_nothing_beside() {
    let dir = tempfile::tempdir().unwrap();
    let npy = dir.path().join("x.npy");
    hyperslab::npy::npy::save(&npy, &View::from_slice([2], &[1u8, 2]).unwrap(), false).unwrap();
    let options =
        ConvertOptions { name_scheme: true, output: Some(Output::Raw), ..ConvertOptions::default() };
    convert(&*open(&npy).unwrap(), &Place::default(), dir.path().join("n.dat"), Vec::new(), &options)
        .unwrap();
    let mut names: Vec<_> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["n_uint8_2.dat", "x.npy"]);
}

const MAKE: &str = r#"
import sys, os
import numpy as np, nrrd, spectral.io.envi as envi
d = sys.argv[1]
for dtype in ['i1', 'u1', '<i2', '>i2', '<u2', '<i4', '>u4', '<i8', '>u8', '<f4', '>f4', '<f8']:
    a = np.arange(24).reshape(2, 3, 4).astype(dtype)
    name = dtype.replace('<', 'l').replace('>', 'b')
    # index_order='C' makes the axes those of the array.
    for ext in ['nrrd', 'nhdr']:
        base = os.path.join(d, 'n_' + name + '_' + ext)
        nrrd.write(base + '.' + ext, a, {'encoding': 'raw', 'content': 'a scan'}, index_order='C')
        np.save(base + '.npy', a)
    if dtype in ('i1', '<i8', '>u8'):
        continue
    for interleave in ['bsq', 'bil', 'bip']:
        base = os.path.join(d, 'e_' + name + '_' + interleave)
        envi.save_image(base + '.hdr', a, interleave=interleave, ext='img', dtype=a.dtype.newbyteorder('='), byteorder=1 if dtype[0] == '>' else 0)
        # save_image takes (lines, samples, bands).
        order = {'bsq': (2, 0, 1), 'bil': (0, 2, 1), 'bip': (0, 1, 2)}[interleave]
        np.save(base + '.npy', a.transpose(order))
nrrd.write(os.path.join(d, 'gz.nrrd'), a, {'encoding': 'gzip'})
"#;

#[test]
fn headers_that_others_write() {
    let Some(python) = testing::oracle_python() else { return };
    let dir = tempfile::tempdir().unwrap();
    testing::run_python(&python, MAKE, &[dir.path().as_os_str()]);
    let mut seen = 0;
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let path = entry.unwrap().path();
        let extension = path.extension().unwrap().to_str().unwrap();
        if !["nrrd", "nhdr", "hdr", "img"].contains(&extension) || path.ends_with("gz.nrrd") {
            continue;
        }
        let want = digest(&path.with_extension("npy"));
        let got = digest(&path);
        assert!(got.same_as(&want), "{}: {got:?}, expected {want:?}", path.display());
        seen += 1;
    }
    assert_eq!(seen, 12 * 2 + 9 * 3 * 2);
    let c = open(dir.path().join("n_lf4_nrrd.nrrd")).unwrap();
    assert_eq!(c.attribute("", "content", &Limits::default()).unwrap(), Value::from("a scan"));
    let e = open(dir.path().join("gz.nrrd")).err().unwrap();
    assert_eq!(e.kind(), Kind::Unsupported, "{e}");
    // Elements that are gone or fewer than the header says.
    let img = dir.path().join("e_lf4_bsq.img");
    std::fs::write(&img, [0; 95]).unwrap();
    for name in [&img, &img.with_extension("hdr")] {
        assert_eq!(open(name).err().unwrap().kind(), Kind::Invalid);
    }
    std::fs::remove_file(&img).unwrap();
    assert_eq!(open(img.with_extension("hdr")).err().unwrap().kind(), Kind::Invalid);
}
