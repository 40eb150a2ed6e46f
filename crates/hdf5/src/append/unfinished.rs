//! Which rows of a growing file can be read: what a killed writer of another kind leaves is not known before.

use super::live::Live;
use super::vlen::VlenRows;
use hyperslab_core::{Dtype, Kind, Result, Source};
use std::ops::Range;

/// Rows that are read at once.
const BLOCK: u64 = 16 << 10;

impl<R: Source> Live<R> {
    /// The first row of a range that cannot be read, or the range's end.
    pub(super) fn first_damaged(&self, column: usize, rows: Range<u64>) -> Result<u64> {
        let mut reader = Reader::new(self, column);
        let mut start = rows.start;
        while start < rows.end {
            let end = rows.end.min(start.saturating_add(BLOCK));
            if !reader.sound(start..end)? {
                for row in start..end {
                    if !reader.sound(row..row + 1)? {
                        return Ok(row);
                    }
                }
            }
            start = end;
        }
        Ok(rows.end)
    }

    /// The first row of a range that can be read and is not empty.
    pub(super) fn first_sound(&self, column: usize, rows: Range<u64>) -> Result<Option<u64>> {
        let mut reader = Reader::new(self, column);
        for row in rows {
            if reader.sound(row..row + 1)? && reader.rows.get(0).is_some_and(|r| !r.is_empty()) {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }
}

struct Reader<'l, R: Source> {
    live: &'l Live<R>,
    column: usize,
    /// Bytes of an item, where rows have variable length.
    item: Option<u32>,
    rows: VlenRows,
    bytes: Vec<u8>,
}

impl<'l, R: Source> Reader<'l, R> {
    fn new(live: &'l Live<R>, column: usize) -> Self {
        let dtype = live.columns().nth(column).map(|(_, d, _)| d.clone());
        let item = match dtype {
            Some(Dtype::Vlen(v)) => u32::try_from(v.base.itemsize()).ok(),
            _ => None,
        };
        Reader { live, column, item, rows: VlenRows::new(), bytes: Vec::new() }
    }

    fn sound(&mut self, range: Range<u64>) -> Result<bool> {
        self.bytes.clear();
        let done = match self.item {
            Some(item) => self.live.vlen_into(self.column, range, item, &mut self.rows),
            None => self.live.rows_into(self.column, range, &mut self.bytes),
        };
        match done {
            Ok(()) => Ok(true),
            Err(e) if matches!(e.kind(), Kind::Invalid | Kind::Unsupported) => Ok(false),
            Err(e) => Err(e),
        }
    }
}
