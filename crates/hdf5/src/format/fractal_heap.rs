//! The fractal heap: where links and attributes lie when there are many, in blocks that double in size.
//!
//! An object has an identifier: a place in the managed blocks, the key of a huge object, or (tiny) the bytes
//! themselves. Rows of blocks double in size; small rows are direct blocks with bytes, larger ones indirect blocks
//! with rows of their own. One structure at a time; `read` follows addresses and runs filters.
//!
//! Source: HDF5 File Format Specification 3.0, section III.G; the widths in identifiers were measured on libhdf5.

use super::{Cursor, Put, Sizes, checksum};
use crate::format::message::filter_pipeline::{self, Filter};
use hyperslab_core::{Error, Result};

const HEADER: &str = "fractal heap header";
const INDIRECT: &str = "fractal heap indirect block";
const DIRECT: &str = "fractal heap direct block";

/// The header of a heap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Where it lies: blocks name it.
    pub address: u64,
    /// Bytes of an identifier.
    pub id_len: u16,
    /// Whether direct blocks carry a checksum.
    pub checksummed: bool,
    /// The version 2 B-tree of huge objects.
    pub huge: Option<u64>,
    /// Blocks in a row.
    pub width: u16,
    /// Bytes of the smallest block.
    pub start_size: u64,
    /// Bytes of the largest direct block.
    pub max_direct: u64,
    /// Bits of an offset in the heap.
    pub offset_bits: u16,
    /// Bytes of the longest managed object.
    max_managed: u32,
    /// The root block; `None` when nothing is managed.
    pub root: Option<u64>,
    /// Rows of the root when it is an indirect block; 0 when it is a direct block.
    pub root_rows: u16,
    /// What direct blocks and huge objects went through.
    pub filters: Vec<Filter>,
    /// Stored bytes and filter mask of a filtered direct root.
    pub root_filtered: (u64, u32),
}

/// A block as its parent knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Where it lies.
    pub address: u64,
    /// Stored bytes of a filtered direct block.
    pub stored: u64,
    /// Filters that were passed over for it, by bit.
    pub mask: u32,
}

/// What an identifier says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Id<'a> {
    /// At an offset of the heap.
    Managed {
        /// From the start of the heap.
        offset: u64,
        /// Bytes.
        len: u64,
    },
    /// At an address of its own.
    Huge {
        /// Where it lies.
        address: u64,
        /// Stored bytes.
        stored: u64,
        /// Filters that were passed over for it, by bit.
        mask: u32,
        /// Bytes once decoded.
        len: u64,
    },
    /// Under a key in the tree of huge objects.
    HugeKey(u64),
    /// Here.
    Tiny(&'a [u8]),
}

/// Bytes that hold any number up to `n`.
fn width_of(n: u64) -> usize {
    (n.max(1).ilog2() / 8 + 1) as usize
}

impl Header {
    /// Bytes before the filters.
    pub fn fixed_len(sizes: Sizes) -> u64 {
        // Signature to flags 10, greatest managed object 4, table width to root rows 8.
        22 + 12 * u64::from(sizes.length) + 3 * u64::from(sizes.offset)
    }

    /// Bytes of the whole header, from its first [`Header::fixed_len`] bytes.
    ///
    /// # Errors
    /// `Invalid` for a wrong signature.
    pub fn len(bytes: &[u8], sizes: Sizes, base: u64) -> Result<u64> {
        let mut c = Cursor::new(bytes, HEADER, base);
        c.signature(*b"FRHP")?;
        c.skip(3)?;
        let filters = u64::from(c.u16()?);
        let extra = if filters == 0 { 0 } else { u64::from(sizes.length) + 4 + filters };
        Ok(Header::fixed_len(sizes) + extra + 4)
    }

    /// Parses the header, `bytes` being all of it.
    ///
    /// # Errors
    /// `Invalid`, `Unsupported` for another version.
    pub fn parse(bytes: &[u8], sizes: Sizes, base: u64) -> Result<Header> {
        let mut c = Cursor::new(bytes, HEADER, base);
        c.signature(*b"FRHP")?;
        checksum::verify(bytes, HEADER, base)?;
        c.version(0, 0)?;
        let id_len = c.u16()?;
        let filter_len = c.u16()?;
        let flags = c.u8()?;
        let max_managed = c.u32()?;
        c.length(sizes)?;
        let huge = c.address(sizes)?;
        c.length(sizes)?;
        c.address(sizes)?;
        // Managed space, allocated space, allocation iterator, and counts and sizes of the three kinds of objects.
        for _ in 0..8 {
            c.length(sizes)?;
        }
        let width = c.u16()?;
        let start_size = c.length(sizes)?;
        let max_direct = c.length(sizes)?;
        let offset_bits = c.u16()?;
        c.skip(2)?;
        let root = c.address(sizes)?;
        let root_rows = c.u16()?;
        let (mut filters, mut root_filtered) = (Vec::new(), (0, 0));
        if filter_len > 0 {
            root_filtered = (c.length(sizes)?, c.u32()?);
            let at = c.offset_in_file();
            filters = filter_pipeline::parse(c.bytes(filter_len.into())?, at)?;
        }
        let sane = width.is_power_of_two()
            && start_size.is_power_of_two()
            && max_direct.is_power_of_two()
            && start_size <= max_direct
            && (1..=64).contains(&offset_bits)
            && id_len > 0
            && root_rows <= 64;
        if !sane {
            return Err(c.invalid(format!(
                "blocks of {start_size} to {max_direct} bytes in rows of {width}, offsets of {offset_bits} bits"
            )));
        }
        Ok(Header {
            address: base,
            id_len,
            checksummed: flags & 2 != 0,
            huge,
            width,
            start_size,
            max_direct,
            offset_bits,
            max_managed,
            root,
            root_rows,
            filters,
            root_filtered,
        })
    }

    /// Bytes of an offset in the heap.
    fn offset_width(&self) -> usize {
        usize::from(self.offset_bits).div_ceil(8)
    }

    /// Bytes of a block of a row.
    pub fn block_size(&self, row: u32) -> u64 {
        self.start_size.checked_shl(row.saturating_sub(1)).unwrap_or(0)
    }

    /// How many rows are of direct blocks.
    pub fn direct_rows(&self) -> u32 {
        self.max_direct.ilog2() - self.start_size.ilog2() + 2
    }

    /// Rows of an indirect block that stands for `size` bytes of the heap.
    pub fn rows_of(&self, size: u64) -> u32 {
        let first = self.start_size.ilog2() + u32::from(self.width).ilog2();
        (size.max(1).ilog2() + 1).saturating_sub(first)
    }

    /// The row and column of the block that holds an offset of an indirect block, and the offset in it.
    pub fn place(&self, offset: u64) -> (u32, u64, u64) {
        let first = self.start_size.saturating_mul(self.width.into()).max(1);
        let row = if offset < first { 0 } else { (offset / first).ilog2() + 1 };
        let row_start = if row == 0 { 0 } else { first.checked_shl(row - 1).unwrap_or(u64::MAX) };
        let size = self.block_size(row).max(1);
        let within = offset.saturating_sub(row_start);
        (row, within / size, within % size)
    }

    /// Bytes of an indirect block of so many rows.
    pub fn indirect_len(&self, rows: u32, sizes: Sizes) -> u64 {
        let direct = u64::from(rows.min(self.direct_rows()));
        let indirect = u64::from(rows) - direct;
        let width = u64::from(self.width);
        let extra = if self.filters.is_empty() { 0 } else { u64::from(sizes.length) + 4 };
        let pointer = u64::from(sizes.offset);
        9 + pointer
            + self.offset_width() as u64
            + direct * width * (pointer + extra)
            + indirect * width * pointer
    }

    fn prefix(&self, c: &mut Cursor<'_>, signature: [u8; 4], sizes: Sizes) -> Result<()> {
        c.signature(signature)?;
        c.version(0, 0)?;
        if c.address(sizes)? != Some(self.address) {
            return Err(c.invalid("block of another heap"));
        }
        c.skip(self.offset_width())
    }

    /// Checks an indirect block, `bytes` being all of it.
    ///
    /// # Errors
    /// `Invalid` for a wrong signature, checksum or heap.
    pub fn check_indirect(&self, bytes: &[u8], sizes: Sizes, base: u64) -> Result<()> {
        checksum::verify(bytes, INDIRECT, base)?;
        self.prefix(&mut Cursor::new(bytes, INDIRECT, base), *b"FHIB", sizes)
    }

    /// One child of an indirect block of `rows` rows that was checked; `None` where there is none.
    ///
    /// # Errors
    /// `Invalid`.
    pub fn child(
        &self,
        bytes: &[u8],
        rows: u32,
        row: u32,
        column: u64,
        sizes: Sizes,
        base: u64,
    ) -> Result<Option<Block>> {
        let mut c = Cursor::new(bytes, INDIRECT, base);
        c.skip(5 + usize::from(sizes.offset) + self.offset_width())?;
        if row >= rows || column >= self.width.into() {
            return Err(c.invalid(format!("no row {row} among {rows}")));
        }
        let direct = self.direct_rows();
        let filtered = !self.filters.is_empty();
        let entry = u64::from(sizes.offset) + if filtered { u64::from(sizes.length) + 4 } else { 0 };
        let before = |row: u32| u64::from(row) * u64::from(self.width);
        let skip = if row < direct {
            (before(row) + column) * entry
        } else {
            before(direct) * entry + (before(row - direct) + column) * u64::from(sizes.offset)
        };
        c.skip(usize::try_from(skip).unwrap_or(usize::MAX))?;
        let address = c.address(sizes)?;
        let (mut stored, mut mask) = (0, 0);
        if filtered && row < direct {
            (stored, mask) = (c.length(sizes)?, c.u32()?);
        }
        Ok(address.map(|address| Block { address, stored, mask }))
    }

    /// Checks a direct block, `bytes` being all of it, decoded.
    ///
    /// # Errors
    /// `Invalid` for a wrong signature or checksum.
    pub fn check_direct(&self, bytes: &[u8], sizes: Sizes, base: u64) -> Result<()> {
        let mut c = Cursor::new(bytes, DIRECT, base);
        self.prefix(&mut c, *b"FHDB", sizes)?;
        if !self.checksummed {
            return Ok(());
        }
        // The checksum covers the whole block, its own place counted as zeros.
        let at = c.position();
        let stored = c.u32()?;
        let mut copy = bytes.to_vec();
        if let Some(field) = copy.get_mut(at..at + 4) {
            field.fill(0);
        }
        checksum::compare(stored, checksum::lookup3(&copy), DIRECT, base)
    }

    /// Takes an identifier apart.
    ///
    /// # Errors
    /// `Invalid`, `Unsupported` for an unknown kind.
    pub fn id<'a>(&self, id: &'a [u8], sizes: Sizes) -> Result<Id<'a>> {
        let id = id.get(..self.id_len.into()).ok_or_else(|| {
            Error::invalid(format!("identifier of {} bytes instead of {}", id.len(), self.id_len))
                .reading("fractal heap")
                .at(self.address)
        })?;
        let mut c = Cursor::new(id, "fractal heap identifier", self.address);
        let first = c.u8()?;
        if first & 0xc0 != 0 {
            return Err(c.unsupported(format!("identifier of version {}", first >> 6)));
        }
        let room = u64::from(self.id_len) - 1;
        match (first >> 4) & 3 {
            0 => {
                let offset = c.uint(self.offset_width())?;
                let width = width_of(self.max_direct).min(width_of(self.max_managed.into()));
                Ok(Id::Managed { offset, len: c.uint(width)? })
            }
            1 => {
                let filtered = !self.filters.is_empty();
                let (o, l) = (u64::from(sizes.offset), u64::from(sizes.length));
                if room < o + l + if filtered { 4 + l } else { 0 } {
                    return Ok(Id::HugeKey(c.uint(room.min(8) as usize)?));
                }
                let address = c.address(sizes)?.ok_or_else(|| c.invalid("huge object without an address"))?;
                let stored = c.length(sizes)?;
                let (mask, len) = if filtered { (c.u32()?, c.length(sizes)?) } else { (0, stored) };
                Ok(Id::Huge { address, stored, mask, len })
            }
            2 => {
                // Long identifiers give the length twelve bits.
                let mut len = usize::from(first & 0xf);
                if room > 17 {
                    len = (len << 8) | usize::from(c.u8()?);
                }
                Ok(Id::Tiny(c.bytes(len + 1)?))
            }
            n => Err(c.unsupported(format!("identifier of kind {n}"))),
        }
    }
}

/// A record of the tree of huge objects, by the kind of the tree (1, or 2 with filters): its key and where it lies.
///
/// # Errors
/// `Invalid`, `Unsupported` for another kind.
pub fn huge_record(kind: u8, record: &[u8], sizes: Sizes, base: u64) -> Result<(u64, Id<'static>)> {
    let mut c = Cursor::new(record, "huge object record", base);
    let address = c.address(sizes)?.ok_or_else(|| c.invalid("huge object without an address"))?;
    let stored = c.length(sizes)?;
    let (mask, len) = match kind {
        1 => (0, stored),
        2 => (c.u32()?, c.length(sizes)?),
        n => return Err(c.unsupported(format!("tree of huge objects of kind {n}"))),
    };
    Ok((c.length(sizes)?, Id::Huge { address, stored, mask, len }))
}

/// How a heap that is written is divided.
#[derive(Clone, Copy, Debug)]
pub struct Parameters {
    /// Bytes of an identifier.
    pub id_len: u16,
    /// Bytes of the smallest block.
    pub start_size: u64,
    /// Bits of an offset in the heap.
    pub offset_bits: u16,
}

impl Parameters {
    /// As libhdf5 has it for links.
    pub const LINKS: Parameters = Parameters { id_len: 7, start_size: 512, offset_bits: 32 };
    /// As libhdf5 has it for attributes.
    pub const ATTRIBUTES: Parameters = Parameters { id_len: 8, start_size: 1024, offset_bits: 40 };

    /// The longest object that goes into a block.
    pub const MAX_MANAGED: usize = 4096;

    /// The header of a heap without anything in it.
    pub fn header(self, address: u64) -> Header {
        Header {
            address,
            id_len: self.id_len,
            checksummed: true,
            huge: None,
            width: 4,
            start_size: self.start_size,
            max_direct: 64 << 10,
            offset_bits: self.offset_bits,
            max_managed: Parameters::MAX_MANAGED as u32,
            root: None,
            root_rows: 0,
            filters: Vec::new(),
            root_filtered: (0, 0),
        }
    }
}

/// What the header of a heap counts beside what is needed to read it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Bytes that are free in the blocks that the root stands for, whether or not they are there.
    pub free: u64,
    /// Bytes of the heap that the root stands for.
    pub space: u64,
    /// Bytes of direct blocks that are there.
    pub allocated: u64,
    /// Offset of the block that is to be made next.
    pub next: u64,
    /// Objects in blocks.
    pub managed: u64,
    /// Objects that lie by themselves; their keys are 1, 2, ..
    pub huge: u64,
    /// Their bytes.
    pub huge_bytes: u64,
}

impl Header {
    /// Bytes of a direct block that hold no objects.
    pub fn overhead(&self) -> u64 {
        13 + self.offset_width() as u64 + if self.checksummed { 4 } else { 0 }
    }

    /// Bytes of all blocks of the rows before `row`.
    pub fn row_offset(&self, row: u32) -> u64 {
        (0..row).map(|r| self.block_size(r).saturating_mul(self.width.into())).fold(0, u64::saturating_add)
    }

    /// Bytes for objects in a block of a row, or in all blocks below it.
    pub fn room(&self, row: u32) -> u64 {
        let size = self.block_size(row);
        if row < self.direct_rows() {
            return size.saturating_sub(self.overhead());
        }
        let rows = (0..self.rows_of(size)).map(|r| self.room(r).saturating_mul(self.width.into()));
        rows.fold(0, u64::saturating_add)
    }

    /// Appends the header.
    pub fn emit(&self, counts: &Counts, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(b"FRHP\0");
        out.put_u16(self.id_len);
        out.put_u16(0);
        out.put_u8(if self.checksummed { 2 } else { 0 });
        out.put_u32(self.max_managed);
        out.put_u64(counts.huge);
        out.put_address(self.huge);
        out.put_u64(counts.free);
        // No list of what is free.
        out.put_address(None);
        [counts.space, counts.allocated, counts.next, counts.managed].iter().for_each(|&n| out.put_u64(n));
        [counts.huge_bytes, counts.huge, 0, 0].iter().for_each(|&n| out.put_u64(n));
        out.put_u16(self.width);
        out.put_u64(self.start_size);
        out.put_u64(self.max_direct);
        out.put_u16(self.offset_bits);
        out.put_u16(1);
        out.put_address(self.root);
        out.put_u16(self.root_rows);
        checksum::seal(out, start);
    }

    /// Appends a direct block of `size` bytes that begins at an offset of the heap: objects, one after another.
    pub fn emit_direct(&self, offset: u64, size: usize, objects: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(b"FHDB\0");
        out.put_u64(self.address);
        out.put_uint(offset, self.offset_width());
        let at = out.len();
        out.put_u32(0);
        out.extend_from_slice(objects);
        out.resize(start + size, 0);
        let sum = checksum::lookup3(out.get(start..).unwrap_or_default());
        if let Some(field) = out.get_mut(at..at + 4) {
            field.copy_from_slice(&sum.to_le_bytes());
        }
    }

    /// Appends an indirect block that begins at an offset of the heap: the addresses of its blocks, row by row.
    pub fn emit_indirect(&self, offset: u64, children: &[Option<u64>], out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(b"FHIB\0");
        out.put_u64(self.address);
        out.put_uint(offset, self.offset_width());
        children.iter().for_each(|&c| out.put_address(c));
        checksum::seal(out, start);
    }

    /// The identifier of an object in a block.
    pub fn managed_id(&self, offset: u64, len: u64) -> Vec<u8> {
        let mut id = vec![0];
        id.put_uint(offset, self.offset_width());
        id.put_uint(len, width_of(self.max_direct).min(width_of(self.max_managed.into())));
        id.resize(self.id_len.into(), 0);
        id
    }

    /// The identifier of an object that lies by itself.
    pub fn huge_id(&self, key: u64) -> Vec<u8> {
        let mut id = vec![0x10];
        id.put_uint(key, usize::from(self.id_len).saturating_sub(1).min(8));
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            address: 100,
            id_len: 8,
            checksummed: true,
            huge: None,
            width: 4,
            start_size: 512,
            max_direct: 65536,
            offset_bits: 32,
            max_managed: 4096,
            root: None,
            root_rows: 0,
            filters: Vec::new(),
            root_filtered: (0, 0),
        }
    }

    #[test]
    fn rows_double() {
        let h = header();
        assert_eq!(
            (h.block_size(0), h.block_size(1), h.block_size(2), h.block_size(3)),
            (512, 512, 1024, 2048)
        );
        assert_eq!(h.direct_rows(), 9);
        assert_eq!(h.place(0), (0, 0, 0));
        assert_eq!(h.place(2047), (0, 3, 511));
        assert_eq!(h.place(2048), (1, 0, 0));
        assert_eq!(h.place(4096), (2, 0, 0));
        assert_eq!(h.place(8192 + 2048 + 5), (3, 1, 5));
        assert_eq!(h.rows_of(131072), 7);
    }

    #[test]
    fn identifiers() {
        let h = header();
        assert_eq!(
            h.id(&[0, 5, 0, 0, 0, 9, 0, 0], Sizes::STANDARD).unwrap(),
            Id::Managed { offset: 5, len: 9 }
        );
        assert_eq!(h.id(&[0x22, 1, 2, 3, 0, 0, 0, 0], Sizes::STANDARD).unwrap(), Id::Tiny(&[1, 2, 3]));
        assert_eq!(h.id(&[0x10, 7, 0, 0, 0, 0, 0, 0], Sizes::STANDARD).unwrap(), Id::HugeKey(7));
        assert!(h.id(&[0x2f, 1, 2, 3, 0, 0, 0, 0], Sizes::STANDARD).is_err());
        assert!(h.id(&[0x30, 0, 0, 0, 0, 0, 0, 0], Sizes::STANDARD).is_err());
        assert!(h.id(&[0], Sizes::STANDARD).is_err());
    }
}
