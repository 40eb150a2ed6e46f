//! Which bytes of a file are what: every structure that reading the whole tree comes across, and the elements.
//!
//! The parsers tell the source what they read where; here everything is read once through a source that listens, a
//! node at a time. What nothing leads to (space that was freed, objects without a link) is not found, and so belongs
//! to nothing.

use super::dataset::Dataset;
use super::group::{Entry, To};
use super::object::Object;
use super::{Context, File, attribute, extension, group, walk};
use crate::format::superblock::{SWMR, WRITING, taken_while_open};
use hyperslab_core::walk::{Region, Seen, Visit};
use hyperslab_core::{Error, Kind, Limits, Result, Selection, Source};
use std::collections::HashSet;

/// Hands out the regions; see [`Container::walk`](hyperslab_core::Container::walk).
pub(crate) fn walk(file: &File<'_>, limits: &Limits, visit: Visit<'_>) -> Result<()> {
    let superblock = file.superblock;
    let watched = file.watched();
    let base = file.source.base();
    let mut regions = Regions { file: &watched, base, known: HashSet::new(), visit };
    if base > 0 {
        (regions.visit)(Seen::Region(Region::new(0, base, "user block", "")))?;
    }
    regions.add(0, superblock.len(), "superblock", "")?;
    if superblock.version == 3 && superblock.flags & (WRITING | SWMR) != 0 {
        let e = Error::conflict("marked as open for writing, by a program that writes it now or that died");
        let e = e.reading("superblock").at(base);
        let e = e.hint("libhdf5 opens it for SWMR readers at the most; its 'h5clear -s' takes the mark away");
        (regions.visit)(Seen::Damage(e))?;
    }
    let first = watched.source.bytes_at(0, superblock.len().min(watched.source.len()?), limits)?;
    if superblock.version >= 2 && taken_while_open(&first) {
        let e = Error::invalid("checksum of a file that is marked as open, without that mark");
        let e = e.reading("superblock").at(base);
        let e = e.hint("the image of an open file, as libhdf5 before 2.0 takes it and does not open it again; 'slab repack' makes a sound file of it");
        (regions.visit)(Seen::Damage(e))?;
    }
    drop(first);
    let cx = watched.context(limits);
    regions.read("", || {
        extension::driver(cx, &superblock);
        extension::read(cx, &superblock)?;
        watched.shared.read_all(cx)
    })?;
    // Every object once, however many paths lead to it.
    let root = superblock.root;
    let mut seen = HashSet::from([root]);
    let mut waiting = vec![("/".to_owned(), root, 0)];
    while let Some((path, address, depth)) = waiting.pop() {
        limits.count_objects(1)?;
        let mut links = Vec::new();
        regions.read(&path, || object(cx, address, &mut links))?;
        let mut elements = Vec::new();
        regions.read(&path, || stored(cx, address, &mut elements))?;
        for (at, len, what) in elements {
            regions.add(at, len, what, &path)?;
        }
        for link in links {
            if let To::Object(address) = link.to
                && seen.insert(address)
            {
                // Far below, paths would take more memory than the file.
                let path = match limits.check_depth(depth) {
                    Ok(()) => format!("{}/{}", path.trim_end_matches('/'), link.name),
                    Err(_) => path.clone(),
                };
                waiting.push((path, address, depth.saturating_add(1)));
            }
        }
    }
    Ok(())
}

/// Reads everything that belongs to one object, but for the elements of its chunks; a group's links go to `links`.
fn object(cx: Context<'_, '_>, address: u64, links: &mut Vec<Entry>) -> Result<()> {
    let object = Object::read(cx, address)?;
    let attributes = attribute::all(cx, &object).map(drop);
    match walk::kind(&object) {
        walk::Kind::Group => {
            let (found, error) = group::entries(cx, &object);
            *links = found;
            error.map_or(attributes, Err)
        }
        walk::Kind::Dataset => {
            let dataset = Dataset::open(cx, object)?;
            // The references of variable-length elements lead to the collections that hold them.
            if dataset.stored.has_indirection() && dataset.space.shape().is_some() {
                let view = dataset.read(cx, &Selection::ALL)?;
                let heap = view.heap().map(|h| &**h);
                view.for_each(|e| hyperslab_core::scalar::decode(view.dtype(), e, heap).map(drop))?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Where the elements of a dataset lie, as far as its index can be read.
fn stored(cx: Context<'_, '_>, address: u64, out: &mut Vec<super::based::Seen>) -> Result<()> {
    let object = Object::read(cx, address)?;
    match walk::kind(&object) {
        walk::Kind::Dataset => Dataset::open(cx, object)?.stored_at(cx, out),
        _ => Ok(()),
    }
}

struct Regions<'f, 'v> {
    file: &'f File<'f>,
    base: u64,
    /// What was handed out already: structures that several nodes share, and objects with several links.
    known: HashSet<(u64, u64)>,
    visit: Visit<'v>,
}

impl Regions<'_, '_> {
    fn add(&mut self, at: u64, len: u64, what: &'static str, path: &str) -> Result<()> {
        if self.known.insert((at, len)) {
            (self.visit)(Seen::Region(Region::new(at.saturating_add(self.base), len, what, path)))?;
        }
        Ok(())
    }

    /// Hands out what some work reads. Its damage comes with the nodes and their elements.
    fn read(&mut self, path: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
        let done = work();
        for (at, len, what) in self.file.source.take_seen() {
            self.add(at, len, what, path)?;
        }
        match done {
            Err(e) if matches!(e.kind(), Kind::Io | Kind::Limit) => Err(e),
            _ => Ok(()),
        }
    }
}
