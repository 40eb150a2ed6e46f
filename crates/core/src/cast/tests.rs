use super::*;
use crate::Shape;
use proptest::prelude::*;

fn descr(text: &str) -> Dtype {
    Dtype::from_descr(text).unwrap()
}

fn to(view: &View<'_>, text: &str) -> Result<View<'static>> {
    cast(view, &descr(text), &Limits::default())
}

#[test]
fn numbers_that_fit() {
    let v = View::from_slice([3], &[-1i32, 0, 127]).unwrap();
    assert_eq!(to(&v, "|i1").unwrap().to_vec::<i8>().unwrap(), [-1, 0, 127]);
    assert_eq!(to(&v, ">f8").unwrap().to_vec::<f64>().unwrap(), [-1.0, 0.0, 127.0]);
    let e = to(&v, "|u1").unwrap_err();
    assert!(e.to_string().contains("element 0") && e.to_string().contains("-1"), "{e}");
    let half = View::from_slice([1], &[2.5f64]).unwrap();
    assert!(to(&half, "<i8").is_err());
    assert_eq!(to(&half, "<f2").unwrap().bytes().unwrap(), f16::from_f64(2.5).to_le_bytes());
    assert!(to(&View::from_slice([1], &[f64::NAN]).unwrap(), "<i8").is_err());
    assert!(to(&View::from_slice([1], &[1e300f64]).unwrap(), "<f4").is_err());
    assert!(to(&View::from_slice([1], &[f64::INFINITY]).unwrap(), "<f4").is_ok());
    assert_eq!(to(&View::from_slice([2], &[0u8, 1]).unwrap(), "|b1").unwrap().bytes().unwrap(), [0, 1]);
    assert!(to(&View::from_slice([1], &[2u8]).unwrap(), "|b1").is_err());
    let limits = [i64::MIN, i64::MAX];
    assert_eq!(to(&View::from_slice([2], &limits).unwrap(), ">i8").unwrap().to_vec::<i64>().unwrap(), limits);
    assert_eq!(
        to(&View::from_slice([1], &[u64::MAX]).unwrap(), ">u8").unwrap().to_vec::<u64>().unwrap(),
        [u64::MAX]
    );
}

#[test]
fn complex_numbers() {
    let v = to(&View::from_slice([2], &[1.5f64, -2.0]).unwrap(), ">c8").unwrap();
    assert_eq!(to(&v, "<f4").unwrap().to_vec::<f32>().unwrap(), [1.5, -2.0]);
    let i = View::new(descr("<c16"), [1].into(), bytemuck::cast_slice::<f64, u8>(&[0.0, 1.0])).unwrap();
    assert!(to(&i, "<f8").is_err());
}

#[test]
fn text_keeps_all_its_characters() {
    let v = View::new(Dtype::Bytes(4), [2].into(), &b"ab\0\0cde\0"[..]).unwrap();
    let u = to(&v, ">U3").unwrap();
    assert_eq!(to(&u, "|S3").unwrap().bytes().unwrap(), b"ab\0cde");
    assert!(to(&u, "|S2").is_err());
    let latin = View::new(Dtype::Bytes(1), [1].into(), &b"\xe4"[..]).unwrap();
    assert!(to(&latin, "<U1").is_err());
    assert_eq!(to(&latin, "|S2").unwrap().bytes().unwrap(), b"\xe4\0");
}

#[test]
fn structures_go_by_name() {
    let fields = |a: &str, b: &str| [("a".to_owned(), descr(a)), ("b".to_owned(), descr(b))];
    let from = Dtype::Struct(std::sync::Arc::new(crate::dtype::Struct::packed(fields(">i2", "|u1"))));
    let mut swapped = fields("<i4", "<f8");
    swapped.reverse();
    let into = Dtype::Struct(std::sync::Arc::new(crate::dtype::Struct::packed(swapped)));
    let v = View::new(from, Shape::default(), &[0u8, 7, 9][..]).unwrap();
    let c = cast(&v, &into, &Limits::default()).unwrap();
    assert_eq!(c.bytes().unwrap(), [&9f64.to_le_bytes()[..], &7i32.to_le_bytes()].concat());
    assert!(cast(&v, &Dtype::F64, &Limits::default()).is_err());
}

proptest! {
    #[test]
    fn a_wider_type_and_back_changes_nothing(values: Vec<i16>) {
        let v = View::from_slice([values.len() as u64], &values).unwrap();
        for wide in [">i4", "<i8", ">f4", "<f8", "<c16"] {
            prop_assert_eq!(to(&to(&v, wide).unwrap(), "<i2").unwrap().to_vec::<i16>().unwrap(), values.clone());
        }
    }
}
