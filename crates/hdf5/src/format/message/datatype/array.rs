//! Arrays of fixed shape inside an element.

use super::{Form, Head, class, emit_in, parse_at, put_head, written_version};
use crate::format::put::narrow;
use crate::format::{Cursor, Put, Sizes};
use hyperslab_core::dtype::ArrayType;
use hyperslab_core::{Dtype, Error, Result, Shape};
use std::sync::Arc;

pub(super) fn parse(head: &Head, c: &mut Cursor<'_>, sizes: Sizes, depth: u32) -> Result<Dtype> {
    let here = c.clone();
    if head.version < 2 {
        return Err(here.invalid("array type of version 1"));
    }
    let rank = c.u8()?;
    if rank > 32 {
        return Err(here.invalid(format!("array type of rank {rank} (greatest: 32)")));
    }
    if head.version == 2 {
        c.skip(3)?;
    }
    let mut dims = Shape::default();
    for _ in 0..rank {
        dims.push(c.u32()?.into());
    }
    if head.version == 2 {
        // A permutation that was never used.
        c.skip(4 * usize::from(rank))?;
    }
    let base = parse_at(c, sizes, depth + 1)?;
    let array = ArrayType::new(base, dims).map_err(|e| here.invalid(e.message().to_owned()))?;
    let array = Dtype::Array(Arc::new(array));
    if array.itemsize() != u64::from(head.size) {
        return Err(here.invalid(format!("array type {array} in {} bytes", head.size)));
    }
    Ok(array)
}

pub(super) fn emit(a: &ArrayType, form: Form, out: &mut Vec<u8>) -> Result<()> {
    let bytes = a.shape.bytes(a.base.itemsize())?;
    let rank: u8 = narrow(a.shape.len(), "rank of an array type")?;
    if rank > 32 {
        return Err(Error::unsupported(format!("array type of rank {rank} (HDF5 ends at 32)")));
    }
    let padded = form == Form::Padded;
    let version = if padded { 2 } else { written_version(&a.base, form).max(3) };
    put_head(class::ARRAY, version, [0; 3], bytes, out)?;
    out.put_u8(rank);
    if padded {
        out.put_zeros(3);
    }
    for &d in a.shape.iter() {
        let d = u32::try_from(d).map_err(|_| Error::unsupported(format!("extent {d} in an array type")))?;
        out.put_u32(d);
    }
    if padded {
        // A permutation that is never used: every dimension where it is.
        (0..u32::from(rank)).for_each(|d| out.put_u32(d));
    }
    emit_in(&a.base, form, out)
}
