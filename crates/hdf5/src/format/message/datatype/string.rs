//! Strings of fixed length.

use super::{Head, class, put_head};
use crate::format::Cursor;
use hyperslab_core::dtype::{Charset, Padding, StringType};
use hyperslab_core::{Dtype, Result};

pub(super) fn parse_fixed(head: &Head, c: &Cursor<'_>) -> Result<Dtype> {
    let padding = padding(head.bits[0] & 0xf, c)?;
    let charset = charset(head.bits[0] >> 4, c)?;
    Ok(Dtype::FixedString(StringType { size: head.size, charset, padding }))
}

pub(super) fn padding(bits: u8, c: &Cursor<'_>) -> Result<Padding> {
    Ok(match bits {
        0 => Padding::NullTerminated,
        1 => Padding::NullPadded,
        2 => Padding::SpacePadded,
        n => return Err(c.unsupported(format!("string padding {n}"))),
    })
}

pub(super) fn charset(bits: u8, c: &Cursor<'_>) -> Result<Charset> {
    Ok(match bits {
        0 => Charset::Ascii,
        1 => Charset::Utf8,
        n => return Err(c.unsupported(format!("character set {n}"))),
    })
}

pub(super) fn bits(s: &StringType) -> (u8, u8) {
    let padding = match s.padding {
        Padding::NullTerminated => 0,
        Padding::NullPadded => 1,
        Padding::SpacePadded => 2,
    };
    (padding, u8::from(s.charset == Charset::Utf8))
}

pub(super) fn emit_fixed(s: &StringType, out: &mut Vec<u8>) -> Result<()> {
    let (padding, charset) = bits(s);
    put_head(class::STRING, 1, [padding | (charset << 4), 0, 0], s.size.into(), out)
}

/// NumPy's `S`, as h5py writes it.
pub(super) fn emit_bytes(n: u32, out: &mut Vec<u8>) -> Result<()> {
    emit_fixed(&StringType { size: n, charset: Charset::Ascii, padding: Padding::NullPadded }, out)
}
