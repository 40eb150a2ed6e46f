//! Two writers of one log: kept out where files are locked, noticed and survived where locking is switched off.

#![expect(clippy::unwrap_used, reason = "a panic is the failure report")]

mod common;

use common::{check_ours, check_theirs, pythons, run};
use hyperslab_core::Kind;
use hyperslab_larpix::log::{LogOptions, LogReader, LogWriter, Pair};
use std::collections::HashMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn manual(pair: Pair) -> LogOptions {
    LogOptions { commit_bytes: usize::MAX, pair, ..LogOptions::default() }
}

/// larpix-control appending batch after batch with locking off; prints what it has acknowledged, and how often it
/// was refused.
const LOCKLESS: &str = r#"
path, seconds, pause = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
warnings.simplefilter("ignore")
n, refused, errors = 0, 0, {}
end = time.time() + seconds
while time.time() < end:
    count = [1, 7, 100][n % 3]
    rows = [b"theirs-%d-%d" % (n, i) for i in range(count)]
    try:
        raw.to_rawfile(path, msgs=rows, msg_headers={"io_groups": [9] * count})
        print(n, count, flush=True)
        n += 1
    except Exception as e:
        refused += 1
        key = f"{type(e).__name__}: {e}"[:120]
        errors[key] = errors.get(key, 0) + 1
    time.sleep(pause)
print("refused", refused, flush=True)
print(errors, file=sys.stderr)
"#;

fn lockless(python: &Path, path: &Path, seconds: f64, pause: f64) -> Child {
    Command::new(python)
        .arg("-c")
        .arg(format!("{}\n{LOCKLESS}", common::PRELUDE))
        .arg(path)
        .args([seconds.to_string(), pause.to_string()])
        // Before Python starts: HDF5 looks at it when it is loaded.
        .env("HDF5_USE_FILE_LOCKING", "FALSE")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Both append for a while. Everything that either acknowledged is there, once, and the file is sound.
#[test]
fn what_both_acknowledged_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let soak = common::soak() > 1;
    let (seconds, pause) = if soak { (20.0, 0.0) } else { (0.7, 0.002) };
    for (version, python) in pythons() {
        for pair in [Pair::Inline, Pair::Shared] {
            if version != "2.0" && pair == Pair::Shared && !soak {
                continue;
            }
            let path = dir.path().join(format!("{version}-{pair:?}.h5"));
            let mut log = LogWriter::create(&path, &manual(pair)).unwrap();
            let mut child = lockless(&python, &path, seconds, pause);
            let (mut next, mut warnings, mut k) = (0u64, Vec::new(), 0u64);
            while child.try_wait().unwrap().is_none() {
                k += 1;
                for _ in 0..[1, 10, 100][(k % 3) as usize] {
                    log.append(3, format!("ours-{next}").as_bytes()).unwrap();
                    next += 1;
                }
                assert_eq!(log.commit().unwrap(), next);
                warnings.extend(log.take_warnings());
                std::thread::sleep(Duration::from_micros(1000 + k * 37 % 4000));
            }
            log.close().unwrap();
            let out = child.wait_with_output().unwrap();
            assert!(out.status.success());
            let said = String::from_utf8(out.stdout).unwrap();
            let mut seen: HashMap<Vec<u8>, u32> = HashMap::new();
            let reader = LogReader::open(&path).unwrap();
            reader
                .for_each(0..reader.len(), |_, g, m| {
                    assert!(m.is_empty() || g == if m.starts_with(b"ours") { 3 } else { 9 });
                    *seen.entry(m.to_vec()).or_default() += 1;
                    Ok(())
                })
                .unwrap();
            let times = |m: String| seen.get(m.as_bytes()).copied().unwrap_or(0);
            let ours_lost = (0..next).filter(|n| times(format!("ours-{n}")) == 0).count();
            let (mut theirs, mut theirs_lost, mut refused) = (0, 0, 0);
            for line in said.lines() {
                let (a, b) = line.split_once(' ').unwrap();
                if a == "refused" {
                    refused = b.parse().unwrap();
                    continue;
                }
                for i in 0..b.parse::<u64>().unwrap() {
                    theirs += 1;
                    theirs_lost += u64::from(times(format!("theirs-{a}-{i}")) == 0);
                }
            }
            let twice = seen.iter().filter(|(m, n)| !m.is_empty() && **n > 1).count();
            println!(
                "soak: HDF5 {version}, {pair:?}, locking off: {next} of ours, {theirs} of larpix-control's ({refused} \
                 appends refused), {} times noticed; lost {ours_lost} and {theirs_lost}, twice there {twice}, \
                 empty {}",
                warnings.len(),
                times(String::new()),
            );
            assert_eq!((ours_lost, theirs_lost), (0, 0), "{:?}", warnings.last());
            assert!(!warnings.is_empty(), "never noticed");
            // larpix-control reads all of it, and either goes on.
            let script = "print(len(raw.from_rawfile(sys.argv[1])['msgs']))";
            assert_eq!(run(&python, script, &[&path]).trim(), reader.len().to_string());
            let after = "raw.to_rawfile(sys.argv[1], msgs=[b'after'], msg_headers={'io_groups': [9]})";
            run(&python, after, &[&path]);
            let mut log = LogWriter::open(&path, &manual(pair)).unwrap();
            assert_eq!(log.committed(), reader.len() + 1);
            log.append(3, b"end").unwrap();
            log.close().unwrap();
        }
    }
}

/// A program that keeps the file open for writing: nothing is acknowledged meanwhile, everything is kept, and
/// appended when it is gone.
/// A script that has opened the log with locking off, and holds it until its input ends.
fn holding(python: &Path, script: &str, path: &Path) -> Child {
    let mut child = Command::new(python)
        .arg("-c")
        .arg(script)
        .arg(path)
        .env("HDF5_USE_FILE_LOCKING", "FALSE")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.as_mut().unwrap()), &mut line)
        .unwrap();
    assert_eq!(line.trim(), "open");
    child
}

#[test]
fn a_writer_that_stays_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    for (version, python) in pythons() {
        let path = dir.path().join(format!("{version}.h5"));
        let options = LogOptions { patience: Duration::from_millis(50), ..manual(Pair::Inline) };
        let mut log = LogWriter::create(&path, &options).unwrap();
        log.append_all(common::borrowed(&common::messages(0..500))).unwrap();
        log.commit().unwrap();
        let held = r#"
with h5py.File(sys.argv[1], "r+", libver="latest") as f:
    rows = [message(i) for i in range(500, 600)]
    print("open", flush=True)
    sys.stdin.readline()
    f["msgs"].resize((600,))
    f["msg_headers"].resize((600,))
    f["msgs"][500:] = np.array([np.frombuffer(m, "u1") for _, m in rows] + [None], dtype=object)[:-1]
    f["msg_headers"][500:] = np.array([(g,) for g, _ in rows], dtype=f["msg_headers"].dtype)
"#;
        let mut child = holding(&python, &format!("{}\n{held}", common::PRELUDE), &path);
        // The other direction: whoever comes second is told.
        drop(log);
        let e = LogWriter::open(&path, &options).unwrap_err();
        assert_eq!(e.kind(), Kind::Conflict, "{e}");
        assert!(e.to_string().contains("marked as open"), "{e}");
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success());
        let mut log = LogWriter::open(&path, &options).unwrap();
        assert_eq!(log.committed(), 600, "HDF5 {version}");
        log.append_all(common::borrowed(&common::messages(600..700))).unwrap();
        // Now it comes while we are there.
        let held = "import h5py, sys; f = h5py.File(sys.argv[1], 'r+', libver='latest'); print('open', flush=True); sys.stdin.readline(); f.close()";
        let mut child = holding(&python, held, &path);
        let start = Instant::now();
        let e = log.commit().unwrap_err();
        assert_eq!(e.kind(), Kind::Conflict, "{e}");
        assert!(start.elapsed() >= options.patience);
        assert_eq!((log.committed(), log.gathered()), (600, 100));
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success());
        assert_eq!(log.commit().unwrap(), 700);
        log.close().unwrap();
        assert_eq!(check_ours(&path), 700);
        assert_eq!(check_theirs(&python, &path), 700);
    }
}
