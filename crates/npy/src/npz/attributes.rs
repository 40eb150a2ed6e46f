//! Attributes as JSON: the raw member `metadata.json` of an NPZ, and the file beside a raw array.
//!
//! `{path: {name: {"dtype": D, "shape": [..], "value": ..}}}`, the path of the archive itself being `""`. Arrays
//! carry `dtype` and `shape`; plain values (text, numbers, lists, maps) only `value`. `D` and the values are those
//! of the command contract. NumPy hands the member back as bytes and is not disturbed by it.

use super::values;
use hyperslab_core::value::ListKind;
use hyperslab_core::view::Buffer;
use hyperslab_core::{Dtype, Error, Limits, Reservation, Result, Shape, Value, View, json};
use serde_json::{Map, Value as Json};

/// How many bytes of memory one byte of JSON may take when parsed.
const PARSED: u64 = 64;

/// The parsed member.
#[derive(Debug)]
pub struct All {
    paths: Map<String, Json>,
    _reservation: Reservation,
}

/// Parses the member; `None` when it is JSON of another form or no JSON at all, and so somebody else's.
///
/// # Errors
/// `Limit`.
pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Option<All>> {
    let reservation = limits.reserve((bytes.len() as u64).saturating_mul(PARSED))?;
    let Ok(Json::Object(paths)) = serde_json::from_slice(bytes) else { return Ok(None) };
    let attribute = |a: &Json| a.as_object().is_some_and(|a| a.contains_key("value"));
    let node = |n: &Json| n.as_object().is_some_and(|n| n.values().all(attribute));
    Ok(paths.values().all(node).then_some(All { paths, _reservation: reservation }))
}

impl All {
    /// The paths that have attributes.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.paths.keys().map(String::as_str)
    }

    /// Whether a path has attributes.
    pub fn has(&self, path: &str) -> bool {
        self.paths.contains_key(path)
    }

    pub(super) fn into_paths(self) -> Map<String, Json> {
        self.paths
    }

    /// The attributes of one node, in order.
    ///
    /// # Errors
    /// `Invalid` for a value that is not of its type, `Limit`.
    pub fn of(&self, path: &str, limits: &Limits) -> Result<Vec<(String, Value)>> {
        let Some(Json::Object(attributes)) = self.paths.get(path) else { return Ok(Vec::new()) };
        attributes
            .iter()
            .map(|(name, a)| {
                let value = read(a, limits).map_err(|e| {
                    Error::invalid(format!("the attribute {name:?}: {}", e.message()))
                        .reading("metadata.json")
                })?;
                Ok((name.clone(), value))
            })
            .collect()
    }
}

/// One attribute as a value.
fn read(attribute: &Json, limits: &Limits) -> Result<Value> {
    let value = attribute.get("value").unwrap_or(&Json::Null);
    // Types that NumPy lacks come as plain text.
    let dtype = match attribute.get("dtype") {
        None | Some(Json::Object(_)) => return json::to_value(value),
        Some(d) => Dtype::from_json(d)?,
    };
    let shape: Option<Shape> = match attribute.get("shape") {
        Some(Json::Array(extents)) if extents.len() <= Shape::MAX_RANK => {
            extents.iter().map(Json::as_u64).collect()
        }
        _ => None,
    };
    let shape = shape.ok_or_else(|| Error::invalid("a shape that is not a list of extents"))?;
    let nbytes = shape.bytes(dtype.itemsize())?;
    let mut flat = Vec::new();
    flatten(value, &shape, &mut flat)?;
    if shape.count()? != flat.len() as u64 {
        return Err(Error::invalid(format!("{} values for shape {shape}", flat.len())));
    }
    let mut buffer = Buffer::zeroed(nbytes, limits)?;
    let item = usize::try_from(dtype.itemsize()).unwrap_or(0);
    if item > 0 {
        for (element, value) in buffer.chunks_exact_mut(item).zip(flat) {
            values::encode(&dtype, value, element)?;
        }
    }
    Ok(Value::Array(Box::new(View::new(dtype, shape, buffer)?)))
}

/// The elements of nested lists, in C order.
fn flatten<'j>(value: &'j Json, shape: &[u64], out: &mut Vec<&'j Json>) -> Result<()> {
    match shape.split_first() {
        None => {
            out.push(value);
            Ok(())
        }
        // An empty array may show its outer extents or not.
        Some(_) if shape.contains(&0) => Ok(()),
        Some((&extent, inner)) => match value {
            Json::Array(items) if items.len() as u64 == extent => {
                items.iter().try_for_each(|v| flatten(v, inner, out))
            }
            _ => Err(Error::invalid(format!("lists that do not have the extent {extent}"))),
        },
    }
}

/// A value as an attribute.
///
/// # Errors
/// `Unsupported` for what could not be read back as the same value, `Limit`.
pub fn write(value: &Value, limits: &Limits) -> Result<Json> {
    let mut out = Map::new();
    match value {
        Value::Array(view) => {
            let d = view.dtype();
            let text = matches!(d, Dtype::FixedString(_) | Dtype::VlenString(_));
            if !text && !values::has_form(d) {
                return Err(Error::unsupported(format!("attributes of {d} in an NPZ")));
            }
            out.insert("dtype".into(), d.to_json());
            out.insert("shape".into(), view.shape().to_vec().into());
            out.insert("value".into(), json::from_value(value, limits)?);
        }
        // Plain JSON has no such numbers.
        Value::Float(f) if !f.is_finite() => {
            out.insert("dtype".into(), "<f8".into());
            out.insert("shape".into(), Json::Array(Vec::new()));
            out.insert("value".into(), json::float(*f));
        }
        Value::Complex(..) => {
            out.insert("dtype".into(), "<c16".into());
            out.insert("shape".into(), Json::Array(Vec::new()));
            out.insert("value".into(), json::from_value(value, limits)?);
        }
        plain => {
            let json = json::from_value(plain, limits)?;
            let tuple =
                matches!(plain, Value::List(ListKind::Tuple | ListKind::Set | ListKind::FrozenSet, _));
            if tuple || json::to_value(&json).ok().as_ref() != Some(plain) {
                return Err(Error::unsupported("a value that metadata.json would not give back as it is"));
            }
            out.insert("value".into(), json);
        }
    }
    let json = Json::Object(out);
    if let (Value::Array(view), Some(Json::String(_) | Json::Array(_))) = (value, json.get("dtype")) {
        // Padding and odd bits have no place in values: what is written must be what is read.
        match read(&json, limits)? {
            Value::Array(back) if *back == **view => {}
            _ => return Err(Error::unsupported(format!("attributes of {} in an NPZ", view.dtype()))),
        }
    }
    Ok(json)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn back(value: &Value) -> Value {
        let limits = Limits::default();
        let text = serde_json::json!({ "a/b": { "x": write(value, &limits).unwrap() } }).to_string();
        let all = parse(text.as_bytes(), &limits).unwrap().unwrap();
        assert_eq!(all.paths().collect::<Vec<_>>(), ["a/b"]);
        all.of("a/b", &limits).unwrap().pop().unwrap().1
    }

    #[test]
    fn values_survive() {
        for v in [
            Value::Null,
            Value::Bool(true),
            Value::Int(-3),
            Value::Int(i128::MAX),
            Value::Float(0.1),
            Value::Float(-0.0),
            "text é".into(),
            Value::Bytes(vec![0, 255]),
            Value::map([("k", Value::list([Value::Int(1), Value::Null]))]),
        ] {
            assert_eq!(back(&v), v);
        }
        assert!(write(&Value::list([Value::Float(f64::NAN)]), &Limits::default()).is_err());
        assert!(write(&Value::List(ListKind::Tuple, vec![]), &Limits::default()).is_err());
    }

    #[test]
    fn arrays_survive_with_their_types() {
        let a = |descr: &str, shape: &[u64], bytes: &[u8]| {
            let d = Dtype::from_json(&serde_json::from_str(descr).unwrap()).unwrap();
            Value::from(View::new(d, shape.into(), Buffer::copy_of(bytes)).unwrap())
        };
        for v in [
            a(r#""<f8""#, &[], &f64::NAN.to_le_bytes()),
            a(r#"">f4""#, &[2], &[0x3d, 0xcc, 0xcc, 0xcd, 0xff, 0x80, 0, 0]),
            a(r#""<f2""#, &[2], &[0x66, 0x2e, 1, 0]),
            a(r#""|i1""#, &[2, 1], &[0x80, 0x7f]),
            a(r#"">u8""#, &[1], &[0xff; 8]),
            a(r#""|b1""#, &[2], &[0, 1]),
            a(r#""<c8""#, &[1], &[0, 0, 0x80, 0x3f, 0, 0, 0xc0, 0x7f]),
            a(r#""|S3""#, &[2], b"ab\0xyz"),
            a(r#""<U2""#, &[1], &[0xe9, 0, 0, 0, 0, 0, 0, 0]),
            a(r#""|V2""#, &[1], &[1, 2]),
            a(r#"">M8[ns]""#, &[2], &[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]),
            a(r#"[["a","<i2"],["","|V2"],["b","|S1",[2]]]"#, &[1], &[1, 0, 0, 0, b'x', b'y']),
            a(r#""<f8""#, &[0, 3], &[]),
        ] {
            assert_eq!(back(&v), v);
        }
        // A NaN with a payload of its own would come back as another one.
        let odd = a(r#""<f8""#, &[], &0x7ff8_0000_0000_0001u64.to_le_bytes());
        assert!(write(&odd, &Limits::default()).is_err());
    }

    #[test]
    fn other_json_is_somebody_elses() {
        let limits = Limits::default();
        for text in
            ["", "[]", "3", r#"{"a": 1}"#, r#"{"a": {"b": 1}}"#, r#"{"a": {"b": {"c": 1}}}"#, "{\"a\": \x01}"]
        {
            assert!(parse(text.as_bytes(), &limits).unwrap().is_none(), "{text}");
        }
        for text in [
            r#"{"": {"a": {"dtype": "<f9", "shape": [], "value": 1}}}"#,
            r#"{"": {"a": {"dtype": "<f8", "shape": [2], "value": [1]}}}"#,
            r#"{"": {"a": {"dtype": "<f8", "shape": [2], "value": [1, "x"]}}}"#,
            r#"{"": {"a": {"dtype": "|i1", "shape": [], "value": 300}}}"#,
            r#"{"": {"a": {"dtype": "<f8", "shape": [9223372036854775807, 9], "value": []}}}"#,
            r#"{"": {"a": {"dtype": "<f8", "shape": -1, "value": []}}}"#,
            r#"{"": {"a": {"dtype": "|S1", "shape": [], "value": "ab"}}}"#,
        ] {
            let all = parse(text.as_bytes(), &limits).unwrap().unwrap();
            assert!(all.of("", &limits).is_err(), "{text}");
        }
    }
}
