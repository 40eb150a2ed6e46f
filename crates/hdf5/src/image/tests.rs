use super::*;
use crate::format::{Put, checksum, object_header};
use crate::write::Writer;
use hyperslab_core::dtype::{ByteOrder, Dtype};
use hyperslab_core::{Kind, Selection, Shape, View};
use proptest::prelude::*;

mod checks;
mod trees;
mod types;

fn matrix() -> (Vec<f64>, Vec<u8>) {
    let v: Vec<f64> = (0..6).map(f64::from).collect();
    let image = serialize(&View::from_slice([2, 3], &v).unwrap(), DEFAULT_NAME).unwrap();
    (v, image)
}

/// Bytes at a multiple of 64, so that what lies at such a place in them is aligned.
fn aligned(bytes: &[u8]) -> hyperslab_core::view::Buffer {
    hyperslab_core::view::Buffer::copy_of(bytes)
}

#[test]
fn a_matrix_starts_at_256() {
    let (v, image) = matrix();
    let view = View::from_slice([2, 3], &v).unwrap();
    assert_eq!(image.len(), 256 + 48);
    let (head, tail) = serialize_parts(&view, DEFAULT_NAME).unwrap();
    assert_eq!(image, [&head, tail].concat());
    assert_eq!(deserialize(&image).unwrap(), view);
}

#[test]
fn elements_are_used_where_they_lie() {
    let (v, image) = matrix();
    let image = aligned(&image);
    let view = deserialize(&image).unwrap();
    assert!(view.is_view());
    assert_eq!(view.as_slice::<f64>().unwrap(), v);
    assert_eq!(view.bytes().unwrap().as_ptr(), image[256..].as_ptr());
    assert_eq!(deserialize_named(&image, "/data").unwrap(), view);
    assert_eq!(deserialize_named(&image, "data").unwrap(), view);
    assert_eq!(deserialize_named(&image, "other").unwrap_err().kind(), Kind::Usage);
}

#[test]
fn a_misaligned_image_is_copied() {
    let (v, image) = matrix();
    let shifted = aligned(&[&[0], &image[..]].concat());
    let view = deserialize(&shifted[1..]).unwrap();
    assert!(!view.is_view());
    assert_eq!(view.as_slice::<f64>().unwrap(), v);
}

#[test]
fn the_asked_for_type_decides() {
    let values = [1.5f64, -2.0];
    let big: Vec<u8> = values.iter().flat_map(|v| v.to_be_bytes()).collect();
    let view = View::new(">f8".parse().unwrap(), [2].into(), &big[..]).unwrap();
    let image = serialize(&view, DEFAULT_NAME).unwrap();
    assert_eq!(*deserialize(&image).unwrap().dtype(), ">f8".parse().unwrap());
    let native = deserialize_as::<f64>(&image).unwrap();
    assert_eq!(native.as_slice::<f64>().unwrap(), values);
    assert_eq!(deserialize_as::<f32>(&image).unwrap_err().kind(), Kind::Usage);
    assert_eq!(deserialize_as::<i64>(&image).unwrap_err().kind(), Kind::Usage);
}

#[test]
fn strided_arrays_are_gathered() {
    let v: Vec<i32> = (0..24).collect();
    let part =
        View::from_slice([4, 6], &v).unwrap().select(&"::2, 1:5:3".parse::<Selection>().unwrap()).unwrap();
    assert_eq!(serialize_parts(&part, "x").unwrap_err().kind(), Kind::Usage);
    let image = serialize(&part, "x").unwrap();
    assert_eq!(deserialize(&image).unwrap().to_vec::<i32>().unwrap(), [1, 4, 13, 16]);
    let fortran = View::from_slice_f([2, 3], &[1i16, 4, 2, 5, 3, 6]).unwrap();
    let image = serialize(&fortran, "x").unwrap();
    assert_eq!(deserialize(&image).unwrap().to_vec::<i16>().unwrap(), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn no_rank_and_no_elements() {
    let one = serialize(&View::from_slice::<f64>([], &[7.0]).unwrap(), "x").unwrap();
    let back = deserialize(&one).unwrap();
    assert_eq!((back.shape().len(), back.to_vec::<f64>().unwrap()), (0, vec![7.0]));
    let none = serialize(&View::from_slice::<f64>([3, 0], &[]).unwrap(), "x").unwrap();
    assert_eq!(deserialize(&none).unwrap().shape(), &Shape::from([3, 0]));
}

#[test]
fn what_cannot_be_an_image() {
    let v = View::from_slice([1], &[1u8]).unwrap();
    for name in ["", "a/b", "a\0", ".", ".."] {
        assert_eq!(serialize(&v, name).unwrap_err().kind(), Kind::Usage, "{name:?}");
    }
    for d in ["|S0", "|O"] {
        let d: Dtype = d.parse().unwrap();
        let v = View::new(d, [1].into(), &[][..]).unwrap();
        assert_eq!(serialize(&v, "x").unwrap_err().kind(), Kind::Unsupported);
    }
}

#[test]
fn trees_with_one_array_are_images_too() {
    let times = View::new("<M8[s]".parse().unwrap(), [1].into(), &[1u8, 0, 0, 0, 0, 0, 0, 0][..]).unwrap();
    let text = View::new("<U1".parse().unwrap(), [1].into(), &[0xe9, 0, 0, 0][..]).unwrap();
    for view in [&times, &text] {
        let mut w = Writer::in_memory();
        w.dataset("/only").write(view).unwrap();
        w.group("/g").unwrap();
        let image = w.into_image().unwrap();
        assert_eq!(deserialize(&image).unwrap(), *view);
    }
    let mut w = Writer::in_memory();
    w.dataset("/a").write(&times).unwrap();
    w.dataset("/b").write(&text).unwrap();
    let image = w.into_image().unwrap();
    assert_eq!(deserialize(&image).unwrap_err().kind(), Kind::Usage);
    assert_eq!(deserialize_named(&image, "b").unwrap(), text);
}

#[test]
fn a_user_block_and_a_longer_buffer() {
    let (v, image) = matrix();
    let with_user_block = [&[7; 1024][..], &image].concat();
    assert_eq!(deserialize(&with_user_block).unwrap().to_vec::<f64>().unwrap(), v);
    let longer = [&image[..], &[9; 100]].concat();
    assert_eq!(deserialize(&longer).unwrap().to_vec::<f64>().unwrap(), v);
}

#[test]
fn every_truncation_and_every_changed_header_byte() {
    let (v, image) = matrix();
    for n in 0..image.len() {
        assert!(deserialize(&image[..n]).is_err(), "{n}");
    }
    let mut image = image;
    for i in 0..256 {
        image[i] ^= 0x01;
        // Only the padding between and after the headers may be anything.
        if let Ok(view) = deserialize(&image) {
            assert!(i >= 133, "byte {i}");
            assert_eq!(view.to_vec::<f64>().unwrap(), v);
        }
        image[i] ^= 0x01;
    }
}

/// The image with its dataset's layout message replaced and the header's checksum made right again.
fn with_layout(image: &[u8], address: u64, size: u64) -> Vec<u8> {
    let mut out = image.to_vec();
    let prefix = object_header::Prefix::parse(&image[48..], 48).unwrap();
    let mut messages = prefix.messages(&image[48..], 48).unwrap();
    while messages.advance().unwrap() {
        let m = messages.message();
        if m.kind == crate::format::message::kind::LAYOUT {
            let mut body = vec![3, 1];
            body.put_u64(address);
            body.put_u64(size);
            let at = m.offset as usize;
            out[at..at + 18].copy_from_slice(&body);
        }
    }
    let end = 48 + prefix.len() as usize - 4;
    let sum = checksum::lookup3(&out[48..end]);
    out[end..end + 4].copy_from_slice(&sum.to_le_bytes());
    out
}

#[test]
fn lying_layouts_are_refused() {
    let (v, image) = matrix();
    assert_eq!(deserialize(&with_layout(&image, 256, 48)).unwrap().to_vec::<f64>().unwrap(), v);
    for (address, size) in [
        (256, 47),
        (256, 49),
        (257, 48),
        (256, u64::MAX),
        (u64::MAX - 40, 48),
        (0, 48),
        (40, 48),
        (60, 48),
        (1 << 60, 48),
    ] {
        let e = deserialize(&with_layout(&image, address, size)).unwrap_err();
        assert_eq!(e.kind(), Kind::Invalid, "{address} {size}");
    }
}

/// Found by fuzzing: a few kilobytes gave a view of 7.5 GB that were never written.
#[test]
fn a_small_image_takes_no_gigabytes() {
    let (_, mut image) = matrix();
    let dims = [2u64, 3].map(u64::to_le_bytes).concat();
    let at = image.windows(16).position(|w| w == dims).unwrap();
    for (rows, wanted) in [(1u64 << 10, None), (1 << 30, Some(Kind::Limit))] {
        image[at..at + 8].copy_from_slice(&rows.to_le_bytes());
        crate::testing::repair(&mut image);
        let image = with_layout(&image, u64::MAX, rows * 24);
        assert_eq!(deserialize(&image).err().map(|e| e.kind()), wanted, "{rows}");
    }
}

fn numeric() -> impl Strategy<Value = Dtype> {
    let order = prop_oneof![Just(ByteOrder::Little), Just(ByteOrder::Big)];
    prop_oneof![
        Just(Dtype::Bool),
        (prop_oneof![Just(1u8), Just(2), Just(4), Just(8)], any::<bool>(), order.clone())
            .prop_map(|(n, s, o)| Dtype::int(n, s, o)),
        (prop_oneof![Just(2u8), Just(4), Just(8)], order).prop_map(|(n, o)| Dtype::float(n, o)),
        Just("<c16".parse().unwrap()),
        Just("|V5".parse().unwrap()),
    ]
}

proptest! {
    #[test]
    fn arrays_survive(d in numeric(), dims in proptest::collection::vec(0u64..5, 0..5), name in "[a-zé]{1,300}") {
        let shape = Shape::new(&dims);
        let n = shape.bytes(d.itemsize()).unwrap();
        let bytes: Vec<u8> = (0..n).map(|i| if d == Dtype::Bool { (i % 2) as u8 } else { (i * 37) as u8 }).collect();
        let view = View::new(d, shape, &bytes[..]).unwrap();
        let image = serialize(&view, &name).unwrap();
        let back = deserialize(&image).unwrap();
        prop_assert_eq!(back.dtype(), view.dtype());
        prop_assert_eq!(back.shape(), view.shape());
        prop_assert_eq!(back.bytes().unwrap(), &bytes[..]);
        let general = crate::File::from_image(&image).unwrap();
        let limits = hyperslab_core::Limits::default();
        let read = general.read(&name, &Selection::ALL, &limits).unwrap();
        prop_assert_eq!(read.bytes().unwrap(), &bytes[..]);
    }

    /// Damage with the checksums put right again: an error, or a view inside the image.
    #[test]
    fn damaged_images_give_no_wild_view(at in 0usize..256, with in any::<u8>(), cut in 200usize..310) {
        let (_, mut image) = matrix();
        image[at] = with;
        image.truncate(cut);
        crate::testing::repair(&mut image);
        if let Ok(view) = deserialize(&image) && let (true, Some(bytes)) = (view.is_view(), view.bytes()) && !bytes.is_empty() {
            let (all, part) = (image.as_ptr_range(), bytes.as_ptr_range());
            prop_assert!(all.start <= part.start && part.end <= all.end);
        }
    }
}
