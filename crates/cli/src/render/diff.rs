//! One difference between two containers on one line.

use super::style::{BAD, NAME, paint};
use super::{cells, dtype, text, value};
use hyperslab::diff::{Difference, Facet, Found, What};
use hyperslab::{Dtype, Limits, Result, Shape, Value, ls};

/// Longer values are cut.
const LONGEST: usize = 60;

/// `/x: 3 of 12 values differ, first at [0, 2]: 1.0 and 2.0; ..`; `files` are the names of both.
///
/// # Errors
/// What decoding an attribute reports.
pub(crate) fn line(difference: &Difference, files: (&str, &str), limits: &Limits) -> Result<String> {
    let label = match difference.path.as_str() {
        "" => files.0,
        path => path,
    };
    let both = |word: &str| -> Result<String> {
        let Some((a, b)) = &difference.sides else { return Ok(word.to_owned()) };
        let space = if word.is_empty() { "" } else { " " };
        Ok(format!("{word}{space}{} and {}", facet(a, limits)?, facet(b, limits)?))
    };
    let what = match (difference.what, &difference.found) {
        (What::OnlyInA, _) => format!("only in {}", text::name(files.0)),
        (What::OnlyInB, _) => format!("only in {}", text::name(files.1)),
        (What::Values, Some(found)) => values(found, &both("")?),
        (What::Kind | What::Attribute, _) => both("")?,
        (What::Target, _) => both("points at")?,
        (what, _) => both(what.name())?,
    };
    Ok(format!("{}: {what}", paint(NAME, &text::name(label))))
}

fn values(found: &Found, both: &str) -> String {
    let mut line = match found.index.is_empty() {
        true => both.to_owned(),
        false => {
            let index: Vec<String> = found.index.iter().map(u64::to_string).collect();
            let counted = format!("{} of {} values differ", found.count, found.total);
            format!("{}, first at [{}]: {both}", paint(BAD, &counted), index.join(", "))
        }
    };
    if let Some(abs) = found.max_abs {
        line.push_str(&format!("; greatest difference {}", distance(abs)));
    }
    if let Some(rel) = found.max_rel {
        line.push_str(&format!(", relative {}", distance(rel)));
    }
    line
}

/// A distance to six digits, or exactly where it is whole; JSON has all of them.
fn distance(v: f64) -> String {
    let short = match v.fract() == 0.0 && v.abs() < 1e15 {
        true => v,
        false => format!("{v:.5e}").parse().unwrap_or(v),
    };
    cells::scalar(&Dtype::F64, &Value::Float(short))
}

fn facet(facet: &Facet, limits: &Limits) -> Result<String> {
    Ok(match facet {
        Facet::Kind(kind) => ls::kind(*kind).to_owned(),
        Facet::Dtype(dtype) => dtype::short(dtype),
        Facet::Shape(shape) => shape.as_ref().map_or("null".into(), Shape::to_string),
        Facet::Target(target) => text::name(target),
        Facet::Element(_, v @ (Value::String(_) | Value::Bytes(_))) => short(&cells::alone(v)),
        Facet::Element(Dtype::Reference(..), Value::Opaque(o)) => {
            short(&o.parts.first().map(|(_, v)| cells::alone(v)).unwrap_or_default())
        }
        Facet::Element(dtype, v) => short(&cells::scalar(dtype, v)),
        Facet::Value(v) => {
            let lines = value::lines(v, limits)?;
            let lines: Vec<&str> = lines.iter().map(|l| l.trim()).collect();
            short(&anstream::adapter::strip_str(&lines.join(" ")).to_string())
        }
        _ => String::new(),
    })
}

fn short(whole: &str) -> String {
    let whole = text::name(whole);
    match whole.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}..", whole.get(..at).unwrap_or_default()),
        None => whole,
    }
}
