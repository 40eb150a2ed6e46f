//! Waiting for the messages that another process appends.
//!
//! By looking again, ever less often while nothing comes; a notification of the system makes that earlier (`watch`). A
//! log that closes, is opened again, is adopted or loses its writer goes on. One that another file has taken the place
//! of is read to its end, and then said to be over: the new file is another log, whose messages count from 0.

use super::messages::Messages;
use super::reader::{LogReader, PATIENCE};
use super::watch::Watch;
use hyperslab_core::{Kind, Result};
use std::path::Path;
use std::time::{Duration, Instant};

/// The most messages in one block, and the most bytes of them.
const BLOCK: u64 = 64 << 10;
const BYTES: u64 = 8 << 20;

/// Blocks of messages as they come; see [`LogReader::follow`].
#[derive(Debug)]
pub struct Follow<'r> {
    reader: &'r mut LogReader,
    watch: Watch,
    next: u64,
    timeout: Option<Duration>,
    done: bool,
}

impl<'r> Follow<'r> {
    pub(super) fn new(reader: &'r mut LogReader, from: u64, timeout: Option<Duration>) -> Follow<'r> {
        let watch = Watch::new(reader.path());
        Follow { reader, watch, next: from, timeout, done: false }
    }

    /// The position of the next message.
    pub fn position(&self) -> u64 {
        self.next
    }

    /// Where the log is.
    pub(crate) fn path(&self) -> &Path {
        self.reader.path()
    }

    /// Waits for the next block of messages, into memory that is used again; `false` when the time is over.
    ///
    /// # Errors
    /// `Conflict` when the log has become shorter, or another file has taken its place and nothing more came from
    /// this one; what reading gives when it keeps failing for two seconds.
    pub fn next_into(&mut self, messages: &mut Messages) -> Result<bool> {
        let start = Instant::now();
        // When the log could last be read.
        let mut good = start;
        self.watch.changed();
        loop {
            match self.attempt(messages) {
                Ok(true) => return Ok(true),
                Ok(false) => good = Instant::now(),
                Err(e) if !matches!(e.kind(), Kind::Invalid) || good.elapsed() >= PATIENCE => return Err(e),
                Err(_) => {}
            }
            let left = self.timeout.map(|t| t.saturating_sub(start.elapsed()));
            if left == Some(Duration::ZERO) {
                return Ok(false);
            }
            self.watch.wait(left);
        }
    }

    fn attempt(&mut self, messages: &mut Messages) -> Result<bool> {
        if self.next >= self.reader.len() {
            self.reader.look()?;
        }
        let len = self.reader.len();
        if self.next >= len {
            return Ok(false);
        }
        let end = match len - self.next {
            1 => Ok(len),
            // A follower that was away for long shall not need more memory than one that was not.
            _ => self.reader.block_end(self.next, BLOCK, BYTES),
        };
        match end.and_then(|end| self.reader.read_into(self.next..end, messages).map(|()| end)) {
            Ok(end) => self.next = end,
            Err(e) => {
                // The length may have been ahead of the messages: both are looked at again.
                self.reader.refresh()?;
                return Err(e);
            }
        }
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
