//! Values as the cells of an array, one notation and one width for all of them; and a value that stands alone.
//!
//! Source: NumPy 2.4's array printing, observed; compared with it in `tests/numpy_printing.rs`.

use super::float::{self, Column, Width};
use super::text;
use hyperslab::dtype::TimeUnit;
use hyperslab::value::{ListKind, Opaque};
use hyperslab::{Dtype, Value, time};

/// The cells of the values of one dtype.
pub(crate) fn column(dtype: &Dtype, values: &[&Value]) -> Vec<String> {
    match dtype {
        Dtype::Bool => each(values, |v| if truth(v) { " True".into() } else { "False".into() }),
        Dtype::Float(f) => {
            let numbers: Vec<f64> = values.iter().map(|v| number(v)).collect();
            let c = Column::new(&numbers, Width::of(f.size), false);
            numbers.iter().map(|v| c.text(*v)).collect()
        }
        Dtype::Complex(f) => complex(values, Width::of(f.size)),
        Dtype::Datetime(unit, _) => times(values, |t| format!("'{}'", time::date(t, unit))),
        Dtype::Timedelta(..) => times(values, |t| t.to_string()),
        Dtype::Struct(s) => {
            let fields: Vec<Vec<String>> = s
                .fields
                .iter()
                .map(|f| {
                    let of: Vec<&Value> = values.iter().map(|v| field(v, &f.name)).collect();
                    column(&f.dtype, &of)
                })
                .collect();
            (0..values.len()).map(|i| tuple(fields.iter().map(|c| c.get(i).map_or("", |s| s)))).collect()
        }
        Dtype::Array(_) => subarrays(dtype, values),
        Dtype::Int(_) | Dtype::Enum(_) | Dtype::Bitfield(_) => aligned(each(values, alone)),
        Dtype::Void(_) | Dtype::Opaque(..) => each(values, opaque),
        _ => each(values, alone),
    }
}

/// Bytes without meaning, every one in hexadecimal.
fn opaque(value: &Value) -> String {
    match value {
        Value::Bytes(b) => format!("b'{}'", b.iter().map(|b| format!("\\x{b:02x}")).collect::<String>()),
        v => alone(v),
    }
}

/// A value that stands alone, as NumPy writes a scalar of this dtype.
pub(crate) fn scalar(dtype: &Dtype, value: &Value) -> String {
    match (dtype, value) {
        (Dtype::Float(f), Value::Float(v)) => float::scalar(*v, Width::of(f.size)),
        (Dtype::Complex(f), Value::Complex(re, im)) => complex_scalar(*re, *im, Width::of(f.size)),
        (Dtype::Datetime(u, _), Value::Int(t)) => time::date(ticks(*t), u),
        (Dtype::Timedelta(u, _), Value::Int(t)) => time::duration(ticks(*t), u),
        (Dtype::Struct(s), Value::Map(_)) => tuple(
            s.fields
                .iter()
                .map(|f| in_tuple(&f.dtype, field(value, &f.name)))
                .collect::<Vec<_>>()
                .iter()
                .map(String::as_str),
        ),
        (Dtype::Void(_) | Dtype::Opaque(..), v) => opaque(v),
        (_, Value::String(s)) => text::plain(s),
        _ => alone(value),
    }
}

/// A field of a struct that stands alone.
fn in_tuple(dtype: &Dtype, value: &Value) -> String {
    match (dtype, value) {
        (Dtype::Float(_) | Dtype::Struct(_), _) => scalar(dtype, value),
        (Dtype::Array(_), Value::List(_, items)) => {
            let (base, _) = dtype.split_subarray();
            list(items.iter().map(|v| match v {
                Value::List(..) => in_tuple(dtype, v),
                v => in_tuple(base, v),
            }))
        }
        (Dtype::Datetime(u, _), Value::Int(t)) => quoted(ticks(*t), u),
        (Dtype::Complex(_), _) => column(dtype, &[value]).pop().unwrap_or_default(),
        _ => alone(value),
    }
}

/// A plain value in Python's notation.
pub(crate) fn alone(value: &Value) -> String {
    match value {
        Value::Null => "None".into(),
        Value::Bool(b) => if *b { "True" } else { "False" }.into(),
        Value::Int(i) => i.to_string(),
        // Decimal digits take time by their square; Python refuses more than these by default.
        Value::BigInt(i) if i.bits() > hyperslab::json::MOST_DECIMAL_BITS => format!("{:#x}", **i),
        Value::BigInt(i) => i.to_string(),
        Value::Float(v) => float::scalar(*v, Width::Double),
        Value::Complex(re, im) => complex_scalar(*re, *im, Width::Double),
        Value::String(s) => text::string(s),
        Value::Bytes(b) => text::bytes(b),
        Value::List(kind, items) => sequence(*kind, &items.iter().map(alone).collect::<Vec<_>>()),
        Value::Map(pairs) => {
            tuple(pairs.iter().map(|(_, v)| alone(v)).collect::<Vec<_>>().iter().map(|s| &**s))
        }
        Value::Opaque(o) => match pointed_at(o) {
            Some(place) => format!("<{} {place}>", text::name(&o.name)),
            None => format!("<{}>", text::name(&o.name)),
        },
        other => format!("{other:?}"),
    }
}

/// What a reference points at, as a target on the command line: path, region, attribute.
fn pointed_at(o: &Opaque) -> Option<String> {
    let part = |name: &str| o.parts.iter().find(|(n, _)| n == name).map(|(_, v)| v);
    let mut place = match (part("path"), part("address")) {
        (Some(Value::String(path)), _) => text::name(path),
        (Some(_), _) => "null".into(),
        (None, Some(Value::Int(address))) => format!("at byte {address}"),
        _ => return None,
    };
    if let Some(Value::String(region)) = part("region") {
        place.push_str(region);
    }
    if let Some(Value::String(name)) = part("attribute") {
        place.push('@');
        place.push_str(&text::name(name));
    }
    Some(place)
}

fn each(values: &[&Value], f: impl Fn(&Value) -> String) -> Vec<String> {
    values.iter().map(|v| f(v)).collect()
}

/// Items in the brackets of their kind of sequence.
pub(crate) fn sequence(kind: ListKind, items: &[String]) -> String {
    let inside = items.join(", ");
    match (kind, items) {
        (ListKind::List, _) => format!("[{inside}]"),
        (ListKind::Tuple, [_]) => format!("({inside},)"),
        (ListKind::Tuple, _) => format!("({inside})"),
        (ListKind::Set, []) => "set()".into(),
        (ListKind::Set, _) => format!("{{{inside}}}"),
        (ListKind::FrozenSet, []) => "frozenset()".into(),
        (ListKind::FrozenSet, _) => format!("frozenset({{{inside}}})"),
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

fn tuple<'s>(items: impl Iterator<Item = &'s str>) -> String {
    let items: Vec<&str> = items.collect();
    match items.as_slice() {
        [one] => format!("({one},)"),
        all => format!("({})", all.join(", ")),
    }
}

fn aligned(cells: Vec<String>) -> Vec<String> {
    let width = cells.iter().map(String::len).max().unwrap_or(0);
    cells.into_iter().map(|c| format!("{c:>width$}")).collect()
}

fn truth(v: &Value) -> bool {
    matches!(v, Value::Bool(true))
}

fn number(v: &Value) -> f64 {
    match v {
        Value::Float(f) => *f,
        _ => f64::NAN,
    }
}

fn ticks(t: i128) -> i64 {
    i64::try_from(t).unwrap_or(i64::MIN)
}

fn quoted(t: i64, unit: &TimeUnit) -> String {
    format!("'{}'", time::date(t, unit))
}

static NULL: Value = Value::Null;

fn field<'v>(value: &'v Value, name: &str) -> &'v Value {
    value.get(name).unwrap_or(&NULL)
}

/// Dates and durations: right-aligned, `'NaT'` where there is none.
fn times(values: &[&Value], f: impl Fn(i64) -> String) -> Vec<String> {
    aligned(each(values, |v| match v {
        Value::Int(t) if ticks(*t) != i64::MIN => f(ticks(*t)),
        _ => "'NaT'".into(),
    }))
}

fn complex(values: &[&Value], width: Width) -> Vec<String> {
    let part = |v: &Value, real: bool| match v {
        Value::Complex(re, im) => {
            if real {
                *re
            } else {
                *im
            }
        }
        _ => f64::NAN,
    };
    let re: Vec<f64> = values.iter().map(|v| part(v, true)).collect();
    let im: Vec<f64> = values.iter().map(|v| part(v, false)).collect();
    let (a, b) = (Column::new(&re, width, false), Column::new(&im, width, true));
    let cell = |(re, im): (&f64, &f64)| {
        let imaginary = b.text(*im);
        let digits = imaginary.trim_end();
        let pad = " ".repeat(imaginary.len() - digits.len());
        format!("{}{digits}j{pad}", a.text(*re))
    };
    re.iter().zip(&im).map(cell).collect()
}

fn complex_scalar(re: f64, im: f64, width: Width) -> String {
    let short = |v: f64| {
        let s = float::scalar(v, width);
        s.strip_suffix(".0").map(str::to_owned).unwrap_or(s)
    };
    if re == 0.0 && re.is_sign_positive() {
        return format!("{}j", short(im));
    }
    let plus = if im.is_nan() || im.is_sign_positive() { "+" } else { "" };
    format!("({}{plus}{}j)", short(re), short(im))
}

/// Arrays inside elements: one notation for all their items, brackets with commas.
fn subarrays(dtype: &Dtype, values: &[&Value]) -> Vec<String> {
    fn flatten<'v>(v: &'v Value, out: &mut Vec<&'v Value>) {
        match v {
            Value::List(_, items) => items.iter().for_each(|i| flatten(i, out)),
            v => out.push(v),
        }
    }
    fn nest(v: &Value, cells: &mut impl Iterator<Item = String>) -> String {
        match v {
            Value::List(_, items) => {
                list(items.iter().map(|i| nest(i, cells)).collect::<Vec<_>>().into_iter())
            }
            _ => cells.next().unwrap_or_default(),
        }
    }
    let (base, _) = dtype.split_subarray();
    let mut flat = Vec::new();
    values.iter().for_each(|v| flatten(v, &mut flat));
    let mut cells = column(base, &flat).into_iter();
    values.iter().map(|v| nest(v, &mut cells)).collect()
}
