//! The raw message log: what `hyperslab.rawhdf5format` is made of.

use crate::buffer::{Held, Memory};
use crate::errors::OrRaise as _;
use hyperslab::larpix::log::{LATEST, LogOptions, LogReader, LogWriter, Messages, Rows, Sync};
use hyperslab::{Error, Result};
use pyo3::exceptions::{PyStopIteration, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Between two looks at whether the interpreter was sent a signal.
const PATIENCE: Duration = Duration::from_millis(50);

/// Adds what is in this module.
pub(crate) fn add(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add("latest_version", LATEST.to_string())?;
    m.add_class::<RawLog>()?;
    m.add_class::<RawReader>()?;
    m.add_class::<Follow>()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The bytes of one message.
enum Message<'py> {
    Bytes(Bound<'py, PyBytes>),
    Held(Held),
}

impl<'py> Message<'py> {
    fn of(object: Bound<'py, PyAny>) -> PyResult<Message<'py>> {
        match object.cast_into::<PyBytes>() {
            Ok(bytes) => Ok(Message::Bytes(bytes)),
            Err(e) => Held::of(&e.into_inner()).map(Message::Held),
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Message::Bytes(bytes) => bytes.as_bytes(),
            Message::Held(held) => held.bytes(),
        }
    }
}

/// A log that is written: opened once, appended to many times. Its methods may be called by any thread.
#[pyclass(frozen, module = "hyperslab._native", weakref)]
pub(crate) struct RawLog {
    writer: Mutex<Option<LogWriter>>,
    path: PathBuf,
    /// Nothing is written while few bytes are gathered.
    gathers: bool,
}

impl RawLog {
    fn with<T: Send>(
        &self,
        py: Python<'_>,
        what: impl FnOnce(&mut LogWriter) -> Result<T> + Send,
    ) -> PyResult<T> {
        let work = || match &mut *lock(&self.writer) {
            Some(writer) => what(writer),
            None => Err(Error::usage("the log is closed").file(&self.path)),
        };
        py.detach(work).or_raise(py)
    }
}

#[pymethods]
impl RawLog {
    #[new]
    #[pyo3(signature = (filename, version = None, io_version = None, *, sync = "none", commit_messages = None, commit_interval = None))]
    fn new(
        py: Python<'_>,
        filename: PathBuf,
        version: Option<String>,
        io_version: Option<String>,
        sync: &str,
        commit_messages: Option<u64>,
        commit_interval: Option<f64>,
    ) -> PyResult<RawLog> {
        let sync = match sync {
            "none" => Sync::None,
            "ordered" => Sync::Ordered,
            "durable" => Sync::Durable,
            _ => {
                return Err(PyValueError::new_err(format!(
                    "sync is {sync:?}, where none, ordered and durable are known"
                )));
            }
        };
        let seconds = |s: f64| {
            Duration::try_from_secs_f64(s).map_err(|e| PyValueError::new_err(format!("commit_interval: {e}")))
        };
        let mut options = LogOptions { version, io_version, sync, ..LogOptions::default() };
        options.commit_interval = commit_interval.map(seconds).transpose()?;
        if let Some(messages) = commit_messages {
            options.commit_messages = messages;
        }
        let gathers = commit_messages.is_none() && commit_interval.is_none();
        let writer = py.detach(|| LogWriter::open_or_create(&filename, &options)).or_raise(py)?;
        Ok(RawLog { writer: Mutex::new(Some(writer)), path: filename, gathers })
    }

    /// Appends a message; its sequence number, counted from 1.
    #[pyo3(signature = (msg, io_group = 0))]
    fn append(&self, py: Python<'_>, msg: Bound<'_, PyAny>, io_group: u8) -> PyResult<u64> {
        let msg = Message::of(msg)?;
        let bytes = msg.bytes();
        // Gathering a message is quicker than letting go of the interpreter's lock.
        if self.gathers
            && bytes.len() <= 4096
            && let Ok(mut writer) = self.writer.try_lock()
            && let Some(writer) = writer.as_mut()
            && writer.gathered() + 1 < 64
        {
            return writer.append(io_group, bytes).or_raise(py);
        }
        let bytes = bytes.to_vec();
        self.with(py, |writer| writer.append(io_group, &bytes))
    }

    /// Appends messages of an iterable, with an io_group for each or one for all; the last one's sequence number.
    #[pyo3(signature = (msgs, io_groups = None))]
    fn extend(
        &self,
        py: Python<'_>,
        msgs: &Bound<'_, PyAny>,
        io_groups: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<u64> {
        let msgs = msgs.try_iter()?.map(|m| Message::of(m?)).collect::<PyResult<Vec<_>>>()?;
        let groups = match io_groups {
            None => vec![0; msgs.len()],
            Some(one) if one.extract::<u8>().is_ok() => vec![one.extract()?; msgs.len()],
            Some(all) => match all.cast::<PyBytes>() {
                Ok(bytes) => bytes.as_bytes().to_vec(),
                Err(_) => all.try_iter()?.map(|g| g?.extract::<u8>()).collect::<PyResult<Vec<_>>>()?,
            },
        };
        if groups.len() != msgs.len() {
            let told = format!("{} io_groups for {} messages", groups.len(), msgs.len());
            return Err(PyValueError::new_err(told));
        }
        // `bytes` do not change, and the list keeps them.
        let all: Vec<(u8, &[u8])> = groups.into_iter().zip(msgs.iter().map(Message::bytes)).collect();
        self.with(py, |writer| writer.append_all(all))
    }

    /// Makes everything that was appended visible to readers, and as lasting as `sync` says.
    fn commit(&self, py: Python<'_>) -> PyResult<u64> {
        self.with(py, LogWriter::commit)
    }

    /// The sequence number up to which messages are committed.
    #[getter]
    fn committed(&self, py: Python<'_>) -> PyResult<u64> {
        self.with(py, |writer| Ok(writer.committed()))
    }

    /// Messages of the log, those included that were appended and are not committed.
    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        let len = self.with(py, |writer| Ok(writer.len() + writer.gathered()))?;
        Ok(usize::try_from(len)?)
    }

    /// What was met and mended since this was last asked for.
    fn take_warnings(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        self.with(py, |writer| Ok(writer.take_warnings()))
    }

    /// Commits, and closes the file. Once is enough.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let close = || lock(&self.writer).take().map_or(Ok(()), LogWriter::close);
        py.detach(close).or_raise(py)
    }

    fn __enter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    #[pyo3(signature = (*_exc))]
    fn __exit__(&self, py: Python<'_>, _exc: &Bound<'_, PyTuple>) -> PyResult<()> {
        self.close(py)
    }

    fn __repr__(&self) -> String {
        let state = if lock(&self.writer).is_some() { "open" } else { "closed" };
        format!("<RawLog {:?}, {state}>", self.path)
    }
}

/// A log as it is at one moment.
#[pyclass(frozen, module = "hyperslab._native")]
pub(crate) struct RawReader(LogReader);

impl RawReader {
    fn rows(&self, start: Option<i64>, end: Option<i64>, mask: Option<Vec<bool>>) -> Result<Rows> {
        match mask {
            None => Rows::slice(start, end, None, self.0.len()),
            Some(mask) => Rows::mask(mask, self.0.len()),
        }
    }
}

#[pymethods]
impl RawReader {
    #[new]
    fn new(py: Python<'_>, filename: PathBuf) -> PyResult<RawReader> {
        py.detach(|| LogReader::open(&filename)).or_raise(py).map(RawReader)
    }

    /// created, modified, version, io_version.
    #[getter]
    fn info<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let info = self.0.info();
        (info.created, info.modified, &info.version, info.io_version.as_deref()).into_pyobject(py)
    }

    fn __len__(&self) -> PyResult<usize> {
        Ok(usize::try_from(self.0.len())?)
    }

    /// The numbers of messages and of headers, where they differ.
    #[getter]
    fn uneven(&self) -> Option<(u64, u64)> {
        self.0.uneven()
    }

    /// Checks versions; what is only probably so, as text.
    #[pyo3(signature = (version = None, io_version = None))]
    fn check(
        &self,
        py: Python<'_>,
        version: Option<&str>,
        io_version: Option<&str>,
    ) -> PyResult<Option<String>> {
        self.0.info().check(version, io_version).map_err(|e| e.file(self.0.path())).or_raise(py)
    }

    /// The io_group of each message, a byte each.
    #[pyo3(signature = (start = None, end = None, mask = None))]
    fn io_groups<'py>(
        &self,
        py: Python<'py>,
        start: Option<i64>,
        end: Option<i64>,
        mask: Option<Vec<bool>>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let read = || self.0.io_groups(&self.rows(start, end, mask)?);
        Ok(PyBytes::new(py, &py.detach(read).or_raise(py)?))
    }

    /// Messages as a list, and the io_group of each, a byte each.
    #[pyo3(signature = (start = None, end = None, mask = None))]
    fn lists<'py>(
        &self,
        py: Python<'py>,
        start: Option<i64>,
        end: Option<i64>,
        mask: Option<Vec<bool>>,
    ) -> PyResult<(Bound<'py, PyList>, Bound<'py, PyBytes>)> {
        let read = || self.0.read_rows(&self.rows(start, end, mask)?);
        let messages = py.detach(read).or_raise(py)?;
        let list = PyList::new(py, messages.iter().map(|(_, m)| PyBytes::new(py, m)))?;
        let groups: Vec<u8> = messages.iter().map(|(g, _)| g).collect();
        Ok((list, PyBytes::new(py, &groups)))
    }

    /// All bytes one after the other, where each message ends and the first begins (`u8` little-endian), and the
    /// io_group of each: buffers.
    #[pyo3(signature = (start = None, end = None, mask = None))]
    fn flat(
        &self,
        py: Python<'_>,
        start: Option<i64>,
        end: Option<i64>,
        mask: Option<Vec<bool>>,
    ) -> PyResult<(Memory, Memory, Memory)> {
        let read = || -> Result<_> {
            let messages = self.0.read_rows(&self.rows(start, end, mask)?)?;
            let total = messages.iter().map(|(_, m)| m.len()).sum();
            let (mut bytes, mut groups) = (Vec::with_capacity(total), Vec::with_capacity(messages.len()));
            let mut ends = Vec::with_capacity(8 * (messages.len() + 1));
            ends.extend(0u64.to_le_bytes());
            for (group, message) in messages.iter() {
                bytes.extend_from_slice(message);
                groups.push(group);
                ends.extend((bytes.len() as u64).to_le_bytes());
            }
            Ok((bytes, ends, groups))
        };
        let (bytes, ends, groups) = py.detach(read).or_raise(py)?;
        Ok((Memory::new(bytes.into()), Memory::new(ends.into()), Memory::new(groups.into())))
    }
}

/// Messages as they come: an iterator of `(io_group, message)`.
#[pyclass(frozen, module = "hyperslab._native")]
pub(crate) struct Follow(Mutex<Following>);

/// The io_group of a message, and the message.
type Given = (u8, Vec<u8>);

struct Following {
    reader: LogReader,
    read: Messages,
    /// Of those that are read.
    given: usize,
    /// Of the log.
    next: u64,
    timeout: Option<Duration>,
}

#[pymethods]
impl Follow {
    #[new]
    #[pyo3(signature = (filename, start = 0, timeout = None))]
    fn new(py: Python<'_>, filename: PathBuf, start: i64, timeout: Option<f64>) -> PyResult<Follow> {
        let seconds = |s: f64| {
            Duration::try_from_secs_f64(s).map_err(|e| PyValueError::new_err(format!("timeout: {e}")))
        };
        let timeout = timeout.map(seconds).transpose()?;
        let reader = py.detach(|| LogReader::open(&filename)).or_raise(py)?;
        let next =
            if start < 0 { reader.len().saturating_sub(start.unsigned_abs()) } else { start.unsigned_abs() };
        Ok(Follow(Mutex::new(Following { reader, read: Messages::new(), given: 0, next, timeout })))
    }

    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<(u8, Bound<'py, PyBytes>)> {
        let since = Instant::now();
        loop {
            let step = || lock(&self.0).step();
            let (given, timeout) = py.detach(step).or_raise(py)?;
            if let Some((group, message)) = given {
                return Ok((group, PyBytes::new(py, &message)));
            }
            py.check_signals()?;
            if timeout.is_some_and(|most| since.elapsed() >= most) {
                return Err(PyStopIteration::new_err(()));
            }
        }
    }
}

impl Following {
    /// The next message, or none after some patience.
    fn step(&mut self) -> Result<(Option<Given>, Option<Duration>)> {
        /// Messages that are read at a time.
        const BLOCK: u64 = 4096;
        if self.given == self.read.len() {
            let patience = self.timeout.map_or(PATIENCE, |most| most.min(PATIENCE));
            let len = self.reader.wait_for(self.next.saturating_add(1), patience)?;
            let end = len.min(self.next.saturating_add(BLOCK));
            if end <= self.next {
                return Ok((None, self.timeout));
            }
            self.reader.read_into(self.next..end, &mut self.read)?;
            (self.given, self.next) = (0, end);
        }
        let found = self.read.get(self.given).map(|(group, message)| (group, message.to_vec()));
        self.given += 1;
        Ok((found, self.timeout))
    }
}
