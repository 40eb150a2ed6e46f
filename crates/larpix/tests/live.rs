//! Readers of every kind beside a writer that does not wait for them.

#![expect(clippy::unwrap_used, reason = "a panic is the failure report")]

mod common;

use common::{borrowed, messages, pythons, run};
use hyperslab_larpix::log::{LogOptions, LogReader, LogWriter};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Reads the tail of the log again and again, each time from a new open, in four ways; counts what goes wrong.
const READERS: &str = r#"
path, seconds = sys.argv[1], float(sys.argv[2])
warnings.simplefilter("ignore", RuntimeWarning)
good, bad = dict.fromkeys(["swmr", "plain", "from", "len"], 0), {}
def once(kind):
    if kind == "len":
        return raw.len_rawfile(path)
    if kind == "from":
        n = raw.len_rawfile(path)
        rd = raw.from_rawfile(path, start=max(0, n - 40), end=n)
        check_rows(len(rd["msgs"]), rd["msgs"], rd["msg_headers"]["io_groups"], max(0, n - 40))
        return n
    with h5py.File(path, "r", libver="latest", swmr=kind == "swmr") as f:
        n = len(f["msgs"])
        assert len(f["msg_headers"]) == n, "lengths differ"
        start = max(0, n - 40)
        check_rows(n - start, f["msgs"][start:n], f["msg_headers"]["io_groups"][start:n], start)
        return n
end, last = time.time() + seconds, dict.fromkeys(good, 0)
while time.time() < end:
    for kind in good:
        try:
            n = once(kind)
            assert n >= last[kind], "the log became shorter"
            last[kind] = n
            good[kind] += 1
        except Exception as e:
            bad.setdefault(kind, []).append(f"{type(e).__name__}: {e}"[:200])
print(good)
print({k: len(v) for k, v in bad.items()}, file=sys.stderr)
for kind, errors in bad.items():
    if kind != "plain":
        sys.exit(f"{kind}: {errors[:3]}")
if len(bad.get("plain", [])) > max(2, good["plain"] // 1000):
    sys.exit(f"plain: {len(bad['plain'])} of {good['plain']}: {bad['plain'][:3]}")
"#;

/// Stops the writer, whatever happens.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn readers_of_a_growing_log_see_no_error() {
    let dir = tempfile::tempdir().unwrap();
    let seconds = if common::soak() > 1 { 60 } else { 3 };
    for (version, python) in pythons() {
        let path = dir.path().join(format!("{version}.h5"));
        let options = LogOptions { commit_bytes: usize::MAX, ..LogOptions::default() };
        LogWriter::create(&path, &options).unwrap().close().unwrap();
        let (stop, written) = (AtomicBool::new(false), AtomicU64::new(0));
        std::thread::scope(|scope| {
            // 200 publishes a second of 1 to 60 messages; a new session now and then.
            scope.spawn(|| {
                let mut log = LogWriter::open(&path, &options).unwrap();
                let mut k = 0u64;
                while !stop.load(Ordering::Relaxed) {
                    let start = log.committed();
                    let n = 1 + k * 7 % 60;
                    log.append_all(borrowed(&messages(start..start + n))).unwrap();
                    written.store(log.commit().unwrap(), Ordering::Relaxed);
                    k += 1;
                    if k.is_multiple_of(500) {
                        log.close().unwrap();
                        log = LogWriter::open(&path, &options).unwrap();
                    }
                    std::thread::sleep(Duration::from_millis(5));
                }
                log.close().unwrap();
            });
            // Our own follower.
            let follower = scope.spawn(|| {
                let mut reader = LogReader::open(&path).unwrap();
                let mut seen = 0;
                for block in reader.follow(0, Some(Duration::from_secs(2))) {
                    for (group, message) in &block.unwrap() {
                        assert!((group, message.to_vec()) == common::message(seen), "message {seen}");
                        seen += 1;
                    }
                }
                seen
            });
            let start = Instant::now();
            // A failing script must not leave the writer running.
            let stopper = Stop(&stop);
            let said = run(&python, READERS, &[&path, &seconds.to_string()]);
            drop(stopper);
            println!("HDF5 {version}: {} in {:.1} s", said.trim(), start.elapsed().as_secs_f64());
            let seen = follower.join().unwrap();
            assert!(seen > 0 && seen >= written.load(Ordering::Relaxed));
        });
    }
}

/// A log that larpix-control writes, opening and closing it for every batch, is followed too.
#[test]
fn a_log_that_larpix_control_writes_is_followed() {
    let dir = tempfile::tempdir().unwrap();
    for (version, python) in pythons() {
        let path = dir.path().join(format!("{version}.h5"));
        LogWriter::create(&path, &LogOptions::default()).unwrap().close().unwrap();
        let total = 3000;
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                // Not kept out by our opening the log between its own opens: readers of ours take no lock.
                let script = r#"
n = 0
k = 0
while n < 3000:
    k += 1
    step = min([1, 7, 100, 400][k % 4], 3000 - n)
    append(sys.argv[1], n, n + step)
    n += step
"#;
                run(&python, script, &[&path]);
            });
            let mut reader = LogReader::open(&path).unwrap();
            let mut seen = 0;
            for block in reader.follow(0, Some(Duration::from_secs(20))) {
                for (group, message) in &block.unwrap() {
                    assert!((group, message.to_vec()) == common::message(seen), "message {seen}");
                    seen += 1;
                }
                if seen == total {
                    break;
                }
            }
            writer.join().unwrap();
            assert_eq!(seen, total, "HDF5 {version}");
        });
    }
}

/// The general HDF5 reader sees a live log as it sees a closed one.
#[test]
fn a_live_log_is_an_ordinary_file_for_our_own_reader() {
    use hyperslab_core::{Limits, Selection};
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("live.h5");
    let options = LogOptions { commit_bytes: usize::MAX, ..LogOptions::default() };
    let mut log = LogWriter::create(&path, &options).unwrap();
    log.append_all(borrowed(&messages(0..3000))).unwrap();
    log.commit().unwrap();
    let look = || {
        let file = hyperslab_hdf5::File::open(&path).unwrap();
        let limits = Limits::default();
        let view = file.read("/msgs", &Selection::ALL, &limits).unwrap();
        let heap = std::sync::Arc::clone(view.heap().unwrap());
        let mut i = 0;
        view.for_each(|reference| {
            let (count, bytes) = heap.resolve(reference)?;
            assert!(
                (count, &*bytes) == (common::message(i).1.len() as u64, &common::message(i).1[..]),
                "{i}"
            );
            i += 1;
            Ok(())
        })
        .unwrap();
        let headers = file.read("/msg_headers", &Selection::ALL, &limits).unwrap();
        assert_eq!((i, headers.len()), (3000, 3000));
        assert!(headers.bytes().unwrap().iter().enumerate().all(|(i, &g)| g == i as u8));
        assert_eq!(file.attribute("/meta", "version", &limits).unwrap().as_str(), Some("0.0"));
    };
    look();
    log.close().unwrap();
    look();
}
