//! Growing an extensible array without ever changing a block that readers may know.
//!
//! Chunks have a fixed size because they are stored raw, so their space is assigned in advance, in runs: one chunk
//! for an element of the index block, a whole data block or page otherwise. A data block is written once with all
//! its elements; a super block is written anew, elsewhere, when it gains a data block or page; header and index
//! block, the only parts that change in place, fit one sector of the page and are written together. Not here: when
//! each of these writes happens (`order`).

use crate::format::extensible_array::{DataBlock, Element, Header, IndexBlock, Place, SuperBlock};
use crate::index::Chunk;
use hyperslab_core::{Error, Result};

/// Bytes that are to be written where nothing is yet.
#[derive(Debug)]
pub(crate) struct Write {
    pub(crate) at: u64,
    pub(crate) bytes: Vec<u8>,
}

/// The end of the file's used space.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Space {
    pub(crate) end: u64,
}

impl Space {
    /// The address of `len` new bytes, a multiple of 8.
    pub(crate) fn take(&mut self, len: u64) -> Result<u64> {
        let at = self.end.checked_next_multiple_of(8);
        let end = at.and_then(|at| at.checked_add(len)).filter(|&end| end <= i64::MAX as u64);
        match (at, end) {
            (Some(at), Some(end)) => {
                self.end = end;
                Ok(at)
            }
            _ => Err(Error::unsupported(format!("a file of more than 2^63 bytes ({len} more wanted)"))),
        }
    }
}

/// Chunks that have a place, numbered from `first` on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) first: u64,
    pub(super) addresses: Vec<u64>,
}

impl Run {
    /// Where a chunk is.
    pub(super) fn address(&self, chunk: u64) -> Option<u64> {
        let i = usize::try_from(chunk.checked_sub(self.first)?).ok()?;
        self.addresses.get(i).copied()
    }

    /// The first chunk after the run.
    pub(super) fn end(&self) -> u64 {
        self.first + self.addresses.len() as u64
    }

    /// The chunks from `chunk` on.
    pub(super) fn from(mut self, chunk: u64) -> Run {
        let done = slot(chunk.saturating_sub(self.first)).min(self.addresses.len());
        self.addresses.drain(..done);
        Run { first: self.first + done as u64, addresses: self.addresses }
    }

    /// Adds the run that follows this one.
    pub(super) fn extend(&mut self, next: Run) {
        if self.addresses.is_empty() {
            *self = next;
        } else {
            self.addresses.extend(next.addresses);
        }
    }

    /// Forgets the chunks before `chunk`, now and then.
    pub(super) fn forget_before(&mut self, chunk: u64) {
        let done = slot(chunk.saturating_sub(self.first)).min(self.addresses.len());
        // Each is forgotten once, and the ones that stay are moved less than once each.
        if done > self.addresses.len() / 2 {
            self.addresses.drain(..done);
            self.first += done as u64;
        }
    }
}

/// A position in a vector; one that no vector has when the number is too large.
fn slot(i: u64) -> usize {
    usize::try_from(i).unwrap_or(usize::MAX)
}

/// An array as it is in the file, or is about to be.
#[derive(Clone, Debug)]
pub(super) struct Array {
    /// Where its header is.
    pub(super) at: u64,
    pub(super) header: Header,
    pub(super) block: IndexBlock,
    /// The super block that gained a data block last, and whether it must still be written.
    super_block: Option<(SuperBlock, bool)>,
    /// Bytes of a chunk, and the filters that raw chunks skip.
    chunk_bytes: u64,
    mask: u32,
}

impl Array {
    /// An array without chunks whose header is to be at `at`, its index block behind it.
    pub(super) fn new(at: u64, element_size: u8, filters: usize, chunk_bytes: u64) -> Array {
        let mut header = Header::new(filters > 0, element_size);
        header.elements = header.shape.parameters.index_elements.into();
        header.index_block = Some(at + Header::len(header.shape.sizes) as u64);
        let block = IndexBlock::new(&header.shape);
        let mask = u32::MAX.checked_shr(32u32.saturating_sub(filters as u32)).unwrap_or(0);
        Array { at, header, block, super_block: None, chunk_bytes, mask }
    }

    /// Appends header and index block: what lies in the array's sector.
    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        self.header.emit(out);
        self.block.emit(&self.header.shape, self.at, out);
    }

    /// A chunk stored raw at an address.
    pub(super) fn raw_chunk(&self, address: u64) -> Chunk {
        let size = if self.header.shape.filtered { self.chunk_bytes } else { 0 };
        Chunk { address, size, filter_mask: self.mask }
    }

    /// The position in the index block of super block `u`'s address.
    fn super_slot(&self, u: u32) -> Result<usize> {
        let i = u.checked_sub(self.header.shape.parameters.first_super()).map(|i| i as usize);
        i.filter(|&i| i < self.block.super_blocks.len()).ok_or_else(|| {
            Error::unsupported(format!(
                "more than the {} chunks that this index can number",
                self.header.shape.parameters.capacity()
            ))
        })
    }

    /// Hands over the super block that the next data block belongs to, as it is in the file.
    pub(super) fn resume_super(&mut self, block: SuperBlock) {
        self.super_block = Some((block, false));
    }

    /// Whether the super block `u` exists in the file but is not at hand.
    pub(super) fn missing_super(&self, u: u32) -> Option<u64> {
        let i = u.checked_sub(self.header.shape.parameters.first_super())? as usize;
        let at = self.block.super_blocks.get(i).copied().flatten()?;
        match &self.super_block {
            Some((s, _)) if s.u == u => None,
            _ => Some(at),
        }
    }

    /// Gives `chunk`, the next after those that have a place, its place, with as many others as come with it.
    pub(super) fn assign(&mut self, chunk: u64, space: &mut Space, writes: &mut Vec<Write>) -> Result<Run> {
        self.put_run(chunk, &[], Some(chunk), space, writes)
    }

    /// Stores the run that `chunk` belongs to: the chunks that exist already, numbers ascending, and from
    /// `assign_from` on new space for the others. What is below it and does not exist stays a hole. Each run is
    /// stored once, in ascending order.
    pub(super) fn put_run(
        &mut self,
        chunk: u64,
        existing: &[(u64, Chunk)],
        assign_from: Option<u64>,
        space: &mut Space,
        writes: &mut Vec<Write>,
    ) -> Result<Run> {
        let (first, len) = self.run_of(chunk);
        let mut elements = vec![Element::default(); slot(len)];
        for (n, c) in existing {
            if let Some(e) = n.checked_sub(first).and_then(|i| elements.get_mut(slot(i))) {
                *e = Element { address: Some(c.address), size: c.size, mask: c.filter_mask };
            }
        }
        if let Some(from) = assign_from {
            let skip = slot(from.saturating_sub(first));
            let missing = elements.iter_mut().skip(skip).filter(|e| e.address.is_none());
            let missing: Vec<_> = missing.collect();
            let bytes = (missing.len() as u64).checked_mul(self.chunk_bytes);
            let bytes = bytes.ok_or_else(|| Error::unsupported("a run of more than 2^64 bytes"))?;
            let start = space.take(bytes)?;
            for (i, e) in missing.into_iter().enumerate() {
                let chunk = self.raw_chunk(start + i as u64 * self.chunk_bytes);
                *e = Element { address: Some(chunk.address), size: chunk.size, mask: chunk.filter_mask };
            }
        }
        self.set_run(first, &elements, space, writes)?;
        // The place of a hole is never asked for: rows are only written from `assign_from` on.
        Ok(Run { first, addresses: elements.iter().map(|e| e.address.unwrap_or(0)).collect() })
    }

    /// The run of chunks that get their place together: its first chunk and length.
    pub(super) fn run_of(&self, chunk: u64) -> (u64, u64) {
        let p = self.header.shape.parameters;
        match p.place(chunk) {
            Place::Index(_) => (chunk, 1),
            Place::Block { u, element, .. } => {
                let len = if p.pages_of(u) > 0 { p.page_len() } else { p.block_len(u) };
                (chunk - element % len.max(1), len)
            }
        }
    }

    /// Stores the elements of a whole run: in the index block, in a new data block, or in a new page.
    fn set_run(
        &mut self,
        first: u64,
        elements: &[Element],
        space: &mut Space,
        writes: &mut Vec<Write>,
    ) -> Result<()> {
        let shape = self.header.shape;
        let p = shape.parameters;
        let (u, block, direct) = match p.place(first) {
            Place::Index(i) => {
                if let (Some(known), Some(e)) = (self.block.elements.get_mut(i), elements.first()) {
                    *known = *e;
                }
                self.header.max_set = self.header.max_set.max(first + 1);
                return Ok(());
            }
            Place::Block { u, block, direct, .. } => (u, block, direct),
        };
        let pages = p.pages_of(u);
        let start = p.super_start(u) + block * p.block_len(u);
        if pages == 0 {
            let mut bytes = Vec::new();
            DataBlock::emit(elements, &shape, start, self.at, &mut bytes);
            let at = space.take(bytes.len() as u64)?;
            writes.push(Write { at, bytes });
            self.link_block(u, block, direct, at, space, writes)?;
        } else {
            let page = (first - u64::from(p.index_elements) - start) / p.page_len();
            self.set_page(u, block, start, page, elements, space, writes)?;
        }
        self.header.max_set = self.header.max_set.max(first + elements.len() as u64);
        Ok(())
    }

    /// One page of a paged data block, whose space is taken whole with its first page.
    #[expect(clippy::too_many_arguments, reason = "where the page is, what it holds, where it goes")]
    fn set_page(
        &mut self,
        u: u32,
        block: u64,
        start: u64,
        page: u64,
        elements: &[Element],
        space: &mut Space,
        writes: &mut Vec<Write>,
    ) -> Result<()> {
        let shape = self.header.shape;
        let known = self.current_super(u, space, writes)?.data_blocks.get(slot(block)).copied().flatten();
        let at = match known {
            Some(at) => at,
            None => {
                let at = space.take(DataBlock::len(&shape, u)?)?;
                let mut bytes = Vec::new();
                DataBlock::emit_prefix(&shape, start, self.at, &mut bytes);
                writes.push(Write { at, bytes });
                self.link_block(u, block, None, at, space, writes)?;
                at
            }
        };
        let mut bytes = Vec::new();
        DataBlock::emit_page(elements, &shape, &mut bytes);
        writes.push(Write { at: at + DataBlock::page_at(&shape, page)?, bytes });
        if let Some((s, dirty)) = &mut self.super_block {
            s.set_page(&shape, block, page);
            *dirty = true;
        }
        Ok(())
    }

    /// Makes a new data block known to the index block or its super block.
    fn link_block(
        &mut self,
        u: u32,
        block: u64,
        direct: Option<u64>,
        at: u64,
        space: &mut Space,
        writes: &mut Vec<Write>,
    ) -> Result<()> {
        let shape = self.header.shape;
        match direct {
            Some(i) => {
                if let Some(known) = self.block.data_blocks.get_mut(slot(i)) {
                    *known = Some(at);
                }
            }
            None => {
                self.current_super(u, space, writes)?;
                if let Some((s, dirty)) = &mut self.super_block
                    && let Some(known) = s.data_blocks.get_mut(slot(block))
                {
                    *known = Some(at);
                    *dirty = true;
                }
            }
        }
        self.header.data_blocks += 1;
        self.header.data_bytes += DataBlock::len(&shape, u)?;
        self.header.elements += shape.parameters.block_len(u);
        Ok(())
    }

    /// The super block `u`, made when there is none; the one before it is written first.
    fn current_super(&mut self, u: u32, space: &mut Space, writes: &mut Vec<Write>) -> Result<&SuperBlock> {
        let position = self.super_slot(u)?;
        if !matches!(&self.super_block, Some((s, _)) if s.u == u) {
            self.flush(space, writes)?;
            if self.block.super_blocks.get(position).copied().flatten().is_some() {
                return Err(Error::invalid(format!("super block {u} was not read before it is extended")));
            }
            let shape = self.header.shape;
            self.header.super_blocks += 1;
            self.header.super_bytes += SuperBlock::len(&shape, u)?;
            self.super_block = Some((SuperBlock::new(&shape, u), true));
        }
        match &self.super_block {
            Some((s, _)) => Ok(s),
            None => Err(Error::invalid("no super block")),
        }
    }

    /// Writes the super block that gained something, in new space.
    pub(super) fn flush(&mut self, space: &mut Space, writes: &mut Vec<Write>) -> Result<()> {
        let Some((s, dirty)) = &mut self.super_block else { return Ok(()) };
        if !*dirty {
            return Ok(());
        }
        let mut bytes = Vec::new();
        s.emit(&self.header.shape, self.at, &mut bytes);
        let at = space.take(bytes.len() as u64)?;
        writes.push(Write { at, bytes });
        *dirty = false;
        let position = s.u.checked_sub(self.header.shape.parameters.first_super()).map(|i| i as usize);
        if let Some(known) = position.and_then(|i| self.block.super_blocks.get_mut(i)) {
            *known = Some(at);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::extensible_array::{ExtensibleArray, Known};
    use hyperslab_core::Limits;
    use hyperslab_core::source::SliceSource;

    const AT: u64 = 64;

    fn apply(file: &mut Vec<u8>, writes: Vec<Write>) {
        for w in writes {
            let (at, end) = (w.at as usize, w.at as usize + w.bytes.len());
            if file.len() < end {
                file.resize(end, 0);
            }
            assert!(file[at..end].iter().all(|&b| b == 0), "written twice at {at}");
            file[at..end].copy_from_slice(&w.bytes);
        }
    }

    /// Every chunk of a growing array is found at its place at every step, old blocks untouched.
    fn grow(chunks: u64, filters: usize, chunk_bytes: u64) {
        let mut array = Array::new(AT, if filters > 0 { 15 } else { 8 }, filters, chunk_bytes);
        let mut space = Space { end: 4096 };
        let mut file = vec![0; 4096];
        let mut places: Vec<u64> = Vec::new();
        let limits = Limits::default();
        let mut known = Known::default();
        let mut next = 0;
        let mut step = 1;
        while next < chunks {
            let mut writes = Vec::new();
            // Several runs at once, now and then.
            for _ in 0..step {
                let run = array.assign(next, &mut space, &mut writes).unwrap();
                assert_eq!(run.first, next);
                places.extend(&run.addresses);
                next = run.end();
            }
            step = step % 3 + 1;
            array.flush(&mut space, &mut writes).unwrap();
            apply(&mut file, writes);
            let mut sector = Vec::new();
            array.emit(&mut sector);
            assert!(sector.len() <= 512);
            file[AT as usize..AT as usize + sector.len()].copy_from_slice(&sector);
            let source = SliceSource(&file);
            let read = ExtensibleArray::open(&source, AT, array.header.shape.sizes, &limits).unwrap();
            if next < 2000 || next + 3000 > chunks {
                let mut seen = 0;
                read.visit_again(&source, 0..u64::MAX, &limits, &mut known, |n, c| {
                    assert_eq!((n, c.address), (seen, places[n as usize]));
                    if filters > 0 {
                        assert_eq!((c.size, c.filter_mask), (chunk_bytes, (1 << filters) - 1));
                    }
                    seen += 1;
                    Ok(())
                })
                .unwrap();
                assert_eq!(seen, next);
            }
        }
        places.sort_unstable();
        assert!(places.windows(2).all(|w| w[0] + chunk_bytes <= w[1]), "chunks overlap");
    }

    #[test]
    fn an_array_grows_through_every_kind_of_block() {
        grow(3000, 1, 16);
        grow(600, 0, 8);
        grow(600, 2, 16_384);
    }

    #[test]
    fn an_array_grows_into_paged_blocks() {
        grow(131_060 + 5 * 1024, 1, 1);
    }

    /// What was read before is believed only where the same bytes are still there.
    #[test]
    fn a_block_that_has_changed_is_read_anew() {
        let mut array = Array::new(AT, 15, 1, 16);
        let (mut space, mut file, mut next) = (Space { end: 4096 }, vec![0; 4096], 0);
        while next < 3000 {
            let mut writes = Vec::new();
            next = array.assign(next, &mut space, &mut writes).unwrap().end();
            array.flush(&mut space, &mut writes).unwrap();
            apply(&mut file, writes);
        }
        let mut sector = Vec::new();
        array.emit(&mut sector);
        file[AT as usize..AT as usize + sector.len()].copy_from_slice(&sector);
        let mut known = Known::default();
        let mut look = |file: &[u8]| {
            let source = SliceSource(file);
            let limits = Limits::default();
            let read = ExtensibleArray::open(&source, AT, array.header.shape.sizes, &limits)?;
            let mut found = None;
            read.visit_again(&source, 2999..3000, &limits, &mut known, |_, c| {
                found = Some(c.address);
                Ok(())
            })?;
            Ok::<_, Error>(found)
        };
        let first = look(&file).unwrap();
        assert!(first.is_some() && look(&file).unwrap() == first);
        for signature in [b"EADB", b"EASB"] {
            let at = file.windows(4).rposition(|w| w == signature).unwrap();
            let mut damaged = file.clone();
            damaged[at + 20] ^= 1;
            assert_eq!(look(&damaged).unwrap_err().kind(), hyperslab_core::Kind::Invalid);
            assert_eq!(look(&file).unwrap(), first);
        }
    }

    #[test]
    fn the_index_has_an_end() {
        let mut array = Array::new(AT, 15, 1, 1);
        let capacity = array.header.shape.parameters.capacity();
        let e = array.assign(capacity, &mut Space { end: 4096 }, &mut Vec::new()).unwrap_err();
        assert_eq!(e.kind(), hyperslab_core::Kind::Unsupported);
    }
}
