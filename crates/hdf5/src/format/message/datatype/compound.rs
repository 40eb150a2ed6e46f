//! Compounds, and complex numbers both as a class of their own (HDF5 2.0) and as h5py's compound of `r` and `i`.

use super::{Form, Head, class, emit_in, parse_at, put_head, put_name, take_name, written_version};
use crate::format::put::narrow;
use crate::format::{Cursor, Put, Sizes};
use hyperslab_core::dtype::{ArrayType, Field, Float, Struct};
use hyperslab_core::{Dtype, Error, Result, Shape};
use std::sync::Arc;

pub(super) fn parse(head: &Head, c: &mut Cursor<'_>, sizes: Sizes, depth: u32) -> Result<Dtype> {
    let count = head.count();
    if count == 0 {
        return Err(c.invalid("compound without members"));
    }
    let mut fields = Vec::new();
    for _ in 0..count {
        let name = take_name(head, c)?;
        let offset = c.uint(if head.version >= 3 { offset_width(head.size.into()) } else { 4 })?;
        let dims = if head.version == 1 { old_dims(c)? } else { Shape::default() };
        let mut dtype = parse_at(c, sizes, depth + 1)?;
        if !dims.is_empty() {
            dtype = Dtype::Array(Arc::new(ArrayType::new(dtype, dims)?));
        }
        fields.push(Field { name, title: None, offset, dtype });
    }
    let s = Struct { fields, itemsize: head.size.into() };
    s.check().map_err(|e| c.invalid(e.message().to_owned()))?;
    Ok(as_complex(&s).map_or_else(|| Dtype::Struct(Arc::new(s)), Dtype::Complex))
}

/// Version 1 members can be arrays themselves: rank, permutation and four extents, of which `rank` count.
fn old_dims(c: &mut Cursor<'_>) -> Result<Shape> {
    let rank = usize::from(c.u8()?);
    c.skip(11)?;
    let dims = [c.u32()?, c.u32()?, c.u32()?, c.u32()?];
    let dims = dims.get(..rank).ok_or_else(|| c.invalid(format!("member of rank {rank} (greatest: 4)")))?;
    if dims.contains(&0) {
        return Err(c.invalid("member with an extent of 0"));
    }
    Ok(dims.iter().map(|&d| d.into()).collect())
}

/// Bytes of a member's offset since version 3: as few as hold the compound's size.
fn offset_width(size: u64) -> usize {
    (size.max(1).ilog2() / 8 + 1) as usize
}

/// h5py's complex: two equal floats named `r` and `i`, nothing else.
fn as_complex(s: &Struct) -> Option<Float> {
    match &s.fields[..] {
        [r, i] if (r.name.as_str(), i.name.as_str()) == ("r", "i") => match (&r.dtype, &i.dtype) {
            (Dtype::Float(a), Dtype::Float(b)) => {
                let size = u64::from(a.size);
                (a == b && r.offset == 0 && i.offset == size && s.itemsize == 2 * size).then(|| a.clone())
            }
            _ => None,
        },
        _ => None,
    }
}

/// The complex class of HDF5 2.0.
pub(super) fn parse_complex(head: &Head, c: &mut Cursor<'_>, sizes: Sizes, depth: u32) -> Result<Dtype> {
    let here = c.clone();
    if head.bits[0] != 1 {
        return Err(here.unsupported("complex number that is not two equal rectangular parts"));
    }
    match parse_at(c, sizes, depth + 1)? {
        Dtype::Float(f) if u32::from(f.size) * 2 == head.size => Ok(Dtype::Complex(f)),
        Dtype::Float(_) => Err(here.invalid(format!("complex number of {} bytes", head.size))),
        other => Err(here.unsupported(format!("complex number of {other}"))),
    }
}

pub(super) fn emit(s: &Struct, form: Form, out: &mut Vec<u8>) -> Result<()> {
    s.check()?;
    if let Some(f) = s.fields.iter().find(|f| f.title.is_some()) {
        return Err(Error::unsupported(format!(
            "field {:?} has a second name (title), which HDF5 lacks",
            f.name
        )));
    }
    if s.fields.is_empty() {
        return Err(Error::unsupported("a struct without fields is not a type of HDF5"));
    }
    let [low, high] = narrow::<u16>(s.fields.len(), "member count")?.to_le_bytes();
    let members = s.fields.iter().map(|f| written_version(&f.dtype, form));
    let version = members.max().unwrap_or(1).max(if form == Form::Compact { 3 } else { 1 });
    put_head(class::COMPOUND, version, [low, high, 0], s.itemsize, out)?;
    for f in &s.fields {
        put_name(&f.name, form, out)?;
        out.put_uint(f.offset, if version < 3 { 4 } else { offset_width(s.itemsize) });
        if version == 1 {
            // No extents of its own: rank, permutation, four extents.
            out.put_zeros(28);
        }
        emit_in(&f.dtype, form, out)?;
    }
    Ok(())
}

pub(super) fn emit_complex(f: &Float, form: Form, out: &mut Vec<u8>) -> Result<()> {
    let part = |name: &str| (name.to_owned(), Dtype::Float(f.clone()));
    emit(&Struct::packed([part("r"), part("i")]), form, out)
}
