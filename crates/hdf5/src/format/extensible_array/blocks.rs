//! The blocks of an extensible array: index block, super blocks, data blocks.

use super::super::{Cursor, Put, checksum};
use super::{Element, Shape, client};
use hyperslab_core::{Error, Result};

const INDEX: &str = "extensible array index block";
const SUPER: &str = "extensible array super block";
const DATA: &str = "extensible array data block";
const PAGE: &str = "extensible array data page";

/// What every block begins with, after its signature: version, client, the header's address.
fn prefix<'a>(
    bytes: &'a [u8],
    signature: [u8; 4],
    what: &'static str,
    shape: &Shape,
    header: u64,
    base: u64,
) -> Result<Cursor<'a>> {
    let mut c = Cursor::new(bytes, what, base);
    c.signature(signature)?;
    c.version(0, 0)?;
    if client(&mut c)? != shape.filtered {
        return Err(c.invalid("filtered and unfiltered chunks in one array"));
    }
    let owner = c.address(shape.sizes)?;
    if owner != Some(header) {
        return Err(c.invalid(format!("belongs to the array at {owner:?}, not to the one at {header}")));
    }
    Ok(c)
}

fn emit_prefix(signature: [u8; 4], shape: &Shape, header: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(&signature);
    out.extend_from_slice(&[0, u8::from(shape.filtered)]);
    out.put_u64(header);
}

fn prefix_len(shape: &Shape) -> u64 {
    6 + u64::from(shape.sizes.offset)
}

/// The bytes of a block of a known length, whole and checked.
fn checked<'a>(bytes: &'a [u8], len: u64, what: &'static str, base: u64) -> Result<&'a [u8]> {
    let whole = usize::try_from(len).ok().and_then(|n| bytes.get(..n));
    let whole = whole.ok_or_else(|| {
        Error::invalid(format!("{len} bytes wanted where {} are left", bytes.len())).reading(what).at(base)
    })?;
    checksum::verify(whole, what, base)
}

/// A block that cannot have a length because its numbers overflow.
fn too_large(what: &'static str) -> Error {
    Error::invalid("its parameters give it more than 2^63 bytes").reading(what)
}

/// EAIB: the first elements and the addresses of everything else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexBlock {
    /// The first elements.
    pub elements: Vec<Element>,
    /// Data blocks of the super blocks that have no block of their own.
    pub data_blocks: Vec<Option<u64>>,
    /// Super blocks, from [`Parameters::first_super`](super::Parameters::first_super) on.
    pub super_blocks: Vec<Option<u64>>,
}

impl IndexBlock {
    /// An index block without anything set.
    pub fn new(shape: &Shape) -> IndexBlock {
        let p = shape.parameters;
        IndexBlock {
            elements: vec![Element::default(); p.index_elements.into()],
            data_blocks: vec![None; p.direct_blocks() as usize],
            super_blocks: vec![None; p.super_addresses() as usize],
        }
    }

    /// Bytes of a stored index block (a few kilobytes at most: its numbers are single bytes).
    pub fn len(shape: &Shape) -> u64 {
        let p = shape.parameters;
        let addresses = u64::from(p.direct_blocks()) + u64::from(p.super_addresses());
        prefix_len(shape)
            + u64::from(p.index_elements) * u64::from(shape.element_size)
            + addresses * u64::from(shape.sizes.offset)
            + 4
    }

    /// Parses the index block of the array whose header is at `header`.
    ///
    /// # Errors
    /// `Invalid`, `Unsupported`.
    pub fn parse(bytes: &[u8], shape: &Shape, header: u64, base: u64) -> Result<IndexBlock> {
        prefix(bytes, *b"EAIB", INDEX, shape, header, base)?;
        let body = checked(bytes, IndexBlock::len(shape), INDEX, base)?;
        let mut c = prefix(body, *b"EAIB", INDEX, shape, header, base)?;
        let mut block = IndexBlock::new(shape);
        block.elements.iter_mut().try_for_each(|e| shape.element(&mut c).map(|v| *e = v))?;
        let addresses = block.data_blocks.iter_mut().chain(&mut block.super_blocks);
        addresses.into_iter().try_for_each(|a| c.address(shape.sizes).map(|v| *a = v))?;
        Ok(block)
    }

    /// Appends the index block.
    pub fn emit(&self, shape: &Shape, header: u64, out: &mut Vec<u8>) {
        let start = out.len();
        emit_prefix(*b"EAIB", shape, header, out);
        self.elements.iter().for_each(|e| shape.put_element(e, out));
        self.data_blocks.iter().chain(&self.super_blocks).for_each(|a| out.put_address(*a));
        checksum::seal(out, start);
    }
}

/// EASB: the addresses of the data blocks of one super block, and which of their pages exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuperBlock {
    /// Which super block it is.
    pub u: u32,
    /// Page bits, packed without gaps: page `p` of data block `b` is bit `b * pages + p`, most significant first.
    pub bitmap: Vec<u8>,
    /// Addresses of the data blocks.
    pub data_blocks: Vec<Option<u64>>,
}

impl SuperBlock {
    /// A super block without anything set. For array parameters that libhdf5 uses it has at most 16384 addresses
    /// and 2 MiB of bitmap; the caller checks [`SuperBlock::len`] against the file before it parses one.
    pub fn new(shape: &Shape, u: u32) -> SuperBlock {
        let p = shape.parameters;
        SuperBlock {
            u,
            bitmap: vec![0; p.bitmap_len(u) as usize],
            data_blocks: vec![None; p.blocks_of(u) as usize],
        }
    }

    /// Bytes of stored super block `u`.
    ///
    /// # Errors
    /// `Invalid` when that overflows.
    pub fn len(shape: &Shape, u: u32) -> Result<u64> {
        let p = shape.parameters;
        let addresses = p.blocks_of(u).checked_mul(shape.sizes.offset.into());
        addresses
            .and_then(|n| n.checked_add(p.bitmap_len(u)))
            .and_then(|n| n.checked_add(prefix_len(shape) + p.offset_width() as u64 + 4))
            .filter(|&n| n <= i64::MAX as u64)
            .ok_or_else(|| too_large(SUPER))
    }

    /// Parses super block `u` of the array whose header is at `header`.
    ///
    /// # Errors
    /// `Invalid`, `Unsupported`.
    pub fn parse(bytes: &[u8], shape: &Shape, u: u32, header: u64, base: u64) -> Result<SuperBlock> {
        let body = checked(bytes, SuperBlock::len(shape, u)?, SUPER, base)?;
        let mut c = prefix(body, *b"EASB", SUPER, shape, header, base)?;
        let p = shape.parameters;
        first_element(&mut c, shape, p.super_start(u), None)?;
        let mut block = SuperBlock::new(shape, u);
        let bitmap = c.bytes(block.bitmap.len())?;
        block.bitmap.copy_from_slice(bitmap);
        block.data_blocks.iter_mut().try_for_each(|a| c.address(shape.sizes).map(|v| *a = v))?;
        Ok(block)
    }

    /// Appends the super block.
    pub fn emit(&self, shape: &Shape, header: u64, out: &mut Vec<u8>) {
        let start = out.len();
        let p = shape.parameters;
        emit_prefix(*b"EASB", shape, header, out);
        out.put_uint(p.super_start(self.u), p.offset_width());
        out.extend_from_slice(&self.bitmap);
        self.data_blocks.iter().for_each(|a| out.put_address(*a));
        checksum::seal(out, start);
    }

    fn bit(&self, shape: &Shape, block: u64, page: u64) -> (usize, u8) {
        let bit = block.saturating_mul(shape.parameters.pages_of(self.u)).saturating_add(page);
        (usize::try_from(bit / 8).unwrap_or(usize::MAX), 0x80 >> (bit % 8))
    }

    /// Whether a page of a data block was ever written.
    pub fn has_page(&self, shape: &Shape, block: u64, page: u64) -> bool {
        let (byte, bit) = self.bit(shape, block, page);
        self.bitmap.get(byte).is_some_and(|b| b & bit != 0)
    }

    /// Marks a page of a data block as written.
    pub fn set_page(&mut self, shape: &Shape, block: u64, page: u64) {
        let (byte, bit) = self.bit(shape, block, page);
        if let Some(b) = self.bitmap.get_mut(byte) {
            *b |= bit;
        }
    }
}

/// The number of a block's first element must be the one that its place says, or the other one given.
fn first_element(c: &mut Cursor<'_>, shape: &Shape, want: u64, or: Option<u64>) -> Result<()> {
    let here = c.clone();
    let got = c.uint(shape.parameters.offset_width())?;
    if got == want || or == Some(got) {
        Ok(())
    } else {
        Err(here.invalid(format!("begins at element {got}, not {want}")))
    }
}

/// EADB: elements. One of more elements than a page holds has only a prefix and then pages, each with its checksum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataBlock {
    /// The elements, or of a paged block none.
    pub elements: Vec<Element>,
}

impl DataBlock {
    /// Bytes of a stored data block of super block `u`, its pages included.
    ///
    /// # Errors
    /// `Invalid` when that overflows.
    pub fn len(shape: &Shape, u: u32) -> Result<u64> {
        let p = shape.parameters;
        let pages = p.pages_of(u);
        let elements = p.block_len(u).checked_mul(shape.element_size.into());
        elements
            .and_then(|n| n.checked_add(pages.checked_mul(4)?))
            .and_then(|n| n.checked_add(DataBlock::prefix_len(shape)))
            .filter(|&n| n <= i64::MAX as u64)
            .ok_or_else(|| too_large(DATA))
    }

    /// Bytes of a paged block before its first page, and of the frame around the elements of another.
    pub fn prefix_len(shape: &Shape) -> u64 {
        prefix_len(shape) + shape.parameters.offset_width() as u64 + 4
    }

    /// Bytes of one page.
    ///
    /// # Errors
    /// `Invalid` when that overflows.
    pub fn page_len(shape: &Shape) -> Result<u64> {
        let elements = shape.parameters.page_len().checked_mul(shape.element_size.into());
        elements.and_then(|n| n.checked_add(4)).ok_or_else(|| too_large(PAGE))
    }

    /// Where page `page` begins, from the start of its block.
    ///
    /// # Errors
    /// `Invalid` when that overflows.
    pub fn page_at(shape: &Shape, page: u64) -> Result<u64> {
        let before = DataBlock::page_len(shape)?.checked_mul(page);
        before.and_then(|n| n.checked_add(DataBlock::prefix_len(shape))).ok_or_else(|| too_large(PAGE))
    }

    /// Parses a data block of super block `u` that begins with element `first` (not counting those in the index
    /// block). Of a paged block the prefix alone must be there.
    ///
    /// # Errors
    /// `Invalid`, `Unsupported`.
    pub fn parse(
        bytes: &[u8],
        shape: &Shape,
        u: u32,
        first: u64,
        header: u64,
        base: u64,
    ) -> Result<DataBlock> {
        let p = shape.parameters;
        let paged = p.pages_of(u) > 0;
        let len = if paged { DataBlock::prefix_len(shape) } else { DataBlock::len(shape, u)? };
        let body = checked(bytes, len, DATA, base)?;
        let mut c = prefix(body, *b"EADB", DATA, shape, header, base)?;
        // libhdf5 numbers the blocks that the index block points at by their place among all of those.
        let len = p.block_len(u);
        let block = first.saturating_sub(p.super_start(u)) / len.max(1);
        let direct = (u < p.first_super()).then(|| {
            let before = (0..u).map(|v| p.blocks_of(v)).sum::<u64>();
            p.super_start(u).saturating_add((before + block).saturating_mul(len))
        });
        first_element(&mut c, shape, first, direct)?;
        let count = if paged { 0 } else { p.block_len(u) };
        Ok(DataBlock { elements: elements(&mut c, shape, count)? })
    }

    /// Parses one page of a paged data block.
    ///
    /// # Errors
    /// `Invalid`.
    pub fn parse_page(bytes: &[u8], shape: &Shape, base: u64) -> Result<Vec<Element>> {
        let body = checked(bytes, DataBlock::page_len(shape)?, PAGE, base)?;
        elements(&mut Cursor::new(body, PAGE, base), shape, shape.parameters.page_len())
    }

    /// Appends an unpaged data block that begins with element `first`.
    pub fn emit(elements: &[Element], shape: &Shape, first: u64, header: u64, out: &mut Vec<u8>) {
        let start = out.len();
        emit_prefix(*b"EADB", shape, header, out);
        out.put_uint(first, shape.parameters.offset_width());
        elements.iter().for_each(|e| shape.put_element(e, out));
        checksum::seal(out, start);
    }

    /// Appends the prefix of a paged data block.
    pub fn emit_prefix(shape: &Shape, first: u64, header: u64, out: &mut Vec<u8>) {
        DataBlock::emit(&[], shape, first, header, out);
    }

    /// Appends one page.
    pub fn emit_page(elements: &[Element], shape: &Shape, out: &mut Vec<u8>) {
        let start = out.len();
        elements.iter().for_each(|e| shape.put_element(e, out));
        checksum::seal(out, start);
    }
}

fn elements(c: &mut Cursor<'_>, shape: &Shape, count: u64) -> Result<Vec<Element>> {
    // The bytes are there, so the count is no larger than the structure that holds them.
    (0..count).map(|_| shape.element(c)).collect()
}
