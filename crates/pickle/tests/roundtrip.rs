//! What is written is read back the same, for trees without end of variety.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is the failure report")]

use hyperslab_core::value::ListKind;
use hyperslab_core::{Dtype, Limits, Value, View};
use hyperslab_pickle::{MapDump, Policy, dump, load};
use proptest::prelude::*;

fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i128>().prop_map(Value::Int),
        any::<i32>().prop_map(|i| Value::Int(i.into())),
        any::<u8>().prop_map(|i| Value::Int(i.into())),
        any::<u64>().prop_map(|b| Value::Float(f64::from_bits(b))),
        (any::<f64>(), any::<f64>()).prop_map(|(re, im)| Value::Complex(re, im)),
        proptest::collection::vec(any::<u8>(), 20..400).prop_map(|b| {
            let big = num_bigint::BigInt::from_signed_bytes_le(&b);
            i128::try_from(&big).map_or_else(|_| Value::BigInt(Box::new(big)), Value::Int)
        }),
    ]
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(()).prop_map(|()| Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number(),
        ".{0,40}".prop_map(Value::String),
        proptest::collection::vec(any::<u8>(), 0..300).prop_map(Value::Bytes),
        array(),
    ]
}

fn array() -> impl Strategy<Value = Value> {
    const DTYPES: [&str; 16] = [
        "<f8", ">f8", "<f4", "<f2", "|b1", "|i1", ">u2", "<i4", "<u8", "<c8", ">c16", "|S3", "|V5",
        "<M8[ns]", "<m8[25s]", "<f16",
    ];
    (
        proptest::sample::select(&DTYPES[..]),
        proptest::collection::vec(0u64..4, 0..4),
        any::<u64>(),
        any::<bool>(),
    )
        .prop_map(|(descr, dims, seed, fortran)| {
            let dtype: Dtype = descr.parse().unwrap();
            let n = dims.iter().product::<u64>() * dtype.itemsize();
            let bytes: Vec<u8> = (0..n)
                .map(|i| (seed.wrapping_mul(i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8)
                .map(|b| if descr == "|b1" { b & 1 } else { b })
                .collect();
            let order = if fortran { hyperslab_core::Order::F } else { hyperslab_core::Order::C };
            Value::from(View::with_order(dtype, (&dims[..]).into(), order, bytes).unwrap())
        })
}

fn tree() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(5, 60, 6, |inner| {
        let many = || proptest::collection::vec(inner.clone(), 0..6);
        prop_oneof![
            many().prop_map(Value::list),
            many().prop_map(|v| Value::List(ListKind::Tuple, v)),
            // Keys that cannot be equal: equal keys are merged on reading.
            many().prop_map(|v| Value::map(v.into_iter().enumerate().map(|(i, v)| (format!("k{i}"), v)))),
            many().prop_map(|v| {
                let key = |i: usize| Value::List(ListKind::Tuple, vec![Value::Int(i as i128), "t".into()]);
                Value::Map(v.into_iter().enumerate().map(|(i, v)| (key(i), v)).collect())
            }),
            (0usize..20)
                .prop_map(|n| Value::List(ListKind::Set, (0..n).map(|i| Value::Int(i as i128)).collect())),
            (0usize..5).prop_map(|n| {
                let item = |i: usize| Value::List(ListKind::FrozenSet, vec![Value::Int(i as i128)]);
                Value::List(ListKind::FrozenSet, (0..n).map(item).collect())
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_back(value in tree()) {
        let pickle = dump(&value).unwrap();
        let limits = Limits::default();
        let loaded = load(&pickle, Policy::Strict, &limits).unwrap();
        prop_assert_eq!(loaded.consumed(), pickle.len());
        prop_assert_eq!(loaded.to_value(&limits).unwrap(), value);
    }

    #[test]
    fn what_json_cannot_hold_is_said(value in tree()) {
        let limits = Limits::default();
        let losses = hyperslab_pickle::json_losses(&value);
        // An array of long doubles cannot be written at all.
        let Ok(json) = hyperslab_core::json::from_value(&value, &limits) else {
            prop_assert!(!losses.is_empty());
            return Ok(());
        };
        let again = hyperslab_core::json::to_value(&json).unwrap();
        prop_assert_eq!(losses.is_empty(), again == value, "{:?}", losses);
    }

    #[test]
    fn any_bytes_are_a_value_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let limits = Limits::default();
        if let Ok(p) = load(&bytes, Policy::Inspect, &limits) {
            let _ = p.to_value(&limits);
        }
    }
}

#[test]
fn losses_have_places() {
    let value = Value::map([
        ("plain", Value::list([Value::Int(1), Value::Bytes(vec![0]), Value::Float(0.5)])),
        ("odd", Value::list([Value::Null, Value::List(ListKind::Tuple, vec![]), Value::Float(f64::NAN)])),
        ("bytes?", Value::map([("base64", Value::from("AA=="))])),
    ]);
    let losses = hyperslab_pickle::json_losses(&value);
    let places: Vec<&str> = losses.iter().map(|l| l.path.as_str()).collect();
    assert_eq!(places, ["/odd/1", "/odd/2", "/bytes?"]);
    assert_eq!(losses[0].what, "a tuple, which becomes a list");
    // An integer that takes seconds to spell in decimal digits.
    let long = load(b"\x80\x04\x8b\0\0\x10\0".as_slice(), Policy::Strict, &Limits::default());
    assert!(long.is_err());
    let long = [b"\x80\x04\x8b\0\0\x10\0".as_slice(), &vec![0x7f; 1 << 20], b"."].concat();
    let limits = Limits::default();
    let long = load(&long, Policy::Strict, &limits).unwrap().to_value(&limits).unwrap();
    assert_eq!(hyperslab_pickle::json_losses(&long).len(), 1);
    let json = hyperslab_core::json::from_value(&long, &limits).unwrap();
    assert!(json.as_str().unwrap().starts_with("0x7f7f"));
    let digits = serde_json::from_str(&"9".repeat(5000)).unwrap();
    assert!(hyperslab_core::json::to_value(&digits).is_err());
    let twice = Value::Map(vec![("a".into(), Value::Null), ("a".into(), Value::Null)]);
    assert_eq!(hyperslab_pickle::json_losses(&twice)[0].path, "");
}

#[test]
fn long_containers_are_written_in_batches() {
    let value = Value::list((0..2500).map(Value::Int));
    let pickle = dump(&value).unwrap();
    assert_eq!(
        load(&pickle, Policy::Strict, &Limits::default()).unwrap().to_value(&Limits::default()).unwrap(),
        value
    );
}

#[test]
fn unhashable_keys_and_unknown_objects_are_refused() {
    let key = Value::Map(vec![(Value::list([]), Value::Null)]);
    assert_eq!(dump(&key).unwrap_err().kind(), hyperslab_core::Kind::Usage);
    let unknown = load(b"cm\nC\n)\x81.", Policy::Inspect, &Limits::default()).unwrap();
    let unknown = unknown.to_value(&Limits::default()).unwrap();
    assert_eq!(dump(&unknown).unwrap_err().kind(), hyperslab_core::Kind::Unsupported);
}

#[test]
fn a_refused_pair_leaves_the_map_as_it_was() {
    let array = || Value::from(View::from_slice([2], &[1.0f64, 2.0]).unwrap().into_owned().unwrap());
    let mut map = MapDump::new();
    map.insert("a", &Value::Int(1)).unwrap();
    // The array before the key that cannot be has NumPy's names memoized, which must be forgotten with it.
    let bad = Value::list([array(), Value::Map(vec![(Value::list([]), Value::Null)])]);
    map.insert("b", &bad).unwrap_err();
    map.insert("a", &Value::Null).unwrap_err();
    map.insert("c", &array()).unwrap();
    let pickle = map.finish();
    let limits = Limits::default();
    let value = load(&pickle, Policy::Strict, &limits).unwrap().to_value(&limits).unwrap();
    assert_eq!(value, Value::map([("a", Value::Int(1)), ("c", array())]));
    let empty = MapDump::new().finish();
    assert_eq!(load(&empty, Policy::Strict, &limits).unwrap().to_value(&limits).unwrap(), Value::Map(vec![]));
}

#[test]
fn a_scalar_that_its_type_would_change_stays_an_array() {
    for (descr, bytes) in [
        ("|b1", &[2u8][..]),
        ("<U3", b"a\0\0\0\0\0\0\0\0\0\0\0"),
        ("<f4", b"\x01\0\x80\x7f"),
        (">i2", b"\0\x01"),
    ] {
        let view = View::new(descr.parse().unwrap(), [].into(), bytes).unwrap();
        let value = Value::from(view.into_owned().unwrap());
        let limits = Limits::default();
        let pickle = dump(&value).unwrap();
        let Value::Array(again) = load(&pickle, Policy::Strict, &limits).unwrap().to_value(&limits).unwrap()
        else {
            panic!("no array")
        };
        assert_eq!(again.bytes(), Some(bytes), "{descr}");
        assert_eq!(again.dtype().descr().as_deref(), Some(descr));
    }
}
