//! The messages of a damaged log, in order, with the header row of each.

use super::column::{Column, REFERENCE, reference};
use super::find::Found;
use super::heap::{Heap, Key};
use super::input::Input;
use super::report::{Loss, Report};
use super::scan::Scan;
use super::survey::{Hole, Piece, Survey, What};
use crate::log::columns::HeaderRow;
use hyperslab_core::{Dtype, Error, Kind, Result};
use std::ops::Range;

/// Takes each message: its header row, its bytes.
pub type Take<'t> = &'t mut dyn FnMut(&[u8], &[u8]) -> Result<()>;

/// What is to be handed out.
pub(super) struct Rows {
    survey: Survey,
    messages: Option<Column>,
    headers: Headers,
}

impl Rows {
    /// Looks at every row.
    ///
    /// # Errors
    /// `Limit`, `Io`.
    pub(super) fn survey(
        input: &Input<'_>,
        heap: &mut Heap<'_, '_>,
        found: &mut Found,
        report: &mut Report,
    ) -> Result<Rows> {
        let messages = found.messages.take();
        let headers = Headers { column: found.headers.take(), decoded: None };
        let mut survey = Survey::new();
        survey.exclude(&found.texts);
        report.stated = stated(messages.as_ref(), headers.column.as_ref().map(|(c, _)| c));
        match &messages {
            Some(column) => {
                let end = report.stated.unwrap_or_else(|| last_row(input, column));
                survey.rows(input, heap, column, end, report)?;
            }
            None => {
                survey.lose(
                    0..report.stated.unwrap_or(u64::MAX),
                    "the dataset of messages is lost".into(),
                    None,
                );
            }
        }
        // With no hole every row has its message, and what else lies in the heap is none.
        if !survey.holes.is_empty() {
            let scan = match found.scan.take() {
                Some(scan) => scan,
                None => Scan::run(input, heap)?,
            };
            survey.fill(heap, &scan, report)?;
        }
        Ok(Rows { survey, messages, headers })
    }

    /// The type of a header row, where it is left.
    pub(super) fn header_type(&self) -> Option<&Dtype> {
        self.headers.column.as_ref().and_then(|(c, _)| c.dtype.as_ref())
    }

    /// Hands out every message; counts what is saved and lost.
    ///
    /// # Errors
    /// What `take` returns; `Limit`.
    pub(super) fn each(
        mut self,
        input: &Input<'_>,
        heap: &mut Heap<'_, '_>,
        report: &mut Report,
        take: Take<'_>,
    ) -> Result<()> {
        let holes = &self.survey.holes;
        let mut out = Out { header: Vec::new(), blank: vec![0; self.headers.width()], report, take };
        // Holes come in the order of their rows.
        let mut next = 0;
        for piece in &self.survey.pieces {
            match piece {
                Piece::Hole(i) => {
                    let Some(hole) = holes.get(*i) else { continue };
                    out.hole(input, heap, &mut self.headers, hole)?;
                    next = i + 1;
                }
                Piece::Rows(rows, located) => {
                    let Some(column) = &self.messages else { continue };
                    let (bytes, _) = column.decode(input, located)?;
                    for (i, row) in rows.clone().zip(bytes.chunks_exact(REFERENCE as usize)) {
                        let Some((count, at, number)) = reference(row) else { continue };
                        let found = match count {
                            0 => None,
                            _ => Some(heap.resolve(count, at, number)),
                        };
                        if let Some(Ok(found)) = &found {
                            out.put(input, &mut self.headers, Some(i), found.collection.data(&found.place))?;
                            continue;
                        }
                        while holes.get(next).is_some_and(|h| h.rows.end <= i) {
                            next += 1;
                        }
                        let hole = holes.get(next).filter(|h| h.rows.contains(&i));
                        out.absent(input, heap, &mut self.headers, i, hole, found.and_then(Result::err))?;
                    }
                }
            }
        }
        report.losses.sort_by_key(|l| l.messages.start);
        Ok(())
    }
}

/// Where messages go, and their account.
struct Out<'o, 't> {
    header: Vec<u8>,
    blank: Vec<u8>,
    report: &'o mut Report,
    take: Take<'t>,
}

impl Out<'_, '_> {
    /// A message of a row, if that is known.
    fn put(
        &mut self,
        input: &Input<'_>,
        headers: &mut Headers,
        row: Option<u64>,
        bytes: &[u8],
    ) -> Result<()> {
        let known = match row {
            Some(row) => headers.row(input, row, &mut self.header)?,
            None => false,
        };
        if !known {
            self.header.clone_from(&self.blank);
            self.report.without_group += 1;
        }
        self.hand_out(bytes)
    }

    fn hand_out(&mut self, bytes: &[u8]) -> Result<()> {
        self.report.saved += 1;
        self.report.bytes += bytes.len() as u64;
        (self.take)(&self.header, bytes)
    }

    /// A row of a chunk that leads to no message: empty, or not what it was.
    fn absent(
        &mut self,
        input: &Input<'_>,
        heap: &mut Heap<'_, '_>,
        headers: &mut Headers,
        row: u64,
        hole: Option<&Hole>,
        why: Option<Error>,
    ) -> Result<()> {
        let key = hole.and_then(|h| {
            let i = usize::try_from(row - h.rows.start).ok()?;
            h.objects.get(i).map(|key| (*key, h.exact))
        });
        match (key, why) {
            (Some((key, exact)), _) => {
                self.placed(input, heap, headers, exact.then_some(row), key)?;
                let why = "its row is overwritten; found in the heap and put in file order".to_owned();
                self.report.lose(Loss { messages: row..row + 1, lost: 0, why, offset: None });
            }
            (None, Some(e)) if e.kind() == Kind::Limit => return Err(e),
            (None, Some(e)) => {
                let offset = e.offset();
                self.report.lose(Loss { messages: row..row + 1, lost: 1, why: e.to_string(), offset });
            }
            // An empty message, or one that was never written where there is not even a header for it.
            (None, None) if headers.ends_before(row) => self.report.unwritten += 1,
            (None, None) => self.put(input, headers, Some(row), b"")?,
        }
        Ok(())
    }

    fn placed(
        &mut self,
        input: &Input<'_>,
        heap: &mut Heap<'_, '_>,
        headers: &mut Headers,
        row: Option<u64>,
        (address, position): Key,
    ) -> Result<()> {
        let collection = heap.collection(address)?;
        let place = collection.objects.get(position as usize).map(|(_, place)| place.clone());
        self.report.placed += 1;
        self.put(input, headers, row, collection.data(&place.unwrap_or_default()))
    }

    /// Rows that are lost.
    fn hole(
        &mut self,
        input: &Input<'_>,
        heap: &mut Heap<'_, '_>,
        headers: &mut Headers,
        hole: &Hole,
    ) -> Result<()> {
        let What::Lost(why, offset) = &hole.what else { return Ok(()) };
        // When not each message has its own row, the headers still serve where all are equal.
        let common = if hole.exact { None } else { headers.common(input, hole.rows.clone())? };
        for (row, &key) in hole.rows.clone().zip(&hole.objects) {
            match &common {
                Some(header) => {
                    let collection = heap.collection(key.0)?;
                    let place = collection.objects.get(key.1 as usize).map(|(_, place)| place.clone());
                    self.header.clone_from(header);
                    self.report.placed += 1;
                    self.hand_out(collection.data(&place.unwrap_or_default()))?;
                }
                None => self.placed(input, heap, headers, hole.exact.then_some(row), key)?,
            }
        }
        let found = match hole.objects.len() {
            0 => String::new(),
            n => format!("; {n} found in the heap and put in file order"),
        };
        let lost = (hole.rows.end - hole.rows.start).saturating_sub(hole.objects.len() as u64);
        let why = why.clone() + &found;
        self.report.lose(Loss { messages: hole.rows.clone(), lost, why, offset: *offset });
        Ok(())
    }
}

/// The dataset of headers, if it is left.
struct Headers {
    column: Option<(Column, HeaderRow)>,
    /// The chunk that was decoded last; `None` when it is lost.
    decoded: Option<(u64, Option<Vec<u8>>)>,
}

impl Headers {
    /// Bytes of a row.
    fn width(&self) -> usize {
        self.column.as_ref().map_or(1, |(_, row)| row.width)
    }

    /// Whether it is known to be shorter.
    fn ends_before(&self, row: u64) -> bool {
        self.column.as_ref().is_some_and(|(c, _)| c.rows.is_some_and(|n| row >= n))
    }

    /// The row of a message; `false` when it is lost.
    fn row(&mut self, input: &Input<'_>, row: u64, out: &mut Vec<u8>) -> Result<bool> {
        out.clear();
        let Some((column, place)) = &self.column else { return Ok(false) };
        if column.rows.is_some_and(|n| row >= n) {
            return Ok(false);
        }
        let chunk = row / column.chunk_rows.max(1);
        if self.decoded.as_ref().is_none_or(|(n, _)| *n != chunk) {
            let decoded = match column.chunks.found.get(&chunk) {
                Some(located) => match column.decode(input, located) {
                    Ok((bytes, true)) => Some(bytes),
                    Err(e) if e.kind() == Kind::Limit => return Err(e),
                    _ => None,
                },
                None if column.chunks.missing.iter().any(|m| m.chunks.contains(&chunk)) => None,
                // Never written: the fill value.
                None => Some(vec![0; usize::try_from(column.chunk_bytes()).unwrap_or(0)]),
            };
            self.decoded = Some((chunk, decoded));
        }
        let Some((_, Some(bytes))) = &self.decoded else { return Ok(false) };
        let at = usize::try_from(row % column.chunk_rows.max(1)).unwrap_or(usize::MAX);
        let at = at.saturating_mul(place.width);
        match bytes.get(at..).and_then(|b| b.get(..place.width)) {
            Some(b) => {
                out.extend_from_slice(b);
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// The row that all messages of a range have, if they have one.
    fn common(&mut self, input: &Input<'_>, rows: Range<u64>) -> Result<Option<Vec<u8>>> {
        /// A range of more rows is not looked through.
        const MOST: u64 = 1 << 24;
        let mut first = Vec::new();
        let mut row = Vec::new();
        if rows.end - rows.start > MOST || !self.row(input, rows.start, &mut first)? {
            return Ok(None);
        }
        for i in rows {
            if !self.row(input, i, &mut row)? || row != first {
                return Ok(None);
            }
        }
        Ok(Some(first))
    }
}

/// The number of rows that the headers state; of two, that of the sound one.
fn stated(messages: Option<&Column>, headers: Option<&Column>) -> Option<u64> {
    let rows = |c: Option<&Column>| c.and_then(|c| Some((c.rows?, c.checked)));
    match (rows(messages), rows(headers)) {
        (Some((n, true)), _) | (_, Some((n, true))) | (Some((n, _)), _) | (_, Some((n, _))) => Some(n),
        (None, None) => None,
    }
}

/// One more than the last row that refers to something: for a length that is lost.
fn last_row(input: &Input<'_>, column: &Column) -> u64 {
    for (number, located) in column.chunks.found.iter().rev() {
        let Ok((bytes, _)) = column.decode(input, located) else {
            return number.saturating_add(1).saturating_mul(column.chunk_rows);
        };
        let last = bytes.chunks_exact(REFERENCE as usize).rposition(|r| r.iter().any(|&b| b != 0));
        if let Some(i) = last {
            return number.saturating_mul(column.chunk_rows).saturating_add(i as u64 + 1);
        }
    }
    0
}
