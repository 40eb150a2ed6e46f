//! What cannot be changed is refused before anything is touched; damaged files are never written to in error.

use super::harness::{PYTHONS, SCRIPT, bases, ours, states, step};
use crate::append::tests::recorder::Recorder;
use crate::change::Change;
use crate::format::superblock::{SWMR, WRITING};
use crate::{File, Writer, testing};
use hyperslab_core::testing::{oracle, run_python};
use hyperslab_core::{ArrayOptions, Kind, Limits, Selection, View};
use serde_json::{Value as Json, json};

fn image() -> Vec<u8> {
    let mut w = Writer::in_memory();
    let rows = View::from_slice([4, 3], &[1i32; 12]).unwrap();
    w.dataset("/x").max_shape([None, Some(3)]).chunks([2, 3]).gzip(4).write(&rows).unwrap();
    w.dataset("/run/fixed").write(&rows).unwrap();
    w.dataset("/run/small").compact().write(&rows).unwrap();
    w.attribute("/x", "unit", &"m".into()).unwrap();
    w.into_image().unwrap()
}

#[test]
fn what_makes_no_sense_is_refused_untouched() {
    let r = Recorder::new(image());
    let mut f = Change::over(r.clone()).unwrap();
    let rows = View::from_slice([4, 3], &[1i32; 12]).unwrap();
    let options = ArrayOptions::default();
    let all = Selection::ALL;
    let large = View::from_slice([4, 3], &[1i64 << 40; 12]).unwrap();
    let refused = [
        f.attribute("/none", "a", 1).unwrap_err(),
        f.attribute("/x", "", 1).unwrap_err(),
        f.attribute("/x", "a\0b", 1).unwrap_err(),
        f.remove_attribute("/x", "none").unwrap_err(),
        f.dataset("/none").map(drop).unwrap_err(),
        f.dataset("/run").map(drop).unwrap_err(),
        f.dataset("/x").unwrap().extend([3, 3]).map(drop).unwrap_err(),
        f.dataset("/x").unwrap().extend([5, 4]).map(drop).unwrap_err(),
        f.dataset("/x").unwrap().extend([5]).map(drop).unwrap_err(),
        f.dataset("/run/fixed").unwrap().extend([5, 3]).map(drop).unwrap_err(),
        f.dataset("/x").unwrap().write(&"0".parse().unwrap(), &rows).map(drop).unwrap_err(),
        f.dataset("/x").unwrap().write(&"9".parse().unwrap(), &[1i32; 3]).map(drop).unwrap_err(),
        f.dataset("/x").unwrap().write(&all, &large).map(drop).unwrap_err(),
        f.put("/x", &rows, &options).unwrap_err(),
        f.put("/run", &rows, &options).unwrap_err(),
        f.put("/x/y", &rows, &options).unwrap_err(),
        f.put("/new", &rows, &ArrayOptions { deflate: Some(99), ..options.clone() }).unwrap_err(),
        f.add("/run", |w| w.attribute("/", "a", &1i64.into())).unwrap_err(),
        f.add("/run", |w| w.hard_link("/a", "/")).unwrap_err(),
        f.add("/none", |w| w.group("a").map(drop)).unwrap_err(),
        f.add("/x", |w| w.group("a").map(drop)).unwrap_err(),
        f.group("/x").unwrap_err(),
        f.group("/x/y").unwrap_err(),
        f.soft_link("/x", "/y").unwrap_err(),
        f.soft_link("/none/y", "/y").unwrap_err(),
        f.soft_link("/y", "").unwrap_err(),
        f.hard_link("/y", "/none").unwrap_err(),
        f.hard_link("/x", "/run").unwrap_err(),
        f.remove("/").unwrap_err(),
        f.remove("/none").unwrap_err(),
        f.remove("/x/y").unwrap_err(),
    ];
    for e in refused {
        assert_eq!(e.kind(), Kind::Usage, "{e}");
    }
    f.finish().unwrap();
    assert_eq!(r.take().len(), 0);
}

#[test]
fn files_that_cannot_be_changed_are_refused() {
    let mut marked = image();
    (marked[8], marked[11]) = (3, WRITING | SWMR);
    testing::repair(&mut marked);
    let e = Change::over(Recorder::new(marked)).map(drop).unwrap_err();
    assert_eq!(e.kind(), Kind::Conflict);
    let mut short = image();
    short.pop();
    assert!(Change::over(Recorder::new(short)).is_err());
    assert!(Change::over(Recorder::new(Vec::new())).is_err());
}

#[test]
fn special_files_of_h5py() {
    let Some(python) = oracle(PYTHONS[0]) else { return };
    let dir = tempfile::tempdir().unwrap();
    run_python(&python, SCRIPT, &["special".as_ref(), dir.path().as_os_str()]);
    let image = |name: &str| std::fs::read(dir.path().join(format!("{name}.h5"))).unwrap();
    let refused = |name: &str| Change::over(Recorder::new(image(name))).map(drop).unwrap_err().kind();
    for name in ["paged", "accounted"] {
        assert_eq!(refused(name), Kind::Unsupported, "{name}");
    }
    assert_eq!(refused("unclosed"), Kind::Conflict);
    for name in ["behind", "aggregated", "elsewhere"] {
        let path = dir.path().join(format!("{name}.h5"));
        let before = states(&python, std::slice::from_ref(&path)).remove(0);
        let mut f = Change::open(&path).unwrap();
        for (other, kind) in
            [("/virtual", Kind::Unsupported), ("/raw", Kind::Unsupported), ("/other", Kind::Usage)]
        {
            if name == "elsewhere" {
                let e = f.dataset(other).map(drop).unwrap_err();
                assert_eq!(e.kind(), kind, "{other}: {e}");
            }
        }
        f.attribute("/x", "text", "a text that was not there").unwrap();
        f.put("/more", &[1i32, 2], &ArrayOptions::default()).unwrap();
        f.remove_attribute("/x", "text").unwrap();
        f.remove("/more").unwrap();
        f.finish().unwrap();
        assert_eq!(states(&python, &[path]).remove(0), before, "{name}");
    }
}

/// A file that is open for changing is nobody else's, and one that another program has open is not ours.
#[test]
fn one_program_at_a_time() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), image()).unwrap();
    let first = Change::open(file.path()).unwrap();
    assert_eq!(Change::open(file.path()).map(drop).unwrap_err().kind(), Kind::Conflict);
    drop(first);
    let reader = std::fs::File::open(file.path()).unwrap();
    reader.try_lock_shared().unwrap();
    assert_eq!(Change::open(file.path()).map(drop).unwrap_err().kind(), Kind::Conflict);
    drop(reader);
    Change::open(file.path()).unwrap().finish().unwrap();
}

#[test]
fn what_is_behind_the_end_stays() {
    let mut longer = image();
    let end = longer.len();
    longer.extend(*b"somebody's notes");
    let r = Recorder::new(longer);
    let mut f = Change::over(r.clone()).unwrap();
    f.attribute("/x", "unit", "a longer text than before").unwrap();
    f.finish().unwrap();
    let changed = r.image();
    assert_eq!(&changed[end..end + 16], b"somebody's notes");
    let file = File::from_image(&changed).unwrap();
    let unit = file.attribute("/x", "unit", &Limits::default()).unwrap();
    assert_eq!(unit.as_str(), Some("a longer text than before"));
}

/// A user block: addresses count from behind it.
#[test]
fn a_file_behind_a_user_block() {
    let mut w = Writer::in_memory();
    w.dataset("/x").write(&[1i32, 2, 3]).unwrap();
    let mut moved = vec![7; 512];
    moved.extend(w.into_image().unwrap());
    // Base and end count from the start of the file.
    moved[512 + 12..512 + 20].copy_from_slice(&512u64.to_le_bytes());
    let end = moved.len() as u64;
    moved[512 + 28..512 + 36].copy_from_slice(&end.to_le_bytes());
    testing::repair(&mut moved);
    let r = Recorder::new(moved);
    let mut f = Change::over(r.clone()).unwrap();
    f.attribute("/x", "unit", "m").unwrap();
    f.dataset("/x").unwrap().write(&"1".parse().unwrap(), &View::from_slice([], &[9i32]).unwrap()).unwrap();
    f.put("/y", &[4.0f64], &ArrayOptions::default()).unwrap();
    f.finish().unwrap();
    let changed = r.image();
    assert_eq!(changed[..512], [7; 512]);
    let file = File::from_image(&changed).unwrap();
    let read = |path| file.read(path, &Selection::ALL, &Limits::default()).unwrap();
    assert_eq!(read("/x").to_vec::<i32>().unwrap(), [1, 9, 3]);
    assert_eq!(read("/y").to_vec::<f64>().unwrap(), [4.0]);
}

#[test]
fn selections_of_every_direction() {
    let r = Recorder::new(image());
    let mut f = Change::over(r.clone()).unwrap();
    for path in ["/x", "/run/fixed", "/run/small"] {
        let values: Vec<i32> = (0..6).collect();
        let part = View::from_slice([2, 3], &values).unwrap();
        f.dataset(path).unwrap().write(&"::-2, ::-1".parse().unwrap(), &part).unwrap();
    }
    f.finish().unwrap();
    let changed = r.image();
    let file = File::from_image(&changed).unwrap();
    for path in ["/x", "/run/fixed", "/run/small"] {
        let all = file.read(path, &Selection::ALL, &Limits::default()).unwrap();
        assert_eq!(all.to_vec::<i32>().unwrap(), [1, 1, 1, 5, 4, 3, 1, 1, 1, 2, 1, 0], "{path}");
    }
}

/// Failing writes: the file is what it was or what it was to be, and can be changed afterwards.
#[test]
fn failing_writes_lose_nothing() {
    let base = image();
    let steps = [
        json!(["attribute", "/x", "unit", "a longer text than there was before"]),
        json!(["extend", "/x", [9, 3]]),
        json!(["write", "/x", "2:7", 5]),
        json!(["put", "/run/new", [3], 5]),
        json!(["hard", "/again", "/x"]),
        json!(["remove", "/run/fixed"]),
    ];
    for fail_at in 0..60 {
        let r = Recorder::new(base.clone());
        r.fail_cleanly_after(fail_at);
        let mut f = Change::over(r.clone()).unwrap();
        let failed = steps.iter().any(|s| step(&mut f, s).is_err()) | f.finish().is_err();
        r.fail_after(u64::MAX);
        ours(&r.image()).unwrap();
        let mut f = Change::over(r.clone()).unwrap();
        f.attribute("/x", "after", 1).unwrap();
        f.finish().unwrap();
        ours(&r.image()).unwrap();
        if !failed {
            assert!(fail_at > 15);
            return;
        }
    }
    panic!("no run was long enough to be without a failure");
}

/// Damaged files: no panic, and what an operation refuses is not written.
#[test]
fn damaged_files_do_no_harm() {
    let mut images: Vec<Vec<u8>> = bases().into_iter().map(|b| b.image).collect();
    images.push(image());
    let steps: Vec<Json> = [
        json!(["attribute", "/x", "unit", "a longer text than there was before"]),
        json!(["attribute", "/many", "attribute 3", 5]),
        json!(["remove_attribute", "/g", "a"]),
        json!(["extend", "/x", [9, 3]]),
        json!(["extend", "/packed", [20, 8]]),
        json!(["write", "/packed", "2:7", 5]),
        json!(["write", "/early", "2:5", 5]),
        json!(["write", "/two", "2:5", 5]),
        json!(["write", "/plain", "2:5", 5]),
        json!(["write", "/contiguous", "2:5", 5]),
        json!(["put", "/crowd/new", [3], 5]),
        json!(["soft", "/crowd/a", "/x"]),
        json!(["hard", "/again and again", "/contiguous"]),
        json!(["remove", "/crowd/link 9"]),
        json!(["external", "/g/x", "y", "/z"]),
    ]
    .to_vec();
    let rounds = if std::env::var_os("HYPERSLAB_SOAK").is_some() { 20_000 } else { 60 };
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut below = |n: usize| {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % n
    };
    for base in &images {
        let sealed = testing::sealed(base);
        for _ in 0..rounds {
            let mut bad = base.clone();
            for _ in 0..1 + below(4) {
                let at = below(bad.len());
                let v = [0u64, 1, u64::MAX, 1 << 40, at as u64][below(5)].to_le_bytes();
                let n = [1, 8][below(2)].min(bad.len() - at);
                bad[at..at + n].copy_from_slice(&v[..n]);
            }
            if below(4) > 0 {
                testing::reseal(&mut bad, &sealed);
            }
            let r = Recorder::new(bad);
            let Ok(f) = Change::over(r.clone()) else {
                assert_eq!(r.take().len(), 0);
                continue;
            };
            let mut f = f.with_limits(Limits::new(64 << 20, 100_000, 64));
            for s in &steps {
                r.take();
                let end = f.storage().image().len();
                if step(&mut f, s).and_then(|()| f.settle()).is_err() {
                    let ops = r.take();
                    // Chunks that were written ahead lie behind the end.
                    let touched = ops.iter().any(|op| match op {
                        crate::append::tests::recorder::Op::Write(at, _) => (*at as usize) < end,
                        _ => false,
                    });
                    assert!(!touched, "{s}: refused after a write");
                }
            }
        }
    }
}

/// Found by fuzzing: the greatest extents of a file say how long the index of its chunks is to be.
#[test]
fn an_index_is_no_longer_than_memory_allows() {
    let mut w = Writer::in_memory().libver(crate::write::Libver::Latest).unwrap();
    w.dataset("/x")
        .shape([4])
        .dtype("<i4".parse().unwrap())
        .max_shape([Some(8)])
        .chunks([2])
        .create()
        .unwrap();
    let mut bad = w.into_image().unwrap();
    let sealed = testing::sealed(&bad);
    let extents: Vec<u8> = [4u64, 8].iter().flat_map(|n| n.to_le_bytes()).collect();
    let at = bad.windows(16).position(|b| b == extents).unwrap();
    bad[at + 8..at + 16].copy_from_slice(&(1u64 << 44).to_le_bytes());
    testing::reseal(&mut bad, &sealed);
    let r = Recorder::new(bad.clone());
    let mut f = Change::over(r.clone()).unwrap();
    f.dataset("/x").unwrap().write(&Selection::ALL, &[1i32, 2, 3, 4]).unwrap();
    assert_eq!(f.finish().unwrap_err().kind(), Kind::Limit);
    assert!(r.image() == bad, "what was written ahead stays");
}
