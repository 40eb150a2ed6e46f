//! The names of a cache found again: entries that lead nowhere go, and what the packs hold besides comes back.

use super::own;
use super::rebuild;
use super::store::{Changes, Place};
use super::{Cache, Key};
use crate::object::Entry as Object;
use hyperslab_core::source::FileSource;
use hyperslab_core::{Error, Result};
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::io;

/// What recovering came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Entries that had names, and keep them.
    pub kept: u64,
    /// Entries that got their names back from their objects.
    pub found: u64,
    /// Names that led to no object, and were removed.
    pub dropped: u64,
    /// Objects that no name leads to, and that say none: nengo writes no keys.
    pub nameless: u64,
}

impl Cache {
    /// Makes the names anew from the packs: an index that is damaged is set aside when the cache is opened, what of it
    /// is sound is kept here, and objects that carry their keys and are named nowhere get their names back, those of
    /// entries that were removed among them. Files are not changed.
    ///
    /// # Errors
    /// As [`Cache::put`].
    pub fn recover(&self) -> Result<Recovered> {
        self.writable()?;
        self.flush()?;
        let lock = self.lock()?;
        let mut store = self.write();
        store.refresh(Some(&lock))?;
        let limits = (self.options.limits)();
        let mut places = Vec::new();
        store.each(&mut |key, place| places.push((key.to_owned(), place)));
        let mut changes = Changes::default();
        let mut done = Recovered::default();
        let mut files = HashMap::new();
        let (mut here, mut kept) = (HashSet::new(), HashSet::new());
        for (key, place) in places {
            let file = match files.entry(place.pack) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(self.pack_of(place)?),
            };
            let there = file.as_ref().is_some_and(|source| {
                Object::open(source, place.start).is_ok_and(|e| e.header().array.end == place.end)
            });
            match (there, Key::named(&key)) {
                (false, Some(key)) => {
                    done.dropped += 1;
                    changes.removed.push((key, place));
                }
                (_, key) => {
                    done.kept += 1;
                    here.insert((place.pack, place.start));
                    kept.extend(key);
                }
            }
        }
        let found = rebuild::objects(&self.dir, &limits)?;
        done.nameless = found.nameless.iter().filter(|p| !here.contains(&(p.pack, p.start))).count() as u64;
        let mut new: HashMap<Key, _> = HashMap::new();
        for (key, place) in found.named {
            if !kept.contains(&key) {
                new.insert(key, place);
            }
        }
        done.found = new.len() as u64;
        changes.put = new.into_iter().collect();
        store.commit(&lock, &changes)?;
        // What was found when the index was made anew has not had its name for long.
        let mended = (store.mended() as u64).min(done.kept);
        done.kept -= mended;
        done.found += mended;
        Ok(done)
    }

    /// The pack that a name leads to; nothing where there is none. One that cannot be read is not one that is gone.
    fn pack_of(&self, place: Place) -> Result<Option<FileSource>> {
        let path = place.pack.path(&self.dir);
        match own::open(&self.dir, place.pack) {
            Ok(file) => Ok(Some(FileSource::from_file(file, path))),
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
                let hint = "nothing was changed; try again as somebody who may read it";
                Err(Error::io(e, "cannot open a pack that the index names").file(path).hint(hint))
            }
            Err(_) => Ok(None),
        }
    }
}
