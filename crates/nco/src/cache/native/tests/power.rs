//! A loss of power: of what was written since the last sync any sectors may be missing.

use super::super::storage::Storage as _;
use super::*;

/// Some sectors of these writes reach the disk, others keep what they held.
fn lose(before: &[u8], pending: &[&Op], random: &mut Random) -> Vec<u8> {
    let mut after = before.to_vec();
    pending.iter().for_each(|op| op.apply(&mut after, usize::MAX));
    let mut disk = before.to_vec();
    // The length is metadata of the file system: old or new, as a whole.
    if random.below(2) == 0 {
        disk.resize(after.len(), 0);
    }
    let shift = random.below(3);
    for (i, sector) in after.chunks(512).enumerate() {
        let changed = before.get(i * 512..i * 512 + sector.len()) != Some(sector);
        let kept = match shift {
            0 => random.below(2) == 0,
            1 => random.below(8) == 0,
            _ => random.below(8) != 0,
        };
        if changed && kept {
            let end = i * 512 + sector.len();
            if disk.len() < end {
                disk.resize(end, 0);
            }
            disk[i * 512..end].copy_from_slice(sector);
        }
    }
    disk
}

/// Several writers, each syncing after it has appended, as others append: an entry is acknowledged after the sync.
#[test]
fn a_loss_of_power_keeps_what_was_acknowledged() {
    let soak = std::env::var_os("HYPERSLAB_SOAK").is_some();
    let mut random = Random(0x0123_4567_89AB_CDEF);
    let (mut losses, rounds) = (0, if soak { 300 } else { 12 });
    for round in 0..rounds {
        let (start, old) = with_table(if round % 2 == 0 { 0 } else { 100 });
        let r = Recorder::new(start.clone());
        let mut writers: Vec<_> = (0..4).map(|_| Journal::open(r.clone()).unwrap()).collect();
        // Every entry that was ever written, and how many operations there were when it was acknowledged.
        let mut written: Vec<(String, At, usize)> = old.into_iter().map(|(key, at)| (key, at, 0)).collect();
        let (mut ops, mut waiting): (Vec<Op>, Vec<usize>) = (Vec::new(), Vec::new());
        for i in 0..80u64 {
            let n = random.below(4);
            let keys: Vec<String> = (0..1 + random.below(8)).map(|j| format!("{i} {j}")).collect();
            let put: Vec<(&str, At)> = keys
                .iter()
                .zip(0..)
                .map(|(k, j)| (k.as_str(), at(500 + u128::from(n), i * 10 + j)))
                .collect();
            append(&mut writers[n as usize], &put);
            waiting.extend(written.len()..written.len() + put.len());
            written.extend(put.iter().map(|(k, at)| ((*k).to_owned(), *at, usize::MAX)));
            if random.below(3) != 0 {
                r.sync().unwrap();
            }
            ops.extend(r.take());
            if matches!(ops.last(), Some(Op::Sync)) {
                waiting.drain(..).for_each(|i| written[i].2 = ops.len());
            }
        }
        let mut disk = start;
        let mut pending: Vec<&Op> = Vec::new();
        for (i, op) in ops.iter().enumerate() {
            if matches!(op, Op::Sync) {
                pending.iter().for_each(|op| op.apply(&mut disk, usize::MAX));
                pending.clear();
            } else {
                pending.push(op);
            }
            let lost = lose(&disk, &pending, &mut random);
            let r = Recorder::new(lost);
            let mut journal = Journal::open(r.clone()).unwrap();
            let seen = entries_of(&journal);
            for (key, at, acknowledged) in &written {
                let found = seen.get(key);
                assert!(found.is_none_or(|f| f == at), "{key} is elsewhere");
                assert!(found.is_some() || *acknowledged > i + 1, "{key} was acknowledged");
                assert_eq!(journal.find(key).unwrap().as_ref(), found);
            }
            assert!(seen.len() <= written.len());
            // What is appended after it is there as well.
            append(&mut journal, &[("after", at(9, 9)), ("again", at(8, 9))]);
            assert_eq!(entries_of(&Journal::open(r).unwrap()).len(), seen.len() + 2);
            losses += 1;
        }
    }
    println!("soak: {losses} losses of power");
}

/// What is put anew was there before, and stays there until the new place is on the disk as a whole: a record whose pack
/// was named in a sector that is lost says nothing.
#[test]
fn a_loss_of_power_keeps_what_was_about_to_be_replaced() {
    let mut random = Random(0x2545_F491_4F6C_DD1D);
    // Of many lengths, so that records lie in every way about the ends of sectors.
    let keys: Vec<String> = (0..40).map(|i| format!("key {}{i}", "x".repeat(i * 7 % 50))).collect();
    let mut replaced = 0;
    for round in 0..200u64 {
        let r = Recorder::new(with_table(if round % 2 == 0 { 0 } else { 20 }).0);
        let mut journal = Journal::open(r.clone()).unwrap();
        let old: Vec<(&str, At)> = keys.iter().map(|k| (k.as_str(), at(50, round))).collect();
        append(&mut journal, &old);
        let (before, _) = (r.image(), r.take());
        // Each in a pack of its own, as unpacking does it.
        let new: Vec<(&str, At)> =
            keys.iter().zip(100..).map(|(k, pack)| (k.as_str(), at(pack, 0))).collect();
        append(&mut journal, &new);
        let ops = r.take();
        let lost = lose(&before, &ops.iter().collect::<Vec<_>>(), &mut random);
        let r = Recorder::new(lost);
        let mut journal = Journal::open(r.clone()).unwrap();
        for ((key, old), (_, new)) in old.iter().zip(&new) {
            let found = journal.find(key).unwrap();
            assert!(found == Some(*old) || found == Some(*new), "{round}: {key} is {found:?}");
            replaced += u64::from(found == Some(*new));
        }
        append(&mut journal, &new);
        let seen = entries_of(&Journal::open(r).unwrap());
        assert!(new.iter().all(|(key, at)| seen.get(*key) == Some(at)));
    }
    assert!(replaced > 500 && replaced < 7500, "{replaced}");
}
