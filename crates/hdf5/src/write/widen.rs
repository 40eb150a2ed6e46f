//! Types as they are in a file of 8-byte addresses, which is what is written: those of files with shorter ones are longer
//! here where they have addresses in them.

use hyperslab_core::dtype::{ArrayType, Field, StringType, Struct, VlenType, reference_size};
use hyperslab_core::{Dtype, Error, Result};
use std::sync::Arc;

/// Bytes of a reference to the heap.
const REFERENCE: u32 = 16;
/// Types in types.
const MAX_DEPTH: u32 = 32;

/// The type that elements of a type have in the new file.
///
/// # Errors
/// `Limit` for types that are nested too deep, `Unsupported` for elements that are too long.
pub(super) fn widened(dtype: &Dtype) -> Result<Dtype> {
    widened_at(dtype, 0)
}

fn widened_at(dtype: &Dtype, depth: u32) -> Result<Dtype> {
    if !super::heap::points(dtype) {
        return Ok(dtype.clone());
    }
    if depth > MAX_DEPTH {
        return Err(Error::limit(format!("type nested deeper than {MAX_DEPTH} levels")));
    }
    Ok(match dtype {
        Dtype::VlenString(s) => Dtype::VlenString(StringType { size: REFERENCE, ..*s }),
        Dtype::Vlen(v) => {
            Dtype::Vlen(Arc::new(VlenType { base: widened_at(&v.base, depth + 1)?, size: REFERENCE }))
        }
        Dtype::Reference(kind, size) => Dtype::Reference(*kind, reference_size(*kind, *size)),
        Dtype::Array(a) => {
            Dtype::Array(Arc::new(ArrayType::new(widened_at(&a.base, depth + 1)?, a.shape.clone())?))
        }
        Dtype::Struct(s) => Dtype::Struct(Arc::new(members(s, depth)?)),
        other => other.clone(),
    })
}

/// Members are moved by as much as those before them got longer.
fn members(s: &Struct, depth: u32) -> Result<Struct> {
    let types = s.fields.iter().map(|f| widened_at(&f.dtype, depth + 1)).collect::<Result<Vec<_>>>()?;
    let growth = |i: usize| {
        let (was, is) = (s.fields.get(i).map(|f| f.dtype.itemsize()), types.get(i).map(Dtype::itemsize));
        is.zip(was).map_or(0, |(is, was)| is.saturating_sub(was))
    };
    let moved = |end: u64| {
        let before = s.fields.iter().enumerate().filter(|(_, f)| f.offset < end);
        before.fold(end, |at, (i, _)| at.saturating_add(growth(i)))
    };
    let itemsize = moved(s.itemsize);
    let fields = s.fields.iter().zip(&types);
    let fields =
        fields.map(|(f, dtype)| Field { offset: moved(f.offset), dtype: dtype.clone(), ..f.clone() });
    let made = Struct { fields: fields.collect(), itemsize };
    made.check().map(|()| made)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyperslab_core::dtype::{Charset, Padding, ReferenceKind};

    #[test]
    fn what_has_addresses_gets_longer() {
        let text = |size| {
            Dtype::VlenString(StringType { size, charset: Charset::Utf8, padding: Padding::NullTerminated })
        };
        let field = |name: &str, offset, dtype| Field { name: name.into(), title: None, offset, dtype };
        let object = |size| Dtype::Reference(ReferenceKind::Object, size);
        // Members out of order, with room between them.
        let s = Struct {
            fields: vec![field("b", 20, object(4)), field("a", 1, text(12)), field("n", 14, Dtype::U8)],
            itemsize: 30,
        };
        let Dtype::Struct(wide) = widened(&Dtype::Struct(Arc::new(s))).unwrap() else { panic!() };
        assert_eq!(
            *wide,
            Struct {
                fields: vec![field("b", 24, object(8)), field("a", 1, text(16)), field("n", 18, Dtype::U8),],
                itemsize: 38,
            }
        );
        for (kind, size, want) in [
            (ReferenceKind::Object, 2, 8),
            (ReferenceKind::Object, 14, 18),
            (ReferenceKind::Region, 8, 12),
            (ReferenceKind::Attribute, 18, 18),
        ] {
            assert_eq!(widened(&Dtype::Reference(kind, size)).unwrap(), Dtype::Reference(kind, want));
        }
        assert_eq!(widened(&Dtype::F64).unwrap(), Dtype::F64);
    }
}
