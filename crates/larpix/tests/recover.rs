//! Damaged logs, of every kind that a generator thought of and of many that nobody did: what can be read is saved, in
//! order, and what is not is said.

#![expect(clippy::unwrap_used, reason = "a panic is the failure report")]

mod common;

use hyperslab_core::source::SliceSource;
use hyperslab_core::{Kind, Limits, testing};
use hyperslab_larpix::log::{
    LogOptions, LogReader, LogWriter, Pair, RecoverOptions, Report, Salvage, recover,
};
use serde_json::Value as Json;
use std::path::Path;

const DAMAGED: &str = concat!(
    include_str!("../../../fixtures/make/_hdf5_edit.py"),
    include_str!("../../../fixtures/make/fresh/damaged_logs.py")
);

type Messages = Vec<(u8, Vec<u8>)>;

fn all(path: &Path) -> Messages {
    let reader = LogReader::open(path).unwrap();
    let read = reader.read(0..reader.len()).unwrap();
    read.iter().map(|(g, m)| (g, m.to_vec())).collect()
}

/// How many of the sound messages that are not empty are missing, and how many groups differ; `None` when the saved
/// ones are not among them, in their order. `loose`: bytes of messages were damaged, lengths must do.
fn missing(sound: &Messages, saved: &Messages, loose: bool) -> Option<(usize, usize)> {
    let mut rest = saved.iter().filter(|(_, m)| !m.is_empty()).peekable();
    let (mut missing, mut groups) = (0, 0);
    for (group, message) in sound.iter().filter(|(_, m)| !m.is_empty()) {
        match rest.next_if(|(_, m)| m == message || (loose && m.len() == message.len())) {
            Some((g, _)) => groups += usize::from(g != group),
            None => missing += 1,
        }
    }
    rest.peek().is_none().then_some((missing, groups))
}

fn recovered(file: &Path) -> Option<(Report, Messages)> {
    let out = file.with_extension("saved");
    let before = std::fs::read(file).unwrap();
    let report = match recover(file, &out, &RecoverOptions::default()) {
        Ok(report) => report,
        Err(e) => {
            assert!(matches!(e.kind(), Kind::Unsupported | Kind::Invalid), "{e}");
            assert!(!out.exists());
            return None;
        }
    };
    assert!(std::fs::read(file).unwrap() == before, "the damaged file was written");
    let saved = all(&out);
    assert_eq!(saved.len() as u64, report.saved);
    std::fs::remove_file(&out).unwrap();
    Some((report, saved))
}

/// Logs of ours: closed, left by a killed writer in both forms, and adopted from one of larpix-control.
fn ours(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut out = Vec::new();
    let fill = |log: &mut LogWriter, n: u64| {
        for chunk in common::messages(0..n).chunks(170) {
            log.append_all(common::borrowed(chunk)).unwrap();
            log.commit().unwrap();
        }
    };
    for (name, pair) in [("shared", Pair::Shared), ("inline", Pair::Inline)] {
        let path = dir.join("live.h5");
        let options = LogOptions {
            pair,
            step: 1 << 16,
            max_step: 0,
            io_version: Some("0.0".into()),
            ..LogOptions::default()
        };
        let mut log = LogWriter::create(&path, &options).unwrap();
        fill(&mut log, 2500);
        let killed = dir.join(format!("killed_{name}.h5"));
        std::fs::copy(&path, &killed).unwrap();
        log.close().unwrap();
        let closed = dir.join(format!("closed_{name}.h5"));
        std::fs::rename(&path, &closed).unwrap();
        out.extend([killed, closed]);
    }
    let adopted = dir.join("adopted.h5");
    std::fs::copy(testing::fixture("larpix/generated_sizes_2.0.h5"), &adopted).unwrap();
    let mut log = LogWriter::open(&adopted, &LogOptions::default()).unwrap();
    fill(&mut log, 1500);
    log.close().unwrap();
    out.push(adopted);
    out
}

#[test]
fn damaged_logs_give_back_what_is_left() {
    let dir = tempfile::tempdir().unwrap();
    for (i, (version, python)) in common::pythons().into_iter().enumerate() {
        let folder = dir.path().join(version);
        std::fs::create_dir(&folder).unwrap();
        // Our logs do not depend on the interpreter: once is enough.
        let ours = if i == 0 { ours(&folder) } else { Vec::new() };
        let mut args: Vec<&std::ffi::OsStr> = vec![folder.as_os_str()];
        args.extend(ours.iter().map(|p| p.as_os_str()));
        let (mut count, mut lost_all) = (0, 0);
        let mut wrong: Vec<String> = Vec::new();
        for line in testing::run_python(&python, DAMAGED, &args).lines() {
            let case: Json = serde_json::from_str(line).unwrap();
            let (log, file) = (Path::new(case["log"].as_str().unwrap()), case["file"].as_str().unwrap());
            let name = format!("HDF5 {version} {}", file.rsplit('/').next().unwrap());
            let sound = all(log);
            let most = case["lost"].as_u64().unwrap();
            let groups_kept = case["groups"].as_bool().unwrap();
            let Some((report, saved)) = recovered(Path::new(file)) else {
                if most == 0 {
                    wrong.push(format!("{name}: refused"));
                }
                continue;
            };
            let kind = case["kind"].as_str().unwrap();
            let loose =
                ["bits", "sector_", "GCOL"].iter().any(|k| kind.starts_with(k)) && kind != "sector_gone";
            // libhdf5 does not put all messages into the heap in order.
            let found = match report.notes.iter().any(|n| n.contains("another order")) {
                false => missing(&sound, &saved, loose),
                true if loose => {
                    let full = |all: &Messages| all.iter().filter(|(_, m)| !m.is_empty()).count();
                    full(&sound).checked_sub(full(&saved)).map(|n| (n, 0))
                }
                true => {
                    let (mut sound, mut saved) = (sound.clone(), saved.clone());
                    sound.sort_by(|a, b| a.1.cmp(&b.1));
                    saved.sort_by(|a, b| a.1.cmp(&b.1));
                    missing(&sound, &saved, loose)
                }
            };
            let Some((missing, groups)) = found else {
                wrong.push(format!("{name}: a message that is not the log's, or not in order: {report:#?}"));
                continue;
            };
            // Nothing is lost in silence: not a message, not a group.
            let guessed =
                report.stated.is_none() || report.notes.iter().any(|n| n.contains("found by looking"));
            let told = missing as u64 <= report.lost + report.unwritten || guessed;
            // A byte of a header that is stored as it is has nothing to tell that it changed.
            let groups_told = loose || groups as u64 <= report.without_group;
            let whole = kind != "sound" || (saved == sound && report.is_complete());
            if missing as u64 > most
                || (groups_kept && !loose && groups > 0)
                || !told
                || !groups_told
                || !whole
            {
                wrong.push(format!("{name}: {missing} messages missing, {groups} groups wrong: {report:#?}"));
            }
            lost_all += missing;
            count += 1;
        }
        assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
        println!("HDF5 {version}: {count} damaged logs, {lost_all} messages lost in all");
    }
}

#[test]
fn a_log_of_a_killed_larpix_control_gives_back_what_was_acknowledged() {
    let Some(corpus) = testing::corpus() else { return };
    let path = corpus.join("larpix/bad0_ack600_att700.h5");
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("saved.h5");
    let report = recover(&path, &out, &RecoverOptions::default()).unwrap();
    println!("{report:#?}");
    let saved = all(&out);
    assert!((600..=700).contains(&saved.len()), "{report:?}");
    assert!(saved.iter().take(600).all(|(_, m)| !m.is_empty()), "{report:?}");
    for (_, python) in common::pythons() {
        let script = "print(raw.len_rawfile(sys.argv[1]), len(raw.from_rawfile(sys.argv[1])['msgs']))";
        assert_eq!(common::run(&python, script, &[&out]).trim(), format!("{0} {0}", saved.len()));
    }
}

#[test]
fn outputs_are_not_inputs_and_not_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log.h5");
    std::fs::copy(testing::fixture("larpix/generated_sizes_2.0.h5"), &log).unwrap();
    let before = std::fs::read(&log).unwrap();
    let force = RecoverOptions { replace: true, ..RecoverOptions::default() };
    assert_eq!(recover(&log, &log, &force).unwrap_err().kind(), Kind::Usage);
    let other = dir.path().join("other");
    std::fs::write(&other, b"theirs").unwrap();
    assert_eq!(recover(&log, &other, &RecoverOptions::default()).unwrap_err().kind(), Kind::Usage);
    assert_eq!(std::fs::read(&other).unwrap(), b"theirs");
    // What is no log is refused, and nothing appears.
    let none = dir.path().join("none.h5");
    for bytes in
        [&b"not a log"[..], b"", &std::fs::read(testing::fixture("hdf5/tree_latest_2.0.h5")).unwrap()]
    {
        std::fs::write(&other, bytes).unwrap();
        assert_eq!(recover(&other, &none, &force).unwrap_err().kind(), Kind::Unsupported);
        assert!(!none.exists());
    }
    recover(&log, &other, &force).unwrap();
    assert_eq!(all(&other), all(&log));
    assert_eq!(std::fs::read(&log).unwrap(), before);
}

/// Mutated logs, with checksums wrong and put right: an answer or an error, in bounded time and memory.
#[test]
fn mutated_logs_end() {
    let dir = tempfile::tempdir().unwrap();
    let mut logs: Vec<Vec<u8>> = ours(dir.path()).iter().map(|p| std::fs::read(p).unwrap()).collect();
    for name in ["generated_sizes_2.0.h5", "generated_sizes_1.12.h5"] {
        logs.extend(std::fs::read(testing::fixture("larpix").join(name)));
    }
    // Small ones: what is tried is structures, not amounts.
    logs.iter_mut().for_each(|l| l.truncate(400 << 10));
    let mut seed = 0x5eed_u64;
    let mut next = |n: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % n as u64).unwrap()
    };
    let structures = |log: &[u8]| -> Vec<usize> {
        let signatures = [&b"OHDR"[..], b"EAHD", b"EAIB", b"EADB", b"GCOL", b"\x89HDF"];
        (0..log.len()).filter(|&i| signatures.iter().any(|s| log[i..].starts_with(s))).collect()
    };
    let places: Vec<Vec<usize>> = logs.iter().map(|l| structures(l)).collect();
    let (mut saved, mut refused) = (0u64, 0u64);
    for round in 0..2000 * common::soak() {
        let which = next(logs.len());
        let mut bad = logs[which].clone();
        for _ in 0..=next(8) {
            let at = match next(3) {
                0 => next(bad.len()),
                _ => (places[which][next(places[which].len())] + next(200)).min(bad.len() - 1),
            };
            let values = [0, 1, 0xff, 0x7f, next(256) as u8];
            for i in 0..=next(4) {
                if let Some(b) = bad.get_mut(at + i) {
                    *b = values[next(values.len())];
                }
            }
        }
        if next(8) == 0 {
            bad.truncate(next(bad.len()));
        }
        if round % 2 == 0 {
            hyperslab_hdf5::testing::repair(&mut bad);
        }
        let limits = Limits::new(64 << 20, 1 << 20, 32);
        let source = SliceSource(&bad);
        let done = Salvage::open(&source, &limits).and_then(|s| {
            let mut messages = 0u64;
            s.into_each(&mut |_, _| {
                messages += 1;
                match messages {
                    0..50_000_000 => Ok(()),
                    _ => Err(hyperslab_core::Error::limit("enough")),
                }
            })
        });
        match done {
            Ok(report) => saved += report.saved,
            Err(e) => {
                assert!(!matches!(e.kind(), Kind::Io | Kind::Usage), "{e}");
                refused += 1;
            }
        }
    }
    println!("{saved} messages saved, {refused} files refused");
}
