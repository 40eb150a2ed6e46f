//! Types whose bytes have no value of their own: references and opaque bytes.

use super::{Head, class, put_head};
use crate::format::{Cursor, Put};
use hyperslab_core::dtype::ReferenceKind;
use hyperslab_core::{Dtype, Error, Result};

/// References of before and since HDF5 1.12, by what they point at. The bytes of the later ones are encoded; they
/// are told apart by their size.
pub(super) fn parse(head: &Head, c: &Cursor<'_>) -> Result<Dtype> {
    let kind = match head.bits[0] & 0xf {
        0 | 2 => ReferenceKind::Object,
        1 | 3 => ReferenceKind::Region,
        4 => ReferenceKind::Attribute,
        n => return Err(c.unsupported(format!("reference of kind {n}"))),
    };
    Ok(Dtype::Reference(kind, head.size))
}

/// Bytes of a reference since HDF5 1.12.
pub(crate) const LATER: u32 = 18;
/// The version of types that has those.
pub(super) const LATER_VERSION: u8 = 4;

/// A reference of before HDF5 1.12 (an address, or a heap address and object number), or of one since.
pub(super) fn emit(kind: ReferenceKind, size: u32, out: &mut Vec<u8>) -> Result<()> {
    // The upper half of the bits: the version of encoded references.
    let (bits, version) = match (kind, size) {
        (ReferenceKind::Object, 8) => (0, 1),
        (ReferenceKind::Region, 12) => (1, 1),
        (ReferenceKind::Object, LATER) => (0x12, LATER_VERSION),
        (ReferenceKind::Region, LATER) => (0x13, LATER_VERSION),
        (ReferenceKind::Attribute, LATER) => (0x14, LATER_VERSION),
        _ => return Err(Error::unsupported(format!("writing references of {size} bytes"))),
    };
    put_head(class::REFERENCE, version, [bits, 0, 0], size.into(), out)
}

pub(super) fn parse_opaque(head: &Head, c: &mut Cursor<'_>) -> Result<Dtype> {
    let tag = c.bytes(head.bits[0].into())?;
    let end = tag.iter().position(|&b| b == 0).unwrap_or(tag.len());
    let tag = String::from_utf8_lossy(tag.get(..end).unwrap_or_default());
    // NumPy's void is stored as opaque bytes without a tag.
    Ok(if tag.is_empty() { Dtype::Void(head.size) } else { Dtype::Opaque(head.size, tag.into()) })
}

pub(super) fn emit_opaque(size: u32, tag: &str, out: &mut Vec<u8>) -> Result<()> {
    let padded = tag.len().next_multiple_of(8);
    let bits = u8::try_from(padded)
        .ok()
        .filter(|_| !tag.contains('\0'))
        .ok_or_else(|| Error::unsupported(format!("opaque tag {tag:?}")))?;
    put_head(class::OPAQUE, 1, [bits, 0, 0], size.into(), out)?;
    out.extend_from_slice(tag.as_bytes());
    out.put_zeros(padded - tag.len());
    Ok(())
}
