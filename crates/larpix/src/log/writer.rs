//! Appending to a log.

use super::columns::{HEADERS, HeaderRow, MSGS, NAMES, schema};
use super::foreign;
use super::queue::Gathering;
use super::reader::LogInfo;
use super::version::{self, LATEST, Version};
use super::{Pair, Sync};
use hyperslab_core::{Error, Kind, Result};
use hyperslab_hdf5::append::{self, Appender, Existing, Live, Options, Readopted};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// How long messages wait in a queue when nothing is said about it.
const QUEUED: Duration = Duration::from_millis(10);
/// How long to wait before looking again at a file that another program writes to.
const LOOK_AGAIN: Duration = Duration::from_millis(2);
/// How long after a file was taken from another program it is left alone.
const SETTLE: Duration = Duration::from_millis(10);
const HELD: &str = "stop the other writer; what is gathered here is kept, and appended by a later commit";

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
    /// How far it runs ahead at most, where more is appended in two seconds than `step`.
    pub max_step: u64,
    /// How long readers of other libraries are given to finish reading the file as they found it: twice before the
    /// first commit, and once on closing. Without it a few in a hundred that fall between have an error once.
    pub settle: Duration,
    /// Commits by itself when so many bytes are gathered.
    pub commit_bytes: usize,
    /// Commits by itself when so many messages are gathered.
    pub commit_messages: u64,
    /// Commits when the oldest gathered message is so old. A [`LogWriter`] looks only when something is appended;
    /// a [`LogQueue`](super::LogQueue) also while its source is silent, after 10 ms when this is `None`.
    pub commit_interval: Option<Duration>,
    /// Messages in a chunk of a new file.
    pub chunk_rows: u64,
    /// Continues a file that a killed writer of another program has left unfinished: marked as open, or with messages
    /// that have no header. That writer must no longer run. Every message is read first; those at the end whose
    /// bytes were never written are left out, and a warning says how many.
    pub take_over: bool,
    /// Writes also where the file system cannot keep what a log promises; a warning says what that is.
    pub force: bool,
    /// Bytes that may wait in a [`LogQueue`](super::LogQueue); appending waits for room beyond that.
    pub queue_bytes: usize,
    /// How long a commit waits for another program that writes to the file (with file locks switched off) to be
    /// done with it, before it is an error.
    pub patience: Duration,
}

impl Default for LogOptions {
    /// Commits at 256 KiB or when told; no sync; chunks of 1024 messages.
    fn default() -> Self {
        let Options { sync, pair, step, max_step, settle } = Options::default();
        LogOptions {
            version: None,
            io_version: None,
            sync,
            pair,
            step,
            max_step,
            settle,
            commit_bytes: 256 << 10,
            commit_messages: u64::MAX,
            commit_interval: None,
            chunk_rows: 1024,
            take_over: false,
            force: false,
            queue_bytes: 64 << 20,
            patience: Duration::from_secs(5),
        }
    }
}

impl LogOptions {
    fn append(&self) -> Options {
        Options {
            sync: self.sync,
            pair: self.pair,
            step: self.step,
            max_step: self.max_step,
            settle: self.settle,
        }
    }
}

/// The one writer of a log.
///
/// Messages are gathered and become visible, all at once, with a commit: an explicit one, or one that
/// [`LogOptions`] asks for. A message is acknowledged when [`LogWriter::committed`] has reached its sequence number:
/// then it survives the death of this process, and with [`Sync::Durable`] a loss of power.
///
/// Sequence numbers count what the log held when it was opened and what this writer has appended since. As long as
/// there is no other writer, and file locks see to that where they are not switched off, that is the message's
/// position in the log, counted from 1. Where another program has written to the file all the same, a commit takes
/// the file as that program left it, appends what is not yet in it, and says so in [`LogWriter::take_warnings`].
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
    queue_bytes: usize,
    oldest: Option<Instant>,
    patience: Duration,
    warnings: Vec<String>,
}

impl LogWriter {
    /// Makes a new log.
    ///
    /// # Errors
    /// `Usage` when there is a file already or a version is not known, `Io`. No file is left behind.
    pub fn create(path: impl AsRef<Path>, options: &LogOptions) -> Result<LogWriter> {
        let path = path.as_ref();
        place(path, options)?;
        make(path, options, false)?;
        LogWriter::open(path, options)
    }

    /// Opens a log for appending: one of ours, closed or left by a killed writer, or one of larpix-control.
    ///
    /// # Errors
    /// `Conflict` when it has another writer, or its versions do not serve the requested ones; `Unsupported` when it
    /// is not a log that can be continued, or lies on a file system that is not this machine's own (see
    /// [`LogOptions::force`]); `Invalid` when it is damaged; `Io`. The file is then as it was.
    pub fn open(path: impl AsRef<Path>, options: &LogOptions) -> Result<LogWriter> {
        let path = path.as_ref();
        let warning = place(path, options)?;
        let mut log = LogWriter::open_existing(path, options).map_err(|e| e.file(path))?;
        log.warnings.extend(warning);
        Ok(log)
    }

    /// Opens a log, making a new one where there is no file, or an empty one.
    ///
    /// # Errors
    /// As [`LogWriter::open`] and [`LogWriter::create`].
    pub fn open_or_create(path: impl AsRef<Path>, options: &LogOptions) -> Result<LogWriter> {
        let path = path.as_ref();
        place(path, options)?;
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
        let open = || {
            let existing = Existing::open(path, &NAMES, options.take_over)?;
            let row = HeaderRow::of(existing.columns().map(|(name, dtype, _)| (name, dtype)))?;
            Ok((existing, row))
        };
        let (mut existing, row) = open().map_err(|e| foreign::or_else(e, path))?;
        let info = LogInfo::read(&Live::open(existing.storage(), &NAMES)?)?;
        version::check(&info.version, options.version.as_deref())?;
        if info.version.parse::<Version>().is_ok_and(|v| v.major != LATEST.major) {
            return Err(Error::unsupported(format!("a log of version {} (known: {LATEST})", info.version)));
        }
        version::check_io(info.io_version.as_deref(), options.io_version.as_deref())?;
        let mut warnings = Vec::new();
        if options.take_over && existing.is_unfinished() {
            let left_out = existing.leave_out_unfinished()?;
            if left_out > 0 {
                warnings.push(format!(
                    "{}: {left_out} messages that its writer had begun and never finished are left out",
                    path.display()
                ));
            }
        }
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
            queue_bytes: options.queue_bytes,
            oldest: None,
            patience: options.patience,
            warnings,
        })
    }

    /// How a queue in front of this writer gathers.
    pub(super) fn gathering(&self) -> Gathering {
        Gathering {
            interval: self.commit_interval.unwrap_or(QUEUED),
            bytes: self.commit_bytes.max(1),
            messages: self.commit_messages,
            capacity: self.queue_bytes,
        }
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
    pub(super) fn gather(&mut self, io_group: u8, message: &[u8]) -> Result<usize> {
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

    /// Makes everything gathered visible and returns the sequence number that is acknowledged with it.
    ///
    /// # Errors
    /// `Conflict` when another program keeps writing to the file, `Io`. What was gathered stays gathered, and a later
    /// commit appends it.
    pub fn commit(&mut self) -> Result<u64> {
        if self.appender.is_none() {
            return Err(closed());
        }
        let (mut deadline, mut settle) = (None, SETTLE);
        while self.gathered > 0 {
            let Some(appender) = &mut self.appender else { return Err(closed()) };
            match appender.publish(now()) {
                Ok(_) => {
                    self.committed += self.gathered;
                    self.gathered = 0;
                    self.oldest = None;
                }
                Err(e) if e.kind() == Kind::Conflict => {
                    let until = *deadline.get_or_insert_with(|| Instant::now() + self.patience);
                    self.readopt(e, until, settle).map_err(|e| e.file(&self.path))?;
                    // Another one that comes again and again is not to keep us out for ever.
                    settle = SETTLE / 10;
                }
                Err(e) => return Err(e.file(&self.path)),
            }
        }
        Ok(self.committed)
    }

    /// After `why`: takes the file as another program leaves it, waiting until it has closed it.
    fn readopt(&mut self, why: Error, deadline: Instant, settle: Duration) -> Result<()> {
        if Instant::now() >= deadline {
            return Err(why.hint(HELD));
        }
        let found = loop {
            let Some(appender) = &mut self.appender else { return Err(closed()) };
            match appender.readopt(false) {
                Ok(found) => break found,
                // Half written, or still open there.
                Err(e) if Instant::now() >= deadline => return Err(e.hint(HELD)),
                Err(_) => std::thread::sleep(LOOK_AGAIN),
            }
        };
        let Readopted { acknowledged, rows, published } = found;
        self.committed += published;
        self.gathered -= published.min(self.gathered);
        let mut said = format!("{}: {}", self.path.display(), why.message());
        let there = acknowledged + published;
        if rows < there {
            said += &format!("; {} acknowledged messages are no longer in it", there - rows);
        } else if rows > there {
            said += &format!("; it holds {} more messages", rows - there);
        }
        said += "; appending goes on from what is there now";
        self.warnings.push(said);
        // A program that had opened the file just before it was taken marks it again very soon: the next look at
        // it is to find that.
        std::thread::sleep(settle);
        Ok(())
    }

    /// What happened that is no error: another program wrote to the file. Each is told once.
    pub fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// Messages in the log, those of other programs included.
    pub fn len(&self) -> u64 {
        self.appender.as_ref().map_or(self.committed, Appender::rows)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The sequence number of the last acknowledged message.
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
        let Some(_) = &self.appender else { return Ok(()) };
        let done = self.commit().and_then(|_| self.settle());
        match self.appender.take() {
            Some(appender) => done.and_then(|()| appender.close(now()).map_err(|e| e.file(&self.path))),
            None => done,
        }
    }

    /// Takes the file from a program that has changed it since the last commit.
    fn settle(&mut self) -> Result<()> {
        let Some(appender) = &mut self.appender else { return Ok(()) };
        match appender.look() {
            Err(e) if e.kind() == Kind::Conflict => self
                .readopt(e, Instant::now() + self.patience, Duration::ZERO)
                .map_err(|e| e.file(&self.path)),
            done => done.map_err(|e| e.file(&self.path)),
        }
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        // Nobody is there to be told; what was acknowledged is safe either way.
        let _ = self.finish();
    }
}

/// Whether a log can be written where `path` is; a warning where it is forced.
fn place(path: &Path, options: &LogOptions) -> Result<Option<String>> {
    // What cannot be told shows when the file is opened.
    let Ok(Some(name)) = append::shared_filesystem(path) else { return Ok(None) };
    let why = format!(
        "on {name} a second writer on another machine is not kept out, readers there can see messages before their \
         bytes, and what a sync has survived cannot be known"
    );
    if options.force {
        return Ok(Some(format!("{}: {why}", path.display())));
    }
    Err(Error::unsupported(why)
        .file(path)
        .hint("write to a disk of this machine and copy the closed log, or force it"))
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

fn closed() -> Error {
    Error::usage("the log is closed")
}

/// Unix time in seconds.
fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64())
}
