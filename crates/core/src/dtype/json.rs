//! The dtype in JSON: NumPy's description where there is one, the objects of the command contract otherwise.
//!
//! What NumPy can describe is also read back: metadata files and attributes carry it.

use super::{ArrayType, Charset, Dtype, Field, FloatFormat, Int, Padding, ReferenceKind, StringType, Struct};
use crate::{Error, Result, Shape};
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// How deep a description may nest.
const MAX_DEPTH: u32 = 32;

impl Dtype {
    /// The `D` of the command contract: a string, a list of fields, or an object for what NumPy lacks.
    pub fn to_json(&self) -> Json {
        if let Some(descr) = self.descr() {
            return Json::String(descr);
        }
        match self {
            Dtype::Struct(s) => Json::Array(struct_fields(s)),
            // Outside a struct NumPy writes a subarray as a pair of base and shape.
            Dtype::Array(a) => json!([a.base.to_json(), a.shape.to_vec()]),
            Dtype::Vlen(v) => json!({ "vlen": v.base.to_json() }),
            Dtype::FixedString(s) => string(s, Some(s.size)),
            Dtype::VlenString(s) => string(s, None),
            Dtype::Enum(e) => {
                let members: serde_json::Map<String, Json> =
                    e.members.iter().map(|(n, v)| (n.clone(), int_value(*v))).collect();
                json!({ "enum": Dtype::Int(e.base).to_json(), "members": members })
            }
            Dtype::Reference(ReferenceKind::Object, _) => json!({ "reference": "object" }),
            Dtype::Reference(ReferenceKind::Region, _) => json!({ "reference": "region" }),
            Dtype::Reference(ReferenceKind::Attribute, _) => json!({ "reference": "attribute" }),
            Dtype::Opaque(n, tag) => json!({ "opaque": n, "tag": &**tag }),
            Dtype::Bitfield(i) => json!({ "bitfield": Dtype::Int(*i).to_json() }),
            Dtype::Int(i) => odd_int(i),
            Dtype::Float(f) | Dtype::Complex(f) => {
                let mut o = json!({ "float": f.size, "order": if f.order == super::ByteOrder::Big { ">" } else { "<" } });
                if let FloatFormat::Custom(l) = &f.format {
                    o["precision"] = l.precision.into();
                    o["exponent"] = l.exponent_bits.into();
                    o["mantissa"] = l.mantissa_bits.into();
                    if l.vax {
                        o["order"] = "vax".into();
                    }
                }
                if matches!(self, Dtype::Complex(_)) { json!({ "complex": o }) } else { o }
            }
            _ => Json::Null,
        }
    }
}

impl Dtype {
    /// Reads a description back: a string, a list of fields `[name, D]` or `[name, D, shape]`, or the pair
    /// `[D, shape]` of a subarray. A field with an empty name is padding.
    ///
    /// # Errors
    /// `Invalid` for anything else, for duplicate names and sizes that overflow.
    pub fn from_json(json: &Json) -> Result<Dtype> {
        described(json, 0)
    }
}

fn described(json: &Json, depth: u32) -> Result<Dtype> {
    let bad = || Error::invalid(format!("{json} is not a dtype description"));
    if depth > MAX_DEPTH {
        return Err(Error::invalid(format!("dtype nested deeper than {MAX_DEPTH} levels")));
    }
    match json {
        Json::String(s) => Dtype::from_descr(s),
        Json::Array(a) => match a.as_slice() {
            [base, Json::Array(dims)] if dims.iter().all(Json::is_number) => {
                subarray(described(base, depth + 1)?, dims).ok_or_else(bad)
            }
            fields => {
                let mut out = Struct { fields: Vec::with_capacity(fields.len()), itemsize: 0 };
                for field in fields {
                    let Json::Array(f) = field else { return Err(bad()) };
                    let (name, dtype) = match f.as_slice() {
                        [name, d] => (name, described(d, depth + 1)?),
                        [name, d, Json::Array(dims)] => {
                            (name, subarray(described(d, depth + 1)?, dims).ok_or_else(bad)?)
                        }
                        _ => return Err(bad()),
                    };
                    let (title, name) = match name {
                        Json::String(n) => (None, n.clone()),
                        Json::Array(pair) => match pair.as_slice() {
                            [Json::String(t), Json::String(n)] => (Some(t.clone()), n.clone()),
                            _ => return Err(bad()),
                        },
                        _ => return Err(bad()),
                    };
                    let offset = out.itemsize;
                    out.itemsize = offset.checked_add(dtype.itemsize()).ok_or_else(bad)?;
                    if !name.is_empty() || !matches!(dtype, Dtype::Void(_)) {
                        out.fields.push(Field { name, title, offset, dtype });
                    }
                }
                out.check()?;
                Ok(Dtype::Struct(Arc::new(out)))
            }
        },
        _ => Err(bad()),
    }
}

fn subarray(base: Dtype, dims: &[Json]) -> Option<Dtype> {
    let shape: Option<Shape> =
        dims.iter().map(Json::as_u64).collect::<Option<Vec<_>>>().map(|d| Shape::new(&d));
    ArrayType::new(base, shape?).ok().map(|a| Dtype::Array(Arc::new(a)))
}

fn struct_fields(s: &super::Struct) -> Vec<Json> {
    let mut out = Vec::new();
    let mut at = 0;
    for f in &s.fields {
        if f.offset > at {
            out.push(json!(["", format!("|V{}", f.offset - at)]));
        }
        at = f.offset.saturating_add(f.dtype.itemsize());
        let (base, shape) = match &f.dtype {
            Dtype::Array(a) => (&a.base, a.shape.clone()),
            other => (other, Shape::default()),
        };
        let name = match &f.title {
            Some(t) => json!([t, f.name]),
            None => json!(f.name),
        };
        let mut field = vec![name, base.to_json()];
        if !shape.is_empty() {
            field.push(json!(shape.to_vec()));
        }
        out.push(Json::Array(field));
    }
    if s.itemsize > at {
        out.push(json!(["", format!("|V{}", s.itemsize - at)]));
    }
    out
}

fn string(s: &StringType, length: Option<u32>) -> Json {
    json!({ "string": {
        "encoding": match s.charset { Charset::Ascii => "ascii", Charset::Utf8 => "utf-8" },
        "length": length,
        "padding": match s.padding {
            Padding::NullTerminated => "null-terminated",
            Padding::NullPadded => "null-padded",
            Padding::SpacePadded => "space-padded",
        },
    }})
}

fn odd_int(i: &Int) -> Json {
    json!({ "integer": i.size, "signed": i.signed, "bit_offset": i.bit_offset, "precision": i.precision })
}

fn int_value(v: i128) -> Json {
    i64::try_from(v).map(Json::from).or_else(|_| u64::try_from(v).map(Json::from)).unwrap_or(Json::Null)
}
