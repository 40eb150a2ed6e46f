//! Continuing a file: one of ours where it was left, one of another writer after adopting it.
//!
//! Which of the two it is, is decided in `in_place`, by comparing bytes; how a file is adopted, in `adopt`.

use super::array::{Array, Run, Space};
use super::existing::{Names, Stored};
use super::gather::Gather;
use super::live::Live;
use super::page::{Page, SECTOR, State};
use super::storage::{FileStorage, Storage};
use super::{Appender, Column, Options};
use crate::format::Sizes;
use crate::format::superblock::LEN_V2;
use hyperslab_core::{Dtype, Error, Limits, Result};
use std::path::Path;

/// How much is looked at, at a time, when unpublished bytes are cleared.
const CLEAR: u64 = 1 << 20;

/// A file that is about to be continued. Nothing is written before [`Existing::resume`].
#[derive(Debug)]
pub struct Existing<S: Storage = FileStorage> {
    pub(super) storage: S,
    pub(super) stored: Stored,
    pub(super) touched: Option<String>,
    pub(super) limits: Limits,
    /// The superblock's bytes.
    pub(super) head: [u8; LEN_V2],
}

impl Existing<FileStorage> {
    /// Opens a file and locks out other writers.
    ///
    /// # Errors
    /// `Conflict` when another program has it, or is marked as having it; `Usage` when a name is not there;
    /// `Unsupported`, `Invalid`, `Io`.
    pub fn open(path: &Path, names: &Names<'_>, take_over: bool) -> Result<Existing> {
        let storage = FileStorage::open(path)?;
        Existing::new(storage, names, take_over).map_err(|e| e.file(path))
    }
}

impl<S: Storage> Existing<S> {
    /// The same over any storage. `take_over` continues a file that is marked as open for writing.
    ///
    /// # Errors
    /// As [`Existing::open`].
    pub fn new(storage: S, names: &Names<'_>, take_over: bool) -> Result<Existing<S>> {
        let limits = Limits::default();
        // Before anything else is read: what is read must belong to it.
        let mut head = [0; LEN_V2];
        let len = storage.len()?.min(LEN_V2 as u64);
        storage.read_exact_at(0, head.get_mut(..len as usize).unwrap_or_default())?;
        let stored = Stored::read(&storage, names, &limits)?;
        let s = &stored.superblock;
        if s.flags != 0 && !take_over {
            return Err(Error::conflict("marked as open by a writer, which may live or have been killed")
                .reading("superblock")
                .at(11)
                .hint("when no program writes to it any more, take it over"));
        }
        if !matches!(s.version, 2 | 3) || s.sizes != Sizes::STANDARD || s.extension.is_some() {
            return Err(Error::unsupported(format!(
                "a superblock of version {} with {}-byte addresses and extension {:?} (known: 2 or 3, 8, none)",
                s.version, s.sizes.offset, s.extension
            ))
            .reading("superblock")
            .at(0));
        }
        let size = storage.len()?;
        // A killed writer may have stated an end that it had not come to.
        if s.end > size && s.flags == 0 {
            return Err(Error::invalid(format!("the file should have {} bytes and has {size}", s.end))
                .reading("superblock")
                .at(28));
        }
        let touched = names.group.and_then(|(_, t)| t).map(str::to_owned);
        Ok(Existing { storage, stored, touched, limits, head })
    }

    /// The columns' names, row types and lengths.
    pub fn columns(&self) -> impl Iterator<Item = (&str, &Dtype, u64)> {
        self.stored.columns.iter().map(|c| (c.name.as_str(), &c.dtype, c.rows))
    }

    /// What the file is read from.
    pub fn storage(&self) -> &S {
        &self.storage
    }

    /// Whether a writer has marked the file as open and not taken the mark away, or has left columns of different
    /// lengths.
    pub fn is_unfinished(&self) -> bool {
        self.stored.superblock.flags != 0 || self.stored.columns.iter().any(|c| c.rows != self.stored.rows())
    }

    /// Of a file that a killed writer left unfinished: reads every row, and leaves out those at the end that are not
    /// complete, because a column has no such row or its bytes were never written. Returns how many rows are left
    /// out; nothing is written, [`Existing::resume`] continues after the others.
    ///
    /// # Errors
    /// `Invalid` when rows are damaged before ones that are not: then that is no unfinished end; `Io`.
    pub fn leave_out_unfinished(&mut self) -> Result<u64> {
        let names: Vec<&str> = self.stored.columns.iter().map(|c| c.name.as_str()).collect();
        let live = Live::open(&self.storage, &Names { columns: &names, group: None })?;
        let most = self.stored.columns.iter().map(|c| c.rows).max().unwrap_or(0);
        let rows = live.rows();
        let mut end = rows;
        for column in 0..names.len() {
            end = end.min(live.first_damaged(column, 0..end)?);
        }
        let vlen = self.stored.columns.iter().position(|c| matches!(c.dtype, Dtype::Vlen(_)));
        if let Some(column) = vlen
            && let Some(row) = live.first_sound(column, end.saturating_add(1)..rows)?
        {
            return Err(Error::invalid(format!("row {end} is damaged and row {row} is not"))
                .object(format!("/{}", names.get(column).copied().unwrap_or_default()))
                .hint("recover the file into a new one"));
        }
        self.stored.columns.iter_mut().for_each(|c| c.rows = end);
        Ok(most - end)
    }

    /// Continues the file after its last complete row: in place when it is as a writer of ours left it, else after
    /// adopting it.
    ///
    /// # Errors
    /// `Invalid` when the columns have different lengths; `Unsupported` when the file uses something that cannot be
    /// carried over; `Io`. The file is then as it was.
    pub fn resume(self, options: Options) -> Result<Appender<S>> {
        self.resume_apart(options, 0)
    }

    /// The same; an adoption leaves `gap` bytes behind the file's end.
    pub(super) fn resume_apart(self, options: Options, gap: u64) -> Result<Appender<S>> {
        let stored = &self.stored;
        if let Some(c) = stored.columns.iter().find(|c| c.rows != stored.rows()) {
            let (name, rows) = (&c.name, stored.rows());
            return Err(Error::invalid(format!("{} rows where another dataset has {rows}", c.rows))
                .object(format!("/{name}"))
                .hint(
                    "a writer was killed between the two: 'slab recover' saves what both have, or take it over",
                ));
        }
        match self.in_place()? {
            Some(parts) => self.appender(parts, options),
            None => self.adopt(options, gap),
        }
    }

    pub(super) fn appender(self, parts: Parts, options: Options) -> Result<Appender<S>> {
        let file_len = self.storage.len()?;
        let columns = self.stored.columns.iter().zip(parts.arrays).map(|(c, (array, run))| Column {
            name: c.name.clone(),
            dtype: c.dtype.clone(),
            width: c.width(),
            chunk_rows: c.chunk_rows,
            array,
            run,
        });
        let columns: Vec<Column> = columns.collect();
        let widths = columns
            .iter()
            .map(|c| (usize::try_from(c.width).unwrap_or(0), matches!(c.dtype, Dtype::Vlen(_))));
        let base = Space { end: parts.state.end }.take(0)?;
        let gather = Gather::new(widths, base);
        let group = self.stored.group.map(|(name, _)| (name, self.touched));
        let mut appender = Appender {
            storage: self.storage,
            options,
            group,
            head: parts.page.superblock_bytes(parts.state.eoa)?,
            before: parts.state.rows,
            attempted: false,
            unsynced: false,
            page: parts.page,
            columns,
            state: parts.state,
            file_len,
            left: parts.left,
            broken: false,
            unfinished: false,
            live: false,
            page_written: None,
            roomed: None,
            gather,
            scratch: Vec::new(),
        };
        // A file that its writer did not close can hold what was never published.
        if appender.state.eoa != parts.unclear {
            appender.clear_unpublished(parts.unclear)?;
        }
        Ok(appender)
    }
}

/// What an appender is made of.
pub(super) struct Parts {
    pub(super) page: Page,
    pub(super) state: State,
    /// Per column its array and the chunks from the next row's on.
    pub(super) arrays: Vec<(Array, Run)>,
    /// The bytes of the page.
    pub(super) left: Vec<u8>,
    /// Up to here unused space may hold something.
    pub(super) unclear: u64,
}

impl<S: Storage> Appender<S> {
    /// Clears what a killed writer wrote and did not publish: rows in slots that wait for rows, and whatever lies
    /// beyond the used space. No reader looks at either, so any part of this may be lost. But chunks are assigned
    /// in the belief that unused space is zero, and a library that overwrites a slot first frees what it refers to.
    pub(super) fn clear_unpublished(&mut self, to: u64) -> Result<()> {
        for column in &self.columns {
            let chunk_bytes = column.chunk_rows.saturating_mul(column.width);
            let first = self.state.rows / column.chunk_rows.max(1);
            let mut skip = (self.state.rows % column.chunk_rows.max(1)) * column.width;
            let mut chunk = first;
            while let Some(at) = column.run.address(chunk) {
                let mut end = at.saturating_add(chunk_bytes);
                chunk += 1;
                while column.run.address(chunk) == Some(end) {
                    end = end.saturating_add(chunk_bytes);
                    chunk += 1;
                }
                self.clear(at.saturating_add(skip), end)?;
                skip = 0;
            }
        }
        self.clear(self.state.end, to)
    }

    /// Makes bytes zero, writing only where they are not.
    fn clear(&self, from: u64, to: u64) -> Result<()> {
        let to = to.min(self.file_len);
        let mut bytes = Vec::new();
        let mut at = from;
        while at < to
            && let Some(data) = self.storage.next_data(at)?
            && data < to
        {
            at = data;
            bytes.resize(usize::try_from((to - at).min(CLEAR)).unwrap_or(0), 0);
            self.storage.read_exact_at(at, &mut bytes)?;
            for block in bytes.chunks_mut(SECTOR) {
                if block.iter().any(|&b| b != 0) {
                    block.fill(0);
                    self.storage.write_all_at(at, block)?;
                }
                at += block.len() as u64;
            }
        }
        Ok(())
    }
}
