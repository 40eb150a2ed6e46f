//! What can be said of a log without reading its messages: counts, sizes, groups, times, which libraries read it.

use super::columns::{HEADERS, HeaderRow, MSGS};
use super::merge::Input;
use super::reader::LogReader;
use super::recover::{Dialect, dialect};
use hyperslab_core::source::FileSource;
use hyperslab_core::{Dtype, Limits, Result};
use hyperslab_hdf5::append::AttributeValue;
use std::path::Path;

/// Rows that are read at a time.
const BLOCK: u64 = 64 << 10;

/// Numbers of a log.
#[derive(Clone, Debug, PartialEq)]
pub struct LogStats {
    /// Messages.
    pub messages: u64,
    /// Rows of messages and of headers, where they differ.
    pub uneven: Option<(u64, u64)>,
    /// Messages without bytes: recorded so, or never written.
    pub empty: u64,
    /// Bytes of all messages.
    pub bytes: u64,
    /// Lengths of the shortest and the longest message.
    pub lengths: Option<(u32, u32)>,
    /// Messages of each group that occurs.
    pub groups: Vec<(u8, u64)>,
    /// Version of the log.
    pub version: String,
    /// Version of its messages.
    pub io_version: Option<String>,
    /// Unix time of its creation.
    pub created: Option<f64>,
    /// Unix time of the last commit.
    pub modified: Option<f64>,
    /// Further attributes of `/meta`; `None` for types that are not shown.
    pub others: Vec<(String, Option<AttributeValue>)>,
    /// Objects beside the log's own.
    pub foreign: Vec<String>,
    /// Bytes of the file.
    pub file_bytes: u64,
    /// Whether a writer has it open, or was killed.
    pub state: State,
    /// How it is stored.
    pub dialect: Dialect,
}

/// In which state a log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Its last writer closed it.
    Closed,
    /// A writer of ours has it open, or was killed: every reader reads it, and our writer goes on.
    Open,
    /// Marked as open by another program, which may have been killed: plain opens are refused.
    Marked,
}

impl LogStats {
    /// Goes through the rows of a log.
    ///
    /// # Errors
    /// `Unsupported` when it is none, `Invalid` for damage, `Io`.
    pub fn read(path: impl AsRef<Path>) -> Result<LogStats> {
        let path = path.as_ref();
        let reader = LogReader::open(path)?;
        let uneven = reader.uneven();
        let info = reader.info().clone();
        let input = Input::open_uneven(path)?;
        let live = &input.live;
        let rows = live.rows();
        let (end, marked) = live.end();
        let file_bytes = input.file_bytes()?;
        let state = match (marked, end < file_bytes) {
            (true, _) => State::Marked,
            (false, true) => State::Open,
            (false, false) => State::Closed,
        };
        let limits = Limits::default();
        let mut stats = LogStats {
            messages: rows,
            uneven,
            empty: 0,
            bytes: 0,
            lengths: None,
            groups: Vec::new(),
            version: info.version,
            io_version: info.io_version,
            created: info.created,
            modified: info.modified,
            others: input.meta.others.iter().map(|(n, v)| (n.clone(), Some(v.clone()))).collect(),
            foreign: input.foreign.clone(),
            file_bytes,
            state,
            dialect: dialect(&FileSource::open(path)?, &limits).map_err(|e| e.file(path))?,
        };
        stats.others.extend(input.meta.left.iter().map(|n| (n.clone(), None)));
        let row = HeaderRow::of(live.columns().map(|(name, dtype, _): (&str, &Dtype, u64)| (name, dtype)))?;
        let mut groups = [0u64; 256];
        let mut buffer = Vec::new();
        let mut start = 0;
        while start < rows {
            let end = rows.min(start + BLOCK);
            buffer.clear();
            live.rows_into(MSGS, start..end, &mut buffer).map_err(|e| e.file(path))?;
            for reference in buffer.chunks_exact(16) {
                let Some(length) = reference.first_chunk::<4>().map(|b| u32::from_le_bytes(*b)) else {
                    continue;
                };
                stats.empty += u64::from(length == 0);
                stats.bytes += u64::from(length);
                let (low, high) = stats.lengths.unwrap_or((length, length));
                stats.lengths = Some((low.min(length), high.max(length)));
            }
            buffer.clear();
            live.rows_into(HEADERS, start..end, &mut buffer).map_err(|e| e.file(path))?;
            for header in buffer.chunks_exact(row.width.max(1)) {
                if let Some(count) = header.get(row.io_group).and_then(|&g| groups.get_mut(usize::from(g))) {
                    *count += 1;
                }
            }
            start = end;
        }
        stats.groups = (0u8..=255).zip(groups).filter(|(_, n)| *n > 0).collect();
        Ok(stats)
    }

    /// Mean length of a message.
    pub fn mean_length(&self) -> Option<f64> {
        (self.messages > 0).then(|| self.bytes as f64 / self.messages as f64)
    }

    /// Seconds between creation and last commit, where there are any.
    pub fn seconds(&self) -> Option<f64> {
        Some(self.modified? - self.created?).filter(|s| s.is_finite() && *s > 0.0)
    }
}
