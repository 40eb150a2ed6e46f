//! Journals in memory that remember every write: cut off anywhere, damaged anywhere, robbed of sectors.

mod damage;
mod power;
mod prefixes;
mod recorder;

use super::journal::{Append, At, Journal};
use super::snapshot::snapshot;
use recorder::{Op, Recorder};
use std::collections::{BTreeMap, BTreeSet};

/// A repeatable source of numbers.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

type Entries = BTreeMap<String, At>;

fn at(pack: u128, i: u64) -> At {
    At { pack, start: i * 200, end: i * 200 + 200 }
}

fn entries_of(journal: &Journal<Recorder>) -> Entries {
    let mut all = Entries::new();
    journal
        .each(&mut |key, at| {
            assert_eq!(all.insert(key.to_owned(), at), None);
            Ok(())
        })
        .unwrap();
    all
}

/// A journal with a table of so many entries.
fn with_table(n: u64) -> (Vec<u8>, Entries) {
    let entries: Entries = (0..n).map(|i| (format!("old {i}"), at(u128::from(i % 7) + 1, i))).collect();
    let list = entries.iter().map(|(k, at)| (k.as_str().into(), *at)).collect();
    (snapshot(list, 1).unwrap(), entries)
}

fn append(journal: &mut Journal<Recorder>, put: &[(&str, At)]) {
    journal.append(&Append { put: put.to_vec(), ..Append::default() }).unwrap();
}

#[test]
fn what_is_said_is_found() {
    let (image, mut want) = with_table(1000);
    let r = Recorder::new(image);
    let mut writer = Journal::open(r.clone()).unwrap();
    let mut reader = Journal::open(r.clone()).unwrap();
    assert_eq!(entries_of(&reader), want);
    append(&mut writer, &[("new", at(99, 0)), ("old 5", at(99, 1))]);
    append(&mut writer, &[("new", at(99, 2)), ("", at(1, 5000))]);
    let change = Append { delete: vec!["old 6", "never"], gone: vec![3, 1234], put: vec![] };
    writer.append(&change).unwrap();
    want.insert("new".into(), at(99, 2));
    want.insert("old 5".into(), at(99, 1));
    want.insert(String::new(), at(1, 5000));
    want.remove("old 6");
    want.retain(|_, at| at.pack != 3);

    assert_eq!(reader.find("new").unwrap(), None);
    assert!(reader.refresh().unwrap() && !reader.refresh().unwrap());
    for journal in [&writer, &reader, &Journal::open(r.clone()).unwrap()] {
        for i in 0..1000 {
            let key = format!("old {i}");
            assert_eq!(journal.find(&key).unwrap(), want.get(&key).copied(), "{key}");
        }
        assert_eq!(journal.find("new").unwrap(), Some(at(99, 2)));
        assert_eq!(journal.find("").unwrap(), Some(at(1, 5000)));
        assert_eq!(journal.find("never").unwrap(), None);
        assert_eq!(entries_of(journal), want);
        assert!(!journal.lacks_entries());
        assert_eq!(journal.damage().unwrap(), None);
    }
}

#[test]
fn an_empty_journal_is_a_header() {
    let r = Recorder::new(snapshot(Vec::new(), 1).unwrap());
    assert_eq!(r.image().len(), 64);
    let mut journal = Journal::open(r.clone()).unwrap();
    assert_eq!(journal.find("a").unwrap(), None);
    append(&mut journal, &[("a", at(1, 0))]);
    let key = "k".repeat(255);
    append(&mut journal, &[(&key, at(1, 1))]);
    let long = "k".repeat(256);
    let change = Append { put: vec![("b", at(1, 2)), (&long, at(1, 3))], ..Append::default() };
    assert_eq!(journal.append(&change).unwrap_err().kind(), hyperslab_core::Kind::Usage);
    let again = Journal::open(r).unwrap();
    assert_eq!(entries_of(&again), Entries::from([("a".into(), at(1, 0)), (key, at(1, 1))]));
}

/// Many handles on one journal, as many processes have it, each appending in its turn.
#[test]
fn writers_take_turns() {
    let r = Recorder::new(with_table(10).0);
    let mut writers: Vec<_> = (0..8).map(|_| Journal::open(r.clone()).unwrap()).collect();
    let mut want = with_table(10).1;
    let mut random = Random(0x1234_5678_9ABC_DEF1);
    for i in 0..2000 {
        let n = random.below(8);
        let key = format!("key {}", random.below(300));
        let place = at(u128::from(n) + 100, i);
        if random.below(4) == 0 {
            writers[n as usize].append(&Append { delete: vec![&key], ..Append::default() }).unwrap();
            want.remove(&key);
        } else {
            append(&mut writers[n as usize], &[(&key, place)]);
            assert_eq!(writers[n as usize].find(&key).unwrap(), Some(place));
            want.insert(key, place);
        }
    }
    for mut w in writers {
        w.refresh().unwrap();
        assert_eq!(entries_of(&w), want);
    }
    assert_eq!(entries_of(&Journal::open(r).unwrap()), want);
}

/// The tail is replayed at every opening: it is not left to grow.
#[test]
fn a_long_tail_is_worn() {
    let mut journal = Journal::open(Recorder::new(with_table(10).0)).unwrap();
    let keys: Vec<String> = (0..9000).map(|i| format!("key {i}")).collect();
    for (i, key) in keys.iter().enumerate() {
        append(&mut journal, &[(key, at(1, i as u64))]);
        let tail = journal.seen() - journal.header().tail_at();
        assert_eq!(journal.is_worn(), tail > 256 << 10);
    }
    assert!(journal.is_worn());
}
