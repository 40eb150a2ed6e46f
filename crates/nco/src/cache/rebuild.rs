//! The entries of a directory from its packs alone: objects that carry their keys find back to them.

use super::key::Key;
use super::own;
use super::store::Place;
use crate::object::Entry;
use crate::pack;
use hyperslab_core::source::FileSource;
use hyperslab_core::{Limits, Result};
use std::path::Path;

/// Every entry whose object says its key, oldest first.
///
/// # Errors
/// `Limit`, `Io` for the directory. Files that cannot be read, or are damaged, give what is sound in them.
pub(crate) fn entries(dir: &Path, limits: &Limits) -> Result<Vec<(Key, Place)>> {
    let mut found = Vec::new();
    for file in own::list(dir)? {
        let Ok(open) = own::open(dir, file.name) else { continue };
        let source = FileSource::from_file(open, file.name.path(dir));
        let Ok(walk) = pack::walk(&source, limits) else { continue };
        for entry in walk.entries {
            let header = entry.header();
            let place = Place { pack: file.name, start: header.start, end: header.array.end };
            if let Some((created, key)) = key_of(&source, &entry, limits) {
                found.push((created, key, place));
            }
        }
    }
    found.sort_by_key(|(created, ..)| *created);
    Ok(found.into_iter().map(|(_, key, place)| (key, place)).collect())
}

/// The key of an object, and when it was made; nothing for one without an extension, or with a damaged one.
pub(crate) fn key_of(source: &FileSource, entry: &Entry, limits: &Limits) -> Option<(i64, Key)> {
    let block = entry.block(source, limits).ok()??;
    let extension = block.extension()?;
    let key = Key::named(std::str::from_utf8(extension.key.as_deref()?).ok()?)?;
    Some((extension.created.unwrap_or(i64::MIN), key))
}
