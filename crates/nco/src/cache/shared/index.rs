//! Nengo's index: two pickles in a file, the version and a dict of keys and places. No I/O.
//!
//! The version is `(2, protocol of the second pickle)`, itself in protocol 2. The dict is `{key: (file, start, end)}`;
//! `file` is the path as the writer called it, which nengo opens as it is. A path whose end is a pack's name is taken
//! for that pack in this directory, so that a directory can be moved; all other entries are kept as they are, and
//! written again. Source: `nengo/cache.py` of nengo 4.1, and files written by it.

use super::super::key::Key;
use super::super::name::PackName;
use super::super::store::{Changes, Place};
use super::rows::{LONG, Row, Rows};
use hyperslab_core::value::ListKind;
use hyperslab_core::{Error, Kind, Limits, Result, Value};
use hyperslab_pickle::{Item, NodeId, Pickle, Plain, Policy, Protocol, RowsDump};
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
    rows: Rows,
    /// Entries of which nothing is known: other keys, other values.
    others: Vec<(Value, Value)>,
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
        bytes: Vec<u8>,
        dir: &Path,
        there: &dyn Fn(PackName) -> bool,
        limits: &Limits,
    ) -> Result<Read> {
        let first = load(&bytes, 0, limits)?;
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
        drop(first);
        let bytes = match Index::of_rows(bytes, at, dir, there) {
            Ok(index) => return Ok(Read::Current(index)),
            Err(bytes) => bytes,
        };
        let second = load(bytes.get(at..).unwrap_or_default(), at as u64, limits)?;
        let Item::Dict(pairs) = second.get(second.root()) else {
            return Err(Error::invalid("the index holds no dict behind its version").at(at as u64));
        };
        Index::of_pickle(&second, pairs, dir, there, limits).map(Read::Current)
    }

    /// An index as nengo and we write them, or its bytes back if this is none.
    fn of_rows(
        bytes: Vec<u8>,
        at: usize,
        dir: &Path,
        there: &dyn Fn(PackName) -> bool,
    ) -> std::result::Result<Index, Vec<u8>> {
        let mut paths = Paths { dir: dir.to_str(), there, known: HashMap::new() };
        let rows = Rows::read(bytes, at, &mut |path| paths.pack(path))?;
        Ok(Index { rows, others: Vec::new() })
    }

    fn of_pickle(
        pickle: &Pickle<'_>,
        pairs: &[NodeId],
        dir: &Path,
        there: &dyn Fn(PackName) -> bool,
        limits: &Limits,
    ) -> Result<Index> {
        let mut index = Index::default();
        let mut paths = Paths { dir: dir.to_str(), there, known: HashMap::new() };
        let mut others = Vec::new();
        for &[key, row] in pairs.as_chunks::<2>().0 {
            let place = match pickle.get(row) {
                Item::Tuple(&[file, start, end]) => {
                    match (pickle.get(file), pickle.get(start), pickle.get(end)) {
                        (Item::Str(file), Item::Int(start), Item::Int(end)) if file.len() <= LONG => {
                            Some((file, start, end))
                        }
                        _ => None,
                    }
                }
                _ => None,
            };
            match (pickle.get(key), place) {
                (Item::Str(key), Some((file, start, end))) if key.len() <= LONG => {
                    index.rows.put(key, file, start, end, &mut |path| paths.pack(path))?;
                }
                _ => others.extend([key, row]),
            }
        }
        // Few bytes that say much are no index of nengo's: one with them is set aside like any other that is damaged.
        let values = pickle.values_of(&others, limits);
        let values =
            values.map_err(|e| Error::invalid(e.message().to_owned()).reading("cache index").at(0))?;
        let mut values = values.into_iter();
        index.others = std::iter::from_fn(|| values.next().zip(values.next())).collect();
        Ok(index)
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.rows.len() + self.others.len()
    }

    /// Where an entry lies.
    pub(crate) fn find(&self, key: &Key) -> Option<Place> {
        here(&self.rows.find(key.name())?)
    }

    /// The entries that lie in this directory.
    pub(crate) fn each(&self, visit: &mut dyn FnMut(&str, Place)) {
        for row in self.rows.iter() {
            if let Some(place) = here(&row) {
                visit(row.key, place);
            }
        }
    }

    /// Makes a change. Whether anything is different now. `dir` is where the index lies.
    ///
    /// # Errors
    /// `Unsupported` for a directory whose path is no text, `Limit`.
    pub(crate) fn apply(&mut self, changes: &Changes, dir: &Path) -> Result<bool> {
        let dir = text_of(dir)?;
        let before = self.rows.len();
        if !changes.removed.is_empty() || !changes.packs.is_empty() {
            let removed: HashMap<&str, Place> =
                changes.removed.iter().map(|(key, place)| (key.name(), *place)).collect();
            self.rows.retain(|row| {
                here(&row).is_none_or(|place| {
                    removed.get(row.key) != Some(&place) && !changes.packs.contains(&place.pack)
                })
            });
        }
        let mut different = self.rows.len() != before;
        for (key, Place { pack, start, end }) in &changes.put {
            let far = |_| Error::unsupported("nengo's index has no place behind 2^63");
            let (start, end) = (i64::try_from(*start).map_err(far)?, i64::try_from(*end).map_err(far)?);
            let path = format!("{dir}/{pack}");
            different |= self.rows.put(key.name(), &path, start, end, &mut |_| Some(*pack))?;
        }
        Ok(different)
    }

    /// The bytes of the index of a directory, in the form that nengo 2.3 and later read.
    ///
    /// # Errors
    /// `Unsupported` for a directory whose path is no text, and for entries that cannot be written again.
    pub(crate) fn emit(&self, dir: &Path) -> Result<Vec<u8>> {
        let dir = text_of(dir)?;
        // Of packs that the index calls by another name than they have now.
        let mut paths: HashMap<PackName, String> = HashMap::new();
        for row in self.rows.iter() {
            if let Some(Place { pack, .. }) = here(&row).filter(|place| !is_path(row.path, dir, place.pack)) {
                paths.entry(pack).or_insert_with(|| format!("{dir}/{pack}"));
            }
        }
        let mut bytes = HEAD.to_vec();
        if self.others.is_empty() {
            let mut rows = RowsDump::new(Protocol::Four);
            for row in self.rows.iter() {
                let place = [
                    Plain::Str(path_of(&paths, &row)),
                    Plain::Int(row.start.into()),
                    Plain::Int(row.end.into()),
                ];
                rows.insert(row.key, &place)?;
            }
            bytes.extend(rows.finish());
            return Ok(bytes);
        }
        let mut all = Vec::with_capacity(self.len());
        for row in self.rows.iter() {
            let place = vec![Value::from(path_of(&paths, &row)), row.start.into(), row.end.into()];
            all.push((Value::from(row.key), Value::List(ListKind::Tuple, place)));
        }
        all.extend(self.others.iter().map(|(k, v)| (copy(k), copy(v))));
        bytes.extend(hyperslab_pickle::dump(&Value::Map(all))?);
        Ok(bytes)
    }
}

/// What a row's file is called: a pack in this directory by what the directory is called now.
fn path_of<'a>(paths: &'a HashMap<PackName, String>, row: &Row<'a>) -> &'a str {
    here(row).and_then(|place| paths.get(&place.pack)).map_or(row.path, String::as_str)
}

/// Where a row's entry lies, if it does in this directory.
fn here(row: &Row<'_>) -> Option<Place> {
    let (start, end) = (u64::try_from(row.start).ok()?, u64::try_from(row.end).ok()?);
    Some(Place { pack: row.pack?, start, end })
}

/// Whether a path is `dir/XX/REST.nco`.
fn is_path(path: &str, dir: &str, pack: PackName) -> bool {
    let name = path.strip_prefix(dir).and_then(|rest| rest.strip_prefix('/'));
    name.is_some_and(|name| {
        name.split_once('/').and_then(|(shard, rest)| PackName::of(shard, rest)) == Some(pack)
    })
}

fn text_of(dir: &Path) -> Result<&str> {
    dir.to_str()
        .ok_or_else(|| Error::unsupported("the path is no UTF-8, and nengo's index holds it").file(dir))
}

/// The paths of an index, and what they mean here.
struct Paths<'d> {
    dir: Option<&'d str>,
    there: &'d dyn Fn(PackName) -> bool,
    /// Packs that an index names by another folder, and whether they are here.
    known: HashMap<PackName, bool>,
}

impl Paths<'_> {
    fn pack(&mut self, file: &str) -> Option<PackName> {
        let pack = PackName::at_end_of(file)?;
        let in_dir = self
            .dir
            .and_then(|dir| file.strip_prefix(dir))
            .is_some_and(|rest| rest.len() == 1 + PackName::LEN && rest.starts_with(['/', '\\']));
        if !in_dir && !*self.known.entry(pack).or_insert_with(|| (self.there)(pack)) {
            return None;
        }
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
