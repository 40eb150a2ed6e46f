use super::*;
use hyperslab_core::container::{ArrayOptions, ContainerWriter};
use hyperslab_core::source::{FileSource, MemorySource, SliceSource};
use hyperslab_core::{Kind, Order, digest::digest};
use std::io::Cursor;

/// An archive of these members, stored or deflated.
fn archive(members: &[(&str, &View<'_>, Option<u32>)]) -> Vec<u8> {
    let mut w = NpzWriter::new(Cursor::new(Vec::new()));
    for (key, view, deflate) in members {
        w.add(key, view, *deflate).unwrap();
    }
    w.into_inner().unwrap().into_inner()
}

fn open(bytes: &[u8]) -> Result<Npz<SliceSource<'_>>> {
    Npz::open(SliceSource(bytes), &Limits::default())
}

fn read<'a, S: Source>(npz: &'a Npz<S>, key: &str) -> Result<View<'a>> {
    npz.read(key, &Selection::ALL, &Limits::default())
}

/// The kind of the error of opening an archive and reading everything in it.
fn verdict(bytes: &[u8]) -> Result<(), Kind> {
    let npz = open(bytes).map_err(|e| e.kind())?;
    let limits = Limits::default();
    for node in npz.nodes("", None, true, &limits).map_err(|e| e.kind())? {
        if let Some(e) = node.error {
            return Err(e.kind());
        }
        if node.kind == NodeKind::Array {
            npz.read(&node.path, &Selection::ALL, &limits).map_err(|e| e.kind())?;
        }
    }
    Ok(())
}

/// Adds a member of any bytes, also such as the public ways refuse.
fn member<W: std::io::Write + std::io::Seek>(w: &mut NpzWriter<W>, name: &str, bytes: &[u8]) {
    w.member(name.into(), bytes.len() as u64, None, &mut |out| out(bytes)).unwrap();
}

/// Where each signature is.
fn find(bytes: &[u8], signature: &[u8]) -> Vec<usize> {
    (0..bytes.len()).filter(|&i| bytes[i..].starts_with(signature)).collect()
}

fn patch(bytes: &[u8], at: usize, with: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    out[at..at + with.len()].copy_from_slice(with);
    out
}

#[test]
fn every_source_gives_the_same() {
    let values: Vec<f64> = (0..30_000).map(f64::from).collect();
    let big = View::from_slice_f([100, 300], &values).unwrap();
    let small = View::from_slice([3], &[1u16, 2, 3]).unwrap();
    let bytes = archive(&[
        ("big", &big, None),
        ("d/small", &small, None),
        ("z", &big, Some(6)),
        ("zs", &small, Some(1)),
    ]);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.npz");
    std::fs::write(&path, &bytes).unwrap();
    let (slice, memory) = (SliceSource(&bytes), MemorySource::new(bytes.clone()));
    let (map, file) = (hyperslab_core::source::map(&path).unwrap(), FileSource::open(&path).unwrap());
    let limits = Limits::default();
    for (source, in_memory) in [(&slice as &dyn Source, true), (&memory, true), (&map, true), (&file, false)]
    {
        let npz = Npz::open(source, &limits).unwrap();
        assert_eq!(npz.keys().collect::<Vec<_>>(), ["big", "d/small", "z", "zs"]);
        for (key, want, stored) in
            [("big", &big, true), ("d/small", &small, true), ("z", &big, false), ("zs", &small, false)]
        {
            let v = read(&npz, key).unwrap();
            assert_eq!(v.is_view(), stored && in_memory, "{key}");
            assert_eq!(v, *want);
            assert_eq!(v.is_f_contiguous(), want.is_f_contiguous());
            let part: Selection = "..., ::-2".parse().unwrap();
            assert_eq!(npz.read(key, &part, &limits).unwrap(), want.borrow().select(&part).unwrap());
            assert_eq!(read(&npz, &format!("{key}.npy")).unwrap(), *want);
        }
        let nodes = npz.nodes("", None, true, &limits).unwrap();
        let layouts: Vec<_> = nodes.iter().map(|n| n.layout.as_deref().unwrap()).collect();
        assert_eq!(layouts, ["stored", "stored", "deflate", "deflate"]);
        assert_eq!(nodes[0].shape.as_ref().unwrap(), big.shape());
        assert_eq!(npz.nodes("/d", None, false, &limits).unwrap().len(), 1);
        assert_eq!(npz.nodes("d/small", None, false, &limits).unwrap().len(), 1);
        for missing in ["", "d", "nothing", "big.npy.npy"] {
            assert_eq!(read(&npz, missing).unwrap_err().kind(), Kind::Usage, "{missing}");
        }
    }
}

#[test]
fn stored_elements_are_aligned_and_bytes_reproducible() {
    let v = View::from_slice([5], &[1.0f64; 5]).unwrap();
    for key in ["a", "ab", "a_longer_key", "été"] {
        let bytes = archive(&[("x", &v, Some(6)), (key, &v, None)]);
        assert_eq!(bytes, archive(&[("x", &v, Some(6)), (key, &v, None)]));
        let start = read(&open(&bytes).unwrap(), key).unwrap().bytes().unwrap().as_ptr() as usize;
        assert_eq!((start - bytes.as_ptr() as usize) % 64, 0, "{key}");
    }
}

#[test]
fn large_members_are_deflated_as_they_are_written() {
    let values: Vec<u32> = (0..500_000u32).map(|i| i.wrapping_mul(2_654_435_761) >> (i % 20)).collect();
    let v = View::from_slice([values.len() as u64], &values).unwrap();
    let small = View::from_slice([1], &[1u8]).unwrap();
    let bytes = archive(&[("a", &small, None), ("v", &v, Some(1)), ("z", &small, Some(9))]);
    let npz = open(&bytes).unwrap();
    assert_eq!(digest(&read(&npz, "v").unwrap()).unwrap(), digest(&v).unwrap());
    assert_eq!(verdict(&bytes), Ok(()));
}

#[test]
fn raw_members_groups_and_attributes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.npz");
    let v = View::from_slice([2], &[1i64, 2]).unwrap();
    let mut w = NpzWriter::create(&path, false).unwrap();
    w.add_raw("notes.txt", b"hello", None).unwrap();
    assert!(w.add_raw("bad", b"\x93NUMPY\x01\x00", None).is_err());
    let mut w: Box<dyn ContainerWriter> = Box::new(w);
    w.array("/run/x", &v, &ArrayOptions { deflate: Some(6), ..Default::default() }).unwrap();
    assert!(w.array("/run/x", &v, &ArrayOptions::default()).is_err());
    assert!(w.array("run/x.npy", &v, &ArrayOptions::default()).is_err());
    assert!(w.array("y", &v, &ArrayOptions { shuffle: true, ..Default::default() }).is_err());
    assert!(w.array("../y", &v, &ArrayOptions::default()).is_err());
    for g in ["/run", "/empty", "/labelled", ""] {
        w.group(g).unwrap();
    }
    w.attribute("", "title", &"T".into()).unwrap();
    w.attribute("/run/x", "unit", &"mV".into()).unwrap();
    w.attribute(
        "/run/x",
        "offset",
        &Value::from(View::from_slice([1], &[0.5f32]).unwrap().into_owned().unwrap()),
    )
    .unwrap();
    w.attribute("/labelled", "n", &Value::Int(3)).unwrap();
    assert!(w.attribute("/run/x", "unit", &Value::Null).is_err());
    assert!(w.attribute("/nothing", "unit", &Value::Null).is_err());
    assert!(!path.exists());
    w.finish().unwrap();

    let limits = Limits::default();
    let npz = Npz::open(FileSource::open(&path).unwrap(), &limits).unwrap();
    let nodes = npz.nodes("", None, true, &limits).unwrap();
    let listed: Vec<_> = nodes.iter().map(|n| (n.path.as_str(), n.kind, n.attributes.len())).collect();
    assert_eq!(
        listed,
        [
            ("notes.txt", NodeKind::Array, 0),
            ("run/x", NodeKind::Array, 2),
            ("empty", NodeKind::Group, 0),
            ("labelled", NodeKind::Group, 1),
        ]
    );
    assert_eq!(npz.attributes("", &limits).unwrap(), [("title".to_string(), "T".into())]);
    assert_eq!(npz.attribute("run/x", "unit", &limits).unwrap(), "mV".into());
    assert!(
        matches!(npz.attribute("/run/x", "offset", &limits).unwrap(), Value::Array(a) if a.as_slice::<f32>().unwrap() == [0.5])
    );
    assert!(npz.attributes("nothing", &limits).is_err());
    let notes = read(&npz, "notes.txt").unwrap();
    assert_eq!(
        (notes.dtype(), notes.shape().len(), notes.bytes().unwrap()),
        (&Dtype::Void(5), 0, &b"hello"[..])
    );
}

#[test]
fn keys_are_numpys() {
    let v = |n: u8| View::new(Dtype::U8, [1].into(), vec![n]).unwrap();
    let mut w = NpzWriter::new(Cursor::new(Vec::new()));
    w.add_raw("a", b"raw", None).unwrap();
    w.add("b.npy", &v(1), None).unwrap();
    let bytes = w.into_inner().unwrap().into_inner();
    assert_eq!(open(&bytes).unwrap().keys().collect::<Vec<_>>(), ["a", "b.npy"]);
    // A member "a" and a member "a.npy": the short name is the first one's.
    let mut w = NpzWriter::new(Cursor::new(Vec::new()));
    member(&mut w, "a", b"raw");
    w.add("a", &v(2), None).unwrap();
    let bytes = w.into_inner().unwrap().into_inner();
    let npz = open(&bytes).unwrap();
    assert_eq!(npz.keys().collect::<Vec<_>>(), ["a", "a.npy"]);
    assert_eq!(read(&npz, "a").unwrap().bytes().unwrap(), b"raw");
    assert_eq!(read(&npz, "a.npy").unwrap(), v(2));
}

#[test]
fn lies_of_the_directory() {
    let v = View::from_slice([4], &[1i32, 2, 3, 4]).unwrap();
    let good = archive(&[("aa", &v, None), ("bb", &v, Some(6))]);
    assert_eq!(verdict(&good), Ok(()));
    let (locals, centrals) = (find(&good, b"PK\x03\x04"), find(&good, b"PK\x01\x02"));
    let end = good.len() - 22;
    let cases: Vec<(&str, Vec<u8>, Kind)> = vec![
        ("local signature", patch(&good, locals[0], b"XX"), Kind::Invalid),
        ("central signature", patch(&good, centrals[1], b"XX"), Kind::Invalid),
        ("local name", patch(&good, locals[0] + 30, b"cc"), Kind::Invalid),
        ("same names", patch(&patch(&good, centrals[1] + 46, b"aa"), locals[1] + 30, b"aa"), Kind::Invalid),
        ("local method", patch(&good, locals[1] + 8, &[0]), Kind::Invalid),
        ("method", patch(&patch(&good, locals[1] + 8, &[14]), centrals[1] + 10, &[14]), Kind::Unsupported),
        ("encrypted", patch(&patch(&good, locals[1] + 6, &[1]), centrals[1] + 8, &[1]), Kind::Unsupported),
        ("encrypted in one place", patch(&good, centrals[1] + 8, &[1]), Kind::Invalid),
        ("local crc", patch(&good, locals[0] + 14, &[1, 2, 3, 4]), Kind::Invalid),
        (
            "crc",
            patch(&patch(&good, locals[0] + 14, &[1, 2, 3, 4]), centrals[0] + 16, &[1, 2, 3, 4]),
            Kind::Invalid,
        ),
        ("data", patch(&good, locals[1] - 1, &[9]), Kind::Invalid),
        ("local size", patch(&good, locals[0] + 22, &[1]), Kind::Invalid),
        (
            "size",
            patch(&patch(&good, locals[1] + 22, &[0xff; 3]), centrals[1] + 24, &[0xff; 3]),
            Kind::Invalid,
        ),
        ("packed size", patch(&good, centrals[0] + 20, &[0xff; 3]), Kind::Invalid),
        ("zip64 without field", patch(&good, centrals[0] + 20, &[0xff; 4]), Kind::Invalid),
        ("offset", patch(&good, centrals[1] + 42, &[0, 0, 0, 0]), Kind::Invalid),
        ("offset past the end", patch(&good, centrals[1] + 42, &[0xff, 0xff, 0xff, 0x7f]), Kind::Invalid),
        ("disk", patch(&good, end + 4, &[1]), Kind::Unsupported),
        ("disk of a member", patch(&good, centrals[0] + 34, &[1]), Kind::Unsupported),
        ("count", patch(&good, end + 8, &[1, 0, 1, 0]), Kind::Invalid),
        ("huge count", patch(&good, end + 8, &[0xfe, 0xff, 0xfe, 0xff]), Kind::Invalid),
        ("zip64 count without record", patch(&good, end + 8, &[0xff; 4]), Kind::Invalid),
        ("directory size", patch(&good, end + 12, &[0xff, 0xff, 0xff, 0x7f]), Kind::Invalid),
        ("directory offset", patch(&good, end + 16, &[0xff, 0xff, 0xff, 0x7f]), Kind::Invalid),
        ("comment length", patch(&good, end + 20, &[1]), Kind::Invalid),
        ("two archives", [&good[..], &good].concat(), Kind::Invalid),
        ("empty", Vec::new(), Kind::Invalid),
    ];
    for (what, bytes, kind) in cases {
        assert_eq!(verdict(&bytes), Err(kind), "{what}");
    }
    for n in 0..good.len() {
        assert_eq!(verdict(&good[..n]), Err(Kind::Invalid), "cut at {n}");
    }
}

#[test]
fn end_records() {
    let v = View::from_slice([4], &[1i32, 2, 3, 4]).unwrap();
    let good = archive(&[("a", &v, None)]);
    let commented = |comment: &[u8]| {
        let mut out = good.clone();
        let at = out.len() - 2;
        out[at..].copy_from_slice(&(comment.len() as u16).to_le_bytes());
        out.extend(comment);
        out
    };
    assert_eq!(verdict(&commented(b"a comment")), Ok(()));
    assert_eq!(verdict(&commented(&[b'x'; 65_535])), Ok(()));
    let empty = &archive(&[])[..];
    assert_eq!(verdict(empty), Ok(()));
    assert_eq!(verdict(&commented(empty)), Err(Kind::Invalid));
    assert_eq!(verdict(&commented(&[empty, b"tail"].concat())), Err(Kind::Invalid));
    // Bytes before and after, as NumPy takes them.
    assert_eq!(verdict(&[b"PK\x03\x04", &good[..]].concat()), Ok(()));
    assert_eq!(verdict(&[&good[..], b"trailing"].concat()), Ok(()));
}

#[test]
fn an_archive_in_a_member_is_data() {
    let v = View::from_slice([4], &[1i32, 2, 3, 4]).unwrap();
    let inner = archive(&[("a", &v, None)]);
    let mut w = NpzWriter::new(Cursor::new(Vec::new()));
    w.add_raw("inner.npz", &inner, None).unwrap();
    let bytes = w.into_inner().unwrap().into_inner();
    assert_eq!(verdict(&bytes), Ok(()));
    assert_eq!(read(&open(&bytes).unwrap(), "inner.npz").unwrap().bytes().unwrap(), inner);
}

#[test]
fn more_members_than_sixteen_bits() {
    let v = View::from_slice([], &[7u8]).unwrap();
    let mut w = NpzWriter::new(Cursor::new(Vec::new()));
    for i in 0..65_536 {
        w.add(&format!("k{i}"), &v, None).unwrap();
    }
    let bytes = w.into_inner().unwrap().into_inner();
    let npz = open(&bytes).unwrap();
    assert_eq!(npz.keys().count(), 65_536);
    assert_eq!(read(&npz, "k65535").unwrap(), v);
    let few = Limits::new(1 << 30, 1000, 64);
    assert_eq!(Npz::open(SliceSource(&bytes), &few).unwrap_err().kind(), Kind::Limit);
}

#[test]
fn deflate_at_its_most_is_read_and_bounded() {
    let zeros = vec![0u8; 1 << 24];
    let v = View::new(Dtype::U8, [zeros.len() as u64].into(), &zeros[..]).unwrap();
    let bytes = archive(&[("z", &v, Some(9))]);
    assert!(bytes.len() < zeros.len() / 900);
    assert_eq!(verdict(&bytes), Ok(()));
    let npz = open(&bytes).unwrap();
    let small = Limits::new(1 << 20, 1000, 64);
    assert_eq!(npz.read("z", &Selection::ALL, &small).unwrap_err().kind(), Kind::Limit);
    // A listing unpacks no more than the header.
    assert!(npz.nodes("", None, false, &small).unwrap()[0].error.is_none());
}

#[test]
fn truncated_arrays_inside_sound_members() {
    let mut npy = header::emit(&Dtype::F64, &[1 << 37].into(), Order::C).unwrap();
    npy.extend([0; 100]);
    let mut w = NpzWriter::new(Cursor::new(Vec::new()));
    member(&mut w, "a.npy", &npy);
    let bytes = w.into_inner().unwrap().into_inner();
    let npz = open(&bytes).unwrap();
    let e = read(&npz, "a").unwrap_err();
    assert!(e.kind() == Kind::Invalid && e.message().contains("truncated"), "{e}");
    assert!(npz.nodes("", None, false, &Limits::default()).unwrap()[0].error.is_some());
}
