//! What tests of damaged files share: checksums put right again, so that damage is met by the checks behind them.
//!
//! Not part of the public interface.

use crate::File;
use crate::format::global_heap::{Collection, OBJECT_HEADER};
use crate::format::object_header::Prefix;
use crate::format::superblock::SIGNATURE;
use crate::format::{Sizes, checksum, extensible_array, fixed_array};
use hyperslab_core::walk::Seen;
use hyperslab_core::{Container, Limits};
use std::ops::Range;

/// Recomputes the checksum of every superblock, object header and array header whose signature is found.
pub fn repair(file: &mut [u8]) {
    for at in 0..file.len() {
        let Some(rest) = file.get(at..) else { return };
        let len = if rest.starts_with(&SIGNATURE) {
            match rest.get(8) {
                Some(2 | 3) => 48,
                _ => continue,
            }
        } else if rest.starts_with(b"OHDR") {
            match Prefix::parse(rest, 0).map(|p| usize::try_from(p.len())) {
                Ok(Ok(n)) => n,
                _ => continue,
            }
        } else if rest.starts_with(b"FAHD") {
            fixed_array::Header::len(Sizes::STANDARD) as usize
        } else if rest.starts_with(&extensible_array::HEADER_SIGNATURE) {
            extensible_array::Header::len(Sizes::STANDARD)
        } else {
            continue;
        };
        let body = len.saturating_sub(4);
        if let Some(whole) = file.get_mut(at..).and_then(|f| f.get_mut(..len))
            && let Some((content, sum)) = whole.split_at_mut_checked(body)
            && sum.len() == 4
        {
            sum.copy_from_slice(&checksum::lookup3(content).to_le_bytes());
        }
    }
}

/// Where a sound file keeps checksums of its structures: what they cover, with the checksum behind it.
///
/// Structures that keep theirs elsewhere (fractal heap blocks) are left out.
pub fn sealed(file: &[u8]) -> Vec<Range<usize>> {
    let limits = Limits::default();
    let mut out = Vec::new();
    let Ok(open) = File::from_image(file) else { return out };
    let holds = |at: usize, len: usize| {
        let whole = file.get(at..)?.get(..len)?;
        let (content, sum) = whole.split_last_chunk::<4>()?;
        (checksum::lookup3(content) == u32::from_le_bytes(*sum)).then_some(at..at + len)
    };
    // A damaged file has what was found until then.
    let _ = open.walk(&limits, &mut |seen| {
        if let Seen::Region(r) = seen
            && let (Ok(at), Ok(len)) = (usize::try_from(r.offset), usize::try_from(r.len))
        {
            // Nodes of a B-tree have room behind the checksum.
            let shorter = if r.what == "B-tree node" { 10..len } else { len..len };
            out.extend(holds(at, len).or_else(|| shorter.into_iter().find_map(|n| holds(at, n))));
        }
        Ok(())
    });
    out
}

/// Recomputes those checksums.
pub fn reseal(file: &mut [u8], sealed: &[Range<usize>]) {
    for range in sealed {
        if let Some((content, sum)) = file.get_mut(range.clone()).and_then(|w| w.split_last_chunk_mut::<4>())
        {
            *sum = checksum::lookup3(content).to_le_bytes();
        }
    }
}

/// Recomputes the checksum of what can be the mappings of a virtual dataset: they are objects of a global heap, so no
/// region of their own.
pub fn reseal_mappings(file: &mut [u8]) {
    let mut found = Vec::new();
    for at in 0..file.len() {
        let Some(rest) = file.get(at..).filter(|r| r.starts_with(b"GCOL")) else { continue };
        let Ok(collection) = Collection::parse(rest, Sizes::STANDARD, 0) else { continue };
        let few = |data: &[u8]| data.get(4..9) == Some(&[0; 5][..]);
        found.extend(
            collection
                .objects()
                .map_while(Result::ok)
                .filter(|o| o.data.len() > 40 && few(o.data))
                .map(|o| (at + o.position + OBJECT_HEADER, o.data.len())),
        );
    }
    for (start, len) in found {
        let object = file.get_mut(start..).and_then(|f| f.get_mut(..len));
        if let Some((content, sum)) = object.and_then(|o| o.split_last_chunk_mut::<4>()) {
            *sum = checksum::lookup3(content).to_le_bytes();
        }
    }
}
