//! Going on after another program has written to the file, which only happens where file locks are switched off.
//!
//! The file is taken as it is now. Of the rows that were being published some may be there and some not: a row of
//! ours is known by its reference, whose heap address nobody else uses. What such programs do to one another's bytes
//! before that cannot be undone here; what can be promised is in `docs/log.md`.

use super::{Appender, Existing, Live, Names, Storage};
use hyperslab_core::{Error, Result};

/// What is left free behind the end of the file: a program that opened it just before us allocates there what it
/// is about to write.
const GAP: u64 = 16 << 20;

/// What was found in a file that another program had written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readopted {
    /// Rows that had been acknowledged.
    pub acknowledged: u64,
    /// Rows that the file has now.
    pub rows: u64,
    /// Of the rows gathered, the first ones that are among them. They are no longer gathered.
    pub published: u64,
}

impl<S: Storage> Appender<S> {
    /// Takes the file as it is now, after [`Appender::publish`] has returned a `Conflict`. `take_over` also where a
    /// writer has marked it as open, which must no longer run.
    ///
    /// # Errors
    /// `Conflict` when a writer has it open, or its columns have become others; what opening gives. Everything
    /// gathered stays, and the call can be made again.
    pub fn readopt(&mut self, take_over: bool) -> Result<Readopted> {
        let columns: Vec<&str> = self.columns.iter().map(|c| c.name.as_str()).collect();
        let group = self.group.as_ref().map(|(name, touched)| (name.as_str(), touched.as_deref()));
        let names = Names { columns: &columns, group };
        let existing = Existing::new(&self.storage, &names, take_over)?;
        if !existing.columns().map(|(_, dtype, _)| dtype).eq(self.columns.iter().map(|c| &c.dtype)) {
            return Err(Error::conflict("another program has put other datasets in the place of these"));
        }
        let gathered = self.gather.rows()?;
        let published = if self.attempted { self.there(&names, gathered)? } else { 0 };
        let next = existing.resume_apart(self.options, GAP)?;
        let Appender { page, columns, state, file_len, left, head, unfinished, .. } = next;
        let found = Readopted { acknowledged: self.before_last(), rows: state.rows, published };
        (self.page, self.columns, self.state) = (page, columns, state);
        (self.file_len, self.left, self.head, self.unfinished) = (file_len, left, head, unfinished);
        (self.broken, self.attempted, self.before) = (false, false, state.rows);
        (self.live, self.page_written) = (false, None);
        self.gather.forget_first(published, state.end);
        Ok(found)
    }

    /// Rows acknowledged so far.
    fn before_last(&self) -> u64 {
        if self.attempted { self.before } else { self.state.rows }
    }

    /// Of the rows gathered, how many stand where they were to be published.
    fn there(&self, names: &Names<'_>, gathered: u64) -> Result<u64> {
        let live = Live::open(&self.storage, names)?;
        let end = live.rows().min(self.before.saturating_add(gathered));
        let count = end.saturating_sub(self.before);
        let mut same = count;
        let mut bytes = Vec::new();
        for (i, rows) in self.gather.columns.iter().enumerate() {
            bytes.clear();
            live.rows_into(i, self.before..end.max(self.before), &mut bytes)?;
            let pairs = bytes.chunks_exact(rows.width.max(1)).zip(rows.bytes.chunks_exact(rows.width.max(1)));
            same = same.min(pairs.take_while(|(a, b)| a == b).count() as u64);
        }
        Ok(same)
    }
}
