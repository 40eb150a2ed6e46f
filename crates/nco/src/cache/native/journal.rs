//! One journal file: what it says of a key, and what is appended to it.
//!
//! Opened, it reads its header and the records since its table was written; the table is looked into when a key is
//! asked for. Where the table is damaged, the records are read instead. Not here: the lock, and which file of a
//! directory is the journal (the folder's own module).

use super::header::{HEADER_LEN, Header};
use super::record::{self, ALIGN, MAX_RECORD, Record, Slot};
use super::scan::scan;
use super::storage::Storage;
use super::table::{self, Found};
use hyperslab_core::{Error, Result};
use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The longest journal that is read, some ten million entries: a longer one is no cache's.
const MAX_JOURNAL: u64 = 1 << 30;

/// A tail that is longer than this and than a sixteenth of the rest is put into a table.
const SHORT_TAIL: u64 = 256 << 10;

/// Where an entry lies: in the pack with this UUID, from here to there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct At {
    pub(super) pack: u128,
    pub(super) start: u64,
    pub(super) end: u64,
}

/// What is to be appended at once.
#[derive(Clone, Debug, Default)]
pub(super) struct Append<'a> {
    pub(super) delete: Vec<&'a str>,
    pub(super) gone: Vec<u128>,
    pub(super) put: Vec<(&'a str, At)>,
}

/// A journal and what is known of it.
#[derive(Debug)]
pub(super) struct Journal<S> {
    storage: S,
    header: Header,
    /// Where reading goes on, and how long the file was then.
    end: u64,
    seen: u64,
    tail: Said,
    /// What the records before the table say, once it was needed.
    older: OnceLock<Said>,
    /// Bytes behind the table in which a record lay once.
    skipped: u64,
    /// Whether the table was of no use, and how many entries it led to whose records were none.
    no_table: AtomicBool,
    lost: AtomicU64,
}

/// What a stretch of records says.
#[derive(Debug, Default)]
struct Said {
    /// Where the stretch starts.
    from: u64,
    entries: HashMap<Box<str>, Option<Slot>>,
    packs: HashMap<u64, u128>,
    /// The same the other way round: the last record that names a pack.
    named: HashMap<u128, u64>,
    gone: HashSet<u128>,
    /// Packs that are gone and named before this stretch.
    gone_before: Vec<u64>,
    /// Put records whose pack's record should be in this stretch, and is not.
    packless: u64,
}

impl Said {
    fn new(from: u64) -> Said {
        Said { from, ..Said::default() }
    }

    fn apply(&mut self, at: u64, record: Record<'_>) {
        match record {
            Record::Pack { uuid } => {
                self.packs.insert(at, uuid);
                self.named.insert(uuid, at);
            }
            // Part of an append that a loss of power tore: what was said of the key before holds.
            Record::Put { slot, .. } if slot.pack >= self.from && !self.packs.contains_key(&slot.pack) => {
                self.packless += 1;
            }
            Record::Put { key, slot } => {
                self.entries.insert(key.into(), Some(slot));
            }
            Record::Delete { key } => {
                self.entries.insert(key.into(), None);
            }
            Record::Gone { pack } => match self.packs.get(&pack) {
                Some(uuid) => {
                    self.gone.insert(*uuid);
                }
                None => self.gone_before.push(pack),
            },
        }
    }
}

impl<S: Storage> Journal<S> {
    /// Reads the header, and the records behind the table.
    ///
    /// # Errors
    /// `Invalid` for anything but a journal, `Unsupported` for another version, `Limit` for one of more than a GiB,
    /// `Io`.
    pub(super) fn open(storage: S) -> Result<Journal<S>> {
        let size = storage.len()?;
        if size < HEADER_LEN {
            let what = format!("the file ends after {size} bytes of a header of {HEADER_LEN}");
            return Err(Error::invalid(what).reading("cache journal").at(0));
        }
        let mut bytes = [0; HEADER_LEN as usize];
        storage.read_exact_at(0, &mut bytes)?;
        let header = Header::parse(&bytes, size)?;
        let end = header.tail_at();
        let mut journal = Journal {
            storage,
            header,
            end,
            seen: end,
            tail: Said::new(end),
            older: OnceLock::new(),
            skipped: 0,
            no_table: AtomicBool::new(false),
            lost: AtomicU64::new(0),
        };
        journal.refresh()?;
        Ok(journal)
    }

    pub(super) fn storage(&self) -> &S {
        &self.storage
    }

    pub(super) fn header(&self) -> &Header {
        &self.header
    }

    /// How long the journal was when it was last looked at.
    pub(super) fn seen(&self) -> u64 {
        self.seen
    }

    /// Whether it would be better written anew: the tail is long, or there is damage.
    pub(super) fn is_worn(&self) -> bool {
        let tail = self.seen.saturating_sub(self.header.tail_at());
        let damaged = self.no_table.load(Ordering::Relaxed) || self.lost.load(Ordering::Relaxed) > 0;
        damaged || tail > SHORT_TAIL.max(self.header.tail_at() / 16)
    }

    /// Whether entries may be missing that the packs still have, as far as the journal was looked at. Bytes that are
    /// no record may be what a killed writer left, or were an entry once.
    pub(super) fn lacks_entries(&self) -> bool {
        self.skipped > 0 || self.lost.load(Ordering::Relaxed) > 0
    }

    /// Reads what was appended meanwhile, and says whether that was anything.
    ///
    /// # Errors
    /// `Invalid` when the file became shorter, `Limit`, `Io`.
    pub(super) fn refresh(&mut self) -> Result<bool> {
        let size = self.storage.len()?;
        if size < self.seen {
            let what = format!("the file became shorter: {size} bytes, where there were {}", self.seen);
            return Err(Error::invalid(what).reading("cache journal").at(size));
        }
        if size == self.seen {
            return Ok(false);
        }
        if size > MAX_JOURNAL {
            let what = format!("{size} bytes, where a journal has at most {MAX_JOURNAL}");
            return Err(Error::limit(what).reading("cache journal"));
        }
        let (before, tail) = (self.end, &mut self.tail);
        let scanned = scan(&self.storage, self.header.salt, self.end..size, &mut |at, record| {
            tail.apply(at, record);
            Ok(())
        })?;
        self.end = scanned.end;
        self.seen = size;
        self.skipped += scanned.skipped;
        let packless = std::mem::take(&mut self.tail.packless);
        self.lose(packless);
        for at in std::mem::take(&mut self.tail.gone_before) {
            if let Some(uuid) = self.pack(at)? {
                self.tail.gone.insert(uuid);
            }
        }
        Ok(self.end > before)
    }

    /// Where the entry of a key lies, as far as the journal was read.
    ///
    /// # Errors
    /// `Io`.
    pub(super) fn find(&self, key: &str) -> Result<Option<At>> {
        let slot = match self.tail.entries.get(key) {
            Some(said) => *said,
            None => self.find_older(key)?,
        };
        slot.map_or(Ok(None), |slot| self.place(slot))
    }

    fn find_older(&self, key: &str) -> Result<Option<Slot>> {
        if let Some(older) = self.older.get() {
            return Ok(older.entries.get(key).copied().flatten());
        }
        match table::look(&self.storage, &self.header, key)? {
            Found::Candidates(candidates) => {
                for at in candidates {
                    let mut buffer = [0; MAX_RECORD];
                    match self.record(at, &mut buffer)? {
                        Some(Record::Put { key: found, slot }) if found == key => return Ok(Some(slot)),
                        Some(_) => {}
                        None => self.lose(1),
                    }
                }
                Ok(None)
            }
            Found::Damaged => {
                self.no_table.store(true, Ordering::Relaxed);
                Ok(self.older()?.entries.get(key).copied().flatten())
            }
        }
    }

    fn lose(&self, n: u64) {
        self.lost.fetch_add(n, Ordering::Relaxed);
    }

    /// What the records before the table say.
    fn older(&self) -> Result<&Said> {
        if let Some(older) = self.older.get() {
            return Ok(older);
        }
        let mut older = Said::new(HEADER_LEN);
        let range = HEADER_LEN..self.header.table_at;
        scan(&self.storage, self.header.salt, range, &mut |at, record| {
            older.apply(at, record);
            Ok(())
        })?;
        self.lose(self.header.entries.saturating_sub(older.entries.len() as u64));
        Ok(self.older.get_or_init(|| older))
    }

    /// The record at `at`, before the table.
    fn record<'b>(&self, at: u64, buffer: &'b mut [u8; MAX_RECORD]) -> Result<Option<Record<'b>>> {
        let end = self.header.table_at;
        if at < HEADER_LEN || at >= end || !at.is_multiple_of(ALIGN) {
            return Ok(None);
        }
        let len = usize::try_from(end - at).unwrap_or(MAX_RECORD).min(MAX_RECORD);
        let bytes = buffer.get_mut(..len).unwrap_or_default();
        self.storage.read_exact_at(at, bytes)?;
        Ok(record::parse(bytes, at, self.header.salt).map(|(record, _)| record))
    }

    /// The UUID of the pack that the record at `at` names.
    fn pack(&self, at: u64) -> Result<Option<u128>> {
        let known = self.tail.packs.get(&at).or_else(|| self.older.get()?.packs.get(&at));
        if known.is_some() {
            return Ok(known.copied());
        }
        let mut buffer = [0; MAX_RECORD];
        Ok(match self.record(at, &mut buffer)? {
            Some(Record::Pack { uuid }) => Some(uuid),
            _ => None,
        })
    }

    fn place(&self, slot: Slot) -> Result<Option<At>> {
        let Some(pack) = self.pack(slot.pack)? else {
            self.lose(1);
            return Ok(None);
        };
        let there = !self.tail.gone.contains(&pack);
        Ok(there.then_some(At { pack, start: slot.start, end: slot.end }))
    }

    /// Every entry, in no order.
    ///
    /// # Errors
    /// `Io`; what `visit` returns.
    pub(super) fn each(&self, visit: &mut dyn FnMut(&str, At) -> Result<()>) -> Result<()> {
        let older = self.older()?;
        let tail = &self.tail.entries;
        let before = older.entries.iter().filter(|(key, _)| !tail.contains_key(*key));
        for (key, slot) in before.chain(tail) {
            if let Some(slot) = slot
                && let Some(at) = self.place(*slot)?
            {
                visit(key, at)?;
            }
        }
        Ok(())
    }

    /// What of it is damaged, so that entries may be missing; all of it is looked at. Bytes behind the table that are
    /// no records are not told: mostly a writer that was killed left them.
    ///
    /// # Errors
    /// `Io`.
    pub(super) fn damage(&self) -> Result<Option<String>> {
        self.each(&mut |_, _| Ok(()))?;
        let table = !table::is_sound(&self.storage, &self.header)?;
        let lost = self.lost.load(Ordering::Relaxed) > 0;
        Ok(match (table, lost) {
            (_, true) => Some("records of entries in the journal are damaged".into()),
            (true, false) => Some("the journal's table is damaged: its records are read instead".into()),
            (false, false) => None,
        })
    }

    /// Appends records by one write, and takes in what others appended before. Whether there was anything to append.
    /// The caller holds the lock, and has made sure that the objects are there, and that this file is the directory's
    /// journal.
    ///
    /// They go behind everything that is there, whether it is a record or not: what a killed writer left is never
    /// written over, and what readers have read never changes.
    ///
    /// # Errors
    /// `Usage` for keys of more than 255 bytes, `Io`; then it may be tried again.
    pub(super) fn append(&mut self, what: &Append<'_>) -> Result<bool> {
        self.refresh()?;
        let first = self.seen.max(self.header.tail_at()).next_multiple_of(ALIGN);
        let (mut out, salt) = (Vec::new(), self.header.salt);
        let mut add = |record: Record<'_>| {
            let at = first + out.len() as u64;
            record.emit(&mut out, at, salt).map(|()| at)
        };
        for key in &what.delete {
            add(Record::Delete { key })?;
        }
        for uuid in &what.gone {
            let pack = match self.tail.named.get(uuid) {
                Some(at) => Some(*at),
                None => self.older()?.named.get(uuid).copied(),
            };
            // A pack that was never named has no entries.
            if let Some(pack) = pack {
                add(Record::Gone { pack })?;
            }
        }
        let mut named = HashMap::new();
        for (key, At { pack: uuid, start, end }) in &what.put {
            let pack = match self.tail.named.get(uuid).or(named.get(uuid)) {
                Some(at) => *at,
                None => {
                    let at = add(Record::Pack { uuid: *uuid })?;
                    named.insert(*uuid, at);
                    at
                }
            };
            add(Record::Put { key, slot: Slot { pack, start: *start, end: *end } })?;
        }
        if !out.is_empty() {
            self.storage.write_all_at(first, &out)?;
            self.refresh()?;
        }
        Ok(!out.is_empty())
    }
}
