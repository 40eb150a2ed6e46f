//! Appending to a log.

use super::columns::{HEADERS, HeaderRow, MSGS, NAMES, schema};
use super::reader::LogInfo;
use super::version::{self, LATEST, Version};
use super::{Pair, Sync};
use hyperslab_core::{Error, Kind, Result};
use hyperslab_hdf5::append::{self, Appender, Existing, Live, Options};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// How a log is written.
#[derive(Clone, Debug, PartialEq)]
pub struct LogOptions {
    /// Log version: of a new file (the latest when `None`), or what an existing one must serve.
    pub version: Option<String>,
    /// Message version: of a new file, or what an existing one must serve.
    pub io_version: Option<String>,
    /// What a commit has survived when it returns.
    pub sync: Sync,
    /// How readers see equal lengths of messages and headers.
    pub pair: Pair,
    /// How far the file's end runs ahead while it is live, in bytes of space that is not taken. Half of it must be
    /// more than is appended while a reader keeps the file open.
    pub step: u64,
    /// Commits by itself when so many bytes are gathered.
    pub commit_bytes: usize,
    /// Commits by itself when so many messages are gathered.
    pub commit_messages: u64,
    /// Commits by itself on an append when the oldest gathered message is so old. Nothing happens without an
    /// append: call [`LogWriter::commit`] when the source is silent.
    pub commit_interval: Option<Duration>,
    /// Messages in a chunk of a new file.
    pub chunk_rows: u64,
    /// Continues a file that is marked as open by a writer of another program, which must no longer run.
    pub take_over: bool,
}

impl Default for LogOptions {
    /// Commits at 256 KiB or when told; no sync; chunks of 1024 messages.
    fn default() -> Self {
        let Options { sync, pair, step } = Options::default();
        LogOptions {
            version: None,
            io_version: None,
            sync,
            pair,
            step,
            commit_bytes: 256 << 10,
            commit_messages: u64::MAX,
            commit_interval: None,
            chunk_rows: 1024,
            take_over: false,
        }
    }
}

impl LogOptions {
    fn append(&self) -> Options {
        Options { sync: self.sync, pair: self.pair, step: self.step }
    }
}

/// The one writer of a log.
///
/// Messages are gathered and become visible, all at once, with a commit: an explicit one, or one that
/// [`LogOptions`] asks for. A message is acknowledged when [`LogWriter::committed`] has reached its sequence number:
/// then it survives the death of this process, and with [`Sync::Durable`] a loss of power.
///
/// Dropping the writer commits and closes as [`LogWriter::close`] does, but cannot report an error.
#[derive(Debug)]
pub struct LogWriter {
    /// Taken by `close`.
    appender: Option<Appender>,
    path: PathBuf,
    header: Vec<u8>,
    io_group: usize,
    gathered: u64,
    committed: u64,
    commit_bytes: usize,
    commit_messages: u64,
    commit_interval: Option<Duration>,
    oldest: Option<Instant>,
}

impl LogWriter {
    /// Makes a new log.
    ///
    /// # Errors
    /// `Usage` when there is a file already or a version is not known, `Io`. No file is left behind.
    pub fn create(path: impl AsRef<Path>, options: &LogOptions) -> Result<LogWriter> {
        let path = path.as_ref();
        make(path, options, false)?;
        LogWriter::open(path, options)
    }

    /// Opens a log for appending: one of ours, closed or left by a killed writer, or one of larpix-control.
    ///
    /// # Errors
    /// `Conflict` when it has another writer, or its versions do not serve the requested ones; `Unsupported` when it
    /// is not a log that can be continued; `Invalid` when it is damaged; `Io`. The file is then as it was.
    pub fn open(path: impl AsRef<Path>, options: &LogOptions) -> Result<LogWriter> {
        let path = path.as_ref();
        LogWriter::open_existing(path, options).map_err(|e| e.file(path))
    }

    /// Opens a log, making a new one where there is no file, or an empty one.
    ///
    /// # Errors
    /// As [`LogWriter::open`] and [`LogWriter::create`].
    pub fn open_or_create(path: impl AsRef<Path>, options: &LogOptions) -> Result<LogWriter> {
        let path = path.as_ref();
        match std::fs::metadata(path) {
            Ok(m) if m.len() > 0 || !m.is_file() => {}
            Ok(_) => make(path, options, true)?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => match make(path, options, false) {
                // Another process was faster: then it is there.
                Err(_) if path.exists() => {}
                done => done?,
            },
            Err(e) => return Err(Error::io(e, "cannot open").file(path)),
        }
        LogWriter::open(path, options)
    }

    fn open_existing(path: &Path, options: &LogOptions) -> Result<LogWriter> {
        let existing = Existing::open(path, &NAMES, options.take_over).map_err(not_a_log)?;
        let row = HeaderRow::of(existing.columns().map(|(name, dtype, _)| (name, dtype)))?;
        let info = LogInfo::read(&Live::open(existing.storage(), &NAMES)?)?;
        version::check(&info.version, options.version.as_deref())?;
        if info.version.parse::<Version>().is_ok_and(|v| v.major != LATEST.major) {
            return Err(Error::unsupported(format!("a log of version {} (known: {LATEST})", info.version)));
        }
        version::check_io(info.io_version.as_deref(), options.io_version.as_deref())?;
        let appender = existing.resume(options.append())?;
        Ok(LogWriter {
            committed: appender.rows(),
            appender: Some(appender),
            path: path.to_path_buf(),
            header: vec![0; row.width],
            io_group: row.io_group,
            gathered: 0,
            commit_bytes: options.commit_bytes,
            commit_messages: options.commit_messages.max(1),
            commit_interval: options.commit_interval,
            oldest: None,
        })
    }

    /// Where the log is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gathers a message and returns its sequence number: the number of messages in the log up to and with it.
    ///
    /// # Errors
    /// `Usage` for a message of 4 GiB or more, which is not gathered. An error of a commit that this call made
    /// leaves all messages gathered, this one included.
    #[inline]
    pub fn append(&mut self, io_group: u8, message: &[u8]) -> Result<u64> {
        let bytes = self.gather(io_group, message)?;
        let sequence = self.committed + self.gathered;
        self.commit_if_due(bytes)?;
        Ok(sequence)
    }

    /// Gathers messages and returns the sequence number of the last one (or of the last one before, without any).
    ///
    /// # Errors
    /// As [`LogWriter::append`], for the first message that fails; those before it are gathered.
    pub fn append_all<'m>(&mut self, messages: impl IntoIterator<Item = (u8, &'m [u8])>) -> Result<u64> {
        for (io_group, message) in messages {
            let bytes = self.gather(io_group, message)?;
            self.commit_if_due(bytes)?;
        }
        Ok(self.committed + self.gathered)
    }

    /// Returns the number of bytes gathered.
    #[inline]
    fn gather(&mut self, io_group: u8, message: &[u8]) -> Result<usize> {
        let Some(appender) = &mut self.appender else { return Err(closed()) };
        let count = u32::try_from(message.len()).map_err(|_| {
            Error::usage(format!("a message of {} bytes (less than 4 GiB wanted)", message.len()))
        })?;
        if let Some(field) = self.header.get_mut(self.io_group) {
            *field = io_group;
        }
        // Both columns were checked on opening, so these cannot fail one without the other.
        appender.push_vlen(MSGS, count, message)?;
        appender.push(HEADERS, &self.header)?;
        self.gathered += 1;
        Ok(appender.gathered_bytes())
    }

    #[inline]
    fn commit_if_due(&mut self, bytes: usize) -> Result<()> {
        let mut due = bytes >= self.commit_bytes || self.gathered >= self.commit_messages;
        if let Some(interval) = self.commit_interval {
            due |= self.oldest.get_or_insert_with(Instant::now).elapsed() >= interval;
        }
        if due { self.commit().map(drop) } else { Ok(()) }
    }

    /// Makes everything gathered visible and returns the number of acknowledged messages.
    ///
    /// # Errors
    /// `Conflict` when another program has changed the file, `Io`. What was gathered stays gathered.
    pub fn commit(&mut self) -> Result<u64> {
        let Some(appender) = &mut self.appender else { return Err(closed()) };
        if self.gathered > 0 {
            self.committed = appender.publish(now()).map_err(|e| e.file(&self.path))?;
            self.gathered = 0;
            self.oldest = None;
        }
        Ok(self.committed)
    }

    /// The number of acknowledged messages in the log.
    pub fn committed(&self) -> u64 {
        self.committed
    }

    /// Messages gathered and not yet committed.
    pub fn gathered(&self) -> u64 {
        self.gathered
    }

    /// Commits, and brings the file into the form of a closed one: cut to its length, continued by anybody.
    ///
    /// # Errors
    /// As [`LogWriter::commit`].
    pub fn close(mut self) -> Result<()> {
        self.finish()
    }

    fn finish(&mut self) -> Result<()> {
        match self.appender.take() {
            Some(appender) => appender.close(now()).map_err(|e| e.file(&self.path)),
            None => Ok(()),
        }
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        // Nobody is there to be told; what was acknowledged is safe either way.
        let _ = self.finish();
    }
}

/// Makes the file of a new log.
fn make(path: &Path, options: &LogOptions, replace: bool) -> Result<()> {
    let version = options.version.as_deref().unwrap_or("0.0");
    let parsed: Result<Version> = version.parse();
    if parsed.map_err(|e| e.file(path))? != LATEST {
        return Err(Error::usage(format!("log version {version} is not known (known: {LATEST})")).file(path));
    }
    if let Some(io_version) = &options.io_version {
        let parsed: Result<Version> = io_version.parse();
        parsed.map_err(|e| e.file(path))?;
    }
    append::create(path, &schema(version, options.io_version.as_deref(), now(), options.chunk_rows), replace)
}

/// A file without the log's members is some other HDF5 file, or none.
pub(super) fn not_a_log(e: Error) -> Error {
    if e.kind() == Kind::Usage {
        Error::unsupported(format!("not a message log: {}", e.message()))
    } else {
        e
    }
}

fn closed() -> Error {
    Error::usage("the log is closed")
}

/// Unix time in seconds.
fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64())
}
