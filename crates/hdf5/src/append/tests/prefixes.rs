//! After every write of a session, and with the last one torn, a reader sees a complete prefix.

use super::*;

/// Replays a session's writes one by one. `floor` is what was published before it.
pub(super) fn every_prefix(
    start: &[u8],
    ops: &[Op],
    floor: u64,
    mut check: impl FnMut(&[u8], usize, u64),
) -> u64 {
    let mut image = start.to_vec();
    let mut rows = floor;
    let mut states = 0;
    for (i, op) in ops.iter().enumerate() {
        for torn in op.tears() {
            let mut half = image.clone();
            op.apply(&mut half, torn);
            let seen = read_all(&half).unwrap_or_else(|e| panic!("write {i} torn at {torn}: {e}"));
            assert!(seen >= rows, "write {i} torn at {torn}: {seen} rows after {rows}");
            states += 1;
        }
        op.apply(&mut image, usize::MAX);
        let seen = read_all(&image).unwrap_or_else(|e| panic!("after write {i} of {}: {e}", ops.len()));
        assert!(seen >= rows, "after write {i}: {seen} rows after {rows}");
        rows = seen;
        states += 1;
        check(&image, i, rows);
    }
    states
}

#[test]
fn every_prefix_is_whole() {
    let mut states = 0;
    let mut sessions = vec![
        (1024, &[1u64, 1, 5, 1000, 20, 1, 2500][..]),
        // Past the first super block (chunk 244) in a few thousand rows.
        (8, &[1, 7, 8, 9, 100, 1, 1500, 3, 600, 1]),
    ];
    if std::env::var_os("HYPERSLAB_SOAK").is_some() {
        sessions.push((1024, &[1, 10, 100, 1000, 10_000, 1, 3]));
        sessions.push((32, &[10_000, 1, 7, 1000, 31, 33, 100, 1]));
    }
    for (chunk_rows, batches) in sessions {
        for pair in [Pair::Shared, Pair::Inline] {
            let start = image(&schema(chunk_rows)).unwrap();
            let r = Recorder::new(start.clone());
            let mut a = resume(r.clone(), options(Sync::None, pair));
            publish(&mut a, batches);
            let rows = a.rows();
            a.close(3.0).unwrap();
            let closed = r.image();
            let ops = r.take();
            states += every_prefix(&start, &ops, 0, |_, _, _| {});
            // Reopened, continued, closed again.
            let mut a = resume(r.clone(), options(Sync::None, pair));
            publish(&mut a, &[3, 50]);
            a.close(4.0).unwrap();
            states += every_prefix(&closed, &r.take(), rows, |_, _, _| {});
        }
    }
    println!("soak: every prefix, ours: {states} states");
}

/// Slots that wait for rows, and unused space, are zero: a library that overwrites a slot frees what it refers to.
pub(super) fn nothing_unpublished<S: Storage>(a: &Appender<S>, image: &[u8]) {
    assert!(image[a.state.end as usize..].iter().all(|&b| b == 0), "unused space holds something");
    for c in &a.columns {
        let first = a.state.rows / c.chunk_rows;
        let skip = (a.state.rows % c.chunk_rows * c.width) as usize;
        for chunk in first..c.run.end().max(first) {
            let at = c.run.address(chunk).unwrap() as usize;
            let bytes = &image[at..at + (c.chunk_rows * c.width) as usize];
            let waiting = if chunk == first { &bytes[skip..] } else { bytes };
            assert!(waiting.iter().all(|&b| b == 0), "a slot of {} holds something", c.name);
        }
    }
}

/// A file whose writer died after any write is continued in place, without a gap, and loses nothing.
#[test]
fn every_death_is_survived() {
    for pair in [Pair::Shared, Pair::Inline] {
        let start = image(&schema(8)).unwrap();
        let r = Recorder::new(start.clone());
        let mut a = resume(r.clone(), options(Sync::None, pair));
        publish(&mut a, &[1, 7, 9, 100, 1, 2100, 3]);
        let end = a.state.end;
        let ops = r.take();
        every_prefix(&start, &ops, 0, |image, i, rows| {
            let r = Recorder::new(image.to_vec());
            let mut a = resume(r.clone(), options(Sync::None, pair));
            assert_eq!((a.rows(), a.page.at), (rows, 0), "write {i} led to an adoption");
            assert!(a.state.end <= end);
            nothing_unpublished(&a, &r.image());
            publish(&mut a, &[2, 30]);
            a.close(5.0).unwrap();
            let image = r.image();
            assert_eq!(read_all(&image).unwrap(), rows + 32, "write {i}");
            assert!((image.len() as u64) < end + (64 << 10), "write {i} left a gap");
            // And once more, from the closed file.
            let mut a = resume(r.clone(), options(Sync::None, pair));
            assert_eq!(a.page.at, 0);
            publish(&mut a, &[1]);
            assert_eq!(read_all(&r.image()).unwrap(), rows + 33);
        });
    }
}
