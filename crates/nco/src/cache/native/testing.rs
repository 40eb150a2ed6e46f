//! Journals in memory, for the fuzzer.

use super::hash;
use super::header::{HEADER_LEN, Header, u64_at};
use super::journal::{Append, At, Journal};
use super::record::ALIGN;
use super::storage::Storage;
use super::table::BLOCK;
use hyperslab_core::source::beyond;
use hyperslab_core::{Result, Source};
use std::sync::{Mutex, MutexGuard, PoisonError};

struct Memory(Mutex<Vec<u8>>);

impl Memory {
    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source for Memory {
    fn len(&self) -> Result<u64> {
        Ok(self.bytes().len() as u64)
    }
    fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let bytes = self.bytes();
        let part = usize::try_from(offset).ok().and_then(|at| bytes.get(at..at.checked_add(out.len())?));
        out.copy_from_slice(part.ok_or_else(|| beyond(offset, out.len() as u64, bytes.len() as u64))?);
        Ok(())
    }
}

impl Storage for Memory {
    fn write_all_at(&self, offset: u64, new: &[u8]) -> Result<()> {
        let mut bytes = self.bytes();
        bytes.resize(usize::try_from(offset).unwrap_or(0), 0);
        bytes.extend_from_slice(new);
        Ok(())
    }
    fn sync(&self) -> Result<()> {
        Ok(())
    }
}

/// What was seen of a journal.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    /// The keys that are listed, sorted.
    pub listed: Vec<String>,
    /// Those of them that are found when they are asked for.
    pub found: Vec<String>,
    /// Whether a key that is put then is found.
    pub put: bool,
}

/// Lists a journal, asks for each key that is listed, and puts one more.
///
/// # Errors
/// As opening a journal.
pub fn look(bytes: &[u8]) -> Result<Seen> {
    let open = || Journal::open(Memory(Mutex::new(bytes.to_vec())));
    let (mut journal, asked) = (open()?, open()?);
    let mut listed = Vec::new();
    journal.each(&mut |key, _| {
        listed.push(key.to_owned());
        Ok(())
    })?;
    listed.sort_unstable();
    let mut found = Vec::new();
    for key in &listed {
        if asked.find(key)?.is_some() {
            found.push(key.clone());
        }
    }
    // A pack that the bytes cannot name, as they cannot hold their own hash.
    let pack = u128::from(hash::checksum(bytes, 1)) << 64 | 7;
    let at = At { pack, start: 0, end: 100 };
    journal.append(&Append { put: vec![("new key", at)], ..Append::default() })?;
    let put = journal.find("new key")? == Some(at);
    Ok(Seen { listed, found, put })
}

/// Makes a journal of any bytes: the numbers of its header are brought within the file, everything that could be a
/// record or a block of the table gets the checksum of what it holds, and most entries lie in the pack named last.
pub fn repair(bytes: &mut Vec<u8>) {
    if bytes.len() < HEADER_LEN as usize {
        bytes.resize(HEADER_LEN as usize, 0);
    }
    let len = bytes.len() as u64;
    let table_at = (u64_at(bytes, 32) % len).max(HEADER_LEN) / ALIGN * ALIGN;
    let blocks = u64_at(bytes, 40) % ((len - table_at.min(len)) / BLOCK + 1);
    let salt = u64_at(bytes, 24);
    let header = Header { generation: 1, salt, table_at, blocks, entries: u64_at(bytes, 48) };
    bytes.splice(..HEADER_LEN as usize, header.emit());
    let seal = |part: &mut [u8], at: u64| {
        let sum = hash::checksum(part.get(4..).unwrap_or_default(), salt.wrapping_add(at));
        part.iter_mut().zip(sum.to_le_bytes()).for_each(|(place, byte)| *place = byte);
    };
    for n in 0..blocks {
        let at = table_at + n * BLOCK;
        if let Some(block) = part(bytes, at, BLOCK) {
            seal(block, at);
        }
    }
    let mut pack = 0u64;
    for (from, to) in [(HEADER_LEN, table_at), (header.tail_at(), len)] {
        let mut at = from;
        while at + ALIGN <= to {
            let Some([_, _, _, _, _, _, kind, n]) = part(bytes, at, 8).and_then(|b| b.first_chunk().copied())
            else {
                break;
            };
            // Kinds that do not exist stay as they are.
            let (kind, n) = (kind % 8, if matches!(kind % 8, 2 | 3) { n } else { 0 });
            let fixed = [8, 24, 32, 8, 16].get(usize::from(kind)).copied().unwrap_or(8);
            let long = (fixed + u64::from(n)).next_multiple_of(ALIGN);
            if kind == 0 || kind > 4 || at + long > to {
                at += ALIGN;
                continue;
            }
            if let Some(record) = part(bytes, at, long) {
                let [a, b] = (long as u16).to_le_bytes();
                record.iter_mut().skip(4).zip([a, b, kind, n]).for_each(|(place, byte)| *place = byte);
                match kind {
                    1 => pack = at,
                    2 if record.get(8).is_some_and(|b| b & 3 != 0) => {
                        let slot = [pack, 0, 100].map(u64::to_le_bytes).concat();
                        record.iter_mut().skip(8).zip(slot).for_each(|(place, byte)| *place = byte);
                    }
                    _ => {}
                }
                seal(record, at);
            }
            at += long;
        }
    }
}

fn part(bytes: &mut [u8], at: u64, len: u64) -> Option<&mut [u8]> {
    bytes.get_mut(usize::try_from(at).ok()?..usize::try_from(at.checked_add(len)?).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fuzzer's property, on noise that was made a journal.
    #[test]
    fn noise_is_read_within_bounds() {
        let (mut random, mut entries) = (0x2545_F491_4F6C_DD1Du64, 0);
        for round in 0..300 {
            let mut bytes: Vec<u8> = (0..round * 40)
                .map(|_| {
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    // Numbers that mean something are small.
                    if random & 0x300 == 0 { (random % 97) as u8 } else { (random % 3) as u8 }
                })
                .collect();
            repair(&mut bytes);
            let seen = look(&bytes).unwrap();
            assert!(seen.put);
            entries += seen.listed.len();
        }
        assert!(entries > 100, "{entries}");
    }
}
