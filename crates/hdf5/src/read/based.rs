//! The file's bytes by HDF5 address: counted from its base, the first of them kept.
//!
//! Headers of small files are nearly always among the first few thousand bytes, so opening reads those at once and
//! most metadata never costs another system call. The length is remembered too, and asked for again only when
//! something lies beyond it.

use super::overlaid::Overlaid;
use hyperslab_core::source::{SliceSource, beyond};
use hyperslab_core::{Limits, Result, Source};
use std::borrow::Cow;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// How much is read on opening.
const HEAD: usize = 8192;

/// A source whose offset 0 is the file's base address.
pub(crate) struct Based<'s> {
    inner: Box<dyn Source + 's>,
    base: u64,
    head: Vec<u8>,
    len: AtomicU64,
    /// The structures that were read, where somebody wants to know.
    seen: Option<Mutex<Vec<Seen>>>,
}

/// A structure: where it lies, how long it is, what it is.
pub(crate) type Seen = (u64, u64, &'static str);

impl<'s> Based<'s> {
    /// The whole source, from its first byte.
    pub(crate) fn new(inner: Box<dyn Source + 's>) -> Result<Based<'s>> {
        let (head, len) = match inner.as_slice() {
            Some(all) => (Vec::new(), all.len() as u64),
            None => inner.head(HEAD)?,
        };
        Ok(Based { inner, base: 0, head, len: AtomicU64::new(len), seen: None })
    }

    /// The same bytes, with a list of the structures that are read through it.
    pub(crate) fn watched(&self) -> Based<'_> {
        let len = AtomicU64::new(self.len.load(Ordering::Relaxed));
        let (inner, head) = (Box::new(&*self.inner), self.head.clone());
        Based { inner, base: self.base, head, len, seen: Some(Mutex::default()) }
    }

    /// What was read since this was asked last.
    pub(crate) fn take_seen(&self) -> Vec<Seen> {
        let seen = self.seen.as_ref().map(|s| s.lock().unwrap_or_else(PoisonError::into_inner));
        seen.map(|mut s| std::mem::take(&mut *s)).unwrap_or_default()
    }

    /// Moves the base; what was read of what lies before it is forgotten.
    pub(crate) fn set_base(&mut self, base: u64) {
        let gone = usize::try_from(base - self.base).unwrap_or(usize::MAX).min(self.head.len());
        self.head.drain(..gone);
        let len = self.len.get_mut();
        *len = len.saturating_sub(base - self.base);
        self.base = base;
    }

    /// Reads everything from the source from now on, also what was read before.
    pub(crate) fn forget_head(&mut self) {
        self.head = Vec::new();
    }

    /// Lays pieces over the bytes: each is an address and what stands there.
    pub(crate) fn overlay(&mut self, pieces: Vec<(u64, Vec<u8>)>) -> Result<()> {
        let nothing: Box<dyn Source + 's> = Box::new(SliceSource(&[]));
        let inner = std::mem::replace(&mut self.inner, nothing);
        let base = self.base;
        let pieces = pieces.into_iter().map(|(at, b)| (at.saturating_add(base), b)).collect();
        let mut new = Based::new(Box::new(Overlaid::new(inner, pieces)))?;
        new.set_base(base);
        *self = new;
        Ok(())
    }

    /// The underlying source, from its first byte.
    pub(crate) fn whole(&self) -> &dyn Source {
        &*self.inner
    }

    /// Where offset 0 lies in the underlying source.
    pub(crate) fn base(&self) -> u64 {
        self.base
    }

    /// Checks that a range lies in the file, as it is now.
    pub(crate) fn check(&self, offset: u64, len: u64) -> Result<()> {
        let fits = |have: u64| offset.checked_add(len).is_some_and(|end| end <= have);
        if fits(self.len.load(Ordering::Relaxed)) {
            return Ok(());
        }
        let now = self.inner.len()?.saturating_sub(self.base);
        self.len.store(now, Ordering::Relaxed);
        if fits(now) { Ok(()) } else { Err(beyond(offset, len, now)) }
    }

    fn in_head(&self, offset: u64, len: u64) -> Option<&[u8]> {
        let start = usize::try_from(offset).ok()?;
        self.head.get(start..start.checked_add(usize::try_from(len).ok()?)?)
    }
}

impl Source for Based<'_> {
    fn name(&self) -> Option<&Path> {
        self.inner.name()
    }

    fn len(&self) -> Result<u64> {
        Ok(self.len.load(Ordering::Relaxed))
    }

    fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        self.check(offset, out.len() as u64)?;
        match self.in_head(offset, out.len() as u64) {
            Some(b) => {
                out.copy_from_slice(b);
                Ok(())
            }
            None => self.inner.read_exact_at(self.base.saturating_add(offset), out),
        }
    }

    fn bytes_at(&self, offset: u64, len: u64, limits: &Limits) -> Result<Cow<'_, [u8]>> {
        self.check(offset, len)?;
        if let Some(all) = self.as_slice() {
            let (start, len) = (offset as usize, len as usize);
            return Ok(Cow::Borrowed(all.get(start..start + len).unwrap_or_default()));
        }
        if let Some(b) = self.in_head(offset, len) {
            return Ok(Cow::Borrowed(b));
        }
        let (mut v, _reservation) = limits.vec(len)?;
        v.resize(len as usize, 0);
        self.inner.read_exact_at(self.base.saturating_add(offset), &mut v)?;
        Ok(Cow::Owned(v))
    }

    fn saw(&self, offset: u64, len: u64, what: &'static str) {
        if let Some(seen) = &self.seen {
            seen.lock().unwrap_or_else(PoisonError::into_inner).push((offset, len, what));
        }
    }

    fn as_slice(&self) -> Option<&[u8]> {
        self.inner.as_slice().and_then(|all| all.get(usize::try_from(self.base).ok()?..))
    }
}
