//! A journal written anew: every entry once, a table of them, and room for records behind it; no I/O.

use super::hash::{self, KeyHash};
use super::header::{HEADER_LEN, Header};
use super::journal::At;
use super::record::{Record, Slot};
use super::table::{self, BLOCK};
use hyperslab_core::Result;
use std::collections::HashMap;

/// The bytes of a journal that says that these entries are there. A pack is named before the first of its entries;
/// in the order of packs and places, neighbors in a pack are neighbors here.
///
/// # Errors
/// `Usage` for keys of more than 255 bytes.
pub(super) fn snapshot(mut entries: Vec<(Box<str>, At)>, generation: u64) -> Result<Vec<u8>> {
    entries.sort_unstable_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
    let salt = hash::salt();
    let mut out = vec![0; HEADER_LEN as usize];
    let mut packs: HashMap<u128, u64> = HashMap::new();
    let mut hashes = Vec::with_capacity(entries.len());
    for (key, place) in &entries {
        let pack = match packs.get(&place.pack) {
            Some(at) => *at,
            None => {
                let at = out.len() as u64;
                Record::Pack { uuid: place.pack }.emit(&mut out, at, salt)?;
                packs.insert(place.pack, at);
                at
            }
        };
        let at = out.len() as u64;
        let slot = Slot { pack, start: place.start, end: place.end };
        Record::Put { key, slot }.emit(&mut out, at, salt)?;
        hashes.push((KeyHash::of(key, salt), at));
    }
    if !hashes.is_empty() {
        // Blocks of the table are sectors of the disk.
        out.resize(out.len().next_multiple_of(BLOCK as usize), 0);
    }
    let header = Header {
        generation,
        salt,
        table_at: out.len() as u64,
        blocks: table::blocks_for(hashes.len()),
        entries: hashes.len() as u64,
    };
    out.extend(table::build(&header, hashes.into_iter()));
    for (place, byte) in out.iter_mut().zip(header.emit()) {
        *place = byte;
    }
    Ok(out)
}
