//! Bytes changed anywhere in a journal: what is read is what was written, and what is not there was hit.

use super::*;

#[test]
fn a_changed_byte_costs_what_it_hits() {
    let (image, _) = with_table(300);
    let r = Recorder::new(image);
    let mut journal = Journal::open(r.clone()).unwrap();
    for i in 0..50 {
        append(&mut journal, &[(&format!("new {i}"), at(400, i))]);
    }
    let want = entries_of(&journal);
    let good = r.image();
    let mut lost = 0;
    let soak = std::env::var_os("HYPERSLAB_SOAK").is_some();
    for byte in (64..good.len()).step_by(if soak { 1 } else { 13 }) {
        let mut image = good.clone();
        image[byte] ^= 0x40;
        let journal = Journal::open(Recorder::new(image)).unwrap();
        // Asked one by one, and all at once.
        let seen: Entries =
            want.keys().filter_map(|key| Some((key.clone(), journal.find(key).unwrap()?))).collect();
        // The damage of a block of the table is known once a key of that block is asked for.
        let journal = Journal::open(journal.storage().clone()).unwrap();
        assert_eq!(entries_of(&journal), seen, "byte {byte}");
        assert!(seen.iter().all(|(key, at)| want[key] == *at), "byte {byte}");
        // One entry, or those of one pack.
        let missing: Vec<&At> =
            want.iter().filter(|(k, _)| !seen.contains_key(*k)).map(|(_, at)| at).collect();
        let packs: BTreeSet<u128> = missing.iter().map(|at| at.pack).collect();
        assert!(missing.len() <= 1 || packs.len() == 1, "byte {byte}: {missing:?}");
        lost = lost.max(missing.len());
    }
    assert!(lost > 1);
}

#[test]
fn without_its_table_a_journal_is_read_whole() {
    let (mut image, want) = with_table(2000);
    let table_at = Journal::open(Recorder::new(image.clone())).unwrap().header().table_at as usize;
    image[table_at..].fill(0xee);
    let r = Recorder::new(image);
    let other = Journal::open(r.clone()).unwrap();
    let journal = Journal::open(r).unwrap();
    assert!(!journal.is_worn() && other.damage().unwrap().unwrap().contains("table"));
    for (key, at) in &want {
        assert_eq!(journal.find(key).unwrap(), Some(*at));
    }
    assert!(journal.is_worn() && !journal.lacks_entries());
}

#[test]
fn garbage_is_no_journal() {
    let (good, _) = with_table(20);
    for image in [vec![], vec![0; 63], vec![0; 64], vec![0xff; 4096], good[..good.len() - 1].to_vec()] {
        let e = Journal::open(Recorder::new(image)).unwrap_err();
        assert_eq!(e.kind(), hyperslab_core::Kind::Invalid);
    }
    let r = Recorder::new(good);
    let mut journal = Journal::open(r.clone()).unwrap();
    append(&mut journal, &[("a", at(1, 1))]);
    let image = r.image();
    // Noise behind the records: nothing new, and the next record is found behind it.
    let mut random = Random(77);
    let mut noisy = image.clone();
    noisy.extend((0..100_003).map(|_| random.next() as u8));
    let r = Recorder::new(noisy);
    let mut other = Journal::open(r.clone()).unwrap();
    assert_eq!(entries_of(&other), entries_of(&journal));
    append(&mut other, &[("b", at(1, 2))]);
    append(&mut journal, &[("b", at(1, 2))]);
    assert_eq!(entries_of(&Journal::open(r).unwrap()), entries_of(&journal));
}
