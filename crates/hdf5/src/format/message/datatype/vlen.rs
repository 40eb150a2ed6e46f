//! Sequences and strings of variable length. The element as stored is a reference into the global heap.

use super::{Form, Head, class, emit_in, parse_at, put_head, string, written_version};
use crate::format::{Cursor, Sizes};
use hyperslab_core::dtype::{StringType, VlenType};
use hyperslab_core::{Dtype, Error, Result};
use std::sync::Arc;

/// Bytes of a reference that this crate writes.
const REFERENCE: u32 = 16;

pub(super) fn parse(head: &Head, c: &mut Cursor<'_>, sizes: Sizes, depth: u32) -> Result<Dtype> {
    let here = c.clone();
    let size = sizes.vlen_reference();
    if head.size != size {
        return Err(here.invalid(format!("variable-length element of {} bytes instead of {size}", head.size)));
    }
    let base = parse_at(c, sizes, depth + 1)?;
    match head.bits[0] & 0xf {
        0 => Ok(Dtype::Vlen(Arc::new(VlenType { base, size }))),
        1 => Ok(Dtype::VlenString(StringType {
            size,
            padding: string::padding(head.bits[0] >> 4, &here)?,
            charset: string::charset(head.bits[1] & 0xf, &here)?,
        })),
        n => Err(here.unsupported(format!("variable-length type {n}"))),
    }
}

fn check(size: u32) -> Result<u64> {
    if size == REFERENCE {
        return Ok(size.into());
    }
    Err(Error::unsupported(format!("writing heap references of {size} bytes")))
}

pub(super) fn emit(v: &VlenType, form: Form, out: &mut Vec<u8>) -> Result<()> {
    put_head(class::VLEN, written_version(&v.base, form), [0; 3], check(v.size)?, out)?;
    emit_in(&v.base, form, out)
}

pub(super) fn emit_string(s: &StringType, out: &mut Vec<u8>) -> Result<()> {
    let (padding, charset) = string::bits(s);
    put_head(class::VLEN, 1, [1 | (padding << 4), charset, 0], check(s.size)?, out)?;
    emit_in(&Dtype::U8, Form::Compact, out)
}
