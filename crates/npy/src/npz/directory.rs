//! The central directory of a ZIP archive, read strictly.
//!
//! What cannot be two things at once is refused here: two end records, members that overlap or share a name, counts
//! and offsets that do not add up, archives in several parts. That each member's local header tells the same story
//! is checked when the member is read (`member`). Bytes before the archive are allowed, as ZIP allows them.
//! Source: PKWARE APPNOTE 6.3.10, sections 4.3 and 4.4; CPython 3.11 `zipfile` for what real files do.

use super::index::Index;
use super::le::{u16_at, u32_at, u64_at};
use super::names;
use hyperslab_core::{Error, Limits, Result, Source};
use std::borrow::Cow;
use std::ops::Range;

const END: &[u8; 4] = b"PK\x05\x06";
const END_LEN: u64 = 22;
const END64: &[u8; 4] = b"PK\x06\x06";
const END64_LEN: u64 = 56;
const LOCATOR: &[u8; 4] = b"PK\x06\x07";
const LOCATOR_LEN: u64 = 20;
const CENTRAL: &[u8; 4] = b"PK\x01\x02";
const CENTRAL_LEN: usize = 46;
/// The fixed part of a local header.
pub(super) const LOCAL_LEN: u64 = 30;
/// The extra field that holds 64-bit sizes and offsets.
pub(super) const ZIP64: u16 = 0x0001;
/// What 32-bit fields hold when the ZIP64 field has the value.
const IN_ZIP64: u64 = u32::MAX as u64;

/// General purpose flags.
pub(super) const ENCRYPTED: u16 = 1;
pub(super) const DESCRIPTOR: u16 = 1 << 3;
pub(super) const UTF8: u16 = 1 << 11;

/// One member, as the central directory has it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    name: Range<usize>,
    /// The part of the name that is its key.
    key: Range<usize>,
    pub(super) flags: u16,
    pub(super) method: u16,
    pub(super) crc: u32,
    /// Bytes in the archive.
    pub(super) packed: u64,
    /// Bytes unpacked.
    pub(super) size: u64,
    /// Of the local header, in the source.
    pub(super) at: u64,
    /// Where the next member or the directory begins: nothing of this member lies beyond.
    pub(super) end: u64,
}

impl Entry {
    /// A member that no directory tells of, without a name.
    pub(super) fn loose(flags: u16, method: u16, crc: u32, packed: u64, size: u64, at: u64) -> Entry {
        Entry { name: 0..0, key: 0..0, flags, method, crc, packed, size, at, end: u64::MAX }
    }
}

/// All members, in the order of the directory.
#[derive(Debug)]
pub(super) struct Directory {
    entries: Vec<Entry>,
    /// Every name, one after another.
    names: String,
    by_name: Index,
    by_key: Index,
    surplus: u64,
}

impl Directory {
    /// Bytes before the archive and behind its end record.
    pub(super) fn surplus(&self) -> u64 {
        self.surplus
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(super) fn name(&self, entry: &Entry) -> &str {
        self.names.get(entry.name.clone()).unwrap_or_default()
    }

    /// The key under which NumPy finds a member: without `.npy`, unless that is another member's whole name.
    pub(super) fn key(&self, entry: &Entry) -> &str {
        self.names.get(entry.key.clone()).unwrap_or_default()
    }

    /// The member of this very name.
    pub(super) fn find(&self, name: &str) -> Option<&Entry> {
        let found = self.by_name.find(name, |i| self.nth(i).map_or("", |e| self.name(e)));
        found.and_then(|i| self.nth(i))
    }

    /// The member of a key.
    pub(super) fn find_key(&self, key: &str) -> Option<&Entry> {
        let found = self.by_key.find(key, |i| self.nth(i).map_or("", |e| self.key(e)));
        found.and_then(|i| self.nth(i))
    }

    fn nth(&self, i: u32) -> Option<&Entry> {
        self.entries.get(i as usize)
    }
}

/// Where the directory lies.
pub(super) struct End {
    pub(super) start: u64,
    pub(super) len: u64,
    count: u64,
    /// Bytes before the archive: offsets in it count from here.
    base: u64,
    /// Bytes behind the end record.
    tail: u64,
}

fn invalid(at: u64, message: impl Into<Cow<'static, str>>) -> Error {
    Error::invalid(message).at(at)
}

/// Reads the directory.
///
/// # Errors
/// `Invalid` for everything that does not add up, `Unsupported` for archives in several parts, `Limit` for more
/// members than the limits allow objects, `Io`.
pub(super) fn read<S: Source + ?Sized>(source: &S, limits: &Limits) -> Result<Directory> {
    let end = find_end(source, limits).map_err(|e| e.reading("ZIP end record"))?;
    // Each entry takes its fixed part at least, so the count is bounded by the file.
    if end.count.checked_mul(CENTRAL_LEN as u64).is_none_or(|n| n > end.len) {
        return Err(invalid(
            end.start,
            format!("a directory of {} bytes cannot hold {} members", end.len, end.count),
        )
        .reading("ZIP directory"));
    }
    limits.count_objects(end.count)?;
    let bytes = source.bytes_at(end.start, end.len, limits)?;
    let mut directory = Directory {
        entries: Vec::with_capacity(usize::try_from(end.count).unwrap_or(0)),
        names: String::with_capacity(bytes.len().saturating_sub(CENTRAL_LEN)),
        by_name: Index::new(0),
        by_key: Index::new(0),
        surplus: end.base.saturating_add(end.tail),
    };
    let mut at = 0;
    for _ in 0..end.count {
        let entry_at = end.start.saturating_add(at as u64);
        let rest = bytes.get(at..).unwrap_or_default();
        let (entry, len) = entry(rest, &end, &mut directory.names)
            .map_err(|e| e.at(entry_at).reading("ZIP directory entry"))?;
        directory.entries.push(entry);
        at = at.saturating_add(len);
    }
    if at != bytes.len() {
        return Err(invalid(
            end.start.saturating_add(at as u64),
            format!(
                "the directory of {} members has {} bytes left over",
                end.count,
                bytes.len().saturating_sub(at)
            ),
        )
        .reading("ZIP directory"));
    }
    separate(&mut directory.entries, &directory.names, end.start)?;
    index(&mut directory)?;
    Ok(directory)
}

/// Finds the one end record and what it says about the directory.
pub(super) fn find_end<S: Source + ?Sized>(source: &S, limits: &Limits) -> Result<End> {
    let size = source.len()?;
    let at = locate_end(source, size, limits)?;
    let record = source.bytes_at(at, END_LEN, limits)?;
    let cut = || invalid(at, "the end record is cut off");
    let half = |i| u16_at(&record, i).map(u64::from).ok_or_else(cut);
    let word = |i| u32_at(&record, i).map(u64::from).ok_or_else(cut);
    let (disk, first_disk, here, all) = (half(4)?, half(6)?, half(8)?, half(10)?);
    let (len, offset) = (word(12)?, word(16)?);
    let plain = End { start: offset, len, count: all, base: 0, tail: 0 };
    let wide =
        [disk, first_disk, here, all].contains(&u64::from(u16::MAX)) || [len, offset].contains(&IN_ZIP64);
    let (told, directory_end) = match find_end64(source, at, limits)? {
        Some((told, end64_at)) => {
            let agrees = |narrow: u64, limit: u64, wide: u64| narrow == limit || narrow == wide;
            if !(agrees(all, u16::MAX.into(), told.count)
                && agrees(len, IN_ZIP64, told.len)
                && agrees(offset, IN_ZIP64, told.start))
            {
                return Err(invalid(at, "the end record and its ZIP64 twin disagree"));
            }
            (told, end64_at)
        }
        None if wide => return Err(invalid(at, "the end record needs a ZIP64 twin, which is missing")),
        None => {
            if disk != 0 || first_disk != 0 || here != all {
                return Err(Error::unsupported("an archive in several parts").at(at));
            }
            (plain, at)
        }
    };
    let start = directory_end.checked_sub(told.len).ok_or_else(|| {
        invalid(at, format!("a directory of {} bytes does not fit before byte {directory_end}", told.len))
    })?;
    let base = start.checked_sub(told.start).ok_or_else(|| {
        invalid(at, format!("the directory should be at byte {}, it can only be at {start}", told.start))
    })?;
    if base >= END_LEN && source.bytes_at(base - END_LEN, 4, limits)?.as_ref() == END {
        return Err(invalid(
            base - END_LEN,
            "another archive ends where this one begins: which is meant is ambiguous",
        ));
    }
    let tail = size.saturating_sub(at.saturating_add(END_LEN));
    Ok(End { start, base, tail, ..told })
}

/// The position of the end record. Nearly always it is the last thing in the file, and nothing can dispute that;
/// behind a comment there may be a second one, and readers would choose differently.
fn locate_end<S: Source + ?Sized>(source: &S, size: u64, limits: &Limits) -> Result<u64> {
    let missing = || Error::invalid("no end record: this is not a ZIP archive, or it is truncated").at(size);
    let last = size.checked_sub(END_LEN).ok_or_else(missing)?;
    if source.bytes_at(last, END_LEN, limits)?.starts_with(END) {
        return match u16_at(&source.bytes_at(last.saturating_add(20), 2, limits)?, 0) {
            Some(0) => Ok(last),
            _ => Err(invalid(last, "the archive's comment is cut off")),
        };
    }
    let from = size.saturating_sub(END_LEN + u64::from(u16::MAX));
    let tail = source.bytes_at(from, size - from, limits)?;
    let mut chosen: Option<(u64, bool)> = None;
    for (i, window) in tail.windows(END_LEN as usize).enumerate().rev() {
        if !window.starts_with(END) {
            continue;
        }
        let at = from.saturating_add(i as u64);
        let comment = u16_at(window, 20).map_or(0, u64::from);
        let comment_end = at.saturating_add(END_LEN).saturating_add(comment);
        let exact = comment_end == size;
        match chosen {
            None if comment_end > size => return Err(invalid(at, "the archive's comment is cut off")),
            None => chosen = Some((at, exact)),
            Some((other, _)) if exact => {
                return Err(invalid(
                    at,
                    format!(
                        "two end records, the other at byte {other}: which directory is meant is ambiguous"
                    ),
                ));
            }
            Some(_) => {}
        }
    }
    chosen.map(|(at, _)| at).ok_or_else(missing)
}

/// The ZIP64 end record before the end record at `end_at`, where there is one, and its position.
fn find_end64<S: Source + ?Sized>(source: &S, end_at: u64, limits: &Limits) -> Result<Option<(End, u64)>> {
    let Some(locator_at) = end_at.checked_sub(LOCATOR_LEN) else { return Ok(None) };
    let locator = source.bytes_at(locator_at, LOCATOR_LEN, limits)?;
    if !locator.starts_with(LOCATOR) {
        return Ok(None);
    }
    let cut = || invalid(locator_at, "the ZIP64 end record is cut off");
    let told_at = u64_at(&locator, 8).ok_or_else(cut)?;
    if u32_at(&locator, 4) != Some(0) || u32_at(&locator, 16).is_none_or(|parts| parts > 1) {
        return Err(Error::unsupported("an archive in several parts").at(locator_at));
    }
    // Directly before its locator, unless it has private data at its end; then only its own offset tells.
    let candidates = [locator_at.checked_sub(END64_LEN), Some(told_at)];
    for at in candidates
        .into_iter()
        .flatten()
        .filter(|at| locator_at.checked_sub(END64_LEN).is_some_and(|m| *at <= m))
    {
        let record = source.bytes_at(at, END64_LEN, limits)?;
        let length = u64_at(&record, 4).and_then(|n| n.checked_add(12));
        if !record.starts_with(END64) || length.and_then(|n| n.checked_add(at)) != Some(locator_at) {
            continue;
        }
        let double = |i| u64_at(&record, i).ok_or_else(cut);
        let (disks, here, count) = (double(16)?, double(24)?, double(32)?);
        if disks != 0 || here != count {
            return Err(Error::unsupported("an archive in several parts").at(at));
        }
        return Ok(Some((End { start: double(48)?, len: double(40)?, count, base: 0, tail: 0 }, at)));
    }
    Err(invalid(locator_at, format!("no ZIP64 end record where its locator says, at byte {told_at}")))
}

/// Parses one entry and says how long it is.
fn entry(b: &[u8], end: &End, names: &mut String) -> Result<(Entry, usize)> {
    let cut = || Error::invalid("the directory ends in the middle of an entry");
    if !b.starts_with(CENTRAL) {
        let found = b.get(..4).ok_or_else(cut)?;
        return Err(Error::invalid(format!("{found:02x?} where an entry begins with {CENTRAL:02x?}")));
    }
    let half = |i| u16_at(b, i).ok_or_else(cut);
    let word = |i| u32_at(b, i).ok_or_else(cut);
    let (flags, method, crc) = (half(8)?, half(10)?, word(16)?);
    let (name_len, extra_len, comment_len) = (half(28)?, half(30)?, half(32)?);
    let name_end = CENTRAL_LEN + usize::from(name_len);
    let extra_end = name_end + usize::from(extra_len);
    let name = b.get(CENTRAL_LEN..name_end).ok_or_else(cut)?;
    let extra = b.get(name_end..extra_end).ok_or_else(cut)?;
    let len = extra_end + usize::from(comment_len);
    if b.len() < len {
        return Err(cut());
    }
    let mut wide = Wide::new(extra);
    let size = wide.resolve(word(24)?)?;
    let packed = wide.resolve(word(20)?)?;
    let offset = wide.resolve(word(42)?)?;
    if !matches!(half(34)?, 0 | u16::MAX) {
        return Err(Error::unsupported("an archive in several parts"));
    }
    let start = names.len();
    names::decode(name, flags & UTF8 != 0, names)?;
    // The local header repeats the name, so this much is certain.
    let least = LOCAL_LEN + u64::from(name_len);
    let at = offset.checked_add(end.base);
    let last = at.and_then(|at| at.checked_add(least)?.checked_add(packed));
    match (at, last) {
        (Some(at), Some(last)) if last <= end.start => {
            let entry = Entry {
                name: start..names.len(),
                key: start..names.len(),
                flags,
                method,
                crc,
                packed,
                size,
                at,
                end: last,
            };
            Ok((entry, len))
        }
        _ => Err(Error::invalid(format!(
            "the member {:?} of {packed} bytes at byte {offset} does not fit before the directory",
            names.get(start..).unwrap_or_default()
        ))),
    }
}

/// Parses one entry at `at` of a directory that is not whole: its name, what it says, and how long it is.
///
/// # Errors
/// As a whole directory's.
pub(super) fn loose(b: &[u8], at: u64) -> Result<(String, Entry, usize)> {
    let end = End { start: at, len: 0, count: 0, base: 0, tail: 0 };
    let mut name = String::new();
    let (entry, len) = entry(b, &end, &mut name)?;
    Ok((name, entry, len))
}

/// The 64-bit values of a ZIP64 extra field, which holds only those that did not fit, in order.
pub(super) struct Wide<'a>(Option<&'a [u8]>);

impl<'a> Wide<'a> {
    pub(super) fn new(mut extra: &'a [u8]) -> Self {
        while let (Some(id), Some(len)) = (u16_at(extra, 0), u16_at(extra, 2)) {
            let end = 4 + usize::from(len);
            if id == ZIP64 {
                return Wide(extra.get(4..end));
            }
            extra = extra.get(end..).unwrap_or_default();
        }
        Wide(None)
    }

    /// The value of a 32-bit field.
    pub(super) fn resolve(&mut self, narrow: u32) -> Result<u64> {
        if u64::from(narrow) != IN_ZIP64 {
            return Ok(narrow.into());
        }
        let (value, rest) = self
            .0
            .and_then(|b| Some((u64_at(b, 0)?, b.get(8..)?)))
            .ok_or_else(|| Error::invalid("a 64-bit value is announced and its ZIP64 field is missing"))?;
        self.0 = Some(rest);
        Ok(value)
    }
}

/// Gives every entry the bound that its local header and data must keep, or finds two that overlap.
fn separate(entries: &mut [Entry], names: &str, directory_at: u64) -> Result<()> {
    let mut order: Vec<u32> = (0..entries.len()).map(|i| i as u32).collect();
    order.sort_unstable_by_key(|i| entries.get(*i as usize).map(|e| (e.at, e.end)));
    let mut bound = directory_at;
    let mut after = String::from("the directory");
    for i in order.into_iter().rev() {
        let Some(e) = entries.get_mut(i as usize) else { continue };
        if e.end > bound {
            let name = names.get(e.name.clone()).unwrap_or_default();
            return Err(
                invalid(e.at, format!("the member {name:?} overlaps {after}")).reading("ZIP directory")
            );
        }
        e.end = bound;
        bound = e.at;
        after.clear();
        after.push_str("the next member");
    }
    Ok(())
}

/// Makes names and keys findable; no two members may share a name.
fn index(directory: &mut Directory) -> Result<()> {
    let Directory { entries, names, by_name, by_key, .. } = directory;
    let text = |r: &Range<usize>| names.get(r.clone()).unwrap_or_default();
    *by_name = Index::new(entries.len());
    for (i, e) in (0u32..).zip(entries.iter()) {
        let name = text(&e.name);
        if by_name.insert(name, i, |j| entries.get(j as usize).map_or("", |e| text(&e.name))).is_some() {
            return Err(Error::invalid(format!("two members are named {name:?}")).reading("ZIP directory"));
        }
    }
    let mut keys = Vec::with_capacity(entries.len());
    for e in entries.iter() {
        let stem = text(&e.name).strip_suffix(names::SUFFIX);
        let own = stem
            .filter(|s| by_name.find(s, |j| entries.get(j as usize).map_or("", |e| text(&e.name))).is_none());
        keys.push(own.map_or(e.name.clone(), |s| e.name.start..e.name.start + s.len()));
    }
    entries.iter_mut().zip(keys).for_each(|(e, key)| e.key = key);
    *by_key = Index::new(entries.len());
    for (i, e) in (0u32..).zip(entries.iter()) {
        // Keys are unique because names are.
        by_key.insert(text(&e.key), i, |j| entries.get(j as usize).map_or("", |e| text(&e.key)));
    }
    Ok(())
}
