//! Values as JSON and back, by the rules of the command contract.
//!
//! Non-finite floats are the strings `"NaN"`, `"Infinity"`, `"-Infinity"`; bytes are `{"base64": ..}`; complex
//! numbers are `{"re": .., "im": ..}`; arrays are nested lists; maps with other keys than strings are lists of
//! pairs under `"pairs"`.

use crate::value::{ListKind, MAX_DEPTH, Value};
use crate::{Error, Limits, Result, scalar};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Number, Value as Json, json};

/// A finite float as a JSON number that keeps its kind (`1.0`, not `1`); the three strings otherwise.
pub fn float(v: f64) -> Json {
    match Number::from_f64(v) {
        Some(n) => Json::Number(n),
        None if v.is_nan() => "NaN".into(),
        None => if v > 0.0 { "Infinity" } else { "-Infinity" }.into(),
    }
}

/// A value tree as JSON, for people and programs to read; kinds JSON lacks are spelled out.
///
/// # Errors
/// `Limit` when arrays hold more elements than the limits allow, and what decoding elements reports.
pub fn from_value(value: &Value, limits: &Limits) -> Result<Json> {
    convert(value, limits, 0)
}

fn convert(value: &Value, limits: &Limits, depth: u32) -> Result<Json> {
    if depth > MAX_DEPTH {
        return Err(Error::limit(format!("metadata nested deeper than {MAX_DEPTH} levels")));
    }
    let each =
        |items: &[Value]| items.iter().map(|v| convert(v, limits, depth + 1)).collect::<Result<Vec<_>>>();
    Ok(match value {
        Value::Null => Json::Null,
        Value::Bool(b) => Json::Bool(*b),
        Value::Int(i) => big(&i.to_string()),
        Value::BigInt(i) => big(&i.to_string()),
        Value::Float(f) => float(*f),
        Value::Complex(re, im) => json!({ "re": float(*re), "im": float(*im) }),
        Value::String(s) => Json::String(s.clone()),
        Value::Bytes(b) => json!({ "base64": STANDARD.encode(b) }),
        Value::List(_, items) => Json::Array(each(items)?),
        Value::Map(pairs) if pairs.iter().all(|(k, _)| matches!(k, Value::String(_))) => {
            let mut out = Map::new();
            for (k, v) in pairs {
                out.insert(k.as_str().unwrap_or_default().into(), convert(v, limits, depth + 1)?);
            }
            Json::Object(out)
        }
        Value::Map(pairs) => {
            let pair = |(k, v): &(Value, Value)| {
                Ok(json!([convert(k, limits, depth + 1)?, convert(v, limits, depth + 1)?]))
            };
            json!({ "pairs": pairs.iter().map(pair).collect::<Result<Vec<_>>>()? })
        }
        Value::Array(view) => convert(&scalar::tree(view, limits)?, limits, depth + 1)?,
        Value::Opaque(o) => {
            let mut out = Map::new();
            out.insert("opaque".into(), o.name.clone().into());
            for (k, v) in &o.parts {
                out.insert(k.clone(), convert(v, limits, depth + 1)?);
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
/// `Invalid` for nesting beyond the depth a tree may have.
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
        Json::Number(n) => number(n),
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

fn number(n: &Number) -> Value {
    let text = n.to_string();
    if let Ok(i) = text.parse::<i128>() {
        return Value::Int(i);
    }
    match text.parse::<num_bigint::BigInt>() {
        Ok(i) => Value::BigInt(Box::new(i)),
        Err(_) => Value::Float(n.as_f64().unwrap_or(f64::NAN)),
    }
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
    fn non_finite_floats_are_strings() {
        assert_eq!(float(f64::NEG_INFINITY), Json::from("-Infinity"));
        assert_eq!(float(f64::NAN), Json::from("NaN"));
    }
}
