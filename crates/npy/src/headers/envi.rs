//! ENVI headers: `samples`, `lines` and `bands` of an image whose elements lie in a file beside it.
//!
//! Source: the description of the ENVI header format by its maker (NV5, ENVI 5.6, "ENVI Header Files").

use super::{Description, Place, list, plain, whole};
use crate::raw::Layout;
use hyperslab_core::{Dtype, Error, Order, Result, Value};

/// The first line.
pub const MAGIC: &[u8] = b"ENVI";

/// The data types by their number.
const TYPES: [(u64, &str); 11] = [
    (1, "u1"),
    (2, "i2"),
    (3, "i4"),
    (4, "f4"),
    (5, "f8"),
    (6, "c8"),
    (9, "c16"),
    (12, "u2"),
    (13, "u4"),
    (14, "i8"),
    (15, "u8"),
];

/// Parses a header.
///
/// # Errors
/// `Invalid` for text that is no ENVI header or lacks what describes the array, `Unsupported` for compressed data and
/// unknown types and interleaves.
pub fn parse(text: &str) -> Result<Description> {
    header(text).map_err(|e| e.reading("ENVI header"))
}

fn header(text: &str) -> Result<Description> {
    let fields = fields(text)?;
    let get = |key: &str| fields.iter().rev().find(|(k, _)| k == key).map(|(_, v)| v.as_str());
    let number = |key: &str| get(key).map(|v| whole(key, v)).transpose();
    let need = |key: &'static str| {
        number(key)?.ok_or_else(|| Error::invalid(format!("the header does not say {key:?}")))
    };
    let (samples, lines) = (need("samples")?, need("lines")?);
    let bands = number("bands")?.unwrap_or(1);
    if number("file compression")?.unwrap_or(0) != 0 {
        return Err(Error::unsupported("compressed data").hint("unpack the file first"));
    }
    let code = need("data type")?;
    let name = TYPES.iter().find(|(c, _)| *c == code).map(|(_, n)| *n);
    let name = name.ok_or_else(|| Error::unsupported(format!("data type {code}")))?;
    let order = match number("byte order")?.unwrap_or(0) {
        0 => '<',
        1 => '>',
        other => return Err(Error::invalid(format!("byte order {other}, expected 0 or 1"))),
    };
    let shape = match get("interleave").map(str::to_ascii_lowercase).as_deref() {
        None | Some("bsq") => [bands, lines, samples],
        Some("bil") => [lines, bands, samples],
        Some("bip") => [lines, samples, bands],
        Some(other) => return Err(Error::unsupported(format!("interleave {other:?}"))),
    };
    let dtype = Dtype::from_descr(&format!("{order}{name}"))?;
    let layout = Layout {
        dtype,
        shape: Some(shape.map(Some).to_vec()),
        order: Order::C,
        offset: number("header offset")?.unwrap_or(0),
        count: None,
    };
    const LAYOUT: [&str; 7] =
        ["samples", "lines", "bands", "header offset", "data type", "byte order", "file compression"];
    let attributes = fields.iter().filter(|(k, _)| !LAYOUT.contains(&k.as_str()));
    let attributes = attributes.map(|(k, v)| (k.clone(), value(v))).collect();
    Ok(Description { layout, data: Place::Beside, attributes })
}

/// `key = value` lines; a value in braces goes on over lines. Keys in lower case.
fn fields(text: &str) -> Result<Vec<(String, String)>> {
    let mut lines = text.lines();
    if lines.next().map(str::trim) != Some("ENVI") {
        return Err(Error::invalid("the first line is not ENVI"));
    }
    let mut out: Vec<(String, String)> = Vec::new();
    while let Some(line) = lines.next() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(';') {
            continue;
        }
        let Some((key, value)) = line.split_once('=') else {
            return Err(Error::invalid(format!("{line:.40?} where 'key = value' is expected")));
        };
        let mut value = value.trim().to_owned();
        if value.starts_with('{') {
            while !value.ends_with('}') {
                let Some(more) = lines.next() else {
                    return Err(Error::invalid(format!("the braces of {:.40?} are not closed", key.trim())));
                };
                value.push('\n');
                value.push_str(more.trim());
            }
        }
        out.push((key.trim().to_ascii_lowercase(), value));
    }
    Ok(out)
}

fn value(text: &str) -> Value {
    match text.strip_prefix('{').and_then(|t| t.strip_suffix('}')) {
        Some(inner) if inner.contains(',') => list(inner.split(',')),
        Some(inner) => plain(inner.trim()),
        None => plain(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header() {
        let d = parse(
            "ENVI\ndescription = {\n  A scene}\nSamples = 4\nlines = 3\nbands = 2\nheader offset = 16\n\
             data type = 2\ninterleave = bil\nbyte order = 1\nwavelength = {400.5, 500}\n",
        )
        .unwrap();
        assert_eq!(d.layout.dtype, Dtype::from_descr(">i2").unwrap());
        assert_eq!(d.layout.shape, Some(vec![Some(3), Some(2), Some(4)]));
        assert_eq!((d.layout.offset, &d.data), (16, &Place::Beside));
        assert_eq!(d.attributes[0], ("description".into(), Value::from("A scene")));
        let wavelength = Value::list([Value::from(400.5), Value::from(500)]);
        assert_eq!(d.attributes[2], ("wavelength".into(), wavelength));
    }

    #[test]
    fn what_is_refused() {
        let ok = "ENVI\nsamples=1\nlines=1\ndata type=1\n";
        assert!(parse(ok).is_ok());
        for (text, what) in [
            ("samples=1", "first line"),
            ("ENVI\nsamples=1\nlines=1", "data type"),
            ("ENVI\nsamples=1\nlines=1\ndata type=7", "data type 7"),
            ("ENVI\nsamples=-1\nlines=1\ndata type=1", "whole number"),
            ("ENVI\nsamples=1\nlines=1\ndata type=1\nfile compression=1", "compressed"),
            ("ENVI\nsamples=1\nlines=1\ndata type=1\nbyte order=2", "byte order"),
            ("ENVI\nsamples=1\nlines=1\ndata type=1\ninterleave=x", "interleave"),
            ("ENVI\nx = {1,", "braces"),
            ("ENVI\nx", "key = value"),
        ] {
            let e = parse(text).unwrap_err().to_string();
            assert!(e.contains(what), "{text:?}: {e}");
        }
    }
}
