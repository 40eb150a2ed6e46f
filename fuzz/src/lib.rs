//! What several targets share.

use hyperslab_core::source::SliceSource;
use hyperslab_core::{Result, Source};

/// Bytes that are only read by position, as a file's are.
pub struct Positioned<'a>(pub SliceSource<'a>);

impl Source for Positioned<'_> {
    fn len(&self) -> Result<u64> {
        self.0.len()
    }
    fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        self.0.read_exact_at(offset, out)
    }
}

/// Makes this thread one of the pool's two, so that small pieces of work are not handed to another thread and back.
pub fn pool() {
    rayon::ThreadPoolBuilder::new().num_threads(2).use_current_thread().build_global().unwrap();
}

/// A number that stays with some data: for what is done for a part of all inputs.
pub fn choice(data: &[u8]) -> u8 {
    let mixed = |sum: u32, b: &u8| (sum ^ u32::from(*b)).wrapping_mul(0x0100_0193);
    let sum = data.iter().fold(0x811c_9dc5, mixed);
    (sum >> 16) as u8
}

/// Gives the stored members of a ZIP archive the CRCs of what they hold now: otherwise a reader sees no change in
/// them but that they are damaged.
pub fn repair_crcs(archive: &mut [u8]) {
    let number = |b: &[u8], at: usize, n: usize| {
        let bytes = b.get(at..at.checked_add(n)?)?;
        Some(bytes.iter().rev().fold(0usize, |sum, b| sum << 8 | usize::from(*b)))
    };
    let entries: Vec<usize> = archive
        .windows(4)
        .enumerate()
        .filter(|(_, w)| *w == b"PK\x01\x02")
        .map(|(at, _)| at)
        .take(64)
        .collect();
    for at in entries {
        let crc = || {
            let entry = archive.get(at..)?;
            if number(entry, 10, 2)? != 0 {
                return None;
            }
            let (packed, local) = (number(entry, 20, 4)?, number(entry, 42, 4)?);
            let begin = local + 30 + number(archive, local + 26, 2)? + number(archive, local + 28, 2)?;
            Some((local, crc32fast::hash(archive.get(begin..begin + packed)?)))
        };
        if let Some((local, crc)) = crc() {
            for place in [at + 16, local + 14] {
                if let Some(old) = archive.get_mut(place..place + 4) {
                    old.copy_from_slice(&crc.to_le_bytes());
                }
            }
        }
    }
}

/// An HDF5 file whose root has these messages, and these bytes from `at` on.
pub fn rooted(messages: &[u8], at: u64, rest: &[u8]) -> Vec<u8> {
    let end = at + rest.len() as u64;
    let mut out = b"\x89HDF\r\n\x1a\n\x02\x08\x08\x00".to_vec();
    out.extend([0, u64::MAX, end, 48].iter().flat_map(|a| a.to_le_bytes()));
    out.extend([0; 4]);
    out.extend(b"OHDR\x02\x01");
    out.extend((messages.len() as u16).to_le_bytes());
    out.extend(messages);
    out.resize(at as usize, 0);
    out.extend(rest);
    out
}
