//! Files that grow while others read them, and that are whole whenever their writer dies.
//!
//! Any set of one-dimensional datasets with one unlimited dimension that must always have the same length: a log
//! of messages and their headers, a table in columns. What was published is read by libhdf5 1.10 to 2.0, plainly and
//! with SWMR, while the next rows are on their way, and after the writer was killed no repair is needed.
//!
//! - The order in which bytes reach the file, and nothing else, is decided in `order`.
//! - What changes in place lies in one `page`; everything else is written once.
//! - [`Existing`] opens a file to continue it; a file of another writer is adopted: its index and headers are
//!   written anew at its end and one write of the superblock switches over.
//! - [`Appender::readopt`] continues after another program has written to the file all the same.
//! - [`Live`] reads such datasets while they grow.
//!
//! Facts: measured on libhdf5 1.10.8, 1.12.2, 1.14.2, 1.14.6 and 2.0.0 with every prefix of every write, torn writes
//! and simulated losses of power; the bytes are those of the HDF5 File Format Specification 3.0.

mod adopt;
pub(crate) mod array;
mod contest;
mod create;
mod existing;
mod filesystem;
mod gather;
mod in_place;
mod live;
mod lock;
mod object;
mod open;
mod order;
mod page;
mod schema;
mod storage;
mod unfinished;
mod vlen;

pub use contest::Readopted;
pub use create::{create, image};
pub use existing::Names;
pub use filesystem::shared_filesystem;
pub use live::Live;
pub use open::Existing;
pub use schema::{AttributeValue, ColumnSpec, GroupSpec, Schema};
pub use storage::{FileStorage, Storage};
pub use vlen::VlenRows;

use crate::format::superblock::LEN_V2;
use array::{Array, Run};
use gather::Gather;
use hyperslab_core::{Dtype, Result};
use page::{Page, State};
use std::time::{Duration, Instant};

/// What an acknowledged publish has survived when it returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Sync {
    /// The end of the process: the system has the bytes. A loss of power may take what the system had not written
    /// yet, and leave the file in any state.
    #[default]
    None,
    /// The end of the process; and whatever survives a loss of power is a complete prefix.
    Ordered,
    /// A loss of power.
    Durable,
}

/// How the columns' lengths are kept equal for a reader that looks at one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Pair {
    /// While the file is live all columns share one stored length; closing gives each its own again.
    #[default]
    Shared,
    /// Each column has its own length, always. A reader can meet a publish between its looks at two of them.
    Inline,
}

/// How a live file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// What a publish waits for.
    pub sync: Sync,
    /// How lengths are kept equal.
    pub pair: Pair,
    /// How far the file's end is moved ahead of what is written, in bytes. Half of it must be more than is written
    /// while a reader keeps the file open; the space is not taken, and given back on closing.
    pub step: u64,
    /// How far it is moved ahead at most, where more is written in two seconds than `step`.
    pub max_step: u64,
    /// How long readers that have begun to read the file in one state are given before it has another: twice before
    /// the first publish of a file that was closed, and once on closing. None needs it to be safe; without it readers of
    /// other libraries that fall between have an error, and have none when they open the file again.
    pub settle: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            sync: Sync::default(),
            pair: Pair::default(),
            step: 64 << 20,
            max_step: 4 << 30,
            settle: Duration::from_millis(10),
        }
    }
}

/// The writer of a live file.
///
/// Rows are gathered column by column and [published](Appender::publish) together. A writer that is dropped without
/// [`Appender::close`] leaves the file as a killed one does: whole, but longer than it need be.
#[derive(Debug)]
pub struct Appender<S: Storage = FileStorage> {
    storage: S,
    options: Options,
    page: Page,
    columns: Vec<Column>,
    /// As it is in the file.
    state: State,
    file_len: u64,
    /// The bytes of the page as we left them.
    left: Vec<u8>,
    /// The superblock as we left it.
    head: [u8; LEN_V2],
    /// The group's name and that of its touched attribute.
    group: Option<(String, Option<String>)>,
    /// A write of the page or the superblock went wrong: what is in the file is not known.
    broken: bool,
    /// A sync went wrong: what is on the disk is not known.
    unsynced: bool,
    /// Published rows before the publish that was last begun, and whether its page was written without being
    /// acknowledged.
    before: u64,
    attempted: bool,
    /// A publish was begun and not finished: slots hold rows that were never published.
    unfinished: bool,
    /// Readers find a file that grows.
    live: bool,
    /// When the page was last written.
    page_written: Option<Instant>,
    /// When the end of file was last moved ahead, and where the used space ended.
    roomed: Option<(Instant, u64)>,
    gather: Gather,
    scratch: Vec<u8>,
}

/// One growing dataset.
#[derive(Clone, Debug)]
struct Column {
    name: String,
    dtype: Dtype,
    width: u64,
    chunk_rows: u64,
    array: Array,
    /// The chunks from the one that takes the next row on.
    run: Run,
}

impl<S: Storage> Appender<S> {
    /// Published rows.
    pub fn rows(&self) -> u64 {
        self.state.rows
    }

    /// The columns' names and row types.
    pub fn columns(&self) -> impl Iterator<Item = (&str, &Dtype)> {
        self.columns.iter().map(|c| (c.name.as_str(), &c.dtype))
    }

    /// Rows gathered and not yet published.
    ///
    /// # Errors
    /// `Usage` when the columns have got different numbers of them.
    pub fn gathered(&self) -> Result<u64> {
        self.gather.rows()
    }

    /// Bytes gathered and not yet published.
    #[inline]
    pub fn gathered_bytes(&self) -> usize {
        self.gather.bytes()
    }

    /// Gathers one row of a column of fixed size.
    ///
    /// # Errors
    /// `Usage` for another number of bytes, a column that is not there or has variable length.
    #[inline]
    pub fn push(&mut self, column: usize, row: &[u8]) -> Result<()> {
        self.gather.fixed(column, row)
    }

    /// Gathers one row of a column of variable length: `count` items, whose bytes are `data`.
    ///
    /// # Errors
    /// `Usage` for a column that is not there or has fixed size.
    #[inline]
    pub fn push_vlen(&mut self, column: usize, count: u32, data: &[u8]) -> Result<()> {
        self.gather.vlen(column, count, data)
    }

    /// Forgets gathered rows beyond the first `rows`, of every column.
    pub fn forget_beyond(&mut self, rows: u64) {
        self.gather.truncate(rows);
    }

    /// What the file is written through.
    pub fn storage(&self) -> &S {
        &self.storage
    }
}

#[cfg(test)]
pub(crate) mod tests;
