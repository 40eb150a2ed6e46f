//! The superblock: where the file's root, end and base are, and how wide its addresses are.
//!
//! Source: HDF5 File Format Specification 3.0, section II.A; versions 0 to 3. The driver-info block and the
//! superblock extension are only located here.

use super::{Cursor, Put, Sizes, checksum};
use hyperslab_core::{Error, Result};

/// The first eight bytes of every superblock.
pub const SIGNATURE: [u8; 8] = *b"\x89HDF\r\n\x1a\n";
/// Bytes of an emitted version 2 or 3 superblock.
pub const LEN_V2: usize = 48;
/// Bytes of an emitted version 0 superblock.
pub const LEN_V0: usize = 96;
/// As many bytes as any superblock can have.
pub const MAX_LEN: usize = 128;

/// Consistency flag: a library has the file open for writing.
pub const WRITING: u8 = 0x01;
/// Consistency flag: a library writes the file while others read it.
pub const SWMR: u8 = 0x04;

const WHAT: &str = "superblock";

/// What a superblock says. Addresses count from [`Superblock::base`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Superblock {
    /// 0 to 3.
    pub version: u8,
    /// Consistency flags of version 3: bit 0 open for writing, bit 2 open for SWMR writing.
    pub flags: u8,
    /// Width of addresses and lengths, capacity of nodes (versions 0 and 1; standard otherwise).
    pub sizes: Sizes,
    /// The address that all others count from, as stored: where the superblock was when it was written.
    pub base: u64,
    /// The superblock extension's object header (versions 2 and 3).
    pub extension: Option<u64>,
    /// The driver-info block (versions 0 and 1).
    pub driver: Option<u64>,
    /// End of the allocated part of the file, as stored.
    pub end: u64,
    /// The root group's object header.
    pub root: u64,
}

impl Superblock {
    /// A superblock of version 0, 2 or 3 with everything standard.
    pub fn new(version: u8, end: u64, root: u64) -> Superblock {
        Superblock {
            version,
            flags: 0,
            sizes: Sizes::STANDARD,
            base: 0,
            extension: None,
            driver: None,
            end,
            root,
        }
    }

    /// Bytes of the superblock in the file.
    pub fn len(&self) -> u64 {
        let (offset, length) = (u64::from(self.sizes.offset), u64::from(self.sizes.length));
        match self.version {
            // The root's symbol-table entry is part of it: two addresses, the kind of cache, the cache.
            0 | 1 => 24 + 4 * u64::from(self.version) + 4 * offset + length + offset + 24,
            _ => 16 + 4 * offset,
        }
    }

    /// Whether there is nothing, which no superblock is.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Parses the superblock at the start of `bytes`, which lie at `base` in the file ([`MAX_LEN`] bytes are
    /// enough, fewer do where the file is shorter).
    ///
    /// # Errors
    /// `Invalid` for a wrong signature, checksum or end, `Unsupported` for versions and widths nobody writes.
    #[inline(always)]
    pub fn parse(bytes: &[u8], base: u64) -> Result<Superblock> {
        let mut c = Cursor::new(bytes, WHAT, base);
        if !bytes.starts_with(&SIGNATURE) {
            return Err(Error::invalid("not an HDF5 file: no signature").reading(WHAT).at(base));
        }
        c.skip(8)?;
        match c.version(0, 3)? {
            v @ 0..=1 => parse_v0(v, c),
            v => parse_v2(v, bytes, c, base),
        }
    }

    /// Appends the superblock: 48 bytes for versions 2 and 3, 96 for version 0.
    ///
    /// # Errors
    /// `Unsupported` for another version or other widths than 8.
    pub fn emit(&self, out: &mut Vec<u8>) -> Result<()> {
        if self.sizes != Sizes::STANDARD || !matches!(self.version, 0 | 2 | 3) {
            return Err(Error::unsupported(format!("writing a superblock of version {}", self.version)));
        }
        let start = out.len();
        out.extend_from_slice(&SIGNATURE);
        if self.version == 0 {
            out.extend_from_slice(&[0, 0, 0, 0, 0, 8, 8, 0]);
            out.put_u16(self.sizes.group_leaf_k);
            out.put_u16(self.sizes.group_internal_k);
            out.put_u32(0);
            out.put_u64(self.base);
            out.put_address(None);
            out.put_u64(self.end);
            out.put_address(None);
            // The root's symbol-table entry: no name, no cached addresses.
            out.put_u64(0);
            out.put_u64(self.root);
            out.put_zeros(24);
            return Ok(());
        }
        out.extend_from_slice(&[self.version, 8, 8, self.flags]);
        out.put_u64(self.base);
        out.put_address(self.extension);
        out.put_u64(self.end);
        out.put_u64(self.root);
        checksum::seal(out, start);
        Ok(())
    }
}

#[inline(always)]
fn widths(c: &mut Cursor<'_>) -> Result<Sizes> {
    let sizes = Sizes { offset: c.u8()?, length: c.u8()?, ..Sizes::STANDARD };
    if !matches!(sizes.offset, 2 | 4 | 8) || !matches!(sizes.length, 2 | 4 | 8) {
        return Err(c.unsupported(format!(
            "addresses of {} and lengths of {} bytes (known: 2, 4, 8)",
            sizes.offset, sizes.length
        )));
    }
    Ok(sizes)
}

#[inline(always)]
fn parse_v2(version: u8, bytes: &[u8], mut c: Cursor<'_>, base: u64) -> Result<Superblock> {
    let sizes = widths(&mut c)?;
    let flags = c.u8()?;
    let stored_base = c.address(sizes)?.unwrap_or(0);
    let extension = c.address(sizes)?;
    let end = c.address(sizes)?;
    let root = c.address(sizes)?;
    let whole = bytes.get(..c.position() + 4).unwrap_or(bytes);
    if let Err(e) = checksum::verify(whole, WHAT, base)
        && !taken_while_open(whole)
    {
        return Err(e);
    }
    let (Some(end), Some(root)) = (end, root) else {
        return Err(c.invalid("no end-of-file address or no root group"));
    };
    Ok(Superblock {
        version,
        flags,
        base: stored_base,
        extension,
        sizes,
        ..Superblock::new(version, end, root)
    })
}

/// Whether the checksum is that of the same superblock with the mark of a file that is open for writing.
///
/// `H5Fget_file_image` of libhdf5 1.12 and 1.14 takes that mark away and leaves the checksum as it was, so that libhdf5
/// itself opens no such image (seen with 1.12.2 and 1.14.2, versions 2 and 3; 2.0 does it right).
#[cold]
pub fn taken_while_open(bytes: &[u8]) -> bool {
    let (Some(version), Some(&[a, b, c, d])) = (bytes.get(8), bytes.get(44..48)) else { return false };
    let Some(mut body) = bytes.first_chunk::<44>().copied().filter(|_| matches!(version, 2 | 3)) else {
        return false;
    };
    if std::mem::replace(&mut body[11], WRITING) != 0 {
        return false;
    }
    checksum::lookup3(&body) == u32::from_le_bytes([a, b, c, d])
}

#[inline(never)]
fn parse_v0(version: u8, mut c: Cursor<'_>) -> Result<Superblock> {
    let known = (c.u8()?, c.u8()?, c.u8()?, c.u8()?);
    if (known.0, known.1, known.3) != (0, 0, 0) {
        return Err(c.unsupported(format!("free-space, root and shared-header versions {known:?}")));
    }
    let mut sizes = widths(&mut c)?;
    c.skip(1)?;
    sizes.group_leaf_k = c.u16()?;
    sizes.group_internal_k = c.u16()?;
    c.skip(4)?;
    if version == 1 {
        sizes.chunk_internal_k = c.u16()?;
        c.skip(2)?;
    }
    let base = c.address(sizes)?.unwrap_or(0);
    c.address(sizes)?;
    let end = c.address(sizes)?;
    let driver = c.address(sizes)?;
    c.length(sizes)?;
    let root = c.address(sizes)?;
    let (Some(end), Some(root)) = (end, root) else {
        return Err(c.invalid("no end-of-file address or no root group"));
    };
    Ok(Superblock { sizes, base, driver, ..Superblock::new(version, end, root) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips() {
        for version in [0, 2, 3] {
            let s = Superblock::new(version, 12345, if version == 0 { 96 } else { 48 });
            let mut out = Vec::new();
            s.emit(&mut out).unwrap();
            assert_eq!(out.len(), if version == 0 { LEN_V0 } else { LEN_V2 });
            assert_eq!(Superblock::parse(&out, 0).unwrap(), s);
            for n in 0..out.len() - 24 {
                assert!(Superblock::parse(&out[..n], 0).is_err(), "{n}");
            }
        }
    }

    #[test]
    fn an_image_that_was_taken_while_open() {
        for version in [2, 3] {
            let mut out = Vec::new();
            Superblock { flags: WRITING, ..Superblock::new(version, 1000, 48) }.emit(&mut out).unwrap();
            out[11] = 0;
            let s = Superblock::parse(&out, 0).unwrap();
            assert_eq!((s.flags, s.end, s.root), (0, 1000, 48));
            for i in 0..48 {
                out[i] ^= 0x10;
                assert!(Superblock::parse(&out, 0).is_err(), "byte {i}");
                out[i] ^= 0x10;
            }
        }
    }

    #[test]
    fn a_changed_byte_is_seen() {
        let mut out = Vec::new();
        Superblock::new(3, 1000, 48).emit(&mut out).unwrap();
        for i in 0..48 {
            out[i] ^= 0x10;
            assert!(Superblock::parse(&out, 0).is_err(), "byte {i}");
            out[i] ^= 0x10;
        }
    }

    /// What h5py 3.16 on HDF5 2.0 wrote at the start of a file with `libver='latest'`.
    #[test]
    fn a_superblock_of_libhdf5() {
        let bytes: Vec<u8> = b"\x89HDF\r\n\x1a\n\x03\x08\x08\x00"
            .iter()
            .copied()
            .chain([0; 8])
            .chain([0xff; 8])
            .chain([0x4b, 0x28, 0, 0, 0, 0, 0, 0])
            .chain([0x30, 0, 0, 0, 0, 0, 0, 0])
            .chain([0x46, 0x75, 0xdf, 0x85])
            .collect();
        let s = Superblock::parse(&bytes, 0).unwrap();
        assert_eq!((s.version, s.end, s.root, s.flags), (3, 0x284b, 48, 0));
    }
}
