//! The rows of an index in memory: keys and paths stay in the bytes that were read, and rows are found by a table of
//! numbers. What is added is kept behind them.
//!
//! An index of 100,000 entries is read by every process that opens its directory, and mostly for a few keys.

use super::super::name::PackName;
use super::scan::{self, Span};
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hyperslab_core::{Error, Result};
use std::hash::BuildHasher as _;

/// Keys and paths beyond this length, in bytes, name nothing that could be found: they are kept, and not looked at. One
/// of a megabyte that each of many rows names would be hashed as often.
pub(super) const LONG: usize = 4096;

/// A row as it is handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row<'a> {
    pub(super) key: &'a str,
    /// The path, as the index has it.
    pub(super) path: &'a str,
    /// The pack that the path means, where it lies in this directory.
    pub(super) pack: Option<PackName>,
    pub(super) start: i64,
    pub(super) end: i64,
}

/// Rows `{key: (file, start, end)}` in the order in which their keys came first.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// The bytes of an index, and behind them what was added.
    text: Vec<u8>,
    table: Table,
}

impl Rows {
    /// The rows of a dict as nengo and we pickle them, at `from`; the bytes back if it is none. `pack` finds what a
    /// path means.
    pub(super) fn read(
        bytes: Vec<u8>,
        from: usize,
        pack: &mut dyn FnMut(&str) -> Option<PackName>,
    ) -> std::result::Result<Rows, Vec<u8>> {
        let mut table = Table::for_bytes(bytes.len());
        let read = scan::rows(&bytes, from, |row| {
            if row.key.len.max(row.file.len) as usize > LONG {
                return None;
            }
            let file = table.file(&bytes, row.file, pack);
            table.insert(&bytes, row.key, file, row.start, row.end);
            Some(())
        });
        match read {
            Some(()) => Ok(Rows { text: bytes, table }),
            None => Err(bytes),
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.table.rows.len()
    }

    /// Adds a row, or puts it in the place of the one with this key. Whether anything is different now.
    ///
    /// # Errors
    /// `Limit` when keys and paths take more than 4 GiB.
    pub(super) fn put(
        &mut self,
        key: &str,
        path: &str,
        start: i64,
        end: i64,
        pack: &mut dyn FnMut(&str) -> Option<PackName>,
    ) -> Result<bool> {
        let path = match self.table.find_file(&self.text, path.as_bytes()) {
            Ok(file) => self.table.path(file),
            Err(_) => self.keep(path)?,
        };
        let key = match self.table.find(&self.text, key.as_bytes()) {
            Ok(row) => row.key,
            Err(_) => self.keep(key)?,
        };
        let file = self.table.file(&self.text, path, pack);
        Ok(self.table.insert(&self.text, key, file, start, end))
    }

    fn keep(&mut self, text: &str) -> Result<Span> {
        let full = || Error::limit("an index of more than 4 GiB");
        let at = u32::try_from(self.text.len()).map_err(|_| full())?;
        let len = u32::try_from(text.len()).map_err(|_| full())?;
        at.checked_add(len).ok_or_else(full)?;
        self.text.extend_from_slice(text.as_bytes());
        Ok(Span { at, len })
    }

    /// The row of a key.
    pub(super) fn find(&self, key: &str) -> Option<Row<'_>> {
        self.table.find(&self.text, key.as_bytes()).ok().map(|row| self.table.show(&self.text, row))
    }

    /// All of them in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        self.table.rows.iter().map(|row| self.table.show(&self.text, row))
    }

    /// Takes out all but those that are to stay.
    pub(super) fn retain(&mut self, mut stay: impl FnMut(Row<'_>) -> bool) {
        let mut rows = std::mem::take(&mut self.table.rows);
        rows.retain(|row| stay(self.table.show(&self.text, row)));
        self.table.rows = rows;
        self.table.hash_again(&self.text);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slot {
    key: Span,
    file: FileId,
    start: i64,
    end: i64,
}

/// A file that rows name, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileId(u32);

#[derive(Clone, Copy, Debug)]
struct File {
    path: Span,
    pack: Option<PackName>,
}

/// Rows and files whose text lies elsewhere: every method is given it.
#[derive(Debug, Default)]
struct Table {
    rows: Vec<Slot>,
    by_key: HashTable<u32>,
    files: Vec<File>,
    by_path: HashTable<u32>,
    state: RandomState,
}

impl Table {
    /// With room for the rows of an index of this length.
    fn for_bytes(len: usize) -> Table {
        // A row takes some 60 bytes.
        let count = len / 60;
        Table { rows: Vec::with_capacity(count), by_key: HashTable::with_capacity(count), ..Table::default() }
    }

    fn find_file(&self, text: &[u8], path: &[u8]) -> std::result::Result<FileId, u64> {
        let hash = self.state.hash_one(path);
        let is_it = |n: &u32| self.path(FileId(*n)).of(text) == path;
        self.by_path.find(hash, is_it).map(|n| FileId(*n)).ok_or(hash)
    }

    fn path(&self, file: FileId) -> Span {
        self.files.get(file.0 as usize).map_or(Span { at: 0, len: 0 }, |f| f.path)
    }

    /// The file of a path; `pack` finds what a new one means.
    fn file(&mut self, text: &[u8], path: Span, pack: &mut dyn FnMut(&str) -> Option<PackName>) -> FileId {
        // Entries of a pack come together.
        let last = FileId((self.files.len() as u32).wrapping_sub(1));
        if !self.files.is_empty() && self.path(last) == path {
            return last;
        }
        let bytes = path.of(text);
        let hash = match self.find_file(text, bytes) {
            Ok(file) => return file,
            Err(hash) => hash,
        };
        let n = self.files.len() as u32;
        self.files.push(File { path, pack: pack(str::from_utf8(bytes).unwrap_or_default()) });
        let (files, state) = (&self.files, &self.state);
        let again = |n: &u32| files.get(*n as usize).map_or(0, |f| state.hash_one(f.path.of(text)));
        self.by_path.insert_unique(hash, n, again);
        FileId(n)
    }

    fn find(&self, text: &[u8], key: &[u8]) -> std::result::Result<&Slot, u64> {
        let hash = self.state.hash_one(key);
        let is_it = |n: &u32| self.rows.get(*n as usize).is_some_and(|row| row.key.of(text) == key);
        self.by_key.find(hash, is_it).and_then(|n| self.rows.get(*n as usize)).ok_or(hash)
    }

    fn insert(&mut self, text: &[u8], key: Span, file: FileId, start: i64, end: i64) -> bool {
        let bytes = key.of(text);
        let hash = self.state.hash_one(bytes);
        let same = |n: &u32| self.rows.get(*n as usize).is_some_and(|row| row.key.of(text) == bytes);
        if let Some(&n) = self.by_key.find(hash, same) {
            let Some(row) = self.rows.get_mut(n as usize) else { return false };
            let new = Slot { key: row.key, file, start, end };
            return std::mem::replace(row, new) != new;
        }
        let n = self.rows.len() as u32;
        self.rows.push(Slot { key, file, start, end });
        let (rows, state) = (&self.rows, &self.state);
        let again = |n: &u32| rows.get(*n as usize).map_or(0, |row| state.hash_one(row.key.of(text)));
        self.by_key.insert_unique(hash, n, again);
        true
    }

    /// After rows were taken out.
    fn hash_again(&mut self, text: &[u8]) {
        self.by_key.clear();
        let (rows, state) = (&self.rows, &self.state);
        let hash = |n: &u32| rows.get(*n as usize).map_or(0, |row| state.hash_one(row.key.of(text)));
        for n in 0..rows.len() as u32 {
            self.by_key.insert_unique(hash(&n), n, hash);
        }
    }

    fn show<'a>(&self, text: &'a [u8], row: &Slot) -> Row<'a> {
        let str_of = |span: Span| str::from_utf8(span.of(text)).unwrap_or_default();
        let file = self.files.get(row.file.0 as usize);
        Row {
            key: str_of(row.key),
            path: file.map_or("", |f| str_of(f.path)),
            pack: file.and_then(|f| f.pack),
            start: row.start,
            end: row.end,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Model = indexmap::IndexMap<String, (String, i64, i64)>;

    fn all(rows: &Rows) -> Model {
        rows.iter().map(|r| (r.key.to_owned(), (r.path.to_owned(), r.start, r.end))).collect()
    }

    proptest! {
        #[test]
        fn rows_are_a_map_in_order(
            puts in prop::collection::vec(("[a-d]{0,3}", "[x-z]{0,2}", -3i64..9, 0i64..9), 0..60),
            out in "[a-d]",
        ) {
            let (mut rows, mut model) = (Rows::default(), Model::new());
            for (key, path, start, end) in &puts {
                let different = model.get(key) != Some(&(path.clone(), *start, *end));
                model.insert(key.clone(), (path.clone(), *start, *end));
                prop_assert_eq!(rows.put(key, path, *start, *end, &mut |_| None).unwrap(), different);
            }
            prop_assert_eq!(all(&rows), model.clone());
            rows.retain(|row| !row.key.starts_with(&out));
            model.retain(|key, _| !key.starts_with(&out));
            prop_assert_eq!(rows.len(), model.len());
            for (key, ..) in &puts {
                let found = rows.find(key).map(|r| (r.path.to_owned(), r.start, r.end));
                prop_assert_eq!(found, model.get(key).cloned());
            }
            prop_assert_eq!(all(&rows), model);
        }
    }
}
