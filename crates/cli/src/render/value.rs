//! Metadata as an indented tree: one name a line, arrays as NumPy prints them.

use super::style::{ATTRIBUTE, DIM, paint};
use super::{array, cells, dtype, text};
use hyperslab::{Kind, Limits, Result, Value};

/// Short lists and arrays stay on the line of their name up to this width.
const LINE: usize = 72;

/// Named values, one below the other, each name after a mark (`@` for attributes).
///
/// # Errors
/// What decoding an array reports.
pub(crate) fn named_lines(values: &[(String, Value)], mark: &str, limits: &Limits) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for (name, value) in values {
        let name = paint(ATTRIBUTE, &format!("{mark}{}", text::name(name)));
        named(&name, value, 0, limits, &mut lines)?;
    }
    Ok(lines)
}

/// One value without a name.
///
/// # Errors
/// What decoding an array reports.
pub(crate) fn lines(value: &Value, limits: &Limits) -> Result<Vec<String>> {
    let mut out = Vec::new();
    match value {
        Value::Map(pairs) => {
            for (k, v) in pairs {
                named(&paint(ATTRIBUTE, &key(k)), v, 0, limits, &mut out)?;
            }
        }
        Value::Array(view) => out.extend(array::view(view, false, limits)?.lines().map(str::to_owned)),
        Value::List(_, items) if inline(value).is_none() => {
            for v in items {
                named("-", v, 0, limits, &mut out)?;
            }
        }
        v => out.push(inline(v).unwrap_or_else(|| cells::alone(v))),
    }
    if out.is_empty() {
        out.push("{}".into());
    }
    Ok(out)
}

fn named(name: &str, value: &Value, depth: usize, limits: &Limits, out: &mut Vec<String>) -> Result<()> {
    let pad = "  ".repeat(depth);
    let colon = if name == "-" { "" } else { ":" };
    if let Some(short) = inline(value) {
        out.push(format!("{pad}{name}{colon} {short}"));
        return Ok(());
    }
    match value {
        Value::Array(view) => {
            let kind = format!("{} {}", dtype::short(view.dtype()), view.shape());
            // What has no text leaves the rest of the metadata readable.
            let body = match array::view(view, false, limits) {
                Err(e) if e.kind() == Kind::Unsupported => format!("({})", e.message()),
                body => body?,
            };
            out.push(format!("{pad}{name}{colon} {}", paint(DIM, &kind)));
            out.extend(body.lines().map(|l| format!("{pad}  {l}")));
        }
        Value::Map(pairs) => {
            out.push(format!("{pad}{name}{colon}"));
            for (k, v) in pairs {
                named(&paint(ATTRIBUTE, &key(k)), v, depth + 1, limits, out)?;
            }
        }
        Value::List(_, items) => {
            out.push(format!("{pad}{name}{colon}"));
            for v in items {
                named("-", v, depth + 1, limits, out)?;
            }
        }
        Value::Opaque(o) => {
            out.push(format!("{pad}{name}{colon} <{}>", text::name(&o.name)));
            for (k, v) in &o.parts {
                named(&paint(ATTRIBUTE, &text::name(k)), v, depth + 1, limits, out)?;
            }
        }
        v => out.push(format!("{pad}{name}{colon} {}", cells::alone(v))),
    }
    Ok(())
}

fn key(k: &Value) -> String {
    match k {
        Value::String(s) => text::name(s),
        other => cells::alone(other),
    }
}

/// A value that fits on the line of its name.
fn inline(value: &Value) -> Option<String> {
    match value {
        Value::Map(p) if p.is_empty() => Some("{}".into()),
        Value::Map(_) => None,
        Value::Opaque(o) if o.parts.is_empty() => Some(format!("<{}>", text::name(&o.name))),
        Value::Opaque(_) => None,
        Value::Array(v) if v.shape().is_empty() || v.len() <= 8 => {
            let body = array::view(v, false, &Limits::default()).ok()?;
            (body.len() <= LINE && !body.contains('\n')).then_some(body)
        }
        Value::Array(_) => None,
        Value::List(kind, items) => {
            // A long list is given up as soon as it is known to be one.
            let (mut words, mut width) = (Vec::new(), 0);
            for v in items {
                let word = inline(v)?;
                width += word.len() + 2;
                words.push(word);
                if width > LINE {
                    return None;
                }
            }
            Some(cells::sequence(*kind, &words))
        }
        v => Some(cells::alone(v)),
    }
}
