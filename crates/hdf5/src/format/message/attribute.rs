//! The attribute message: a named, typed array on an object.
//!
//! The same bytes are the objects of the fractal heap of an object with dense attributes.
//!
//! Source: HDF5 File Format Specification 3.0, section IV.A.2.m, versions 1 to 3.

use super::dataspace::Dataspace;
use super::datatype;
use super::shared::Shared;
use crate::format::put::narrow;
use crate::format::{Cursor, Put};
use hyperslab_core::{Dtype, Result};

/// An attribute taken apart. Type and space are still message bodies, since either can be shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// The name, nearly always UTF-8.
    pub name: &'a [u8],
    /// Body of a datatype message.
    pub datatype: Part<'a>,
    /// Body of a dataspace message.
    pub dataspace: Part<'a>,
    /// The elements, and perhaps padding after them.
    pub data: &'a [u8],
    /// Where the elements lie in the file.
    pub data_offset: u64,
}

/// A message body inside an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// The body, or the body of a shared message.
    pub body: &'a [u8],
    /// Whether it is shared.
    pub shared: bool,
    /// Where it lies in the file.
    pub offset: u64,
}

impl<'a> Attribute<'a> {
    /// Parses a message body.
    ///
    /// # Errors
    /// `Invalid`, `Unsupported` for unknown versions.
    pub fn parse(body: &'a [u8], offset: u64) -> Result<Attribute<'a>> {
        let mut c = Cursor::new(body, "attribute", offset);
        let version = c.version(1, 3)?;
        // Unused before version 2, and then not always zero.
        let byte = c.u8()?;
        let flags = if version == 1 { 0 } else { byte };
        if flags & !3 != 0 {
            return Err(c.invalid(format!("reserved bits set in flags {flags:#04x}")));
        }
        let (name_len, type_len, space_len) = (c.u16()?, c.u16()?, c.u16()?);
        if version == 3 {
            c.skip(1)?;
        }
        let mut take = |n: u16| -> Result<(&'a [u8], u64)> {
            let at = c.offset_in_file();
            let b = c.bytes(n.into())?;
            if version == 1 {
                c.skip(usize::from(n).wrapping_neg() % 8)?;
            }
            Ok((b, at))
        };
        let (name, _) = take(name_len)?;
        let (body, at) = take(type_len)?;
        let datatype = Part { body, shared: flags & 1 != 0, offset: at };
        let (body, at) = take(space_len)?;
        let dataspace = Part { body, shared: flags & 2 != 0, offset: at };
        let name = name.split(|&b| b == 0).next().unwrap_or_default();
        if name.is_empty() {
            return Err(c.invalid("attribute without a name"));
        }
        Ok(Attribute { name, datatype, dataspace, data: c.rest(), data_offset: c.offset_in_file() })
    }
}

/// The type of an attribute that is to be written.
#[derive(Clone, Copy, Debug)]
pub enum Type<'a> {
    /// As it is.
    Own(&'a Dtype),
    /// That of the object header at this address.
    Named(u64),
}

/// Appends a version 3 body.
///
/// # Errors
/// `Unsupported` for a name with NUL and for types that HDF5 lacks.
pub fn emit(name: &str, dtype: &Dtype, space: &Dataspace, data: &[u8], out: &mut Vec<u8>) -> Result<()> {
    emit_typed(name, Type::Own(dtype), space, data, false, out)
}

/// Appends a body: of version 3 or, where it is to be `old`, of the first version that holds what is in it, which HDF5
/// 1.6 reads when the name is ASCII.
///
/// # Errors
/// As [`emit`].
pub fn emit_typed(
    name: &str,
    dtype: Type<'_>,
    space: &Dataspace,
    data: &[u8],
    old: bool,
    out: &mut Vec<u8>,
) -> Result<()> {
    if name.is_empty() || name.contains('\0') {
        return Err(hyperslab_core::Error::unsupported(format!("{name:?} as the name of an attribute")));
    }
    let shared = matches!(dtype, Type::Named(_));
    let version = match (old && name.is_ascii(), shared) {
        (true, false) => 1,
        (true, true) => 2,
        (false, _) => 3,
    };
    // What is padded keeps its own length.
    let start = out.len();
    let pad = |out: &mut Vec<u8>| {
        if version == 1 {
            out.put_zeros((out.len() - start).wrapping_neg() % 8);
        }
    };
    out.extend_from_slice(&[version, u8::from(shared)]);
    out.put_u16(narrow(name.len() + 1, "attribute name")?);
    let lengths = out.len();
    out.put_u32(0);
    if version == 3 {
        out.put_u8(u8::from(!name.is_ascii()));
    }
    out.extend_from_slice(name.as_bytes());
    out.put_u8(0);
    pad(out);
    let at = out.len();
    match dtype {
        Type::Own(dtype) if old => datatype::emit_old(dtype, out)?,
        Type::Own(dtype) => datatype::emit(dtype, out)?,
        Type::Named(address) => Shared::emit(address, old, out),
    }
    let type_len: u16 = narrow(out.len() - at, "attribute type")?;
    pad(out);
    let at = out.len();
    if old {
        space.emit_old(out)?
    } else {
        space.emit(out)?
    }
    let space_len: u16 = narrow(out.len() - at, "attribute space")?;
    pad(out);
    if let Some(field) = out.get_mut(lengths..lengths + 4) {
        field.copy_from_slice(&(u32::from(type_len) | (u32::from(space_len) << 16)).to_le_bytes());
    }
    out.extend_from_slice(data);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Sizes;

    #[test]
    fn round_trips() {
        let space = Dataspace::fixed([2].into());
        let data = [1u8; 16];
        for name in ["x", "längé"] {
            let mut out = Vec::new();
            emit(name, &Dtype::F64, &space, &data, &mut out).unwrap();
            let a = Attribute::parse(&out, 100).unwrap();
            assert_eq!((a.name, a.data), (name.as_bytes(), &data[..]));
            assert_eq!(a.data_offset, 100 + out.len() as u64 - 16);
            assert_eq!(datatype::parse(a.datatype.body, Sizes::STANDARD, 0).unwrap(), Dtype::F64);
            assert_eq!(Dataspace::parse(a.dataspace.body, Sizes::STANDARD, 0).unwrap(), space);
            let mut out = Vec::new();
            emit_typed(name, Type::Own(&Dtype::F64), &space, &data, true, &mut out).unwrap();
            let a = Attribute::parse(&out, 0).unwrap();
            assert_eq!((a.name, a.data), (name.as_bytes(), &data[..]));
            assert_eq!(Dataspace::parse(a.dataspace.body, Sizes::STANDARD, 0).unwrap(), space);
            for old in [false, true] {
                let mut out = Vec::new();
                emit_typed(name, Type::Named(77), &space, &data, old, &mut out).unwrap();
                let a = Attribute::parse(&out, 0).unwrap();
                assert_eq!((a.datatype.shared, a.data), (true, &data[..]));
                let at = Shared::parse(a.datatype.body, Sizes::STANDARD, 0).unwrap();
                assert_eq!(at, Shared::Object(77));
            }
        }
    }

    /// The `version` attribute that h5py wrote on a group: a scalar string of variable length.
    #[test]
    fn an_attribute_of_h5py() {
        let mut b = vec![3, 0, 8, 0, 0x14, 0, 4, 0, 0];
        b.extend(b"version\0");
        b.extend([0x19, 1, 1, 0, 16, 0, 0, 0, 0x10, 0, 0, 0, 1, 0, 0, 0, 0, 0, 8, 0]);
        b.extend([2, 0, 0, 0]);
        b.extend([3, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
        let a = Attribute::parse(&b, 0).unwrap();
        assert_eq!((a.name, a.data.len()), (&b"version"[..], 16));
        assert!(matches!(
            datatype::parse(a.datatype.body, Sizes::STANDARD, 0).unwrap(),
            Dtype::VlenString(s) if s.size == 16
        ));
    }
}
