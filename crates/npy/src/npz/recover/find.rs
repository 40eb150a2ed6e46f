//! Which members of a damaged archive are whole, and what became of the others.
//!
//! Where the directory can be read it says what the members are, and nothing else is one. Where it cannot, members are
//! found by walking over them, and what is left of the directory helps with those whose local header is damaged.

use super::super::directory::{self, DESCRIPTOR};
use super::super::le::u16_at;
use super::super::member::STORED;
use super::super::names::{self, SUFFIX};
use super::trial::{Claim, closed, descriptor, local, open, why};
use super::{Lost, Recovered};
use crate::header;
use hyperslab_core::{Error, Kind, Limits, Result, Source};
use std::collections::BTreeMap;

const LOCAL: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";
/// What follows the last member: the directory, or the end records of one that is empty.
const AFTER: [&[u8]; 3] = [CENTRAL, b"PK\x05\x06", b"PK\x06\x06"];
/// What is read of a member to see how long its NPY header is.
const NPY_HEAD: u64 = 16;
/// Bytes that are searched at a time.
const SEARCH: u64 = 1 << 18;
/// Bytes that may be read in vain, beyond some times the file's: a file can claim any number of members in any place.
const IN_VAIN: u64 = 16 << 20;
const TIMES: u64 = 4;

/// A member that is whole.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub(super) name: String,
    pub(super) at: u64,
    pub(super) method: u16,
    pub(super) crc: u32,
    pub(super) packed: u64,
    pub(super) size: u64,
    pub(super) data_at: u64,
}

impl Finding {
    fn of(claim: Claim, data_at: u64) -> Finding {
        let Claim { name, at, method, crc, packed, size, .. } = claim;
        Finding { name, at, method, crc, packed, size, data_at }
    }
}

/// The whole members, in the order of the file.
///
/// # Errors
/// `Limit`, `Io`.
pub(super) fn find<S: Source + ?Sized>(
    source: &S,
    limits: &Limits,
    account: &mut Recovered,
) -> Result<Vec<Finding>> {
    let len = source.len()?;
    let left = len.saturating_mul(TIMES).saturating_add(IN_VAIN);
    let mut walk = Walk { source, limits, len, left, found: BTreeMap::new(), lost: BTreeMap::new() };
    let read = directory::read(source, limits).and_then(|d| match d.surplus() {
        0 => Ok(d),
        // It may be that of an archive inside a member.
        n => Err(Error::invalid(format!("{n} bytes of the file lie before or behind its archive"))),
    });
    match read {
        Ok(directory) => {
            let claims: Vec<Claim> = directory
                .entries()
                .iter()
                .map(|e| Claim {
                    name: directory.name(e).to_owned(),
                    at: e.at,
                    flags: e.flags,
                    method: e.method,
                    crc: e.crc,
                    packed: e.packed,
                    size: e.size,
                })
                .collect();
            account.stated = Some(claims.len() as u64);
            walk.claimed(claims, len, account)?;
            if !walk.lost.is_empty() {
                walk.elsewhere()?;
            }
        }
        Err(e) if matches!(e.kind(), Kind::Limit | Kind::Io) => return Err(e),
        Err(e) => {
            account
                .notes
                .push(format!("the directory cannot be used ({e}): members are found by their own headers"));
            let end = walk.members(account)?;
            let claims = walk.scattered(end)?;
            walk.claimed(claims, end, account)?;
        }
    }
    account.lost.extend(walk.lost.into_values());
    Ok(walk.found.into_values().collect())
}

struct Walk<'s, S: ?Sized> {
    source: &'s S,
    limits: &'s Limits,
    len: u64,
    /// Bytes that may still be read in vain.
    left: u64,
    /// By the place of the local header.
    found: BTreeMap<u64, Finding>,
    lost: BTreeMap<u64, Lost>,
}

impl<S: Source + ?Sized> Walk<'_, S> {
    /// Walks from member to member. Returns where the last one ends.
    fn members(&mut self, account: &mut Recovered) -> Result<u64> {
        let (mut at, mut end) = (0, 0);
        let mut doubt = false;
        // Whether a member must begin here, because one ended.
        let mut expected = true;
        while at < self.len && self.left > 0 {
            if !(expected && self.is(at, LOCAL)?) {
                if expected && self.ends_at(at)? {
                    break;
                }
                let Some(next) = self.search(LOCAL, at)? else { break };
                doubt |= at > 0;
                at = next;
            }
            self.limits.count_objects(1)?;
            let (claim, data_at) = match local(self.source, at, self.limits) {
                Ok(read) => read,
                Err(e) => {
                    let reason = why(e)?;
                    self.lose(None, at, reason);
                    (at, expected) = (at.saturating_add(LOCAL.len() as u64), false);
                    continue;
                }
            };
            match self.attempt(&claim, data_at)? {
                Ok((told, stop)) => {
                    self.found.insert(at, Finding::of(told, data_at));
                    (at, end, expected) = (stop, stop, true);
                }
                Err(reason) => {
                    // Damaged data between two members do not put the others in doubt.
                    let stop = self.stop(&claim, data_at)?;
                    expected = stop.is_some_and(|stop| stop <= self.len);
                    self.lose(Some(claim.name), at, reason);
                    let stop = stop.unwrap_or(data_at).min(self.len);
                    at = stop.max(at.saturating_add(1));
                    end = if expected { stop } else { end };
                }
            }
        }
        if self.left == 0 {
            let reason = "too much of the archive is damaged: what follows was not looked at";
            self.lose(None, at, reason.into());
        }
        if doubt {
            account.notes.push(
                "members behind damage were found by looking for their headers: one could be part of a member that is lost"
                    .into(),
            );
        }
        Ok(end)
    }

    /// Where a damaged member ends, as far as something bears it out: what begins there, two sizes that agree, or the
    /// array that it holds. Within it nothing is looked for.
    fn stop(&self, claim: &Claim, data_at: u64) -> Result<Option<u64>> {
        let stated = data_at.saturating_add(claim.packed);
        if claim.packed > 0
            && (stated == self.len
                || (stated < self.len && (self.is(stated, LOCAL)? || self.ends_at(stated)?))
                || (claim.method == STORED && claim.packed == claim.size))
        {
            return Ok(Some(stated));
        }
        if claim.method != STORED {
            return Ok(None);
        }
        let room = self.len.saturating_sub(data_at);
        let start = self.source.bytes_at(data_at, room.min(NPY_HEAD), self.limits)?;
        let told = || {
            let length = header::length(&start).ok()?;
            let head = self.source.bytes_at(data_at, room.min(length as u64), self.limits).ok()?;
            let header = header::parse(&head).ok()?;
            data_at.checked_add(header.data_offset)?.checked_add(header.nbytes)
        };
        Ok(if start.starts_with(header::MAGIC) { told() } else { None })
    }

    /// Whether a member is whole: what it is, and where it ends.
    fn attempt(&mut self, claim: &Claim, data_at: u64) -> Result<std::result::Result<(Claim, u64), String>> {
        if claim.is_open() {
            let mut spent = 0;
            let done = open(self.source, claim, data_at, self.limits, &mut spent);
            return match done {
                Ok(whole) => Ok(Ok(whole)),
                Err(e) => {
                    self.left = self.left.saturating_sub(spent.max(1));
                    Ok(Err(why(e)?))
                }
            };
        }
        let end = data_at.saturating_add(claim.packed);
        // A header is written before the data, without sizes, and again behind them.
        if claim.packed == 0 && claim.size == 0 {
            let last = end.saturating_add(LOCAL.len() as u64) > self.len;
            if !last && !self.is(end, LOCAL)? && !self.ends_at(end)? {
                return Ok(
                    Err("its length was never written: its writer died before it was complete".into()),
                );
            }
            if last && claim.name.ends_with(SUFFIX) {
                return Ok(Err("nothing of it was written".into()));
            }
        }
        if let Err(e) = closed(self.source, claim, data_at, self.limits) {
            self.left = self.left.saturating_sub(claim.packed.min(self.len).max(1));
            return Ok(Err(why(e)?));
        }
        let end = match claim.flags & DESCRIPTOR {
            0 => end,
            _ => descriptor(self.source, claim, end, self.limits)?.unwrap_or(end),
        };
        Ok(Ok((claim.clone(), end)))
    }

    /// Members that the directory tells of and that are not found yet; `end` is where they end.
    fn claimed(&mut self, claims: Vec<Claim>, end: u64, account: &mut Recovered) -> Result<()> {
        let mut places: Vec<u64> = claims.iter().map(|c| c.at).chain(self.found.keys().copied()).collect();
        places.push(end);
        places.sort_unstable();
        for claim in claims {
            if self.found.contains_key(&claim.at) || self.left == 0 {
                continue;
            }
            // Either of the two may be the damaged one: what its CRC bears out is the data.
            match local(self.source, claim.at, self.limits) {
                Ok((here, data_at)) => {
                    if here.name != claim.name {
                        account.notes.push(format!(
                            "the member at byte {} is named {:?} in its own header and {:?} in the directory",
                            claim.at, here.name, claim.name
                        ));
                    }
                    if let Ok((told, _)) = self.attempt(&here, data_at)? {
                        self.lost.remove(&claim.at);
                        let fit =
                            names::check_name(&claim.name).is_ok() || names::check_name(&told.name).is_err();
                        let name = if fit { claim.name } else { told.name };
                        let told = Claim { name, ..told };
                        self.found.insert(claim.at, Finding::of(told, data_at));
                        continue;
                    }
                }
                Err(e) => drop(why(e)?),
            }
            let head =
                self.source.bytes_at(claim.at, self.len.saturating_sub(claim.at).min(30), self.limits)?;
            // Behind a header that can be read, one whose lengths are left, or before what comes next.
            let lengths = u16_at(&head, 26).zip(u16_at(&head, 28));
            let behind =
                lengths.map(|(name, extra)| claim.at.saturating_add(30 + u64::from(name) + u64::from(extra)));
            let next = places.get(places.partition_point(|p| *p <= claim.at)).copied();
            let before = next.and_then(|n| n.checked_sub(claim.packed)).filter(|p| *p > claim.at);
            let mut reason = None;
            for data_at in [behind, before].into_iter().flatten() {
                match closed(self.source, &claim, data_at, self.limits) {
                    Ok(()) => {
                        reason = None;
                        self.lost.remove(&claim.at);
                        self.found.insert(claim.at, Finding::of(claim.clone(), data_at));
                        break;
                    }
                    Err(e) => {
                        self.left = self.left.saturating_sub(claim.packed.min(self.len).max(1));
                        let said = why(e)?;
                        reason.get_or_insert(said);
                    }
                }
            }
            if !self.found.contains_key(&claim.at) {
                let reason = reason.unwrap_or_else(|| "its local header is beyond the file's end".into());
                let known = self.lost.get(&claim.at).is_some_and(|l| l.name.is_some());
                if !known {
                    self.lost.remove(&claim.at);
                    self.lose(Some(claim.name), claim.at, reason);
                }
            }
        }
        if self.left == 0 {
            let reason = "too much of the archive is damaged: not every member was looked at";
            self.lose(None, self.len, reason.into());
        }
        Ok(())
    }

    /// Looks for members that are not where the directory has them.
    fn elsewhere(&mut self) -> Result<()> {
        let Walk { source, limits, len, left, .. } = *self;
        let mut walk = Walk { source, limits, len, left, found: BTreeMap::new(), lost: BTreeMap::new() };
        walk.members(&mut Recovered::default())?;
        for (at, finding) in walk.found {
            let lost =
                self.lost.iter().find(|(_, l)| l.name.as_ref() == Some(&finding.name)).map(|(at, _)| *at);
            if let Some(place) = lost.filter(|_| !self.found.contains_key(&at)) {
                self.lost.remove(&place);
                self.found.insert(at, finding);
            }
        }
        Ok(())
    }

    /// What is left of a directory from `from` on.
    fn scattered(&self, from: u64) -> Result<Vec<Claim>> {
        let mut claims = Vec::new();
        let mut at = from;
        while let Some(next) = self.search(CENTRAL, at)? {
            self.limits.count_objects(1)?;
            // The fixed part, and three fields of at most 65535 bytes.
            let room = self.len.saturating_sub(next).min(46 + 3 * 65_535);
            let bytes = self.source.bytes_at(next, room, self.limits)?;
            match directory::loose(&bytes, next) {
                Ok((name, e, len)) => {
                    let (flags, method, crc) = (e.flags, e.method, e.crc);
                    claims.push(Claim { name, at: e.at, flags, method, crc, packed: e.packed, size: e.size });
                    at = next.saturating_add(len as u64);
                }
                Err(e) => {
                    why(e)?;
                    at = next.saturating_add(CENTRAL.len() as u64);
                }
            }
        }
        Ok(claims)
    }

    fn lose(&mut self, name: Option<String>, at: u64, why: String) {
        self.lost.entry(at).or_insert(Lost { name, at, why });
    }

    fn is(&self, at: u64, signature: &[u8]) -> Result<bool> {
        let room = self.len.saturating_sub(at).min(signature.len() as u64);
        Ok(*self.source.bytes_at(at, room, self.limits)? == *signature)
    }

    fn ends_at(&self, at: u64) -> Result<bool> {
        for signature in AFTER {
            if self.is(at, signature)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The first place from `from` on with a signature.
    fn search(&self, signature: &[u8], from: u64) -> Result<Option<u64>> {
        let finder = memchr::memmem::Finder::new(signature);
        let mut at = from;
        while at < self.len {
            let bytes = self.source.bytes_at(at, self.len.saturating_sub(at).min(SEARCH), self.limits)?;
            if let Some(i) = finder.find(&bytes) {
                return Ok(Some(at.saturating_add(i as u64)));
            }
            let end = at.saturating_add(bytes.len() as u64);
            if end >= self.len {
                break;
            }
            at = end.saturating_sub(signature.len() as u64 - 1);
        }
        Ok(None)
    }
}
