//! Every type of array there and back, as a view and as a copy.

use super::super::*;
use super::aligned;
use hyperslab_core::dtype::{
    ByteOrder, Charset, EnumType, Field, Float, FloatFormat, FloatLayout, Int, Padding, ReferenceKind,
    StringType, Struct, VlenType,
};
use hyperslab_core::{Dtype, Kind, Limits, Selection, View};
use std::sync::Arc;

/// Types of every kind that an image holds.
fn types() -> Vec<Dtype> {
    let mut out: Vec<Dtype> = [
        "|b1", "|i1", "|u1", "<i2", ">i2", "<u2", ">u2", "<i4", ">i4", "<u4", ">u4", "<i8", ">i8", "<u8",
        ">u8", "<f2", ">f2", "<f4", ">f4", "<f8", ">f8", "<c8", ">c8", "<c16", ">c16", "|S7", "<U3", ">U2",
        "|V5", "<M8[ns]", ">m8[25s]", "<f16", "<c32",
    ]
    .map(|d| d.parse().unwrap())
    .into();
    for order in [ByteOrder::Little, ByteOrder::Big] {
        // An integer of three bytes, of which 17 bits count; a bitfield; bfloat16.
        out.push(Dtype::int(3, true, order));
        out.push(Dtype::Int(Int { bit_offset: 3, precision: 17, ..Int::new(4, false, order) }));
        out.push(Dtype::Bitfield(Int::new(2, false, order)));
        let bfloat = FloatLayout {
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
        };
        out.push(Dtype::Float(Float { size: 2, order, format: FloatFormat::Custom(Arc::new(bfloat)) }));
        let members = vec![("off".to_owned(), 0), ("on".to_owned(), -7)];
        out.push(Dtype::Enum(Arc::new(EnumType { base: Int::new(4, true, order), members })));
    }
    for padding in [Padding::NullTerminated, Padding::NullPadded, Padding::SpacePadded] {
        for charset in [Charset::Ascii, Charset::Utf8] {
            out.push(Dtype::FixedString(StringType { size: 6, charset, padding }));
        }
    }
    out.push(Dtype::Opaque(9, "application/x-tag".into()));
    let json = |text: &str| Dtype::from_json(&serde_json::from_str(text).unwrap()).unwrap();
    // Nested, arrays in it; with NumPy's own types; a type that is an array itself.
    out.push(json(r#"[["a","<i4"],["b",[["x",">f8"],["y","|b1"]]],["c","<f4",[2,3]]]"#));
    out.push(json(r#"[["t","<M8[us]"],["u","<U2"],["s","|S3"]]"#));
    out.push(Dtype::Array(Arc::new(
        hyperslab_core::dtype::ArrayType::new(Dtype::F32, [2, 2].into()).unwrap(),
    )));
    // Padding between the fields and after them.
    let field = |name: &str, offset, dtype| Field { name: name.into(), title: None, offset, dtype };
    let fields = vec![field("late", 8, Dtype::F64), field("early", 1, Dtype::U8)];
    out.push(Dtype::Struct(Arc::new(Struct { fields, itemsize: 24 })));
    out
}

/// Bytes that are values of the type: text is text, a bool is 0 or 1.
fn bytes(dtype: &Dtype, n: u64) -> Vec<u8> {
    let len = (n * dtype.itemsize()) as usize;
    let text = serde_json::to_string(&dtype.to_json()).unwrap().contains('U');
    (0..len)
        .map(|i| match dtype {
            Dtype::Bool => u8::from(i % 3 == 0),
            Dtype::Unicode(_, ByteOrder::Big) => {
                if i % 4 == 3 {
                    97 + (i / 4 % 26) as u8
                } else {
                    0
                }
            }
            Dtype::Unicode(..) => {
                if i % 4 == 0 {
                    97 + (i / 4 % 26) as u8
                } else {
                    0
                }
            }
            _ if text => 0,
            _ => (i * 37 + 11) as u8,
        })
        .collect()
}

#[test]
fn every_type_of_any_shape() {
    let shapes: [&[u64]; 6] = [&[], &[7], &[3, 4], &[2, 0, 3], &[2, 1, 3, 1, 2], &[1; 32]];
    for dtype in types() {
        for shape in shapes {
            let what = format!("{dtype} {shape:?}");
            let n = shape.iter().product();
            let stored = bytes(&dtype, n);
            let view = View::new(dtype.clone(), shape.into(), &stored[..]).unwrap();
            let image = serialize_aligned(&view, DEFAULT_NAME).unwrap();
            assert_eq!(image.as_ptr() as usize % 64, 0);
            assert_eq!(&serialize(&view, DEFAULT_NAME).unwrap()[..], &image[..], "{what}");

            // As it lies, but for Unicode, which lies there as UTF-8.
            let unicode = crate::numpy_types::has_unicode(&dtype);
            let back = deserialize(&image).unwrap();
            assert_eq!(back.dtype(), &same_in_hdf5(&dtype), "{what}");
            assert_eq!(back.shape(), view.shape(), "{what}");
            assert_eq!(back.bytes().unwrap(), stored, "{what}");
            assert_eq!(back.is_view(), !unicode || n == 0, "{what}");
            let ask = |elements| DeserializeOptions { elements, ..DeserializeOptions::default() };
            let borrowed = deserialize_with(&image, &ask(Elements::Borrowed));
            match unicode && n > 0 {
                true => assert_eq!(borrowed.unwrap_err().kind(), Kind::Usage, "{what}"),
                false => {
                    let view = borrowed.unwrap();
                    assert!(view.is_view());
                    if n > 0 {
                        assert_eq!(view.bytes().unwrap().as_ptr() as usize % 64, 0, "{what}");
                    }
                }
            }
            let copied = deserialize_with(&image, &ask(Elements::Copied)).unwrap();
            assert!(!copied.is_view());
            assert_eq!(copied.bytes().unwrap(), stored, "{what}");

            // Parts, and the reader of files.
            if !unicode {
                let (header, elements) = serialize_parts(&view, DEFAULT_NAME).unwrap();
                assert_eq!([&header, elements].concat(), &image[..], "{what}");
            }
            let file = crate::File::from_image(&image).unwrap();
            let limits = Limits::default();
            let read = file.read("data", &Selection::ALL, &limits).unwrap();
            assert_eq!((read.dtype(), read.bytes().unwrap()), (back.dtype(), &stored[..]), "{what}");
            assert_eq!(file.attributes("data", &limits).unwrap(), [], "{what}");
        }
    }
}

/// What HDF5 has no second name for: `V` is opaque bytes without a tag.
fn same_in_hdf5(dtype: &Dtype) -> Dtype {
    match dtype {
        Dtype::Opaque(n, tag) if tag.is_empty() => Dtype::Void(*n),
        other => other.clone(),
    }
}

#[test]
fn misaligned_elements_are_copied_or_bytes() {
    let values: Vec<f64> = (0..6).map(f64::from).collect();
    let image = serialize(&View::from_slice([2, 3], &values).unwrap(), DEFAULT_NAME).unwrap();
    for shift in 1..8 {
        let shifted = aligned(&[&vec![0; shift], &image[..]].concat());
        let shifted = &shifted[shift..];
        let copy = deserialize(shifted).unwrap();
        assert!(!copy.is_view());
        assert_eq!(copy.as_slice::<f64>().unwrap(), values);
        let ask = DeserializeOptions { elements: Elements::Borrowed, ..DeserializeOptions::default() };
        let view = deserialize_with(shifted, &ask).unwrap();
        assert!(view.is_view());
        // Never a slice of doubles at an address that is none of theirs.
        assert_eq!(view.as_slice::<f64>().unwrap_err().kind(), Kind::Usage);
        assert_eq!(view.to_vec::<f64>().unwrap(), values);
    }
}

#[test]
fn orders_of_elements() {
    let values: Vec<i32> = (0..60).collect();
    // Element (i, j, k) at 0 + i + 3 j + 12 k.
    let fortran = View::from_slice_f([3, 4, 5], &values).unwrap();
    let image = serialize(&fortran, DEFAULT_NAME).unwrap();
    let back = deserialize(&image).unwrap();
    assert_eq!(&back.shape()[..], [3, 4, 5]);
    assert_eq!(back.get(&[2, 1, 3]).unwrap(), (2 + 3 + 36i32).to_ne_bytes());
    assert_eq!(back, fortran);
    assert_eq!(serialize_parts(&fortran, DEFAULT_NAME).unwrap_err().kind(), Kind::Usage);

    // As Julia has it: the same bytes under reversed dimensions, nothing moved.
    let turned = View::from_slice_f([3, 4, 5], &values).unwrap().transposed();
    let (header, elements) = serialize_parts(&turned, DEFAULT_NAME).unwrap();
    assert_eq!(elements.as_ptr(), values.as_ptr().cast());
    let image = [&header, elements].concat();
    let julia = deserialize(&image).unwrap();
    assert_eq!(&julia.shape()[..], [5, 4, 3]);
    assert_eq!(julia.transposed(), fortran);
}

#[test]
fn counted_bytes_outlive_their_name() {
    let values = [1.5f32, -2.5];
    let image = serialize_aligned(&View::from_slice([2], &values).unwrap(), DEFAULT_NAME).unwrap();
    let image = bytes::Bytes::from_owner(image);
    let address = image.as_ptr().wrapping_add(image.len() - 8);
    let view = deserialize_shared(&image, &DeserializeOptions::default()).unwrap();
    drop(image);
    assert!(view.is_view());
    assert_eq!(view.as_slice::<f32>().unwrap(), values);
    assert_eq!(view.bytes().unwrap().as_ptr(), address);
}

#[test]
fn what_points_elsewhere_is_no_image() {
    let vlen = Dtype::Vlen(Arc::new(VlenType { base: Dtype::F64, size: 16 }));
    let text =
        Dtype::VlenString(StringType { size: 16, charset: Charset::Utf8, padding: Padding::NullTerminated });
    for dtype in [vlen, text, Dtype::Reference(ReferenceKind::Object, 8)] {
        let zeros = vec![0; dtype.itemsize() as usize];
        let view = View::new(dtype, [1].into(), &zeros[..]).unwrap();
        assert_eq!(serialize(&view, "x").unwrap_err().kind(), Kind::Unsupported);
        assert_eq!(serialize_parts(&view, "x").unwrap_err().kind(), Kind::Unsupported);
    }
    let mut w = crate::Writer::in_memory();
    w.dataset("nothing").dtype(Dtype::F64).null().unwrap();
    let image = w.into_image().unwrap();
    assert_eq!(deserialize(&image).unwrap_err().kind(), Kind::Usage);
}

#[test]
fn more_dimensions_than_hdf5_has() {
    let view = View::new(Dtype::U8, (&[1u64; 33][..]).into(), &[0u8][..]).unwrap();
    assert_eq!(serialize(&view, "x").unwrap_err().kind(), Kind::Unsupported);
}
