//! Objects and packs as containers: what is refused, what is left behind, and damaged files by the thousand.

#![expect(clippy::unwrap_used, reason = "a panic is the failure report")]

use hyperslab_core::source::{MemorySource, SliceSource};
use hyperslab_core::{
    ArrayOptions, Container, ContainerWriter, Kind, Limits, NodeKind, Selection, Value, View,
};
use hyperslab_nco::{Header, Nco, NcoWriter, object, pack, write};
use hyperslab_pickle::{Policy, dump};
use std::time::{Duration, Instant};

fn limits() -> Limits {
    Limits::default()
}

fn three() -> Vec<u8> {
    let mut out = std::io::Cursor::new(Vec::new());
    let mut at = 0;
    for i in 0..3u8 {
        let pickle = dump(&Value::map([("i", Value::Int(i.into()))])).unwrap();
        let values: Vec<u8> = (0..=i).collect();
        at = write::write_to(
            &mut out,
            at,
            &pickle,
            &View::from_slice([values.len() as u64], &values).unwrap(),
        )
        .unwrap();
    }
    out.into_inner()
}

#[test]
fn packs_are_listed_and_read_by_number() {
    let nco = Nco::open(MemorySource::new(three()), &limits()).unwrap();
    assert_eq!(nco.format(), "nco-pack");
    let nodes = nco.nodes("", None, true, &limits()).unwrap();
    let paths: Vec<&str> = nodes.iter().map(|n| n.path.as_str()).collect();
    assert_eq!(paths, ["0", "1", "2"]);
    assert!(nodes.iter().all(|n| n.kind == NodeKind::Array && n.error.is_none()));
    assert_eq!(nodes[2].attributes, [("i".to_owned(), Value::Int(2))]);
    assert_eq!(nco.nodes("1", None, false, &limits()).unwrap().len(), 1);
    let view = nco.read("2", &Selection::ALL, &limits()).unwrap();
    assert!(view.is_view());
    assert_eq!(view.as_slice::<u8>().unwrap(), [0, 1, 2]);
    for path in ["", "3", "01", "-1", "x"] {
        assert_eq!(nco.read(path, &Selection::ALL, &limits()).unwrap_err().kind(), Kind::Usage, "{path:?}");
    }
}

#[test]
fn metadata_that_is_no_map_is_one_attribute() {
    let array = View::from_slice([1], &[1u8]).unwrap();
    for (metadata, want) in [
        (Value::Null, 0),
        (Value::Map(vec![]), 0),
        (Value::list([Value::Int(1)]), 1),
        (Value::Map(vec![(Value::Int(1), Value::Null), ("a".into(), Value::Null)]), 1),
    ] {
        let mut out = std::io::Cursor::new(Vec::new());
        write::write_to(&mut out, 0, &dump(&metadata).unwrap(), &array).unwrap();
        let nco = Nco::open(SliceSource(out.get_ref()), &limits()).unwrap();
        let attributes = nco.attributes("", &limits()).unwrap();
        assert_eq!(attributes.len(), want);
        if want == 1 {
            assert_eq!(attributes, [(hyperslab_nco::container::WHOLE.to_owned(), metadata)]);
        }
    }
}

#[test]
fn unknown_classes_are_listed_and_not_read_strictly() {
    let mut out = std::io::Cursor::new(Vec::new());
    let array = View::from_slice([1], &[1u8]).unwrap();
    write::write_to(&mut out, 0, b"\x80\x04}\x8c\x01acos\nsystem\n\x8c\x02ls\x85Rs.", &array).unwrap();
    let source = SliceSource(out.get_ref());
    let nco = Nco::open(source, &limits()).unwrap();
    let attributes = nco.attributes("", &limits()).unwrap();
    assert!(matches!(&attributes[0].1, Value::Opaque(o) if o.name == "os.system"));
    let e = object::read(&source, 0, Policy::Strict, &limits()).unwrap_err();
    assert_eq!(e.kind(), Kind::Unsupported);
    // The offset is that of the opcode in the file.
    assert_eq!(e.offset(), Some(48 + 6), "{e}");
}

#[test]
fn bytes_after_a_lone_object_are_passed_over() {
    let mut out = std::io::Cursor::new(Vec::new());
    let array = View::from_slice([1], &[7u8]).unwrap();
    let end = write::write_to(&mut out, 0, b"N.", &array).unwrap();
    let mut bytes = out.into_inner();
    bytes.extend(b"left over from a longer file, long enough for a header");
    let nco = Nco::open(SliceSource(&bytes), &limits()).unwrap();
    assert!(!nco.is_pack());
    assert_eq!(nco.damage()[0].range, end..bytes.len() as u64);
    nco.read("", &Selection::ALL, &limits()).unwrap();
    // Where an object was begun there, the file is a pack that lost one.
    bytes.truncate(end as usize);
    bytes.extend([0; 60]);
    let nco = Nco::open(SliceSource(&bytes), &limits()).unwrap();
    assert!(nco.is_pack());
    assert_eq!(
        nco.nodes("", None, false, &limits()).unwrap()[1].error.as_ref().unwrap().kind(),
        Kind::Invalid
    );
}

#[test]
fn what_an_nco_cannot_hold_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.nco");
    let view = View::from_slice([1], &[1u8]).unwrap();
    let plain = ArrayOptions::default();
    let kind = |r: hyperslab_core::Result<()>| r.unwrap_err().kind();

    let mut w = Box::new(NcoWriter::create(&path, false).unwrap());
    assert_eq!(kind(w.group("/g")), Kind::Unsupported);
    assert_eq!(kind(w.attribute("", "a", &Value::Null)), Kind::Usage);
    assert_eq!(kind(w.array("x", &view, &plain)), Kind::Usage);
    assert_eq!(
        kind(w.array("", &view, &ArrayOptions { deflate: Some(1), ..plain.clone() })),
        Kind::Unsupported
    );
    w.array("", &view, &plain).unwrap();
    assert_eq!(kind(w.array("", &view, &plain)), Kind::Usage);
    w.attribute("", "a", &Value::Null).unwrap();
    assert_eq!(kind(w.attribute("", "a", &Value::Null)), Kind::Usage);
    assert_eq!(kind(w.attribute("", "b", &Value::Map(vec![(Value::list([]), Value::Null)]))), Kind::Usage);
    drop(w);
    // Nothing is left of what was not finished.
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    assert_eq!(kind(Box::new(NcoWriter::create(&path, false).unwrap()).finish()), Kind::Usage);

    let mut w = Box::new(NcoWriter::create_pack(&path, false).unwrap());
    assert_eq!(kind(w.array("1", &view, &plain)), Kind::Usage);
    w.array("/0", &view, &plain).unwrap();
    w.array("1", &view, &plain).unwrap();
    assert_eq!(kind(w.attribute("0", "late", &Value::Null)), Kind::Usage);
    w.finish().unwrap();
    let nco = Nco::open(MemorySource::new(std::fs::read(&path).unwrap()), &limits()).unwrap();
    assert_eq!(nco.entries().len(), 2);
    // An empty pack is an empty file.
    Box::new(NcoWriter::create_pack(&path, true).unwrap()).finish().unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
}

#[test]
fn many_false_starts_are_passed_quickly() {
    // A megabyte of headers that are placed right and lead nowhere.
    let mut bytes = vec![1u8];
    while bytes.len() < 1 << 20 {
        let h = Header::place(bytes.len() as u64, 4, 1 << 30).unwrap();
        bytes.extend(h.emit());
    }
    let start = Instant::now();
    let walk = pack::walk(&SliceSource(&bytes), &limits()).unwrap();
    assert!(walk.entries.is_empty());
    assert_eq!(walk.damage.len(), 1);
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn damaged_packs_are_values_or_errors() {
    let seed = three();
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = |n: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % n as u64) as usize
    };
    let mut found = 0;
    for _ in 0..4000 {
        let mut b = seed.clone();
        for _ in 0..=next(4) {
            let at = next(b.len());
            match next(4) {
                0 => b[at] = next(256) as u8,
                1 => b.truncate(at.max(1)),
                2 => drop(b.splice(at..at, seed[..next(seed.len())].iter().copied())),
                // A header's offsets are where lies do most.
                _ => b[(at % 40).min(at)] ^= 1 << next(8),
            }
        }
        let limits = Limits::new(1 << 24, 1 << 16, 64);
        let Ok(nco) = Nco::open(SliceSource(&b), &limits) else { continue };
        for node in nco.nodes("", None, true, &limits).unwrap() {
            found += usize::from(node.error.is_none());
            let _ = nco.read(&node.path, &Selection::ALL, &limits);
        }
        // Entries and damage cover the file without gap or overlap.
        let mut covered: Vec<_> =
            nco.entries().iter().map(|e| (e.header().start, e.header().array.end)).collect();
        if nco.is_pack() {
            covered.extend(nco.damage().iter().map(|d| (d.range.start, d.range.end)));
            covered.sort_unstable();
            assert_eq!((covered[0].0, covered.last().unwrap().1), (0, b.len() as u64));
            assert!(covered.windows(2).all(|w| w[0].1 == w[1].0), "{covered:?}");
        }
    }
    assert!(found > 2000, "{found}");
}
