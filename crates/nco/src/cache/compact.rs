//! Many small packs put together into few, and packs taken apart again.
//!
//! Objects are copied, checked by their checksums on the way, without the lock: nengo waits for it 0.1 s and no
//! longer. Then, under it, the names of those that still lie where they lay are turned to the copies, and the packs
//! that nothing leads to any more are deleted. A pack with objects that have no name is left alone for a day: somebody
//! may be about to name them.

use super::entry::Window;
use super::own::{self, PackFile};
use super::packs::PackWriter;
use super::store::{Changes, Place};
use super::{Cache, Key, PackName, rebuild};
use crate::pack;
use hyperslab_core::source::FileSource;
use hyperslab_core::{Error, Kind, Limits, Result};
use std::collections::{HashMap, HashSet};
use std::fs::FileTimes;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// When nobody is about to name what has no name any more.
const SETTLED: Duration = Duration::from_secs(24 * 3600);

/// What packing or unpacking came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packed {
    /// Pack files before.
    pub before: u64,
    /// Pack files after.
    pub after: u64,
    /// Entries that lie elsewhere now.
    pub moved: u64,
    /// Bytes of the files gained; when the packs were taken apart, mostly none.
    pub gained: u64,
    /// Packs that were left alone: objects in them have no name, overlap, or are damaged.
    pub left: u64,
}

/// A pack whose entries are all to be moved.
struct Old {
    file: PackFile,
    entries: Vec<(Key, Place)>,
}

impl Cache {
    /// Puts packs that are smaller than `size` together into packs of about that size, those that were used at about
    /// the same time into the same. What no name leads to any more is left out.
    ///
    /// # Errors
    /// As [`Cache::put`].
    pub fn pack(&self, size: u64) -> Result<Packed> {
        self.repack(size, |old| old.file.bytes < size)
    }

    /// Gives every entry a pack of its own.
    ///
    /// # Errors
    /// As [`Cache::put`].
    pub fn unpack(&self) -> Result<Packed> {
        self.repack(0, |old| old.entries.len() > 1)
    }

    fn repack(&self, size: u64, wanted: impl Fn(&Old) -> bool) -> Result<Packed> {
        self.writable()?;
        self.flush()?;
        self.session().end_pack();
        let limits = (self.options.limits)();
        let files = own::list(&self.dir)?;
        let mut done = Packed { before: files.len() as u64, ..Packed::default() };
        let bytes_before: u64 = files.iter().map(|f| f.bytes).sum();
        let mut by_pack: HashMap<PackName, Vec<(String, Place)>> = HashMap::new();
        for (key, place) in self.places()? {
            by_pack.entry(place.pack).or_default().push((key, place));
        }
        let named: HashSet<String> = by_pack.values().flatten().map(|(key, _)| key.clone()).collect();
        let mut old = Vec::new();
        for file in files {
            let entries = by_pack.remove(&file.name).unwrap_or_default();
            match self.movable(file, entries, &named, &limits) {
                Some(pack) if wanted(&pack) => old.push(pack),
                Some(_) => {}
                None => done.left += 1,
            }
        }
        old.sort_unstable_by_key(|o| (o.file.used, o.file.name));
        // One pack would become one pack.
        if size > 0 && old.len() < 2 {
            done.after = done.before;
            return Ok(done);
        }
        let mut copier = Copier::new(&self.dir, size);
        let copied = copier.all(old, &limits).and_then(|left| {
            done.left += left;
            copier.finish()
        });
        // Copies that nothing leads to are of no use to anybody.
        let turned = copied.and_then(|()| self.turn(&copier, &mut done));
        if let Err(e) = turned {
            for name in &copier.made {
                let _ = own::delete(&self.dir, *name);
            }
            return Err(e);
        }
        let files = own::list(&self.dir)?;
        done.after = files.len() as u64;
        done.gained = bytes_before.saturating_sub(files.iter().map(|f| f.bytes).sum());
        Ok(done)
    }

    /// A pack as something to be moved, if every object in it has a name or was replaced by another.
    fn movable(
        &self,
        file: PackFile,
        entries: Vec<(String, Place)>,
        named: &HashSet<String>,
        limits: &Limits,
    ) -> Option<Old> {
        // Entries that overlap are no cache's work, and their copies could take any number of times the space.
        let bytes = |p: &Place| p.end.saturating_sub(p.start);
        if entries.iter().fold(0, |sum: u64, (_, place)| sum.saturating_add(bytes(place))) > file.bytes {
            return None;
        }
        let starts: HashSet<u64> = entries.iter().map(|(_, place)| place.start).collect();
        let source = FileSource::from_file(own::open(&self.dir, file.name).ok()?, file.name.path(&self.dir));
        let walk = pack::walk(&source, limits).ok()?;
        let settled = file.written.elapsed().is_ok_and(|age| age > SETTLED);
        let known = settled
            || walk.entries.iter().all(|e| {
                starts.contains(&e.header().start)
                    || rebuild::key_of(&source, e, limits).is_some_and(|(_, key)| named.contains(key.name()))
            });
        let entries = entries.into_iter().map(|(key, place)| Some((Key::named(&key)?, place)));
        let entries: Vec<_> = entries.collect::<Option<_>>()?;
        (known && !entries.is_empty()).then_some(Old { file, entries })
    }

    /// Turns the names of what was copied to the copies, and deletes the packs that this leaves without any.
    fn turn(&self, copier: &Copier<'_>, done: &mut Packed) -> Result<()> {
        let lock = self.lock()?;
        let mut store = self.write();
        store.refresh(Some(&lock))?;
        // What others removed or replaced meanwhile stays removed and replaced.
        let still = |(key, from, _): &&(Key, Place, Place)| store.find(key) == Some(*from);
        let put: Vec<_> = copier.copies.iter().filter(still).map(|(key, _, to)| (key.clone(), *to)).collect();
        done.moved = put.len() as u64;
        store.commit(&lock, &Changes { put, ..Changes::default() })?;
        let mut used = HashSet::new();
        store.each(&mut |_, place| {
            used.insert(place.pack);
        });
        for old in &copier.copied {
            let now = old.name.path(&self.dir).symlink_metadata();
            // Somebody may have written to it since.
            let same = now.is_ok_and(|m| m.len() == old.bytes && m.modified().ok() == Some(old.written));
            if same && !used.contains(&old.name) {
                own::delete(&self.dir, old.name)?;
            }
        }
        for made in copier.made.iter().filter(|name| !used.contains(name)) {
            own::delete(&self.dir, *made)?;
        }
        Ok(())
    }
}

/// Packs being filled with what others hold.
struct Copier<'d> {
    dir: &'d Path,
    size: u64,
    /// The one that is being filled, and when the latest of its entries was used.
    writer: Option<(PackWriter, SystemTime)>,
    /// The packs that were begun.
    made: Vec<PackName>,
    /// Key, old place, new place.
    copies: Vec<(Key, Place, Place)>,
    /// The packs that were copied whole.
    copied: Vec<PackFile>,
}

impl<'d> Copier<'d> {
    fn new(dir: &'d Path, size: u64) -> Copier<'d> {
        Copier { dir, size, writer: None, made: Vec::new(), copies: Vec::new(), copied: Vec::new() }
    }

    /// Copies packs; says how many were left alone because of damage in them.
    fn all(&mut self, old: Vec<Old>, limits: &Limits) -> Result<u64> {
        let mut left = 0;
        for pack in old {
            let before = self.copies.len();
            match self.one(&pack, limits) {
                Ok(()) => self.copied.push(pack.file),
                Err(e) if matches!(e.kind(), Kind::Invalid | Kind::Unsupported) => {
                    self.copies.truncate(before);
                    left += 1;
                }
                Err(e) => return Err(e),
            }
        }
        Ok(left)
    }

    fn one(&mut self, pack: &Old, limits: &Limits) -> Result<()> {
        let path = pack.file.name.path(self.dir);
        let file =
            own::open(self.dir, pack.file.name).map_err(|e| Error::io(e, "cannot open").file(&path))?;
        let source = FileSource::from_file(file, path);
        for (key, place) in &pack.entries {
            let window = Window::read(&source, *place, limits)?;
            if self.writer.as_ref().is_some_and(|(w, _)| w.len() > 0 && w.len() >= self.size) {
                self.finish()?;
            }
            let (writer, used) = match &mut self.writer {
                Some(open) => open,
                none => {
                    let new = PackWriter::create(self.dir)?;
                    self.made.push(new.name());
                    none.insert((new, pack.file.used))
                }
            };
            *used = (*used).max(pack.file.used);
            let to = writer.copy(key, &window, limits)?;
            self.copies.push((key.clone(), *place, to));
        }
        Ok(())
    }

    /// Ends the pack that is being filled. It is as old as the latest of its entries.
    fn finish(&mut self) -> Result<()> {
        if let Some((mut writer, used)) = self.writer.take() {
            let times = FileTimes::new().set_accessed(used).set_modified(used);
            // Only what is deleted first depends on it.
            let _ = writer.file().set_times(times);
            writer.sync()?;
        }
        Ok(())
    }
}
