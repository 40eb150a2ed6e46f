//! NRRD headers, attached to their data (`.nrrd`) or in a file of their own (`.nhdr`).
//!
//! Extents come fastest first, which is NumPy's shape reversed. Source: "Definition of NRRD File Format" of the Teem
//! project, versions NRRD0001 to NRRD0005.

use super::{Description, Place, list, plain, whole};
use crate::raw::Layout;
use hyperslab_core::{Dtype, Error, Order, Result, Shape, Value};

/// How every header begins; a digit of the version follows.
pub const MAGIC: &[u8] = b"NRRD000";

/// Parses the header at the start of `bytes`; for an attached one, the elements follow it there.
///
/// # Errors
/// `Invalid` for a header that does not describe an array, `Unsupported` for encodings other than raw, data in
/// several files or in another directory, and block types without a size.
pub fn parse(bytes: &[u8]) -> Result<Description> {
    header(bytes).map_err(|e| e.reading("NRRD header"))
}

fn header(bytes: &[u8]) -> Result<Description> {
    match bytes.strip_prefix(MAGIC) {
        Some([b'1'..=b'5', b'\n' | b'\r', ..]) => {}
        Some([v, ..]) => {
            return Err(Error::unsupported(format!("format NRRD000{}, known are 1 to 5", char::from(*v))));
        }
        _ => return Err(Error::invalid("the first line is not NRRD0001 to NRRD0005")),
    }
    let (fields, end) = fields(bytes)?;
    let get = |key: &str| fields.iter().find(|f| !f.pair && f.key == key).map(|f| f.value.as_str());
    let need = |key: &'static str| {
        get(key).ok_or_else(|| Error::invalid(format!("the header does not say {key:?}")))
    };
    let rank = whole("dimension", need("dimension")?)?;
    let sizes = need("sizes")?.split_whitespace();
    let sizes: Vec<u64> = sizes.map(|t| whole("sizes", t)).collect::<Result<_>>()?;
    if sizes.len() as u64 != rank || sizes.len() > Shape::MAX_RANK {
        return Err(Error::invalid(format!("dimension is {rank}, there are {} sizes", sizes.len())));
    }
    match need("encoding")?.to_ascii_lowercase().as_str() {
        "raw" => {}
        other => {
            return Err(Error::unsupported(format!("encoding {other:?}"))
                .hint("only raw is read: 'unu save -e raw' writes it"));
        }
    }
    let dtype = element(need("type")?, get("endian"), get("block size"))?;
    let (line_skip, byte_skip) = (get("line skip").unwrap_or("0"), get("byte skip").unwrap_or("0"));
    if whole("line skip", line_skip)? != 0 {
        return Err(Error::unsupported(format!("line skip {line_skip}")));
    }
    let file = get("data file").or_else(|| get("datafile"));
    let data = match (file, byte_skip) {
        (Some(f), _) if f.starts_with("LIST") || f.contains('%') => {
            return Err(Error::unsupported("data in several files"));
        }
        (Some(f), _) if !is_plain(f) => {
            return Err(Error::unsupported(format!("data in another directory ({f:.80?})"))
                .hint("only a file beside the header is opened"));
        }
        (Some(f), "-1") => Place::AtEnd(f.to_owned()),
        (Some(f), _) => Place::Named(f.to_owned()),
        (None, "-1") => return Err(Error::unsupported("byte skip -1 in the header's own file")),
        (None, _) => Place::Behind,
    };
    let skip = if byte_skip == "-1" { 0 } else { whole("byte skip", byte_skip)? };
    let offset = match data {
        Place::Behind => {
            let end = end.ok_or_else(|| Error::invalid("no empty line ends the header"))?;
            skip.checked_add(end as u64).ok_or_else(|| Error::invalid(format!("byte skip {skip}")))?
        }
        _ => skip,
    };
    let shape = Some(sizes.into_iter().rev().map(Some).collect());
    let layout = Layout { dtype, shape, order: Order::C, offset, count: None };
    const LAYOUT: [&str; 10] = [
        "type",
        "dimension",
        "sizes",
        "endian",
        "encoding",
        "data file",
        "datafile",
        "byte skip",
        "line skip",
        "block size",
    ];
    let attributes = fields
        .iter()
        .filter(|f| f.pair || !LAYOUT.contains(&f.key.as_str()))
        .map(|f| (f.key.clone(), if f.pair { Value::from(f.value.as_str()) } else { value(&f.value) }))
        .collect();
    Ok(Description { layout, data, attributes })
}

/// Whether a name names a file beside the header.
fn is_plain(name: &str) -> bool {
    let name = name.strip_prefix("./").unwrap_or(name);
    !name.is_empty() && !name.contains(['/', '\\', ':', '\0']) && name != ".." && name != "."
}

struct Line {
    key: String,
    value: String,
    /// `key:=value`, which is the user's own.
    pair: bool,
}

/// The lines after the first, and where the data begin when an empty line ends the header.
fn fields(bytes: &[u8]) -> Result<(Vec<Line>, Option<usize>)> {
    let mut out: Vec<Line> = Vec::new();
    let mut at = 0usize;
    let mut first = true;
    for line in bytes.split_inclusive(|&b| b == b'\n') {
        at += line.len();
        let ended = line.ends_with(b"\n");
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if std::mem::take(&mut first) || line.starts_with(b"#") {
            continue;
        }
        if line.is_empty() && ended {
            return Ok((out, Some(at)));
        }
        let text = std::str::from_utf8(line)
            .map_err(|_| Error::invalid("a line that is not text").at((at - line.len()) as u64))?;
        let pair = text.split_once(":=");
        let field = text.split_once(": ").map(|(k, v)| (k.to_ascii_lowercase(), v));
        // A description may hold ':=', and a pair's value ': '.
        let (key, value, pair) = match (pair, field) {
            (Some((k, v)), field) if field.as_ref().is_none_or(|(f, _)| f.len() >= k.len()) => {
                (k.to_owned(), v, true)
            }
            (_, Some((k, v))) => (k, v.trim(), false),
            _ => return Err(Error::invalid(format!("{text:.40?} where 'field: value' is expected"))),
        };
        if out.iter().any(|l| l.key == key && l.pair == pair) {
            return Err(Error::invalid(format!("{key:.40?} comes twice")));
        }
        out.push(Line { key, value: value.to_owned(), pair });
    }
    Ok((out, None))
}

fn element(name: &str, endian: Option<&str>, block: Option<&str>) -> Result<Dtype> {
    let code = match name.trim() {
        "signed char" | "int8" | "int8_t" => "i1",
        "uchar" | "unsigned char" | "uint8" | "uint8_t" => "u1",
        "short" | "short int" | "signed short" | "signed short int" | "int16" | "int16_t" => "i2",
        "ushort" | "unsigned short" | "unsigned short int" | "uint16" | "uint16_t" => "u2",
        "int" | "signed int" | "int32" | "int32_t" => "i4",
        "uint" | "unsigned int" | "uint32" | "uint32_t" => "u4",
        "longlong"
        | "long long"
        | "long long int"
        | "signed long long"
        | "signed long long int"
        | "int64"
        | "int64_t" => "i8",
        "ulonglong" | "unsigned long long" | "unsigned long long int" | "uint64" | "uint64_t" => "u8",
        "float" => "f4",
        "double" => "f8",
        "block" => {
            let size = block.ok_or_else(|| Error::unsupported("blocks without a block size"))?;
            let size = whole("block size", size)?;
            let size = u32::try_from(size).ok().filter(|&n| n <= i32::MAX as u32);
            return size.map(Dtype::Void).ok_or_else(|| Error::unsupported("blocks of 2 GiB and more"));
        }
        other => return Err(Error::unsupported(format!("type {other:.40?}"))),
    };
    let order = match (code, endian) {
        ("i1" | "u1", _) => '|',
        (_, Some("little")) => '<',
        (_, Some("big")) => '>',
        (_, None) => return Err(Error::invalid("the header does not say \"endian\"")),
        (_, Some(other)) => return Err(Error::invalid(format!("endian is {other:.40?}"))),
    };
    Dtype::from_descr(&format!("{order}{code}"))
}

fn value(text: &str) -> Value {
    let words: Vec<&str> = text.split_whitespace().collect();
    let numbers = words.len() > 1 && words.iter().all(|w| w.parse::<f64>().is_ok_and(f64::is_finite));
    if numbers { list(words.into_iter()) } else { plain(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "NRRD0004\n# made by hand\ntype: short\ndimension: 2\nsizes: 4 3\nendian: big\n\
                        encoding: raw\nspacings: 0.5 2\ncontent: a scan\nkey:=a: value\n";

    #[test]
    fn attached() {
        let text = format!("{HEAD}\n");
        let d = parse(&[text.as_bytes(), &[0; 24]].concat()).unwrap();
        assert_eq!(d.layout.dtype, Dtype::from_descr(">i2").unwrap());
        assert_eq!(d.layout.shape, Some(vec![Some(3), Some(4)]));
        assert_eq!((d.layout.offset, d.data), (text.len() as u64, Place::Behind));
        let spacings = Value::list([Value::from(0.5), Value::from(2)]);
        assert_eq!(d.attributes[0], ("spacings".into(), spacings));
        assert_eq!(d.attributes[1], ("content".into(), Value::from("a scan")));
        assert_eq!(d.attributes[2], ("key".into(), Value::from("a: value")));
    }

    #[test]
    fn detached() {
        let d = parse(format!("{HEAD}data file: x.raw\nbyte skip: 8\n").as_bytes()).unwrap();
        assert_eq!((d.layout.offset, d.data), (8, Place::Named("x.raw".into())));
        let d = parse(format!("{HEAD}data file: x.raw\nbyte skip: -1\n").as_bytes()).unwrap();
        assert_eq!(d.data, Place::AtEnd("x.raw".into()));
    }

    #[test]
    fn what_is_refused() {
        for (text, what) in [
            (HEAD.to_owned(), "empty line"),
            (HEAD.replace("raw", "gzip") + "\n", "encoding \"gzip\""),
            (HEAD.replace("endian: big\n", "") + "\n", "endian"),
            (HEAD.replace("dimension: 2", "dimension: 3") + "\n", "2 sizes"),
            (HEAD.replace("sizes: 4 3", "sizes: 4 -3") + "\n", "whole number"),
            (HEAD.replace("short", "long") + "\n", "type \"long\""),
            (HEAD.replace("0004", "0009") + "\n", "NRRD0009"),
            (HEAD.to_owned() + "data file: ../x\n", "another directory"),
            (HEAD.to_owned() + "data file: /etc/passwd\n", "another directory"),
            (HEAD.to_owned() + "data file: x%03d.raw 1 9 1\n", "several files"),
            (HEAD.to_owned() + "type: int\n\n", "twice"),
            (HEAD.to_owned() + "line skip: 2\n\n", "line skip"),
            (HEAD.to_owned() + "nonsense\n\n", "field: value"),
        ] {
            let e = parse(text.as_bytes()).unwrap_err().to_string();
            assert!(e.contains(what), "{text}: {e}");
        }
    }
}
