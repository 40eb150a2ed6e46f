//! Reading datasets that another process may be growing: snapshots, rows, and the attributes beside them.
//!
//! A snapshot is taken from the superblock down, all by position, and taken again when a write came between: what
//! protects it are the checksums of the structures that change in place. Rows below the snapshot's length never
//! change under a writer of ours; what a foreign writer does to them shows as an error, never as a crash, because
//! nothing here looks at a file through a map. Not here: variable-length rows (`vlen`).

use super::existing::{Names, Stored, StoredColumn};
use super::page::{SECTOR, recorded_end};
use super::schema::AttributeValue;
use crate::filter;
use crate::format::Sizes;
use crate::format::global_heap::Collection;
use crate::format::message::attribute::Attribute;
use crate::format::message::dataspace::{Dataspace, Kind as SpaceKind};
use crate::format::message::{datatype, kind};
use crate::index::Chunk;
use crate::index::extensible_array::{ExtensibleArray, Known};
use hyperslab_core::{Dtype, Error, Kind, Limits, Result, ResultExt, Source};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often a snapshot is tried again. A write that is torn for a reader lasts well under a microsecond; a foreign
/// writer can take longer between two writes that belong together.
const ATTEMPTS: u32 = 60;
/// Bytes between two rows for which they are read in one go.
const NEAR: u64 = 4096;
/// Chunks that are looked up at once.
const WINDOW: u64 = 1024;

/// Datasets that grow together, as they were at one moment.
#[derive(Debug)]
pub struct Live<R: Source> {
    pub(super) source: R,
    columns: Vec<String>,
    group: Option<String>,
    pub(super) stored: Stored,
    /// Per column the part of its index that was looked at last.
    windows: Vec<Mutex<Window>>,
    pub(super) limits: Limits,
}

/// Chunks by number, from `first` on; the last chunk that was decoded; and the blocks of the index that were read last,
/// also by an earlier snapshot.
#[derive(Debug, Default)]
struct Window {
    first: u64,
    chunks: Vec<Option<Chunk>>,
    decoded: Option<(u64, Arc<Vec<u8>>)>,
    known: Known,
}

impl Window {
    /// The chunk of a number, `None` where the window does not reach.
    fn get(&self, number: u64) -> Option<Option<Chunk>> {
        let i = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.chunks.get(i).copied()
    }
}

impl<R: Source> Live<R> {
    /// Takes a first snapshot of what `names` names.
    ///
    /// # Errors
    /// `Usage` when a name is not there, `Invalid`, `Unsupported`, `Io`.
    pub fn open(source: R, names: &Names<'_>) -> Result<Live<R>> {
        let limits = Limits::default();
        let stored = again(&source, || Stored::read(&source, names, &limits))?;
        let columns: Vec<String> = names.columns.iter().map(|&n| n.to_owned()).collect();
        let windows = columns.iter().map(|_| Mutex::default()).collect();
        let group = names.group.map(|(name, _)| name.to_owned());
        Ok(Live { source, columns, group, stored, windows, limits })
    }

    /// Takes a new snapshot and returns its number of rows.
    ///
    /// # Errors
    /// As [`Live::open`]; the old snapshot is then kept.
    pub fn refresh(&mut self) -> Result<u64> {
        let columns: Vec<&str> = self.columns.iter().map(String::as_str).collect();
        let names = Names { columns: &columns, group: self.group.as_deref().map(|g| (g, None)) };
        self.stored = again(&self.source, || Stored::read(&self.source, &names, &self.limits))?;
        for window in &mut self.windows {
            let window = window.get_mut().unwrap_or_else(PoisonError::into_inner);
            *window = Window { known: std::mem::take(&mut window.known), ..Window::default() };
        }
        Ok(self.rows())
    }

    /// Rows that all columns have.
    pub fn rows(&self) -> u64 {
        self.stored.rows()
    }

    /// The columns' names, row types and lengths.
    pub fn columns(&self) -> impl Iterator<Item = (&str, &Dtype, u64)> {
        self.stored.columns.iter().map(|c| (c.name.as_str(), &c.dtype, c.rows))
    }

    /// The same snapshot over another source of the same bytes.
    pub fn map_source<S: Source>(self, f: impl FnOnce(R) -> S) -> Live<S> {
        let Live { source, columns, group, stored, windows, limits } = self;
        Live { source: f(source), columns, group, stored, windows, limits }
    }

    /// What is read.
    pub fn source(&self) -> &R {
        &self.source
    }

    /// The end of file as the superblock states it, and whether a writer has marked the file as open.
    pub fn end(&self) -> (u64, bool) {
        (self.stored.superblock.end, self.stored.superblock.flags != 0)
    }

    /// Whether the file was made here and only this module's writer has written to it since it was last opened for
    /// that: then nothing but the page is ever changed, and bytes of rows may be used where they lie.
    ///
    /// # Errors
    /// `Io`.
    pub fn made_here(&self) -> Result<bool> {
        let mut sector = [0; SECTOR];
        if self.source.len()? < sector.len() as u64 {
            return Ok(false);
        }
        self.source.read_exact_at(0, &mut sector)?;
        Ok(recorded_end(&sector, 0, self.stored.superblock.end).is_some())
    }

    /// The stored bytes of the rows at `positions`, which ascend; rows that are near each other are read at once.
    ///
    /// # Errors
    /// As [`Live::rows_into`].
    pub fn rows_at(&self, column: usize, positions: &[u64], out: &mut Vec<u8>) -> Result<()> {
        let width = self.column(column)?.width().max(1);
        let near = (NEAR / width).max(1);
        let mut scratch = Vec::new();
        for group in positions.chunk_by(|a, b| b.checked_sub(*a).is_some_and(|gap| gap <= near)) {
            let (Some(&first), Some(&last)) = (group.first(), group.last()) else { continue };
            let end = last.saturating_add(1);
            if group.iter().copied().eq(first..end) {
                self.rows_into(column, first..end, out)?;
                continue;
            }
            scratch.clear();
            self.rows_into(column, first..end, &mut scratch)?;
            for &at in group {
                let start = usize::try_from((at - first) * width).unwrap_or(usize::MAX);
                let row = scratch.get(start..).and_then(|rest| rest.get(..width as usize));
                out.extend_from_slice(row.ok_or_else(|| Error::invalid("chunk is too short"))?);
            }
        }
        Ok(())
    }

    /// Appends the stored bytes of some rows of a column to `out`; rows of variable length are references.
    ///
    /// # Errors
    /// `Usage` beyond the snapshot's rows, `Invalid`, `Unsupported`, `Io`.
    pub fn rows_into(&self, column: usize, rows: Range<u64>, out: &mut Vec<u8>) -> Result<()> {
        let have = self.rows();
        let Some(c) = self.stored.columns.get(column).filter(|_| rows.end <= have) else {
            return Err(Error::usage(format!("rows {rows:?} of column {column} where there are {have}")));
        };
        let name = format!("/{}", c.name);
        let width = c.width();
        let total = rows.end.saturating_sub(rows.start).saturating_mul(width);
        let _held = self.limits.reserve(total)?;
        out.reserve(usize::try_from(total).unwrap_or(0));
        let chunk_rows = c.chunk_rows.max(1);
        let mut row = rows.start;
        while row < rows.end {
            let chunk = row / chunk_rows;
            let last = (rows.end - 1) / chunk_rows;
            let piece = self.piece(column, chunk, last).in_object(&name)?;
            let skip = (row % chunk_rows).saturating_mul(width);
            // Rows of `piece.chunks` chunks, the first from `row` on.
            let upto = (chunk + piece.chunks).saturating_mul(chunk_rows).min(rows.end);
            let n = usize::try_from((upto - row).saturating_mul(width)).unwrap_or(0);
            let start = out.len();
            match piece.bytes {
                Bytes::Hole => out.resize(start + n, 0),
                Bytes::Raw(at) => {
                    out.resize(start + n, 0);
                    let into = out.get_mut(start..).unwrap_or_default();
                    let at = at.saturating_add(skip);
                    self.source.read_exact_at(at, into).reading("chunk", at).in_object(&name)?;
                }
                Bytes::Decoded(decoded) => {
                    let skip = usize::try_from(skip).unwrap_or(usize::MAX);
                    let bytes = decoded.get(skip..).and_then(|b| b.get(..n));
                    out.extend_from_slice(bytes.ok_or_else(|| Error::invalid("chunk is too short"))?);
                }
            }
            row = upto;
        }
        Ok(())
    }

    /// Where the bytes of a chunk are, and of how many chunks after it that lie behind it as they are.
    fn piece(&self, column: usize, chunk: u64, last: u64) -> Result<Piece> {
        let bytes = self.column(column)?.chunk_bytes()?;
        let Some(first) = self.chunk(column, chunk)? else {
            return Ok(Piece { bytes: Bytes::Hole, chunks: 1 });
        };
        if !self.is_raw(column, &first)? {
            return Ok(Piece { bytes: Bytes::Decoded(self.decode(column, first)?), chunks: 1 });
        }
        let mut chunks = 1;
        while chunk + chunks <= last
            && let Some(next) = self.chunk(column, chunk + chunks)?
            && Some(next.address) == chunks.checked_mul(bytes).and_then(|n| n.checked_add(first.address))
            && self.is_raw(column, &next)?
        {
            chunks += 1;
        }
        Ok(Piece { bytes: Bytes::Raw(first.address), chunks })
    }

    fn column(&self, column: usize) -> Result<&StoredColumn> {
        self.stored.columns.get(column).ok_or_else(|| Error::usage(format!("no column {column}")))
    }

    /// Whether a chunk is stored as its rows are.
    fn is_raw(&self, column: usize, chunk: &Chunk) -> Result<bool> {
        let c = self.column(column)?;
        let all = u32::MAX.checked_shr(32u32.saturating_sub(c.filters.len() as u32)).unwrap_or(0);
        Ok(chunk.filter_mask & all == all && (c.filters.is_empty() || chunk.size == c.chunk_bytes()?))
    }

    /// The rows of a chunk that is stored otherwise.
    fn decode(&self, column: usize, chunk: Chunk) -> Result<Arc<Vec<u8>>> {
        let c = self.column(column)?;
        if let Some((at, bytes)) = &self.window(column)?.decoded
            && *at == chunk.address
        {
            return Ok(Arc::clone(bytes));
        }
        let stored = self.source.bytes_at(chunk.address, chunk.size, &self.limits);
        let stored = stored.reading("chunk", chunk.address)?;
        let want = c.chunk_bytes()?;
        let bytes = filter::decode(&c.filters, chunk.filter_mask, stored, want, &self.limits);
        let bytes = Arc::new(bytes.reading("chunk", chunk.address)?.into_owned());
        self.window(column)?.decoded = Some((chunk.address, Arc::clone(&bytes)));
        Ok(bytes)
    }

    fn window(&self, column: usize) -> Result<MutexGuard<'_, Window>> {
        let w = self.windows.get(column).ok_or_else(|| Error::usage(format!("no column {column}")))?;
        // A window is replaced whole, so one that a panic left is still right.
        Ok(w.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The chunk of a number; `None` for a hole.
    fn chunk(&self, column: usize, number: u64) -> Result<Option<Chunk>> {
        if let Some(found) = self.window(column)?.get(number) {
            return Ok(found);
        }
        let c = self.column(column)?;
        let end = c.rows.div_ceil(c.chunk_rows.max(1)).min(number.saturating_add(WINDOW));
        let mut chunks = vec![None; usize::try_from(end.saturating_sub(number)).unwrap_or(0)];
        let mut known = std::mem::take(&mut self.window(column)?.known);
        if let Some(index) = c.index {
            again(&self.source, || {
                let array = ExtensibleArray::open(&self.source, index, self.sizes(), &self.limits)?;
                if array.header().shape.filtered == c.filters.is_empty() {
                    return Err(Error::invalid("filters and chunk index do not go together").at(index));
                }
                array.visit_again(&self.source, number..end, &self.limits, &mut known, |n, chunk| {
                    let i = usize::try_from(n - number).unwrap_or(usize::MAX);
                    if let Some(slot) = chunks.get_mut(i) {
                        *slot = Some(chunk);
                    }
                    Ok(())
                })
            })?;
        }
        let found = chunks.first().copied().flatten();
        let mut window = self.window(column)?;
        (window.first, window.chunks, window.known) = (number, chunks, known);
        Ok(found)
    }

    pub(super) fn sizes(&self) -> Sizes {
        self.stored.superblock.sizes
    }

    /// The group's attributes that are single numbers or texts, in stored order; others by name alone.
    ///
    /// # Errors
    /// `Invalid` for a damaged attribute, `Io`.
    pub fn attributes(&self) -> Result<Vec<(String, Option<AttributeValue>)>> {
        let mut out = Vec::new();
        self.each_attribute(|a, offset| {
            let name = String::from_utf8_lossy(a.name).into_owned();
            out.push((name, self.value(a).reading("attribute", offset)?));
            Ok(())
        })?;
        Ok(out)
    }

    /// One of the group's attributes, if it is there and a single number or text.
    ///
    /// # Errors
    /// As [`Live::attributes`].
    pub fn attribute(&self, name: &str) -> Result<Option<AttributeValue>> {
        let mut found = None;
        self.each_attribute(|a, offset| {
            if a.name == name.as_bytes() {
                found = self.value(a).reading("attribute", offset)?;
            }
            Ok(())
        })?;
        Ok(found)
    }

    fn each_attribute(&self, mut f: impl FnMut(&Attribute<'_>, u64) -> Result<()>) -> Result<()> {
        let messages = self.stored.group.iter().flat_map(|(_, o)| &o.messages);
        for m in messages.filter(|m| m.kind == kind::ATTRIBUTE) {
            f(&Attribute::parse(&m.body, m.offset)?, m.offset)?;
        }
        Ok(())
    }

    fn value(&self, a: &Attribute<'_>) -> Result<Option<AttributeValue>> {
        if a.datatype.shared || a.dataspace.shared {
            return Ok(None);
        }
        let space = Dataspace::parse(a.dataspace.body, self.sizes(), a.dataspace.offset)?;
        if space.kind == SpaceKind::Null || space.dims.iter().any(|&d| d != 1) {
            return Ok(None);
        }
        let text = |b: &[u8]| {
            let b = b.split(|&b| b == 0).next().unwrap_or_default();
            Some(AttributeValue::Text(String::from_utf8_lossy(b).trim_end_matches(' ').to_owned()))
        };
        Ok(match datatype::parse(a.datatype.body, self.sizes(), a.datatype.offset)? {
            Dtype::VlenString(_) => {
                let (_, bytes) = self.resolve(a.data)?;
                text(&bytes)
            }
            Dtype::FixedString(_) => text(a.data),
            d if d == Dtype::F64 => {
                a.data.try_into().ok().map(|b| AttributeValue::F64(f64::from_le_bytes(b)))
            }
            _ => None,
        })
    }

    /// The bytes that one stored reference points at.
    fn resolve(&self, reference: &[u8]) -> Result<(u32, Vec<u8>)> {
        let (count, address, index) = super::vlen::reference(reference, self.sizes())
            .ok_or_else(|| Error::invalid("reference is too short"))?;
        if count == 0 {
            return Ok((0, Vec::new()));
        }
        let collection = super::vlen::collection(&self.source, address, self.sizes(), &self.limits)?;
        let collection = Collection::parse(&collection, self.sizes(), address)?;
        Ok((count, collection.find(index)?.data.to_vec()))
    }
}

/// What [`Live::piece`] finds.
struct Piece {
    bytes: Bytes,
    chunks: u64,
}

enum Bytes {
    /// No chunk: rows are zero.
    Hole,
    /// Stored as they are, from this address on.
    Raw(u64),
    /// Decoded.
    Decoded(Arc<Vec<u8>>),
}

/// Reads again what a writer may have changed while it was read.
fn again<T>(source: &dyn Source, mut read: impl FnMut() -> Result<T>) -> Result<T> {
    // Bytes in memory are as they are.
    let mut attempt = if source.as_slice().is_some() { ATTEMPTS } else { 0 };
    loop {
        match read() {
            Err(e) if e.kind() == Kind::Invalid && attempt < ATTEMPTS => {
                // At once for a torn write, then ever more slowly: about 0.1 s in all.
                if attempt > 10 {
                    std::thread::sleep(Duration::from_micros(100 * u64::from(attempt - 10).min(20)));
                }
                attempt += 1;
            }
            done => return done,
        }
    }
}
