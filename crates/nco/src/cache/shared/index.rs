//! Nengo's index: two pickles in a file, the version and a dict of keys and places. No I/O.
//!
//! The version is `(2, protocol of the second pickle)`, itself in protocol 2. The dict is `{key: (file, start, end)}`;
//! `file` is the path as the writer called it, which nengo opens as it is. A path whose end is a pack's name is taken
//! for that pack in this directory, so that a directory can be moved; all other entries are kept as they are, and
//! written again. Source: `nengo/cache.py` of nengo 4.1, and files written by it.

use super::super::key::Key;
use super::super::name::PackName;
use super::super::store::{Changes, Place};
use super::scan;
use hyperslab_core::value::ListKind;
use hyperslab_core::{Error, Kind, Limits, Result, Value};
use hyperslab_pickle::{Item, NodeId, Pickle, Plain, Policy, Protocol, RowsDump};
use indexmap::IndexMap;
use std::collections::HashMap;
use std::path::Path;

/// The version of the format that is read and written.
const VERSION: i64 = 2;

/// The newest protocol that is read.
const MAX_PROTOCOL: i64 = 5;

/// The version as a pickle of protocol 2, as nengo writes it.
const HEAD: &[u8; 10] = b"\x80\x02K\x02K\x04\x86q\0.";

/// The entries of an index, in its order.
#[derive(Debug, Default)]
pub(crate) struct Index {
    entries: IndexMap<Box<str>, Slot>,
    /// Entries of which nothing is known: other keys, other values.
    others: Vec<(Value, Value)>,
}

/// What an index says of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Slot {
    /// It lies in this directory.
    Here(Place),
    /// It lies in some other file, between two positions.
    Elsewhere(Box<(Box<str>, i64, i64)>),
}

/// What kind of index a file is.
#[derive(Debug)]
pub(crate) enum Read {
    /// One of nengo 2.3 to 4.1.
    Current(Index),
    /// One of nengo 2.1 and 2.2: no version.
    Legacy(Index),
}

impl Index {
    /// Parses an index. `dir` is where it lies, as an absolute path; `there` says whether a pack is in it.
    ///
    /// # Errors
    /// `Unsupported` for a newer version, `Invalid` for anything else that is no index, `Limit`.
    pub(crate) fn parse(
        bytes: &[u8],
        dir: &Path,
        there: &dyn Fn(PackName) -> bool,
        limits: &Limits,
    ) -> Result<Read> {
        let first = load(bytes, 0, limits)?;
        let version = match first.get(first.root()) {
            Item::Tuple(&[version, protocol]) => (first.get(version), first.get(protocol)),
            Item::Dict(pairs) => {
                return Index::of_pickle(&first, pairs, dir, there, limits).map(Read::Legacy);
            }
            _ => return Err(Error::invalid("the index does not start with its version, a tuple of two")),
        };
        let (Item::Int(version), Item::Int(protocol)) = version else {
            return Err(Error::invalid("the version of the index is not two integers"));
        };
        if version > VERSION || protocol > MAX_PROTOCOL {
            return Err(Error::unsupported(format!(
                "a cache index of version ({version}, {protocol}), known are those up to ({VERSION}, {MAX_PROTOCOL})"
            )));
        }
        let at = first.consumed();
        let rest = bytes.get(at..).unwrap_or_default();
        if let Some(index) = Index::of_rows(rest, dir, there) {
            return Ok(Read::Current(index));
        }
        let second = load(rest, at as u64, limits)?;
        let Item::Dict(pairs) = second.get(second.root()) else {
            return Err(Error::invalid("the index holds no dict behind its version").at(at as u64));
        };
        Index::of_pickle(&second, pairs, dir, there, limits).map(Read::Current)
    }

    /// An index as nengo and we write them, if this is one.
    fn of_rows(bytes: &[u8], dir: &Path, there: &dyn Fn(PackName) -> bool) -> Option<Index> {
        let mut index = Index::default();
        // A row takes some 60 bytes.
        index.entries.reserve(bytes.len() / 64);
        let mut paths = Paths { dir: dir.to_str(), there, last: None, known: HashMap::new() };
        scan::rows(bytes, &mut |key, file, start, end| {
            index.entries.insert(key.into(), paths.slot(file, start, end));
        })?;
        Some(index)
    }

    fn of_pickle(
        pickle: &Pickle<'_>,
        pairs: &[NodeId],
        dir: &Path,
        there: &dyn Fn(PackName) -> bool,
        limits: &Limits,
    ) -> Result<Index> {
        let mut index = Index::default();
        index.entries.reserve(pairs.len() / 2);
        let mut paths = Paths { dir: dir.to_str(), there, last: None, known: HashMap::new() };
        for &[key, row] in pairs.as_chunks::<2>().0 {
            let slot = match pickle.get(row) {
                Item::Tuple(&[file, start, end]) => {
                    match (pickle.get(file), pickle.get(start), pickle.get(end)) {
                        (Item::Str(file), Item::Int(start), Item::Int(end)) => {
                            Some(paths.slot(file, start, end))
                        }
                        _ => None,
                    }
                }
                _ => None,
            };
            match (pickle.get(key), slot) {
                (Item::Str(key), Some(slot)) => {
                    index.entries.insert(key.into(), slot);
                }
                _ => index.others.push((pickle.value_of(key, limits)?, pickle.value_of(row, limits)?)),
            }
        }
        Ok(index)
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len() + self.others.len()
    }

    /// Where an entry lies.
    pub(crate) fn find(&self, key: &Key) -> Option<Place> {
        match self.entries.get(key.name())? {
            Slot::Here(place) => Some(*place),
            Slot::Elsewhere(..) => None,
        }
    }

    /// The entries that lie in this directory.
    pub(crate) fn each(&self, visit: &mut dyn FnMut(&str, Place)) {
        for (key, slot) in &self.entries {
            if let Slot::Here(place) = slot {
                visit(key, *place);
            }
        }
    }

    /// Makes a change. Whether anything is different now.
    pub(crate) fn apply(&mut self, changes: &Changes) -> bool {
        let before = self.entries.len();
        if !changes.removed.is_empty() {
            let removed: HashMap<&str, Place> =
                changes.removed.iter().map(|(key, place)| (key.name(), *place)).collect();
            self.entries
                .retain(|key, slot| !matches!(slot, Slot::Here(place) if removed.get(&**key) == Some(place)));
        }
        if !changes.packs.is_empty() {
            self.entries.retain(|_, slot| !matches!(slot, Slot::Here(p) if changes.packs.contains(&p.pack)));
        }
        let mut different = self.entries.len() != before;
        for (key, place) in &changes.put {
            let slot = Slot::Here(*place);
            different |= self.entries.insert(key.name().into(), slot.clone()) != Some(slot);
        }
        different
    }

    /// The bytes of the index of a directory, in the form that nengo 2.3 and later read.
    ///
    /// # Errors
    /// `Unsupported` for a directory whose path is no text, and for entries that cannot be written again.
    pub(crate) fn emit(&self, dir: &Path) -> Result<Vec<u8>> {
        let dir = dir.to_str().ok_or_else(|| {
            Error::unsupported("the path is no UTF-8, and nengo's index holds it").file(dir)
        })?;
        if self.others.is_empty() {
            return self.emit_rows(dir);
        }
        let row = |file: &str, start: Value, end: Value| {
            Value::List(ListKind::Tuple, vec![Value::from(file), start, end])
        };
        let mut all = Vec::with_capacity(self.len());
        for (key, slot) in &self.entries {
            let value = match slot {
                Slot::Here(Place { pack, start, end }) => {
                    row(&format!("{dir}/{pack}"), Value::Int((*start).into()), Value::Int((*end).into()))
                }
                Slot::Elsewhere(there) => row(&there.0, there.1.into(), there.2.into()),
            };
            all.push((Value::from(&**key), value));
        }
        all.extend(self.others.iter().map(|(k, v)| (copy(k), copy(v))));
        let mut bytes = HEAD.to_vec();
        bytes.extend(hyperslab_pickle::dump(&Value::Map(all))?);
        Ok(bytes)
    }
}

impl Index {
    fn emit_rows(&self, dir: &str) -> Result<Vec<u8>> {
        let mut paths: HashMap<PackName, String> = HashMap::new();
        for slot in self.entries.values() {
            if let Slot::Here(place) = slot {
                paths.entry(place.pack).or_insert_with(|| format!("{dir}/{}", place.pack));
            }
        }
        let mut rows = RowsDump::new(Protocol::Four);
        for (key, slot) in &self.entries {
            let (file, start, end) = match slot {
                Slot::Here(p) => {
                    (paths.get(&p.pack).map_or("", String::as_str), p.start.into(), p.end.into())
                }
                Slot::Elsewhere(row) => (&*row.0, row.1.into(), row.2.into()),
            };
            rows.insert(key, &[Plain::Str(file), Plain::Int(start), Plain::Int(end)])?;
        }
        let mut bytes = HEAD.to_vec();
        bytes.extend(rows.finish());
        Ok(bytes)
    }
}

/// The paths of an index, and what they mean here.
struct Paths<'d> {
    dir: Option<&'d str>,
    there: &'d dyn Fn(PackName) -> bool,
    /// The last one: entries of a pack come together.
    last: Option<(Box<str>, PackName)>,
    /// Packs that an index names by another folder, and whether they are here.
    known: HashMap<PackName, bool>,
}

impl Paths<'_> {
    fn slot(&mut self, file: &str, start: i64, end: i64) -> Slot {
        let elsewhere = || Slot::Elsewhere(Box::new((file.into(), start, end)));
        let (Ok(from), Ok(to)) = (u64::try_from(start), u64::try_from(end)) else { return elsewhere() };
        match self.pack(file) {
            Some(pack) => Slot::Here(Place { pack, start: from, end: to }),
            None => elsewhere(),
        }
    }

    fn pack(&mut self, file: &str) -> Option<PackName> {
        if let Some((_, pack)) = self.last.as_ref().filter(|(last, _)| **last == *file) {
            return Some(*pack);
        }
        let pack = PackName::at_end_of(file)?;
        let in_dir = self
            .dir
            .and_then(|dir| file.strip_prefix(dir))
            .is_some_and(|rest| rest.len() == 1 + PackName::LEN && rest.starts_with(['/', '\\']));
        if !in_dir && !*self.known.entry(pack).or_insert_with(|| (self.there)(pack)) {
            return None;
        }
        self.last = Some((file.into(), pack));
        Some(pack)
    }
}

fn load<'a>(bytes: &'a [u8], at: u64, limits: &Limits) -> Result<Pickle<'a>> {
    hyperslab_pickle::load(bytes, Policy::Strict, limits).map_err(|e| {
        let e = e.shifted(at).reading("cache index").at(at);
        match e.kind() {
            // An index holds text and numbers: what only a class could read is damage, or worse.
            Kind::Unsupported => {
                Error::invalid(e.message().to_owned()).reading("cache index").at(e.offset().unwrap_or(at))
            }
            _ => e,
        }
    })
}

/// A value that an index held: no arrays, nothing opaque.
fn copy(value: &Value) -> Value {
    match value {
        Value::List(kind, items) => Value::List(*kind, items.iter().map(copy).collect()),
        Value::Map(pairs) => Value::Map(pairs.iter().map(|(k, v)| (copy(k), copy(v))).collect()),
        Value::Bool(b) => Value::Bool(*b),
        Value::Int(i) => Value::Int(*i),
        Value::BigInt(i) => Value::BigInt(i.clone()),
        Value::Float(f) => Value::Float(*f),
        Value::Complex(re, im) => Value::Complex(*re, *im),
        Value::String(s) => Value::String(s.clone()),
        Value::Bytes(b) => Value::Bytes(b.clone()),
        _ => Value::Null,
    }
}
