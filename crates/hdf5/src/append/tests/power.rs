//! A loss of power: of what was written since the last barrier any sectors may be missing.

use super::*;

/// A repeatable source of bits.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// Some sectors of these writes reach the disk, others keep what they held.
fn lose(before: &[u8], pending: &[&Op], random: &mut Random) -> Vec<u8> {
    let mut after = before.to_vec();
    pending.iter().for_each(|op| op.apply(&mut after, usize::MAX));
    let mut disk = before.to_vec();
    // The length is metadata of the file system: old or new, as a whole.
    if random.next().is_multiple_of(2) || disk.len() > after.len() {
        disk.resize(after.len().max(disk.len()), 0);
    }
    let shift = random.next() % 3;
    for (i, sector) in after.chunks(512).enumerate() {
        let changed = before.get(i * 512..i * 512 + sector.len()) != Some(sector);
        let kept = match shift {
            0 => random.next().is_multiple_of(2),
            1 => random.next().is_multiple_of(8),
            _ => !random.next().is_multiple_of(8),
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

#[test]
fn a_loss_of_power_leaves_a_whole_prefix() {
    let states = if std::env::var_os("HYPERSLAB_SOAK").is_some() { 200 } else { 12 };
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut total = 0;
    for sync in [Sync::Ordered, Sync::Durable] {
        let start = image(&schema(8)).unwrap();
        let r = Recorder::new(start.clone());
        let mut a = resume(r.clone(), Options { step: 128 << 10, ..options(sync, Pair::Shared) });
        let mut ops = Vec::new();
        // What is acknowledged after each operation.
        let mut acknowledged = Vec::new();
        let mut done = 0;
        for n in [1, 7, 9, 60, 1, 900, 200, 1000, 3] {
            publish(&mut a, &[n]);
            let new = r.take();
            acknowledged.extend(new.iter().map(|_| done));
            done = a.rows();
            ops.extend(new);
        }
        a.close(3.0).unwrap();
        let new = r.take();
        acknowledged.extend(new.iter().map(|_| done));
        ops.extend(new);
        acknowledged.push(done);

        let mut disk = start.clone();
        let mut pending: Vec<&Op> = Vec::new();
        for (i, op) in ops.iter().enumerate() {
            if matches!(op, Op::Barrier) {
                pending.iter().for_each(|op| op.apply(&mut disk, usize::MAX));
                pending.clear();
                continue;
            }
            pending.push(op);
            for _ in 0..states {
                let lost = lose(&disk, &pending, &mut random);
                let seen =
                    read_all(&lost).unwrap_or_else(|e| panic!("{sync:?}: power lost after write {i}: {e}"));
                if sync == Sync::Durable {
                    assert!(seen >= acknowledged[i], "{seen} rows of {} acknowledged", acknowledged[i]);
                }
                if total % 7 == 0 {
                    let r = Recorder::new(lost);
                    let a = resume(r.clone(), options(sync, Pair::Shared));
                    assert_eq!(a.rows(), seen);
                    prefixes::nothing_unpublished(&a, &r.image());
                }
                total += 1;
            }
        }
    }
    println!("{total} states");
}
