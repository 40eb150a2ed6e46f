//! Killed at any byte of an append, or out of room there: what was acknowledged stays, and the next writer goes on.

use super::*;

/// What a session of some writers did: each write, and what was acknowledged before it.
fn session() -> (Vec<u8>, Vec<(Op, Entries)>, Entries) {
    let (start, mut acknowledged) = with_table(40);
    let r = Recorder::new(start.clone());
    let mut writers: Vec<_> = (0..3).map(|_| Journal::open(r.clone()).unwrap()).collect();
    let mut steps = Vec::new();
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for i in 0..60u64 {
        let w = &mut writers[random.below(3) as usize];
        let keys: Vec<String> = (0..1 + random.below(3))
            .map(|_| format!("{}{}", "x".repeat(random.below(60) as usize), random.below(30)))
            .collect();
        let put: Vec<(&str, At)> = keys
            .iter()
            .zip(0..)
            .map(|(k, j)| (k.as_str(), at(200 + u128::from(i % 5), i * 10 + j)))
            .collect();
        append(w, &put);
        let op = r.take();
        assert_eq!(op.len(), 1, "a commit is one write");
        steps.extend(op.into_iter().map(|op| (op, acknowledged.clone())));
        acknowledged.extend(put.into_iter().map(|(k, at)| (k.to_owned(), at)));
    }
    (start, steps, acknowledged)
}

#[test]
fn every_prefix_of_every_write_keeps_what_was_acknowledged() {
    let (start, steps, end) = session();
    let soak = std::env::var_os("HYPERSLAB_SOAK").is_some();
    let mut image = start;
    let mut cuts = 0;
    for (i, (op, acknowledged)) in steps.iter().enumerate() {
        let after = steps.get(i + 1).map_or(&end, |(_, a)| a);
        let Op::Write(_, bytes) = op else { continue };
        for cut in (0..bytes.len()).step_by(if soak { 1 } else { 7 }) {
            let mut torn = image.clone();
            op.apply(&mut torn, cut);
            let r = Recorder::new(torn.clone());
            let mut journal = Journal::open(r.clone()).unwrap();
            let seen = entries_of(&journal);
            check(&seen, acknowledged, after);
            for key in acknowledged.keys() {
                assert_eq!(journal.find(key).unwrap(), seen.get(key).copied());
            }
            // A reader from before, and the next writer: behind what the dead one left, and never over it.
            let mut reader = Journal::open(r.clone()).unwrap();
            append(&mut journal, &[("next", at(7, 9000))]);
            reader.refresh().unwrap();
            let mut want = entries_of(&Journal::open(r.clone()).unwrap());
            assert_eq!(entries_of(&reader), want);
            assert_eq!(entries_of(&journal), want);
            // Of a record that lacked nothing but the zeros at its end the gap makes a whole one.
            assert_eq!(want.remove("next"), Some(at(7, 9000)));
            assert!(want.len() == seen.len() || want.len() == seen.len() + 1);
            check(&want, &seen, after);
            assert_eq!(&r.image()[..torn.len()], torn);
            cuts += 1;
        }
        op.apply(&mut image, usize::MAX);
        assert_eq!(entries_of(&Journal::open(Recorder::new(image.clone())).unwrap()), *after);
    }
    println!("soak: {cuts} torn writes");
}

/// What is seen is what was acknowledged, and perhaps some of what came next.
fn check(seen: &Entries, acknowledged: &Entries, after: &Entries) {
    for (key, at) in acknowledged {
        let found = seen.get(key);
        assert!(found == Some(at) || found.is_some() && found == after.get(key), "{key}: {found:?}");
    }
    for (key, at) in seen {
        assert!(after.get(key) == Some(at) || acknowledged.get(key) == Some(at), "{key}");
    }
}

#[test]
fn a_full_disk_is_an_error_and_later_appends_work() {
    for room in 0..300 {
        let r = Recorder::new(with_table(3).0);
        let mut journal = Journal::open(r.clone()).unwrap();
        append(&mut journal, &[("before", at(50, 0))]);
        r.room(room);
        let put: Vec<(&str, At)> = vec![("a", at(51, 0)), ("b", at(51, 1)), ("c", at(51, 2))];
        let change = Append { put, ..Append::default() };
        let done = journal.append(&change);
        assert_eq!(done.is_ok(), room >= 24 + 3 * 40);
        r.room(usize::MAX);
        journal.append(&change).unwrap();
        let seen = entries_of(&Journal::open(r).unwrap());
        assert_eq!(seen, entries_of(&journal));
        assert_eq!(seen.len(), 3 + 4);
        assert_eq!((seen["before"], seen["c"]), (at(50, 0), at(51, 2)));
    }
}
