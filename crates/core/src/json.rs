//! Values as JSON and back, by the rules of the command contract.
//!
//! Non-finite floats are the strings `"NaN"`, `"Infinity"`, `"-Infinity"`; bytes are `{"base64": ..}`; complex
//! numbers are `{"re": .., "im": ..}`; arrays are nested lists; maps with other keys than strings are lists of
//! pairs under `"pairs"`.

use crate::value::{ListKind, MAX_DEPTH, Value};
use crate::{Dtype, Error, Limits, Result, scalar, time};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Number, Value as Json, json};

/// An integer of more bits than this, 4,300 decimal digits, is text in hexadecimal: decimal digits take time by their
/// square, and Python's own readers refuse more of them by default.
pub const MOST_DECIMAL_BITS: u64 = 14_284;

/// The same for what is read.
const MOST_DIGITS: usize = 4_301;

/// A finite float as a JSON number that keeps its kind (`1.0`, not `1`); the three strings otherwise.
pub fn float(v: f64) -> Json {
    match Number::from_f64(v) {
        Some(n) => Json::Number(n),
        None if v.is_nan() => "NaN".into(),
        None => if v > 0.0 { "Infinity" } else { "-Infinity" }.into(),
    }
}

/// A value tree as JSON that can be read back; kinds JSON lacks are spelled out, times are their ticks.
///
/// # Errors
/// `Limit` when arrays hold more elements than the limits allow, and what decoding elements reports.
pub fn from_value(value: &Value, limits: &Limits) -> Result<Json> {
    convert(value, None, limits, 0)
}

/// The same for people and programs to look at: dates are ISO 8601 strings, not-a-time is `"NaT"`.
///
/// # Errors
/// As [`from_value`].
pub fn shown(value: &Value, limits: &Limits) -> Result<Json> {
    convert(value, Some(&Dtype::Object), limits, 0)
}

/// One element of a dtype, as [`shown`].
///
/// # Errors
/// As [`from_value`].
pub fn element(dtype: &Dtype, value: &Value, limits: &Limits) -> Result<Json> {
    convert(value, Some(dtype), limits, 0)
}

/// Of the items of a type of many; of itself for others, since a view of many dimensions is lists of lists.
fn base(dtype: &Dtype) -> &Dtype {
    match dtype {
        Dtype::Array(a) => &a.base,
        Dtype::Vlen(v) => &v.base,
        other => other,
    }
}

/// With a dtype, times in it are shown as dates.
fn convert(value: &Value, dtype: Option<&Dtype>, limits: &Limits, depth: u32) -> Result<Json> {
    if depth > MAX_DEPTH {
        return Err(Error::limit(format!("metadata nested deeper than {MAX_DEPTH} levels")));
    }
    let inner = dtype.map(base);
    let one = |v: &Value| convert(v, inner, limits, depth + 1);
    let each = |items: &[Value]| items.iter().map(one).collect::<Result<Vec<_>>>();
    Ok(match value {
        Value::Int(t) => match (dtype, i64::try_from(*t)) {
            (Some(Dtype::Datetime(unit, _)), Ok(t)) => time::date(t, unit).into(),
            (Some(Dtype::Timedelta(..)), Ok(i64::MIN)) => "NaT".into(),
            _ => big(&t.to_string()),
        },
        Value::Null => Json::Null,
        Value::Bool(b) => Json::Bool(*b),
        Value::BigInt(i) if i.bits() > MOST_DECIMAL_BITS => format!("{:#x}", **i).into(),
        Value::BigInt(i) => big(&i.to_string()),
        Value::Float(f) => float(*f),
        Value::Complex(re, im) => json!({ "re": float(*re), "im": float(*im) }),
        Value::String(s) => Json::String(s.clone()),
        Value::Bytes(b) => json!({ "base64": STANDARD.encode(b) }),
        Value::List(_, items) => Json::Array(each(items)?),
        Value::Map(pairs) if pairs.iter().all(|(k, _)| matches!(k, Value::String(_))) => {
            let fields = match dtype {
                Some(Dtype::Struct(s)) => s.fields.as_slice(),
                _ => &[],
            };
            let mut out = Map::new();
            for (i, (k, v)) in pairs.iter().enumerate() {
                let of = fields.get(i).map(|f| &f.dtype).or(dtype);
                out.insert(k.as_str().unwrap_or_default().into(), convert(v, of, limits, depth + 1)?);
            }
            Json::Object(out)
        }
        Value::Map(pairs) => {
            let pair = |(k, v): &(Value, Value)| Ok(json!([one(k)?, one(v)?]));
            json!({ "pairs": pairs.iter().map(pair).collect::<Result<Vec<_>>>()? })
        }
        Value::Array(view) => {
            let of = dtype.is_some().then(|| view.dtype());
            convert(&scalar::tree(view, limits)?, of, limits, depth + 1)?
        }
        Value::Opaque(o) => {
            let mut out = Map::new();
            out.insert("opaque".into(), o.name.clone().into());
            for (k, v) in &o.parts {
                out.insert(k.clone(), one(v)?);
            }
            Json::Object(out)
        }
    })
}

/// An integer of any size as a JSON number.
fn big(digits: &str) -> Json {
    serde_json::from_str(digits).unwrap_or_else(|_| Json::String(digits.into()))
}

/// JSON as a value tree. Numbers with a point or an exponent are floats, others integers.
///
/// # Errors
/// `Invalid` for nesting beyond the depth a tree may have, `Limit` for integers of more than 4,300 digits.
pub fn to_value(json: &Json) -> Result<Value> {
    at_depth(json, 0)
}

fn at_depth(json: &Json, depth: u32) -> Result<Value> {
    if depth > MAX_DEPTH {
        return Err(Error::invalid(format!("metadata nested deeper than {MAX_DEPTH} levels")));
    }
    Ok(match json {
        Json::Null => Value::Null,
        Json::Bool(b) => Value::Bool(*b),
        Json::Number(n) => number(n)?,
        Json::String(s) => Value::String(s.clone()),
        Json::Array(a) => {
            Value::List(ListKind::List, a.iter().map(|v| at_depth(v, depth + 1)).collect::<Result<_>>()?)
        }
        Json::Object(o) => match o.get("base64").and_then(Json::as_str).filter(|_| o.len() == 1) {
            Some(text) => Value::Bytes(
                STANDARD.decode(text).map_err(|e| Error::invalid(format!("base64 in metadata: {e}")))?,
            ),
            None => {
                let pair = |(k, v): (&String, &Json)| Ok((Value::String(k.clone()), at_depth(v, depth + 1)?));
                Value::Map(o.iter().map(pair).collect::<Result<_>>()?)
            }
        },
    })
}

fn number(n: &Number) -> Result<Value> {
    let text = n.to_string();
    if let Ok(i) = text.parse::<i128>() {
        return Ok(Value::Int(i));
    }
    let digits = text.strip_prefix('-').unwrap_or(&text);
    if digits.len() > MOST_DIGITS && digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Error::limit(format!("an integer of {} digits in metadata", digits.len())));
    }
    Ok(match text.parse::<num_bigint::BigInt>() {
        Ok(i) => Value::BigInt(Box::new(i)),
        Err(_) => Value::Float(n.as_f64().unwrap_or(f64::NAN)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive() {
        let v = Value::map([
            ("a", Value::Float(1.0)),
            ("b", Value::Int(1)),
            ("big", Value::BigInt(Box::new("123456789012345678901234567890123456789012".parse().unwrap()))),
            ("bytes", Value::Bytes(vec![0, 255])),
            ("list", Value::list([Value::Null, Value::Bool(true)])),
        ]);
        let j = from_value(&v, &Limits::default()).unwrap();
        let text = j.to_string();
        assert!(text.contains(r#""a":1.0,"b":1,"big":123456789012345678901234567890123456789012"#), "{text}");
        assert_eq!(to_value(&serde_json::from_str(&text).unwrap()).unwrap(), v);
    }

    #[test]
    fn dates_are_shown_and_ticks_are_kept() {
        let limits = Limits::default();
        let dtype: Dtype =
            serde_json::from_str::<Json>(r#"[["when", "<M8[D]", [2]], ["n", "<i8"], ["took", "<m8[s]"]]"#)
                .map(|j| Dtype::from_json(&j).unwrap())
                .unwrap();
        let ints = [0, i64::MIN, 7, i64::MIN, 1, 11_016, 8, 9];
        let bytes: Vec<u8> = ints.iter().flat_map(|i| i.to_le_bytes()).collect();
        let view = crate::View::new(dtype.clone(), [2].into(), bytes.into_boxed_slice().into_vec()).unwrap();
        let value = Value::from(view);
        assert_eq!(
            shown(&value, &limits).unwrap().to_string(),
            r#"[{"when":["1970-01-01","NaT"],"n":7,"took":"NaT"},{"when":["1970-01-02","2000-02-29"],"n":8,"took":9}]"#
        );
        let plain = from_value(&value, &limits).unwrap().to_string();
        assert!(plain.starts_with(r#"[{"when":[0,-9223372036854775808],"n":7"#), "{plain}");
        let list = Value::list([Value::Int(5), value]);
        assert!(shown(&list, &limits).unwrap().to_string().starts_with(r#"[5,[{"when":["1970-01-01""#));
    }

    #[test]
    fn non_finite_floats_are_strings() {
        assert_eq!(float(f64::NEG_INFINITY), Json::from("-Infinity"));
        assert_eq!(float(f64::NAN), Json::from("NaN"));
    }
}
