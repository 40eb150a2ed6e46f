//! Reading a log, also while another process writes it.

use super::columns::{HEADERS, HeaderRow, MSGS, NAMES};
use super::follow::Follow;
use super::version;
use super::writer::not_a_log;
use hyperslab_core::source::FileSource;
use hyperslab_core::{Error, Result, Source};
use hyperslab_hdf5::append::{AttributeValue, Live, VlenRows};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Messages that are read at once where many are gone through.
const BLOCK: u64 = 16 << 10;

/// What a log says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct LogInfo {
    /// Unix time of its creation, in seconds.
    pub created: Option<f64>,
    /// Unix time of the last commit.
    pub modified: Option<f64>,
    /// Version of the log.
    pub version: String,
    /// Version of its messages, as stored.
    pub io_version: Option<String>,
}

impl LogInfo {
    pub(super) fn read<R: Source>(live: &Live<R>) -> Result<LogInfo> {
        let mut info = LogInfo { created: None, modified: None, version: String::new(), io_version: None };
        let mut version = None;
        for (name, value) in live.attributes().map_err(|e| e.object("/meta"))? {
            match (name.as_str(), value) {
                ("created", Some(AttributeValue::F64(t))) => info.created = Some(t),
                ("modified", Some(AttributeValue::F64(t))) => info.modified = Some(t),
                ("version", Some(AttributeValue::Text(t))) => version = Some(t),
                ("io_version", Some(AttributeValue::Text(t))) => info.io_version = Some(t),
                _ => {}
            }
        }
        let missing =
            || Error::unsupported("not a message log: no text attribute \"version\"").object("/meta");
        info.version = version.ok_or_else(missing)?;
        Ok(info)
    }

    /// Checks that the log serves requested versions. Returns a warning where it only probably does: a message
    /// version is requested and the log states none, or none that can be read.
    ///
    /// # Errors
    /// `Conflict` when it does not, `Usage` when a request is no version.
    pub fn check(&self, version: Option<&str>, io_version: Option<&str>) -> Result<Option<String>> {
        version::check(&self.version, version)?;
        match (&self.io_version, io_version) {
            (None, Some(wanted)) => {
                wanted.parse::<version::Version>()?;
                Ok(Some(format!("the log states no io_version, {wanted} is assumed")))
            }
            (Some(stated), wanted) if stated.parse::<version::Version>().is_err() => {
                wanted.map(str::parse::<version::Version>).transpose()?;
                Ok(Some(format!("the log states the io_version {stated:?}, which is none")))
            }
            (stated, wanted) => version::check_io(stated.as_deref(), wanted).map(|()| None),
        }
    }
}

/// Messages read from a log, in order.
#[derive(Debug, Default)]
pub struct Messages {
    first: u64,
    headers: Vec<u8>,
    row: Option<HeaderRow>,
    rows: VlenRows,
}

impl Messages {
    /// None; a buffer for [`LogReader::read_into`].
    pub fn new() -> Messages {
        Messages::default()
    }

    /// Position in the log of the first message, counted from 0.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// Number of messages.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The group and the bytes of a message, counted from the first one here.
    #[inline]
    pub fn get(&self, i: usize) -> Option<(u8, &[u8])> {
        let row = self.row?;
        let group = self.headers.get(i.checked_mul(row.width)?.checked_add(row.io_group)?)?;
        Some((*group, self.rows.get(i)?))
    }

    /// Group and bytes of each message.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (u8, &[u8])> {
        let HeaderRow { width, io_group } = self.row.unwrap_or(HeaderRow { width: 1, io_group: 0 });
        let groups = self.headers.chunks_exact(width.max(1));
        self.rows.iter().zip(groups).map(move |(m, h)| (h.get(io_group).copied().unwrap_or(0), m))
    }
}

impl<'a> IntoIterator for &'a Messages {
    type Item = (u8, &'a [u8]);
    type IntoIter = Box<dyn ExactSizeIterator<Item = Self::Item> + 'a>;
    fn into_iter(self) -> Self::IntoIter {
        Box::new(self.iter())
    }
}

/// An open log.
///
/// It shows the log as it was when it was opened or last [refreshed](LogReader::refresh): messages below its length
/// never change. Several threads may read through one reader.
#[derive(Debug)]
pub struct LogReader {
    live: Live<FileSource>,
    path: PathBuf,
    row: HeaderRow,
    info: LogInfo,
}

impl LogReader {
    /// Opens a log, whoever wrote it, also while it is written.
    ///
    /// # Errors
    /// `Unsupported` when it is not a log, `Invalid` when it is damaged, `Io`.
    pub fn open(path: impl AsRef<Path>) -> Result<LogReader> {
        let path = path.as_ref();
        let open = || {
            let live = Live::open(FileSource::open(path)?, &NAMES).map_err(not_a_log)?;
            let row = HeaderRow::of(live.columns().map(|(name, dtype, _)| (name, dtype)))?;
            let info = LogInfo::read(&live)?;
            Ok(LogReader { live, path: path.to_path_buf(), row, info })
        };
        open().map_err(|e: Error| e.file(path))
    }

    /// Where the log is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Number of messages, as last refreshed.
    pub fn len(&self) -> u64 {
        self.live.rows()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the log says of itself, as last refreshed.
    pub fn info(&self) -> &LogInfo {
        &self.info
    }

    /// Whether messages and headers have different lengths, as a killed larpix-control can leave them: both. Messages
    /// beyond the smaller one are not shown.
    pub fn uneven(&self) -> Option<(u64, u64)> {
        let mut lengths = self.live.columns().map(|(.., n)| n);
        lengths.next().zip(lengths.next()).filter(|(a, b)| a != b)
    }

    /// Looks at the log again and returns its length.
    ///
    /// # Errors
    /// `Invalid` when it is damaged, `Io`; what was there before is then kept.
    pub fn refresh(&mut self) -> Result<u64> {
        // All but the time of the last commit is as it was when the log was made.
        let done = self.live.refresh().and_then(|n| Ok((n, self.live.attribute("modified")?)));
        let (n, modified) = done.map_err(|e| e.file(&self.path))?;
        if let Some(AttributeValue::F64(t)) = modified {
            self.info.modified = Some(t);
        }
        Ok(n)
    }

    /// The messages of a range, all in memory at once; see [`LogReader::for_each`] for many.
    ///
    /// # Errors
    /// `Usage` beyond the length, `Invalid` for damage, `Limit`, `Io`.
    pub fn read(&self, range: Range<u64>) -> Result<Messages> {
        let mut messages = Messages::new();
        self.read_into(range, &mut messages)?;
        Ok(messages)
    }

    /// The same, into memory that is used again.
    ///
    /// # Errors
    /// As [`LogReader::read`]; `messages` then holds nothing sensible.
    pub fn read_into(&self, range: Range<u64>, messages: &mut Messages) -> Result<()> {
        if range.start > range.end || range.end > self.len() {
            return Err(
                Error::usage(format!("messages {range:?} of a log of {}", self.len())).file(&self.path)
            );
        }
        messages.first = range.start;
        messages.row = Some(self.row);
        messages.headers.clear();
        self.live
            .rows_into(HEADERS, range.clone(), &mut messages.headers)
            .and_then(|()| self.live.vlen_into(MSGS, range, 1, &mut messages.rows))
            .map_err(|e| e.file(&self.path))
    }

    /// The end of a block of messages from `from` on that have at most so many bytes together, or of one message that
    /// has more: what may be read at once in little memory, whatever messages are like.
    ///
    /// # Errors
    /// `Invalid` for damage, `Io`.
    pub fn block_end(&self, from: u64, messages: u64, bytes: u64) -> Result<u64> {
        let end = self.len().min(from.saturating_add(messages.max(1)));
        let width = self.live.columns().next().map_or(0, |(_, dtype, _)| dtype.itemsize());
        let mut rows = Vec::new();
        self.live.rows_into(MSGS, from.min(end)..end, &mut rows).map_err(|e| e.file(&self.path))?;
        let mut total = 0u64;
        let fits = rows.chunks_exact(usize::try_from(width).unwrap_or(0).max(1)).take_while(|row| {
            // A reference begins with the length that it leads to.
            let length = row.first_chunk::<4>().map_or(0, |n| u32::from_le_bytes(*n));
            total = total.saturating_add(length.into());
            total <= bytes
        });
        Ok(from.saturating_add((fits.count() as u64).max(1)).min(end))
    }

    /// Calls `f` with position, group and bytes of each message of a range, in order and in little memory.
    ///
    /// # Errors
    /// As [`LogReader::read`], and what `f` returns.
    pub fn for_each(&self, range: Range<u64>, mut f: impl FnMut(u64, u8, &[u8]) -> Result<()>) -> Result<()> {
        let mut messages = Messages::new();
        let mut start = range.start;
        while start < range.end {
            let end = range.end.min(start.saturating_add(BLOCK));
            self.read_into(start..end, &mut messages)?;
            for (i, (io_group, message)) in (start..end).zip(messages.iter()) {
                f(i, io_group, message)?;
            }
            start = end;
        }
        Ok(())
    }

    /// Waits for the messages from position `from` on and hands them out in blocks as they come, also across writers
    /// that close, reopen or die. Ends when nothing new has come for `timeout`; never without one.
    pub fn follow(&mut self, from: u64, timeout: Option<Duration>) -> Follow<'_> {
        Follow::new(self, from, timeout)
    }
}
