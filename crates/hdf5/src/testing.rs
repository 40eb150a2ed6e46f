//! What tests of damaged files share: checksums put right again, so that damage is met by the checks behind them.
//!
//! Not part of the public interface.

use crate::format::object_header::Prefix;
use crate::format::superblock::SIGNATURE;
use crate::format::{Sizes, checksum, extensible_array, fixed_array};

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
