//! The table of a journal: from a key's hash to the offset of its record, one block of 512 bytes read per look.
//!
//! Each block has its own checksum, so that a look reads nothing else, and a block that a loss of power left half
//! written is known for what it is. A full block is followed by the next one, the last by the first.

use super::hash::{self, KeyHash};
use super::header::{Header, u16_at, u32_at, u64_at};
use hyperslab_core::{Result, Source};

/// How many bytes a block has: a sector of a disk.
pub(super) const BLOCK: u64 = 512;

const SLOTS: usize = (BLOCK as usize - 8) / 12;

/// How many of a block's slots are taken on average when a table is made: few blocks run over.
const USUAL: usize = 30;

/// Set in a block that ran over.
const RAN_OVER: u16 = 1;

/// What a look in the table found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Offsets of records that may be of this key.
    Candidates(Vec<u64>),
    /// A block is damaged.
    Damaged,
}

/// Looks for a key.
///
/// # Errors
/// `Io`.
pub(super) fn look<S: Source + ?Sized>(source: &S, header: &Header, key: &str) -> Result<Found> {
    let mut candidates = Vec::new();
    if header.blocks == 0 {
        return Ok(Found::Candidates(candidates));
    }
    let hash = KeyHash::of(key, header.salt);
    let first = hash.block(header.blocks);
    let mut block = [0; BLOCK as usize];
    for i in 0..header.blocks {
        let n = (first + i) % header.blocks;
        let at = header.table_at + n * BLOCK;
        source.read_exact_at(at, &mut block)?;
        let Some((count, ran_over)) = check(&block, at, header.salt) else { return Ok(Found::Damaged) };
        for slot in block.get(8..).unwrap_or_default().chunks_exact(12).take(count) {
            if u32_at(slot, 0) == hash.tag() {
                candidates.push(u64_at(slot, 4));
            }
        }
        if !ran_over {
            break;
        }
    }
    Ok(Found::Candidates(candidates))
}

/// How many slots of a block are taken, and whether it ran over; `None` when it is damaged.
fn check(block: &[u8; BLOCK as usize], at: u64, salt: u64) -> Option<(usize, bool)> {
    let sum = hash::checksum(block.get(4..).unwrap_or_default(), salt.wrapping_add(at));
    let count = usize::from(u16_at(block, 4));
    (u32_at(block, 0) == sum && count <= SLOTS).then(|| (count, u16_at(block, 6) & RAN_OVER != 0))
}

/// Whether every block is sound.
///
/// # Errors
/// `Io`.
pub(super) fn is_sound<S: Source + ?Sized>(source: &S, header: &Header) -> Result<bool> {
    let mut block = [0; BLOCK as usize];
    for n in 0..header.blocks {
        let at = header.table_at + n * BLOCK;
        source.read_exact_at(at, &mut block)?;
        if check(&block, at, header.salt).is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// How many blocks a table of so many entries has.
pub(super) fn blocks_for(entries: usize) -> u64 {
    entries.div_ceil(USUAL) as u64
}

/// The bytes of the table that this header describes; `entries` are the hashes of keys and the offsets of records.
pub(super) fn build(header: &Header, entries: impl Iterator<Item = (KeyHash, u64)>) -> Vec<u8> {
    let blocks = usize::try_from(header.blocks).unwrap_or(0);
    let mut counts = vec![0usize; blocks];
    let mut out = vec![0; blocks * BLOCK as usize];
    for (hash, offset) in entries {
        let first = usize::try_from(hash.block(header.blocks)).unwrap_or(0);
        for i in 0..blocks {
            let n = (first + i) % blocks;
            let (Some(count), Some(block)) =
                (counts.get_mut(n), out.get_mut(n * BLOCK as usize..(n + 1) * BLOCK as usize))
            else {
                continue;
            };
            let at = 8 + *count * 12;
            if let Some(slot) = block.get_mut(at..at + 12) {
                let (tag, place) = slot.split_at_mut(4);
                tag.copy_from_slice(&hash.tag().to_le_bytes());
                place.copy_from_slice(&offset.to_le_bytes());
                *count += 1;
                break;
            }
            // No room: the flags' low byte.
            if let Some(flags) = block.get_mut(6) {
                *flags = RAN_OVER as u8;
            }
        }
    }
    for ((block, count), n) in out.chunks_exact_mut(BLOCK as usize).zip(counts).zip(0u64..) {
        for (place, byte) in block.iter_mut().skip(4).zip((count as u16).to_le_bytes()) {
            *place = byte;
        }
        let at = header.table_at + n * BLOCK;
        let sum = hash::checksum(block.get(4..).unwrap_or_default(), header.salt.wrapping_add(at));
        for (place, byte) in block.iter_mut().zip(sum.to_le_bytes()) {
            *place = byte;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyperslab_core::source::SliceSource;

    /// A file of nothing but a table after 64 bytes.
    fn file(entries: &[(String, u64)], blocks: u64) -> (Header, Vec<u8>) {
        let header = Header { generation: 1, salt: 77, table_at: 64, blocks, entries: entries.len() as u64 };
        let mut bytes = vec![0; 64];
        bytes.extend(build(&header, entries.iter().map(|(k, at)| (KeyHash::of(k, 77), *at))));
        (header, bytes)
    }

    fn entries(n: u64) -> Vec<(String, u64)> {
        (0..n).map(|i| (format!("key {i}"), 1000 + i * 8)).collect()
    }

    #[test]
    fn every_entry_is_found() {
        for (n, blocks) in [(0, 0), (1, 1), (29, 1), (5000, blocks_for(5000)), (126, 3), (120, 3)] {
            let all = entries(n);
            let (header, bytes) = file(&all, blocks);
            assert!(is_sound(&SliceSource(&bytes), &header).unwrap());
            for (key, at) in &all {
                let Found::Candidates(c) = look(&SliceSource(&bytes), &header, key).unwrap() else {
                    panic!("damaged")
                };
                assert!(c.contains(at), "{n} in {blocks}");
            }
            let found = look(&SliceSource(&bytes), &header, "another").unwrap();
            assert_eq!(found, Found::Candidates(vec![]));
        }
    }

    #[test]
    fn a_damaged_block_is_known() {
        let all = entries(300);
        let (header, mut bytes) = file(&all, blocks_for(300));
        bytes[64 + 512 * 3 + 100] ^= 1;
        assert!(!is_sound(&SliceSource(&bytes), &header).unwrap());
        let damaged =
            all.iter().filter(|(k, _)| look(&SliceSource(&bytes), &header, k).unwrap() == Found::Damaged);
        let n = damaged.count();
        assert!((10..60).contains(&n), "{n} of 300");
    }
}
