//! Waiting for the messages that another process appends.
//!
//! By looking again, ever less often while nothing comes: no notification exists that every file system delivers.

use super::reader::{LogReader, Messages};
use hyperslab_core::{Error, Kind, Result};
use std::time::{Duration, Instant};

/// The first pause, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_micros(200), Duration::from_millis(20));
/// Messages in one block.
const BLOCK: u64 = 64 << 10;
/// How long a log may be unreadable. A foreign writer publishes lengths before the bytes that they count.
const PATIENCE: Duration = Duration::from_secs(2);

/// Blocks of messages as they come; see [`LogReader::follow`].
#[derive(Debug)]
pub struct Follow<'r> {
    reader: &'r mut LogReader,
    next: u64,
    timeout: Option<Duration>,
    done: bool,
}

impl<'r> Follow<'r> {
    pub(super) fn new(reader: &'r mut LogReader, from: u64, timeout: Option<Duration>) -> Follow<'r> {
        Follow { reader, next: from, timeout, done: false }
    }

    /// The position of the next message.
    pub fn position(&self) -> u64 {
        self.next
    }

    /// Waits for the next block of messages, into memory that is used again; `false` when the time is over.
    ///
    /// # Errors
    /// `Conflict` when the log has become shorter; what reading gives when it keeps failing for two seconds.
    pub fn next_into(&mut self, messages: &mut Messages) -> Result<bool> {
        let start = Instant::now();
        let mut pause = PAUSES.0;
        loop {
            match self.attempt(messages) {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(e) if !matches!(e.kind(), Kind::Invalid) || start.elapsed() >= PATIENCE => return Err(e),
                Err(_) => {}
            }
            let left = self.timeout.map(|t| t.saturating_sub(start.elapsed()));
            if left == Some(Duration::ZERO) {
                return Ok(false);
            }
            std::thread::sleep(left.map_or(pause, |l| l.min(pause)));
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    fn attempt(&mut self, messages: &mut Messages) -> Result<bool> {
        if self.next >= self.reader.len() {
            let before = self.reader.len();
            let now = self.reader.refresh()?;
            if now < before {
                return Err(Error::conflict(format!("the log had {before} messages and now has {now}"))
                    .file(self.reader.path()));
            }
        }
        let end = self.reader.len().min(self.next.saturating_add(BLOCK));
        if self.next >= end {
            return Ok(false);
        }
        if let Err(e) = self.reader.read_into(self.next..end, messages) {
            // The length may have been ahead of the messages: both are looked at again.
            self.reader.refresh()?;
            return Err(e);
        }
        self.next = end;
        Ok(true)
    }
}

impl Iterator for Follow<'_> {
    type Item = Result<Messages>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let mut messages = Messages::new();
        match self.next_into(&mut messages) {
            Ok(true) => Some(Ok(messages)),
            Ok(false) => {
                self.done = true;
                None
            }
            Err(e) => {
                self.done = true;
                Some(Err(e))
            }
        }
    }
}
