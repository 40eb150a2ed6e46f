//! NumPy's one-string descriptions (`"<f8"`, `"|S3"`, `"<M8[ns]"`) and the plain names people type.
//!
//! Source: NumPy 2.4 `numpy.dtype` and what `numpy.lib.format` writes. The full grammar of an NPY header
//! (lists, tuples, comma strings) belongs to the npy crate.

use super::{ByteOrder, Dtype, Float, FloatFormat, TimeUnit};
use crate::{Error, Result};
use std::str::FromStr;

const UNITS: [&str; 13] = ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as"];

/// Fixed-width names, with the code each stands for.
const NAMES: [(&str, &str); 14] = [
    ("bool", "b1"),
    ("int8", "i1"),
    ("int16", "i2"),
    ("int32", "i4"),
    ("int64", "i8"),
    ("uint8", "u1"),
    ("uint16", "u2"),
    ("uint32", "u4"),
    ("uint64", "u8"),
    ("float16", "f2"),
    ("float32", "f4"),
    ("float64", "f8"),
    ("complex64", "c8"),
    ("complex128", "c16"),
];

impl Dtype {
    /// NumPy's description where one string says it all, byte order included.
    pub fn descr(&self) -> Option<String> {
        let order = |o: ByteOrder, size: u64| match o {
            _ if size <= 1 => '|',
            ByteOrder::Little => '<',
            ByteOrder::Big => '>',
        };
        Some(match self {
            Dtype::Bool => "|b1".into(),
            Dtype::Int(i) if i.is_plain() => {
                format!("{}{}{}", order(i.order, i.size.into()), if i.signed { 'i' } else { 'u' }, i.size)
            }
            Dtype::Float(f) if !matches!(f.format, FloatFormat::Custom(_)) => {
                format!("{}f{}", order(f.order, 2), f.size)
            }
            Dtype::Complex(f) if !matches!(f.format, FloatFormat::Custom(_)) => {
                format!("{}c{}", order(f.order, 2), u16::from(f.size) * 2)
            }
            Dtype::Bytes(n) => format!("|S{n}"),
            Dtype::Void(n) => format!("|V{n}"),
            Dtype::Unicode(n, o) => format!("{}U{n}", order(*o, 4)),
            Dtype::Datetime(u, o) => format!("{}M8{}", order(*o, 8), unit_suffix(u)),
            Dtype::Timedelta(u, o) => format!("{}m8{}", order(*o, 8), unit_suffix(u)),
            Dtype::Object => "|O".into(),
            _ => return None,
        })
    }

    /// Parses one description string: order, kind, size and unit.
    ///
    /// A missing order or `=` is this machine's; `|` is accepted for multi-byte kinds as little-endian, as
    /// NumPy does on every common platform.
    pub fn from_descr(text: &str) -> Result<Dtype> {
        let bad = || Error::invalid(format!("{text:?} is not a dtype description such as '<f8' or '|S3'"));
        let (order, rest) = match text.as_bytes().first() {
            Some(b'<' | b'|') => (ByteOrder::Little, &text[1..]),
            Some(b'>') => (ByteOrder::Big, &text[1..]),
            Some(b'=') => (ByteOrder::NATIVE, &text[1..]),
            _ => (ByteOrder::NATIVE, text),
        };
        let mut chars = rest.chars();
        let kind = chars.next().ok_or_else(bad)?;
        let tail = chars.as_str();
        let (digits, unit) = match tail.find(|c: char| !c.is_ascii_digit()) {
            Some(i) => tail.split_at(i),
            None => (tail, ""),
        };
        if !unit.is_empty() && !matches!(kind, 'M' | 'm') {
            return Err(bad());
        }
        let size: u32 = match digits {
            "" if matches!(kind, 'S' | 'U' | 'V' | 'O') => 0,
            d => d.parse().ok().filter(|&n| n <= i32::MAX as u32).ok_or_else(bad)?,
        };
        Ok(match (kind, size) {
            ('b', 1) => Dtype::Bool,
            ('i', 1 | 2 | 4 | 8) => Dtype::int(size as u8, true, order),
            ('u', 1 | 2 | 4 | 8) => Dtype::int(size as u8, false, order),
            ('f', 2 | 4 | 8) => Dtype::float(size as u8, order),
            ('f', 12 | 16) => {
                Dtype::Float(Float { size: size as u8, order, format: FloatFormat::LongDouble })
            }
            ('c', 8 | 16) => Dtype::Complex(Float::ieee((size / 2) as u8, order)),
            ('c', 24 | 32) => {
                Dtype::Complex(Float { size: (size / 2) as u8, order, format: FloatFormat::LongDouble })
            }
            ('S', n) => Dtype::Bytes(n),
            ('V', n) => Dtype::Void(n),
            ('U', n) if n <= i32::MAX as u32 / 4 => Dtype::Unicode(n, order),
            ('M', 8) => Dtype::Datetime(parse_unit(unit).ok_or_else(bad)?, order),
            ('m', 8) => Dtype::Timedelta(parse_unit(unit).ok_or_else(bad)?, order),
            ('O', 0 | 4 | 8) => Dtype::Object,
            _ => return Err(bad()),
        })
    }
}

impl FromStr for Dtype {
    type Err = Error;

    /// A description (`<f8`) or a fixed-width name (`float64`), as typed on a command line. Names without
    /// order are little-endian.
    fn from_str(text: &str) -> Result<Dtype> {
        let code = NAMES.iter().find(|(name, _)| *name == text).map(|(_, code)| *code);
        match code {
            Some(code) => Dtype::from_descr(&format!("<{code}")),
            None => Dtype::from_descr(text).map_err(|_| {
                Error::usage(format!("{text:?} is not a dtype"))
                    .hint("write it as NumPy does, for example '<f8', 'int32' or '|S3'")
            }),
        }
    }
}

fn unit_suffix(unit: &TimeUnit) -> String {
    match (unit.base, unit.count) {
        ("", _) => String::new(),
        (base, 1) => format!("[{base}]"),
        (base, n) => format!("[{n}{base}]"),
    }
}

fn parse_unit(suffix: &str) -> Option<TimeUnit> {
    if suffix.is_empty() || suffix == "[generic]" {
        return Some(TimeUnit { count: 1, base: "" });
    }
    let inner = suffix.strip_prefix('[')?.strip_suffix(']')?;
    let at = inner.find(|c: char| !c.is_ascii_digit())?;
    let (digits, base) = inner.split_at(at);
    let base = if base == "μs" || base == "µs" { "us" } else { base };
    let base = UNITS.iter().find(|u| **u == base)?;
    let count = if digits.is_empty() {
        1
    } else {
        digits.parse().ok().filter(|&n: &u32| n >= 1 && n <= i32::MAX as u32)?
    };
    Some(TimeUnit { count, base })
}
