use super::*;
use hyperslab_core::dtype::*;
use proptest::prelude::*;
use std::sync::Arc;

fn round(d: &Dtype) -> Dtype {
    let mut out = Vec::new();
    emit(d, &mut out).unwrap();
    for n in 0..out.len() {
        assert!(parse(&out[..n], Sizes::STANDARD, 0).is_err(), "{d} cut at {n}");
    }
    parse(&out, Sizes::STANDARD, 0).unwrap()
}

fn leaf() -> impl Strategy<Value = Dtype> {
    let order = prop_oneof![Just(ByteOrder::Little), Just(ByteOrder::Big)];
    let o = order.clone();
    prop_oneof![
        Just(Dtype::Bool),
        (prop_oneof![Just(1u8), Just(2), Just(4), Just(8)], any::<bool>(), order.clone())
            .prop_map(|(n, s, o)| Dtype::int(n, s, o)),
        (prop_oneof![Just(2u8), Just(4), Just(8)], order.clone()).prop_map(|(n, o)| Dtype::float(n, o)),
        (prop_oneof![Just(4u8), Just(8)], order).prop_map(|(n, o)| Dtype::Complex(Float::ieee(n, o))),
        (1..100u32).prop_map(Dtype::Void),
        (1..100u32, "[a-z]{1,20}").prop_map(|(n, t)| Dtype::Opaque(n, t.into())),
        (1u8..16, 0u16..4, 1u16..5, o).prop_map(|(size, bit_offset, precision, order)| {
            let order = if size == 1 { ByteOrder::Little } else { order };
            Dtype::Bitfield(Int { size, signed: false, order, bit_offset, precision })
        }),
        (1..70000u32).prop_map(|size| Dtype::FixedString(StringType {
            size,
            charset: Charset::Utf8,
            padding: Padding::SpacePadded
        })),
        Just(Dtype::VlenString(StringType {
            size: 16,
            charset: Charset::Utf8,
            padding: Padding::NullTerminated
        })),
        Just(Dtype::Reference(ReferenceKind::Object, 8)),
        Just(Dtype::Reference(ReferenceKind::Region, 12)),
        proptest::collection::vec(("[A-Z]{1,12}", any::<i16>()), 0..5).prop_map(|m| {
            let members = m.into_iter().map(|(n, v)| (n, v.into())).collect();
            Dtype::Enum(Arc::new(EnumType { base: Int::new(2, true, ByteOrder::Big), members }))
        }),
    ]
}

fn any_type() -> impl Strategy<Value = Dtype> {
    leaf().prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            (inner.clone(), proptest::collection::vec(1u64..4, 1..3))
                .prop_map(|(d, s)| Dtype::Array(Arc::new(ArrayType::new(d, s[..].into()).unwrap()))),
            inner.clone().prop_map(|base| Dtype::Vlen(Arc::new(VlenType { base, size: 16 }))),
            (proptest::collection::vec(inner, 1..5), 0u64..300).prop_map(|(types, pad)| {
                let mut at = 0;
                let mut fields = Vec::new();
                for (i, dtype) in types.into_iter().enumerate() {
                    let offset = at + pad % 7;
                    at = offset + dtype.itemsize();
                    fields.push(Field { name: format!("f{i}"), title: None, offset, dtype });
                }
                Dtype::Struct(Arc::new(Struct { fields, itemsize: at + pad }))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn every_type_round_trips(d in any_type()) {
        prop_assert_eq!(round(&d), d);
    }

    #[test]
    fn every_type_round_trips_in_its_old_form(d in any_type()) {
        let mut out = Vec::new();
        emit_old(&d, &mut out).unwrap();
        prop_assert_eq!(parse(&out, Sizes::STANDARD, 0).unwrap(), d);
    }

    #[test]
    fn garbage_never_panics(b in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&b, Sizes::STANDARD, 0);
    }
}

#[test]
fn numpy_strings_are_null_padded() {
    let want = StringType { size: 5, charset: Charset::Ascii, padding: Padding::NullPadded };
    assert_eq!(round(&Dtype::Bytes(5)), Dtype::FixedString(want));
}

#[test]
fn long_double_and_custom_floats() {
    for format in [
        FloatFormat::LongDouble,
        FloatFormat::Custom(Arc::new(FloatLayout {
            bit_offset: 0,
            precision: 16,
            sign: 15,
            exponent_at: 7,
            exponent_bits: 8,
            mantissa_at: 0,
            mantissa_bits: 7,
            bias: 127,
            normalization: 2,
            vax: false,
        })),
    ] {
        let size = if format == FloatFormat::LongDouble { 16 } else { 2 };
        let d = Dtype::Float(Float { size, order: ByteOrder::Little, format });
        assert_eq!(round(&d), d);
    }
}

#[test]
fn old_compound_members_are_arrays() {
    // Version 1: name padded to 8, offset, rank 1, permutation, reserved, extents 3 0 0 0, then a 2-byte integer.
    let mut b = vec![0x16, 1, 0, 0, 6, 0, 0, 0];
    b.extend(b"abc\0\0\0\0\0");
    b.extend([0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0]);
    b.extend([0; 12]);
    b.extend([0x10, 8, 0, 0, 2, 0, 0, 0, 0, 0, 16, 0]);
    let d = parse(&b, Sizes::STANDARD, 0).unwrap();
    assert_eq!(d.to_string(), r#"[["abc","<i2",[3]]]"#);
}

#[test]
fn what_hdf5_lacks_is_refused() {
    for d in ["<U3", "<M8[s]", "|O", "|S0", "|V0"] {
        assert!(emit(&d.parse().unwrap(), &mut Vec::new()).is_err(), "{d}");
    }
}

#[test]
fn deep_nesting_is_refused() {
    let mut b = Vec::new();
    for _ in 0..200 {
        b.extend([0x19, 0, 0, 0, 16, 0, 0, 0]);
    }
    assert!(parse(&b, Sizes::STANDARD, 0).is_err());
}
