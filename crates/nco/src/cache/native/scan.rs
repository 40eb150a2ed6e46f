//! A stretch of a journal read record by record: what is damaged is passed over, up to the next sound record.

use super::record::{self, ALIGN, MAX_RECORD, Record};
use hyperslab_core::{Result, Source};
use std::ops::Range;

/// How much is read at a time.
const CHUNK: usize = 1 << 18;

/// What a scan found beside the records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Scanned {
    /// Where the last sound record ended, or where the scan began. What lies after it is no record yet: a writer
    /// that died left it, or one is writing it now.
    pub(super) end: u64,
    /// Bytes before that in which no sound record lies.
    pub(super) skipped: u64,
}

/// Hands out the sound records of a stretch in order, each with its offset.
///
/// Records carry a checksum that depends on their place, so that no other bytes pass for one. Takes time in
/// proportion to the stretch, however it is damaged: a record is at most 512 bytes long.
///
/// # Errors
/// `Io`; what `each` returns.
pub(super) fn scan<S: Source + ?Sized>(
    source: &S,
    salt: u64,
    range: Range<u64>,
    each: &mut dyn FnMut(u64, Record<'_>) -> Result<()>,
) -> Result<Scanned> {
    let Range { start, end } = range;
    let mut scanned = Scanned { end: start, skipped: 0 };
    let mut buffer = Vec::new();
    let mut at = start;
    while at < end {
        let len = usize::try_from(end - at).unwrap_or(usize::MAX).min(CHUNK);
        buffer.resize(len, 0);
        source.read_exact_at(at, &mut buffer)?;
        let last = at + len as u64 == end;
        let mut bytes = buffer.as_slice();
        // A record that may go on in the next chunk is looked at there.
        while bytes.len() >= MAX_RECORD || last && !bytes.is_empty() {
            let step = match record::parse(bytes, at, salt) {
                Some((record, len)) => {
                    each(at, record)?;
                    scanned.skipped += at - scanned.end;
                    scanned.end = at + len;
                    len
                }
                None => ALIGN,
            };
            at += step;
            bytes = bytes.get(usize::try_from(step).unwrap_or(usize::MAX)..).unwrap_or_default();
        }
    }
    Ok(scanned)
}

#[cfg(test)]
mod tests {
    use super::super::record::Slot;
    use super::*;
    use hyperslab_core::source::SliceSource;

    fn journal(n: u64) -> (Vec<u8>, Vec<u64>) {
        let (mut bytes, mut offsets) = (vec![0; 64], Vec::new());
        for i in 0..n {
            offsets.push(bytes.len() as u64);
            let key = "k".repeat((i % 256) as usize);
            let at = bytes.len() as u64;
            Record::Put { key: &key, slot: Slot { pack: 0, start: i, end: i + 100 } }
                .emit(&mut bytes, at, 5)
                .unwrap();
        }
        (bytes, offsets)
    }

    fn found(bytes: &[u8]) -> (Vec<u64>, Scanned) {
        let mut at = Vec::new();
        let scanned = scan(&SliceSource(bytes), 5, 64..bytes.len() as u64, &mut |offset, _| {
            at.push(offset);
            Ok(())
        })
        .unwrap();
        (at, scanned)
    }

    #[test]
    fn damage_loses_only_itself() {
        let (mut bytes, offsets) = journal(4000);
        assert!(bytes.len() > 2 * CHUNK);
        assert_eq!(found(&bytes), (offsets.clone(), Scanned { end: bytes.len() as u64, skipped: 0 }));
        for i in (3..3990).step_by(97) {
            bytes[offsets[i] as usize + 5] ^= 0xff;
        }
        let left: Vec<u64> =
            offsets.iter().enumerate().filter(|(i, _)| i % 97 != 3).map(|(_, at)| *at).collect();
        let (at, scanned) = found(&bytes);
        assert_eq!(at, left);
        assert!(scanned.skipped > 0 && scanned.end == bytes.len() as u64);
    }

    #[test]
    fn what_follows_the_last_record_is_left_for_later() {
        let (bytes, offsets) = journal(50);
        for cut in (offsets[48] + 1..bytes.len() as u64).step_by(3) {
            let (at, scanned) = found(&bytes[..cut as usize]);
            let whole = if cut >= offsets[49] { 49 } else { 48 };
            assert_eq!(at.len(), whole);
            assert_eq!(scanned, Scanned { end: offsets[whole], skipped: 0 });
        }
    }

    #[test]
    fn a_record_inside_a_key_is_none() {
        let (mut bytes, _) = journal(1);
        let slot = Slot { pack: 0, start: 0, end: 100 };
        let mut inner = Vec::new();
        // Made for another place: whoever chooses keys knows neither the place nor the salt.
        Record::Delete { key: "forged" }.emit(&mut inner, 8, 5).unwrap();
        let at = bytes.len() as u64;
        Record::Put { key: &"k".repeat(inner.len()), slot }.emit(&mut bytes, at, 5).unwrap();
        let place = at as usize + 32;
        bytes[place..place + inner.len()].copy_from_slice(&inner);
        assert_eq!(found(&bytes).0, [64]);
    }
}
