//! The regions of objects: header, pickle, array, and the zeros that align them.

use crate::header::Header;
use crate::object::Entry;
use hyperslab_core::Result;
use hyperslab_core::walk::{Region, Seen, Visit};

/// Hands out the regions of objects, each under its path.
pub(crate) fn walk(entries: &[Entry], pack: bool, visit: Visit<'_>) -> Result<()> {
    for (i, entry) in entries.iter().enumerate() {
        let path = if pack { i.to_string() } else { String::new() };
        let Header { start, layout, pickle, array, .. } = entry.header();
        let mut at = *start;
        let parts = [
            (*start..start.saturating_add(layout.header_len()), "NCO header"),
            (pickle.clone(), "pickle"),
            (array.clone(), "NPY file"),
        ];
        for (range, what) in parts {
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
