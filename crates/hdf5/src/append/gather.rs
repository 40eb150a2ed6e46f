//! What has been gathered for the next publish: rows, and the heap collections that they refer to.
//!
//! A message is copied once, into the collection that goes to the file as it is. References hold file addresses, so
//! the place where the heap will lie is part of the state; it is corrected when the file's end has moved meanwhile.

use crate::format::global_heap::{Builder, HEADER, OBJECT_HEADER};
use hyperslab_core::{Error, Result};

/// A collection is ended when it has this many bytes: large enough to cost nothing, small enough that a library
/// that reads one row need not read much else.
const COLLECTION: usize = 64 << 10;
/// Buffers that grew beyond this are given back after a publish.
const KEEP: usize = 32 << 20;

/// Rows of one column.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) bytes: Vec<u8>,
    pub(super) width: usize,
    /// Whether a row is a reference into the heap.
    vlen: bool,
}

/// Gathered rows and their heap.
#[derive(Debug)]
pub(super) struct Gather {
    pub(super) columns: Vec<Rows>,
    pub(super) heap: Vec<u8>,
    building: Option<Builder>,
    /// Where the heap's first byte will lie in the file.
    base: u64,
}

impl Gather {
    /// Nothing gathered. Each column is its row width and whether rows are references.
    pub(super) fn new(columns: impl IntoIterator<Item = (usize, bool)>, base: u64) -> Gather {
        let rows = |(width, vlen)| Rows { bytes: Vec::new(), width, vlen };
        Gather { columns: columns.into_iter().map(rows).collect(), heap: Vec::new(), building: None, base }
    }

    /// Number of rows that every column has.
    ///
    /// # Errors
    /// `Usage` when the columns differ.
    pub(super) fn rows(&self) -> Result<u64> {
        let count = |r: &Rows| (r.bytes.len() / r.width.max(1)) as u64;
        let first = self.columns.first().map_or(0, count);
        match self.columns.iter().map(count).find(|&n| n != first) {
            None => Ok(first),
            Some(n) => {
                Err(Error::usage(format!("columns of {first} and {n} rows cannot be published together")))
            }
        }
    }

    /// Bytes gathered, rows and heap.
    #[inline]
    pub(super) fn bytes(&self) -> usize {
        self.heap.len() + self.columns.iter().map(|c| c.bytes.len()).sum::<usize>()
    }

    /// One row of fixed size.
    #[inline]
    pub(super) fn fixed(&mut self, column: usize, row: &[u8]) -> Result<()> {
        match self.columns.get_mut(column) {
            Some(c) if c.width == row.len() && !c.vlen => {
                c.bytes.extend_from_slice(row);
                Ok(())
            }
            Some(c) if c.vlen => Err(Error::usage(format!("column {column} has rows of variable length"))),
            Some(c) => Err(Error::usage(format!("a row of {} bytes for a column of {}", row.len(), c.width))),
            None => Err(Error::usage(format!("no column {column}"))),
        }
    }

    /// One row of variable length: `count` items in `data`.
    #[inline]
    pub(super) fn vlen(&mut self, column: usize, count: u32, data: &[u8]) -> Result<()> {
        match self.columns.get(column) {
            Some(c) if c.vlen => {}
            _ => return Err(Error::usage(format!("column {column} has no rows of variable length"))),
        }
        let mut row = [0u8; 16];
        if !data.is_empty() {
            let mut builder = self.room(data.len());
            let index = builder.push(&mut self.heap, data);
            let address = self.base + builder.start() as u64;
            self.building = Some(builder);
            row[..4].copy_from_slice(&count.to_le_bytes());
            row[4..12].copy_from_slice(&address.to_le_bytes());
            row[12..].copy_from_slice(&u32::from(index).to_le_bytes());
        }
        if let Some(c) = self.columns.get_mut(column) {
            c.bytes.extend_from_slice(&row);
        }
        Ok(())
    }

    /// The collection that takes an object of `len` bytes; a new one when it would grow too large or has no number
    /// left.
    #[inline]
    fn room(&mut self, len: usize) -> Builder {
        if let Some(b) = self.building {
            let so_far = b.len(&self.heap);
            if !b.is_full() && (so_far <= HEADER || so_far.saturating_add(len + OBJECT_HEADER) <= COLLECTION)
            {
                return b;
            }
            b.finish(&mut self.heap);
        }
        Builder::begin(&mut self.heap)
    }

    /// Ends the last collection; the heap is then as it goes to the file.
    pub(super) fn seal(&mut self) {
        if let Some(b) = self.building.take() {
            b.finish(&mut self.heap);
        }
    }

    /// Moves the heap to another place: references that were made follow.
    pub(super) fn rebase(&mut self, base: u64) {
        let old = std::mem::replace(&mut self.base, base);
        if old == base {
            return;
        }
        for row in self.columns.iter_mut().filter(|c| c.vlen).flat_map(|c| c.bytes.chunks_exact_mut(16)) {
            let Some(field) = row.get_mut(4..12) else { continue };
            let mut address = [0; 8];
            address.copy_from_slice(field);
            let address = u64::from_le_bytes(address);
            // An empty row refers to nothing.
            if address != 0 {
                field.copy_from_slice(&address.wrapping_sub(old).wrapping_add(base).to_le_bytes());
            }
        }
    }

    /// Forgets what was published; the next heap begins at `base`.
    pub(super) fn clear(&mut self, base: u64) {
        self.base = base;
        self.building = None;
        empty(&mut self.heap);
        self.columns.iter_mut().for_each(|c| empty(&mut c.bytes));
    }

    /// Forgets the first rows, which are published; the heap, which the others may refer to, stays. When none is
    /// left, the next heap begins at `end`, rounded up to 8.
    pub(super) fn forget_first(&mut self, rows: u64, end: u64) {
        for c in &mut self.columns {
            let len = usize::try_from(rows).ok().and_then(|n| n.checked_mul(c.width)).unwrap_or(usize::MAX);
            c.bytes.drain(..len.min(c.bytes.len()));
        }
        if self.columns.iter().all(|c| c.bytes.is_empty()) {
            self.clear(end.next_multiple_of(8));
        }
    }

    /// Forgets rows that were half gathered: every column back to `rows` rows. Their heap objects stay, unreferenced.
    pub(super) fn truncate(&mut self, rows: u64) {
        for c in &mut self.columns {
            let len = usize::try_from(rows).ok().and_then(|n| n.checked_mul(c.width)).unwrap_or(usize::MAX);
            c.bytes.truncate(len);
        }
    }
}

fn empty(v: &mut Vec<u8>) {
    v.clear();
    if v.capacity() > KEEP {
        v.shrink_to(KEEP);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Sizes;
    use crate::format::global_heap::Collection;

    fn reference(row: &[u8]) -> (u32, u64, u32) {
        (
            u32::from_le_bytes(row[..4].try_into().unwrap()),
            u64::from_le_bytes(row[4..12].try_into().unwrap()),
            u32::from_le_bytes(row[12..].try_into().unwrap()),
        )
    }

    /// Every row leads to its bytes, whatever their sizes, and after a move.
    #[test]
    fn references_lead_to_their_bytes() {
        let mut g = Gather::new([(16, true), (1, false)], 1000);
        let sizes = [0, 1, 7, 8, 206, 5000, 65_535, 65_536, 200_000, 0, 3];
        let data: Vec<Vec<u8>> = sizes.iter().enumerate().map(|(i, &n)| vec![i as u8 + 1; n]).collect();
        for (i, d) in data.iter().enumerate() {
            g.vlen(0, d.len() as u32, d).unwrap();
            g.fixed(1, &[i as u8]).unwrap();
            if i == 5 {
                g.rebase(8000);
            }
        }
        assert_eq!(g.rows().unwrap(), sizes.len() as u64);
        g.rebase(4096);
        g.seal();
        for (row, d) in g.columns[0].bytes.chunks(16).zip(&data) {
            let (len, at, index) = reference(row);
            assert_eq!(len as usize, d.len());
            if d.is_empty() {
                assert_eq!((at, index), (0, 0));
                continue;
            }
            let c = Collection::parse(&g.heap[at as usize - 4096..], Sizes::STANDARD, at).unwrap();
            assert_eq!(c.find(index as u16).unwrap().data, d);
        }
    }

    #[test]
    fn numbers_run_out_before_bytes() {
        let mut g = Gather::new([(16, true)], 0);
        // Smaller than any object that fits 65535 times into a collection of the usual size cannot be; so count.
        for _ in 0..10_000 {
            g.vlen(0, 1, b"x").unwrap();
        }
        g.seal();
        let mut at = 0;
        while at < g.heap.len() {
            let c = Collection::parse(&g.heap[at..], Sizes::STANDARD, 0).unwrap();
            assert!(c.bytes().len() <= COLLECTION + 16);
            at += c.bytes().len();
        }
    }

    #[test]
    fn misfits_are_refused() {
        let mut g = Gather::new([(16, true), (1, false)], 0);
        assert!(g.fixed(1, &[1, 2]).is_err() && g.fixed(0, &[0; 16]).is_err() && g.fixed(2, &[]).is_err());
        assert!(g.vlen(1, 1, b"x").is_err());
        g.vlen(0, 1, b"x").unwrap();
        assert!(g.rows().is_err());
        g.truncate(0);
        assert_eq!(g.rows().unwrap(), 0);
    }
}
