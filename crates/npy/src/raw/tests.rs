use super::*;
use hyperslab_core::Kind;
use hyperslab_core::source::SliceSource;

fn layout(dtype: &str, shape: &[u64]) -> Layout {
    Layout::new(dtype.parse().unwrap()).with_shape(&shape.into())
}

#[test]
fn sizes_must_be_exact() {
    let l = layout("<i4", &[4, 5]);
    assert_eq!(l.resolve(80).unwrap(), Shape::from([4, 5]));
    for size in [0, 76, 79, 81, 160] {
        assert_eq!(l.resolve(size).unwrap_err().kind(), Kind::Invalid, "{size}");
    }
    let e = l.resolve(160).unwrap_err().to_string();
    assert!(e.contains("<i4 (8, 5)") && e.contains("<i4 (4, 10)") && e.contains("<i8 (4, 5)"), "{e}");
    // A partial element at the end is not dropped.
    assert!(Layout::new("<i4".parse().unwrap()).resolve(10).is_err());
    assert_eq!(Layout::new("<i4".parse().unwrap()).resolve(12).unwrap(), Shape::from([3]));
}

#[test]
fn offset_and_count() {
    let mut l = Layout::new("<i2".parse().unwrap());
    l.offset = 3;
    assert_eq!(l.resolve(9).unwrap(), Shape::from([3]));
    l.count = Some(2);
    assert_eq!(l.resolve(9).unwrap(), Shape::from([2]));
    l.count = Some(4);
    assert_eq!(l.resolve(9).unwrap_err().kind(), Kind::Invalid);
    l.count = Some(u64::MAX);
    assert!(l.resolve(9).is_err());
    assert!(l.resolve(2).is_err());
    l.count = Some(2);
    l.shape = Some(vec![Some(1), None]);
    assert_eq!(l.resolve(9).unwrap(), Shape::from([1, 2]));
    l.shape = Some(vec![Some(3)]);
    assert_eq!(l.resolve(9).unwrap_err().kind(), Kind::Usage);
    l.shape = Some(vec![None, None]);
    assert!(l.resolve(9).is_err());
    l.shape = Some(vec![Some(0), None]);
    assert!(l.resolve(9).is_err());
}

#[test]
fn elements_where_they_lie() {
    let bytes: Vec<u8> = (0..24).collect();
    let source = SliceSource(&bytes);
    let mut l = layout(">u2", &[3, 4]);
    let v = read(&source, &l, &Limits::default()).unwrap();
    assert!(v.is_view());
    assert_eq!(v.get(&[1, 0]).unwrap(), &[8, 9]);
    l.order = Order::F;
    let v = read(&source, &l, &Limits::default()).unwrap();
    assert_eq!(v.get(&[1, 0]).unwrap(), &[2, 3]);
    // Written in C order whatever the order in memory.
    let mut out = Vec::new();
    assert_eq!(write_to(&mut out, &v).unwrap(), 24);
    assert_eq!(&out[..4], &[0, 1, 6, 7]);
    assert!(read(&source, &Layout::new(Dtype::Object), &Limits::default()).is_err());
}
