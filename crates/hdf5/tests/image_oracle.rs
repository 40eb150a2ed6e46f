//! Images between us and libhdf5: ours opened in every way that it has, its own read by us.
//!
//! The scripts in `oracle/` call libhdf5 by ctypes where h5py does not: `H5LTopen_file_image`, `H5Pset_file_image`,
//! `H5Dget_offset`, as programs in C and Julia do.

#![allow(clippy::unwrap_used, reason = "tests: a panic is the failure report")]

use hyperslab_core::dtype::{ByteOrder, EnumType, Int};
use hyperslab_core::testing::{oracles, run_python};
use hyperslab_core::view::Buffer;
use hyperslab_core::{ArrayOptions, Dtype, Limits, Selection, View, digest};
use hyperslab_hdf5::image::{self, DeserializeOptions, Elements, MemoryFile};
use hyperslab_hdf5::{File, Writer};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;

/// Runs a script of `oracle/`; what it prints, line by line.
fn run(python: &Path, script: &str, args: &[&OsStr]) -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle");
    let start = "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); runpy.run_path(sys.argv.pop(1))";
    let script = folder.join(script);
    let all: Vec<&OsStr> =
        [folder.as_os_str(), script.as_os_str()].into_iter().chain(args.iter().copied()).collect();
    run_python(python, start, &all).lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

/// SHA-256 of bytes as they are.
fn sha256(bytes: &[u8]) -> String {
    let view = View::new(Dtype::U8, [bytes.len() as u64].into(), bytes).unwrap();
    digest::digest(&view).unwrap().unwrap()
}

/// Types, and what NumPy calls what h5py reads of them, where that is the type itself.
fn types() -> Vec<(Option<&'static str>, Dtype)> {
    let mut out: Vec<(Option<&str>, Dtype)> = [
        "|b1", "|i1", "|u1", "<i2", ">i2", "<u2", "<i4", ">i4", "<u4", "<i8", ">i8", "<u8", ">u8", "<f2",
        ">f2", "<f4", ">f4", "<f8", ">f8", "<c8", ">c8", "<c16", ">c16", "|S7",
    ]
    .map(|d| (Some(d), d.parse().unwrap()))
    .into();
    out.extend(["|V5", "<U3", "<M8[ns]", ">m8[s]"].map(|d| (None, d.parse().unwrap())));
    let json = |text: &str| (None, Dtype::from_json(&serde_json::from_str(text).unwrap()).unwrap());
    out.push(json(r#"[["a","<i4"],["b",">f8",[2]],["c","|S3"]]"#));
    out.push(json(r#"[["x",[["re","<f4"],["n","|b1"]]],["","|V3"],["y","<u2"]]"#));
    let members = vec![("off".to_owned(), 0), ("on".to_owned(), 1)];
    let base = Int::new(2, true, ByteOrder::Big);
    out.push((None, Dtype::Enum(Arc::new(EnumType { base, members }))));
    out.push((None, Dtype::Bitfield(Int::new(2, false, ByteOrder::Little))));
    out.push((None, Dtype::int(3, true, ByteOrder::Big)));
    out.push((None, Dtype::Opaque(4, "a tag".into())));
    out
}

#[test]
fn our_images_are_opened_in_every_way() {
    let pythons = oracles();
    if pythons.is_empty() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut list = Vec::new();
    let mut stored: BTreeMap<String, (String, Vec<u64>)> = BTreeMap::new();
    let mut keep = |numpy: Option<&str>, view: &View<'_>, image: &[u8], elements: &[u8]| {
        let name = format!("{}.h5", list.len());
        std::fs::write(folder.path().join(&name), image).unwrap();
        list.push(json!({"file": name, "numpy": numpy}));
        stored.insert(name, (sha256(elements), view.shape().to_vec()));
    };
    for (numpy, dtype) in types() {
        for shape in [&[][..], &[7], &[3, 4], &[2, 0], &[2, 1, 2, 1, 3]] {
            let n: u64 = shape.iter().product();
            // Bytes that are values of every type: 0 and 1, and text of one letter.
            let one = |i: u64| match &dtype {
                Dtype::Unicode(..) => u8::from(i.is_multiple_of(4)) * 97,
                _ => (i * 7 / 3 % 2) as u8,
            };
            let bytes: Vec<u8> = (0..n * dtype.itemsize()).map(one).collect();
            let view = View::new(dtype.clone(), shape.into(), &bytes[..]).unwrap();
            let image = image::serialize(&view, "data").unwrap();
            let elements = image.get(image.len() - bytes.len()..).unwrap();
            keep(numpy, &view, &image, elements);
        }
    }
    // Order: Fortran's is gathered; turned, it is Julia's.
    let values: Vec<f64> = (0..24).map(f64::from).collect();
    let fortran = View::from_slice_f([2, 3, 4], &values).unwrap();
    let image = image::serialize(&fortran, "data").unwrap();
    keep(Some("<f8"), &fortran, &image, &fortran.to_bytes(&Limits::default()).unwrap());
    let turned = View::from_slice_f([2, 3, 4], &values).unwrap().transposed();
    let (header, elements) = image::serialize_parts(&turned, "data").unwrap();
    keep(Some("<f8"), &turned, &[&header, elements].concat(), elements);
    // A tree, contiguous and in shuffled and deflated chunks.
    let grid: Vec<f32> = (0..5000u16).map(f32::from).collect();
    let view = View::from_slice([50, 100], &grid).unwrap();
    for packed in [false, true] {
        let mut w = Writer::in_memory();
        let data = w.dataset("data").attribute("unit", "mm");
        let data = if packed { data.chunks([10, 25]).gzip(4).shuffle().fletcher32() } else { data };
        data.write(&view).unwrap();
        w.dataset("deep/er/words").write(&view).unwrap();
        w.attribute("/deep", "who", &"Noether".into()).unwrap();
        keep(Some("<f4"), &view, &w.into_image().unwrap(), view.bytes().unwrap());
    }
    std::fs::write(folder.path().join("list.json"), json!(list).to_string()).unwrap();

    for (hdf5, _, python) in pythons {
        let said = run(&python, "open_images.py", &[folder.path().as_os_str()]);
        let mut ways: BTreeMap<String, usize> = BTreeMap::new();
        for row in &said {
            let (name, way) = (row["file"].as_str().unwrap(), row["way"].as_str().unwrap());
            let (sum, shape) = &stored[name];
            let bytes = Buffer::copy_of(&std::fs::read(folder.path().join(name)).unwrap());
            let at = File::from_image(&bytes).unwrap().contiguous("data").unwrap();
            assert_eq!(row["offset"].as_u64(), at.as_ref().map(|r| r.start), "{row}");
            assert_eq!(row["shape"], json!(shape), "{row}");
            // Without an offset there is nothing that Julia's way could find.
            if way != "Julia" || at.is_some() {
                assert_eq!(row["sha256"], **sum, "HDF5 {hdf5}: {row}");
            }
            *ways.entry(way.to_owned()).or_default() += 1;
        }
        println!("HDF5 {hdf5}: {} images opened, in {} ways", list.len(), ways.len());
        assert!(ways.len() >= 7 && ways.values().all(|&n| n == list.len()), "{ways:?}");
        // What the library made of them is read again, and is an image still.
        for row in &list {
            let name = row["file"].as_str().unwrap();
            let changed = std::fs::read(folder.path().join(format!("{name}.changed"))).unwrap();
            let (file, limits) = (File::from_image(&changed).unwrap(), Limits::default());
            let data = file.read("data", &Selection::ALL, &limits).unwrap();
            assert_eq!(&data.shape()[..], stored[name].1);
            assert_eq!(file.attribute("data", "unit", &limits).unwrap().as_str(), Some("mm"));
            let packed = image::deserialize_named(&changed, "packed").unwrap();
            assert_eq!(packed.to_vec::<f64>().unwrap(), (0..1000).map(f64::from).collect::<Vec<_>>());
            assert_eq!(image::deserialize_named(&changed, "more").unwrap().len(), 1000);
        }
    }
}

#[test]
fn images_of_libhdf5_are_ours() {
    let dialects = r#"[["earliest","latest"],["v108","v108"],["v110","v110"],["latest","latest"]]"#;
    // HDF5 1.12 has h5py 3.8, which has all these names, too.
    for (hdf5, _, python) in oracles() {
        let folder = tempfile::tempdir().unwrap();
        let said = run(&python, "make_images.py", &[folder.path().as_os_str(), OsStr::new(dialects)]);
        let (mut views, mut copies) = (0, 0);
        for row in &said {
            let bytes = std::fs::read(folder.path().join(row["file"].as_str().unwrap())).unwrap();
            let image = Buffer::copy_of(&bytes);
            let ask = |elements| DeserializeOptions { elements, name: None };
            let view = image::deserialize(&image).unwrap();
            assert_eq!(json!(view.shape().to_vec()), row["shape"], "{row}");
            assert_eq!(row["sha256"], *sha256(view.bytes().unwrap()), "HDF5 {hdf5}: {row} {}", view.dtype());
            let copy = image::deserialize_with(&image, &ask(Elements::Copied)).unwrap();
            assert!(!copy.is_view() && copy.bytes() == view.bytes(), "{row}");
            let borrowed = image::deserialize_with(&image, &ask(Elements::Borrowed));
            match row["offset"].as_u64() {
                Some(at) => {
                    // Borrowed where it lies, and by default as well where that place is aligned.
                    let start = image.as_ptr().wrapping_add(at as usize);
                    assert_eq!(borrowed.unwrap().bytes().unwrap().as_ptr(), start, "{row}");
                    views += 1;
                }
                None if view.is_empty() => assert!(borrowed.unwrap().is_view()),
                None => {
                    assert!(borrowed.is_err() && !view.is_view(), "{row}");
                    copies += 1;
                }
            }
            // Cut anywhere, it is no image; a few cuts of each are enough.
            for cut in [8, 47, 95, bytes.len() / 2, bytes.len() - 1] {
                assert!(image::deserialize(&image[..cut]).is_err(), "{row} {cut}");
            }
        }
        println!("HDF5 {hdf5}: {views} images viewed, {copies} decoded");
        assert!(views > 100 && copies > 100, "{views} {copies}");
    }
}

#[test]
fn trees_of_libhdf5_are_changed_and_taken_back() {
    for (hdf5, _, python) in oracles() {
        let folder = tempfile::tempdir().unwrap();
        let (path, limits) = (folder.path().join("tree.h5"), Limits::default());
        let make = |more: &[&str]| {
            let args: Vec<&OsStr> = [OsStr::new("make"), path.as_os_str()]
                .into_iter()
                .chain(more.iter().map(OsStr::new))
                .collect();
            run(&python, "tree_images.py", &args);
            std::fs::read(&path).unwrap()
        };
        let image = make(&[]);
        let mut w = Writer::holding(&File::from_image(&image).unwrap(), &limits).unwrap();
        let grid: Vec<f64> = (0..600).map(f64::from).collect();
        w.dataset("/run/new").shape([20, 30]).chunks([10, 10]).gzip(4).write(&grid).unwrap();
        w.attribute("/", "added", &"by us".into()).unwrap();
        std::fs::write(&path, w.into_image().unwrap()).unwrap();
        run(&python, "tree_images.py", &[OsStr::new("check"), path.as_os_str()]);

        // Through a file in memory, put back in the place of the file that it came from.
        make(&[]);
        let mut f = MemoryFile::open(&path).unwrap();
        f.rewrite(|w| {
            w.dataset("/run/new").shape([20, 30]).chunks([10, 10]).gzip(4).write(&grid)?;
            w.attribute("/", "added", &"by us".into())
        })
        .unwrap();
        f.flush().unwrap();
        run(&python, "tree_images.py", &[OsStr::new("check"), path.as_os_str()]);

        // Changed where it lies.
        let mut f = MemoryFile::from_image(make(&[])).unwrap().backed_by(&path, true).unwrap();
        let grid = View::from_slice([20, 30], &grid).unwrap();
        let packed =
            ArrayOptions { chunks: Some([10, 10].into()), deflate: Some(4), ..ArrayOptions::default() };
        f.change(|c| {
            c.put("/run/new", &grid, &packed)?;
            c.attribute("/", "added", "by us")
        })
        .unwrap();
        f.flush().unwrap();
        run(&python, "tree_images.py", &[OsStr::new("check"), path.as_os_str()]);

        // References lead to the objects of the new file, which are elsewhere in it.
        let image = make(&["references"]);
        let before = folder.path().join("before.h5");
        std::fs::write(&before, &image).unwrap();
        let anew = Writer::holding(&File::from_image(&image).unwrap(), &limits).unwrap();
        std::fs::write(&path, anew.into_image().unwrap()).unwrap();
        let args = [before.as_os_str(), path.as_os_str(), OsStr::new("all")];
        let same = concat!(include_str!("oracle/same.py"), "\nmain(*sys.argv[1:])");
        assert!(run_python(&python, same, &args).starts_with("same"), "HDF5 {hdf5}");
    }
}
