//! Objects with extension blocks: what is noticed, what is found again, how packs with them grow.

#![expect(clippy::unwrap_used, reason = "a panic is the failure report")]

use hyperslab_core::source::{FileSource, MemorySource, SliceSource};
use hyperslab_core::walk::Seen;
use hyperslab_core::{ArrayOptions, Container, ContainerWriter, Error, Kind, Limits, Selection, Value, View};
use hyperslab_nco::{Entry, Extension, Nco, NcoWriter, Pack, object, pack, write};
use hyperslab_pickle::{Policy, dump};
use std::io::Write;
use std::time::{Duration, Instant};

fn limits() -> Limits {
    Limits::default()
}

/// A pack of objects with keys `key-0`, `key-1`, ..
fn keyed(n: u8) -> Vec<u8> {
    let mut out = std::io::Cursor::new(Vec::new());
    let mut at = 0;
    for i in 0..n {
        let pickle = dump(&Value::map([("i", Value::Int(i.into()))])).unwrap();
        let array = [f64::from(i); 3];
        let view =
            View::from_slice([usize::from(i % 3 + 1) as u64], &array[..usize::from(i % 3 + 1)]).unwrap();
        let extension = Extension::for_key(format!("key-{i}"));
        at = write::write_with(&mut out, at, &pickle, &view, Some(&extension)).unwrap().array.end;
    }
    out.into_inner()
}

fn keys(bytes: &[u8]) -> Vec<String> {
    let (found, without) = pack::index(&SliceSource(bytes), &limits()).unwrap();
    assert_eq!(without, 0);
    found.into_iter().map(|k| String::from_utf8(k.key).unwrap()).collect()
}

#[test]
fn every_flipped_bit_is_an_error_or_changes_nothing() {
    let good = keyed(1);
    let source = SliceSource(&good);
    let want = object::read(&source, 0, Policy::Strict, &limits()).unwrap();
    let header = Entry::open(&source, 0).unwrap().header().clone();
    let mut noticed = [0; 3];
    for bit in 0..good.len() * 8 {
        let mut bytes = good.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let at = bit as u64 / 8;
        match object::read(&SliceSource(&bytes), 0, Policy::Strict, &limits()) {
            Ok(o) => {
                assert_eq!((&o.metadata, &o.array), (&want.metadata, &want.array), "byte {at}");
                assert!(!header.pickle.contains(&at) && !header.array.contains(&at), "byte {at}");
            }
            Err(e) => {
                assert!(e.offset().is_some(), "{e}");
                let e = e.to_string();
                if header.pickle.contains(&at) {
                    noticed[0] += 1;
                    assert!(e.contains("the pickle is damaged"), "{e}");
                } else if header.array.contains(&at) {
                    noticed[1] += 1;
                    assert!(e.contains("the array is damaged"), "{e}");
                } else {
                    noticed[2] += 1;
                }
            }
        }
    }
    assert_eq!(noticed[0], 8 * (header.pickle.end - header.pickle.start));
    assert_eq!(noticed[1], 8 * (header.array.end - header.array.start));
    assert!(noticed[2] > 800, "{noticed:?}");
}

#[test]
fn damage_is_noticed_in_containers_and_files() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.nco");
    let values: Vec<f64> = (0..300_000).map(f64::from).collect();
    let array = View::from_slice([300_000], &values).unwrap();
    let mut file = std::fs::File::create(&path).unwrap();
    let extension = Extension { tag: Some("large".into()), ..Extension::for_key("k") };
    let header =
        write::write_with(&mut file, 0, &dump(&Value::Null).unwrap(), &array, Some(&extension)).unwrap();
    let load = || object::load(&path, Policy::Strict, &limits());
    assert_eq!(load().unwrap().array, array);
    let nco = Nco::open(FileSource::open(&path).unwrap(), &limits()).unwrap();
    assert_eq!(
        nco.read("", &"[7:9]".parse().unwrap(), &limits()).unwrap().to_vec::<f64>().unwrap(),
        [7.0, 8.0]
    );
    assert_eq!(nco.block("", &limits()).unwrap().unwrap().extension(), Some(&extension));

    let mut bytes = std::fs::read(&path).unwrap();
    bytes[header.array.end as usize - 9] ^= 4;
    std::fs::write(&path, &bytes).unwrap();
    let e = load().unwrap_err();
    assert_eq!((e.kind(), e.offset()), (Kind::Invalid, Some(header.array.start)));
    assert!(e.message().starts_with("the array is damaged: its checksum is "), "{e}");
    for source in
        [&FileSource::open(&path).unwrap() as &dyn hyperslab_core::Source, &MemorySource::new(bytes)]
    {
        let nco = Nco::open(source, &limits()).unwrap();
        // Also where the damage is not in what is selected.
        assert_eq!(nco.read("", &"[7:9]".parse().unwrap(), &limits()).unwrap_err().kind(), Kind::Invalid);
        assert!(nco.entries()[0].verify(source, &limits()).is_err());
        assert!(nco.attributes("", &limits()).unwrap().is_empty());
    }
}

#[test]
fn lost_headers_are_made_again() {
    let good = keyed(9);
    let walk = pack::walk(&SliceSource(&good), &limits()).unwrap();
    assert!(walk.damage.is_empty());
    let headers: Vec<_> = walk.entries.iter().map(|e| e.header().clone()).collect();
    // One, several in a row, the first, the last, all; of zeros, with another magic, with offsets that lie.
    for lost in [&[4][..], &[0], &[8], &[2, 3, 4], &[0, 1, 2, 3, 4, 5, 6, 7, 8]] {
        for how in 0..3 {
            let mut bytes = good.clone();
            for &i in lost {
                let start: usize = headers[i as usize].start as usize;
                match how {
                    0 => bytes[start..start + 40].fill(0),
                    1 => bytes[start] ^= 1,
                    _ => bytes[start + 38] = 7,
                }
            }
            let nco = Nco::open(SliceSource(&bytes), &limits()).unwrap();
            let found: Vec<_> = nco.entries().iter().map(|e| e.header().clone()).collect();
            assert_eq!(found, headers);
            assert_eq!(nco.entries().iter().filter(|e| e.lost_header().is_some()).count(), lost.len());
            assert_eq!(keys(&bytes), (0..9).map(|i| format!("key-{i}")).collect::<Vec<_>>());
            let mut damage: Vec<Error> = Vec::new();
            nco.walk(&limits(), &mut |seen| {
                if let Seen::Damage(e) = seen {
                    damage.push(e);
                }
                Ok(())
            })
            .unwrap();
            assert_eq!(damage.len(), lost.len());
            assert!(damage.iter().zip(lost).all(|(e, &i)| e.offset() == Some(headers[i as usize].start)));
        }
    }
    // One that is damaged further on stays lost; those behind it are found.
    let mut bytes = good.clone();
    bytes[headers[4].start as usize..][..40].fill(0);
    bytes[headers[4].array.end as usize - 1] ^= 1;
    let walk = pack::walk(&SliceSource(&bytes), &limits()).unwrap();
    assert_eq!((walk.entries.len(), walk.damage.len()), (8, 1));
    assert_eq!(walk.damage[0].range, headers[4].start..headers[5].start);
    // So does one with neither header nor block, and the next is found although its block moves its pickle.
    bytes[headers[4].start as usize..][..60].fill(0xff);
    assert_eq!(pack::walk(&SliceSource(&bytes), &limits()).unwrap().entries.len(), 8);
}

#[test]
fn a_copy_inside_another_object_is_not_found() {
    let inner = keyed(2);
    let mut out = std::io::Cursor::new(Vec::new());
    let array = View::from_slice([inner.len() as u64], &inner).unwrap();
    let pickle = dump(&Value::map([("copy", Value::Bytes(inner.clone()))])).unwrap();
    let end = write::write_to(&mut out, 0, &pickle, &array).unwrap();
    let extension = Extension::for_key("outer");
    write::write_with(&mut out, end, &pickle, &array, Some(&extension)).unwrap();
    let mut bytes = out.into_inner();
    bytes[..40].fill(0);
    assert_eq!(keys(&bytes), ["outer"]);
}

#[test]
fn packs_grow_in_place() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pack.nco");
    let small = View::from_slice([2], &[1.0, 2.0]).unwrap();
    let values: Vec<f64> = (0..200_000).map(f64::from).collect();
    let large = View::from_slice([200_000], &values).unwrap();
    let pickle = dump(&Value::map([("time", Value::Float(0.5))])).unwrap();
    let mut w = Pack::create(&path).unwrap();
    assert_eq!(Pack::open(&path, &limits()).unwrap_err().kind(), Kind::Conflict);
    let mut headers = Vec::new();
    for i in 0..4 {
        let extension = Extension::for_key(vec![i; 20]);
        let array = if i == 2 { &large } else { &small };
        headers.push(w.append(&pickle, array, (i != 1).then_some(&extension)).unwrap());
    }
    w.sync().unwrap();
    drop(w);
    assert_eq!(Pack::create(&path).unwrap_err().kind(), Kind::Io);
    let mut w = Pack::open(&path, &limits()).unwrap();
    assert_eq!(w.end(), headers[3].array.end);
    headers.push(w.append(&pickle, &large, None).unwrap());
    headers.push(w.append(&pickle, &small, None).unwrap());
    // What cannot be written leaves nothing.
    let end = w.end();
    let long = Extension::for_key([0; 256]);
    assert_eq!(w.append(&pickle, &small, Some(&long)).unwrap_err().kind(), Kind::Usage);
    assert_eq!(std::fs::metadata(&path).unwrap().len(), end);
    let nco = Nco::open(FileSource::open(&path).unwrap(), &limits()).unwrap();
    assert_eq!(nco.entries().iter().map(|e| e.header().clone()).collect::<Vec<_>>(), headers);
    for (i, want) in [&small, &small, &large, &small, &large, &small].into_iter().enumerate() {
        assert_eq!(nco.read(&i.to_string(), &Selection::ALL, &limits()).unwrap(), *want);
    }
    // Byte for byte what the other writer makes.
    let mut again = std::io::Cursor::new(Vec::new());
    for (i, header) in headers.iter().enumerate() {
        let entry = Entry::open(nco.source(), header.start).unwrap();
        let block = entry.block(nco.source(), &limits()).unwrap();
        let array = if i == 2 || i == 4 { &large } else { &small };
        let extension = block.as_ref().and_then(|b| b.extension());
        assert_eq!(extension.is_some(), i < 4 && i != 1);
        assert_eq!(write::write_with(&mut again, header.start, &pickle, array, extension).unwrap(), *header);
    }
    assert!(again.into_inner() == std::fs::read(&path).unwrap());
}

#[test]
fn a_torn_append_leaves_what_was_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pack.nco");
    let view = View::from_slice([2], &[1.0, 2.0]).unwrap();
    for extended in [false, true] {
        let extension = extended.then(|| Extension::for_key("k"));
        let (good, last) = {
            let _ = std::fs::remove_file(&path);
            let mut w = Pack::create(&path).unwrap();
            w.append(b"N.", &view, extension.as_ref()).unwrap();
            let last = w.append(b"N.", &view, extension.as_ref()).unwrap().start as usize;
            (std::fs::read(&path).unwrap(), last)
        };
        // The append stops after each byte of what goes out first, whose header is zeros, and then of the header.
        let front = (last + 40 + extension.as_ref().map_or(0, |e| e.block_len().unwrap())).min(good.len());
        for cut in last..good.len() + (front - last) {
            let mut torn = good[..cut.min(good.len())].to_vec();
            let written = cut.saturating_sub(good.len());
            let from = (last + written).min(torn.len());
            let to = front.min(torn.len());
            torn[from..to].fill(0);
            std::fs::write(&path, &torn).unwrap();
            let walk = pack::walk(&SliceSource(&torn), &limits()).unwrap();
            assert_eq!(walk.entries[0].header().array.end, last as u64, "{cut}");
            // A header whose last bytes are missing states another end.
            let mut w = match Pack::open(&path, &limits()) {
                Ok(w) => w,
                Err(e) => {
                    assert!(e.kind() == Kind::Invalid && written > 0, "{e}");
                    continue;
                }
            };
            let there = walk.entries.len();
            w.append(b"N.", &view, extension.as_ref()).unwrap();
            let again = pack::walk(&FileSource::open(&path).unwrap(), &limits()).unwrap();
            assert_eq!(again.entries.len(), there + 1, "{cut}");
            assert_eq!(again.entries[..there], walk.entries);
            object::read(&FileSource::open(&path).unwrap(), torn.len() as u64, Policy::Strict, &limits())
                .unwrap();
        }
    }
    // An object that is cut short would swallow what is appended.
    let mut torn = keyed(2);
    torn.truncate(torn.len() - 3);
    std::fs::write(&path, &torn).unwrap();
    let e = Pack::open(&path, &limits()).unwrap_err();
    assert!(e.kind() == Kind::Invalid && e.to_string().contains("slab recover"), "{e}");
    assert_eq!(std::fs::read(&path).unwrap(), torn);
}

#[test]
fn an_append_that_stops_halfway_goes_on_behind_what_it_left() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pack.nco");
    let view = View::from_slice([2], &[1.0, 2.0]).unwrap();
    let mut w = Pack::create(&path).unwrap();
    w.append(b"N.", &view, None).unwrap();
    std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(&[0; 77]).unwrap();
    drop(w);
    let mut w = Pack::open(&path, &limits()).unwrap();
    let header = w.append(b"N.", &view, None).unwrap();
    assert_eq!(header.start, 208 + 77);
    let walk = pack::walk(&FileSource::open(&path).unwrap(), &limits()).unwrap();
    assert_eq!((walk.entries.len(), walk.damage[0].range.clone()), (2, 208..285));
}

#[test]
fn extensions_are_carried_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = keyed(3);
    let nco = Nco::open(SliceSource(&bytes), &limits()).unwrap();
    let path = dir.path().join("copy.nco");
    let mut w = Box::new(NcoWriter::create_pack(&path, false).unwrap());
    for i in ["0", "1", "2"] {
        w.array(i, &nco.read(i, &Selection::ALL, &limits()).unwrap(), &ArrayOptions::default()).unwrap();
        for (name, value) in nco.attributes(i, &limits()).unwrap() {
            w.attribute(i, &name, &value).unwrap();
        }
        let fields = nco.extension(i, &limits()).unwrap();
        assert_eq!(fields[0].0, "key");
        assert!(w.extension(i, &fields).unwrap());
        assert!(w.extension("7", &fields).is_err());
    }
    w.finish().unwrap();
    assert!(std::fs::read(&path).unwrap() == bytes);
    // Nothing is said of objects without a block.
    let mut plain = std::io::Cursor::new(Vec::new());
    write::write_to(&mut plain, 0, b"N.", &View::from_slice([1], &[1u8]).unwrap()).unwrap();
    let nco = Nco::open(SliceSource(plain.get_ref()), &limits()).unwrap();
    assert!(nco.extension("", &limits()).unwrap().is_empty() && nco.block("", &limits()).unwrap().is_none());
}

#[test]
fn blocks_that_lie_are_passed_quickly() {
    // Half a megabyte of blocks without headers, each of which claims the rest of the file and has its own checksum
    // right.
    let mut bytes = vec![0u8; 40];
    let size = 1u64 << 19;
    while (bytes.len() as u64) < size - 1000 {
        let start = bytes.len() as u64 - 40;
        let array_len = size - start - 400;
        let place = hyperslab_nco::ext::Place { start, pickle_len: 10, array_len };
        bytes.extend(Extension::default().emit(place, 1, 2).unwrap());
    }
    bytes.resize(size as usize + 200, 0);
    let begun = Instant::now();
    let walk = pack::walk(&SliceSource(&bytes), &limits()).unwrap();
    assert!(walk.entries.is_empty());
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    // A gap of any length between header and pickle is no reason to read it.
    let header = hyperslab_nco::Header {
        pickle: 1 << 19..(1 << 19) + 10,
        ..Entry::open(&SliceSource(&keyed(1)), 0).unwrap().header().clone()
    };
    bytes[..40].copy_from_slice(&header.emit());
    let small = Limits::new(1 << 16, 1 << 10, 8);
    assert!(object::read(&SliceSource(&bytes), 0, Policy::Strict, &small).is_err());
}
