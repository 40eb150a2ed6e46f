//! The regions of objects: header, extension block, pickle, array, and the zeros that align them; and lost headers,
//! which reading the objects does not come across.

use crate::header::Header;
use crate::object::Entry;
use hyperslab_core::walk::{Region, Seen, Visit};
use hyperslab_core::{Error, Limits, Result, Source};

/// Hands out the regions of objects, each under its path.
pub(crate) fn walk<S: Source>(
    entries: &[Entry],
    source: &S,
    pack: bool,
    limits: &Limits,
    visit: Visit<'_>,
) -> Result<()> {
    for (i, entry) in entries.iter().enumerate() {
        let path = if pack { i.to_string() } else { String::new() };
        let Header { start, layout, pickle, array, .. } = entry.header();
        if let Some(lost) = entry.lost_header() {
            let e = Error::invalid(lost.to_owned()).reading("NCO header").at(*start).object(&*path);
            let e = e.hint("the object is whole: 'slab recover' writes it with a new header");
            visit(Seen::Damage(e))?;
        }
        let mut at = *start;
        // A block that is damaged is told of when the object is read.
        let block = entry.block_range(source, limits).unwrap_or(None);
        let parts = [
            Some((*start..start.saturating_add(layout.header_len()), "NCO header")),
            block.map(|range| (range, "extension block")),
            Some((pickle.clone(), "pickle")),
            Some((array.clone(), "NPY file")),
        ];
        for (range, what) in parts.into_iter().flatten() {
            let gap = range.start.saturating_sub(at);
            if (1..crate::header::ALIGNMENT).contains(&gap) {
                visit(Seen::Region(Region::new(at, gap, "padding", &*path)))?;
            }
            let len = range.end.saturating_sub(range.start);
            visit(Seen::Region(Region::new(range.start, len, what, &*path)))?;
            at = range.end;
        }
    }
    Ok(())
}
