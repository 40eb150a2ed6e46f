use super::*;
use hyperslab_core::View;

#[test]
fn a_matrix_starts_at_256() {
    let v: Vec<f64> = (0..6).map(f64::from).collect();
    let view = View::from_slice([2, 3], &v).unwrap();
    let image = serialize(&view, DEFAULT_NAME).unwrap();
    assert_eq!(image.len(), 256 + 48);
    let (head, tail) = serialize_parts(&view, DEFAULT_NAME).unwrap();
    assert_eq!(image, [&head, tail].concat());
    let back = deserialize(&image).unwrap();
    assert_eq!(back, view);
}
