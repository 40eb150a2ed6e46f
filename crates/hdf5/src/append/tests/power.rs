//! A loss of power: of what was written since the last barrier any sectors may be missing.

use super::*;

/// A repeatable source of bits.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// Some sectors of these writes reach the disk, others keep what they held.
pub(crate) fn lose(before: &[u8], pending: &[&Op], random: &mut Random) -> Vec<u8> {
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

/// A file of so many rows, closed; `foreign`: as another program would have left it.
fn closed(chunk_rows: u64, rows: u64, foreign: bool) -> Vec<u8> {
    let r = Recorder::new(image(&schema(chunk_rows)).unwrap());
    if rows > 0 {
        let mut a = resume(r.clone(), options(Sync::None, Pair::Shared));
        publish(&mut a, &[rows]);
        a.close(1.0).unwrap();
    }
    let mut image = r.image();
    if foreign {
        resume::touched_by_another(&mut image);
    }
    image
}

#[test]
fn a_loss_of_power_leaves_a_whole_prefix() {
    let soak = std::env::var_os("HYPERSLAB_SOAK").is_some();
    let states = if soak { 40 } else { 6 };
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let (mut total, mut adopting) = (0, 0);
    let long: &[u64] = &[1, 7, 9, 60, 1, 900, 200, 1000, 3];
    let short: &[u64] = &[1, 20, 300];
    for sync in [Sync::Ordered, Sync::Durable] {
        for (chunk_rows, rows, foreign, batches) in [
            (8, 0, false, long),
            (1024, 700, false, short),
            // Adopted: with a part of a chunk, with whole ones, past the first super block, without any row.
            (1024, 700, true, short),
            (8, 64, true, short),
            (8, 2100, true, short),
            (8, 0, true, short),
        ] {
            let start = closed(chunk_rows, rows, foreign);
            let r = Recorder::new(start.clone());
            let mut ops = Vec::new();
            // What is acknowledged after each operation.
            let mut acknowledged = Vec::new();
            let mut done = rows;
            let mut note = |done: u64| {
                let new = r.take();
                acknowledged.extend(new.iter().map(|_| done));
                ops.extend(new);
                ops.len()
            };
            let mut a = resume(r.clone(), Options { step: 128 << 10, ..options(sync, Pair::Shared) });
            let opened = note(done);
            assert_eq!(foreign, opened > 0);
            for n in batches {
                publish(&mut a, &[*n]);
                note(done);
                done = a.rows();
            }
            a.close(3.0).unwrap();
            note(done);
            acknowledged.push(done);

            let mut disk = start;
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
                    let seen = read_all(&lost)
                        .unwrap_or_else(|e| panic!("{sync:?}: power lost after write {i}: {e}"));
                    let floor = if sync == Sync::Durable { acknowledged[i] } else { rows };
                    assert!(seen >= floor, "{seen} rows of {floor} acknowledged");
                    if total % 7 == 0 {
                        let r = Recorder::new(lost);
                        let mut a = resume(r.clone(), options(sync, Pair::Shared));
                        assert_eq!(a.rows(), seen);
                        prefixes::nothing_unpublished(&a, &r.image());
                        publish(&mut a, &[3]);
                        a.close(4.0).unwrap();
                        assert_eq!(read_all(&r.image()).unwrap(), seen + 3);
                    }
                    total += 1;
                    adopting += u64::from(i < opened);
                }
            }
        }
    }
    println!("soak: {total} losses of power, {adopting} of them during an adoption");
}
