//! One Nengo cache object in a source: its metadata and its array, each read when it is asked for.
//!
//! Reads what nengo 4.1 reads, with every range held inside the file. The pickle is never executed. Elements are
//! used where they lie when the source is memory.

use crate::ext::{self, Block, Checks};
use crate::header::{HEADER_LEN, Header};
use bytes::Bytes;
use hyperslab_core::source::{FileSource, MemorySource};
use hyperslab_core::view::Buffer;
use hyperslab_core::{Error, Limits, Result, Selection, Source, Value, View};
use hyperslab_npy::header as npy;
use hyperslab_pickle::Policy;
use std::borrow::Cow;
use std::hash::Hasher;
use std::ops::Range;
use std::path::Path;
use twox_hash::XxHash3_64;

/// How much is read at first where a source is no memory: a small object is whole in it, and of others nearly always
/// everything before the elements.
const WINDOW: u64 = 12 << 10;

/// How much of an array is looked at for its header.
const HEAD: u64 = 4096;

/// How much is read at a time to make a checksum.
const PIECE: u64 = 1 << 16;

/// An object read whole.
#[derive(Debug)]
pub struct Object<'a> {
    /// What was pickled, usually a map.
    pub metadata: Value,
    /// The array.
    pub array: View<'a>,
}

/// Reads the object that starts at `start` in a source, and compares the checksums of its extension block where it has
/// one.
///
/// # Errors
/// `Invalid` for anything but an object (too short, another magic, offsets that lead outside, a broken or truncated
/// pickle or array, another checksum), `Unsupported` for another version, for arrays of Python objects, and under
/// [`Policy::Strict`] for metadata of unknown classes; `Limit`, `Io`.
pub fn read<'a, S: Source + ?Sized>(
    source: &'a S,
    start: u64,
    policy: Policy,
    limits: &Limits,
) -> Result<Object<'a>> {
    let read = || match source.as_slice() {
        Some(_) => whole(&Entry::open(source, start)?, source, policy, limits),
        None => ahead(source, start, policy, limits),
    };
    read().map_err(|e| named(e, source))
}

/// Everything of an object, compared with its checksums.
///
/// # Errors
/// As [`read`].
pub(crate) fn whole<'a, S: Source + ?Sized>(
    entry: &Entry,
    source: &'a S,
    policy: Policy,
    limits: &Limits,
) -> Result<Object<'a>> {
    let checks = entry.checks(source, limits)?;
    entry.verify_pickle(&checks, source, limits)?;
    entry.verify_array(&checks, source, limits)?;
    let metadata = entry.metadata(source, policy, limits)?;
    Ok(Object { metadata, array: entry.array(source, &Selection::ALL, limits)? })
}

/// Reads an object of a source that is no memory: by one read where it is small, and otherwise by one for what is before
/// the elements and one for them.
fn ahead<S: Source + ?Sized>(
    source: &S,
    start: u64,
    policy: Policy,
    limits: &Limits,
) -> Result<Object<'static>> {
    let size = source.len()?;
    // Elements lie in memory as they are aligned in the file.
    let from = start.min(size) & !63;
    let mut head = Buffer::zeroed((size - from).min(WINDOW), limits)?;
    source.read_exact_at(from, &mut head)?;
    let first = head.get(usize::try_from(start.min(size) - from).unwrap_or(0)..).unwrap_or_default();
    let first = first.get(..HEADER_LEN).unwrap_or(first);
    let header = Header::parse(first, start, size)?.check(size)?;
    if header.array.end > from.saturating_add(head.len() as u64) {
        let rest = ReadAhead { source, head, from, size };
        let Object { metadata, array } = whole(&Entry::of(header), &rest, policy, limits)?;
        return Ok(Object { metadata, array: array.into_owned()? });
    }
    let back = |range: &Range<u64>| range.start.saturating_sub(from)..range.end.saturating_sub(from);
    let entry = Entry::of(Header {
        start: start - from,
        layout: header.layout,
        pickle: back(&header.pickle),
        array: back(&header.array),
    });
    let window = MemorySource::new(Bytes::from_owner(head));
    let Object { metadata, array } = whole(&entry, &window, policy, limits).map_err(|e| e.shifted(from))?;
    // Nothing is copied: the elements are counted.
    Ok(Object { metadata, array: array.into_owned()? })
}

/// Reads a file's first object into memory of its own: one open, one look at the size, one read when it is small
/// and two when it is not.
///
/// # Errors
/// As [`read`], naming the file.
pub fn load(path: impl AsRef<Path>, policy: Policy, limits: &Limits) -> Result<Object<'static>> {
    let file = FileSource::open(path)?;
    ahead(&file, 0, policy, limits).map_err(|e| named(e, &file))
}

/// A source of which a part was read already, and whose size was looked at once.
struct ReadAhead<'s, S: ?Sized> {
    source: &'s S,
    head: Buffer,
    /// Where `head` starts.
    from: u64,
    size: u64,
}

impl<S: Source + ?Sized> Source for ReadAhead<'_, S> {
    fn name(&self) -> Option<&Path> {
        self.source.name()
    }

    fn len(&self) -> Result<u64> {
        Ok(self.size)
    }

    fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let start = offset.checked_sub(self.from).and_then(|n| usize::try_from(n).ok());
        let there = start.and_then(|s| self.head.get(s..s.checked_add(out.len())?));
        match there {
            Some(bytes) => {
                out.copy_from_slice(bytes);
                Ok(())
            }
            None => self.source.read_exact_at(offset, out),
        }
    }
}

/// Where one object lies in a source. The methods take that source again, so that many entries share it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    header: Header,
    /// What was wrong with the header, where this one was made from the extension block.
    lost: Option<String>,
}

impl Entry {
    /// Reads and checks the header at `start`.
    ///
    /// # Errors
    /// `Invalid`, `Unsupported` for another version, `Io`.
    pub fn open<S: Source + ?Sized>(source: &S, start: u64) -> Result<Entry> {
        let size = source.len()?;
        let header = read_header(source, start, size)?;
        Ok(Entry::of(header.check(size)?))
    }

    /// An entry whose header was checked before.
    pub(crate) fn of(header: Header) -> Entry {
        Entry { header, lost: None }
    }

    /// An entry whose header was lost, which is what is wrong with the file, and is known from elsewhere.
    pub(crate) fn mended(header: Header, lost: String) -> Entry {
        Entry { header, lost: Some(lost) }
    }

    /// What is wrong with the header in the file, where the object was found by its extension block instead. Other
    /// readers do not find it.
    pub fn lost_header(&self) -> Option<&str> {
        self.lost.as_deref()
    }

    /// The header, its ends inside the source.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The extension block, if there is one.
    ///
    /// # Errors
    /// As [`Block::parse`]; `Io`.
    pub fn block<S: Source + ?Sized>(&self, source: &S, limits: &Limits) -> Result<Option<Block>> {
        let Some(range) = self.block_range(source, limits)? else { return Ok(None) };
        // With the zeros that align the pickle.
        let end = range.end.saturating_add(crate::header::ALIGNMENT).min(self.header.gap().end);
        let len = end.saturating_sub(range.start);
        Block::parse(&source.bytes_at(range.start, len, limits)?, range.start)
    }

    /// Where the extension block lies as far as there is room for it, if there is one.
    pub(crate) fn block_range<S: Source + ?Sized>(
        &self,
        source: &S,
        limits: &Limits,
    ) -> Result<Option<Range<u64>>> {
        let gap = self.header.gap();
        if gap.end - gap.start < ext::HEAD_LEN as u64 {
            return Ok(None);
        }
        let head = source.bytes_at(gap.start, ext::HEAD_LEN as u64, limits)?;
        Ok(Block::len_of(&head).map(|n| gap.start..gap.start.saturating_add(n as u64).min(gap.end)))
    }

    /// What the extension block says that can be checked: nothing where there is none.
    ///
    /// # Errors
    /// As [`Entry::block`].
    pub fn checks<S: Source + ?Sized>(&self, source: &S, limits: &Limits) -> Result<Checks> {
        Ok(self.block(source, limits)?.map(|b| b.checks()).unwrap_or_default())
    }

    /// Compares the checksums of the extension block with pickle and array; without them there is nothing to compare.
    ///
    /// # Errors
    /// `Invalid` naming what is damaged; as [`Entry::block`].
    pub fn verify<S: Source + ?Sized>(&self, source: &S, limits: &Limits) -> Result<()> {
        let checks = self.checks(source, limits)?;
        self.verify_pickle(&checks, source, limits)?;
        self.verify_array(&checks, source, limits)
    }

    /// Compares the checksum of the pickle.
    ///
    /// # Errors
    /// `Invalid` where it is another; `Limit`, `Io`.
    pub fn verify_pickle<S: Source + ?Sized>(
        &self,
        checks: &Checks,
        source: &S,
        limits: &Limits,
    ) -> Result<()> {
        let Some(stated) = checks.pickle else { return Ok(()) };
        let bytes = self.pickle(source, limits)?;
        ext::compare("the pickle", stated, || ext::checksum(&bytes))
            .map_err(|e| e.reading("metadata").at(self.header.pickle.start))
    }

    /// Compares the checksum of the array.
    ///
    /// # Errors
    /// As [`Entry::verify_pickle`].
    pub fn verify_array<S: Source + ?Sized>(
        &self,
        checks: &Checks,
        source: &S,
        limits: &Limits,
    ) -> Result<()> {
        let Some(stated) = checks.array else { return Ok(()) };
        let Range { start, end } = self.header.array;
        let made = match source.as_slice() {
            Some(_) => ext::checksum(&source.bytes_at(start, end.saturating_sub(start), limits)?),
            None => {
                let mut sum = XxHash3_64::new();
                let mut at = start;
                while at < end {
                    let len = (end - at).min(PIECE);
                    sum.write(&source.bytes_at(at, len, limits)?);
                    at += len;
                }
                sum.finish()
            }
        };
        ext::compare("the array", stated, || made).map_err(|e| e.reading("array").at(start))
    }

    /// The bytes of the metadata pickle.
    ///
    /// # Errors
    /// `Limit`, `Io`.
    pub fn pickle<'a, S: Source + ?Sized>(&self, source: &'a S, limits: &Limits) -> Result<Cow<'a, [u8]>> {
        let range = &self.header.pickle;
        source.bytes_at(range.start, range.end.saturating_sub(range.start), limits)
    }

    /// The metadata.
    ///
    /// # Errors
    /// As [`hyperslab_pickle::load`]; offsets count from the start of the source.
    pub fn metadata<S: Source + ?Sized>(&self, source: &S, policy: Policy, limits: &Limits) -> Result<Value> {
        let bytes = self.pickle(source, limits)?;
        hyperslab_pickle::load(&bytes, policy, limits)
            .and_then(|p| p.to_value(limits))
            .map_err(|e| e.shifted(self.header.pickle.start).reading("metadata").at(self.header.pickle.start))
    }

    /// What the header of the array says. Whether the array is all there, and no pickle of objects, is
    /// [`Entry::check_array`].
    ///
    /// # Errors
    /// `Invalid` for anything but an NPY header, `Unsupported`, `Limit`, `Io`.
    pub fn array_header<S: Source + ?Sized>(&self, source: &S, limits: &Limits) -> Result<npy::Header> {
        self.npy_header(source, limits).map_err(|e| self.in_array(e))
    }

    /// Checks that the elements of the array lie inside the object.
    ///
    /// # Errors
    /// `Invalid` for a truncated array, `Unsupported` for Python objects.
    pub fn check_array(&self, header: &npy::Header) -> Result<()> {
        let dtype = &header.dtype;
        let range = &self.header.array;
        let there = range.end.saturating_sub(range.start).saturating_sub(header.data_offset);
        if dtype.has_indirection() {
            return Err(self.in_array(Error::unsupported(format!(
                "elements of {dtype} are a pickle of Python objects"
            ))));
        }
        if header.nbytes > there {
            let (shape, wanted) = (&header.shape, header.nbytes);
            let what = format!(
                "shape {shape} of {dtype} takes {wanted} bytes, {there} are there: the array is truncated"
            );
            return Err(self.in_array(Error::invalid(what).at(header.data_offset)));
        }
        Ok(())
    }

    /// Offsets in the array as offsets in the source.
    fn in_array(&self, e: Error) -> Error {
        e.at(0).shifted(self.header.array.start).reading("array")
    }

    fn npy_header<S: Source + ?Sized>(&self, source: &S, limits: &Limits) -> Result<npy::Header> {
        let start = self.header.array.start;
        let room = self.header.array.end.saturating_sub(start);
        let first = source.bytes_at(start, room.min(HEAD), limits)?;
        if !first.starts_with(npy::MAGIC) {
            let found = first.get(..6).unwrap_or(&first);
            return Err(Error::invalid(match found {
                [] => "the array is missing: the object ends before it".to_owned(),
                found => format!("the array is not an NPY file: it starts with {found:02x?}"),
            }));
        }
        let len = npy::length(&first)? as u64;
        if len <= first.len() as u64 {
            npy::parse(&first)
        } else {
            npy::parse(&source.bytes_at(start, len.min(room), limits)?)
        }
    }

    /// The selected elements of the array: a view where the source is memory.
    ///
    /// # Errors
    /// As [`Entry::array_header`] and [`Entry::check_array`], and `Usage` for a selection that does not fit.
    pub fn array<'a, S: Source + ?Sized>(
        &self,
        source: &'a S,
        selection: &Selection,
        limits: &Limits,
    ) -> Result<View<'a>> {
        let header = self.array_header(source, limits)?;
        self.check_array(&header)?;
        header.read(source, self.header.array.start, selection, limits).map_err(|e| e.reading("array"))
    }
}

/// Parses what lies at `start`; its offsets are not checked.
pub(crate) fn read_header<S: Source + ?Sized>(source: &S, start: u64, size: u64) -> Result<Header> {
    let mut bytes = [0; HEADER_LEN];
    let there = usize::try_from(size.saturating_sub(start)).unwrap_or(usize::MAX).min(HEADER_LEN);
    let bytes = bytes.get_mut(..there).unwrap_or_default();
    source.read_exact_at(start.min(size), bytes)?;
    Header::parse(bytes, start, size)
}

/// Adds the source's name to an error.
pub(crate) fn named<S: Source + ?Sized>(e: Error, source: &S) -> Error {
    match source.name() {
        Some(name) => e.file(name),
        None => e,
    }
}
