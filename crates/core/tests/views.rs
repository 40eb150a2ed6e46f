//! Views and selections against the plain way of saying the same: index arithmetic on a vector.

use hyperslab_core::selection::{Part, Selection};
use hyperslab_core::{Order, Shape, View};
use proptest::prelude::*;

/// Python's `range(*slice(a, b, s).indices(n))`, written out from its definition.
fn python_slice(a: Option<i64>, b: Option<i64>, s: i64, n: i64) -> Vec<u64> {
    let clip = |v: i64, low: i64, high: i64| (if v < 0 { v + n } else { v }).clamp(low, high);
    let (mut at, stop) = if s > 0 {
        (a.map_or(0, |v| clip(v, 0, n)), b.map_or(n, |v| clip(v, 0, n)))
    } else {
        (a.map_or(n - 1, |v| clip(v, -1, n - 1)), b.map_or(-1, |v| clip(v, -1, n - 1)))
    };
    let mut out = Vec::new();
    while if s > 0 { at < stop } else { at > stop } {
        out.push(at as u64);
        at += s;
    }
    out
}

fn bound() -> impl Strategy<Value = Option<i64>> {
    proptest::option::of(-12i64..12)
}

proptest! {
    #[test]
    fn selecting_is_index_arithmetic(
        rows in 0i64..9, cols in 0i64..9,
        (a, b, s) in (bound(), bound(), prop_oneof![-3i64..0, 1i64..4]),
        (c, d, t) in (bound(), bound(), prop_oneof![-3i64..0, 1i64..4]),
        fortran in any::<bool>(),
    ) {
        let shape = Shape::from([rows as u64, cols as u64]);
        let logical = |i: u64, j: u64| (i * cols as u64 + j) as u16;
        let (order, values): (Order, Vec<u16>) = if fortran {
            (Order::F, (0..cols as u64).flat_map(|j| (0..rows as u64).map(move |i| logical(i, j))).collect())
        } else {
            (Order::C, (0..(rows * cols) as u16).collect())
        };
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let view = View::with_order("<u2".parse().unwrap(), shape, order, &bytes[..]).unwrap();
        let selection = Selection::new(vec![Part::Slice(a, b, Some(s)), Part::Slice(c, d, Some(t))]);
        let part = view.select(&selection).unwrap();
        let want: Vec<u16> = python_slice(a, b, s, rows)
            .into_iter()
            .flat_map(|i| python_slice(c, d, t, cols).into_iter().map(move |j| logical(i, j)))
            .collect();
        prop_assert_eq!(part.to_vec::<u16>().unwrap(), want);
    }

    #[test]
    fn parsing_never_panics(text in "[-0-9:., \\[\\]a\u{e9}]{0,20}") {
        let _ = text.parse::<Selection>();
        let _ = text.parse::<hyperslab_core::Dtype>();
    }

    #[test]
    fn descriptions_never_panic(text in "[<>|=]?[a-zA-Z]?[0-9]{0,12}(\\[[0-9a-z]{0,5}\\])?") {
        if let Ok(d) = hyperslab_core::Dtype::from_descr(&text) {
            let again = hyperslab_core::Dtype::from_descr(&d.descr().unwrap()).unwrap();
            prop_assert_eq!(d, again);
        }
    }
}

#[cfg(feature = "ndarray")]
#[test]
fn ndarray_in_and_out() {
    let a = ndarray::Array2::from_shape_fn((3, 4), |(i, j)| (i * 10 + j) as f64);
    let v = View::from_ndarray(&a).unwrap();
    assert_eq!(v.as_ndarray::<f64>().unwrap(), a.view().into_dyn());
    assert_eq!(v.to_ndarray::<f64>().unwrap(), a.view().to_owned().into_dyn());
}
