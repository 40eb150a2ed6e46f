//! Looking at every row of a damaged log once: which of them lead to a message, and what lies in the heap for those that
//! do not.
//!
//! Where rows are lost, with a chunk or a part of the index, or are overwritten, their messages are still in the heap:
//! the objects that no row refers to and that lie between those of the rows before and after. Writers put them there in
//! order, so when there are as many of them as rows, each has its row again.

use super::column::{Column, REFERENCE, reference};
use super::heap::{Heap, Key};
use super::index::{Located, Missing};
use super::input::Input;
use super::report::Report;
use super::scan::Scan;
use hyperslab_core::{Kind, Result};
use std::collections::HashMap;
use std::ops::Range;

/// Bytes of the smallest collection; libhdf5's have a multiple of them.
const PAGE: u64 = 4096;
/// Holes that are remembered; rows of further ones stay lost.
const MOST: usize = 1 << 20;

/// A part of the log, in order.
pub(super) enum Piece {
    /// Rows of a chunk.
    Rows(Range<u64>, Located),
    /// Rows that are lost: the number of their hole.
    Hole(usize),
}

/// Rows in a run that lead to no message.
pub(super) struct Hole {
    pub(super) rows: Range<u64>,
    pub(super) what: What,
    /// The objects of the last message before and the first one after them.
    after: Option<Key>,
    before: Option<Key>,
    /// The objects that stand for them, and whether each for its own row.
    pub(super) objects: Vec<Key>,
    pub(super) exact: bool,
}

/// What is the matter with the rows of a hole.
pub(super) enum What {
    /// They cannot be read: why, and where.
    Lost(String, Option<u64>),
    /// What they refer to is not there.
    Astray,
    /// They are zero, as those of empty messages are.
    Empty,
}

/// What was seen.
pub(super) struct Survey {
    pub(super) pieces: Vec<Piece>,
    pub(super) holes: Vec<Hole>,
    used: Used,
    last: Option<Key>,
    /// Whether each message that rows lead to lies behind the one before it.
    ordered: bool,
    /// Holes from this one on have no message behind them yet.
    open: usize,
}

/// Objects that rows refer to.
#[derive(Default)]
struct Used(HashMap<u64, Vec<u64>>);

impl Used {
    fn insert(&mut self, (address, position): Key) {
        let bits = self.0.entry(address).or_default();
        let word = (position / 64) as usize;
        if word >= bits.len() {
            bits.resize(word + 1, 0);
        }
        if let Some(w) = bits.get_mut(word) {
            *w |= 1 << (position % 64);
        }
    }

    fn has(&self, (address, position): Key) -> bool {
        let word = self.0.get(&address).and_then(|b| b.get((position / 64) as usize));
        word.is_some_and(|w| w & 1 << (position % 64) != 0)
    }
}

impl Survey {
    pub(super) fn new() -> Survey {
        let (pieces, holes, used) = (Vec::new(), Vec::new(), Used::default());
        Survey { pieces, holes, used, last: None, ordered: true, open: 0 }
    }

    /// Remembers that objects are no messages.
    pub(super) fn exclude(&mut self, keys: &[Key]) {
        keys.iter().for_each(|&key| self.used.insert(key));
    }

    /// All rows below `end`.
    ///
    /// # Errors
    /// `Limit`.
    pub(super) fn rows(
        &mut self,
        input: &Input<'_>,
        heap: &mut Heap<'_, '_>,
        column: &Column,
        end: u64,
        report: &mut Report,
    ) -> Result<()> {
        let span = Span { chunk_rows: column.chunk_rows.max(1), end };
        let chunks = end.div_ceil(span.chunk_rows);
        let mut missing = column.chunks.missing.iter().peekable();
        let mut done = 0;
        for (&number, located) in column.chunks.found.range(..chunks) {
            while let Some(m) = missing.next_if(|m| m.chunks.start < number) {
                done = self.missing(m, done..number, &span, report);
            }
            report.unwritten += span.len(done..number);
            self.chunk(input, heap, column, span.rows(number..number + 1), *located)?;
            done = number + 1;
        }
        for m in missing {
            done = self.missing(m, done..chunks, &span, report);
        }
        report.unwritten += span.len(done..chunks.max(done));
        Ok(())
    }

    /// Chunks of a range that cannot be reached. What the index knows nothing of was never written.
    fn missing(&mut self, m: &Missing, within: Range<u64>, span: &Span, report: &mut Report) -> u64 {
        let chunks = m.chunks.start.max(within.start)..m.chunks.end.min(within.end);
        if chunks.is_empty() {
            return within.start;
        }
        report.unwritten += span.len(within.start..chunks.start);
        self.lose(span.rows(chunks.clone()), m.why.clone(), Some(m.at));
        chunks.end
    }

    /// Rows that cannot be read. Neighbours become one hole, whatever the causes.
    pub(super) fn lose(&mut self, rows: Range<u64>, why: String, at: Option<u64>) {
        if rows.is_empty() {
            return;
        }
        if let (Some(Piece::Hole(_)), Some(hole)) = (self.pieces.last(), self.holes.last_mut())
            && hole.rows.end == rows.start
            && let What::Lost(cause, _) = &mut hole.what
        {
            hole.rows.end = rows.end;
            if *cause != why && !cause.ends_with(", and more") {
                cause.push_str(", and more");
            }
            return;
        }
        self.pieces.push(Piece::Hole(self.holes.len()));
        self.hole(rows, What::Lost(why, at));
    }

    fn hole(&mut self, rows: Range<u64>, what: What) {
        let (after, before, objects) = (self.last, None, Vec::new());
        self.holes.push(Hole { rows, what, after, before, objects, exact: false });
    }

    /// A row without a message, in a chunk that can be read.
    fn absent(&mut self, row: u64, what: What) {
        if let Some(hole) = self.holes.last_mut()
            && hole.rows.end == row
            && matches!((&hole.what, &what), (What::Astray, What::Astray) | (What::Empty, What::Empty))
        {
            hole.rows.end += 1;
        } else if self.holes.len() < MOST {
            self.hole(row..row + 1, what);
        }
    }

    fn chunk(
        &mut self,
        input: &Input<'_>,
        heap: &mut Heap<'_, '_>,
        column: &Column,
        rows: Range<u64>,
        located: Located,
    ) -> Result<()> {
        let bytes = match column.decode(input, &located) {
            Ok((bytes, _)) => bytes,
            Err(e) if e.kind() == Kind::Limit => return Err(e),
            Err(e) => {
                let at = e.offset();
                self.lose(rows, e.to_string(), at);
                return Ok(());
            }
        };
        let before = self.holes.len();
        let mut any = false;
        for (i, row) in rows.clone().zip(bytes.chunks_exact(REFERENCE as usize)) {
            let Some((count, at, number)) = reference(row) else { break };
            if count == 0 {
                self.absent(i, What::Empty);
                continue;
            }
            match heap.resolve(count, at, number) {
                Ok(found) => {
                    any = true;
                    self.used.insert(found.key);
                    self.ordered &= self.last <= Some(found.key);
                    self.last = Some(found.key);
                    for hole in self.holes.get_mut(self.open..).unwrap_or_default() {
                        hole.before = Some(found.key);
                    }
                    self.open = self.holes.len();
                }
                Err(e) if e.kind() == Kind::Limit => return Err(e),
                Err(_) => self.absent(i, What::Astray),
            }
        }
        // Behind a block with a wrong checksum, a chunk that leads to nothing is not the right one.
        if !located.checked && !any {
            self.holes.truncate(before);
            if let Some(hole) = self.holes.last_mut() {
                hole.rows.end = hole.rows.end.min(rows.start);
            }
            let why = "behind a block of the index with a wrong checksum lies something else".to_owned();
            self.lose(rows, why, Some(located.chunk.address));
            return Ok(());
        }
        let have = rows.start.saturating_add(bytes.len() as u64 / REFERENCE).min(rows.end);
        self.pieces.push(Piece::Rows(rows.start..have, located));
        let cut = "the file ends inside their chunk".to_owned();
        self.lose(have..rows.end, cut, Some(located.chunk.address));
        Ok(())
    }

    /// Gives the rows of holes the objects between their neighbours'.
    ///
    /// # Errors
    /// `Limit`.
    pub(super) fn fill(&mut self, heap: &mut Heap<'_, '_>, scan: &Scan, report: &mut Report) -> Result<()> {
        let orphans = self.orphans(heap, scan)?;
        let mut from: Option<Key> = None;
        let mut doubt = false;
        let mut spare: Vec<Key> = Vec::new();
        let mut rest = self.holes.as_mut_slice();
        while let Some(first) = rest.first() {
            let (after, before) = (first.after, first.before);
            let count = rest.iter().take_while(|h| (h.after, h.before) == (after, before)).count();
            let (group, others) = rest.split_at_mut(count);
            rest = others;
            let lower = after.max(from);
            let start = lower.map_or(0, |low| orphans.keys.partition_point(|k| *k <= low));
            let end = before.map_or(orphans.keys.len(), |high| orphans.keys.partition_point(|k| *k < high));
            let between = orphans.keys.get(start..end).unwrap_or_default();
            let ordered = self.ordered && orphans.are_ordered(between);
            doubt |= !ordered && !between.is_empty();
            let given = give(group, between, ordered);
            spare.extend_from_slice(between.get(given..).unwrap_or_default());
            from = between.last().copied().max(from);
        }
        // What was put out of order belongs to rows that are lost somewhere.
        if doubt {
            spare = orphans.keys.clone();
            let mut given: Vec<Key> = self.holes.iter().flat_map(|h| h.objects.iter().copied()).collect();
            given.sort_unstable();
            spare.retain(|k| given.binary_search(k).is_err());
            let mut left = spare.into_iter();
            for hole in self.holes.iter_mut().filter(|h| matches!(h.what, What::Lost(..))) {
                let room = usize::try_from(hole.rows.end - hole.rows.start).unwrap_or(usize::MAX);
                hole.objects.extend(left.by_ref().take(room.saturating_sub(hole.objects.len())));
            }
            spare = left.collect();
            report.notes.push(
                "messages found in the heap may come in another order than they were recorded in".into(),
            );
        }
        if !spare.is_empty() {
            report
                .notes
                .push(format!("{} more objects of the heap belong to no row: not saved", spare.len()));
        }
        // Where nothing says how many rows there were, there are as many as objects.
        for hole in self.holes.iter_mut().filter(|h| h.rows.end == u64::MAX) {
            hole.rows.end = hole.rows.start.saturating_add(hole.objects.len() as u64);
        }
        Ok(())
    }

    /// Objects that nothing refers to, in file order.
    fn orphans(&self, heap: &mut Heap<'_, '_>, scan: &Scan) -> Result<Orphans> {
        let mut out = Orphans::default();
        for &(address, _) in &scan.collections {
            let collection = match heap.collection(address) {
                Ok(c) => c,
                Err(e) if e.kind() == Kind::Limit => return Err(e),
                Err(_) => continue,
            };
            let before = out.keys.len();
            for (position, (_, place)) in (0u32..).zip(&collection.objects) {
                // Versions are texts of attributes, whose header may be lost.
                let text = collection.data(place);
                let version = text.len() <= 8 && text.iter().all(|b| b.is_ascii_digit() || *b == b'.');
                if !version && !self.used.has((address, position)) {
                    out.keys.push((address, position));
                }
            }
            if out.keys.len() > before && collection.len().is_multiple_of(PAGE) {
                out.shared.push(address);
            }
        }
        Ok(out)
    }
}

/// Objects that nothing refers to.
#[derive(Default)]
struct Orphans {
    /// In file order.
    keys: Vec<Key>,
    /// Collections that may be libhdf5's: it puts a small message into what an earlier collection has left, so that
    /// file order is not theirs. Ours are as long as what is in them, unless that is less than the smallest.
    shared: Vec<u64>,
}

impl Orphans {
    fn are_ordered(&self, keys: &[Key]) -> bool {
        let (Some(first), Some(last)) = (keys.first(), keys.last()) else { return true };
        let start = self.shared.partition_point(|a| *a < first.0);
        let end = self.shared.partition_point(|a| *a <= last.0);
        first.0 == last.0 || start == end
    }
}

/// Rows of chunks.
struct Span {
    chunk_rows: u64,
    end: u64,
}

impl Span {
    fn rows(&self, chunks: Range<u64>) -> Range<u64> {
        let upto = chunks.end.saturating_mul(self.chunk_rows).min(self.end);
        chunks.start.saturating_mul(self.chunk_rows).min(upto)..upto
    }

    fn len(&self, chunks: Range<u64>) -> u64 {
        let rows = self.rows(chunks);
        rows.end - rows.start
    }
}

/// Gives objects to the holes between two messages; returns how many were given.
fn give(group: &mut [Hole], between: &[Key], ordered: bool) -> usize {
    let rows = |h: &Hole| h.rows.end - h.rows.start;
    let all = group.iter().map(rows).fold(0, u64::saturating_add);
    let empty = |h: &Hole| matches!(h.what, What::Empty);
    let lost = group.iter().filter(|h| !empty(h)).map(rows).fold(0, u64::saturating_add);
    let have = between.len() as u64;
    // Zero rows are those of empty messages, unless there are objects that other rows have no room for.
    let with_empty = have > lost;
    let exact = ordered && have == if with_empty { all } else { lost };
    let mut left = between;
    for hole in group.iter_mut().filter(|h| with_empty || !empty(h)) {
        let n = usize::try_from(rows(hole)).unwrap_or(usize::MAX).min(left.len());
        let (now, later) = left.split_at(n);
        hole.objects.extend_from_slice(now);
        hole.exact = exact;
        left = later;
    }
    between.len() - left.len()
}
