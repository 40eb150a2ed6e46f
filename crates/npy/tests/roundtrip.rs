//! Any dtype, shape and order goes through NPY, NPZ and raw files and comes back with the same digest, whatever
//! kind of source it is read from.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests: a panic is the failure report")]

mod common;

use hyperslab_core::digest::digest;
use hyperslab_core::source::{FileSource, MemorySource, map};
use hyperslab_core::{Container, Dtype, Limits, Order, Selection, Shape, Source, View};
use hyperslab_npy::raw::{self, Layout};
use hyperslab_npy::{Npz, NpzWriter, npy};
use proptest::prelude::*;
use std::io::Cursor;

fn dtypes() -> impl Strategy<Value = Dtype> {
    let plain = prop::sample::select(&common::PLAIN[..]).prop_map(common::plain);
    let leaf = prop_oneof![8 => plain.boxed(), 1 => prop::sample::select(common::structures()).boxed()];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let field =
            ("[a-zé'整]{1,4}", 0u64..4, prop::option::of(prop::collection::vec(0u64..4, 1..3)), inner);
        (prop::collection::vec(field, 0..4), 0u64..3).prop_map(|(fields, end)| {
            let named: Vec<(String, u64, Dtype)> = fields
                .into_iter()
                .enumerate()
                .map(|(i, (name, gap, extents, dtype))| {
                    let dtype = match extents {
                        Some(e) => common::subarray(dtype, &e),
                        None => dtype,
                    };
                    (format!("{name}{i}"), gap, dtype)
                })
                .collect();
            let fields: Vec<_> =
                named.iter().map(|(n, gap, d)| (n.as_str(), None, *gap, d.clone())).collect();
            common::structure(&fields, end)
        })
    })
}

fn views() -> impl Strategy<Value = View<'static>> {
    let shape = prop::collection::vec(prop_oneof![1 => Just(0u64), 9 => 1u64..6], 0..5);
    let order = prop_oneof![Just(Order::C), Just(Order::F)];
    let selection = prop::sample::select(vec!["", "...", "::2", "::-1", "..., 1:", "..., ::-2"]);
    (dtypes(), shape, order, any::<u64>(), selection).prop_map(|(dtype, shape, order, seed, selection)| {
        let view = common::array(&dtype, &Shape::new(&shape), order, seed);
        if view.shape().is_empty() { view } else { view.select(&selection.parse().unwrap()).unwrap() }
    })
}

/// The same bytes as every kind of source.
fn each_source(bytes: &[u8], check: impl Fn(&dyn Source)) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    check(&MemorySource::new(bytes.to_vec()));
    check(&map(file.path()).unwrap());
    check(&FileSource::open(file.path()).unwrap());
}

fn same(view: &View<'_>, want: &View<'_>) {
    assert_eq!(view.dtype(), want.dtype());
    assert_eq!(view.shape(), want.shape());
    assert_eq!(digest(view).unwrap().unwrap(), digest(want).unwrap().unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn npy_npz_and_raw_keep_the_digest(view in views(), level in prop::option::of(0u32..10)) {
        let limits = Limits::default();
        let mut file = Vec::new();
        npy::write_to(&mut file, &view).unwrap();
        each_source(&file, |s| same(&npy::read(s, &limits).unwrap(), &view));

        let mut archive = NpzWriter::new(Cursor::new(Vec::new()));
        archive.add("first", &view, level).unwrap();
        archive.add("été/2", &view, None).unwrap();
        let archive = archive.into_inner().unwrap().into_inner();
        each_source(&archive, |s| {
            let npz = Npz::open(s, &limits).unwrap();
            for key in ["first", "été/2"] {
                same(&npz.read(key, &Selection::ALL, &limits).unwrap(), &view);
            }
        });

        let mut elements = Vec::new();
        raw::write_to(&mut elements, &view).unwrap();
        let layout = Layout::new(view.dtype().clone()).with_shape(view.shape());
        each_source(&elements, |s| same(&raw::read(s, &layout, &limits).unwrap(), &view));
    }
}
