//! Enumerations, and NumPy's bool as h5py writes it.

use super::{Form, Head, class, parse_at, put_head, put_name, take_name};
use crate::format::put::narrow;
use crate::format::{Cursor, Put, Sizes};
use hyperslab_core::dtype::{ByteOrder, EnumType, Int};
use hyperslab_core::{Dtype, Error, Result};
use std::sync::Arc;

/// h5py's bool: a signed byte with these members.
const BOOL: [(&str, i128); 2] = [("FALSE", 0), ("TRUE", 1)];
const BOOL_BASE: Int = Int::new(1, true, ByteOrder::Little);

pub(super) fn parse(head: &Head, c: &mut Cursor<'_>, sizes: Sizes, depth: u32) -> Result<Dtype> {
    let here = c.clone();
    let base = match parse_at(c, sizes, depth + 1)? {
        Dtype::Int(i) if i.size <= 8 => i,
        other => return Err(here.unsupported(format!("enumeration of {other}"))),
    };
    if u32::from(base.size) != head.size {
        return Err(here.invalid(format!("enumeration of {} bytes over {} bytes", head.size, base.size)));
    }
    let mut members = Vec::new();
    for _ in 0..head.count() {
        members.push((take_name(head, c)?, 0));
    }
    for (_, value) in &mut members {
        *value = take_value(&base, c)?;
    }
    let is_bool = base == BOOL_BASE
        && members.len() == BOOL.len()
        && BOOL.iter().all(|b| members.iter().any(|m| (m.0.as_str(), m.1) == *b));
    if is_bool {
        return Ok(Dtype::Bool);
    }
    Ok(Dtype::Enum(Arc::new(EnumType { base, members })))
}

fn take_value(base: &Int, c: &mut Cursor<'_>) -> Result<i128> {
    let b = c.bytes(base.size.into())?;
    let mut wide = 0u64;
    let push = |wide: u64, b: &u8| (wide << 8) | u64::from(*b);
    wide = match base.order {
        ByteOrder::Big => b.iter().fold(wide, push),
        ByteOrder::Little => b.iter().rev().fold(wide, push),
    };
    let unused = 64 - 8 * u32::from(base.size);
    Ok(if base.signed { i128::from(((wide << unused) as i64) >> unused) } else { wide.into() })
}

pub(super) fn emit(e: &EnumType, form: Form, out: &mut Vec<u8>) -> Result<()> {
    let [low, high] = narrow::<u16>(e.members.len(), "member count")?.to_le_bytes();
    put_head(class::ENUM, if form == Form::Padded { 1 } else { 3 }, [low, high, 0], e.base.size.into(), out)?;
    super::emit(&Dtype::Int(e.base), out)?;
    for (name, _) in &e.members {
        put_name(name, form, out)?;
    }
    let size = usize::from(e.base.size);
    for (name, value) in &e.members {
        let bits = 8 * u32::from(e.base.size.min(8));
        let fits = if e.base.signed {
            (-(1i128 << (bits - 1))..1i128 << (bits - 1)).contains(value)
        } else {
            (0..1i128 << bits).contains(value)
        };
        if !fits || size > 8 {
            return Err(Error::unsupported(format!("enumeration member {name:?} = {value} in {size} bytes")));
        }
        let start = out.len();
        out.put_uint(*value as u64, size);
        if e.base.order == ByteOrder::Big
            && let Some(v) = out.get_mut(start..)
        {
            v.reverse();
        }
    }
    Ok(())
}

pub(super) fn emit_bool(form: Form, out: &mut Vec<u8>) -> Result<()> {
    let members = BOOL.iter().map(|&(name, value)| (name.to_owned(), value)).collect();
    emit(&EnumType { base: BOOL_BASE, members }, form, out)
}
