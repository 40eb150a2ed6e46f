//! Packs: objects written one after another into one file, and what is left of a damaged one.
//!
//! Each object's array ends where the next header starts; starts are not aligned. A writer that died left zeros for
//! its last header, or a tail cut short; headers can be overwritten. After damage the next sound object is found by
//! its magic, and believed only where its offsets, which are absolute, fit the place it is at: the copy of an object
//! inside another's metadata or array does not.
//!
//! Keys are in the cache's index, and in the file only where objects have an extension block. Such an object is found
//! without its header too: the block says where everything lies, and its checksums whether it is still there.

use crate::ext::{self, Block};
use crate::header::{HEADER_LEN, Header, Layout, MAGIC};
use crate::object::{Entry, named, read_header};
use hyperslab_core::{Kind, Limits, Result, Source};
use std::ops::Range;

/// How much is searched at a time, at first and at most: what is near is found cheaply, however often.
const CHUNK: u64 = 1 << 12;
const MAX_CHUNK: u64 = 1 << 18;

/// The longest extension block, and zeros behind it.
const MAX_GAP: u64 = (1 << 16) + 256;

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
    /// Where the object that starts there would end, when that is past the end of the file.
    pub claims: Option<u64>,
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
    // Checksums that are made in vain do not take more time than reading the file twice.
    let mut mender = Mender { size, left: size.saturating_mul(2) };
    let (mut walk, mut at) = (Walk::default(), 0);
    while at < size {
        limits.count_objects(1)?;
        let lost = match sound_header(source, at, size)? {
            Ok(header) => {
                at = header.array.end;
                walk.entries.push(Entry::of(header));
                continue;
            }
            Err(lost) => lost,
        };
        if let Some(header) = mender.mend(source, at, limits)? {
            at = header.array.end;
            walk.entries.push(Entry::mended(header, lost.what));
            continue;
        }
        let next = search(source, at.saturating_add(1), size, &mut mender, limits)?.unwrap_or(size);
        let Lost { what, object, claims } = lost;
        walk.damage.push(Damage { range: at..next, what, object, claims });
        at = next;
    }
    Ok(walk)
}

/// An object of a pack, by what finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyed {
    /// The key in its extension block.
    pub key: Vec<u8>,
    /// Where the object is.
    pub entry: Entry,
    /// When it was made, in nanoseconds since 1970 UTC, where that is known.
    pub created: Option<i64>,
}

/// The index of a pack, made again from the extension blocks of its objects: those that have a key, in the order of the
/// file, and the number of those that have none or whose block is damaged. A key may be there more than once: what was
/// written last comes last.
///
/// Pickles and arrays are not looked at; [`Entry::verify`] does.
///
/// # Errors
/// As [`walk`].
pub fn index<S: Source + ?Sized>(source: &S, limits: &Limits) -> Result<(Vec<Keyed>, u64)> {
    let (mut keyed, mut without) = (Vec::new(), 0);
    for entry in walk(source, limits)?.entries {
        let block = match entry.block(source, limits) {
            Err(e) if matches!(e.kind(), Kind::Io | Kind::Limit) => return Err(named(e, source)),
            block => block.ok().flatten(),
        };
        let created = block.as_ref().and_then(|b| b.extension()?.created);
        match block.and_then(Block::into_key) {
            Some(key) => keyed.push(Keyed { key, entry, created }),
            None => without += 1,
        }
    }
    Ok((keyed, without))
}

/// Finds objects whose headers are lost by their extension blocks.
struct Mender {
    size: u64,
    /// Bytes of which checksums may still be made.
    left: u64,
}

impl Mender {
    /// The header of the object that starts at `at`, if its block is there and pickle and array fit their checksums.
    fn mend<S: Source + ?Sized>(&mut self, source: &S, at: u64, limits: &Limits) -> Result<Option<Header>> {
        let behind = at.saturating_add(Layout::Lp64Little.header_len());
        let room = self.size.saturating_sub(behind);
        let mut head = [0; ext::HEAD_LEN];
        if room < ext::HEAD_LEN as u64 {
            return Ok(None);
        }
        source.read_exact_at(behind, &mut head)?;
        let Some(len) = Block::len_of(&head).map(|n| n as u64).filter(|n| *n <= room) else {
            return Ok(None);
        };
        let bytes = source.bytes_at(behind, len, limits)?;
        let checks = match Block::parse(&bytes, behind) {
            Ok(Some(block)) => block.checks(),
            _ => return Ok(None),
        };
        let Some(place) = checks.place.filter(|p| checks.block && p.start == at) else { return Ok(None) };
        let header = Header::place_behind(at, len, place.pickle_len, place.array_len);
        let Some(header) = header.filter(|h| h.array.end <= self.size) else { return Ok(None) };
        let cost = header.array.end.saturating_sub(at);
        if checks.pickle.is_none() || checks.array.is_none() || cost > self.left {
            return Ok(None);
        }
        self.left -= cost;
        let entry = Entry::of(header);
        let sound = entry
            .verify_pickle(&checks, source, limits)
            .and_then(|()| entry.verify_array(&checks, source, limits));
        match sound {
            Ok(()) => {
                // What is found is not found again: only checksums in vain count.
                self.left = self.left.saturating_add(cost);
                Ok(Some(entry.header().clone()))
            }
            Err(e) if matches!(e.kind(), Kind::Io | Kind::Limit) => Err(e),
            Err(_) => Ok(None),
        }
    }
}

/// What is wrong with a header.
struct Lost {
    what: String,
    /// Whether an object was there.
    object: bool,
    /// The end past the file's that it states.
    claims: Option<u64>,
}

/// The header at `at`, if it leads to a whole object.
fn sound_header<S: Source + ?Sized>(
    source: &S,
    at: u64,
    size: u64,
) -> Result<std::result::Result<Header, Lost>> {
    let lost = |what: String, object, claims| Ok(Err(Lost { what, object, claims }));
    let mut bytes = [0; HEADER_LEN];
    let there = usize::try_from(size.saturating_sub(at)).unwrap_or(usize::MAX).min(HEADER_LEN);
    let bytes = bytes.get_mut(..there).unwrap_or_default();
    source.read_exact_at(at, bytes)?;
    if there == HEADER_LEN && bytes.iter().all(|&b| b == 0) {
        let what = "a header that was never written: its writer died or its metadata could not be pickled";
        return lost(what.into(), true, None);
    }
    let header = match Header::parse(bytes, at, size) {
        Ok(h) => h,
        Err(e) => return lost(e.message().to_owned(), bytes.starts_with(MAGIC), None),
    };
    if !header.is_ordered() || header.array.end <= at {
        lost("a header whose offsets contradict one another".into(), true, None)
    } else if header.array.end > size {
        let end = header.array.end;
        let what = format!("an object that ends at byte {end}, past the file's end at {size}");
        lost(what, true, Some(end))
    } else {
        Ok(Ok(header))
    }
}

/// The first place from `from` on where an object certainly starts.
fn search<S: Source + ?Sized>(
    source: &S,
    from: u64,
    size: u64,
    mender: &mut Mender,
    limits: &Limits,
) -> Result<Option<u64>> {
    let finder = memchr::memmem::Finder::new(MAGIC);
    let (mut at, mut step) = (from, CHUNK);
    while at < size {
        // Chunks overlap by a header, so that each candidate lies whole in one of them.
        let len = step.min(size - at);
        let chunk = source.bytes_at(at, len, limits)?;
        for i in finder.find_iter(&chunk) {
            let place = at.saturating_add(i as u64);
            let Some(rest) = chunk.get(i..) else { continue };
            if rest.starts_with(ext::MAGIC) {
                // The block of an object whose header is lost.
                let start = place.checked_sub(HEADER_LEN as u64).filter(|s| *s >= from);
                if let Some(start) = start
                    && mender.mend(source, start, limits)?.is_some()
                {
                    return Ok(Some(start));
                }
                continue;
            }
            let Some(bytes) = rest.get(..HEADER_LEN).filter(|b| b.get(3) == Some(&0)) else { continue };
            if let Ok(header) = Header::parse(bytes, place, size)
                && is_certain(source, &header, size, limits)?
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
fn is_certain<S: Source + ?Sized>(source: &S, header: &Header, size: u64, limits: &Limits) -> Result<bool> {
    let placed = header.is_canonical() || is_behind_a_block(source, header, limits)?;
    if !placed || header.array.end > size || header.array.end - header.array.start < 10 {
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

/// Whether the pickle lies where it does because of an extension block, with nothing but zeros behind it.
fn is_behind_a_block<S: Source + ?Sized>(source: &S, header: &Header, limits: &Limits) -> Result<bool> {
    let gap = header.gap();
    let len = gap.end - gap.start;
    // Offsets that are out of order, or that leave more room than the longest block takes, are nobody's.
    if !header.is_ordered() || !header.has_aligned_parts() || len > MAX_GAP || len < ext::HEAD_LEN as u64 {
        return Ok(false);
    }
    let mut head = [0; ext::HEAD_LEN];
    source.read_exact_at(gap.start, &mut head)?;
    let Some(block) = Block::len_of(&head).filter(|n| *n as u64 <= len) else { return Ok(false) };
    let bytes = source.bytes_at(gap.start, len, limits)?;
    Ok(bytes.iter().skip(block).all(|&b| b == 0))
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
