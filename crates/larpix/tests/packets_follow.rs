//! Tables that grow with their log: read meanwhile, continued after any end, equal to a table made at once.

#![expect(clippy::unwrap_used, reason = "a panic is the failure report")]

mod common;
#[path = "common/pacman.rs"]
mod pacman;

use hyperslab_core::{Kind, Result};
use hyperslab_larpix::convert::{Options, Report, convert, follow};
use hyperslab_larpix::log::{LogOptions, LogWriter};
use hyperslab_larpix::packet::Asic;
use hyperslab_larpix::packets::{PacketTable, RowForm, TableFormat};
use hyperslab_larpix::pacman::Check;
use pacman::{log, message};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const ROLE: &str = "HYPERSLAB_TEST_KILLED_FOLLOWER";

/// One test at a time: a process that one test starts inherits, until it runs its own program, the files and locks that
/// another one has just closed.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn append(raw: &Path, range: std::ops::Range<u64>) {
    let mut log = LogWriter::open_or_create(raw, &LogOptions::default()).unwrap();
    for i in range {
        let (g, m) = message(i);
        log.append(g, &m).unwrap();
        if i % 97 == 0 {
            log.commit().unwrap();
        }
    }
    log.close().unwrap();
}

/// Follows until the table has so many messages.
fn until(raw: &Path, out: &Path, options: &Options, messages: u64) -> Result<Report> {
    let start = Instant::now();
    follow(raw, out, options, &mut |done, _| {
        assert!(start.elapsed() < Duration::from_secs(60), "{done} of {messages} messages");
        done < messages
    })
}

/// The table must be the one that is made of the first messages at once, and larpix-control must read it.
fn check(raw: &Path, out: &Path, python: bool) {
    let whole = out.with_extension("whole.h5");
    convert(raw, &whole, &Options { replace: true, ..Options::default() }, &mut |_, _| {}).unwrap();
    let (a, b) = (PacketTable::open(out).unwrap(), PacketTable::open(&whole).unwrap());
    assert_eq!(a.len(), b.len());
    assert!(a.read(0..a.len()).unwrap() == b.read(0..b.len()).unwrap());
    let script = r#"
from larpix.format import hdf5format as hf
tables = []
for path in sys.argv[1:]:
    with h5py.File(path, "r") as f:
        d = f["packets"]
        assert d.maxshape == (None,) and d.chunks[0] >= 1024 and len(f["configs"]) == len(f["messages"]) == 0
        assert d.attrs["packet_types"].startswith("\n0: 'data'")
        tables.append(d[:].tobytes())
assert tables[0] == tables[1]
with h5py.File(sys.argv[1], "r", libver="latest", swmr=True) as f:
    assert f["packets"][:].tobytes() == tables[0]
assert len(hf.from_file(sys.argv[1], end=50)["packets"]) == 50
"#;
    for (_, python) in common::pythons().into_iter().filter(|_| python) {
        common::run(&python, script, &[&out, &whole]);
    }
    std::fs::remove_file(&whole).unwrap();
}

#[test]
fn a_table_grows_with_its_log_and_is_continued() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let (raw, out) = (dir.path().join("raw.h5"), dir.path().join("packets.h5"));
    append(&raw, 0..1);
    let over = AtomicBool::new(false);
    std::thread::scope(|threads| {
        threads.spawn(|| append(&raw, 1..6000));
        threads.spawn(|| {
            // What a reader sees meanwhile is always a whole prefix: it begins with the same rows, and a row is there.
            let (mut last, mut looks) = (0, 0);
            while !over.load(Ordering::Acquire) {
                if let Ok(table) = PacketTable::open(&out) {
                    assert!(table.len() >= last);
                    last = table.len();
                    let rows = table.read(last.saturating_sub(1)..last).unwrap();
                    assert!(rows.iter().all(|r| r.packet_type <= 7));
                    looks += 1;
                }
            }
            assert!(looks > 0);
        });
        let report = std::panic::catch_unwind(|| until(&raw, &out, &Options::default(), 6000));
        // Whatever came of it, the reader ends.
        over.store(true, Ordering::Release);
        assert_eq!(report.unwrap().unwrap().messages, 6000);
    });
    check(&raw, &out, true);
    // Nothing new, then more, then nothing new again.
    assert_eq!(until(&raw, &out, &Options::default(), 6000).unwrap().rows, 0);
    append(&raw, 6000..7000);
    assert_eq!(until(&raw, &out, &Options::default(), 7000).unwrap().messages, 1000);
    assert_eq!(until(&raw, &out, &Options::default(), 7000).unwrap().messages, 0);
    check(&raw, &out, true);
}

/// Not a test of its own: the process that is killed.
#[test]
fn follower_process() {
    let Some(folder) = std::env::var_os(ROLE) else { return };
    let folder = Path::new(&folder);
    follow(&folder.join("raw.h5"), &folder.join("packets.h5"), &Options::default(), &mut |_, _| true)
        .unwrap();
}

#[test]
fn a_killed_follower_is_continued() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let (raw, out) = (dir.path().join("raw.h5"), dir.path().join("packets.h5"));
    append(&raw, 0..10);
    let mut next = 10;
    let trials = 6 * common::soak();
    for trial in 0..trials {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["follower_process", "--exact", "--nocapture", "--test-threads=1"])
            .env(ROLE, dir.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let end = Instant::now() + Duration::from_millis(30 + 37 * (trial % 7));
        while Instant::now() < end {
            append(&raw, next..next + 50);
            next += 50;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        if let Ok(table) = PacketTable::open(&out) {
            table.read(0..table.len()).unwrap();
        }
    }
    until(&raw, &out, &Options::default(), next).unwrap();
    check(&raw, &out, true);
    println!("{trials} followers killed, {next} messages");
}

#[test]
fn only_its_own_table_is_continued() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let (raw, out, other) =
        (dir.path().join("raw.h5"), dir.path().join("packets.h5"), dir.path().join("other.h5"));
    append(&raw, 0..100);
    std::thread::sleep(Duration::from_millis(10));
    append(&other, 0..200);
    let options = Options::default();
    until(&raw, &out, &options, 100).unwrap();
    let before = std::fs::read(&out).unwrap();
    let refused =
        |raw: &Path, out: &Path, options: &Options| until(raw, out, options, 1 << 40).unwrap_err().kind();
    assert_eq!(refused(&other, &out, &options), Kind::Conflict);
    let form = RowForm::new(TableFormat::V3_0, Asic::V2).unwrap();
    assert_eq!(refused(&raw, &out, &Options { form, ..options.clone() }), Kind::Conflict);
    // A table that was made at once, a log, no HDF5 at all.
    let whole = dir.path().join("whole.h5");
    convert(&raw, &whole, &options, &mut |_, _| {}).unwrap();
    assert_eq!(refused(&raw, &whole, &options), Kind::Usage);
    assert_eq!(refused(&raw, &other, &options), Kind::Usage);
    let text = dir.path().join("text");
    std::fs::write(&text, "not HDF5").unwrap();
    assert!(until(&raw, &text, &options, 100).is_err());
    assert_eq!(std::fs::read(&text).unwrap(), b"not HDF5");
    assert!(std::fs::read(&out).unwrap() == before);
    // A second follower while the first one runs.
    let mut tried = None;
    follow(&raw, &out, &options, &mut |_, _| {
        tried.get_or_insert_with(|| refused(&raw, &out, &options));
        false
    })
    .unwrap();
    assert_eq!(tried, Some(Kind::Conflict));
    // And a log that has become shorter.
    let replaced = Options { replace: true, ..options.clone() };
    until(&raw, &out, &replaced, 100).unwrap();
    check(&raw, &out, false);
}

#[test]
fn a_bad_message_ends_the_table_before_it() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let (raw, out) = (dir.path().join("raw.h5"), dir.path().join("packets.h5"));
    let mut messages: Vec<_> = (0..300).map(message).collect();
    messages[200].1.truncate(3);
    messages[250].1.push(0);
    log(&raw, &messages);
    let e = until(&raw, &out, &Options::default(), 300).unwrap_err();
    assert!(e.kind() == Kind::Invalid && e.to_string().contains("/msgs[200]"), "{e}");
    let before = PacketTable::open(&out).unwrap().len();
    let lenient = Options { check: Check::Lenient, ..Options::default() };
    let report = until(&raw, &out, &lenient, 300).unwrap();
    assert_eq!((report.messages, report.skipped.messages, report.skipped.words), (100, 1, 1));
    let whole = dir.path().join("whole.h5");
    convert(&raw, &whole, &lenient, &mut |_, _| {}).unwrap();
    let (a, b) = (PacketTable::open(&out).unwrap(), PacketTable::open(&whole).unwrap());
    assert!(before > 0 && a.len() > before);
    assert!(a.read(0..a.len()).unwrap() == b.read(0..b.len()).unwrap());
}
