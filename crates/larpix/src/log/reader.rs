//! Reading a log, also while another process writes it.

use super::columns::{HEADERS, HeaderRow, MSGS, NAMES};
use super::follow::Follow;
use super::foreign;
use super::messages::{Messages, Places};
use super::rows::Rows;
use super::source::LogSource;
use super::version;
use super::watch::{Watch, is_same};
use hyperslab_core::{Error, Kind, Result, Source};
use hyperslab_hdf5::append::{AttributeValue, Live};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Messages that are read at once where many are gone through.
const BLOCK: u64 = 16 << 10;
/// How long a log may be unreadable. A foreign writer publishes lengths before the bytes that they count.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

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

/// An open log.
///
/// It shows the log as it was when it was opened or last [refreshed](LogReader::refresh): messages below its length
/// never change. Several threads may read through one reader.
#[derive(Debug)]
pub struct LogReader {
    live: Live<LogSource>,
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
        LogReader::with(path).map_err(|e| e.file(path))
    }

    /// Opens a log and uses its messages where they lie, through a map of the file, if a writer of ours made the
    /// file: such messages are never rewritten, also while more are appended. Files of other writers, and all that
    /// changes, are read as [`LogReader::open`] does. The map grows with the log.
    ///
    /// The caller takes on the obligation of [`hyperslab_core::source::map`] while the reader or what it has read
    /// lives: nobody cuts the file short or writes over messages that are in it. Appending, by any program, does
    /// neither.
    ///
    /// # Errors
    /// As [`LogReader::open`].
    pub fn open_mapped(path: impl AsRef<Path>) -> Result<LogReader> {
        let path = path.as_ref();
        let open = || {
            let reader = LogReader::with(path)?;
            match reader.live.made_here()? {
                true => Ok(LogReader { live: reader.live.map_source(LogSource::mapped), ..reader }),
                false => Ok(reader),
            }
        };
        open().map_err(|e: Error| e.file(path))
    }

    fn with(path: &Path) -> Result<LogReader> {
        let source = LogSource::open(path)?;
        let open = || {
            let live = Live::open(source, &NAMES)?;
            let row = HeaderRow::of(live.columns().map(|(name, dtype, _)| (name, dtype)))?;
            Ok((live, row))
        };
        let (live, row) = open().map_err(|e| foreign::or_else(e, path))?;
        let info = LogInfo::read(&live)?;
        Ok(LogReader { live, path: path.to_path_buf(), row, info })
    }

    /// Whether messages are used where they lie in the file; see [`LogReader::open_mapped`].
    pub fn is_mapped(&self) -> bool {
        self.live.source().is_mapped()
    }

    /// Whether the path still names the file that was opened: `false` when another log has taken its place. A path
    /// that names nothing is no answer, its file may still be written: `true`.
    ///
    /// # Errors
    /// `Io`.
    pub fn is_current(&self) -> Result<bool> {
        is_same(&self.path, self.live.source().file())
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
            return Err(self.beyond(&format!("{range:?}")));
        }
        messages.begin(Places::From(range.start), self.row);
        self.live
            .rows_into(HEADERS, range.clone(), &mut messages.headers)
            .and_then(|()| self.live.vlen_into(MSGS, range, 1, &mut messages.rows))
            .map_err(|e| e.file(&self.path))
    }

    /// The messages that `rows` names, in its order, all in memory at once; see [`LogReader::for_each_of`] for many.
    ///
    /// # Errors
    /// As [`LogReader::read`].
    pub fn read_rows(&self, rows: &Rows) -> Result<Messages> {
        let mut messages = Messages::new();
        match rows.as_range() {
            Some(range) => self.read_into(range, &mut messages)?,
            None => self.read_places(rows.part(0..rows.len()), &mut messages)?,
        }
        Ok(messages)
    }

    /// The messages at these positions, in their order.
    fn read_places(&self, places: Vec<u64>, messages: &mut Messages) -> Result<()> {
        let (sorted, order) = self.ascending(&places)?;
        messages.begin(Places::Each(places), self.row);
        self.live
            .rows_at(HEADERS, &sorted, &mut messages.headers)
            .and_then(|()| self.live.vlen_at(MSGS, &sorted, 1, &mut messages.rows))
            .and_then(|()| order.map_or(Ok(()), |order| messages.reorder(&order)))
            .map_err(|e| e.file(&self.path))
    }

    /// Positions in ascending order and, where that is another, the place of each among those given.
    fn ascending(&self, places: &[u64]) -> Result<(Vec<u64>, Option<Vec<usize>>)> {
        if let Some(beyond) = places.iter().find(|&&at| at >= self.len()) {
            return Err(self.beyond(&beyond.to_string()));
        }
        if places.is_sorted() {
            return Ok((places.to_vec(), None));
        }
        let mut order: Vec<usize> = (0..places.len()).collect();
        order.sort_unstable_by_key(|&i| places.get(i));
        Ok((order.iter().filter_map(|&i| places.get(i).copied()).collect(), Some(order)))
    }

    /// The groups of the messages that `rows` names, in its order. Looks at headers alone, at no message.
    ///
    /// # Errors
    /// As [`LogReader::read`].
    pub fn io_groups(&self, rows: &Rows) -> Result<Vec<u8>> {
        let read = || {
            let mut headers = Vec::new();
            if let Some(range) = rows.as_range() {
                if range.end > self.len() {
                    return Err(self.beyond(&format!("{range:?}")));
                }
                self.live.rows_into(HEADERS, range, &mut headers)?;
                return Ok(self.row.io_groups(&headers).collect());
            }
            let (sorted, order) = self.ascending(&rows.part(0..rows.len()))?;
            self.live.rows_at(HEADERS, &sorted, &mut headers)?;
            let groups: Vec<u8> = self.row.io_groups(&headers).collect();
            let Some(order) = order else { return Ok(groups) };
            let mut out = vec![0; groups.len()];
            for (group, place) in groups.into_iter().zip(order) {
                if let Some(slot) = out.get_mut(place) {
                    *slot = group;
                }
            }
            Ok(out)
        };
        read().map_err(|e: Error| e.file(&self.path))
    }

    fn beyond(&self, what: &str) -> Error {
        Error::usage(format!("messages {what} of a log of {}", self.len())).file(&self.path)
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

    /// Calls `f` with position, group and bytes of each message that `rows` names, in its order and in little memory.
    ///
    /// # Errors
    /// As [`LogReader::read`], and what `f` returns.
    pub fn for_each_of(&self, rows: &Rows, mut f: impl FnMut(u64, u8, &[u8]) -> Result<()>) -> Result<()> {
        if let Some(range) = rows.as_range() {
            return self.for_each(range, f);
        }
        let mut messages = Messages::new();
        let mut done = 0;
        while done < rows.len() {
            let end = rows.len().min(done + BLOCK);
            self.read_places(rows.part(done..end), &mut messages)?;
            for (i, (io_group, message)) in messages.iter().enumerate() {
                f(messages.position(i).unwrap_or(0), io_group, message)?;
            }
            done = end;
        }
        Ok(())
    }

    /// Waits until the log has at least `len` messages, for at most `timeout`, and returns how many it has: fewer when
    /// the time is over.
    ///
    /// # Errors
    /// `Conflict` when the log has become shorter or another file has taken its place; what reading gives when it
    /// keeps failing for two seconds.
    pub fn wait_for(&mut self, len: u64, timeout: Duration) -> Result<u64> {
        let mut watch = Watch::new(&self.path);
        let start = Instant::now();
        let mut good = start;
        loop {
            match self.look() {
                Ok(n) if n >= len => return Ok(n),
                Ok(_) => good = Instant::now(),
                Err(e) if e.kind() != Kind::Invalid || good.elapsed() >= PATIENCE => return Err(e),
                Err(_) => {}
            }
            let left = timeout.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Ok(self.len());
            }
            watch.wait(Some(left));
        }
    }

    /// Looks at the log again; that it became shorter, or that nothing new came because another file has taken its
    /// place, is an error.
    pub(super) fn look(&mut self) -> Result<u64> {
        let before = self.len();
        let now = self.refresh()?;
        if now < before {
            return Err(Error::conflict(format!("the log had {before} messages and now has {now}"))
                .hint("another program has cut it: open it again")
                .file(&self.path));
        }
        if now == before && !self.is_current()? {
            // What its writer published after the look above, and before the file was replaced, is still to come.
            let now = self.refresh()?;
            if now == before {
                return Err(Error::conflict("another file has taken the place of the log")
                    .hint("open it again to read the new one from its first message")
                    .file(&self.path));
            }
            return Ok(now);
        }
        Ok(now)
    }

    /// Waits for the messages from position `from` on and hands them out in blocks as they come, also across writers
    /// that close, reopen or die. Ends when nothing new has come for `timeout`; never without one.
    pub fn follow(&mut self, from: u64, timeout: Option<Duration>) -> Follow<'_> {
        Follow::new(self, from, timeout)
    }
}
