use super::*;
use hyperslab_core::container::{ArrayOptions, ContainerWriter};
use hyperslab_core::source::{MemorySource, SliceSource};
use hyperslab_core::{Dtype, Kind, Shape};

fn file(view: &View<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    let n = write_to(&mut out, view).unwrap();
    assert_eq!(n, out.len() as u64);
    out
}

#[test]
fn every_source_gives_the_same() {
    let values: Vec<i32> = (0..60).collect();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.npy");
    // In Fortran order, so that both the small and the large way must respect it.
    let view = View::from_slice_f([3, 4, 5], &values).unwrap();
    save(&path, &view, false).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(bytes, file(&view));
    let limits = Limits::default();
    let (slice, memory) = (SliceSource(&bytes), MemorySource::new(bytes.clone()));
    let (map, plain) = (hyperslab_core::source::map(&path).unwrap(), FileSource::open(&path).unwrap());
    for (source, borrowed) in [(&slice as &dyn Source, true), (&memory, true), (&map, true), (&plain, false)]
    {
        let v = read(source, &limits).unwrap();
        assert_eq!(v.is_view(), borrowed);
        assert!(v.is_f_contiguous() && !v.is_c_contiguous());
        assert_eq!(v, view);
        let npy = Npy::open(source, &limits).unwrap();
        assert_eq!(npy.read("", &Selection::ALL, &limits).unwrap(), view);
        let node = &npy.nodes("", None, true, &limits).unwrap()[0];
        assert_eq!((node.stored_bytes, node.error.is_none()), (Some(240), true));
        assert_eq!(npy.read("a", &Selection::ALL, &limits).unwrap_err().kind(), Kind::Usage);
    }
    let v = load(&path, &limits).unwrap();
    assert_eq!(v, view);
    assert_eq!(v.bytes_f().unwrap().as_ptr() as usize % 64, 0);
    assert_eq!(save(&path, &view, false).unwrap_err().kind(), Kind::Usage);
}

#[test]
fn large_files_are_read_where_selected() {
    let values: Vec<f64> = (0..20_000).map(f64::from).collect();
    let view = View::from_slice([100, 200], &values).unwrap();
    let f_view = View::from_slice_f([200, 100], &values).unwrap();
    let dir = tempfile::tempdir().unwrap();
    for (name, view) in [("c", &view), ("f", &f_view)] {
        let path = dir.path().join(name);
        save(&path, view, false).unwrap();
        let npy = Npy::open(FileSource::open(&path).unwrap(), &Limits::default()).unwrap();
        for s in [
            "",
            "0",
            "-1",
            "3:7",
            "::-1",
            "10:2:-3, 5",
            "..., 1:100:9",
            "5:5",
            "99, -1",
            "0:0, 3",
            "::9223372036854775807",
            "7:8, ::-50",
        ] {
            let s: Selection = s.parse().unwrap();
            let want = view.borrow().select(&s).unwrap();
            assert_eq!(npy.read("", &s, &Limits::default()).unwrap(), want, "{s:?}");
        }
        // One row of 200 elements is all that one row needs.
        if name == "c" {
            npy.read("", &"5".parse().unwrap(), &Limits::new(1600, 1, 1)).unwrap();
        }
        assert_eq!(load(&path, &Limits::default()).unwrap(), *view);
        assert_eq!(load(&path, &Limits::new(100_000, 1, 1)).unwrap_err().kind(), Kind::Limit);
    }
}

#[test]
fn damage_is_named() {
    let whole = file(&View::from_slice([10], &[1.0f64; 10]).unwrap());
    for cut in [129, 200, 207] {
        let e = read(&SliceSource(&whole[..cut]), &Limits::default()).unwrap_err();
        assert_eq!((e.kind(), e.offset()), (Kind::Invalid, Some(128)));
        assert!(
            e.message().contains("takes 80 bytes") && e.message().contains(&format!("{} are", cut - 128)),
            "{e}"
        );
    }
    // What follows the array is not its business.
    let mut longer = whole.clone();
    longer.extend([1, 2, 3]);
    assert_eq!(read(&SliceSource(&longer), &Limits::default()).unwrap().len(), 10);
    let objects = header::emit(&Dtype::Object, &[1].into(), Order::C).unwrap();
    let e = read(&SliceSource(&objects), &Limits::default()).unwrap_err();
    assert!(e.kind() == Kind::Unsupported && e.message().contains("pickle"), "{e}");
    let npy = Npy::open(SliceSource(&objects), &Limits::default()).unwrap();
    assert!(npy.nodes("", None, false, &Limits::default()).unwrap()[0].error.is_some());
    // A claim of 7 TiB is weighed against the file before anything is allocated.
    let huge = header::emit(&Dtype::F64, &[1_000_000_000_000].into(), Order::C).unwrap();
    assert_eq!(read(&SliceSource(&huge), &Limits::default()).unwrap_err().kind(), Kind::Invalid);
    // Elements without bytes could be any number.
    let nothing = header::emit(&Dtype::Bytes(0), &[1 << 60].into(), Order::C).unwrap();
    assert_eq!(read(&SliceSource(&nothing), &Limits::default()).unwrap_err().kind(), Kind::Limit);
    let empty = file(&View::from_slice::<f64>([0, 3], &[]).unwrap());
    assert_eq!(read(&SliceSource(&empty), &Limits::default()).unwrap().shape(), &Shape::from([0, 3]));
}

#[test]
fn a_writer_holds_one_array() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.npy");
    let view = View::from_slice([2], &[1u8, 2]).unwrap();
    let mut w: Box<dyn ContainerWriter> = Box::new(NpyWriter::create(&path, false).unwrap());
    assert!(w.group("g").is_err());
    assert!(w.attribute("", "a", &Value::Null).is_err());
    assert!(w.array("x", &view, &ArrayOptions::default()).is_err());
    assert!(w.array("", &view, &ArrayOptions { deflate: Some(6), ..Default::default() }).is_err());
    w.array("", &view, &ArrayOptions::default()).unwrap();
    assert!(w.array("", &view, &ArrayOptions::default()).is_err());
    assert!(!path.exists());
    w.finish().unwrap();
    assert_eq!(load(&path, &Limits::default()).unwrap(), view);
    drop(NpyWriter::create(dir.path().join("y.npy"), false).unwrap());
    assert!(Box::new(NpyWriter::create(dir.path().join("y.npy"), false).unwrap()).finish().is_err());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}
