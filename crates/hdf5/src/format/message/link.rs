//! The link message: one name in a new-style group.
//!
//! The same bytes are the objects of the fractal heap of a group with dense links.
//!
//! Source: HDF5 File Format Specification 3.0, section IV.A.2.g.

use crate::format::{Cursor, Put, Sizes};
use hyperslab_core::Result;

/// What a link points at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// The object header at this address.
    Hard(u64),
    /// A path in the same file.
    Soft(&'a [u8]),
    /// A path in another file.
    External {
        /// The file.
        file: &'a [u8],
        /// The object.
        path: &'a [u8],
    },
    /// Something an application defined, by its link class.
    User(u8),
}

/// A named link. Names are bytes, nearly always UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link<'a> {
    /// The name.
    pub name: &'a [u8],
    /// Place in the order of creation, where it is tracked.
    pub creation_order: Option<u64>,
    /// What it points at.
    pub target: Target<'a>,
}

const EXTERNAL: u8 = 64;

impl<'a> Link<'a> {
    /// Parses a message body.
    ///
    /// # Errors
    /// `Invalid`, `Unsupported` for unknown versions and kinds.
    #[inline(always)]
    pub fn parse(body: &'a [u8], sizes: Sizes, offset: u64) -> Result<Link<'a>> {
        let mut c = Cursor::new(body, "link", offset);
        c.version(1, 1)?;
        let flags = c.u8()?;
        if flags & 0xe0 != 0 {
            return Err(c.invalid(format!("reserved bits set in flags {flags:#04x}")));
        }
        let class = if flags & 8 != 0 { c.u8()? } else { 0 };
        let creation_order = if flags & 4 != 0 { Some(c.u64()?) } else { None };
        if flags & 0x10 != 0 {
            c.skip(1)?;
        }
        let len = c.uint(1 << (flags & 3))?;
        let Ok(len @ 1..) = usize::try_from(len) else {
            return Err(c.invalid(format!("name of {len} bytes")));
        };
        let name = c.bytes(len)?;
        let target = match class {
            0 => Target::Hard(c.address(sizes)?.ok_or_else(|| c.invalid("hard link without an address"))?),
            1 => {
                let n = c.u16()?;
                Target::Soft(c.bytes(n.into())?)
            }
            EXTERNAL => {
                let n = c.u16()?;
                external(c.bytes(n.into())?).ok_or_else(|| c.invalid("external link without file or path"))?
            }
            65.. => Target::User(class),
            n => return Err(c.unsupported(format!("link of class {n}"))),
        };
        Ok(Link { name, creation_order, target })
    }

    /// Appends a body.
    ///
    /// # Errors
    /// `Unsupported` for an empty name and for user-defined links.
    pub fn emit(&self, out: &mut Vec<u8>) -> Result<()> {
        let unsupported = |m: String| hyperslab_core::Error::unsupported(m);
        let n = self.name.len();
        if n == 0 || self.name.contains(&b'/') || self.name.contains(&0) {
            return Err(unsupported(format!(
                "{:?} as the name of a link",
                self.name.escape_ascii().to_string()
            )));
        }
        let (width, bits) = match n {
            0..=0xff => (1, 0u8),
            0x100..=0xffff => (2, 1),
            _ => (4, 2),
        };
        let class = match self.target {
            Target::Hard(_) => None,
            Target::Soft(_) => Some(1),
            Target::External { .. } => Some(EXTERNAL),
            Target::User(c) => return Err(unsupported(format!("writing a link of class {c}"))),
        };
        let utf8 = !self.name.is_ascii();
        let flag = |on: bool, bit: u8| if on { bit } else { 0 };
        out.put_u8(1);
        out.put_u8(
            bits | flag(self.creation_order.is_some(), 4) | flag(class.is_some(), 8) | flag(utf8, 0x10),
        );
        out.extend(class);
        if let Some(order) = self.creation_order {
            out.put_u64(order);
        }
        if utf8 {
            out.put_u8(1);
        }
        out.put_uint(n as u64, width);
        out.extend_from_slice(self.name);
        match self.target {
            Target::Hard(address) => out.put_u64(address),
            Target::Soft(path) => put_value(&[path], out)?,
            Target::External { file, path } => put_value(&[&[0], file, &[0], path, &[0]], out)?,
            Target::User(_) => {}
        }
        Ok(())
    }
}

fn put_value(parts: &[&[u8]], out: &mut Vec<u8>) -> Result<()> {
    let n: usize = parts.iter().map(|p| p.len()).sum();
    out.put_u16(crate::format::put::narrow(n, "value of a link")?);
    parts.iter().for_each(|p| out.extend_from_slice(p));
    Ok(())
}

/// A byte of version and flags, then file and path, each with a closing NUL.
fn external<'a>(value: &'a [u8]) -> Option<Target<'a>> {
    let mut parts = value.get(1..)?.split(|&b| b == 0);
    Some(Target::External { file: parts.next()?, path: parts.next()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips() {
        let long = [b'x'; 300];
        let targets =
            [Target::Hard(77), Target::Soft(b"/a/b"), Target::External { file: b"other.h5", path: b"/x" }];
        for target in targets {
            for name in [&b"a"[..], "é".as_bytes(), &long] {
                for creation_order in [None, Some(5)] {
                    let link = Link { name, creation_order, target };
                    let mut out = Vec::new();
                    link.emit(&mut out).unwrap();
                    assert_eq!(Link::parse(&out, Sizes::STANDARD, 0).unwrap(), link);
                    for n in 0..out.len() {
                        assert!(Link::parse(&out[..n], Sizes::STANDARD, 0).is_err());
                    }
                }
            }
        }
    }

    #[test]
    fn names_that_cannot_be() {
        for name in [&b""[..], b"a/b", b"a\0"] {
            let link = Link { name, creation_order: None, target: Target::Hard(1) };
            assert!(link.emit(&mut Vec::new()).is_err());
        }
    }
}
