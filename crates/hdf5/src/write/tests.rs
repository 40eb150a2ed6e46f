use super::*;

#[test]
fn names_are_checked_before_anything_is_written() {
    let mut w = Writer::in_memory();
    let view = View::from_slice([2], &[1.0, 2.0]).unwrap();
    w.dataset("/a/b").write(&view).unwrap();
    let end = w.space.end();
    for path in ["/a/b", "/a", "/a/b/c", "", "/", "/a/\0", "/.", "/a/.."] {
        assert!(w.dataset(path).write(&view).is_err(), "{path:?}");
    }
    assert!(w.group("/a/b").is_err());
    w.group("/a").unwrap();
    assert_eq!(w.space.end(), end);
    w.attribute("/a", "x", &Value::Int(1)).unwrap();
    assert!(w.attribute("/a", "x", &Value::Int(2)).is_err());
    assert!(w.attribute("/nowhere", "x", &Value::Int(2)).is_err());
}

#[test]
fn a_dropped_writer_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut w = Writer::create(dir.path().join("x.h5"), false).unwrap();
    w.group("/g").unwrap();
    drop(w);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn data_is_aligned() {
    let mut w = Writer::in_memory();
    let v = View::from_slice([3], &[1u8, 2, 3]).unwrap();
    for name in ["/a", "/b"] {
        w.dataset(name).write(&v).unwrap();
    }
    let image = w.into_image().unwrap();
    assert_eq!(&image[64..67], &[1, 2, 3]);
    assert_eq!(&image[128..131], &[1, 2, 3]);
}

fn read(image: &[u8], path: &str) -> View<'static> {
    let file = crate::File::from_image(image).unwrap();
    file.read(path, &hyperslab_core::Selection::ALL, &Limits::default()).unwrap().into_owned().unwrap()
}

fn storage(image: &[u8], path: &str) -> ArrayOptions {
    use hyperslab_core::Container;
    let stored = crate::File::from_image(image).unwrap().storage(path, &Limits::default()).unwrap();
    hyperslab_core::testing::filters_by_name(stored)
}

/// Trees of three levels, chunks over every edge, and views of any strides.
#[test]
fn chunks_come_back() {
    let values: Vec<u32> = (0..131 * 70 * 2).collect();
    let cube = View::from_slice([131, 70, 2], &values).unwrap();
    let views = [
        cube.borrow(),
        cube.borrow().transposed(),
        cube.borrow().select(&"[::-3, 5:40, 1]".parse().unwrap()).unwrap(),
        View::from_slice_f([131, 140], &values).unwrap(),
    ];
    for view in &views {
        for gzip in [None, Some(1)] {
            let mut w = Writer::in_memory();
            let chunk: Shape = view.shape().iter().map(|&n| n.min(3)).collect();
            let options = ArrayOptions {
                chunks: Some(chunk),
                deflate: gzip,
                shuffle: gzip.is_some(),
                max_shape: vec![None; view.shape().len()],
                fill: Fill::Value(7u32.to_le_bytes().to_vec()),
                ..ArrayOptions::default()
            };
            w.put("/x", view, &options).unwrap();
            let image = w.into_image().unwrap();
            assert_eq!(read(&image, "/x"), *view);
            let stored = storage(&image, "/x");
            assert_eq!(stored, ArrayOptions { layout: hyperslab_core::ArrayLayout::Chunked, ..options });
        }
    }
}

#[test]
fn what_was_asked_for_is_told_again() {
    let mut w = Writer::in_memory();
    let text = View::new("<U2".parse().unwrap(), [1].into(), &[0xe9, 0, 0, 0, 0, 0, 0, 0][..]).unwrap();
    let element = |c: u8| [c, 0, 0, 0, 0x62, 0, 0, 0].to_vec();
    let options = ArrayOptions { fill: Fill::Value(element(0xe9)), lzf: true, ..ArrayOptions::default() };
    w.put("/text", &text, &options).unwrap();
    w.dataset("/compact").compact().fill_undefined().write(&[1u8, 2]).unwrap();
    w.dataset("/plain").write(&[1u8, 2]).unwrap();
    w.dataset("/late").dtype(Dtype::F32).shape([3]).fill(-1).create().unwrap();
    w.dataset("/here").dtype(Dtype::F32).shape([3]).fill(2).compact().create().unwrap();
    w.dataset("/grows").dtype(Dtype::F64).shape([0, 3]).max_shape([None, Some(3)]).create().unwrap();
    w.dataset("/null").dtype(Dtype::F64).null().unwrap();
    let image = w.into_image().unwrap();
    assert_eq!(storage(&image, "/text").fill, options.fill);
    assert!(storage(&image, "/text").lzf);
    assert_eq!(storage(&image, "/compact").fill, Fill::Undefined);
    assert_eq!(storage(&image, "/compact").layout, hyperslab_core::ArrayLayout::Compact);
    assert_eq!(storage(&image, "/plain"), ArrayOptions::default());
    assert_eq!(read(&image, "/late").to_vec::<f32>().unwrap(), [-1.0; 3]);
    assert_eq!(read(&image, "/here").to_vec::<f32>().unwrap(), [2.0; 3]);
    assert_eq!(storage(&image, "/grows").max_shape, [None, Some(3)]);
    assert_eq!(storage(&image, "/grows").chunks, Some([1024, 3].into()));
}

#[test]
fn streams_write_what_a_whole_array_would_be() {
    let values: Vec<i32> = (0..103 * 7).collect();
    let whole = View::from_slice([103, 7], &values).unwrap();
    for chunked in [false, true] {
        for step in [1, 4, 10, 25, 103] {
            let mut w = Writer::in_memory();
            let b = w.dataset("/x").shape([103, 7]).dtype(whole.dtype().clone());
            let mut s = if chunked { b.chunks([10, 3]).gzip(1).stream() } else { b.stream() }.unwrap();
            for start in (0..103).step_by(step) {
                let end = (start + step).min(103);
                let rows = hyperslab_core::Selection::rows(start as u64, end as u64);
                s.push(&whole.borrow().select(&rows).unwrap()).unwrap();
            }
            assert!(s.push(&whole).is_err());
            s.finish().unwrap();
            assert_eq!(read(&w.into_image().unwrap(), "/x"), whole);
        }
    }
    // Chunks by place: the one that is left out holds the fill value.
    let mut w = Writer::in_memory();
    let mut s = w.dataset("/x").shape([4, 5]).dtype(Dtype::I64).chunks([2, 3]).fill(9).stream().unwrap();
    s.chunk(&[1, 1], &View::from_slice([2, 2], &[1i64, 2, 3, 4]).unwrap()).unwrap();
    s.chunk(&[0, 0], &View::from_slice([2, 3], &[5i64; 6]).unwrap()).unwrap();
    s.chunk(&[0, 1], &View::from_slice([2, 2], &[6i64; 4]).unwrap()).unwrap();
    assert!(s.chunk(&[2, 0], &View::from_slice([2, 3], &[5i64; 6]).unwrap()).is_err());
    assert!(s.chunk(&[0, 1], &View::from_slice([2, 3], &[5i64; 6]).unwrap()).is_err());
    assert!(s.chunk(&[0, 0], &View::from_slice([2, 3], &[5u64; 6]).unwrap()).is_err());
    s.finish().unwrap();
    let image = w.into_image().unwrap();
    let want = [5, 5, 5, 6, 6, 5, 5, 5, 6, 6, 9, 9, 9, 1, 2, 9, 9, 9, 3, 4];
    assert_eq!(read(&image, "/x").to_vec::<i64>().unwrap(), want);
    // What is not whole does not become a dataset.
    let mut w = Writer::in_memory();
    let mut s = w.dataset("/x").shape([4]).dtype(Dtype::I64).stream().unwrap();
    s.push(&[1i64]).unwrap();
    assert!(s.finish().is_err());
    let mut s = w.dataset("/x").shape([4]).dtype(Dtype::I64).chunks([2]).stream().unwrap();
    s.chunk(&[0], &[1i64, 2]).unwrap();
    s.chunk(&[0], &[1i64, 2]).unwrap();
    assert!(s.finish().is_err());
    w.dataset("/x").write(&[1.0]).unwrap();
}

#[test]
fn links_lead_to_what_is_there() {
    use hyperslab_core::{Container, NodeKind};
    let mut w = Writer::in_memory();
    w.dataset("/a/x").write(&[1.0, 2.0]).unwrap();
    w.hard_link("/b/same", "/a/x").unwrap();
    w.hard_link("/b/again", "/b/same").unwrap();
    w.soft_link("/soft", "/a/x").unwrap();
    w.soft_link("/dangling", "nowhere").unwrap();
    w.external_link("/other", "other.h5", "/y").unwrap();
    w.hard_link("/a/round", "/").unwrap();
    for path in ["/soft", "/a", "/", "/soft/y"] {
        assert!(w.soft_link(path, "/a").is_err(), "{path}");
        assert!(w.hard_link(path, "/a").is_err(), "{path}");
    }
    assert!(w.hard_link("/new", "/soft").is_err());
    assert!(w.soft_link("/new", "").is_err());
    let image = w.into_image().unwrap();
    let file = crate::File::from_image(&image).unwrap();
    let limits = Limits::default();
    for path in ["/b/same", "/b/again", "/soft", "/a/round/a/x"] {
        let view = file.read(path, &hyperslab_core::Selection::ALL, &limits).unwrap();
        assert_eq!(view.to_vec::<f64>().unwrap(), [1.0, 2.0], "{path}");
    }
    let nodes = file.nodes("/", None, false, &limits).unwrap();
    let links: Vec<_> =
        nodes.iter().filter(|n| n.kind == NodeKind::Link).map(|n| (&*n.path, n.target.as_deref())).collect();
    assert!(links.contains(&("/dangling", Some("nowhere"))), "{links:?}");
    assert_eq!(file.link("/dangling", &limits).unwrap(), Some(LinkTo::Soft("nowhere".into())));
    let other = LinkTo::External { file: "other.h5".into(), path: "/y".into() };
    assert_eq!(file.link("/other", &limits).unwrap(), Some(other));
    assert_eq!(file.link("/b/same", &limits).unwrap(), None);
}

#[test]
fn what_cannot_be_is_refused_with_nothing_written() {
    use hyperslab_core::Kind;
    let mut w = Writer::in_memory();
    let end = w.space.end();
    let kind = |r: Result<()>| r.unwrap_err().kind();
    assert_eq!(kind(w.dataset("/x").gzip(4).write(&1.5)), Kind::Usage);
    assert_eq!(kind(w.dataset("/x").shape([3]).write(&[1.0, 2.0])), Kind::Usage);
    assert_eq!(kind(w.dataset("/x").fill(300).write(&[1u8, 2])), Kind::Usage);
    assert_eq!(kind(w.dataset("/x").dtype(Dtype::F32).write(&[1u8, 2])), Kind::Usage);
    assert_eq!(kind(w.dataset("/x").chunks([5]).write(&[1u8, 2])), Kind::Usage);
    assert_eq!(kind(w.dataset("/x").shape([1 << 60, 1 << 60]).dtype(Dtype::F64).create()), Kind::Usage);
    assert_eq!(kind(w.dataset("/x").shape([1]).create()), Kind::Usage);
    let address = Dtype::Reference(hyperslab_core::dtype::ReferenceKind::Object, 8);
    let reference = View::new(address, [1].into(), &[1u8; 8][..]).unwrap();
    assert_eq!(kind(w.dataset("/x").write(&reference)), Kind::Unsupported);
    assert_eq!(kind(w.attribute("/", "a\0b", &Value::Int(1))), Kind::Usage);
    assert_eq!(kind(w.attribute("/", "", &Value::Int(1))), Kind::Usage);
    assert_eq!(w.space.end(), end);
    assert!(w.dataset("/x").chunks([2]).write(&[1u8, 2]).is_ok());
}

#[test]
fn long_attributes_go_into_a_heap() {
    let mut w = Writer::in_memory();
    let limits = Limits::default();
    let values: Vec<f64> = (0..20_000).map(f64::from).collect();
    let large = || Value::from(View::from_slice([20_000], &values).unwrap().into_owned().unwrap());
    w.dataset("/x").write(&[1.0]).unwrap();
    for i in 0..50 {
        w.attribute("/x", &format!("short {i}"), &Value::Int(i)).unwrap();
    }
    w.attribute("/x", "long", &large()).unwrap();
    w.attribute("/x", "text", &Value::from("grüße")).unwrap();
    w.attribute("/", "long", &large()).unwrap();
    assert!(w.attribute("/", "long", &large()).is_err());
    let image = w.into_image().unwrap();
    let file = crate::File::from_image(&image).unwrap();
    assert_eq!(file.attribute("/", "long", &limits).unwrap(), large());
    let all = file.attributes("/x", &limits).unwrap();
    assert_eq!(all.len(), 52);
    for (name, value) in &all {
        match name.strip_prefix("short ") {
            Some(i) => match value {
                Value::Array(v) => {
                    assert_eq!(v.to_vec::<i64>().unwrap(), [i.parse::<i64>().unwrap()], "{name}")
                }
                other => panic!("{name}: {other:?}"),
            },
            None if name == "long" => assert_eq!(*value, large()),
            None => assert_eq!(value.as_str(), Some("grüße")),
        }
    }
}

#[test]
fn references_and_named_types_must_lead_somewhere() {
    use hyperslab_core::Kind;
    let to = |path: &str| vec![Reference::Object(path.into()), Reference::Null];
    let two = || Shape::from([2]);
    let mut w = Writer::in_memory();
    w.dataset("/refs").write(&references(two(), to("/later")).unwrap()).unwrap();
    w.dataset("/later").write(&[1.0]).unwrap();
    w.attribute("/later", "back", &Value::from(references(two(), to("/refs")).unwrap())).unwrap();
    let image = w.into_image().unwrap();
    let file = crate::File::from_image(&image).unwrap();
    let limits = Limits::default();
    let view = file.read("/refs", &hyperslab_core::Selection::ALL, &limits).unwrap();
    let kind = hyperslab_core::dtype::ReferenceKind::Object;
    let found = view.heap().unwrap().target(kind, view.get(&[0]).unwrap()).unwrap();
    assert_eq!(found.unwrap().path, "/later");
    assert_eq!(view.heap().unwrap().target(kind, view.get(&[1]).unwrap()).unwrap(), None);

    let dir = tempfile::tempdir().unwrap();
    for attribute in [false, true] {
        let mut w = Writer::create(dir.path().join("x.h5"), false).unwrap();
        let refs = references(two(), to("/nowhere")).unwrap();
        match attribute {
            true => w.attribute("/", "refs", &Value::from(refs)).unwrap(),
            false => w.dataset("/refs").write(&refs).unwrap(),
        }
        let e = w.finish().unwrap_err();
        assert_eq!(e.kind(), Kind::Unsupported);
        assert!(e.message().contains("/nowhere") && e.object_path().is_some(), "{e}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
    assert!(references(Shape::from([3]), to("/x")).is_err());
    let all = crate::format::selection::Stored::All;
    let mixed = vec![Reference::Region("/x".into(), all), Reference::Object("/x".into())];
    assert!(references(two(), mixed).is_err());

    let mut w = Writer::in_memory();
    w.named_type("/types/t", &Dtype::F64).unwrap();
    let kind = |r: Result<()>| r.unwrap_err().kind();
    assert_eq!(kind(w.named_type("/types/t", &Dtype::F64)), Kind::Usage);
    assert_eq!(kind(w.named_type("/types", &Dtype::F64)), Kind::Usage);
    assert_eq!(kind(w.named_type("/u", &"<U3".parse().unwrap())), Kind::Unsupported);
    assert_eq!(kind(w.dataset("/x").named_type("/types/t").write(&[1i32])), Kind::Usage);
    assert_eq!(kind(w.dataset("/x").named_type("/types").write(&[1.0])), Kind::Usage);
    assert_eq!(kind(w.dataset("/x").named_type("/nowhere").write(&[1.0])), Kind::Usage);
    assert_eq!(kind(w.dataset("/x").gzip(1).lz4().write(&[1.0, 2.0])), Kind::Usage);
    w.dataset("/x").named_type("/types/t").write(&[1.0]).unwrap();
    assert_eq!(w.libver(Libver::Latest).err().unwrap().kind(), Kind::Usage);
}

#[test]
fn filters_are_asked_for_by_name_and_number() {
    use hyperslab_core::Kind;
    let values: Vec<f64> = (0..4000).map(|i| f64::from(i).sqrt()).collect();
    let whole: Vec<i32> = (0..4000).map(|i| i * i % 1000).collect();
    let mut w = Writer::in_memory();
    w.dataset("/bits").chunks([1000]).bitshuffle_lz4().fletcher32().write(&whole).unwrap();
    w.dataset("/scaled").chunks([1000]).scale_offset().gzip(4).write(&whole).unwrap();
    w.dataset("/digits").chunks([1000]).scale_offset_digits(2).write(&values).unwrap();
    w.dataset("/nbit").chunks([1000]).nbit().write(&whole).unwrap();
    w.dataset("/szip").chunks([1000]).filter(4, [32, 8]).write(&whole).unwrap();
    w.dataset("/blosc").chunks([1000]).filter(32001, [0, 0, 0, 0, 5, 2, 5]).write(&values).unwrap();
    let refused = |made: Result<()>| assert_eq!(made.unwrap_err().kind(), Kind::Unsupported);
    refused(w.dataset("/not").chunks([1000]).filter(32013, []).write(&values));
    refused(w.dataset("/not").chunks([1000]).scale_offset().write(&values));
    refused(w.dataset("/not").chunks([1000]).scale_offset_digits(2).write(&whole));
    let image = w.into_image().unwrap();
    for path in ["/bits", "/scaled", "/nbit", "/szip"] {
        assert_eq!(read(&image, path).to_vec::<i32>().unwrap(), whole, "{path}");
    }
    assert_eq!(read(&image, "/blosc").to_vec::<f64>().unwrap(), values);
    let rounded = read(&image, "/digits").to_vec::<f64>().unwrap();
    assert!(rounded != values && rounded.iter().zip(&values).all(|(a, b)| (a - b).abs() < 0.0051));
}
