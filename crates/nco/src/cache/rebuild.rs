//! What the packs of a directory hold, from them alone: objects that carry their keys find back to them.

use super::key::Key;
use super::own;
use super::store::Place;
use crate::object::Entry;
use crate::pack;
use hyperslab_core::source::FileSource;
use hyperslab_core::{Limits, Result};
use std::path::Path;

/// The objects of all packs.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    /// Those that say their key, oldest first.
    pub(crate) named: Vec<(Key, Place)>,
    /// The others.
    pub(crate) nameless: Vec<Place>,
}

/// Looks for every object whose header is sound.
///
/// # Errors
/// `Limit`, `Io` for the directory. Files that cannot be read, or are damaged, give what is sound in them.
pub(crate) fn objects(dir: &Path, limits: &Limits) -> Result<Objects> {
    let (mut named, mut nameless) = (Vec::new(), Vec::new());
    for file in own::list(dir)? {
        let Ok(open) = own::open(dir, file.name) else { continue };
        let source = FileSource::from_file(open, file.name.path(dir));
        let Ok(walk) = pack::walk(&source, limits) else { continue };
        // An object whose header is lost could be named, but not read where it lies.
        for entry in walk.entries.into_iter().filter(|e| e.lost_header().is_none()) {
            let header = entry.header();
            let place = Place { pack: file.name, start: header.start, end: header.array.end };
            match key_of(&source, &entry, limits) {
                Some((created, key)) => named.push((created, key, place)),
                None => nameless.push(place),
            }
        }
    }
    named.sort_by_key(|(created, ..)| *created);
    Ok(Objects { named: named.into_iter().map(|(_, key, place)| (key, place)).collect(), nameless })
}

/// The key of an object, and when it was made; nothing for one without an extension, or with a damaged one.
pub(crate) fn key_of(source: &FileSource, entry: &Entry, limits: &Limits) -> Option<(i64, Key)> {
    let block = entry.block(source, limits).ok()??;
    let extension = block.extension()?;
    let key = Key::named(std::str::from_utf8(extension.key.as_deref()?).ok()?)?;
    Some((extension.created.unwrap_or(i64::MIN), key))
}
