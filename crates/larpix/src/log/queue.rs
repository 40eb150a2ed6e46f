//! A bounded queue in front of a log's writer: any number of threads append, one commits.
//!
//! Messages wait in memory until enough of them have gathered or the first one has waited long enough; then they are
//! committed together, also while nothing more comes. When the disk is slower than the source the queue fills, and
//! appending waits. Not here: what a commit does, and what it promises ([`LogWriter`]).

use super::LogWriter;
use hyperslab_core::{Error, Result};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long to wait before a commit that did not succeed is tried again.
const RETRY: Duration = Duration::from_millis(100);
/// What a message takes in the queue besides its bytes.
const OVERHEAD: usize = 8;
/// Blocks that grew beyond this are not used again.
const KEEP: usize = 4 << 20;

/// How a queue gathers: what [`LogOptions`](super::LogOptions) says of commits and of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gathering {
    pub(super) interval: Duration,
    pub(super) bytes: usize,
    pub(super) messages: u64,
    pub(super) capacity: usize,
}

/// What a queue tells while it works.
#[derive(Debug)]
#[non_exhaustive]
pub enum LogEvent {
    /// All messages up to this sequence number are acknowledged.
    Committed(u64),
    /// Something happened that is no error; see [`LogWriter::take_warnings`].
    Warning(String),
    /// A commit did not succeed. Nothing is lost: it is tried again, until it succeeds or the queue is closed.
    Failed(Error),
}

/// A log that many threads append to.
///
/// Acknowledged means what it means for [`LogWriter`]: [`LogQueue::wait_committed`] returns when it is so. Dropping
/// the queue closes it as [`LogQueue::close`] does, but cannot report an error.
#[derive(Debug)]
pub struct LogQueue {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<Result<()>>>>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    options: Gathering,
    /// The writer waits here for messages.
    work: Condvar,
    /// Everybody else waits here for room and for commits.
    done: Condvar,
}

#[derive(Debug)]
struct State {
    waiting: Block,
    /// When the first message in `waiting` came, and whether the writer was called because there are enough.
    since: Option<Instant>,
    called: bool,
    /// Bytes that the writer has taken and not yet committed.
    taken: usize,
    /// Sequence number of the last message appended, and of the last one acknowledged.
    appended: u64,
    committed: u64,
    /// Commit what waits without waiting for more.
    flush: bool,
    closed: bool,
    /// Why the last commit did not succeed.
    failure: Option<Failure>,
    /// A block to be used again.
    spare: Option<Block>,
}

#[derive(Clone, Debug)]
struct Failure(hyperslab_core::Kind, String);

impl Failure {
    fn of(e: &Error) -> Failure {
        Failure(e.kind(), e.to_string())
    }
    fn error(&self) -> Error {
        Error::new(self.0, self.1.clone())
    }
}

/// Messages, their bytes one after another.
#[derive(Debug, Default)]
struct Block {
    bytes: Vec<u8>,
    /// Group and length of each.
    messages: Vec<(u8, u32)>,
}

impl Block {
    fn push(&mut self, io_group: u8, message: &[u8], len: u32) {
        self.bytes.extend_from_slice(message);
        self.messages.push((io_group, len));
    }

    fn size(&self) -> usize {
        self.bytes.len() + self.messages.len() * OVERHEAD
    }
}

impl LogQueue {
    /// A queue in front of `log`, with a thread of its own. `tell` is called on that thread; it must not append.
    ///
    /// # Errors
    /// `Io` when there can be no thread.
    pub fn new(log: LogWriter, tell: impl FnMut(LogEvent) + Send + 'static) -> Result<LogQueue> {
        let options = log.gathering();
        let committed = log.committed();
        let state = State {
            waiting: Block::default(),
            since: None,
            called: false,
            taken: 0,
            appended: committed + log.gathered(),
            committed,
            flush: log.gathered() > 0,
            closed: false,
            failure: None,
            spare: None,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            options,
            work: Condvar::new(),
            done: Condvar::new(),
        });
        let writer = Writer {
            shared: Arc::clone(&shared),
            log,
            tell,
            told: committed,
            left: None,
            in_log: 0,
            retry_at: None,
        };
        let thread = std::thread::Builder::new().name("log writer".into()).spawn(move || writer.run());
        let thread = thread.map_err(|e| Error::io(e, "cannot start the log's thread"))?;
        Ok(LogQueue { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Appends a message and returns its sequence number, as [`LogWriter::append`]; waits while the queue is full.
    ///
    /// # Errors
    /// `Usage` for a message of 4 GiB or more, and when the queue is closed; the error of a commit when the queue is
    /// full because commits do not succeed. The message is then not in the queue.
    pub fn append(&self, io_group: u8, message: &[u8]) -> Result<u64> {
        self.append_all([(io_group, message)])
    }

    /// Appends messages, with no others between them that fit the queue at once, and returns the sequence number of
    /// the last one.
    ///
    /// # Errors
    /// As [`LogQueue::append`], for the first message that fails; those before it are in the queue.
    pub fn append_all<'m>(&self, messages: impl IntoIterator<Item = (u8, &'m [u8])>) -> Result<u64> {
        let mut state = self.shared.lock();
        for (io_group, message) in messages {
            let len = u32::try_from(message.len()).map_err(|_| {
                Error::usage(format!("a message of {} bytes (less than 4 GiB wanted)", message.len()))
            })?;
            state = self.room(state, message.len() + OVERHEAD)?;
            state.waiting.push(io_group, message, len);
            state.appended += 1;
            if state.since.is_none() {
                state.since = Some(Instant::now());
                self.shared.work.notify_one();
            } else {
                // Once, when there is enough.
                if !state.called && self.shared.options.enough(&state.waiting) {
                    state.called = true;
                    self.shared.work.notify_one();
                }
            }
        }
        Ok(state.appended)
    }

    /// Waits until `bytes` more have room. What is larger than the queue has room when the queue is empty.
    fn room<'s>(&'s self, mut state: MutexGuard<'s, State>, bytes: usize) -> Result<MutexGuard<'s, State>> {
        loop {
            if state.closed {
                return Err(Error::usage("the log is closed"));
            }
            let used = state.waiting.size() + state.taken;
            if used == 0 || used.saturating_add(bytes) <= self.shared.options.capacity {
                return Ok(state);
            }
            if let Some(failure) = &state.failure {
                return Err(failure.error());
            }
            self.shared.work.notify_one();
            state = self.shared.wait(state);
        }
    }

    /// The sequence number of the last acknowledged message.
    pub fn committed(&self) -> u64 {
        self.shared.lock().committed
    }

    /// Bytes that wait to be committed.
    pub fn waiting(&self) -> usize {
        let state = self.shared.lock();
        state.waiting.size() + state.taken
    }

    /// Waits until the message of this sequence number is acknowledged; returns how far acknowledgement has come.
    ///
    /// # Errors
    /// The error of a commit when commits do not succeed (they are still tried again, and so can this call be);
    /// `Usage` for a sequence number that was not given out yet.
    pub fn wait_committed(&self, sequence: u64) -> Result<u64> {
        let mut state = self.shared.lock();
        if sequence > state.appended {
            return Err(Error::usage(format!("message {sequence} where {} are appended", state.appended)));
        }
        loop {
            if state.committed >= sequence {
                return Ok(state.committed);
            }
            match &state.failure {
                Some(failure) => return Err(failure.error()),
                None if state.closed && state.taken == 0 && state.waiting.messages.is_empty() => {
                    return Err(Error::usage("the log is closed"));
                }
                None => state = self.shared.wait(state),
            }
        }
    }

    /// Commits what has been appended so far without waiting for more, and waits until that is done.
    ///
    /// # Errors
    /// As [`LogQueue::wait_committed`].
    pub fn commit(&self) -> Result<u64> {
        let sequence = {
            let mut state = self.shared.lock();
            state.flush = true;
            // What the last try came to is of no interest: this one is waited for.
            state.failure = None;
            self.shared.work.notify_one();
            state.appended
        };
        self.wait_committed(sequence)
    }

    /// Commits everything, closes the log and returns the sequence number of the last acknowledged message; appending
    /// is then an error.
    ///
    /// # Errors
    /// As [`LogWriter::close`]; [`LogQueue::committed`] tells how far it had come.
    pub fn close(&self) -> Result<u64> {
        {
            let mut state = self.shared.lock();
            state.closed = true;
            self.shared.work.notify_one();
            self.shared.done.notify_all();
        }
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let done = match thread.map(JoinHandle::join) {
            None | Some(Ok(Ok(()))) => Ok(()),
            Some(Ok(Err(e))) => Err(e),
            Some(Err(_)) => Err(Error::usage("the log's thread is gone")),
        };
        self.shared.done.notify_all();
        done.map(|()| self.committed())
    }
}

impl Drop for LogQueue {
    fn drop(&mut self) {
        // Nobody is there to be told; what was acknowledged is safe either way.
        let _ = self.close();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing is done under the lock that could panic half way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'s>(&self, state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        self.done.wait(state).unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gathering {
    /// Whether so much waits that it is to be committed without waiting for more.
    fn enough(&self, waiting: &Block) -> bool {
        waiting.size() >= self.bytes.min(self.capacity / 2) || waiting.messages.len() as u64 >= self.messages
    }
}

/// The thread's side.
struct Writer<F> {
    shared: Arc<Shared>,
    log: LogWriter,
    tell: F,
    /// What was last told to be committed.
    told: u64,
    /// What was taken and is not in the log's writer yet: a block, its messages and bytes that are.
    left: Option<(Block, usize, usize)>,
    /// Bytes in the log's writer, as the queue counts them.
    in_log: usize,
    /// When to try again after a commit that did not succeed.
    retry_at: Option<Instant>,
}

impl<F: FnMut(LogEvent)> Writer<F> {
    fn run(mut self) -> Result<()> {
        loop {
            let (closed, all) = self.take();
            let done = self.write();
            for warning in self.log.take_warnings() {
                (self.tell)(LogEvent::Warning(warning));
            }
            match done {
                Ok(()) if closed && all => return self.log.close(),
                Ok(()) => {}
                Err(e) if closed => return Err(e),
                Err(e) => {
                    self.retry_at = Some(Instant::now() + RETRY);
                    (self.tell)(LogEvent::Failed(e));
                }
            }
        }
    }

    /// Waits until something is to be done and takes what waits; whether the queue is being closed, and whether
    /// nothing waits any more.
    fn take(&mut self) -> (bool, bool) {
        let shared = Arc::clone(&self.shared);
        let mut state = shared.lock();
        while !state.closed && !state.flush {
            let due = match self.retry_at {
                Some(at) => Some(at),
                None if shared.options.enough(&state.waiting) => None,
                None => match state.since {
                    Some(since) => Some(since + shared.options.interval),
                    None => {
                        state = shared.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                        continue;
                    }
                },
            };
            let Some(pause) = due.map(|at| at.saturating_duration_since(Instant::now())) else { break };
            if pause.is_zero() {
                break;
            }
            (state, _) = shared.work.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner);
        }
        state.flush = false;
        // What could not be committed comes first; the rest goes on waiting.
        if self.left.is_none() {
            let spare = state.spare.take().unwrap_or_default();
            let block = std::mem::replace(&mut state.waiting, spare);
            state.taken += block.size();
            (state.since, state.called) = (None, false);
            self.left = Some((block, 0, 0));
        }
        (state.closed, state.waiting.messages.is_empty())
    }

    /// Hands messages to the log's writer and commits them, so many at a time as are to be gathered.
    fn write(&mut self) -> Result<()> {
        if self.retry_at.is_some() {
            self.commit()?;
            self.retry_at = None;
        }
        while let Some((block, next, at)) = &mut self.left {
            let mut gathered = 0u64;
            while let Some(&(io_group, len)) = block.messages.get(*next) {
                let end = *at + len as usize;
                let message = block.bytes.get(*at..end).unwrap_or_default();
                self.log.gather(io_group, message)?;
                self.in_log += message.len() + OVERHEAD;
                (*next, *at) = (*next + 1, end);
                gathered += 1;
                if self.in_log >= self.shared.options.bytes || gathered >= self.shared.options.messages {
                    break;
                }
            }
            let whole = *next >= block.messages.len();
            self.commit()?;
            if whole && let Some((mut block, ..)) = self.left.take() {
                block.messages.clear();
                block.bytes.clear();
                if block.bytes.capacity() <= KEEP {
                    self.shared.lock().spare = Some(block);
                }
            }
        }
        Ok(())
    }

    /// Commits what is in the log's writer, and tells everybody how it went.
    fn commit(&mut self) -> Result<()> {
        let done = self.log.commit();
        let committed = self.log.committed();
        let freed = if done.is_ok() { std::mem::take(&mut self.in_log) } else { 0 };
        {
            let mut state = self.shared.lock();
            state.committed = committed;
            state.taken = state.taken.saturating_sub(freed);
            state.failure = done.as_ref().err().map(Failure::of);
        }
        self.shared.done.notify_all();
        if committed > self.told {
            self.told = committed;
            (self.tell)(LogEvent::Committed(committed));
        }
        done.map(drop)
    }
}
