//! What is in a cache: its entries, its packs, and what is wrong with them.

use super::entry::Window;
use super::own::{self, PackFile};
use super::store::Place;
use super::{Cache, Key, PackName, entry, is_gone, rebuild};
use crate::object::Entry;
use crate::pack::{self, Damage};
use hyperslab_core::source::FileSource;
use hyperslab_core::{Dtype, Error, Limits, Result, Shape};
use hyperslab_pickle::Policy;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// An entry as a listing shows it.
#[derive(Debug)]
pub struct Listed {
    /// Its key, as the index has it.
    pub key: String,
    /// Where it lies.
    pub place: Place,
    /// When it was put: what its object says, else when its pack was written.
    pub created: Option<SystemTime>,
    /// When its pack was used last.
    pub used: Option<SystemTime>,
    /// Elements and shape of its array, or why they cannot be read.
    pub array: Result<(Dtype, Shape)>,
}

/// What is wrong with an entry.
#[derive(Debug)]
pub struct Problem {
    /// Its key, as the index has it.
    pub key: String,
    /// Where the index says that it lies.
    pub place: Place,
    /// Whether its file is gone: a miss, and no damage.
    pub gone: bool,
    /// What is wrong.
    pub error: Error,
}

/// A pack as a check found it.
#[derive(Debug)]
pub struct PackState {
    /// The file.
    pub file: PackFile,
    /// Objects that an entry leads to.
    pub named: u64,
    /// Objects that none leads to: replaced, removed, or never committed.
    pub orphans: u64,
    /// How many of those carry their key, so that [`Cache::recover`] finds them.
    pub recoverable: u64,
    /// Stretches that hold no object.
    pub damage: Vec<Damage>,
    /// Why the file cannot be read, or is not the cache's own.
    pub error: Option<Error>,
}

/// What a check of the whole found.
#[derive(Debug, Default)]
pub struct Checked {
    /// Entries that are sound.
    pub sound: u64,
    /// Those of them that carry checksums, so that any flipped bit would have shown.
    pub checksummed: u64,
    /// Entries that are not sound.
    pub problems: Vec<Problem>,
    /// Entries in the index that lie in no pack of this directory.
    pub elsewhere: u64,
    /// What is wrong with the file that holds the names: entries may be missing for it. [`Cache::recover`] mends it.
    pub names: Option<String>,
    /// The pack files.
    pub packs: Vec<PackState>,
}

impl Checked {
    /// Whether nothing is damaged. Entries whose file is gone, and bytes that nothing leads to, are no damage.
    pub fn is_sound(&self) -> bool {
        self.names.is_none() && self.problems.iter().all(|p| p.gone)
    }
}

impl Cache {
    /// The entries, as many as lie in this directory, in the order of their packs.
    ///
    /// # Errors
    /// `Io` and `Invalid` for the directory and its index.
    pub fn list(&self) -> Result<Vec<Listed>> {
        let limits = (self.options.limits)();
        let files: HashMap<_, _> = own::list(&self.dir)?.into_iter().map(|f| (f.name, f)).collect();
        let mut open: Option<(PackName, Option<FileSource>)> = None;
        let mut all = Vec::new();
        for (key, place) in self.places()? {
            let of_file = files.get(&place.pack);
            let source = match &mut open {
                Some((name, source)) if *name == place.pack => source,
                other => {
                    let file = own::open(&self.dir, place.pack);
                    let source = file.map(|f| FileSource::from_file(f, place.pack.path(&self.dir)));
                    &mut other.insert((place.pack, source.ok())).1
                }
            };
            let mut created = None;
            let array = match source {
                Some(source) => describe(source, place, &limits).map(|(at, array)| {
                    created = at;
                    array
                }),
                None => Err(self.no_file(place)),
            };
            all.push(Listed {
                key,
                place,
                created: created.or(of_file.map(|f| f.written)),
                used: of_file.map(|f| f.used),
                array,
            });
        }
        Ok(all)
    }

    /// Checks every entry and every pack: entries against what they lead to, checksums, metadata and arrays decoded
    /// whole; packs for what no entry leads to. `seen` is told of the bytes of each pack.
    ///
    /// # Errors
    /// `Io` and `Invalid` for the directory and its index.
    pub fn verify(&self, seen: &mut dyn FnMut(u64)) -> Result<Checked> {
        let mut checked = Checked::default();
        let mut by_pack: HashMap<_, Vec<(String, Place)>> = HashMap::new();
        let places = self.places()?;
        checked.elsewhere = (self.read().len() as u64).saturating_sub(places.len() as u64);
        checked.names = self.read().damage()?;
        for (key, place) in places {
            by_pack.entry(place.pack).or_default().push((key, place));
        }
        for file in own::list(&self.dir)? {
            let entries = by_pack.remove(&file.name).unwrap_or_default();
            let state = self.verify_pack(file, entries, &mut checked);
            checked.packs.push(state);
            seen(file.bytes);
        }
        let mut missing: Vec<_> = by_pack.into_values().flatten().collect();
        missing.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        for (key, place) in missing {
            let error = self.no_file(place);
            let gone = is_gone(&error);
            checked.problems.push(Problem { key, place, gone, error });
        }
        Ok(checked)
    }

    fn verify_pack(&self, file: PackFile, entries: Vec<(String, Place)>, checked: &mut Checked) -> PackState {
        let limits = (self.options.limits)();
        let mut state =
            PackState { file, named: 0, orphans: 0, recoverable: 0, damage: Vec::new(), error: None };
        let named: HashSet<u64> = entries.iter().map(|(_, place)| place.start).collect();
        let path = file.name.path(&self.dir);
        let source = match own::open(&self.dir, file.name) {
            Ok(open) => FileSource::from_file(open, &path),
            Err(e) => {
                state.error = Some(Error::io(e, "cannot open").file(&path));
                return state;
            }
        };
        match pack::walk(&source, &limits) {
            Ok(walk) => {
                for entry in walk.entries {
                    if named.contains(&entry.header().start) {
                        state.named += 1;
                    } else {
                        state.orphans += 1;
                        state.recoverable += u64::from(rebuild::key_of(&source, &entry, &limits).is_some());
                    }
                }
                state.damage = walk.damage;
            }
            Err(e) => state.error = Some(e),
        }
        for (key, place) in entries {
            let limits = (self.options.limits)();
            match check(&source, &key, place, self.options.policy, &limits) {
                Ok(sums) => {
                    checked.sound += 1;
                    checked.checksummed += u64::from(sums);
                }
                Err(error) => checked.problems.push(Problem { key, place, gone: false, error }),
            }
        }
        state
    }

    /// Every entry that lies here, in the order of the packs.
    pub(super) fn places(&self) -> Result<Vec<(String, Place)>> {
        self.refresh()?;
        let mut all = Vec::new();
        self.read().each(&mut |key, place| all.push((key.to_owned(), place)));
        all.sort_unstable_by_key(|(_, place)| (place.pack, place.start));
        Ok(all)
    }

    /// Why there is no pack where an entry should lie.
    fn no_file(&self, place: Place) -> Error {
        let e = own::open(&self.dir, place.pack).err();
        let e = e.unwrap_or_else(|| std::io::ErrorKind::NotFound.into());
        Error::io(e, "cannot open").file(place.pack.path(&self.dir))
    }
}

/// Reads an entry whole. Whether it carries checksums.
fn check(source: &FileSource, key: &str, place: Place, policy: Policy, limits: &Limits) -> Result<bool> {
    let window = Window::read(source, place, limits)?;
    let object = Entry::open(&window, place.start)?;
    let sums = object.checks(&window, limits)?;
    // A key that is none of ours is an entry all the same; its object cannot say another.
    match Key::named(key) {
        Some(key) => drop(entry::read(source, &key, place, false, policy, limits)?),
        None => drop(crate::object::whole(&object, &window, policy, limits)?),
    }
    Ok(sums.pickle.is_some() && sums.array.is_some())
}

/// When an object was made, if it says so, and what its array is.
fn describe(
    source: &FileSource,
    place: Place,
    limits: &Limits,
) -> Result<(Option<SystemTime>, (Dtype, Shape))> {
    let entry = Entry::open(source, place.start)?;
    let header = entry.array_header(source, limits)?;
    let block = entry.block(source, limits)?;
    let created = block.as_ref().and_then(|b| b.extension()).and_then(|e| e.created);
    let created = created.and_then(|ns| u64::try_from(ns).ok());
    let created = created.and_then(|ns| UNIX_EPOCH.checked_add(Duration::from_nanos(ns)));
    Ok((created, (header.dtype, header.shape)))
}
