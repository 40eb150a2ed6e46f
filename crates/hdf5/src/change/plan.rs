//! What a change will write, worked out before anything is written, and the order in which it is.
//!
//! 1. New bytes, behind the end of the file, where nothing refers to them.
//! 2. The end of the file in the superblock, so that what refers to them never refers beyond it.
//! 3. Elements that take the place of others where they lie: each is old or new, whenever the process is killed.
//! 4. The switches, one after another: writes to bytes that the file refers to. After each of them, the file is whole:
//!    what it was before or what it is to become. Nearly every change has one.
//!
//! Each of these is one write by position. A process that is killed between two of them leaves a file that any library
//! opens. A switch lies within one page of memory, which the system writes whole, or, where a loss of power is waited for,
//! within one sector of the disk, which that writes whole: whoever plans one asks [`Plan::tears`], and has another way.
//! Not here: what is written (the other modules of `change`).

use super::Change;
use crate::append::array::{Space, Write};
use crate::append::{Storage, Sync};
use crate::format::superblock::Superblock;
use crate::format::{Put, Sizes};
use crate::write::part::Part;
use hyperslab_core::{Error, Result};

/// Bytes that a disk writes whole.
const SECTOR: u64 = 512;
/// Bytes that the system writes whole.
const PAGE: u64 = 4096;

/// New structures, and the writes that make them part of the file.
#[derive(Debug)]
pub(super) struct Plan {
    space: Space,
    /// Bytes, at multiples of themselves, that are written whole.
    unit: u64,
    fresh: Vec<Write>,
    overwrites: Vec<Write>,
    switches: Vec<Write>,
}

impl Plan {
    /// A plan whose new bytes begin at `end`, for a file that is synced so.
    pub(super) fn new(end: u64, sync: Sync) -> Plan {
        let unit = if sync == Sync::None { PAGE } else { SECTOR };
        Plan { space: Space { end }, unit, fresh: Vec::new(), overwrites: Vec::new(), switches: Vec::new() }
    }

    /// Whether a write of so many bytes can be done in part. Files begin at multiples of a sector.
    pub(super) fn tears(&self, at: u64, len: usize) -> bool {
        len > 0 && at / self.unit != at.saturating_add(len as u64 - 1) / self.unit
    }

    /// How far it is from a place to where a write that begins there can be torn.
    pub(super) fn whole_from(&self, at: u64) -> u64 {
        self.unit - at % self.unit
    }

    /// The address of `len` new bytes that are to be written whole later, where there are not too many for that.
    pub(super) fn take_whole(&mut self, len: u64) -> Result<u64> {
        let room = self.whole_from(self.space.end);
        if len <= self.unit && len > room {
            self.take(room)?;
        }
        self.take(len)
    }

    /// The address of `len` new bytes.
    pub(super) fn take(&mut self, len: u64) -> Result<u64> {
        self.space.take(len)
    }

    /// Where the next new bytes will lie, but for their alignment.
    pub(super) fn end(&self) -> u64 {
        self.space.end
    }

    /// Where a part begins that comes next.
    pub(super) fn aligned(&self) -> Result<u64> {
        let at = self.space.end.checked_next_multiple_of(Part::ALIGNMENT);
        at.ok_or_else(|| Error::unsupported("a file of more than 2^63 bytes"))
    }

    /// A part that begins behind what is planned.
    pub(super) fn part(&self) -> Result<Part> {
        self.aligned().map(Part::at)
    }

    /// Adds a part that was made since nothing else was added.
    pub(super) fn add(&mut self, part: Part) -> Result<()> {
        let (at, bytes) = part.finish()?;
        if bytes.is_empty() {
            return Ok(());
        }
        let behind = at.checked_add(bytes.len() as u64).and_then(|end| end.checked_sub(self.space.end));
        self.take(behind.ok_or_else(|| Error::unsupported("a file of more than 2^63 bytes"))?)?;
        // What `take` aligns is at or behind the end of the part.
        self.fresh.push(Write { at, bytes });
        Ok(())
    }

    /// Adds new bytes; returns where they will lie.
    pub(super) fn put(&mut self, bytes: Vec<u8>) -> Result<u64> {
        let at = self.take(bytes.len() as u64)?;
        self.fresh.push(Write { at, bytes });
        Ok(at)
    }

    /// Adds bytes at an address that was [taken](Plan::take).
    pub(super) fn put_at(&mut self, at: u64, bytes: Vec<u8>) {
        self.fresh.push(Write { at, bytes });
    }

    /// Adds elements that take the place of others where they lie.
    pub(super) fn overwrite(&mut self, at: u64, bytes: Vec<u8>) {
        if !bytes.is_empty() {
            self.overwrites.push(Write { at, bytes });
        }
    }

    /// Adds a write to bytes that the file refers to, after those added before.
    pub(super) fn switch(&mut self, at: u64, bytes: Vec<u8>) {
        if !bytes.is_empty() {
            self.switches.push(Write { at, bytes });
        }
    }
}

/// The write that makes `new` of `old`, which lies at `at`: from the first byte that changes to the last.
pub(super) fn difference(at: u64, old: &[u8], new: &[u8]) -> Write {
    let same = |(a, b): &(&u8, &u8)| a == b;
    let first = old.iter().zip(new).take_while(same).count();
    let (old, new) = (old.get(first..).unwrap_or_default(), new.get(first..).unwrap_or_default());
    let last = old.iter().rev().zip(new.iter().rev()).take_while(same).count();
    let bytes = new.get(..new.len().saturating_sub(last)).unwrap_or_default();
    Write { at: at.saturating_add(first as u64), bytes: bytes.to_vec() }
}

impl<S: Storage> Change<S> {
    /// Carries out a plan.
    ///
    /// # Errors
    /// `Io`: before the first switch the file is what it was; after a switch that did not succeed nothing more is
    /// written.
    pub(super) fn commit(&mut self, plan: Plan) -> Result<()> {
        self.check_usable()?;
        if plan.fresh.is_empty() && plan.overwrites.is_empty() && plan.switches.is_empty() {
            return Ok(());
        }
        let mut torn = plan.switches.iter().filter(|w| plan.tears(w.at, w.bytes.len()));
        if let Some(w) = torn.next().filter(|_| self.sync != Sync::None) {
            let what = format!(
                "a change of {} bytes that lie in two sectors of the disk, which a loss of power could tear",
                w.bytes.len()
            );
            return Err(Error::unsupported(what)
                .at(w.at)
                .hint("with Sync::None it is made; 'slab repack' puts everything elsewhere"));
        }
        self.write_fresh(&plan)?;
        self.include(plan.space.end)?;
        for w in &plan.overwrites {
            self.storage.write_all_at(self.base.saturating_add(w.at), &w.bytes)?;
        }
        if !plan.overwrites.is_empty() {
            self.barrier()?;
        }
        for w in &plan.switches {
            self.must(|s, base| s.write_all_at(base.saturating_add(w.at), &w.bytes))?;
            self.barrier()?;
        }
        Ok(())
    }

    /// Writes new bytes of a plan, which do not become part of the file yet, and the elements that are overwritten.
    pub(super) fn write_ahead(&mut self, plan: Plan) -> Result<()> {
        self.check_usable()?;
        self.write_fresh(&plan)?;
        self.end = self.end.max(plan.space.end);
        if plan.overwrites.is_empty() {
            return Ok(());
        }
        // They may refer to what is new.
        self.include(self.end)?;
        for w in &plan.overwrites {
            self.storage.write_all_at(self.base.saturating_add(w.at), &w.bytes)?;
        }
        self.barrier()
    }

    /// Writes the new bytes of a plan; none of them stay where the disk is too full for all.
    fn write_fresh(&mut self, plan: &Plan) -> Result<()> {
        let mut each = plan.fresh.iter();
        let written =
            each.try_for_each(|w| self.storage.write_all_at(self.base.saturating_add(w.at), &w.bytes));
        if written.is_err() {
            self.cut(self.end);
        }
        written
    }

    /// Makes everything up to `end` part of the file, which it must be before anything refers to it.
    pub(super) fn include(&mut self, end: u64) -> Result<()> {
        if end <= self.stated {
            return self.barrier();
        }
        let absolute = self.base.checked_add(end).filter(|&n| n <= i64::MAX as u64);
        let absolute = absolute.ok_or_else(|| Error::unsupported("a file of more than 2^63 bytes"))?;
        if self.storage.len()? < absolute {
            self.storage.set_len(absolute)?;
        }
        self.barrier()?;
        let (at, bytes) = stated_end(&self.superblock, absolute)?;
        self.must(|s, base| s.write_all_at(base.saturating_add(at), &bytes))?;
        self.superblock.end = absolute;
        (self.stated, self.end) = (end, self.end.max(end));
        self.barrier()
    }

    /// Waits for what was written so far, where a loss of power is to leave what the end of the process leaves.
    fn barrier(&mut self) -> Result<()> {
        if self.sync == Sync::None {
            return Ok(());
        }
        self.must(|s, _| s.barrier())
    }

    /// Does what leaves the file in an unknown state when it fails.
    fn must(&mut self, f: impl FnOnce(&S, u64) -> Result<()>) -> Result<()> {
        let done = f(&self.storage, self.base);
        self.broken |= done.is_err();
        done
    }

    pub(super) fn check_usable(&self) -> Result<()> {
        if self.broken {
            return Err(Error::conflict(
                "an earlier write did not succeed: what the file is now is not known",
            )
            .hint("open it again"));
        }
        Ok(())
    }
}

/// The bytes that state where the file ends, and where they lie in the superblock.
fn stated_end(superblock: &Superblock, end: u64) -> Result<(u64, Vec<u8>)> {
    let mut bytes = Vec::new();
    match superblock.version {
        // No checksum: the field alone, behind base and free-space addresses.
        v @ 0..=1 => {
            bytes.put_u64(end);
            Ok((40 + 4 * u64::from(v), bytes))
        }
        _ => {
            Superblock { end, sizes: Sizes::STANDARD, ..*superblock }.emit(&mut bytes)?;
            Ok((0, bytes))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_written() {
        for (old, new, at, bytes) in [
            (&b"abcdef"[..], &b"abXdYf"[..], 102, &b"XdY"[..]),
            (b"abc", b"abc", 103, b""),
            (b"abc", b"Xbc", 100, b"X"),
            (b"aaaa", b"aaba", 102, b"b"),
        ] {
            let w = difference(100, old, new);
            assert_eq!((w.at, &w.bytes[..]), (at, bytes));
        }
    }

    #[test]
    fn the_end_stands_where_the_superblock_has_it() {
        for version in [0, 2, 3] {
            let s = Superblock::new(version, 4096, 96);
            let mut image = Vec::new();
            s.emit(&mut image).unwrap();
            let (at, bytes) = stated_end(&s, 5000).unwrap();
            image[at as usize..at as usize + bytes.len()].copy_from_slice(&bytes);
            assert_eq!(Superblock::parse(&image, 0).unwrap(), Superblock { end: 5000, ..s });
        }
    }
}
