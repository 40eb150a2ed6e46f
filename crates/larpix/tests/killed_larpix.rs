//! Logs that a killed larpix-control left: refused as they are, continued on demand, nothing acknowledged lost.

#![expect(clippy::unwrap_used, reason = "a panic is the failure report")]

mod common;

use common::{check_ours, check_theirs, pythons};
use hyperslab_core::Kind;
use hyperslab_larpix::log::{LogOptions, LogReader, LogWriter};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

const WRITER: &str = r#"
n = 0
while True:
    step = int(sys.argv[2])
    append(sys.argv[1], n, n + step)
    n += step
    print(n, flush=True)
"#;

#[test]
fn what_a_killed_larpix_control_left_is_continued() {
    let dir = tempfile::tempdir().unwrap();
    let trials = if common::soak() > 1 { 60 } else { 5 };
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    for (version, python) in pythons() {
        let (mut marked, mut uneven, mut cut, mut refused) = (0, 0, 0, 0);
        for trial in 0..trials {
            let path = dir.path().join(format!("{version}-{trial}.h5"));
            let step = [100, 7, 700][trial % 3];
            let mut child = Command::new(&python)
                .arg("-c")
                .arg(format!("{}\n{WRITER}", common::PRELUDE))
                .arg(&path)
                .arg(step.to_string())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            lines.next().unwrap().unwrap();
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            std::thread::sleep(Duration::from_micros((random >> 33) % 60_000));
            child.kill().unwrap();
            child.wait().unwrap();
            let acknowledged: u64 = lines.map_while(Result::ok).last().map_or(step, |l| l.parse().unwrap());
            let mut options = LogOptions::default();
            let mut log = match LogWriter::open(&path, &options) {
                Ok(log) => log,
                Err(e) => {
                    assert!(matches!(e.kind(), Kind::Conflict | Kind::Invalid), "{e}");
                    marked += u64::from(e.kind() == Kind::Conflict);
                    uneven += u64::from(LogReader::open(&path).is_ok_and(|r| r.uneven().is_some()));
                    options.take_over = true;
                    match LogWriter::open(&path, &options) {
                        Ok(log) => log,
                        Err(e) => {
                            // Not safe to continue: it says what to do, and nothing was changed.
                            assert!(e.to_string().contains("recover"), "trial {trial}: {e}");
                            refused += 1;
                            continue;
                        }
                    }
                }
            };
            cut += u64::from(!log.take_warnings().is_empty());
            let n = log.committed();
            assert!(n >= acknowledged, "trial {trial}: {n} messages of {acknowledged} acknowledged");
            for i in n..n + 300 {
                let (g, m) = common::message(i);
                log.append(g, &m).unwrap();
            }
            log.close().unwrap();
            assert_eq!(check_ours(&path), n + 300, "trial {trial}");
            if trial % 5 == 0 {
                assert_eq!(check_theirs(&python, &path), n + 300);
            }
            std::fs::remove_file(&path).unwrap();
        }
        println!(
            "soak: HDF5 {version}: {trials} kills of larpix-control, {marked} logs marked as open, {uneven} uneven; \
             continued with an unfinished end left out: {cut}, refused: {refused}; nothing acknowledged lost"
        );
        assert!(refused * 4 <= trials);
    }
}
