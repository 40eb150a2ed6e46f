//! The fill-value message: what an element is that was never written.
//!
//! Source: HDF5 File Format Specification 3.0, sections IV.A.2.e and f; versions 1 to 3 and the old message.

use crate::format::{Cursor, Put};
use hyperslab_core::Result;

/// The body libhdf5 writes for contiguous data: allocated late, zero.
pub const CONTIGUOUS: [u8; 2] = [3, 0x0a];
/// For chunked data: allocated chunk by chunk, zero.
pub const CHUNKED: [u8; 2] = [3, 0x0b];
/// For chunked data with references into a heap, which must be written as null references.
pub const CHUNKED_VLEN: [u8; 2] = [3, 0x03];
/// For compact data, and what else is to be allocated when it is made: there from the start.
pub const COMPACT: [u8; 2] = [3, 0x09];

/// What stands for elements that were never written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FillValue<'a> {
    /// The bytes of one element; `None` for zeros (the default, or undefined).
    pub value: Option<&'a [u8]>,
}

impl<'a> FillValue<'a> {
    /// Parses a message body.
    ///
    /// # Errors
    /// `Invalid`, `Unsupported` for unknown versions.
    pub fn parse(body: &'a [u8], offset: u64) -> Result<FillValue<'a>> {
        let mut c = Cursor::new(body, "fill value", offset);
        let present = match c.version(1, 3)? {
            3 => {
                let flags = c.u8()?;
                match flags & 0x30 {
                    0x30 => return Err(c.invalid("fill value both undefined and present")),
                    bits => bits == 0x20,
                }
            }
            _ => {
                c.skip(2)?;
                c.u8()? != 0
            }
        };
        if present { Self::sized(c) } else { Ok(FillValue::default()) }
    }

    /// Parses the body of the old message: only a size and the value.
    ///
    /// # Errors
    /// `Invalid`.
    pub fn parse_old(body: &'a [u8], offset: u64) -> Result<FillValue<'a>> {
        Self::sized(Cursor::new(body, "fill value", offset))
    }

    fn sized(mut c: Cursor<'a>) -> Result<FillValue<'a>> {
        let n = c.u32()? as usize;
        Ok(FillValue { value: if n == 0 { None } else { Some(c.bytes(n)?) } })
    }

    /// Whether a body says that the value is not defined: elements that were never written are anything.
    ///
    /// # Errors
    /// As [`FillValue::parse`].
    pub fn is_undefined(body: &[u8], offset: u64) -> Result<bool> {
        let mut c = Cursor::new(body, "fill value", offset);
        match c.version(1, 3)? {
            3 => Ok(c.u8()? & 0x30 == 0x10),
            2 => {
                c.skip(2)?;
                Ok(c.u8()? == 0)
            }
            _ => Ok(false),
        }
    }

    /// Appends a version 2 body, which HDF5 1.6 reads; `base` as for [`FillValue::emit`].
    pub fn emit_old(&self, base: [u8; 2], undefined: bool, out: &mut Vec<u8>) {
        let [_, flags] = base;
        out.extend_from_slice(&[2, flags & 3, (flags >> 2) & 3, u8::from(!undefined)]);
        if undefined {
            return;
        }
        let value = self.value.unwrap_or_default();
        out.put_u32(u32::try_from(value.len()).unwrap_or(0));
        out.extend_from_slice(value);
    }

    /// When a body says that space is allocated (1 early, 2 late, 3 chunk by chunk), and when the value is written there
    /// (0 always, 1 never, 2 if somebody chose it).
    ///
    /// # Errors
    /// As [`FillValue::parse`].
    pub fn times(body: &[u8], offset: u64) -> Result<(u8, u8)> {
        let mut c = Cursor::new(body, "fill value", offset);
        let version = c.version(1, 3)?;
        let time = c.u8()?;
        if version == 3 { Ok((time & 3, (time >> 2) & 3)) } else { Ok((time, c.u8()?)) }
    }

    /// Appends a version 3 body of a value that is not defined.
    pub fn emit_undefined(base: [u8; 2], out: &mut Vec<u8>) {
        let [version, flags] = base;
        out.extend_from_slice(&[version, flags | 0x10]);
    }

    /// Appends a version 3 body: `base` is one of the constants of this module, which say when space is
    /// allocated.
    pub fn emit(&self, base: [u8; 2], out: &mut Vec<u8>) {
        let [version, flags] = base;
        match self.value.and_then(|v| Some((v, u32::try_from(v.len()).ok()?))) {
            Some((v, n)) => {
                out.extend_from_slice(&[version, flags | 0x20]);
                out.put_u32(n);
                out.extend_from_slice(v);
            }
            None => out.extend_from_slice(&[version, flags]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_versions() {
        for value in [None, Some(&[1u8, 2, 3, 4][..])] {
            let mut out = Vec::new();
            FillValue { value }.emit(CHUNKED, &mut out);
            assert_eq!(FillValue::parse(&out, 0).unwrap().value, value);
            assert!(!FillValue::is_undefined(&out, 0).unwrap());
            let mut out = Vec::new();
            FillValue { value }.emit_old(CHUNKED, false, &mut out);
            assert_eq!(FillValue::parse(&out, 0).unwrap().value, value);
            assert!(!FillValue::is_undefined(&out, 0).unwrap());
            assert_eq!(FillValue::times(&out, 0).unwrap(), (3, 2));
        }
        let mut out = Vec::new();
        FillValue::default().emit_old(CHUNKED, true, &mut out);
        assert!(FillValue::is_undefined(&out, 0).unwrap());
        let mut out = Vec::new();
        FillValue::emit_undefined(CHUNKED, &mut out);
        assert!(FillValue::is_undefined(&out, 0).unwrap());
        assert_eq!(FillValue::parse(&out, 0).unwrap().value, None);
        assert_eq!(FillValue::parse(&[2, 2, 0, 1, 2, 0, 0, 0, 7, 8], 0).unwrap().value, Some(&[7u8, 8][..]));
        assert_eq!(FillValue::parse(&[2, 2, 0, 0], 0).unwrap().value, None);
        assert_eq!(FillValue::parse_old(&[1, 0, 0, 0, 9], 0).unwrap().value, Some(&[9u8][..]));
        assert!(FillValue::parse(&[3, 0x30], 0).is_err());
        assert!(FillValue::parse(&[3, 0x20, 0xff, 0xff, 0xff, 0xff, 0], 0).is_err());
    }
}
