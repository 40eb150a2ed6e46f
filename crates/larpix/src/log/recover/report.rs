//! The account of a recovery: what was saved, what was lost, and how it was found.

use std::fmt;
use std::ops::Range;

/// Losses that are told one by one.
const MOST: usize = 10_000;

/// What recovering a log saved and lost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Messages that the damaged log states, where that is left.
    pub stated: Option<u64>,
    /// Messages saved, in order.
    pub saved: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Of those, messages to which no row leads any more: found in the heap and put where file order puts them.
    pub placed: u64,
    /// Of those, messages whose group is lost: written with group 0.
    pub without_group: u64,
    /// Messages that the log states and that are not saved.
    pub lost: u64,
    /// Rows that the log states and that no writer ever came to write.
    pub unwritten: u64,
    /// What was lost, by the damaged log's positions.
    pub losses: Vec<Loss>,
    /// In which state the file was, and what was done about it.
    pub notes: Vec<String>,
    /// Objects and attributes that a new log cannot carry.
    pub left_out: Vec<String>,
}

/// Some messages in a row that were lost, or of which something was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Positions in the damaged log.
    pub messages: Range<u64>,
    /// How many of these are not in the new log.
    pub lost: u64,
    /// Why.
    pub why: String,
    /// The damaged byte, or the start of the damaged structure.
    pub offset: Option<u64>,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Range { start, end } = self.messages;
        match end.saturating_sub(start) {
            1 => write!(f, "message {start}")?,
            n => write!(f, "messages {start} to {}, {n} of them", end.saturating_sub(1))?,
        }
        match self.lost {
            0 => write!(f, ": none lost")?,
            n => write!(f, ": {n} lost")?,
        }
        write!(f, ": {}", self.why)
    }
}

impl Report {
    /// Whether everything that the log states is in the new one, with its group.
    pub fn is_complete(&self) -> bool {
        self.lost == 0 && self.without_group == 0 && self.placed == 0 && self.left_out.is_empty()
    }

    /// Adds a loss; neighbours with the same cause become one.
    pub(super) fn lose(&mut self, loss: Loss) {
        self.lost = self.lost.saturating_add(loss.lost);
        if let Some(last) = self.losses.last_mut()
            && last.messages.end == loss.messages.start
            && last.why == loss.why
        {
            last.messages.end = loss.messages.end;
            last.lost = last.lost.saturating_add(loss.lost);
            return;
        }
        if self.losses.len() < MOST {
            self.losses.push(loss);
        } else if let Some(last) = self.losses.last_mut() {
            last.messages.end = loss.messages.end;
            last.lost = last.lost.saturating_add(loss.lost);
            last.why = "many causes: these are too many to tell one by one".into();
        }
    }
}
