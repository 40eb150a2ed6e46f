//! Element types for people, on one line: what NumPy has a description for by that, the rest in words.
//!
//! Not the types of `--json`, which a program reads back.

use super::text;
use hyperslab::dtype::{ByteOrder, Charset, FloatFormat, Int, ReferenceKind};
use hyperslab::{Dtype, Shape};
use std::fmt::Write as _;

/// A longer line is cut.
const MOST: usize = 72;

/// The dtype for people: long ones are cut short, `--json` has them whole.
pub(crate) fn short(dtype: &Dtype) -> String {
    let mut line = String::new();
    push(dtype, &mut line);
    let line = text::name(&line);
    match line.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}...", line.get(..at).unwrap_or_default()),
        None => line,
    }
}

fn push(dtype: &Dtype, line: &mut String) {
    if let Some(descr) = dtype.descr() {
        line.push_str(&descr);
        return;
    }
    match dtype {
        Dtype::Struct(s) => {
            let fields = s.fields.iter().map(|field| (&field.name, &field.dtype));
            list(fields, line, |(name, dtype), line| {
                line.push_str(name);
                line.push_str(": ");
                push(dtype, line);
            });
        }
        Dtype::Array(a) => {
            push(&a.base, line);
            extents(&a.shape, line);
        }
        Dtype::Vlen(v) => {
            line.push_str("vlen of ");
            push(&v.base, line);
        }
        Dtype::FixedString(s) => put(line, format_args!("{} string[{}]", charset(s.charset), s.size)),
        Dtype::VlenString(s) => put(line, format_args!("{} string", charset(s.charset))),
        Dtype::Enum(e) => {
            line.push_str("enum ");
            push(&Dtype::Int(e.base), line);
            line.push(' ');
            list(e.members.iter(), line, |(name, value), line| put(line, format_args!("{name}={value}")));
        }
        Dtype::Reference(ReferenceKind::Object, _) => line.push_str("object reference"),
        Dtype::Reference(ReferenceKind::Region, _) => line.push_str("region reference"),
        Dtype::Reference(ReferenceKind::Attribute, _) => line.push_str("attribute reference"),
        Dtype::Opaque(size, tag) if tag.is_empty() => put(line, format_args!("opaque[{size}]")),
        Dtype::Opaque(size, tag) => put(line, format_args!("opaque[{size}] {tag:?}")),
        Dtype::Bitfield(bits) => {
            line.push_str("bitfield ");
            push(&Dtype::Int(*bits), line);
        }
        Dtype::Int(i) => odd_int(i, line),
        Dtype::Float(f) | Dtype::Complex(f) => {
            let kind = if matches!(dtype, Dtype::Complex(_)) { "complex of " } else { "" };
            put(line, format_args!("{kind}{}f{}", order(f.order), f.size));
            if let FloatFormat::Custom(layout) = &f.format {
                let (exponent, mantissa) = (layout.exponent_bits, layout.mantissa_bits);
                let vax = if layout.vax { "VAX, " } else { "" };
                put(line, format_args!(" ({vax}exponent of {exponent} bits, mantissa of {mantissa})"));
            }
        }
        other => put(line, format_args!("{other}")),
    }
}

/// Writing to a string does not fail.
fn put(line: &mut String, what: std::fmt::Arguments<'_>) {
    let _ = line.write_fmt(what);
}

/// Things in braces, as many as the line has room for.
fn list<T>(all: impl Iterator<Item = T>, line: &mut String, each: impl Fn(T, &mut String)) {
    line.push('{');
    for (i, one) in all.enumerate() {
        if line.len() > 4 * MOST {
            return;
        }
        line.push_str(if i == 0 { "" } else { ", " });
        each(one, line);
    }
    line.push('}');
}

fn extents(shape: &Shape, line: &mut String) {
    let extents: Vec<String> = shape.iter().map(u64::to_string).collect();
    put(line, format_args!("[{}]", extents.join(", ")));
}

fn charset(charset: Charset) -> &'static str {
    match charset {
        Charset::Ascii => "ascii",
        Charset::Utf8 => "utf-8",
    }
}

fn order(order: ByteOrder) -> char {
    match order {
        ByteOrder::Little => '<',
        ByteOrder::Big => '>',
    }
}

fn odd_int(i: &Int, line: &mut String) {
    let sign = if i.signed { 'i' } else { 'u' };
    put(line, format_args!("{}{sign}{} ({} bits", order(i.order), i.size, i.precision));
    if i.bit_offset > 0 {
        put(line, format_args!(" from bit {}", i.bit_offset));
    }
    line.push(')');
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyperslab::dtype::{EnumType, Field, Padding, StringType, Struct, VlenType};
    use std::sync::Arc;

    #[test]
    fn types_in_words() {
        let string = StringType { size: 8, charset: Charset::Ascii, padding: Padding::NullPadded };
        let vlen = Dtype::Vlen(Arc::new(VlenType { base: Dtype::F64, size: 16 }));
        let colors = [("RED", 0), ("GREEN", 1)].map(|(name, value)| (name.to_owned(), value));
        let base = Int::new(2, true, ByteOrder::Big);
        let field = |name: &str, dtype: &Dtype| (name.to_owned(), dtype.clone());
        let fields = [field("a", &Dtype::I64), field("s", &Dtype::FixedString(string)), field("v", &vlen)];
        for (dtype, want) in [
            (Dtype::F32, "<f4"),
            (Dtype::VlenString(StringType { charset: Charset::Utf8, ..string }), "utf-8 string"),
            (Dtype::Enum(Arc::new(EnumType { base, members: colors.into() })), "enum >i2 {RED=0, GREEN=1}"),
            (Dtype::Opaque(3, "a\u{1b}".into()), "opaque[3] \"a\\u{1b}\""),
            (Dtype::Int(Int { precision: 12, bit_offset: 2, ..base }), ">i2 (12 bits from bit 2)"),
            (Dtype::Struct(Arc::new(Struct::packed(fields))), "{a: <i8, s: ascii string[8], v: vlen of <f8}"),
        ] {
            assert_eq!(short(&dtype), want);
        }
        let field = |i: u64| Field { name: format!("field{i}"), title: None, offset: i, dtype: Dtype::U8 };
        let long =
            Dtype::Struct(Arc::new(Struct { fields: (0..100_000).map(field).collect(), itemsize: 100_000 }));
        assert_eq!(short(&long).len(), MOST + 3);
    }
}
