//! Joining, cutting, counting and checking logs of every writer.

#![expect(clippy::unwrap_used, reason = "a panic is the failure report")]

mod common;

use hyperslab_core::source::{FileSource, SliceSource};
use hyperslab_core::{Kind, Limits, testing};
use hyperslab_larpix::log::{
    LogOptions, LogReader, LogStats, LogWriter, SplitAt, State, check, merge, split,
};
use std::path::{Path, PathBuf};

fn all(path: &Path) -> Vec<(u8, Vec<u8>)> {
    let reader = LogReader::open(path).unwrap();
    let read = reader.read(0..reader.len()).unwrap();
    read.iter().map(|(g, m)| (g, m.to_vec())).collect()
}

fn log(path: &Path, range: std::ops::Range<u64>, io_version: Option<&str>) {
    let options = LogOptions { io_version: io_version.map(Into::into), ..LogOptions::default() };
    let mut log = LogWriter::create(path, &options).unwrap();
    log.append_all(common::borrowed(&common::messages(range))).unwrap();
    log.close().unwrap();
}

/// Logs of larpix-control under three versions of HDF5, and of ours.
fn several(dir: &Path) -> Vec<PathBuf> {
    let mut logs: Vec<PathBuf> = ["1.12", "1.14", "2.0"]
        .iter()
        .map(|v| testing::fixture(&format!("larpix/generated_sizes_{v}.h5")))
        .collect();
    let ours = dir.join("ours.h5");
    log(&ours, 0..5000, Some("0.0"));
    logs.push(ours);
    logs
}

#[test]
fn joined_logs_hold_what_all_of_them_hold() {
    let dir = tempfile::tempdir().unwrap();
    let logs = several(dir.path());
    let out = dir.path().join("joined.h5");
    let mut seen = 0;
    let done = merge(&out, &logs, false, &mut |n| seen += n).unwrap();
    let want: Vec<_> = logs.iter().flat_map(|p| all(p)).collect();
    assert!(all(&out) == want);
    assert_eq!((done.messages, seen), (want.len() as u64, want.len() as u64));
    assert_eq!(done.bytes, want.iter().map(|(_, m)| m.len() as u64).sum::<u64>());
    let (first, joined) = (LogReader::open(&logs[0]).unwrap(), LogReader::open(&out).unwrap());
    assert_eq!(first.info(), joined.info());
    for (version, python) in common::pythons() {
        let script = "rd = raw.from_rawfile(sys.argv[1]); print(len(rd['msgs']), sum(map(len, rd['msgs'])), sum(map(int, rd['msg_headers']['io_groups'])))";
        let groups: u64 = want.iter().map(|(g, _)| u64::from(*g)).sum();
        let told = common::run(&python, script, &[&out]);
        assert_eq!(told.trim(), format!("{} {} {groups}", want.len(), done.bytes), "HDF5 {version}");
    }
    // A joined log is one to go on with.
    let mut log = LogWriter::open(&out, &LogOptions::default()).unwrap();
    assert_eq!(log.append(1, b"and on").unwrap(), done.messages + 1);
    log.close().unwrap();
}

#[test]
fn what_contradicts_itself_is_not_joined() {
    let dir = tempfile::tempdir().unwrap();
    let [a, b, c, out] = ["a.h5", "b.h5", "c.h5", "out.h5"].map(|n| dir.path().join(n));
    log(&a, 0..10, Some("0.0"));
    log(&b, 10..20, Some("0.1"));
    log(&c, 20..30, None);
    let kind = |inputs: &[&PathBuf], out: &Path| {
        let inputs: Vec<PathBuf> = inputs.iter().map(|p| (*p).clone()).collect();
        merge(out, &inputs, true, &mut |_| {}).map(|m| m.notes.len()).map_err(|e| e.kind())
    };
    assert_eq!(kind(&[&a, &b], &out), Err(Kind::Conflict));
    assert_eq!(kind(&[], &out), Err(Kind::Usage));
    assert_eq!(kind(&[&a, &c], &c), Err(Kind::Usage));
    assert_eq!(kind(&[&a, &testing::fixture("hdf5/tree_latest_2.0.h5")], &out), Err(Kind::Unsupported));
    assert!(!out.exists());
    assert_eq!(kind(&[&a, &c], &out), Ok(1));
    assert_eq!(all(&out).len(), 20);
    assert_eq!(merge(&out, &[a], false, &mut |_| {}).unwrap_err().kind(), Kind::Usage);
    assert_eq!(all(&out).len(), 20);
}

#[test]
fn pieces_of_a_log_make_it_up() {
    let dir = tempfile::tempdir().unwrap();
    for (i, path) in several(dir.path()).iter().enumerate() {
        let want = all(path);
        let stem = path.file_stem().unwrap().to_str().unwrap();
        for (at, most) in [
            (SplitAt { messages: Some(7), bytes: None }, 7),
            (SplitAt { messages: Some(1000), bytes: Some(100_000) }, 1000),
            (SplitAt { messages: None, bytes: Some(1) }, 1),
            (SplitAt { messages: Some(1 << 40), bytes: None }, 1 << 40),
        ] {
            if want.len() as u64 / most > 1000 {
                continue;
            }
            let folder = dir.path().join(format!("{i}-{most}"));
            let done = split(path, &folder, at, false, &mut |_| {}).unwrap();
            let mut parts = Vec::new();
            for (k, (file, count)) in done.files.iter().enumerate() {
                assert_eq!(*file, folder.join(format!("{stem}.{k}.h5")));
                let part = all(file);
                assert!(part.len() as u64 == *count && *count <= most, "{}", file.display());
                parts.extend(part);
                assert_eq!(LogReader::open(file).unwrap().info(), LogReader::open(path).unwrap().info());
            }
            assert!(parts == want);
            // Nothing else has appeared, and nothing is replaced.
            assert_eq!(std::fs::read_dir(&folder).unwrap().count(), done.files.len());
            assert_eq!(split(path, &folder, at, false, &mut |_| {}).unwrap_err().kind(), Kind::Usage);
            assert_eq!(std::fs::read_dir(&folder).unwrap().count(), done.files.len());
        }
    }
    let log = testing::fixture("larpix/generated_sizes_2.0.h5");
    assert_eq!(
        split(log, dir.path(), SplitAt::default(), false, &mut |_| {}).unwrap_err().kind(),
        Kind::Usage
    );
}

#[test]
fn the_size_of_pieces_is_about_what_was_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.h5");
    log(&path, 0..20_000, None);
    let most = 2 << 20;
    let done =
        split(&path, dir.path(), SplitAt { messages: None, bytes: Some(most) }, false, &mut |_| {}).unwrap();
    assert!(done.files.len() > 2);
    for (file, _) in &done.files {
        let len = file.metadata().unwrap().len();
        assert!(len < most + most / 5, "{} has {len} bytes", file.display());
    }
}

#[test]
fn numbers_of_logs() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.h5");
    let mut writer = LogWriter::create(&path, &LogOptions::default()).unwrap();
    writer.append_all(common::borrowed(&common::messages(0..3000))).unwrap();
    writer.commit().unwrap();
    let stats = LogStats::read(&path).unwrap();
    assert_eq!((stats.state, stats.messages), (State::Open, 3000));
    writer.close().unwrap();
    let stats = LogStats::read(&path).unwrap();
    let want = common::messages(0..3000);
    assert_eq!((stats.state, stats.uneven), (State::Closed, None));
    assert_eq!(stats.bytes, want.iter().map(|(_, m)| m.len() as u64).sum::<u64>());
    assert_eq!(stats.empty, want.iter().filter(|(_, m)| m.is_empty()).count() as u64);
    assert_eq!(stats.lengths, Some((0, want.iter().map(|(_, m)| m.len() as u32).max().unwrap())));
    assert_eq!(stats.groups.len(), 256);
    assert_eq!(stats.groups.iter().map(|(_, n)| n).sum::<u64>(), 3000);
    assert_eq!(stats.groups[7], (7, want.iter().filter(|(g, _)| *g == 7).count() as u64));
    assert_eq!((stats.dialect.layout, stats.dialect.oldest_reader()), (4, "1.10"));
    for (version, oldest) in [("1.12", "1.12"), ("1.14", "1.12"), ("2.0", "2.0")] {
        let log = testing::fixture(&format!("larpix/generated_sizes_{version}.h5"));
        assert_eq!(LogStats::read(log).unwrap().dialect.oldest_reader(), oldest, "{version}");
    }
}

#[test]
fn sound_logs_are_sound() {
    let dir = tempfile::tempdir().unwrap();
    let mut logs = several(dir.path());
    if let Some(corpus) = testing::corpus() {
        let entries = std::fs::read_dir(corpus.join("larpix")).unwrap().map(|e| e.unwrap().path());
        logs.extend(entries.filter(|p| p.file_name().unwrap().to_str().unwrap().starts_with("raw_")));
    }
    for path in logs {
        let damage = check(&FileSource::open(&path).unwrap(), &Limits::default()).unwrap();
        assert!(damage.as_ref().is_some_and(Vec::is_empty), "{}: {damage:?}", path.display());
    }
    let other = std::fs::read(testing::fixture("hdf5/tree_latest_2.0.h5")).unwrap();
    assert!(check(&SliceSource(&other), &Limits::default()).unwrap().is_none());
}

/// Each damage is told with the message that it concerns and the byte at which it lies.
#[test]
fn damage_is_told_message_by_message() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.h5");
    log(&path, 1..200, None);
    let good = std::fs::read(&path).unwrap();
    let told = |bytes: &[u8]| -> Vec<String> {
        let damage = check(&SliceSource(bytes), &Limits::default()).unwrap().unwrap();
        damage.iter().map(ToString::to_string).collect()
    };
    // The first one of messages, behind that of the texts of /meta.
    let collection = 8192 + good[8192..].windows(4).position(|w| w == b"GCOL").unwrap();
    let reference = |i: u16| {
        let mut want = (common::message(u64::from(i) + 1).1.len() as u32).to_le_bytes().to_vec();
        want.extend((collection as u64).to_le_bytes());
        want.extend(u32::from(i + 1).to_le_bytes());
        good.windows(16).position(|w| w == want).unwrap()
    };
    let edited = |edits: &[(usize, &[u8])]| {
        let mut bad = good.clone();
        edits.iter().for_each(|(at, bytes)| bad[*at..*at + bytes.len()].copy_from_slice(bytes));
        bad
    };
    // A reference out of the file, one of a wrong length, one to a number that is not there.
    let (a, b, c) = (reference(3), reference(5), reference(9));
    let bad = edited(&[
        (a + 4, &(1u64 << 50).to_le_bytes()),
        (b, &[1, 2, 0, 0]),
        (c + 12, &60_000u32.to_le_bytes()),
    ]);
    let lines = told(&bad);
    assert_eq!(lines.len(), 3, "{lines:?}");
    for (line, message) in lines.iter().zip([3, 5, 9]) {
        assert!(line.starts_with(&format!("/msgs[{message}]: ")) && line.contains("at byte"), "{line}");
    }
    // The collection itself.
    let lines = told(&edited(&[(collection, b"XXXX")]));
    assert!(
        lines.iter().all(|l| l.contains(&format!("at byte {collection}"))) && !lines.is_empty(),
        "{lines:?}"
    );
    // Cut, once the superblock agrees that it is: every message behind the cut.
    assert!(!told(&good[..collection + 100]).is_empty());
    let uneven = std::fs::read(testing::repo().join("fixtures/hostile/log_unequal.h5")).unwrap();
    let lines = told(&uneven);
    assert!(lines.iter().any(|l| l.starts_with("/msg_headers: ")), "{lines:?}");
}

/// Found by fuzzing: an index that tells of no elements in a log that has rows.
#[test]
fn an_index_without_elements_is_damage() {
    let mut bytes = std::fs::read(testing::fixture("larpix/generated_once_2.0.h5")).unwrap();
    let found = |signature: &[u8]| -> Vec<usize> {
        (0..bytes.len() - 8).filter(|&at| bytes[at..].starts_with(signature)).collect()
    };
    let (headers, blocks) = (found(b"EAHD"), found(b"EAIB"));
    assert_eq!((headers.len(), blocks.len()), (2, 2));
    for at in headers {
        // The six counts behind six bytes of parameters.
        bytes[at + 12..at + 60].fill(0);
    }
    for at in blocks {
        bytes[at..at + 4].fill(0);
    }
    // What is told is told with sound checksums.
    hyperslab_hdf5::testing::repair(&mut bytes);
    let damage = check(&SliceSource(&bytes), &Limits::default()).unwrap().unwrap();
    assert!(!damage.is_empty());
}
