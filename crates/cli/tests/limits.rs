//! Hostile pickles, cache objects and indexes through the program: a value or one clear error each, every name told, in
//! little time and memory, nothing run, and nothing written or touched that is not the program's own.
//!
//! The files are those of `fixtures/make/fresh/hostile_objects.py`, the fixtures' and the real ones. In the long form
//! every command is tried on each; `cargo xtask soak` runs it on the program as users get it (`HYPERSLAB_SLAB`).
#![expect(clippy::unwrap_used, reason = "tests: a panic is the failure report")]

use hyperslab::testing;
use serde_json::Value as Json;
use std::ffi::OsStr;
use std::path::PathBuf;

const MAKE: &str = include_str!("../../../fixtures/make/fresh/hostile_objects.py");
const RUN: &str = include_str!("limits.py");

/// What any run may take, and what it may take for each byte of its input.
const FREE_KIB: u64 = 64 << 10;
const PER_BYTE: u64 = 128;

/// The program under test, and whether it is optimized.
fn slab() -> (PathBuf, bool) {
    match std::env::var_os("HYPERSLAB_SLAB") {
        Some(path) => (path.into(), true),
        None => (env!("CARGO_BIN_EXE_slab").into(), !cfg!(debug_assertions)),
    }
}

/// Why a run is not as it should be.
fn problem(run: &Json, seconds: f64) -> Option<String> {
    let text = |key: &str| run[key].as_str().unwrap();
    let (code, out, err) = (run["code"].as_i64().unwrap(), text("out"), text("err"));
    let args: Vec<&str> = run["args"].as_array().unwrap().iter().filter_map(Json::as_str).collect();
    let command = if args[0] == "cache" { args[1] } else { args[0] };
    let ours = err.lines().all(|line| line.starts_with("slab: "));
    // `verify` says what it found where others print values, and `recover` what it lost.
    let answered = match (code, command) {
        (0, "recover" | "convert") => ours,
        // Commands of a cache that make a damaged index anew say so.
        (0, _) if args[0] == "cache" => err.lines().all(|line| line.starts_with("slab: note: ")),
        (0, _) => err.is_empty(),
        (1, "verify" | "diff" | "recover") => err.is_empty() || ours,
        (2, "verify") if err.is_empty() => out.contains("not checked") || out.contains("\"unchecked\":[{"),
        // Both files of a comparison are named.
        (2, "diff") => ours && err.lines().count() <= 2,
        // A listing goes on past what it cannot read; everything else is one error.
        (2, _) => ours && (err.lines().count() == 1 || run["kind"] == "object"),
        _ => false,
    };
    if !answered {
        return Some(format!("exit {code}: {err:.500}"));
    }
    if run["whole"] != true {
        return Some("no JSON document".into());
    }
    let took = run["seconds"].as_f64().unwrap();
    if took > seconds {
        return Some(format!("{took} s"));
    }
    let (kib, size) = (run["kib"].as_u64().unwrap(), run["size"].as_u64().unwrap());
    (kib > FREE_KIB + size * PER_BYTE / 1024).then(|| format!("{} MiB for {size} bytes", kib >> 10))
}

#[test]
fn hostile_objects_are_shown_or_refused_within_bounds() {
    let Some(python) = testing::oracle_python() else { return };
    let made = tempfile::tempdir().unwrap();
    testing::run_python(&python, MAKE, &[made.path().as_os_str()]);
    let long = std::env::var_os("HYPERSLAB_SOAK").is_some();
    let (slab, optimized) = slab();
    let mut args = vec![slab, if long { "long" } else { "short" }.into(), made.path().to_path_buf()];
    if let Some(corpus) = testing::corpus() {
        let folders = ["hostile", "corrupt", "foreign", "packed", "index"];
        args.extend(folders.map(|f| corpus.join("nengo").join(f)));
    }
    args.push(testing::repo().join("fixtures/hostile"));
    let args: Vec<&OsStr> = args.iter().map(|a| a.as_os_str()).collect();
    let lines = testing::run_python(&python, RUN, &args);
    let runs: Vec<Json> = lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert!(runs.len() > 800, "{}", runs.len());

    // The bound is 2 s for the program as it is given to users.
    let seconds = if optimized { 2.0 } else { 20.0 };
    let mut problems = Vec::new();
    for run in &runs {
        if let Some(why) = problem(run, seconds) {
            problems.push(format!("{} {} {}: {why}", run["kind"], run["name"], run["args"]));
        }
    }
    let slowest = runs.iter().map(|r| r["seconds"].as_f64().unwrap()).fold(0.0, f64::max);
    let most = runs.iter().map(|r| r["kib"].as_u64().unwrap()).max().unwrap_or(0);
    println!(
        "soak: {} runs of slab on hostile pickles, cache objects and indexes, at most {slowest:.2} s and {} MiB",
        runs.len(),
        most >> 10
    );
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));

    let said = |name: &str, args: &[&str]| {
        let run = runs.iter().find(|r| r["name"] == name && r["args"] == serde_json::json!(args));
        run.map(|r| format!("{}{}", r["out"].as_str().unwrap(), r["err"].as_str().unwrap()))
    };
    // Every name, also where nothing of it is in the value, or there is no value.
    for (name, asked) in [
        ("call_reduce.pkl", "numpy.f2py.diagnose.run_command"),
        ("call_in_key.pkl", "builtins.eval"),
        ("call_chain.pkl", "builtins.getattr"),
        ("dropped_call.pkl", "os.system"),
        ("broken_off.pkl", "os.system (byte 2), which was not called"),
        ("meta_call_chain.nco", "builtins.getattr"),
        ("meta_dropped_call.nco", "os.system"),
        ("meta_broken_off.nco", "os.system (byte 50), which was not called"),
        ("npy_objects_evil.nco", "os.system"),
        ("runs.index", "posix.system"),
        ("os_system.pkl", "os.system"),
        ("builtins_eval.pkl", "builtins.eval"),
        ("numpy_f2py_runcmd.pkl", "numpy.f2py.diagnose.run_command"),
        ("malicious.index", "system"),
    ] {
        for args in [&["show"][..], &["show", "--json"]] {
            // Those of the real files are there where these are.
            let Some(said) = said(name, args) else { continue };
            assert!(said.contains(asked), "{name}: {said}");
        }
    }
    let said = |name: &str, args: &[&str]| said(name, args).unwrap();
    let unknown = "os.system at byte 2, not among the types that are read";
    assert!(said("dropped_call.pkl", &["show"]).contains(unknown));
    assert!(said("two_pickles.pkl", &["show", "--json"]).contains(r#""metadata":{"0":[2,5],"1":{"key":1}}"#));
    assert!(said("behind.pkl", &["show"]).contains("the last 8 bytes of the file are behind its pickle"));
}
