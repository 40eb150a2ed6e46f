//! A member's bytes in pieces, from the first to the last, in memory that does not grow with it.
//!
//! Once all bytes were handed out, the end of the stream, the packed size and the CRC have been checked, before the
//! last of them is. Who stops earlier knows only that what came so far could be unpacked.

use super::directory::Entry;
use super::member::{DATA, DEFLATED, check_crc};
use hyperslab_core::codec::deflate::{self, Form, Inflater};
use hyperslab_core::{Error, Limits, Reservation, Result, Source};
use std::borrow::Cow;

/// Packed bytes that are read from a file at a time.
const FEED: u64 = 1 << 20;
/// Unpacked bytes that are passed over at a time.
const SKIP: u64 = 1 << 18;

/// Where the reading of a member is.
pub(super) struct Unpacker<'a, S: ?Sized> {
    source: &'a S,
    entry: &'a Entry,
    data_at: u64,
    /// Of deflated members.
    inflater: Option<Inflater>,
    /// Packed bytes that were fetched, and how many of them are used.
    input: Cow<'a, [u8]>,
    used: usize,
    /// Packed bytes that were fetched so far.
    fetched: u64,
    given: u64,
    crc: crc32fast::Hasher,
    _reservation: Reservation,
}

impl<'a, S: Source + ?Sized> Unpacker<'a, S> {
    pub(super) fn new(source: &'a S, entry: &'a Entry, data_at: u64, limits: &Limits) -> Result<Self> {
        Ok(Unpacker {
            source,
            entry,
            data_at,
            inflater: (entry.method == DEFLATED).then(|| Inflater::new(Form::Raw)),
            input: Cow::Borrowed(&[]),
            used: 0,
            fetched: 0,
            given: 0,
            crc: crc32fast::Hasher::new(),
            _reservation: limits.reserve(FEED)?,
        })
    }

    /// Bytes that were not handed out yet.
    pub(super) fn left(&self) -> u64 {
        self.entry.size.saturating_sub(self.given)
    }

    /// The next `out.len()` bytes.
    ///
    /// # Errors
    /// `Invalid` for damage and for more bytes than there are, `Io`.
    pub(super) fn fill(&mut self, out: &mut [u8]) -> Result<()> {
        self.filled(out).map_err(|e| e.at(self.data_at).reading(DATA))
    }

    /// Passes over the next `n` bytes.
    ///
    /// # Errors
    /// As [`Unpacker::fill`].
    pub(super) fn skip(&mut self, n: u64) -> Result<()> {
        let mut scratch = vec![0; usize::try_from(n.min(SKIP)).unwrap_or(0)];
        let mut left = n;
        while left > 0 {
            let step = left.min(SKIP);
            let piece = usize::try_from(step).ok().and_then(|n| scratch.get_mut(..n)).unwrap_or_default();
            self.fill(piece)?;
            left -= step;
        }
        Ok(())
    }

    fn filled(&mut self, out: &mut [u8]) -> Result<()> {
        let wanted = out.len() as u64;
        if wanted > self.left() {
            return Err(Error::invalid(format!("{wanted} bytes wanted where {} are left", self.left())));
        }
        let mut written = 0;
        while let Some(room) = out.get_mut(written..).filter(|room| !room.is_empty()) {
            let n = self.some(room)?;
            if n == 0 {
                return Err(deflate::too_short(self.entry.size, self.given.saturating_add(written as u64)));
            }
            written = written.saturating_add(n);
        }
        self.crc.update(out);
        self.given = self.given.saturating_add(wanted);
        if self.left() == 0 { self.check_end() } else { Ok(()) }
    }

    /// Some of the next bytes; none at the end.
    fn some(&mut self, out: &mut [u8]) -> Result<usize> {
        loop {
            self.feed()?;
            let input = self.input.get(self.used..).unwrap_or_default();
            let Some(inflater) = &mut self.inflater else {
                let n = input.len().min(out.len());
                if let (Some(to), Some(from)) = (out.get_mut(..n), input.get(..n)) {
                    to.copy_from_slice(from);
                }
                self.used = self.used.saturating_add(n);
                return Ok(n);
            };
            let step = inflater.step(input, out)?;
            self.used = self.used.saturating_add(step.read);
            if step.written > 0 || step.finished || step.read == 0 {
                return Ok(step.written);
            }
        }
    }

    /// Fetches more packed bytes when there are none.
    fn feed(&mut self) -> Result<()> {
        if self.used < self.input.len() || self.fetched == self.entry.packed {
            return Ok(());
        }
        let left = self.entry.packed.saturating_sub(self.fetched);
        let at = self.data_at.saturating_add(self.fetched);
        self.used = 0;
        if let Some(all) = self.source.as_slice() {
            let range = usize::try_from(at).ok().zip(usize::try_from(at.saturating_add(left)).ok());
            let bytes = range.and_then(|(from, to)| all.get(from..to));
            self.input = Cow::Borrowed(bytes.ok_or_else(|| Error::invalid("the member ends past the file"))?);
            self.fetched = self.entry.packed;
            return Ok(());
        }
        let n = left.min(FEED);
        let mut bytes = std::mem::take(&mut self.input).into_owned();
        bytes.resize(usize::try_from(n).unwrap_or(0), 0);
        self.source.read_exact_at(at, &mut bytes)?;
        self.input = Cow::Owned(bytes);
        self.fetched = self.fetched.saturating_add(n);
        Ok(())
    }

    /// All bytes were given: nothing may follow, and their CRC is the one that was told.
    fn check_end(&mut self) -> Result<()> {
        let used = match &mut self.inflater {
            None => self.entry.packed,
            Some(_) => {
                let more = self.some(&mut [0])?;
                let Some(inflater) = &self.inflater else { return Ok(()) };
                if more > 0 {
                    return Err(deflate::too_long(self.entry.size));
                }
                if !inflater.is_finished() {
                    return Err(deflate::too_short(self.entry.size, self.given));
                }
                inflater.total_in()
            }
        };
        if used != self.entry.packed {
            return Err(deflate::ends_before(used, self.entry.packed));
        }
        check_crc(self.crc.clone().finalize(), self.entry.crc)
    }
}
