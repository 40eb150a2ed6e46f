//! Looking chunks up in an extensible array: the walk from header to index block, super block, data block, page.
//!
//! Not the bytes of those blocks (`format`). A lookup reads only the blocks on its path, and each block is compared
//! with the source's length before it is allocated, so a lying array cannot make it read or allocate more than the
//! file has. What the array does not hold is "no chunk": a hole that reads as fill values.
//!
//! Source: HDF5 File Format Specification 3.0, section VII.C; the order in which chunks are numbered is that of
//! libhdf5 1.12 to 2.0, measured.

use super::Chunk;
use crate::format::Sizes;
use crate::format::extensible_array::{DataBlock, Element, Header, IndexBlock, Place, Shape, SuperBlock};
use hyperslab_core::{Error, Limits, Result, ResultExt, Source};
use std::borrow::Cow;
use std::ops::Range;

/// An open array: its header and its index block.
#[derive(Clone, Debug)]
pub struct ExtensibleArray {
    address: u64,
    header: Header,
    index: Option<IndexBlock>,
}

impl ExtensibleArray {
    /// Reads header and index block of the array whose header is at `address`.
    ///
    /// # Errors
    /// `Invalid` for damage or what leaves the file, `Unsupported`, `Io`.
    pub fn open(source: &dyn Source, address: u64, sizes: Sizes, limits: &Limits) -> Result<ExtensibleArray> {
        let bytes = source
            .bytes_at(address, Header::len(sizes) as u64, limits)
            .reading("extensible array header", address)?;
        let header = Header::parse(&bytes, sizes, address)?;
        source.saw(address, Header::len(sizes) as u64, "extensible array header");
        let index = match header.index_block {
            Some(at) => {
                let len = IndexBlock::len(&header.shape);
                let bytes = source.bytes_at(at, len, limits).reading("extensible array index block", at)?;
                source.saw(at, len, "extensible array index block");
                Some(IndexBlock::parse(&bytes, &header.shape, address, at)?)
            }
            None => None,
        };
        Ok(ExtensibleArray { address, header, index })
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The index block, once anything was set.
    pub fn index_block(&self) -> Option<&IndexBlock> {
        self.index.as_ref()
    }

    /// Where the header is.
    pub fn address(&self) -> u64 {
        self.address
    }

    /// The chunk of a number; `None` where there is none.
    ///
    /// # Errors
    /// `Invalid` for damage on the way, `Io`.
    pub fn chunk(&self, source: &dyn Source, number: u64, limits: &Limits) -> Result<Option<Chunk>> {
        Walk::new(self, source, limits).chunk(number)
    }

    /// Calls `f` with every chunk in a range of numbers that exists, in order. Reads each block once.
    ///
    /// # Errors
    /// As [`ExtensibleArray::chunk`], and what `f` returns.
    pub fn visit(
        &self,
        source: &dyn Source,
        numbers: Range<u64>,
        limits: &Limits,
        f: impl FnMut(u64, Chunk) -> Result<()>,
    ) -> Result<()> {
        self.visit_again(source, numbers, limits, &mut Known::default(), f)
    }

    /// The same, of an array that was looked at before and may have changed since.
    ///
    /// # Errors
    /// As [`ExtensibleArray::visit`].
    pub fn visit_again(
        &self,
        source: &dyn Source,
        numbers: Range<u64>,
        limits: &Limits,
        known: &mut Known,
        f: impl FnMut(u64, Chunk) -> Result<()>,
    ) -> Result<()> {
        let mut walk = Walk::new(self, source, limits);
        walk.known = std::mem::take(known).of(self);
        let done = self.each(&mut walk, numbers, f);
        *known = walk.known;
        done
    }

    fn each(
        &self,
        walk: &mut Walk<'_>,
        numbers: Range<u64>,
        mut f: impl FnMut(u64, Chunk) -> Result<()>,
    ) -> Result<()> {
        let mut number = numbers.start;
        while number < numbers.end.min(self.header.max_set) {
            match walk.step(number)? {
                Step::Chunk(chunk) => f(number, chunk)?,
                Step::Nothing(1) => {}
                // Whole blocks that do not exist are passed over at once.
                Step::Nothing(n) => {
                    number = number.saturating_add(n);
                    continue;
                }
            }
            number += 1;
        }
        Ok(())
    }
}

/// What lies at a number: a chunk, or nothing for at least so many numbers.
enum Step {
    Chunk(Chunk),
    Nothing(u64),
}

/// Blocks of an array that were read last. A live array is read again at every look; a block whose bytes are those that
/// were checked before need not be summed and taken apart again.
#[derive(Debug, Default)]
pub struct Known {
    /// Address and shape of the array.
    of: Option<(u64, Shape)>,
    super_block: Option<Block<SuperBlock>>,
    /// Of a data block or page.
    elements: Option<Block<Vec<Element>>>,
}

impl Known {
    /// What is known of an array, to be compared with its bytes as they are now.
    fn of(mut self, array: &ExtensibleArray) -> Known {
        let of = Some((array.address, array.header.shape));
        if self.of != of {
            return Known { of, ..Known::default() };
        }
        self.super_block.iter_mut().for_each(|b| b.current = false);
        self.elements.iter_mut().for_each(|b| b.current = false);
        self
    }
}

#[derive(Debug)]
struct Block<T> {
    /// Its address, and what else it was parsed by: the number of a super block, the number that a data block begins
    /// with, the largest there is for a page.
    key: (u64, u64),
    bytes: Vec<u8>,
    parsed: T,
    /// Whether its bytes were read in this walk.
    current: bool,
}

impl<T> Block<T> {
    fn is(slot: &Option<Block<T>>, key: (u64, u64)) -> bool {
        slot.as_ref().is_some_and(|b| b.current && b.key == key)
    }

    /// Makes a block that was read the current one.
    fn put(
        slot: &mut Option<Block<T>>,
        key: (u64, u64),
        bytes: Cow<'_, [u8]>,
        parse: impl FnOnce(&[u8]) -> Result<T>,
    ) -> Result<()> {
        match slot {
            Some(b) if b.key == key && b.bytes == *bytes => b.current = true,
            _ => {
                let parsed = parse(&bytes)?;
                *slot = Some(Block { key, bytes: bytes.into_owned(), parsed, current: true });
            }
        }
        Ok(())
    }
}

/// A walk that keeps the blocks that it read last.
pub struct Walk<'a> {
    array: &'a ExtensibleArray,
    source: &'a dyn Source,
    limits: &'a Limits,
    known: Known,
}

impl<'a> Walk<'a> {
    /// A walk through an array.
    pub fn new(array: &'a ExtensibleArray, source: &'a dyn Source, limits: &'a Limits) -> Walk<'a> {
        Walk { array, source, limits, known: Known::default() }
    }

    /// The chunk of a number; `None` where there is none.
    ///
    /// # Errors
    /// As [`ExtensibleArray::chunk`].
    pub fn chunk(&mut self, number: u64) -> Result<Option<Chunk>> {
        match self.step(number)? {
            Step::Chunk(chunk) => Ok(Some(chunk)),
            Step::Nothing(_) => Ok(None),
        }
    }

    fn step(&mut self, number: u64) -> Result<Step> {
        let header = &self.array.header;
        let Some(index) = self.array.index.as_ref().filter(|_| number < header.max_set) else {
            return Ok(Step::Nothing(u64::MAX));
        };
        let p = header.shape.parameters;
        let (u, block, element, direct) = match p.place(number) {
            Place::Index(i) => {
                return Ok(found(index.elements.get(i).copied().unwrap_or_default()));
            }
            Place::Block { u, block, element, direct } => (u, block, element, direct),
        };
        let len = p.block_len(u);
        let absent = Step::Nothing(len - element);
        let address = match direct {
            Some(i) => usize::try_from(i).ok().and_then(|i| index.data_blocks.get(i)).copied().flatten(),
            None => {
                let i = (u - p.first_super()) as usize;
                let Some(at) = index.super_blocks.get(i) else {
                    return Err(Error::invalid(format!(
                        "chunk {number} is beyond the {} that the array can number",
                        p.capacity()
                    ))
                    .reading("extensible array")
                    .at(self.array.address));
                };
                match at {
                    Some(at) => {
                        let super_block = self.super_block(u, *at)?;
                        usize::try_from(block)
                            .ok()
                            .and_then(|b| super_block.data_blocks.get(b))
                            .copied()
                            .flatten()
                    }
                    None => {
                        return Ok(Step::Nothing(
                            p.blocks_of(u).saturating_sub(block).saturating_mul(len) - element,
                        ));
                    }
                }
            }
        };
        let Some(address) = address else { return Ok(absent) };
        let pages = p.pages_of(u);
        if pages == 0 {
            let first = p.super_start(u) + block * len;
            self.data_block(u, first, address)?;
            return Ok(found(self.element(element)));
        }
        let (page, within) = (element / p.page_len(), element % p.page_len());
        let exists = match self.known.super_block.as_ref().filter(|b| b.current) {
            Some(b) => b.parsed.has_page(&header.shape, block, page),
            // Paged blocks without a super block have no bitmap; libhdf5's parameters never make them.
            None => {
                return Err(Error::unsupported("paged data block without a super block")
                    .reading("extensible array")
                    .at(address));
            }
        };
        if !exists {
            return Ok(Step::Nothing(p.page_len() - within));
        }
        self.source.saw(address, DataBlock::page_at(&header.shape, pages)?, "extensible array data block");
        self.page(address, page)?;
        Ok(found(self.element(within)))
    }

    fn element(&self, i: u64) -> Element {
        let elements = self.known.elements.as_ref().map(|b| &b.parsed);
        let i = usize::try_from(i).ok();
        i.and_then(|i| elements?.get(i)).copied().unwrap_or_default()
    }

    fn super_block(&mut self, u: u32, at: u64) -> Result<&SuperBlock> {
        let key = (at, u64::from(u));
        if !Block::is(&self.known.super_block, key) {
            let shape = &self.array.header.shape;
            let len = SuperBlock::len(shape, u)?;
            let bytes =
                self.source.bytes_at(at, len, self.limits).reading("extensible array super block", at)?;
            self.source.saw(at, len, "extensible array super block");
            let parse = |b: &[u8]| SuperBlock::parse(b, shape, u, self.array.address, at);
            Block::put(&mut self.known.super_block, key, bytes, parse)?;
        }
        match &self.known.super_block {
            Some(block) => Ok(&block.parsed),
            None => Err(Error::invalid("no super block")),
        }
    }

    /// Makes an unpaged data block the current one.
    fn data_block(&mut self, u: u32, first: u64, at: u64) -> Result<()> {
        let key = (at, first);
        if Block::is(&self.known.elements, key) {
            return Ok(());
        }
        let shape = &self.array.header.shape;
        let len = DataBlock::len(shape, u)?;
        let bytes = self.source.bytes_at(at, len, self.limits).reading("extensible array data block", at)?;
        self.source.saw(at, len, "extensible array data block");
        let parse = |b: &[u8]| Ok(DataBlock::parse(b, shape, u, first, self.array.address, at)?.elements);
        Block::put(&mut self.known.elements, key, bytes, parse)
    }

    /// Makes one page of a paged data block the current one. Its prefix says nothing that is not known.
    fn page(&mut self, block: u64, page: u64) -> Result<()> {
        let shape = &self.array.header.shape;
        let at = block.saturating_add(DataBlock::page_at(shape, page)?);
        let key = (at, u64::MAX);
        if Block::is(&self.known.elements, key) {
            return Ok(());
        }
        let len = DataBlock::page_len(shape)?;
        let bytes = self.source.bytes_at(at, len, self.limits).reading("extensible array data page", at)?;
        Block::put(&mut self.known.elements, key, bytes, |b| DataBlock::parse_page(b, shape, at))
    }
}

fn found(e: Element) -> Step {
    match e.address {
        Some(address) => Step::Chunk(Chunk { address, size: e.size, filter_mask: e.mask }),
        None => Step::Nothing(1),
    }
}

/// The number of a chunk in an extensible array: the unlimited dimension moves slowest, the others as in C order.
///
/// `grid` is the number of chunks along each dimension by its *greatest* extent (that of the unlimited dimension
/// `unlimited` is not looked at); `at` is the chunk's position in it. `None` on overflow or a wrong rank.
pub fn chunk_number(grid: &[u64], unlimited: usize, at: &[u64]) -> Option<u64> {
    if grid.len() != at.len() {
        return None;
    }
    let mut number = *at.get(unlimited)?;
    for (d, (&n, &i)) in grid.iter().zip(at).enumerate() {
        if d != unlimited {
            number = number.checked_mul(n)?.checked_add(i)?;
        }
    }
    Some(number)
}

#[cfg(test)]
mod tests;
