//! The datatype message: what an element's bytes mean. One module per family of classes.
//!
//! It is parsed straight into the [`Dtype`] that all containers share. What h5py writes for NumPy's bool (an
//! enumeration) and complex numbers (a compound) comes back as such. Written are version 1 for atoms and version 3
//! for what is made of other types, which every library since HDF5 1.8 reads.
//!
//! Source: HDF5 File Format Specification 4.0, section IV.A.2.d, versions 1 to 5.

mod array;
mod atom;
mod compound;
mod enumeration;
pub(crate) mod reference;
mod string;
mod vlen;

#[cfg(test)]
mod tests;

use crate::format::{Cursor, Put, Sizes};
use hyperslab_core::dtype::ByteOrder;
use hyperslab_core::{Dtype, Error, Result};

/// How deep types may nest.
const MAX_DEPTH: u32 = 32;

/// The numbers of the classes.
mod class {
    pub(super) const INTEGER: u8 = 0;
    pub(super) const FLOAT: u8 = 1;
    pub(super) const TIME: u8 = 2;
    pub(super) const STRING: u8 = 3;
    pub(super) const BITFIELD: u8 = 4;
    pub(super) const OPAQUE: u8 = 5;
    pub(super) const COMPOUND: u8 = 6;
    pub(super) const REFERENCE: u8 = 7;
    pub(super) const ENUM: u8 = 8;
    pub(super) const VLEN: u8 = 9;
    pub(super) const ARRAY: u8 = 10;
    pub(super) const COMPLEX: u8 = 11;
}

/// The fixed start of every datatype.
#[derive(Clone, Copy)]
struct Head {
    version: u8,
    bits: [u8; 3],
    size: u32,
}

impl Head {
    /// Byte order by the lowest class bit.
    fn order(&self) -> ByteOrder {
        if self.bits[0] & 1 == 0 { ByteOrder::Little } else { ByteOrder::Big }
    }

    /// The count of members in the class bits of compounds and enumerations.
    fn count(&self) -> u16 {
        u16::from_le_bytes([self.bits[0], self.bits[1]])
    }
}

/// Parses a message body; bytes after the type are ignored, as padding.
///
/// # Errors
/// `Invalid`; `Unsupported` for classes and variants that have no [`Dtype`].
#[inline]
pub fn parse(body: &[u8], sizes: Sizes, offset: u64) -> Result<Dtype> {
    parse_at(&mut Cursor::new(body, "datatype", offset), sizes, 0)
}

fn parse_at(c: &mut Cursor<'_>, sizes: Sizes, depth: u32) -> Result<Dtype> {
    if depth > MAX_DEPTH {
        return Err(c.invalid(format!("type nested deeper than {MAX_DEPTH} levels")));
    }
    let here = c.clone();
    let [class_version, b0, b1, b2] = c.array()?;
    let head = Head { version: class_version >> 4, bits: [b0, b1, b2], size: c.u32()? };
    if !(1..=5).contains(&head.version) {
        return Err(here.unsupported(format!("version {} (known: 1 to 5)", head.version)));
    }
    if head.size == 0 {
        return Err(here.invalid("type of 0 bytes"));
    }
    match class_version & 0xf {
        class::INTEGER => atom::parse_integer(&head, c).map(Dtype::Int),
        class::BITFIELD => atom::parse_integer(&head, c).map(Dtype::Bitfield),
        class::FLOAT => atom::parse_float(&head, c).map(Dtype::Float),
        class::STRING => string::parse_fixed(&head, &here),
        class::OPAQUE => reference::parse_opaque(&head, c),
        class::COMPOUND => compound::parse(&head, c, sizes, depth),
        class::REFERENCE => reference::parse(&head, &here),
        class::ENUM => enumeration::parse(&head, c, sizes, depth),
        class::VLEN => vlen::parse(&head, c, sizes, depth),
        class::ARRAY => array::parse(&head, c, sizes, depth),
        class::COMPLEX => compound::parse_complex(&head, c, sizes, depth),
        class::TIME => atom::parse_time(&head, c).map(Dtype::Int),
        other => Err(here.unsupported(format!("datatype class {other}"))),
    }
}

/// Appends the message body of a type that HDF5 has.
///
/// # Errors
/// `Unsupported` for types that must be stored as another one (`U`, `M8`, `m8`) or not at all (objects), and for
/// what the format cannot hold.
pub fn emit(dtype: &Dtype, out: &mut Vec<u8>) -> Result<()> {
    emit_in(dtype, Form::Compact, out)
}

/// Appends the message body of a type as HDF5 1.6 reads it: versions 1 and 2, names padded. One that HDF5 1.6 does not
/// know has its own form.
///
/// # Errors
/// As [`emit`].
pub fn emit_old(dtype: &Dtype, out: &mut Vec<u8>) -> Result<()> {
    let later = written_version(dtype, Form::Padded) >= reference::LATER_VERSION;
    emit_in(dtype, if later { Form::Compact } else { Form::Padded }, out)
}

/// How what is made of other types is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Version 3.
    Compact,
    /// Version 1, and 2 where there are arrays.
    Padded,
}

fn emit_in(dtype: &Dtype, form: Form, out: &mut Vec<u8>) -> Result<()> {
    match dtype {
        Dtype::Bool => enumeration::emit_bool(form, out),
        Dtype::Int(i) => atom::emit_integer(class::INTEGER, i, out),
        Dtype::Bitfield(i) => atom::emit_integer(class::BITFIELD, i, out),
        Dtype::Float(f) => atom::emit_float(f, out),
        Dtype::Complex(f) => compound::emit_complex(f, form, out),
        Dtype::Bytes(n) => string::emit_bytes(*n, out),
        Dtype::FixedString(s) => string::emit_fixed(s, out),
        Dtype::VlenString(s) => vlen::emit_string(s, out),
        Dtype::Vlen(v) => vlen::emit(v, form, out),
        Dtype::Void(n) => reference::emit_opaque(*n, "", out),
        Dtype::Opaque(n, tag) => reference::emit_opaque(*n, tag, out),
        Dtype::Reference(kind, size) => reference::emit(*kind, *size, out),
        Dtype::Struct(s) => compound::emit(s, form, out),
        Dtype::Enum(e) => enumeration::emit(e, form, out),
        Dtype::Array(a) => array::emit(a, form, out),
        other => Err(Error::unsupported(format!("{other} is not a type of HDF5"))),
    }
}

/// Appends the fixed start of a type.
fn put_head(class: u8, version: u8, bits: [u8; 3], size: u64, out: &mut Vec<u8>) -> Result<()> {
    let size = u32::try_from(size).ok().filter(|&n| n > 0).ok_or_else(|| {
        Error::unsupported(format!("HDF5 type of {size} bytes (1 to 4294967295 are possible)"))
    })?;
    out.push(class | (version << 4));
    out.extend_from_slice(&bits);
    out.put_u32(size);
    Ok(())
}

/// The version under which a type is written: that of an enclosing sequence must not be lower.
fn written_version(dtype: &Dtype, form: Form) -> u8 {
    let least = if form == Form::Padded { 1 } else { 3 };
    match dtype {
        Dtype::Vlen(v) => written_version(&v.base, form),
        Dtype::Array(a) => written_version(&a.base, form).max(if form == Form::Padded { 2 } else { 3 }),
        Dtype::Struct(s) => {
            s.fields.iter().map(|f| written_version(&f.dtype, form)).max().unwrap_or(1).max(least)
        }
        Dtype::Bool | Dtype::Complex(_) | Dtype::Enum(_) => least,
        Dtype::Reference(_, reference::LATER) => reference::LATER_VERSION,
        _ => 1,
    }
}

/// A name that is stored with a closing NUL, or several.
fn put_name(name: &str, form: Form, out: &mut Vec<u8>) -> Result<()> {
    if name.is_empty() || name.contains('\0') {
        return Err(Error::unsupported(format!("{name:?} as a name inside an HDF5 type")));
    }
    out.extend_from_slice(name.as_bytes());
    out.push(0);
    if form == Form::Padded {
        out.put_zeros((name.len() + 1).wrapping_neg() % 8);
    }
    Ok(())
}

/// Takes a NUL-terminated name, padded to a multiple of 8 before version 3.
fn take_name(head: &Head, c: &mut Cursor<'_>) -> Result<String> {
    let name = c.until_nul()?;
    if head.version < 3 {
        c.skip((name.len() + 1).wrapping_neg() % 8)?;
    }
    Ok(String::from_utf8_lossy(name).into_owned())
}
