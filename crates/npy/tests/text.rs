//! Delimited text: real, odd and malformed files with what is expected of them; random arrays there and back.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests: a panic is the failure report")]

mod common;

use common::Positioned;
use hyperslab_core::container::{ArrayOptions, Container, ContainerWriter};
use hyperslab_core::digest::digest;
use hyperslab_core::source::{FileSource, SliceSource, map};
use hyperslab_core::{Error, Limits, Order, Result, Selection, Shape, Source, View, testing};
use hyperslab_npy::text::{self, Format, Layout, Separator, Text, TextWriter};
use proptest::prelude::*;
use serde_json::Value as Json;

fn layout(descr: &str, separator: &str) -> Layout {
    Layout::new(descr.parse().unwrap(), separator.parse().unwrap())
}

/// Shape and digest through the container, its listing and its stream.
fn walk<S: Source>(source: S, layout: Layout) -> Result<(Vec<u64>, Option<String>), Error> {
    let limits = Limits::default();
    let text = Text::open(source, layout, &limits)?;
    let nodes = text.nodes("", None, true, &limits)?;
    let view = text.read("", &Selection::ALL, &limits)?;
    assert_eq!(nodes[0].shape.as_ref(), Some(view.shape()));
    assert_eq!(nodes[0].dtype.as_ref(), Some(view.dtype()));
    let mut streamed = Vec::new();
    let mut stream = text.stream("", &limits)?.unwrap();
    while let Some(part) = stream.next_part()? {
        streamed.extend_from_slice(&part.to_bytes(&limits)?);
    }
    assert_eq!(streamed, *view.to_bytes(&limits)?);
    Ok((view.shape().to_vec(), digest(&view)?))
}

#[test]
fn every_file_is_as_expected() {
    let Some(corpus) = testing::corpus() else { return };
    let base = corpus.join("npy");
    let truth = std::fs::read_to_string(base.join("truth.jsonl")).unwrap();
    let mut wrong = Vec::new();
    let mut count = [0u32; 2];
    for row in truth.lines().map(|line| serde_json::from_str::<Json>(line).unwrap()) {
        if row["kind"] != "text" {
            continue;
        }
        let path = base.join(row["path"].as_str().unwrap());
        let layout = Layout {
            count: row["count"].as_u64(),
            // NumPy's own description where there is one: the sample says `g` and `?`.
            ..layout(
                row["numpy"]["descr"].as_str().or(row["dtype"].as_str()).unwrap(),
                row["sep"].as_str().unwrap(),
            )
        };
        let over_file = walk(FileSource::open(&path).unwrap(), layout.clone());
        let over_map = walk(map(&path).unwrap(), layout);
        let both = format!("{over_file:?}") == format!("{over_map:?}");
        count[usize::from(over_file.is_ok())] += 1;
        let right = match (row["expect"].as_str().unwrap(), &over_file) {
            ("ok", Ok((shape, sha256))) => {
                // Long doubles have no digest: what fills them up to 16 bytes is anything.
                let same = sha256.as_ref().is_none_or(|sha256| row["numpy"]["sha256"] == **sha256);
                same && row["numpy"]["shape"] == serde_json::json!(shape)
            }
            ("error", Err(e)) => {
                let text = e.to_string();
                let clear = text.contains("line ") || text.contains("cannot be read from text");
                clear && text.contains(path.to_str().unwrap()) && !text.contains('\n') && text.len() < 600
            }
            _ => false,
        };
        if !both || !right {
            wrong.push(format!("{}: file {over_file:?}, map {over_map:?}", row["path"]));
        }
    }
    println!("{} read, {} refused", count[1], count[0]);
    assert!(count.iter().all(|n| *n > 5), "{count:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Numbers that come back from the text that `tofile` writes, in both byte orders.
const NUMBERS: [&str; 22] = [
    "|b1", "|i1", "|u1", "<i2", ">i2", "<u2", ">u2", "<i4", ">i4", "<u4", ">u4", "<i8", ">i8", "<u8", ">u8",
    "<f2", ">f2", "<f4", ">f4", "<f8", ">f8", "<f16",
];

fn views() -> impl Strategy<Value = View<'static>> {
    let shape = prop::collection::vec(prop_oneof![1 => Just(0u64), 9 => 1u64..9], 0..4);
    let order = prop_oneof![Just(Order::C), Just(Order::F)];
    let selection = prop::sample::select(vec!["", "...", "::2", "::-1", "..., 1:", "..., ::-2"]);
    let dtype = prop::sample::select(&NUMBERS[..]).prop_map(common::plain);
    (dtype, shape, order, prop::collection::vec(any::<u8>(), 16..256), selection).prop_map(
        |(dtype, shape, order, seed, selection)| {
            let shape = Shape::new(&shape);
            let item = usize::try_from(dtype.itemsize()).unwrap();
            let count = usize::try_from(shape.count().unwrap()).unwrap();
            let mut bytes: Vec<u8> = seed.iter().copied().cycle().take(count * item).collect();
            bytes.chunks_exact_mut(item).for_each(|e| common::number(&dtype, e));
            let view = View::with_order(dtype, shape, order, bytes).unwrap();
            if view.shape().is_empty() { view } else { view.select(&selection.parse().unwrap()).unwrap() }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn numbers_come_back_bit_for_bit(view in views(), separator in prop::sample::select(vec![",", " ", "\n", " ; ", "::"])) {
        let separator = Separator::new(separator).unwrap();
        // Bools are read as numbers.
        let format = Format::new(if view.dtype().itemsize() == 1 { "%d" } else { "" }).unwrap();
        let mut out = Vec::new();
        let n = text::write_to(&mut out, &view, &separator, &format).unwrap();
        assert_eq!(n, out.len() as u64);
        let layout = Layout::new(view.dtype().clone(), separator.clone()).with_shape(view.shape());
        let limits = Limits::default();
        let want = view.to_bytes(&limits).unwrap();
        for back in [text::read(&SliceSource(&out), &layout, &limits), text::read(&Positioned(&out), &layout, &limits)] {
            let back = back.unwrap();
            assert_eq!((back.dtype(), back.shape()), (view.dtype(), view.shape()));
            assert_eq!(back.to_bytes(&limits).unwrap(), want);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn formats_are_taken_or_refused(
        format in prop_oneof![
            "[a-z%]{0,3}%[-+ #0]{0,3}[0-9]{0,3}(\\.[0-9]{0,3})?[hlL]?[diuxXoeEfFgGcsrab%]?[a-z%]{0,3}",
            "\\PC{0,12}",
        ],
        descr in prop::sample::select(&common::PLAIN[..]),
        seed in any::<u64>(),
    ) {
        let Ok(format) = Format::new(&format) else { return Ok(()) };
        let view = common::array(&common::plain(descr), &[3].into(), Order::C, seed);
        let mut out = Vec::new();
        match text::write_to(&mut out, &view, &",".parse().unwrap(), &format) {
            Ok(n) => prop_assert!(out.is_ascii() && n == out.len() as u64),
            Err(e) => prop_assert!(!e.to_string().contains('\n')),
        }
    }
}

#[test]
fn a_file_holds_one_array() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.txt");
    let values: Vec<i32> = (0..12).collect();
    let view = View::from_slice_f([3, 4], &values).unwrap();
    let writer = TextWriter::create(&path, ", ".parse().unwrap(), "%3d".parse().unwrap(), false).unwrap();
    let mut writer: Box<dyn ContainerWriter> = Box::new(writer);
    writer.array("", &view, &ArrayOptions::default()).unwrap();
    assert!(writer.array("", &view, &ArrayOptions::default()).is_err());
    assert!(writer.group("/g").is_err());
    writer.finish().unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"  0,   3,   6,   9,   1,   4,   7,  10,   2,   5,   8,  11");
    let limits = Limits::default();
    let shaped = Layout { shape: Some(vec![Some(3), None]), ..layout("<i4", ",") };
    let text = Text::open(FileSource::open(&path).unwrap(), shaped, &limits).unwrap();
    assert_eq!(text.read("", &Selection::ALL, &limits).unwrap(), view);
    let fortran = Layout { shape: Some(vec![None, Some(3)]), order: Order::F, ..layout("<i4", ",") };
    let text = Text::open(FileSource::open(&path).unwrap(), fortran, &limits).unwrap();
    let column = text.read("", &"[:, 0]".parse().unwrap(), &limits).unwrap();
    assert_eq!(column.to_vec::<i32>().unwrap(), [0, 3, 6, 9]);
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    let limits = Limits::default();
    for shape in [vec![Some(2)], vec![Some(4)], vec![Some(2), None], vec![None, None]] {
        let layout = Layout { shape: Some(shape.clone()), ..layout("<i4", ",") };
        assert!(text::read(&SliceSource(b"1,2,3"), &layout, &limits).is_err(), "{shape:?}");
    }
}

#[test]
fn large_text_is_streamed_and_counted_the_same() {
    let limits = Limits::default();
    let values: Vec<f64> = (0..5_000_000).map(|i| f64::from(i) * 0.5).collect();
    let view = View::from_slice([values.len() as u64], &values).unwrap();
    let mut out = Vec::new();
    text::write_to(&mut out, &view, &",".parse().unwrap(), &Format::default()).unwrap();
    // As little as one window of text and its elements.
    let few = Limits::new(64 << 20, 100, 4);
    let text = Text::open(Positioned(&out), layout("<f8", ","), &few).unwrap();
    assert_eq!(text.shape()[..], [5_000_000]);
    let mut stream = text.stream("", &few).unwrap().unwrap();
    let (mut sum, mut count) = (0.0, 0);
    while let Some(part) = stream.next_part().unwrap() {
        assert!(part.nbytes() < 64 << 20);
        let part = part.to_vec::<f64>().unwrap();
        sum += part.iter().sum::<f64>();
        count += part.len();
    }
    assert_eq!((sum, count), (values.iter().sum(), values.len()));
    drop(stream);
    assert_eq!(text.read("", &Selection::ALL, &limits).unwrap().to_vec::<f64>().unwrap(), values);
}
