//! The fixed array: index of a chunked dataset whose extents have a bound.
//!
//! A header (FAHD) points at one data block (FADB), which holds all elements or, when there are many, is divided
//! into pages with a checksum each and a bitmap of those that were ever written. Elements are those of the
//! [extensible array](super::extensible_array).
//!
//! Source: HDF5 File Format Specification 3.0, section VII.B; measured on libhdf5 1.12 to 2.0.

use super::{Cursor, Put, Sizes, UNDEFINED, checksum};
use hyperslab_core::{Error, Result};

const HEADER: &str = "fixed array header";
const BLOCK: &str = "fixed array data block";

/// The header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Whether elements carry stored size and filter mask.
    pub filtered: bool,
    /// Bytes of an element.
    pub element_size: u8,
    /// Data blocks of more than 2 to this power elements are divided into pages of so many.
    pub page_bits: u8,
    /// Number of elements.
    pub elements: u64,
    /// The data block; `None` while nothing was ever set.
    pub block: Option<u64>,
}

impl Header {
    /// What libhdf5 gives to every dataset.
    pub const PAGE_BITS: u8 = 10;

    /// Appends the header.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(b"FAHD\0");
        out.extend_from_slice(&[u8::from(self.filtered), self.element_size, self.page_bits]);
        out.put_u64(self.elements);
        out.put_address(self.block);
        checksum::seal(out, start);
    }

    /// Appends the data block, whose header lies at `header`: pages where none of `elements` is a chunk are not marked as
    /// written.
    pub fn emit_block(&self, header: u64, elements: &[Element], out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(b"FADB\0");
        out.put_u8(u8::from(self.filtered));
        out.put_u64(header);
        if !self.is_paged() {
            elements.iter().for_each(|e| self.put_element(e, out));
            checksum::seal(out, start);
            return;
        }
        let page = usize::try_from(self.page_len()).unwrap_or(usize::MAX).max(1);
        let used = |page: &[Element]| page.iter().any(|e| e.address.is_some());
        let mut bitmap = vec![0u8; elements.chunks(page).count().div_ceil(8)];
        for (i, _) in elements.chunks(page).enumerate().filter(|(_, p)| used(p)) {
            if let Some(byte) = bitmap.get_mut(i / 8) {
                *byte |= 0x80 >> (i % 8);
            }
        }
        out.extend_from_slice(&bitmap);
        checksum::seal(out, start);
        for page in elements.chunks(page) {
            let start = out.len();
            page.iter().for_each(|e| self.put_element(e, out));
            checksum::seal(out, start);
        }
    }

    fn put_element(&self, e: &Element, out: &mut Vec<u8>) {
        out.put_u64(e.address.unwrap_or(UNDEFINED));
        if self.filtered {
            out.put_uint(e.size, usize::from(self.element_size).saturating_sub(12));
            out.put_u32(e.mask);
        }
    }
}

/// One element; see [`super::extensible_array::Element`].
pub use super::extensible_array::Element;

impl Header {
    /// Bytes of a stored header.
    pub fn len(sizes: Sizes) -> u64 {
        12 + u64::from(sizes.length) + u64::from(sizes.offset)
    }

    /// Parses the header at the start of `bytes`, which lie at `base` in the file.
    ///
    /// # Errors
    /// `Invalid` for a wrong signature, checksum or element size, `Unsupported` for another version or client.
    pub fn parse(bytes: &[u8], sizes: Sizes, base: u64) -> Result<Header> {
        let mut c = Cursor::new(bytes, HEADER, base);
        c.signature(*b"FAHD")?;
        checksum::verify(bytes.get(..Header::len(sizes) as usize).unwrap_or(bytes), HEADER, base)?;
        c.version(0, 0)?;
        let filtered = client(&mut c)?;
        let element_size = c.u8()?;
        let page_bits = c.u8()?;
        let elements = c.length(sizes)?;
        let block = c.address(sizes)?;
        let plain = sizes.offset;
        let fits =
            if filtered { (plain + 5..=plain + 12).contains(&element_size) } else { element_size == plain };
        if !fits || !(1..=32).contains(&page_bits) {
            return Err(c.invalid(format!("elements of {element_size} bytes, pages of 2^{page_bits}")));
        }
        Ok(Header { filtered, element_size, page_bits, elements, block })
    }

    /// Elements of a page; all of them when the block is not paged.
    pub fn page_len(&self) -> u64 {
        let page = 1u64 << self.page_bits.min(63);
        if self.elements > page { page } else { self.elements }
    }

    /// Whether the data block is divided into pages.
    pub fn is_paged(&self) -> bool {
        self.elements > self.page_len()
    }

    /// Number of pages, 0 when the block is not paged.
    pub fn pages(&self) -> u64 {
        if self.is_paged() { self.elements.div_ceil(self.page_len().max(1)) } else { 0 }
    }

    /// Bytes of the data block up to its elements or, with pages, up to the first page, checksum included.
    ///
    /// # Errors
    /// `Invalid` on overflow.
    pub fn prefix_len(&self, sizes: Sizes) -> u64 {
        6 + u64::from(sizes.offset) + if self.is_paged() { self.pages().div_ceil(8) + 4 } else { 0 }
    }

    /// Bytes of `n` elements with a checksum.
    pub fn elements_len(&self, n: u64) -> Option<u64> {
        n.checked_mul(self.element_size.into())?.checked_add(4)
    }

    /// Bytes of the data block with all its pages; `None` on overflow.
    pub fn block_len(&self, sizes: Sizes) -> Option<u64> {
        let checksums = self.pages().max(1).checked_mul(4)?;
        let elements = self.elements.checked_mul(self.element_size.into())?;
        self.prefix_len(sizes).checked_add(elements)?.checked_add(checksums)
    }

    /// Checks the data block's prefix, `bytes` being the whole block (unpaged) or the prefix (paged), and gives what
    /// follows: the elements, or the bitmap of pages.
    ///
    /// # Errors
    /// `Invalid` for damage or another array's block.
    pub fn block_body<'a>(&self, bytes: &'a [u8], header: u64, sizes: Sizes, base: u64) -> Result<&'a [u8]> {
        let mut c = Cursor::new(bytes, BLOCK, base);
        c.signature(*b"FADB")?;
        let body = checksum::verify(bytes, BLOCK, base)?;
        c.version(0, 0)?;
        if client(&mut c)? != self.filtered || c.address(sizes)? != Some(header) {
            return Err(c.invalid("data block of another array"));
        }
        Ok(body.get(c.position()..).unwrap_or_default())
    }

    /// Element `i` of the elements in `bytes`, which lie at `base`.
    ///
    /// # Errors
    /// `Invalid` when it is not there.
    pub fn element(&self, bytes: &[u8], i: u64, sizes: Sizes, base: u64) -> Result<Element> {
        let size = usize::from(self.element_size);
        let at = usize::try_from(i).ok().and_then(|i| i.checked_mul(size));
        let part = at
            .and_then(|at| bytes.get(at..))
            .ok_or_else(|| Error::invalid(format!("no element {i}")).reading(BLOCK).at(base))?;
        let mut c = Cursor::new(part, BLOCK, base);
        let address = c.address(sizes)?;
        if !self.filtered {
            return Ok(Element { address, size: 0, mask: 0 });
        }
        let width = size.saturating_sub(usize::from(sizes.offset) + 4);
        Ok(Element { address, size: c.uint(width)?, mask: c.u32()? })
    }
}

fn client(c: &mut Cursor<'_>) -> Result<bool> {
    match c.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        n => Err(c.unsupported(format!("array of client {n}"))),
    }
}
