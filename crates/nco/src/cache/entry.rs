//! Reading an entry, and believing nothing: neither the place that an index names nor what lies there.

use super::key::Key;
use super::own;
use super::store::Place;
use crate::object::{self, Object};
use bytes::Bytes;
use hyperslab_core::source::{FileSource, beyond, map_file};
use hyperslab_core::{Error, Limits, Result, Source};
use hyperslab_pickle::Policy;
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// Entries of so many bytes are mapped.
const MAPPED: u64 = 1 << 20;

/// The bytes of one entry, at the offsets at which they lie in their pack: headers hold offsets in the file.
pub(crate) struct Window {
    name: PathBuf,
    /// Where the bytes lie in the file.
    start: u64,
    bytes: Bytes,
}

impl Window {
    /// Reads the bytes of a place.
    ///
    /// # Errors
    /// `Invalid` for a place that is not in the file, `Limit`, `Io`.
    pub(crate) fn read(file: &FileSource, place: Place, limits: &Limits) -> Result<Window> {
        let len = place.end.checked_sub(place.start).filter(|n| *n > 0).ok_or_else(|| {
            Error::invalid(format!("the index has the object end at byte {}, before it starts", place.end))
                .at(place.start)
        })?;
        // The size is looked at before anything is allocated.
        let bytes = file.bytes_at(place.start, len, limits)?.into_owned();
        let name = file.name().unwrap_or(Path::new("")).to_path_buf();
        Ok(Window { name, start: place.start, bytes: bytes.into() })
    }

    /// The bytes of a place where they lie, in a map of the file; nothing where that is not worth it, or where another
    /// machine could take the bytes away, which would be the end of the process that looks at them.
    ///
    /// What a pack holds stays as it is: it is appended to, and deleted, which a map outlives.
    fn map(file: &FileSource, place: Place) -> Option<Window> {
        if place.end.checked_sub(place.start)? < MAPPED || !own::is_of_this_machine(file.file()) {
            return None;
        }
        let (bytes, _) = map_file(file.file()).ok()?;
        let end = usize::try_from(place.end).ok()?;
        // What is not there is told by the read.
        let bytes = (end <= bytes.len()).then(|| bytes.slice(..end))?;
        Some(Window { name: file.name().unwrap_or(Path::new("")).to_path_buf(), start: 0, bytes })
    }

    /// Where an entry starts that was read.
    pub(crate) fn start(&self) -> u64 {
        self.start
    }

    fn range(&self, offset: u64, len: u64) -> Result<&[u8]> {
        let from = offset.checked_sub(self.start).and_then(|n| usize::try_from(n).ok());
        let to = from.zip(usize::try_from(len).ok()).and_then(|(from, len)| from.checked_add(len));
        let part = from.zip(to).and_then(|(from, to)| self.bytes.get(from..to));
        part.ok_or_else(|| beyond(offset, len, self.start.saturating_add(self.bytes.len() as u64)))
    }
}

impl Source for Window {
    fn name(&self) -> Option<&Path> {
        Some(&self.name)
    }
    fn len(&self) -> Result<u64> {
        Ok(self.start.saturating_add(self.bytes.len() as u64))
    }
    fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        out.copy_from_slice(self.range(offset, out.len() as u64)?);
        Ok(())
    }
    fn bytes_at(&self, offset: u64, len: u64, _limits: &Limits) -> Result<Cow<'_, [u8]>> {
        self.range(offset, len).map(Cow::Borrowed)
    }
    fn as_slice(&self) -> Option<&[u8]> {
        // Offsets in the file are offsets in memory where it starts with the file.
        (self.start == 0).then_some(&self.bytes)
    }
    fn shared(&self, offset: u64, len: u64) -> Option<Bytes> {
        let part = self.range(offset, len).ok()?;
        Some(self.bytes.slice_ref(part))
    }
}

/// Reads the entry of a key whole, checking all that can be checked. With `mapped`, the elements of a large one stay
/// where they lie.
///
/// # Errors
/// `Invalid` for anything but a sound object of this key at this place, `Unsupported`, `Limit`, `Io`.
pub(crate) fn read(
    file: &FileSource,
    key: &Key,
    place: Place,
    mapped: bool,
    policy: Policy,
    limits: &Limits,
) -> Result<Object<'static>> {
    let map = mapped.then(|| Window::map(file, place)).flatten();
    let window = map.map_or_else(|| Window::read(file, place, limits), Ok)?;
    let entry = object::Entry::open(&window, place.start)?;
    let end = entry.header().array.end;
    if end != place.end {
        let what = format!("the index has the object end at byte {}, its header at {end}", place.end);
        return Err(Error::invalid(what).at(place.start).file(&window.name));
    }
    let named = entry.block(&window, limits)?;
    let named = named.as_ref().and_then(|b| b.extension()).and_then(|e| e.key.as_deref());
    if let Some(other) = named.filter(|n| *n != key.name().as_bytes()) {
        let what = format!("an object of another key, {:?}", String::from_utf8_lossy(other));
        return Err(Error::invalid(what).at(place.start).file(&window.name));
    }
    let Object { metadata, array } = object::whole(&entry, &window, policy, limits)?;
    // Nothing is copied: the elements are counted already.
    Ok(Object { metadata, array: array.into_owned()? })
}
