//! Whether two metadata values say the same, whatever container each came from.
//!
//! Containers have different kinds of values: an HDF5 attribute is always an array, where a pickle has numbers,
//! lists and tuples. A number is the same as an array of rank 0 that holds it, a list the same as the array of its
//! items, text the same as its UTF-8 bytes in a fixed-length string. Two arrays also have the same dtype, up to byte
//! order and the kind of text.

use crate::value::Value;
use crate::{Dtype, Limits, View, scalar};

/// Whether two values say the same.
///
/// ```
/// use hyperslab::{Value, View, same};
/// let one = Value::from(View::from_slice([], &[1.5])?.into_owned()?);
/// assert!(same::value(&Value::Float(1.5), &one));
/// assert!(!same::value(&Value::Float(2.5), &one));
/// # Ok::<(), hyperslab::Error>(())
/// ```
pub fn value(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(x), Value::Array(y)) => {
            x == y || (is_text(x.dtype()) && is_text(y.dtype()) && x.shape() == y.shape() && items(x, y))
        }
        (Value::Array(x), other) | (other, Value::Array(x)) => tree(x).is_some_and(|x| loosely(&x, other)),
        (Value::Map(x), Value::Map(y)) => {
            x.len() == y.len() && x.iter().zip(y).all(|((k, v), (l, w))| k == l && value(v, w))
        }
        (Value::List(k, x), Value::List(l, y)) => {
            k == l && x.len() == y.len() && x.iter().zip(y).all(|(v, w)| value(v, w))
        }
        _ => loosely(a, b),
    }
}

/// Whether two lists of attributes are the same, in any order.
pub fn attributes(a: &[(String, Value)], b: &[(String, Value)]) -> bool {
    first_difference(a, b).is_none()
}

/// The first name whose value is missing on one side or not the same.
pub fn first_difference<'n>(a: &'n [(String, Value)], b: &'n [(String, Value)]) -> Option<&'n str> {
    let missing = |x: &'n [(String, Value)], y: &[(String, Value)]| {
        x.iter().find(|(n, v)| !y.iter().any(|(m, w)| n == m && value(v, w))).map(|(n, _)| n.as_str())
    };
    missing(a, b).or_else(|| missing(b, a))
}

fn is_text(dtype: &Dtype) -> bool {
    matches!(dtype, Dtype::Unicode(..) | Dtype::Bytes(_) | Dtype::FixedString(_) | Dtype::VlenString(_))
}

fn items(a: &View<'_>, b: &View<'_>) -> bool {
    matches!((tree(a), tree(b)), (Some(a), Some(b)) if loosely(&a, &b))
}

fn tree(view: &View<'_>) -> Option<Value> {
    scalar::tree(view, &Limits::default()).ok()
}

/// By content, whatever kind of list or text it is.
fn loosely(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::List(_, x), Value::List(_, y)) => {
            x.len() == y.len() && x.iter().zip(y).all(|(v, w)| loosely(v, w))
        }
        (Value::String(s), Value::Bytes(b)) | (Value::Bytes(b), Value::String(s)) => s.as_bytes() == b,
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::ListKind;

    fn array(values: &[f64]) -> Value {
        View::from_slice([values.len() as u64], values).unwrap().into_owned().unwrap().into()
    }

    #[test]
    fn lists_and_arrays() {
        let list = |kind| Value::List(kind, vec![Value::Float(1.0), Value::Float(2.0)]);
        assert!(value(&list(ListKind::Tuple), &array(&[1.0, 2.0])));
        assert!(value(&list(ListKind::List), &array(&[1.0, 2.0])));
        assert!(!value(&list(ListKind::List), &list(ListKind::Tuple)));
        assert!(!value(&list(ListKind::List), &array(&[1.0, 3.0])));
        let single: Vec<f32> = vec![1.0];
        let single = Value::from(View::from_slice([1], &single).unwrap().into_owned().unwrap());
        assert!(!value(&single, &array(&[1.0])));
    }

    #[test]
    fn the_first_difference_is_named() {
        let pairs = |v: f64| vec![("a".to_owned(), Value::Int(1)), ("b".to_owned(), Value::Float(v))];
        assert!(attributes(&pairs(1.0), &pairs(1.0)));
        assert_eq!(first_difference(&pairs(1.0), &pairs(2.0)), Some("b"));
        assert_eq!(first_difference(&pairs(1.0), &[]), Some("a"));
        assert_eq!(first_difference(&[], &pairs(1.0)), Some("a"));
    }
}
