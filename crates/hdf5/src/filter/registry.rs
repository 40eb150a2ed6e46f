//! Filters that a program brings along, and the pipeline that is undone with them and those that are built in.

use super::{Room, greatest, registered};
use crate::format::message::filter_pipeline::Filter;
use hyperslab_core::{Error, Limits, Result};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// Undoes a filter. Closures of the same arguments are decoders.
pub trait Decoder: Send + Sync {
    /// The bytes that went into the filter, given its parameters (`values`, as the file has them) and what came out
    /// of it. There can be `most` of them; they should be allocated within `limits`.
    ///
    /// # Errors
    /// `Invalid` for damaged bytes, `Unsupported`, `Limit`.
    fn decode(&self, values: &[u32], bytes: &[u8], most: u64, limits: &Limits) -> Result<Vec<u8>>;
}

impl<F> Decoder for F
where
    F: Fn(&[u32], &[u8], u64, &Limits) -> Result<Vec<u8>> + Send + Sync,
{
    fn decode(&self, values: &[u32], bytes: &[u8], most: u64, limits: &Limits) -> Result<Vec<u8>> {
        self(values, bytes, most, limits)
    }
}

/// The filters that a file is read with: those that are built in, and those that were added.
///
/// ```
/// use hyperslab_core::{Limits, Result};
/// use hyperslab_hdf5::filter::Registry;
/// use hyperslab_hdf5::format::message::filter_pipeline::Filter;
///
/// // Every byte the other way up.
/// let invert = |_: &[u32], bytes: &[u8], _most: u64, _: &Limits| -> Result<Vec<u8>> {
///     Ok(bytes.iter().map(|b| !b).collect())
/// };
/// let filters = Registry::default().with(40_000, "invert", invert);
///
/// // A file is opened with it by `File::open(path)?.with_filters(filters)`; this is one of its chunks.
/// let pipeline = [Filter { id: 40_000, name: None, optional: false, values: vec![] }];
/// let chunk = filters.decode(&pipeline, 0, (&[0xfe, 0xfd][..]).into(), 2, &Limits::default())?;
/// assert_eq!(*chunk, [1, 2]);
/// assert_eq!(filters.name(&pipeline[0]), "invert");
/// # Ok::<(), hyperslab_core::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Registry {
    /// Few, so they are searched one after the other.
    added: Vec<Added>,
}

#[derive(Clone)]
struct Added {
    id: u16,
    name: Arc<str>,
    decoder: Arc<dyn Decoder>,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.added.iter().map(|a| (a.id, &a.name))).finish()
    }
}

impl Registry {
    /// Nothing but what is built in.
    pub const BUILT_IN: &'static Registry = &Registry { added: Vec::new() };

    /// Adds a decoder under a registered number and the name that listings show; one that is there already, built in
    /// or added, is used no more.
    #[must_use]
    pub fn with(mut self, id: u16, name: &str, decoder: impl Decoder + 'static) -> Registry {
        self.added.retain(|a| a.id != id);
        self.added.push(Added { id, name: name.into(), decoder: Arc::new(decoder) });
        self
    }

    fn added(&self, id: u16) -> Option<&Added> {
        self.added.iter().find(|a| a.id == id)
    }

    /// The name under which a filter is listed.
    pub fn name(&self, filter: &Filter) -> String {
        let known = || registered::find(filter.id).map(|k| k.name.to_owned());
        let added = self.added(filter.id).map(|a| (*a.name).to_owned());
        added
            .or_else(known)
            .or_else(|| filter.name.clone())
            .unwrap_or_else(|| format!("filter {}", filter.id))
    }

    /// Undoes a pipeline, last filter first, but for those whose bit is set in `mask`. The result has exactly
    /// `expected` bytes.
    ///
    /// # Errors
    /// `Unsupported` for a filter that nothing undoes, `Invalid` for damaged bytes, `Limit`, and what an added
    /// decoder returns.
    pub fn decode<'a>(
        &self,
        filters: &[Filter],
        mask: u32,
        mut bytes: Cow<'a, [u8]>,
        expected: u64,
        limits: &Limits,
    ) -> Result<Cow<'a, [u8]>> {
        let used = |i: usize| mask & 1u32.checked_shl(i as u32).unwrap_or(0) == 0;
        for (i, filter) in filters.iter().enumerate().rev().filter(|(i, _)| used(*i)) {
            // What was applied before made the bytes a little longer than the elements.
            let before = filters.iter().enumerate().take(i).filter(|(j, _)| used(*j));
            let most = before.fold(expected, |n, (_, f)| greatest(f.id, n));
            bytes = self.undo(filter, bytes, Room { expected, most }, limits)?;
        }
        if bytes.len() as u64 == expected {
            return Ok(bytes);
        }
        Err(Error::invalid(format!("the filters give {} bytes instead of {expected}", bytes.len())))
    }

    fn undo<'a>(
        &self,
        filter: &Filter,
        bytes: Cow<'a, [u8]>,
        room: Room,
        limits: &Limits,
    ) -> Result<Cow<'a, [u8]>> {
        if let Some(added) = self.added(filter.id) {
            let out = added.decoder.decode(&filter.values, &bytes, room.most, limits)?;
            return match out.len() as u64 > room.most {
                true => {
                    Err(Error::invalid(format!("{} bytes where at most {} belong", out.len(), room.most)))
                }
                false => Ok(Cow::Owned(out)),
            };
        }
        match registered::find(filter.id).and_then(|k| k.undo) {
            Some(undo) => undo(&filter.values, bytes, room, limits),
            None => Err(self.unsupported(filter)),
        }
    }

    /// A filter in messages.
    pub(super) fn number_and_name(&self, filter: &Filter) -> String {
        let name = self.name(filter);
        let number = format!("filter {}", filter.id);
        if name == number { number } else { format!("{number} ({name})") }
    }

    fn unsupported(&self, filter: &Filter) -> Error {
        Error::unsupported(format!("{} is not built in", self.number_and_name(filter)))
            .hint("a program can register a decoder with File::with_filters")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_added_decoder_is_used_instead() {
        let twice = |values: &[u32], b: &[u8], _: u64, _: &Limits| Ok(b.repeat(values[0] as usize));
        let filters = Registry::default().with(1, "repeat", twice);
        let filter = |n| [Filter { id: 1, name: None, optional: false, values: vec![n] }];
        let run = |n, expected| {
            filters
                .decode(&filter(n), 0, Cow::Borrowed(b"ab"), expected, &Limits::default())
                .map(Cow::into_owned)
        };
        assert_eq!(run(2, 4).unwrap(), b"abab");
        assert_eq!(run(3, 4).unwrap_err().message(), "6 bytes where at most 4 belong");
        assert_eq!(run(1, 4).unwrap_err().message(), "the filters give 2 bytes instead of 4");
        assert_eq!(filters.name(&filter(1)[0]), "repeat");
    }
}
