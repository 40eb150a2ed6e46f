//! The extensible array: index of a chunked dataset with exactly one unlimited dimension.
//!
//! A header (EAHD) points at an index block (EAIB), which holds the first few elements itself and the addresses of
//! data blocks (EADB) and, further on, of super blocks (EASB) that hold addresses of more data blocks. Blocks double
//! in size as the array grows, so element `i` is found in at most four reads. Not here: the walk through them
//! (`index`) and when they are written (`append`).
//!
//! Source: HDF5 File Format Specification 3.0, sections VII.C; that the page bitmaps of a super block are packed
//! without gaps, and that an element at or beyond [`Header::max_set`] is never looked at, was measured on libhdf5
//! 1.12 to 2.0.

use super::{Cursor, Put, Sizes, UNDEFINED, checksum};
use hyperslab_core::{Error, Result};

mod blocks;
pub use blocks::{DataBlock, IndexBlock, SuperBlock};

/// Signature of the header.
pub const HEADER_SIGNATURE: [u8; 4] = *b"EAHD";
const HEADER: &str = "extensible array header";

/// How an array is divided into blocks; stored in the layout message and again in the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Parameters {
    /// The array can have less than 2 to this power elements.
    pub max_bits: u8,
    /// Elements in the index block.
    pub index_elements: u8,
    /// Elements in the smallest data block, a power of two.
    pub block_elements: u8,
    /// Data-block addresses in the smallest super block, a power of two.
    pub super_pointers: u8,
    /// Data blocks of more than 2 to this power elements are divided into pages of so many.
    pub page_bits: u8,
}

impl Parameters {
    /// What libhdf5 uses for every dataset.
    pub const STANDARD: Parameters =
        Parameters { max_bits: 32, index_elements: 4, block_elements: 16, super_pointers: 4, page_bits: 10 };

    /// Checks that the blocks can be computed from these numbers.
    ///
    /// # Errors
    /// `Invalid`.
    pub fn check(&self) -> Result<()> {
        let block = u32::from(self.block_elements);
        let pointers = u32::from(self.super_pointers);
        let good = (1..=64).contains(&self.max_bits)
            && block.is_power_of_two()
            && pointers.is_power_of_two()
            && pointers >= 2
            && block.ilog2() < u32::from(self.max_bits)
            && 2 * pointers.ilog2() <= self.super_blocks()
            && self.page_bits <= 32;
        if good { Ok(()) } else { Err(Error::invalid(format!("impossible parameters {self:?}"))) }
    }

    /// Number of super blocks, the ones without a block of their own included.
    pub fn super_blocks(&self) -> u32 {
        let block = u32::from(self.block_elements).max(1).ilog2();
        (u32::from(self.max_bits) + 1).saturating_sub(block)
    }

    /// The first super block that has an EASB; the data blocks before it are known to the index block.
    pub fn first_super(&self) -> u32 {
        2 * u32::from(self.super_pointers).max(1).ilog2()
    }

    /// Data-block addresses in the index block.
    pub fn direct_blocks(&self) -> u32 {
        2 * u32::from(self.super_pointers).saturating_sub(1)
    }

    /// Super-block addresses in the index block.
    pub fn super_addresses(&self) -> u32 {
        self.super_blocks().saturating_sub(self.first_super())
    }

    /// Number of data blocks of super block `u`.
    pub fn blocks_of(&self, u: u32) -> u64 {
        1u64.checked_shl(u / 2).unwrap_or(0)
    }

    /// Elements of each data block of super block `u`.
    pub fn block_len(&self, u: u32) -> u64 {
        u64::from(self.block_elements).checked_shl(u.div_ceil(2)).unwrap_or(0)
    }

    /// The number of the first element of super block `u`, not counting those in the index block.
    pub fn super_start(&self, u: u32) -> u64 {
        let n = 1u64.checked_shl(u).unwrap_or(u64::MAX) - 1;
        n.saturating_mul(self.block_elements.into())
    }

    /// Elements in one page of a paged data block.
    pub fn page_len(&self) -> u64 {
        1u64.checked_shl(self.page_bits.into()).unwrap_or(u64::MAX)
    }

    /// Pages of each data block of super block `u`; 0 when its data blocks are not paged.
    pub fn pages_of(&self, u: u32) -> u64 {
        let n = self.block_len(u);
        if n > self.page_len() { n / self.page_len() } else { 0 }
    }

    /// Bytes of a super block's page bitmap.
    pub fn bitmap_len(&self, u: u32) -> u64 {
        self.blocks_of(u).saturating_mul(self.pages_of(u).div_ceil(8))
    }

    /// Bytes of a block offset (the number of a block's first element).
    pub fn offset_width(&self) -> usize {
        usize::from(self.max_bits).div_ceil(8)
    }

    /// Where element `index` is.
    #[inline]
    pub fn place(&self, index: u64) -> Place {
        let Some(i) = index.checked_sub(self.index_elements.into()) else {
            return Place::Index(index as usize);
        };
        let u = (i / u64::from(self.block_elements).max(1)).saturating_add(1).ilog2();
        let within = i - self.super_start(u);
        let len = self.block_len(u).max(1);
        let (block, element) = (within / len, within % len);
        // Blocks of the super blocks that have no EASB are numbered through.
        let direct = (u < self.first_super()).then(|| (0..u).map(|v| self.blocks_of(v)).sum::<u64>() + block);
        Place::Block { u, block, element, direct }
    }

    /// The first element number that the format cannot hold.
    pub fn capacity(&self) -> u64 {
        u64::from(self.index_elements).saturating_add(self.super_start(self.super_blocks()))
    }
}

/// Where an element is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the index block, at this position.
    Index(usize),
    /// In a data block.
    Block {
        /// Super block.
        u: u32,
        /// Data block within the super block.
        block: u64,
        /// Element within the data block.
        element: u64,
        /// Which of the index block's data-block addresses points at it; `None` when it is found through an EASB.
        direct: Option<u64>,
    },
}

/// One element: a chunk's address and, when chunks are filtered, its stored size and skipped filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Element {
    /// Where the chunk is; `None` where there is none.
    pub address: Option<u64>,
    /// Stored bytes (0 for unfiltered chunks, whose size is known).
    pub size: u64,
    /// Bit `i` set: filter `i` was skipped for this chunk.
    pub mask: u32,
}

/// How elements and addresses are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Division into blocks.
    pub parameters: Parameters,
    /// Whether elements carry size and mask.
    pub filtered: bool,
    /// Bytes of one element.
    pub element_size: u8,
    /// Widths of addresses and lengths.
    pub sizes: Sizes,
}

impl Shape {
    /// Bytes of the stored chunk size inside an element.
    fn size_width(&self) -> usize {
        usize::from(self.element_size).saturating_sub(usize::from(self.sizes.offset) + 4)
    }

    #[inline]
    fn element(&self, c: &mut Cursor<'_>) -> Result<Element> {
        let address = c.address(self.sizes)?;
        if !self.filtered {
            return Ok(Element { address, size: 0, mask: 0 });
        }
        Ok(Element { address, size: c.uint(self.size_width())?, mask: c.u32()? })
    }

    #[inline]
    fn put_element(&self, e: &Element, out: &mut Vec<u8>) {
        out.put_u64(e.address.unwrap_or(UNDEFINED));
        if self.filtered {
            out.put_uint(e.size, self.size_width());
            out.put_u32(e.mask);
        }
    }
}

/// Bytes that a filtered element gives to the stored size of a chunk of `chunk_bytes`, in a layout message of
/// version 4 (version 5 always gives 8).
pub fn size_width_v4(chunk_bytes: u64) -> u8 {
    let log = chunk_bytes.max(1).ilog2();
    (1 + (log + 8) / 8).min(8) as u8
}

/// The header: what the array is, how much of it there is, where its index block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// How blocks are stored.
    pub shape: Shape,
    /// Number of super blocks that exist.
    pub super_blocks: u64,
    /// Their bytes.
    pub super_bytes: u64,
    /// Number of data blocks that exist.
    pub data_blocks: u64,
    /// Their bytes.
    pub data_bytes: u64,
    /// One more than the greatest element that was ever set: from here on there is nothing, whatever is stored.
    pub max_set: u64,
    /// Elements for which there is space.
    pub elements: u64,
    /// The index block; `None` while nothing was ever set.
    pub index_block: Option<u64>,
}

impl Header {
    /// Bytes of a stored header.
    pub fn len(sizes: Sizes) -> usize {
        16 + 6 * usize::from(sizes.length) + usize::from(sizes.offset)
    }

    /// A header of an array without elements, with 8-byte addresses.
    pub fn new(filtered: bool, element_size: u8) -> Header {
        let shape =
            Shape { parameters: Parameters::STANDARD, filtered, element_size, sizes: Sizes::STANDARD };
        Header {
            shape,
            super_blocks: 0,
            super_bytes: 0,
            data_blocks: 0,
            data_bytes: 0,
            max_set: 0,
            elements: 0,
            index_block: None,
        }
    }

    /// Parses the header at the start of `bytes`, which lie at `base` in the file.
    ///
    /// # Errors
    /// `Invalid` for a wrong signature, checksum or parameters, `Unsupported` for another version or client.
    pub fn parse(bytes: &[u8], sizes: Sizes, base: u64) -> Result<Header> {
        let short = || Error::invalid("the file ends inside it").reading(HEADER).at(base);
        let bytes = bytes.get(..Header::len(sizes)).ok_or_else(short)?;
        let mut c = Cursor::new(bytes, HEADER, base);
        c.signature(HEADER_SIGNATURE)?;
        let body = checksum::verify(bytes, HEADER, base)?;
        let mut c = Cursor::new(body, HEADER, base);
        c.skip(4)?;
        c.version(0, 0)?;
        let filtered = client(&mut c)?;
        let element_size = c.u8()?;
        let (max_bits, index_elements, block_elements) = (c.u8()?, c.u8()?, c.u8()?);
        let (super_pointers, page_bits) = (c.u8()?, c.u8()?);
        let parameters = Parameters { max_bits, index_elements, block_elements, super_pointers, page_bits };
        parameters.check().map_err(|e| e.reading(HEADER).at(base))?;
        let plain = usize::from(sizes.offset);
        let fits = match filtered {
            true => (plain + 5..=plain + 12).contains(&element_size.into()),
            false => usize::from(element_size) == plain,
        };
        if !fits {
            return Err(
                c.invalid(format!("elements of {element_size} bytes cannot hold an address of {plain}"))
            );
        }
        let mut next = || c.length(sizes);
        Ok(Header {
            shape: Shape { parameters, filtered, element_size, sizes },
            super_blocks: next()?,
            super_bytes: next()?,
            data_blocks: next()?,
            data_bytes: next()?,
            max_set: next()?,
            elements: next()?,
            index_block: c.address(sizes)?,
        })
    }

    /// Appends the header (72 bytes).
    pub fn emit(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let p = self.shape.parameters;
        out.extend_from_slice(&HEADER_SIGNATURE);
        out.extend_from_slice(&[0, u8::from(self.shape.filtered), self.shape.element_size]);
        let parameters = [p.max_bits, p.index_elements, p.block_elements, p.super_pointers, p.page_bits];
        out.extend_from_slice(&parameters);
        let counts = [self.super_blocks, self.super_bytes, self.data_blocks, self.data_bytes];
        counts.iter().for_each(|&n| out.put_u64(n));
        out.put_u64(self.max_set);
        out.put_u64(self.elements);
        out.put_address(self.index_block);
        checksum::seal(out, start);
    }
}

/// The byte that says whose elements they are: chunks, or filtered chunks.
fn client(c: &mut Cursor<'_>) -> Result<bool> {
    match c.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        n => Err(c.unsupported(format!("array client {n} (known: 0 chunks, 1 filtered chunks)"))),
    }
}

#[cfg(test)]
mod tests;
