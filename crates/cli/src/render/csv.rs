//! Arrays of at most two dimensions as comma-separated values (RFC 4180, lines end with LF).
//!
//! Fields of a struct are columns with a heading; floats are their shortest digits; text is quoted where it must be.

use super::cells;
use hyperslab::{Dtype, Error, Result, Value, View, scalar};
use std::fmt::Write as _;

/// The heading of a struct's columns; `None` where there is none.
///
/// # Errors
/// `Usage` for an array that is no table.
pub(crate) fn heading(dtype: &Dtype, rank: usize) -> Result<Option<String>> {
    let fields = match dtype {
        Dtype::Struct(s) => &s.fields,
        _ if rank <= 2 => return Ok(None),
        _ => {
            return Err(Error::usage(format!("an array of {rank} dimensions is not a table"))
                .hint("take a slice of at most two dimensions, for example '[0]'"));
        }
    };
    let nested = |d: &Dtype| matches!(d, Dtype::Struct(_) | Dtype::Array(_) | Dtype::Vlen(_));
    if rank > 1 || fields.iter().any(|f| nested(&f.dtype)) {
        return Err(Error::usage("structs of more than one dimension or level are not a table")
            .hint("use --json, or take one field's data through --npy"));
    }
    Ok(Some(fields.iter().map(|f| quoted(&f.name)).collect::<Vec<_>>().join(",")))
}

/// The lines of a part of the rows.
///
/// # Errors
/// What decoding an element reports.
pub(crate) fn lines(view: &View<'_>) -> Result<String> {
    let per_line = match view.shape().len() {
        2 => view.shape().get(1).copied().unwrap_or(1),
        _ => 1,
    };
    let heap = view.heap().map(|h| &**h);
    let (mut out, mut at) = (String::new(), 0u64);
    view.for_each(|element| {
        let value = scalar::decode(view.dtype(), element, heap)?;
        match (view.dtype(), &value) {
            (Dtype::Struct(s), Value::Map(pairs)) => {
                for (i, (f, (_, v))) in s.fields.iter().zip(pairs).enumerate() {
                    let comma = if i > 0 { "," } else { "" };
                    let _ = write!(out, "{comma}{}", cell(&f.dtype, v));
                }
            }
            (dtype, value) => out.push_str(&cell(dtype, value)),
        }
        at += 1;
        out.push(if at % per_line == 0 { '\n' } else { ',' });
        Ok(())
    })?;
    Ok(out)
}

fn cell(dtype: &Dtype, value: &Value) -> String {
    match value {
        Value::String(s) => quoted(s),
        Value::Bytes(b) => match std::str::from_utf8(b) {
            Ok(s) => quoted(s),
            // As Python shows what is no text.
            Err(_) => quoted(&b.escape_ascii().to_string()),
        },
        value => quoted(&cells::scalar(dtype, value)),
    }
}

fn quoted(s: &str) -> String {
    if s.contains([',', '"', '\n', '\r']) { format!("\"{}\"", s.replace('"', "\"\"")) } else { s.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_columns() {
        let v = View::from_slice([2, 2], &[1.0f64, 0.1, f64::NAN, -2.5]).unwrap();
        assert_eq!(lines(&v).unwrap(), "1.0,0.1\nnan,-2.5\n");
        assert!(heading(&Dtype::F64, 3).is_err());
        let s = View::new("|S3".parse().unwrap(), [2].into(), &b"a,bc\"\0"[..]).unwrap();
        assert_eq!(lines(&s).unwrap(), "\"a,b\"\n\"c\"\"\"\n");
    }
}
