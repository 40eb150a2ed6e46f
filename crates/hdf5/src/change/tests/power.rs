//! A loss of power while a file is changed: of what was written since the last barrier any sectors may be missing.

use super::attributes::ATTRIBUTES;
use super::elements::{ELEMENTS, EXTENTS, SMALLER};
use super::harness::{Base, Case, PYTHONS, bases, our_own, ours, states, step};
use super::names::NAMES;
use crate::append::Sync;
use crate::append::tests::power::{Random, lose};
use crate::append::tests::recorder::{Op, Recorder};
use crate::change::Change;
use hyperslab_core::Kind;
use hyperslab_core::testing::oracle;
use serde_json::Value as Json;
use std::path::PathBuf;

/// What came of it.
#[derive(Debug, Default)]
struct Count {
    losses: usize,
    changes: usize,
    /// Changes that are not made, since a loss of power could tear them.
    refused: usize,
}

/// Carries out a case and loses the power after every write, `samples` times; hands out some of what is left.
fn lose_everywhere(
    base: &Base,
    case: &Case,
    sync: Sync,
    samples: usize,
    random: &mut Random,
    keep: &mut impl FnMut(&[u8]),
    count: &mut Count,
) {
    let steps: Vec<Json> = serde_json::from_str(case.steps).unwrap();
    let r = Recorder::new(base.image.clone());
    let mut f = Change::over(r.clone()).unwrap().with_sync(sync);
    let mut disk = base.image.clone();
    let mut pending: Vec<Op> = Vec::new();
    // What the file may be: as it was after any step that may not have reached the disk yet, or before.
    let mut may = vec![ours(&disk).unwrap()];
    let mut refused = false;
    for s in &steps {
        let before = r.image();
        let made = step(&mut f, s).and_then(|()| f.settle());
        count.changes += 1;
        if let Err(e) = made {
            // What follows a refused step may not be possible any more.
            if !(refused && e.kind() == Kind::Usage) {
                assert_eq!(e.kind(), Kind::Unsupported, "{}: {s}: {e}", base.name);
                assert!(e.to_string().contains("two sectors"), "{}: {s}: {e}", base.name);
            }
            refused = true;
            count.refused += 1;
            // Nothing that the file leads to has changed.
            assert_eq!(ours(&r.image()).unwrap(), ours(&before).unwrap(), "{}: {s}", base.name);
        }
        let ops = r.take();
        // Some changes are made of several: each name in a group of the old kind, the count of names.
        let mut whole = before;
        for op in &ops {
            op.apply(&mut whole, usize::MAX);
            let now = ours(&whole).unwrap();
            if may.last() != Some(&now) {
                may.push(now);
            }
        }
        for (i, op) in ops.iter().enumerate() {
            if matches!(op, Op::Barrier) {
                pending.iter().for_each(|op| op.apply(&mut disk, usize::MAX));
                pending.clear();
                continue;
            }
            pending.push(op.clone());
            let waiting: Vec<&Op> = pending.iter().collect();
            for n in 0..samples {
                let lost = lose(&disk, &waiting, random);
                let at = || format!("{} {sync:?}: {s}: power lost after write {i}: {op:?}", base.name);
                let found = ours(&lost).unwrap_or_else(|e| panic!("{}: {e}", at()));
                assert!(case.mixes || may.contains(&found), "{}: neither old nor new", at());
                count.losses += 1;
                if n == 0 {
                    keep(&lost);
                }
                // Life goes on.
                if count.losses.is_multiple_of(97) {
                    let r = Recorder::new(lost);
                    let mut f = Change::over(r.clone()).unwrap();
                    f.attribute("/", "after", 1).unwrap();
                    f.finish().unwrap();
                    ours(&r.image()).unwrap();
                }
            }
        }
    }
    f.finish().unwrap();
    if sync == Sync::Durable {
        let left = r.take();
        assert!(left.iter().any(|op| matches!(op, Op::Barrier)) || steps.is_empty());
    }
}

#[test]
fn a_loss_of_power_leaves_old_or_new() {
    let soak = std::env::var_os("HYPERSLAB_SOAK").is_some();
    let samples = if soak { 24 } else { 2 };
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut all = bases();
    if all.is_empty() {
        all.push(our_own());
    }
    let cases: Vec<&Case> = [ATTRIBUTES, ELEMENTS, EXTENTS, SMALLER, NAMES].into_iter().flatten().collect();
    let dir = tempfile::tempdir().unwrap();
    let mut count = Count::default();
    let mut theirs = 0;
    for (b, base) in all.iter().enumerate() {
        let mut paths: Vec<PathBuf> = Vec::new();
        let mut number = 0;
        let every = if soak { 3 } else { 40 };
        let mut keep = |image: &[u8]| {
            number += 1;
            if number % every == 0 {
                let path = dir.path().join(format!("{b} {number}.h5"));
                std::fs::write(&path, image).unwrap();
                paths.push(path);
            }
        };
        for (c, case) in cases.iter().enumerate().filter(|(c, _)| soak || (b + c) % 4 == 0) {
            let sync = if (b + c) % 8 < 4 { Sync::Ordered } else { Sync::Durable };
            lose_everywhere(base, case, sync, samples, &mut random, &mut keep, &mut count);
        }
        // The newest version reads what all of them made.
        if let Some(python) = oracle(PYTHONS[0]).filter(|_| !paths.is_empty()) {
            for (state, path) in states(&python, &paths).iter().zip(&paths) {
                assert!(state.starts_with('{'), "{} {}: {state}", base.name, path.display());
            }
            theirs += paths.len();
        }
        paths.iter().for_each(|p| drop(std::fs::remove_file(p)));
    }
    println!(
        "soak: {} losses of power in {} changes of {} files, {} of them refused; {theirs} states read by h5py",
        count.losses,
        count.changes,
        all.len(),
        count.refused
    );
    assert!(count.refused * 5 < count.changes, "{count:?}");
}

/// Makes the bytes behind the last child of nodes of old groups what they are where there were more, which a fuzzer found.
fn leave_behind(image: &mut [u8]) {
    let nodes: Vec<usize> = (0..image.len() - 48).filter(|&at| image[at..].starts_with(b"TREE\0")).collect();
    for at in nodes {
        let used = 24 + 8 + 16 * usize::from(image[at + 6]);
        image[at + used..at + 24 + 8 + 16 * 32].fill(0xee);
    }
}

/// Headers at every place of a sector: what cannot be written whole is refused and touches nothing, all else is made.
#[test]
fn headers_at_every_place_of_a_sector() {
    let (mut made, mut refused) = (0, 0);
    for libver in [crate::write::Libver::Earliest, crate::write::Libver::V110] {
        for shift in 0..64usize {
            let mut w = crate::Writer::in_memory().libver(libver).unwrap();
            // Moves what comes behind it, the headers, by eight bytes each time.
            w.dataset("/before").write(&vec![1u8; 8 * shift + 1]).unwrap();
            w.dataset("/x").max_shape([None]).chunks([4]).write(&[1i32, 2, 3]).unwrap();
            w.group("/g").unwrap();
            for n in 0..5 {
                w.attribute("/g", &format!("number {n}"), &hyperslab_core::Value::from(n)).unwrap();
            }
            w.soft_link("/g/link", "/x").unwrap();
            let mut image = w.into_image().unwrap();
            leave_behind(&mut image);
            let base = Base { name: format!("{libver:?} {shift}"), image };
            let steps: [&'static str; 6] = [
                r#"[["soft", "/g/zz", "/x"], ["soft", "/g/a", "/x"], ["remove", "/g/link"]]"#,
                r#"[["attribute", "/x", "unit", "a text that was not there"]]"#,
                r#"[["attribute", "/g", "number 3", "another"], ["remove_attribute", "/g", "number 1"]]"#,
                r#"[["extend", "/x", [9]]]"#,
                r#"[["put", "/g/new", [3], 5], ["soft", "/g/other", "/x"]]"#,
                r#"[["remove", "/g"], ["group", "/g"]]"#,
            ];
            for steps in steps {
                let case = Case { steps, mixes: false };
                let (mut random, mut count) = (Random(shift as u64 + 1), Count::default());
                lose_everywhere(&base, &case, Sync::Ordered, 2, &mut random, &mut |_| (), &mut count);
                made += count.changes - count.refused;
                refused += count.refused;
            }
        }
    }
    println!("soak: {made} changes of headers at every place of a sector, {refused} refused");
    assert!(made > 5 * refused, "{made} {refused}");
}
