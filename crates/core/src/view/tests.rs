use super::*;
use crate::Selection;

#[test]
fn a_slice_and_back() {
    let v = [1.0f64, 2.0, 3.0, 4.0, 5.0, 6.0];
    let view = View::from_slice([2, 3], &v).unwrap();
    assert_eq!(view.as_slice::<f64>().unwrap(), v);
    assert!(view.as_slice::<f32>().is_err());
    assert_eq!(view.get(&[1, 2]).unwrap(), 6.0f64.to_ne_bytes());
    assert!(view.get(&[2, 0]).is_none());
}

#[test]
fn fortran_order_keeps_logical_values() {
    let v = [1i32, 4, 2, 5, 3, 6];
    let view = View::from_slice_f([2, 3], &v).unwrap();
    assert!(!view.is_c_contiguous() && view.is_f_contiguous());
    assert_eq!(view.to_vec::<i32>().unwrap(), [1, 2, 3, 4, 5, 6]);
    assert_eq!(view, View::from_slice([2, 3], &[1i32, 2, 3, 4, 5, 6]).unwrap());
}

#[test]
fn selections_share_the_bytes() {
    let v: Vec<i16> = (0..24).collect();
    let view = View::from_slice([4, 6], &v).unwrap();
    let part = view.select(&"1:, ::-2".parse::<Selection>().unwrap()).unwrap();
    assert_eq!(part.shape(), &Shape::from([3, 3]));
    assert_eq!(part.to_vec::<i16>().unwrap(), [11, 9, 7, 17, 15, 13, 23, 21, 19]);
    let one = part.select(&"-1, 0".parse().unwrap()).unwrap();
    assert_eq!(one.shape().len(), 0);
    assert_eq!(one.to_vec::<i16>().unwrap(), [23]);
}

#[test]
fn byte_order_is_undone() {
    let bytes: Vec<u8> = [1.5f64, -2.0].iter().flat_map(|v| v.to_be_bytes()).collect();
    let view = View::new(">f8".parse().unwrap(), [2].into(), &bytes[..]).unwrap();
    assert_eq!(view.to_vec::<f64>().unwrap(), [1.5, -2.0]);
}

#[test]
fn sizes_must_agree() {
    assert!(View::new(Dtype::F64, [2].into(), &[0u8; 15][..]).is_err());
    assert!(View::strided(Dtype::U8, [4].into(), &[2], 0, &[0u8; 6][..]).is_err());
    View::strided(Dtype::U8, [4].into(), &[-2], 6, &[0u8; 7][..]).unwrap();
}

#[test]
fn owned_buffers_are_aligned_and_counted() {
    let limits = Limits::new(100, 1, 1);
    let b = Buffer::zeroed(90, &limits).unwrap();
    assert_eq!(b.as_ptr() as usize % 64, 0);
    assert!(Buffer::zeroed(20, &limits).is_err());
    drop(b);
    Buffer::zeroed(100, &limits).unwrap();
    for n in [0, 1, 7, 8, 63, 64, 65, 4096, (4 << 20) - 1, 4 << 20, 5_000_001] {
        let mut b = Buffer::zeroed(n, &Limits::default()).unwrap();
        assert_eq!((b.as_ptr() as usize % 64, b.len() as u64), (0, n));
        b.fill(0xff);
    }
    assert_eq!(&Buffer::copy_of(&[7; 130])[..], &[7; 130]);
}

#[test]
fn pieces_are_the_elements_in_c_order() {
    let values: Vec<u8> = (0..200_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let limits = Limits::default();
    for item in [1usize, 2, 3, 4, 8, 16, 24] {
        let dtype = Dtype::Void(item as u32);
        for shape in [&[40, 30][..], &[7, 5, 6, 4], &[1, 400], &[400, 1], &[2, 3, 1, 5, 7], &[3000], &[0, 4]]
        {
            let shape = Shape::new(shape);
            let n = usize::try_from(shape.bytes(item as u64).unwrap()).unwrap();
            for order in [Order::C, Order::F] {
                for s in ["...", "::-1", "..., ::-1", "..., ::3", "::2, ...", "1:, ...", "..., 0"] {
                    let view = View::with_order(dtype.clone(), shape.clone(), order, &values[..n]).unwrap();
                    let Ok(view) = view.select(&s.parse().unwrap()) else { continue };
                    for view in [view.borrow(), view.borrow().transposed()] {
                        let (mut want, mut got) = (Vec::new(), Vec::new());
                        view.for_each(|e| {
                            want.extend_from_slice(e);
                            Ok(())
                        })
                        .unwrap();
                        view.pieces(|piece| {
                            assert!(!piece.is_empty());
                            got.extend_from_slice(piece);
                            Ok(())
                        })
                        .unwrap();
                        assert!(got == want, "{item} {shape} {order:?} {s}");
                        assert_eq!(&*view.to_bytes(&limits).unwrap(), want);
                    }
                }
            }
        }
    }
    // More than one piece, from runs and from tiles.
    for (shape, order) in [([300, 600], Order::C), ([600, 300], Order::F)] {
        let bytes: Vec<u8> = values.iter().cycle().take(300 * 600 * 8).copied().collect();
        let view = View::with_order(Dtype::F64, shape.into(), order, &bytes[..]).unwrap();
        let view = view.select(&"..., 1:".parse().unwrap()).unwrap();
        let mut want = Vec::new();
        view.for_each(|e| {
            want.extend_from_slice(e);
            Ok(())
        })
        .unwrap();
        assert!(*view.to_bytes(&limits).unwrap() == want[..]);
    }
}
