//! Rows of variable length, many at a time: references followed into the heap with as few reads as possible.
//!
//! Heap collections that a published row refers to are never changed by a writer of ours, so their bytes may be used
//! where they lie; otherwise they are read in long pieces, because collections of neighbouring rows are neighbours.
//! Every length from the file is compared with the bytes that are there before anything is made of it.

use super::live::Live;
use crate::format::Sizes;
use crate::format::global_heap::{Collection, HEADER, OBJECT_HEADER, Table, collection_size, object_size};
use bytes::Bytes;
use hyperslab_core::{Error, Limits, Reservation, Result, ResultExt, Source};
use std::borrow::Cow;
use std::ops::Range;

/// At most so much is read at once, unless one collection is larger.
const PIECE: u64 = 1 << 20;
/// Rows that are far apart are read so many at a time,
const SOME: usize = 256;
/// when they are on average so many rows from one another.
const FAR: u64 = 8;
const WHAT: &str = "global heap collection";

/// Rows of variable length: where the bytes of each are.
#[derive(Debug, Default)]
pub struct VlenRows {
    parts: Vec<Part>,
    rows: Vec<Span>,
    references: Vec<u8>,
    held: Vec<Reservation>,
    /// Buffers of an earlier read, to be used again.
    spare: Vec<Vec<u8>>,
}

#[derive(Debug)]
enum Part {
    Owned(Vec<u8>),
    Shared(Bytes),
}

impl Part {
    #[inline]
    fn bytes(&self) -> &[u8] {
        match self {
            Part::Owned(v) => v,
            Part::Shared(b) => b,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Span {
    part: u32,
    len: u32,
    at: u64,
}

impl VlenRows {
    /// No rows.
    pub fn new() -> VlenRows {
        VlenRows::default()
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The bytes of a row.
    #[inline]
    pub fn get(&self, row: usize) -> Option<&[u8]> {
        self.rows.get(row).map(|s| self.bytes(s))
    }

    /// The rows in order.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> + DoubleEndedIterator {
        self.rows.iter().map(|s| self.bytes(s))
    }

    #[inline]
    fn bytes(&self, s: &Span) -> &[u8] {
        let start = s.at as usize;
        // Checked when the span was made.
        let part = self.parts.get(s.part as usize).map_or(&[][..], Part::bytes);
        part.get(start..start + s.len as usize).unwrap_or_default()
    }

    /// Brings the rows into another order: what is at `i` goes to `places[i]`.
    ///
    /// # Errors
    /// `Usage` when `places` does not name every place once.
    pub fn reorder(&mut self, places: &[usize]) -> Result<()> {
        let mut rows = vec![None; self.rows.len()];
        for (span, &place) in self.rows.iter().zip(places) {
            if let Some(slot) = rows.get_mut(place) {
                *slot = Some(*span);
            }
        }
        let whole = places.len() == rows.len();
        let rows: Option<Vec<Span>> = rows.into_iter().collect();
        self.rows = rows.filter(|_| whole).ok_or_else(|| Error::usage("places are not those of the rows"))?;
        Ok(())
    }

    /// Shared bytes of a row that outlive this, where its bytes are used where they lie in a map.
    pub fn shared(&self, row: usize) -> Option<Bytes> {
        let span = self.rows.get(row)?;
        match self.parts.get(span.part as usize)? {
            Part::Shared(bytes) => {
                let start = usize::try_from(span.at).ok()?;
                let end = start.checked_add(span.len as usize)?;
                (end <= bytes.len()).then(|| bytes.slice(start..end))
            }
            Part::Owned(_) => None,
        }
    }

    /// Adds copies of the rows of another, one after the other in one piece of memory.
    fn copy_from(&mut self, other: &VlenRows, limits: &Limits) -> Result<()> {
        let total: u64 = other.rows.iter().map(|s| u64::from(s.len)).sum();
        let (mut part, held) = limits.vec(total)?;
        let number = self.next_part()?;
        for bytes in other.iter() {
            let (at, len) = (part.len() as u64, u32::try_from(bytes.len()).unwrap_or(0));
            self.rows.push(Span { part: number, len, at });
            part.extend_from_slice(bytes);
        }
        self.parts.push(Part::Owned(part));
        self.held.push(held);
        Ok(())
    }

    fn next_part(&self) -> Result<u32> {
        u32::try_from(self.parts.len()).map_err(|_| Error::limit("rows in more than 2^32 places"))
    }

    /// Forgets the rows, keeps the memory.
    fn clear(&mut self) {
        for part in self.parts.drain(..) {
            if let Part::Owned(v) = part {
                self.spare.push(v);
            }
        }
        self.rows.clear();
        self.references.clear();
        self.held.clear();
    }
}

/// The collection that rows are being taken from, and where the next object is expected.
struct Cursor {
    address: u64,
    part: u32,
    /// Where the collection begins in its part, and its bytes.
    start: usize,
    len: usize,
    next: usize,
    /// Made when objects do not come in order.
    table: Option<Table>,
}

impl<R: Source> Live<R> {
    /// Reads rows of a column of variable length into `out`, in the place of what it held; items have `item` bytes.
    ///
    /// # Errors
    /// `Usage` beyond the snapshot's rows, `Invalid` for references that lead nowhere, `Limit`, `Io`.
    pub fn vlen_into(&self, column: usize, rows: Range<u64>, item: u32, out: &mut VlenRows) -> Result<()> {
        out.clear();
        let first = rows.start;
        let mut references = std::mem::take(&mut out.references);
        self.rows_into(column, rows, &mut references)?;
        let done = self.follow(column, &references, item, |i| first.saturating_add(i as u64), out);
        out.references = references;
        done
    }

    /// The same for the rows at `positions`, which ascend. Where they are far apart their bytes are copied together,
    /// so that the memory they take does not depend on how far.
    ///
    /// # Errors
    /// As [`Live::vlen_into`].
    pub fn vlen_at(&self, column: usize, positions: &[u64], item: u32, out: &mut VlenRows) -> Result<()> {
        let span = positions.last().zip(positions.first()).map_or(0, |(b, a)| b.saturating_sub(*a));
        let sparse = positions.len() > SOME && span / FAR > positions.len() as u64;
        if !sparse {
            out.clear();
            return self.vlen_here(column, positions, item, out);
        }
        let mut some = VlenRows::new();
        out.clear();
        for positions in positions.chunks(SOME) {
            some.clear();
            self.vlen_here(column, positions, item, &mut some)?;
            out.copy_from(&some, &self.limits)?;
        }
        Ok(())
    }

    fn vlen_here(&self, column: usize, positions: &[u64], item: u32, out: &mut VlenRows) -> Result<()> {
        let mut references = std::mem::take(&mut out.references);
        self.rows_at(column, positions, &mut references)?;
        let at = |i: usize| positions.get(i).copied().unwrap_or(0);
        let done = self.follow(column, &references, item, at, out);
        out.references = references;
        done
    }

    /// Adds the rows that references lead to; `at` says of one by its number which row of the column it is.
    fn follow(
        &self,
        column: usize,
        references: &[u8],
        item: u32,
        at: impl Fn(usize) -> u64,
        out: &mut VlenRows,
    ) -> Result<()> {
        let sizes = self.sizes();
        let width = sizes.vlen_reference() as usize;
        let size = self.source().len()?;
        out.rows.reserve(references.len() / width.max(1));
        let mut cursor: Option<Cursor> = None;
        for (i, row) in references.chunks_exact(width).enumerate() {
            let Some((count, address, index)) = reference(row, sizes) else { break };
            if count == 0 {
                out.rows.push(Span { part: 0, len: 0, at: 0 });
                continue;
            }
            let done = match &mut cursor {
                Some(c) if c.address == address => c.take(out, sizes, index, count, item),
                _ => {
                    let ahead = references.get(i * width..).unwrap_or_default();
                    self.enter(address, ahead, size, cursor.as_ref(), out).and_then(|mut c| {
                        let done = c.take(out, sizes, index, count, item);
                        cursor = Some(c);
                        done
                    })
                }
            };
            let named = |e: Error| {
                let name = self.columns().nth(column).map_or("", |(n, ..)| n);
                e.object(format!("/{name}[{}]", at(i)))
            };
            out.rows.push(done.map_err(named)?);
        }
        Ok(())
    }

    /// Makes the collection at `address` the current one: in the part that is there, or in a new one that holds
    /// the collections of as many of the rows `ahead` as are neighbours.
    fn enter(
        &self,
        address: u64,
        ahead: &[u8],
        size: u64,
        last: Option<&Cursor>,
        out: &mut VlenRows,
    ) -> Result<Cursor> {
        let sizes = self.sizes();
        let inside = |part: u32, bytes: &[u8], start: usize| -> Result<Option<Cursor>> {
            let head = bytes.get(start..).unwrap_or_default();
            if head.len() < HEADER {
                return Ok(None);
            }
            let len = collection_size(head, sizes, address)?;
            Ok(usize::try_from(len).ok().filter(|&n| n <= head.len()).map(|len| Cursor {
                address,
                part,
                start,
                len,
                next: Collection::FIRST,
                table: None,
            }))
        };
        // In the part that was read last?
        if let Some(c) = last
            && let Some(part) = out.parts.get(c.part as usize)
            && let Some(start) = address
                .checked_sub(c.address)
                .and_then(|d| usize::try_from(d).ok())
                .and_then(|d| d.checked_add(c.start))
            && let Some(found) = inside(c.part, part.bytes(), start)?
        {
            return Ok(found);
        }
        let number = out.next_part()?;
        let rest = size.saturating_sub(address);
        // All of the file in memory: one part is enough, its bytes used where they lie.
        if let Some(all) = self.source().shared(address, rest) {
            let found = inside(number, &all, 0)?;
            out.parts.push(Part::Shared(all));
            return found.ok_or_else(|| too_long(address, rest));
        }
        let expected = expected(ahead, sizes);
        let mut want = expected.min(rest).max(HEADER as u64);
        for _ in 0..2 {
            let part = match self.read_part(address, want, out) {
                // What is expected may go beyond the collection, and a writer that closes the file cuts it there.
                Err(_) if self.source().len()? < size => {
                    let rest = self.source().len()?.saturating_sub(address);
                    self.read_part(address, expected.min(rest).max(HEADER as u64), out)?
                }
                read => read?,
            };
            let found = inside(number, &part, 0)?;
            if let Some(found) = found {
                out.parts.push(Part::Owned(part));
                return Ok(found);
            }
            // Its objects did not tell how long it is: its header does.
            want = collection_size(&part, sizes, address)?;
            out.spare.push(part);
            if want > rest {
                return Err(too_long(address, rest));
            }
        }
        Err(too_long(address, rest))
    }

    fn read_part(&self, address: u64, len: u64, out: &mut VlenRows) -> Result<Vec<u8>> {
        let held = self.limits.reserve(len)?;
        let n = usize::try_from(len).map_err(|_| Error::limit(format!("{len} bytes of heap at once")))?;
        let mut part = out.spare.pop().unwrap_or_default();
        part.truncate(n);
        part.try_reserve_exact(n - part.len())
            .map_err(|_| Error::limit(format!("no memory for {len} bytes")))?;
        part.resize(n, 0);
        self.source().read_exact_at(address, &mut part).reading(WHAT, address)?;
        out.held.push(held);
        Ok(part)
    }
}

impl Cursor {
    /// The bytes of object `index`, which is usually the next one.
    #[inline]
    fn take(&mut self, out: &VlenRows, sizes: Sizes, index: u16, count: u32, item: u32) -> Result<Span> {
        let bytes = out.parts.get(self.part as usize).map_or(&[][..], Part::bytes);
        let bytes = bytes.get(self.start..self.start + self.len).unwrap_or_default();
        let collection = Collection::parse(bytes, sizes, self.address)?;
        let object = match collection.object_at(self.next)? {
            Some(o) if o.index == index && index != 0 => o,
            _ => self.search(&collection, index)?,
        };
        self.next = object.next;
        let want = u64::from(count) * u64::from(item);
        if object.data.len() as u64 != want {
            return Err(Error::invalid(format!(
                "object {index} of {} bytes where {count} items of {item} bytes are referred to",
                object.data.len()
            ))
            .reading(WHAT)
            .at(self.address));
        }
        let at = (self.start + object.position + OBJECT_HEADER) as u64;
        let len = u32::try_from(want).map_err(|_| Error::unsupported("a row of 4 GiB"))?;
        Ok(Span { part: self.part, len, at })
    }

    #[cold]
    fn search<'a>(
        &mut self,
        collection: &Collection<'a>,
        index: u16,
    ) -> Result<crate::format::global_heap::Object<'a>> {
        let table = match &mut self.table {
            Some(t) => t,
            none => none.insert(collection.table()?),
        };
        let position = table.position(index).ok_or_else(|| collection.missing(index))?;
        collection.object_at(position)?.ok_or_else(|| collection.missing(index))
    }
}

/// How many bytes from the first row's collection on hold the collections of the rows that follow, going by their
/// lengths: right for rows that were written one after the other.
fn expected(ahead: &[u8], sizes: Sizes) -> u64 {
    let width = sizes.vlen_reference() as usize;
    let mut total = HEADER as u64;
    let mut last = None;
    for row in ahead.chunks_exact(width.max(1)) {
        let Some((count, address, _)) = reference(row, sizes) else { break };
        if count == 0 {
            continue;
        }
        // A smaller address, or one that is much further on, is not a neighbour.
        if last.is_some_and(|l| address < l || address - l > PIECE) {
            break;
        }
        last = Some(address);
        total = total.saturating_add(object_size(count as usize).unwrap_or(0) as u64);
        if total >= PIECE {
            return PIECE;
        }
    }
    // Collections have a header each, and at least 4096 bytes.
    (total + total / 64).max(4096)
}

#[cold]
fn too_long(address: u64, rest: u64) -> Error {
    Error::invalid(format!("it leaves the file, of which {rest} bytes are left")).reading(WHAT).at(address)
}

/// Item count, collection address and object number of a stored reference.
#[inline]
pub(super) fn reference(row: &[u8], sizes: Sizes) -> Option<(u32, u64, u16)> {
    if sizes == Sizes::STANDARD {
        let row: &[u8; 16] = row.first_chunk()?;
        let [a, b, c, d, address @ .., e, f, g, h] = *row;
        let index = u32::from_le_bytes([e, f, g, h]);
        let address = u64::from_le_bytes(address);
        return Some((u32::from_le_bytes([a, b, c, d]), address, u16::try_from(index).unwrap_or(0)));
    }
    let mut c = crate::format::Cursor::new(row, "reference", 0);
    let count = c.u32().ok()?;
    let address = c.address(sizes).ok()??;
    Some((count, address, u16::try_from(c.u32().ok()?).unwrap_or(0)))
}

/// The whole collection at an address.
pub(super) fn collection<'s>(
    source: &'s dyn Source,
    address: u64,
    sizes: Sizes,
    limits: &Limits,
) -> Result<Cow<'s, [u8]>> {
    let head = source.bytes_at(address, HEADER as u64, limits).reading(WHAT, address)?;
    let size = collection_size(&head, sizes, address)?;
    source.bytes_at(address, size, limits).reading(WHAT, address)
}
