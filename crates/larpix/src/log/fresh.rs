//! A new log that is made as a whole, from messages that are there already: what recovering, joining and cutting
//! have in common.
//!
//! Written under a temporary name and put in place when it is complete. Not a recorder: nobody reads or locks it
//! while it is written, and nothing of it is kept when that fails (`writer`).

use super::columns::{HEADERS, MSGS, NAMES, schema};
use super::reader::LogInfo;
use hyperslab_core::output::NewFile;
use hyperslab_core::source::FileSource;
use hyperslab_core::{Dtype, Error, Kind, Result, Source};
use hyperslab_hdf5::Change;
use hyperslab_hdf5::append::{self, Appender, AttributeValue, Existing, Live, Options, Pair, Storage, Sync};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;

/// Bytes that are gathered before they are written.
const GATHER: usize = 4 << 20;
/// Messages of a chunk, as in every log that larpix-control makes.
const CHUNK_ROWS: u64 = 1024;

/// The attributes of `/meta`, as far as a new log can carry them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Meta {
    pub(super) version: String,
    pub(super) io_version: Option<String>,
    pub(super) created: Option<f64>,
    pub(super) modified: Option<f64>,
    /// Further attributes that are single doubles or texts.
    pub(super) others: Vec<(String, AttributeValue)>,
    /// Names of attributes of other types, which are not carried over.
    pub(super) left: Vec<String>,
}

impl Meta {
    /// The attributes of an open log.
    pub(super) fn read<R: Source>(live: &Live<R>) -> Result<Meta> {
        let info = LogInfo::read(live)?;
        let mut meta = Meta {
            version: info.version,
            io_version: info.io_version,
            created: info.created,
            modified: info.modified,
            others: Vec::new(),
            left: Vec::new(),
        };
        for (name, value) in live.attributes().map_err(|e| e.object("/meta"))? {
            meta.other(name, value);
        }
        Ok(meta)
    }

    /// Takes in an attribute unless it is one of those that every log has.
    pub(super) fn other(&mut self, name: String, value: Option<AttributeValue>) {
        if matches!(&*name, "version" | "io_version" | "created" | "modified") {
            return;
        }
        match value {
            Some(value) => self.others.push((name, value)),
            None => self.left.push(name),
        }
    }
}

/// A log being made.
pub(super) struct NewLog {
    appender: Appender<Target>,
    file: Arc<NewFile>,
    modified: f64,
    messages: u64,
    payload: u64,
}

impl NewLog {
    /// Starts a log whose header rows have the type `header` (one field `io_groups` when `None`). Further attributes
    /// that find no room are named in `meta.left`.
    ///
    /// # Errors
    /// `Usage` when there is a file already and it must not be replaced, `Unsupported`, `Io`.
    pub(super) fn create(
        path: &Path,
        replace: bool,
        meta: &mut Meta,
        header: Option<&Dtype>,
    ) -> Result<NewLog> {
        let now =
            || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64());
        let modified = meta.modified.or(meta.created).unwrap_or_else(now);
        let image = image(meta, header, modified).or_else(|e| match e.kind() {
            Kind::Unsupported | Kind::Usage if !meta.others.is_empty() => {
                meta.left.extend(std::mem::take(&mut meta.others).into_iter().map(|(name, _)| name));
                image(meta, header, modified)
            }
            _ => Err(e),
        });
        let image = image.map_err(|e| e.file(path))?;
        let mut file = NewFile::create(path, replace)?;
        file.write_all(&image).map_err(|e| Error::io(e, "cannot write").file(path))?;
        let target = Target::of(&file)?;
        let file = Arc::new(file);
        let options =
            Options { sync: Sync::None, pair: Pair::Inline, settle: Duration::ZERO, ..Options::default() };
        let appender = Existing::new(target, &NAMES, false)?.resume(options)?;
        Ok(NewLog { appender, file, modified, messages: 0, payload: 0 })
    }

    /// Appends a message and its header row.
    ///
    /// # Errors
    /// `Usage` for a message of 4 GiB, `Io`.
    #[inline]
    pub(super) fn push(&mut self, header: &[u8], message: &[u8]) -> Result<()> {
        let count = u32::try_from(message.len()).map_err(|_| {
            Error::usage(format!("a message of {} bytes (less than 4 GiB wanted)", message.len()))
        })?;
        self.appender.push_vlen(MSGS, count, message)?;
        self.appender.push(HEADERS, header)?;
        self.messages += 1;
        self.payload += message.len() as u64;
        if self.appender.gathered_bytes() >= GATHER {
            self.appender.publish(self.modified)?;
        }
        Ok(())
    }

    /// Messages so far.
    pub(super) fn messages(&self) -> u64 {
        self.messages
    }

    /// Their bytes.
    pub(super) fn payload(&self) -> u64 {
        self.payload
    }

    /// Puts the log in place.
    ///
    /// # Errors
    /// `Io`; `Usage` when a file has appeared there meanwhile and must not be replaced.
    pub(super) fn finish(self) -> Result<()> {
        self.appender.close(self.modified)?;
        commit(self.file)
    }

    /// The same, after `more` has put into the file what else belongs there.
    ///
    /// # Errors
    /// As [`NewLog::finish`], and what `more` returns.
    pub(super) fn finish_with<T>(self, more: impl FnOnce(&mut Extra) -> Result<T>) -> Result<T> {
        self.appender.close(self.modified)?;
        let mut change = Change::over(Target::of(&self.file)?)?;
        let done = more(&mut change)?;
        change.finish()?;
        commit(self.file)?;
        Ok(done)
    }
}

/// A new log that is complete, for what it gets beside its messages.
pub(super) type Extra = Change<Target>;

fn commit(file: Arc<NewFile>) -> Result<()> {
    match Arc::try_unwrap(file) {
        Ok(file) => file.commit(),
        // Nobody else was given it.
        Err(_) => Err(Error::usage("the new log is still in use")),
    }
}

fn image(meta: &Meta, header: Option<&Dtype>, modified: f64) -> Result<Vec<u8>> {
    let mut schema = schema(&meta.version, meta.io_version.as_deref(), modified, CHUNK_ROWS);
    if let (Some(column), Some(dtype)) = (schema.columns.get_mut(HEADERS), header) {
        column.dtype = dtype.clone();
    }
    if let Some(group) = &mut schema.group {
        for (name, value) in &mut group.attributes {
            if name == "created" {
                *value = AttributeValue::F64(meta.created.unwrap_or(modified));
            }
        }
        group.attributes.extend(meta.others.iter().cloned());
    }
    append::image(&schema)
}

/// The file, by position.
#[derive(Debug)]
pub(super) struct Target {
    source: FileSource,
}

impl Source for Target {
    fn name(&self) -> Option<&Path> {
        self.source.name()
    }
    fn len(&self) -> Result<u64> {
        self.source.len()
    }
    fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        self.source.read_exact_at(offset, out)
    }
}

impl Target {
    fn of(file: &NewFile) -> Result<Target> {
        let path = file.target();
        let handle = file.file().try_clone().map_err(|e| Error::io(e, "cannot open again").file(path))?;
        Ok(Target { source: FileSource::from_file(handle, path) })
    }

    fn fail(&self, e: std::io::Error, doing: String) -> Error {
        let e = Error::io(e, doing);
        match self.source.name() {
            Some(name) => e.file(name),
            None => e,
        }
    }
}

impl Storage for Target {
    fn write_all_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        // One thread writes, so the file's position is its own.
        let mut file = self.source.file();
        let done = file.seek(SeekFrom::Start(offset)).and_then(|_| file.write_all(bytes));
        done.map_err(|e| self.fail(e, format!("cannot write {} bytes at {offset}", bytes.len())))
    }
    fn set_len(&self, len: u64) -> Result<()> {
        let done = self.source.file().set_len(len);
        done.map_err(|e| self.fail(e, format!("cannot make the file {len} bytes long")))
    }
    fn barrier(&self) -> Result<()> {
        // Everything reaches the disk when the file is put in place.
        Ok(())
    }
}
