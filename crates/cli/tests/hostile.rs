//! Every file of `fixtures/hostile` through the program: one clear line and exit 2 where it is refused, in a few
//! seconds and little memory, without a panic, and without running what a pickle asks for.
//!
//! The verdicts come with the files; see `fixtures/hostile/README.md` for their stories.
#![expect(clippy::unwrap_used, reason = "tests: a panic is the failure report")]

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_secs(60);

fn hostile() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/hostile")
}

/// Runs the program in an empty folder; `None` when it does not end in time.
fn slab(args: &[&str], folder: &Path) -> Option<Output> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_slab"))
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Both pipes are drained at once, so that the program never waits for its reader.
    let drain = |mut pipe: Box<dyn Read + Send>| {
        std::thread::spawn(move || {
            let mut all = Vec::new();
            pipe.read_to_end(&mut all).unwrap();
            all
        })
    };
    let stdout = drain(Box::new(child.stdout.take().unwrap()));
    let stderr = drain(Box::new(child.stderr.take().unwrap()));
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if start.elapsed() > DEADLINE {
            child.kill().unwrap();
            child.wait().unwrap();
            return None;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    Some(Output { status, stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap() })
}

fn verdicts() -> serde_json::Map<String, serde_json::Value> {
    let text = std::fs::read_to_string(hostile().join("verdicts.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn every_hostile_file_is_judged_rightly() {
    let folder = tempfile::tempdir().unwrap();
    let mut problems = Vec::new();
    let verdicts = verdicts();
    assert!(verdicts.len() > 80);
    for (name, verdict) in &verdicts {
        let path = hostile().join(name);
        let path = path.to_str().unwrap();
        for command in [["ls", "--json", path], ["sum", "--json", path]] {
            let run = format!("slab {} {name}", command[0]);
            let Some(out) = slab(&command, folder.path()) else {
                problems.push(format!("{run}: not done after {DEADLINE:?}"));
                continue;
            };
            let (code, errors) = (out.status.code(), String::from_utf8_lossy(&out.stderr));
            let good = match verdict.as_str() {
                Some("refused") => code == Some(2),
                Some("sound") => code == Some(0),
                // A listing may be whole where values are damaged.
                Some("partly") => matches!(code, Some(0 | 2)),
                other => panic!("{name}: no such verdict: {other:?}"),
            };
            // What is refused when its values are read can still be listed.
            let good = good || (command[0] == "ls" && code == Some(0));
            if !good || errors.contains("panicked") {
                problems.push(format!("{run}: {verdict}, but exit {code:?}: {errors}"));
            }
            if code == Some(2) && !errors.lines().all(|line| line.starts_with("slab: ")) {
                problems.push(format!("{run}: an error that is not a line of ours: {errors}"));
            }
            if serde_json::from_slice::<serde_json::Value>(&out.stdout).is_err() {
                problems.push(format!("{run}: what it prints is no JSON document"));
            }
        }
    }
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

#[test]
fn a_pickle_is_shown_and_never_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = hostile().join("pickle_runs.nco");
    for command in ["ls", "show", "sum"] {
        slab(&[command, path.to_str().unwrap()], folder.path()).expect("done in time");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "something was written");
}
