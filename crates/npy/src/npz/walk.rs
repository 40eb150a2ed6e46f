//! The regions of an archive: every member's local header, data and descriptor, the directory, the end records.
//!
//! A member whose local header does not agree with the directory takes no region here: reading it says why. One that
//! is encrypted or packed by another method has its place all the same. What is no array and holds nothing (a folder)
//! is checked here, since nobody reads it.
//! Source: PKWARE APPNOTE 6.3.10, sections 4.3.7 to 4.3.16.

use super::Npz;
use super::directory::{DESCRIPTOR, Entry, LOCAL_LEN, find_end};
use super::le::{u16_at, u64_at};
use hyperslab_core::walk::{Region, Seen, Visit};
use hyperslab_core::{Kind, Limits, Result, Source};

const DESCRIPTOR_MARK: &[u8; 4] = b"PK\x07\x08";

/// Hands out the regions of an archive.
pub(super) fn walk<S: Source>(npz: &Npz<S>, limits: &Limits, visit: Visit<'_>) -> Result<()> {
    for entry in npz.directory.entries() {
        let key = npz.directory.key(entry);
        let member = npz.member(entry, limits);
        if npz.is_folder(entry) {
            let content = member.and_then(|m| m.content(limits));
            if let Err(e) = content {
                visit(Seen::Damage(npz.about(e, entry)))?;
                continue;
            }
        } else if member.is_err_and(|e| e.kind() != Kind::Unsupported) {
            continue;
        }
        let lengths = npz.source.bytes_at(entry.at.saturating_add(26), 4, limits)?;
        let half = |at| u64::from(u16_at(&lengths, at).unwrap_or(0));
        let head = LOCAL_LEN.saturating_add(half(0)).saturating_add(half(2));
        let mut region = |offset: u64, len: u64, what: &'static str| {
            visit(Seen::Region(Region::new(offset, len, what, key.trim_end_matches('/'))))
        };
        region(entry.at, head, "ZIP local header")?;
        let data_at = entry.at.saturating_add(head);
        region(data_at, entry.packed, "ZIP member's data")?;
        if entry.flags & DESCRIPTOR != 0 {
            let at = data_at.saturating_add(entry.packed);
            region(at, descriptor_len(&npz.source, entry, at, limits)?, "ZIP data descriptor")?;
        }
    }
    ends(&npz.source, limits, visit)
}

/// Length of a descriptor that was checked to agree with the directory.
fn descriptor_len<S: Source>(source: &S, entry: &Entry, at: u64, limits: &Limits) -> Result<u64> {
    let there = source.bytes_at(at, entry.end.saturating_sub(at).min(24), limits)?;
    let mark = if there.starts_with(DESCRIPTOR_MARK) { 4 } else { 0 };
    let wide =
        u64_at(&there, mark + 4) == Some(entry.packed) && u64_at(&there, mark + 12) == Some(entry.size);
    Ok(mark as u64 + if wide { 20 } else { 12 })
}

/// The directory and what follows it.
fn ends<S: Source>(source: &S, limits: &Limits, visit: Visit<'_>) -> Result<()> {
    let end = find_end(source, limits)?;
    visit(Seen::Region(Region::new(end.start, end.len, "ZIP directory", "")))?;
    let size = source.len()?;
    let mut at = end.start.saturating_add(end.len);
    loop {
        let head = source.bytes_at(at, size.saturating_sub(at).min(22), limits)?;
        let (len, what, last) = match head.get(..4) {
            Some(b"PK\x06\x06") => {
                (u64_at(&head, 4).unwrap_or(0).saturating_add(12), "ZIP64 end record", false)
            }
            Some(b"PK\x06\x07") => (20, "ZIP64 end locator", false),
            Some(b"PK\x05\x06") => {
                (u64::from(u16_at(&head, 20).unwrap_or(0)).saturating_add(22), "ZIP end record", true)
            }
            _ => return Ok(()),
        };
        visit(Seen::Region(Region::new(at, len, what, "")))?;
        if last {
            return Ok(());
        }
        at = at.saturating_add(len);
    }
}
