//! What scripts rely on: exit codes, the shape of JSON, closed pipes, colors, standard input and output.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic here is the failure report")]

use serde_json::Value as Json;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/files").join(name)
}

fn slab(args: &[&str]) -> Command {
    let mut c = Command::new(env!("CARGO_BIN_EXE_slab"));
    c.args(args).env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
    c
}

fn run(args: &[&str]) -> Output {
    slab(args).output().unwrap()
}

fn fed(args: &[&str], input: &[u8]) -> Output {
    let mut child =
        slab(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let feeder = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let out = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    out
}

fn stdout(out: &Output) -> String {
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout.clone()).unwrap()
}

fn json(args: &[&str]) -> Json {
    let out = run(args);
    assert!(out.stdout.ends_with(b"\n"));
    serde_json::from_slice(&out.stdout).unwrap_or_else(|e| panic!("{args:?}: {e}"))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn exit_codes() {
    let good = fixture("npy/type_f8.npy");
    let dir = tempfile::tempdir().unwrap();
    let foreign = dir.path().join("foreign.txt");
    std::fs::write(&foreign, "not an array").unwrap();
    for (args, code) in [
        (vec!["ls", text(&good)], 0),
        (vec!["--version"], 0),
        (vec!["--help"], 0),
        (vec!["ls", text(&foreign)], 2),
        (vec!["ls", "/no/such/file"], 2),
        (vec!["sum", text(&good), text(&foreign)], 2),
        (vec!["nonsense"], 2),
        (vec!["ls", "--nonsense", text(&good)], 2),
        (vec!["ls", text(&good), "--jsn"], 2),
        (vec!["ls", text(&good), "--json"], 0),
        (vec!["show", text(&good), "--dtype", "f9"], 2),
        (vec!["diff", text(&good), text(&foreign)], 2),
        (vec!["verify", text(&foreign)], 2),
        (vec!["verify", "-q", text(&good)], 0),
        (vec!["completions", "bash"], 0),
        (vec!["completions", "tcsh"], 2),
    ] {
        let out = run(&args);
        assert_eq!(out.status.code(), Some(code), "{args:?}");
        let stderr = String::from_utf8(out.stderr).unwrap();
        match code {
            0 => assert_eq!(stderr, "", "{args:?}"),
            _ => {
                assert!(stderr.starts_with("slab: "), "{args:?}: {stderr}");
                assert!(!stderr.contains("panicked"), "{stderr}");
            }
        }
    }
}

#[test]
fn the_json_of_ls() {
    let tree = fixture("hdf5/tree_latest_2.0.h5");
    let npz = fixture("demo/jacksboro_fault_dem.npz");
    let listed = json(&["ls", "--json", "--attrs", text(&tree), text(&npz), "/no/such/file"]);
    let files = listed.as_array().unwrap();
    assert_eq!(files.len(), 3);
    assert_eq!(files[0]["format"], "hdf5");
    assert_eq!(files[1]["format"], "npz");
    assert_eq!(files[2]["nodes"], Json::Array(vec![]));
    assert!(files[2]["error"].as_str().unwrap().contains("cannot open"));
    let known = [
        "path",
        "kind",
        "dtype",
        "shape",
        "maxshape",
        "layout",
        "chunks",
        "filters",
        "nbytes",
        "stored_bytes",
        "attrs",
        "target",
        "error",
    ];
    for node in files.iter().flat_map(|f| f["nodes"].as_array().unwrap()) {
        let node = node.as_object().unwrap();
        assert!(node.keys().all(|k| known.contains(&k.as_str())), "{node:?}");
        assert!(["group", "array", "type", "link"].contains(&node["kind"].as_str().unwrap()));
    }
    let node = |path: &str| {
        let nodes = files[0]["nodes"].as_array().unwrap();
        nodes.iter().find(|n| n["path"] == path).unwrap_or_else(|| panic!("{path}"))
    };
    assert_eq!(node("/data")["dtype"], "<f8");
    assert_eq!(node("/data")["shape"], serde_json::json!([3, 4]));
    assert_eq!(node("/data")["attrs"]["int"], 42);
    assert_eq!(node("/hard")["kind"], "array");
    assert_eq!(node("/soft")["target"], "/data");
    assert_eq!(node("/level_0")["kind"], "group");
}

#[test]
fn the_json_of_sum() {
    let types = fixture("hdf5/types_latest_2.0.h5");
    let npy = fixture("npy/shape_scalar.npy");
    let all = json(&["sum", "--json", text(&types), text(&npy)]);
    for entry in all.as_array().unwrap() {
        let keys: Vec<&str> = entry.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["file", "path", "dtype", "shape", "sha256", "error"]);
        assert_eq!(entry["error"], Json::Null);
        let no_digest = entry["path"] == "/reference";
        assert_eq!(entry["sha256"].is_null(), no_digest, "{entry}");
    }
    let last = all.as_array().unwrap().last().unwrap();
    assert_eq!((last["path"].as_str(), &last["shape"]), (Some(""), &serde_json::json!([])));

    let out = run(&["sum", "--json", "/no/such/file"]);
    assert_eq!(out.status.code(), Some(2));
    let refused: Json = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!((&refused[0]["path"], &refused[0]["sha256"]), (&Json::from(""), &Json::Null));
    assert!(refused[0]["error"].is_string());
}

#[test]
fn json_is_whole_where_something_is_refused() {
    let hostile = |name: &str| fixture("../hostile").join(name);
    for (file, target) in [
        (hostile("crc_deflated.npz"), ":a"),
        (hostile("truncated_data.npy"), ""),
        (hostile("deflate_damage.h5"), ":/damaged"),
        (hostile("heap_object_size.h5"), ":/s"),
    ] {
        let out = run(&["show", "--json", &format!("{}{target}", text(&file))]);
        assert_eq!(out.status.code(), Some(2), "{}", file.display());
        let document: Json =
            serde_json::from_slice(&out.stdout).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        assert!(document["error"].as_str().is_some_and(|e| e.contains(text(&file))), "{document}");
    }
    let dir = tempfile::tempdir().unwrap();
    // A code point beyond Unicode is met when its element is written.
    let odd = dir.path().join("x.npy");
    let mut bytes = std::fs::read(fixture("npy/type_unicode_u6.npy")).unwrap();
    let end = bytes.len() - 24;
    bytes[end..end + 4].fill(0xff);
    std::fs::write(&odd, bytes).unwrap();
    for target in ["", "[-2:]"] {
        let out = run(&["show", "--json", &format!("{}{target}", text(&odd))]);
        assert_eq!(out.status.code(), Some(2));
        let document: Json = serde_json::from_slice(&out.stdout).unwrap();
        assert!(document["error"].is_string() && document.get("value").is_none(), "{document}");
    }
    let refused = run(&["ls", "--json", text(&hostile("truncated_header.npy")), "/no/such/file"]);
    let listed: Json = serde_json::from_slice(&refused.stdout).unwrap();
    assert_eq!(listed[0]["format"], "npy");
    assert!(listed[0]["error"].is_string() && listed[1].get("format").is_none());
}

#[test]
fn a_slice_that_is_none_is_said_to_be_none() {
    let npz = fixture("demo/jacksboro_fault_dem.npz");
    for slice in ["[a]", "[1:2:3:4]", "[0,,1]"] {
        let out = run(&["show", &format!("{}:elevation{slice}", text(&npz))]);
        let errors = String::from_utf8(out.stderr).unwrap();
        assert_eq!(out.status.code(), Some(2), "{slice}");
        assert!(errors.contains("is not an index, a slice or '...'"), "{slice}: {errors}");
    }
    let out = run(&["show", &format!("{}:gone[a]", text(&npz))]);
    assert!(String::from_utf8(out.stderr).unwrap().contains("no such member"));
}

#[test]
fn a_folder_that_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let (input, out) = (fixture("npy/type_f8.npy"), dir.path().join("no/out.npz"));
    for command in ["convert", "repack"] {
        let refused = run(&[command, text(&input), text(&out)]);
        let errors = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(2));
        assert!(errors.contains("there is no folder") && !errors.contains(".slab-"), "{errors}");
    }
}

#[test]
fn what_is_no_message_makes_no_log() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("run.h5");
    for (framing, input) in [("hex", "no hex\n"), ("jsonl", "{}\n")] {
        let out = fed(&["log", "append", text(&log), "--framing", framing], input.as_bytes());
        assert_eq!(out.status.code(), Some(2), "{framing}");
        assert!(!log.exists(), "{framing}");
    }
    // What was whole before it is kept, and a log without messages is one.
    assert_eq!(
        fed(&["log", "append", text(&log), "--framing", "hex"], b"c0\nno hex\n").status.code(),
        Some(2)
    );
    assert_eq!(stdout(&run(&["log", "show", text(&log), "--hex"])), "c0\n");
    let empty = dir.path().join("empty.h5");
    assert!(fed(&["log", "append", text(&empty)], b"").status.success());
    assert!(empty.exists());
}

#[test]
fn non_finite_floats_are_strings() {
    let dir = tempfile::tempdir().unwrap();
    let raw = dir.path().join("x_float64_3.dat");
    let values = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    std::fs::write(&raw, values.map(f64::to_le_bytes).concat()).unwrap();
    let shown = json(&["show", "--json", text(&raw)]);
    assert_eq!(shown["value"], serde_json::json!(["NaN", "Infinity", "-Infinity"]));
}

#[test]
fn a_closed_pipe_is_a_quiet_success() {
    let dir = tempfile::tempdir().unwrap();
    let big = dir.path().join("x_int64_400000.dat");
    let bytes: Vec<u8> = (0..400_000u64).flat_map(u64::to_le_bytes).collect();
    std::fs::write(&big, bytes).unwrap();
    let log = dir.path().join("log.h5");
    let messages: Vec<u8> =
        (0..20_000u32).flat_map(|i| [20, 0, 0, 0].into_iter().chain([i as u8; 20])).collect();
    assert!(fed(&["log", "append", text(&log)], &messages).status.success());
    for args in [
        vec!["show", "--full", text(&big)],
        vec!["show", "--json", text(&big)],
        vec!["show", "--csv", text(&big)],
        vec!["show", "--raw", text(&big)],
        vec!["show", "--hex", text(&big)],
        vec!["show", "--npy", text(&big)],
        vec!["convert", text(&big), "-", "--to", "npz"],
        vec!["log", "show", "--hex", text(&log)],
        vec!["log", "show", "--json", text(&log)],
        vec!["log", "tail", "-n", "20000", text(&log)],
    ] {
        let mut child = slab(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut start = [0u8; 64];
        child.stdout.take().unwrap().read_exact(&mut start).unwrap();
        let out = child.wait_with_output().unwrap();
        assert_eq!(out.status.code(), Some(0), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        assert_eq!(out.stderr, b"", "{args:?}");
    }
}

#[test]
fn colors_when_asked_for() {
    let file = fixture("hdf5/tree_latest_2.0.h5");
    let has_color = |c: &mut Command| stdout(&c.output().unwrap()).contains('\x1b');
    assert!(!has_color(&mut slab(&["ls", text(&file)])));
    assert!(has_color(&mut slab(&["ls", text(&file), "--color", "always"])));
    assert!(!has_color(slab(&["ls", text(&file), "--color=never"]).env("CLICOLOR_FORCE", "1")));
    assert!(!has_color(slab(&["ls", text(&file)]).env("NO_COLOR", "1")));
    assert!(!has_color(&mut slab(&["ls", "--json", text(&file), "--color", "always"])));
}

#[test]
fn standard_input_and_output() {
    let npz = std::fs::read(fixture("demo/jacksboro_fault_dem.npz")).unwrap();
    let h5 = fed(&["convert", "-", "-", "--to", "h5"], &npz);
    assert_eq!(h5.status.code(), Some(0));
    assert!(h5.stdout.starts_with(b"\x89HDF\r\n\x1a\n"));
    let shown = stdout(&fed(&["show", "-:/dx"], &h5.stdout));
    assert_eq!(shown, "0.0008333333333333334\n");
    let sums = |out: Output| stdout(&out).lines().map(|l| l[..64].to_owned()).collect::<Vec<_>>();
    assert_eq!(sums(fed(&["sum", "-"], &npz)), sums(fed(&["sum", "-"], &h5.stdout)));
    let npy = fed(&["show", "-:elevation[:2]", "--npy"], &npz);
    assert_eq!(stdout(&fed(&["show", "-[1, :3]"], &npy.stdout)), "[475 486 489]\n");
    let raw = fed(&["show", "-:elevation[0, :2]", "--raw"], &npz);
    assert_eq!(raw.stdout, [483i16, 487].map(i16::to_le_bytes).concat());
    assert_eq!(stdout(&fed(&["show", "-", "--dtype", "<i2"], &raw.stdout)), "[483 487]\n");
}

#[test]
fn nothing_is_overwritten_unasked() {
    let dir = tempfile::tempdir().unwrap();
    let input = fixture("npy/type_f8.npy");
    let out = dir.path().join("out.npz");
    std::fs::write(&out, b"mine").unwrap();
    let refused = run(&["convert", text(&input), text(&out)]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("--force"));
    assert_eq!(std::fs::read(&out).unwrap(), b"mine");
    stdout(&run(&["convert", text(&input), text(&out), "--force"]));
    assert!(std::fs::read(&out).unwrap().starts_with(b"PK"));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn names_with_colons_and_brackets() {
    let dir = tempfile::tempdir().unwrap();
    let odd = dir.path().join("a:b[0]@c.npy");
    std::fs::copy(fixture("npy/type_u1.npy"), &odd).unwrap();
    let whole = run(&["show", "--raw", text(&odd)]);
    let last = run(&["show", "--raw", &format!("{}[-1]", text(&odd))]);
    assert_eq!(whole.stdout.last(), last.stdout.first());
    assert_eq!(last.stdout.len(), 1);
}

#[test]
fn the_log_is_recorded_followed_and_shown() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("run.h5");
    let framed = std::fs::read(fixture("demo/messages.bin")).unwrap();
    let acks = fed(&["log", "append", text(&log), "--io-group", "2", "--ack"], &framed);
    assert_eq!(stdout(&acks).lines().last(), Some("600"));
    let raw = run(&["log", "show", text(&log), "--raw", "--framing", "u32le"]);
    assert_eq!(raw.stdout, framed);

    // A second recorder, followed while it writes.
    let mut recorder =
        slab(&["log", "append", text(&log), "--framing", "jsonl", "--ack", "--commit-ms", "1"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
    let mut follower = slab(&["log", "tail", text(&log), "-n", "1", "-f", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(follower.stdout.take().unwrap()));
    let first: Json = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!((first["index"].as_u64(), first["io_group"].as_u64()), (Some(599), Some(2)));
    let mut stdin = recorder.stdin.take().unwrap();
    writeln!(stdin, r#"{{"io_group": 7, "hex": "c0ffee"}}"#).unwrap();
    let next: Json = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(next, serde_json::json!({ "index": 600, "io_group": 7, "hex": "c0ffee" }));
    follower.kill().unwrap();
    follower.wait().unwrap();
    drop(stdin);
    assert!(recorder.wait().unwrap().success());
    assert_eq!(stdout(&run(&["log", "show", &format!("{}[-1]", text(&log)), "--hex"])), "c0ffee\n");
}

#[test]
fn a_mask_chooses_messages() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("run.h5");
    let mask = dir.path().join("mask.npy");
    assert!(fed(&["log", "append", text(&log), "--framing", "lines"], b"a\nb\nc\nd\n").status.success());
    let save = |bools: &[u8]| {
        let raw = dir.path().join(format!("m_bool_{}.dat", bools.len()));
        std::fs::write(&raw, bools).unwrap();
        stdout(&run(&["convert", text(&raw), text(&mask), "--force"]));
    };
    save(&[1, 0, 1, 1]);
    let shown = run(&["log", "show", text(&log), "--mask", text(&mask), "--raw"]);
    assert_eq!(shown.stdout, b"acd");
    save(&[1, 0]);
    let refused = run(&["log", "show", text(&log), "--mask", text(&mask)]);
    assert_eq!(refused.status.code(), Some(2));
}

#[test]
fn a_torn_stream_keeps_what_was_whole() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("run.h5");
    let out = fed(&["log", "append", text(&log), "--ack"], b"\x01\0\0\0a\x01\0\0\0b\x09\0\0\0torn");
    assert_eq!(out.status.code(), Some(2));
    assert!(out.stdout.ends_with(b"2\n"));
    assert!(String::from_utf8(out.stderr).unwrap().contains("ends after 4 of the 9 bytes"));
    assert_eq!(run(&["log", "show", text(&log), "--raw"]).stdout, b"ab");
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_grow_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let dem = fixture("demo/jacksboro_fault_dem.npz");
    // A block is 512 bytes, or 1024.
    let limited = |command: &str| {
        let script = format!("ulimit -f 16; exec \"$0\" {command}");
        let mut sh = Command::new("sh");
        sh.args(["-c", script.as_str(), env!("CARGO_BIN_EXE_slab"), text(&dem)]).current_dir(dir.path());
        sh.output().unwrap()
    };
    for command in [
        "convert \"$1\" out.npz",
        "convert \"$1\" out.h5",
        "convert \"$1:elevation\" out.npy",
        "convert \"$1:elevation\" out.txt",
        "repack \"$1\" out.npz",
        "show --raw \"$1:elevation\" > shown",
    ] {
        let out = limited(command);
        let said = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(2), "{command}: {said}");
        assert!(said.starts_with("slab: ") && said.contains("File too large"), "{command}: {said}");
        assert_eq!(said.lines().count(), 1, "{command}: {said}");
        let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert!(left.iter().all(|name| name == "shown"), "{command}: {left:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_signal_ends_a_recording_well() {
    for signal in ["-INT", "-TERM"] {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("run.h5");
        let mut recorder =
            slab(&["log", "append", text(&log), "--framing", "lines", "--ack", "--commit-ms", "5"])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
        let mut stdin = recorder.stdin.take().unwrap();
        writeln!(stdin, "one").unwrap();
        let mut lines = std::io::BufRead::lines(std::io::BufReader::new(recorder.stdout.take().unwrap()));
        assert_eq!(lines.next().unwrap().unwrap(), "1");
        let kill = Command::new("kill").args([signal, &recorder.id().to_string()]).status().unwrap();
        assert!(kill.success());
        assert_eq!(recorder.wait().unwrap().code(), Some(0), "{signal}");
        // Closed: another program may open it.
        assert_eq!(std::fs::read(&log).unwrap()[11], 0, "{signal}");
        drop(stdin);
    }
}

#[test]
fn the_demo_agrees_and_can_be_repeated() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("demo");
    for _ in 0..2 {
        let text = stdout(&run(&["demo", text(&folder)]));
        assert!(text.contains("every one agrees"), "{text}");
        assert!(!text.contains("DIFFERS"), "{text}");
        for part in ["1  NumPy", "2  Nengo", "3  HDF5", "4  The raw message log"] {
            assert!(text.contains(part), "{text}");
        }
    }
    let mine = dir.path().join("mine");
    std::fs::create_dir(&mine).unwrap();
    std::fs::write(mine.join("thesis.txt"), "").unwrap();
    assert_eq!(run(&["demo", text(&mine)]).status.code(), Some(2));
    assert_eq!(std::fs::read_dir(&mine).unwrap().count(), 1);
}
