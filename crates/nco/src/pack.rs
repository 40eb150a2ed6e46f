//! Packs: objects written one after another into one file, and what is left of a damaged one.
//!
//! Each object's array ends where the next header starts; starts are not aligned. A writer that died left zeros for
//! its last header, or a tail cut short; headers can be overwritten. After damage the next sound object is found by
//! its magic, and believed only where its offsets, which are absolute, fit the place it is at: the copy of an object
//! inside another's metadata or array does not. Keys are not in the file; they are in the cache's index.

use crate::header::{HEADER_LEN, Header, MAGIC};
use crate::object::{Entry, named, read_header};
use hyperslab_core::{Limits, Result, Source};
use std::ops::Range;

/// How much is searched at a time, at first and at most: what is near is found cheaply, however often.
const CHUNK: u64 = 1 << 12;
const MAX_CHUNK: u64 = 1 << 18;

/// The first byte of an NPY file after the metadata, and a few more.
const NPY_MAGIC: &[u8; 6] = b"\x93NUMPY";

/// A stretch of a pack that holds no whole object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Its bytes.
    pub range: Range<u64>,
    /// What is wrong where it starts.
    pub what: String,
    /// Whether an object was there once: it starts with an object's magic, or with the zeros of a header that was
    /// never written. Other bytes may never have been one.
    pub object: bool,
}

/// What a walk over a pack found, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Walk {
    /// The objects whose headers are sound.
    pub entries: Vec<Entry>,
    /// What lies between, before and after them.
    pub damage: Vec<Damage>,
}

/// Walks over the objects of a file from its start.
///
/// Headers are checked, pickles and arrays are not looked at. Takes time in proportion to the number of objects, and
/// after damage to the bytes that are searched.
///
/// # Errors
/// `Limit` for more objects than the limits allow, `Io`. Damage is a finding, not an error.
pub fn walk<S: Source + ?Sized>(source: &S, limits: &Limits) -> Result<Walk> {
    walk_unnamed(source, limits).map_err(|e| named(e, source))
}

fn walk_unnamed<S: Source + ?Sized>(source: &S, limits: &Limits) -> Result<Walk> {
    let size = source.len()?;
    let (mut walk, mut at) = (Walk::default(), 0);
    while at < size {
        limits.count_objects(1)?;
        let (what, object) = match sound_header(source, at, size)? {
            Ok(header) => {
                at = header.array.end;
                walk.entries.push(Entry::of(header));
                continue;
            }
            Err(lost) => lost,
        };
        let next = search(source, at.saturating_add(1), size, limits)?.unwrap_or(size);
        walk.damage.push(Damage { range: at..next, what, object });
        at = next;
    }
    Ok(walk)
}

/// The header at `at`, if it leads to a whole object; otherwise what is wrong, and whether an object was there.
fn sound_header<S: Source + ?Sized>(
    source: &S,
    at: u64,
    size: u64,
) -> Result<std::result::Result<Header, (String, bool)>> {
    let mut bytes = [0; HEADER_LEN];
    let there = usize::try_from(size.saturating_sub(at)).unwrap_or(usize::MAX).min(HEADER_LEN);
    let bytes = bytes.get_mut(..there).unwrap_or_default();
    source.read_exact_at(at, bytes)?;
    if there == HEADER_LEN && bytes.iter().all(|&b| b == 0) {
        let what = "a header that was never written: its writer died or its metadata could not be pickled";
        return Ok(Err((what.into(), true)));
    }
    let header = match Header::parse(bytes, at, size) {
        Ok(h) => h,
        Err(e) => return Ok(Err((e.message().to_owned(), bytes.starts_with(MAGIC)))),
    };
    Ok(if !header.is_ordered() || header.array.end <= at {
        Err(("a header whose offsets contradict one another".into(), true))
    } else if header.array.end > size {
        let end = header.array.end;
        Err((format!("an object that ends at byte {end}, past the file's end at {size}"), true))
    } else {
        Ok(header)
    })
}

/// The first place from `from` on where an object certainly starts.
fn search<S: Source + ?Sized>(source: &S, from: u64, size: u64, limits: &Limits) -> Result<Option<u64>> {
    let finder = memchr::memmem::Finder::new(b"NCO\0");
    let (mut at, mut step) = (from, CHUNK);
    while at < size {
        // Chunks overlap by a header, so that each candidate lies whole in one of them.
        let len = step.min(size - at);
        let chunk = source.bytes_at(at, len, limits)?;
        for i in finder.find_iter(&chunk) {
            let Some(bytes) = chunk.get(i..i.saturating_add(HEADER_LEN)) else { continue };
            let place = at.saturating_add(i as u64);
            if let Ok(header) = Header::parse(bytes, place, size)
                && is_certain(source, &header, size)?
            {
                return Ok(Some(place));
            }
        }
        if at + len == size {
            break;
        }
        at += len.saturating_sub(HEADER_LEN as u64 - 1).max(1);
        step = (step * 2).min(MAX_CHUNK);
    }
    Ok(None)
}

/// Whether a header is placed as nengo places them, with a pickle and an array where it says, and the file or
/// another header at its end.
fn is_certain<S: Source + ?Sized>(source: &S, header: &Header, size: u64) -> Result<bool> {
    if !header.is_canonical() || header.array.end > size || header.array.end - header.array.start < 10 {
        return Ok(false);
    }
    let mut magic = [0; 6];
    source.read_exact_at(header.array.start, &mut magic)?;
    if &magic != NPY_MAGIC || header.pickle.is_empty() {
        return Ok(false);
    }
    if header.array.end == size {
        return Ok(true);
    }
    let next = match read_header(source, header.array.end, size) {
        Ok(next) => next,
        // What follows may be damaged as well; the rest of the evidence is strong where the header itself is.
        Err(_) => return starts_like_a_pickle(source, header),
    };
    Ok(next.is_ordered() || starts_like_a_pickle(source, header)?)
}

/// Whether the pickle starts with `PROTO` and ends with `STOP`.
fn starts_like_a_pickle<S: Source + ?Sized>(source: &S, header: &Header) -> Result<bool> {
    let (mut first, mut last) = ([0; 2], [0; 1]);
    if header.pickle.end - header.pickle.start < 2 {
        return Ok(false);
    }
    source.read_exact_at(header.pickle.start, &mut first)?;
    source.read_exact_at(header.pickle.end - 1, &mut last)?;
    Ok(matches!(first, [0x80, 2..=5]) && last == *b".")
}
