//! `slab packets` beside a recorder: a table that grows with its log, stopped by a signal, killed, continued; and a
//! conversion that is stopped or killed, which leaves nothing.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic here is the failure report")]

use serde_json::Value as Json;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Messages in the fixture.
const MESSAGES: u64 = 600;

fn slab(dir: &Path, args: &[&str]) -> Command {
    let mut c = Command::new(env!("CARGO_BIN_EXE_slab"));
    c.args(args).current_dir(dir).stdout(Stdio::piped()).stderr(Stdio::piped());
    c
}

fn run(dir: &Path, args: &[&str]) -> Output {
    slab(dir, args).output().unwrap()
}

fn done(dir: &Path, args: &[&str]) -> String {
    let out = run(dir, args);
    assert_eq!(out.status.code(), Some(0), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

fn recorder(dir: &Path) -> (Child, ChildStdin) {
    let mut child = slab(dir, &["log", "append", "run.h5", "--framing", "u32le", "--commit-ms", "2"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let stdin = child.stdin.take().unwrap();
    (child, stdin)
}

fn follower(dir: &Path) -> Child {
    slab(dir, &["packets", "run.h5", "out.h5", "--follow", "--json"]).spawn().unwrap()
}

/// Waits until something holds.
fn until(what: &str, mut f: impl FnMut() -> bool) {
    let start = Instant::now();
    while !f() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Of how many messages a file has the packets; `None` while there is no file.
fn position(dir: &Path) -> Option<f64> {
    if !dir.join("out.h5").exists() {
        return None;
    }
    Some(done(dir, &["show", "out.h5:/_header@raw_messages"]).trim().parse().unwrap())
}

fn log_has(dir: &Path, messages: u64) -> bool {
    let out = run(dir, &["log", "info", "run.h5", "--json"]);
    let info: Option<Json> = serde_json::from_slice(&out.stdout).ok();
    info.is_some_and(|i| i.to_string().contains(&format!("\"messages\":{messages},")))
}

/// Ends a follower with a signal, and returns its report.
fn ended(child: Child, name: &str) -> Json {
    signal(&child, name);
    let out = child.wait_with_output().unwrap();
    assert_eq!((out.status.code(), &*String::from_utf8_lossy(&out.stderr)), (Some(0), ""), "{name}");
    serde_json::from_slice(&out.stdout).unwrap()
}

/// The table is whole, and the one that is made at once of the same log.
fn check(dir: &Path) {
    done(dir, &["verify", "-q", "out.h5"]);
    done(dir, &["packets", "run.h5", "whole.h5", "--force"]);
    done(dir, &["diff", "out.h5:/packets", "whole.h5:/packets"]);
    std::fs::remove_file(dir.join("whole.h5")).unwrap();
    assert_eq!(names(dir), ["out.h5", "run.h5"]);
}

fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn messages() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/files/demo/messages.bin");
    std::fs::read(path).unwrap()
}

#[test]
fn a_table_follows_its_log_through_signals_and_kills() {
    let temporary = tempfile::tempdir().unwrap();
    let (dir, framed) = (temporary.path(), messages());
    let (mut recording, mut stdin) = recorder(dir);
    until("a log", || log_has(dir, 0));
    let following = follower(dir);
    let mut wrote = 0;
    let mut burst = |stdin: &mut ChildStdin| {
        stdin.write_all(&framed).unwrap();
        stdin.flush().unwrap();
        wrote += MESSAGES;
        wrote
    };
    // Bursts with pauses: what was committed is in the table soon after.
    for _ in 0..3 {
        let wrote = burst(&mut stdin);
        until("a burst", || position(dir) == Some(wrote as f64));
        done(dir, &["verify", "-q", "out.h5"]);
    }
    // Another follower is refused while this one runs.
    let second = run(dir, &["packets", "run.h5", "out.h5", "--follow"]);
    assert_eq!(second.status.code(), Some(2));
    // The writer closes; the follower waits for the next one.
    drop(stdin);
    assert!(recording.wait().unwrap().success());
    (recording, stdin) = recorder(dir);
    // What is committed when the signal comes is in the table, however short before.
    let all = burst(&mut stdin);
    until("the log", || log_has(dir, all));
    let report = ended(following, "-INT");
    assert_eq!(report["messages"].as_u64(), Some(all), "{report}");
    assert_eq!(position(dir), Some(all as f64));
    check(dir);
    // Without --follow, nothing that is there is replaced.
    assert_eq!(run(dir, &["packets", "run.h5", "out.h5"]).status.code(), Some(2));
    // Killed in the middle of it: the table is whole, and the same command continues it.
    let mut following = follower(dir);
    burst(&mut stdin);
    until("a burst", || position(dir) > Some(all as f64));
    burst(&mut stdin);
    following.kill().unwrap();
    following.wait().unwrap();
    done(dir, &["verify", "-q", "out.h5"]);
    let before = position(dir).unwrap();
    let following = follower(dir);
    let all = burst(&mut stdin);
    until("all of it", || position(dir) == Some(all as f64));
    let report = ended(following, "-TERM");
    assert_eq!(report["messages"].as_f64(), Some(all as f64 - before), "{report}");
    drop(stdin);
    assert!(recording.wait().unwrap().success());
    check(dir);
}

#[test]
fn a_conversion_that_is_stopped_leaves_nothing() {
    let temporary = tempfile::tempdir().unwrap();
    let (dir, framed) = (temporary.path(), messages());
    let (mut recording, mut stdin) = recorder(dir);
    (0..400).for_each(|_| stdin.write_all(&framed).unwrap());
    drop(stdin);
    assert!(recording.wait().unwrap().success());
    for name in ["-INT", "-TERM", "-KILL"] {
        let mut child = slab(dir, &["packets", "run.h5", "out.h5", "--jobs", "1"]).spawn().unwrap();
        until("a file that is being made", || names(dir).len() > 1);
        signal(&child, name);
        let status = child.wait().unwrap();
        let left = names(dir);
        if status.success() {
            // It was faster than the signal.
            assert_eq!(left, ["out.h5", "run.h5"], "{name}");
            std::fs::remove_file(dir.join("out.h5")).unwrap();
        } else if name == "-KILL" {
            assert!(left.iter().all(|n| n == "run.h5" || n.starts_with(".slab-")), "{left:?}");
        } else {
            assert_eq!(left, ["run.h5"], "{name}");
        }
    }
}
