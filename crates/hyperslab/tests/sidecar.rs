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
