//! `cargo xtask fuzz`: the decoders on hostile bytes, through cargo-fuzz on the stable toolchain.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{
    Result, ask, cargo, command, files_below, make_dir, output, read, root, run, target, write,
};
use crate::test;

/// The release that is installed when there is none.
const CARGO_FUZZ: &str = "0.13.2";
/// A decoder holds its limits to less than this; what needs more has found an unbounded allocation.
const MEMORY_MIB: u32 = 2048;
/// One input is small: what takes longer has found a hang.
const TIMEOUT_SECONDS: u32 = 10;
const MAX_INPUT: u32 = 256 * 1024;
/// Targets that look at fewer bytes, or take long for many and show nothing else.
const SMALLER: [(&str, u32); 12] = [
    ("cache_journal", 8192),
    ("nco", 4096),
    ("unpickle", 2048),
    ("npz", 4096),
    ("npz_edit", 4096),
    ("text", 600),
    ("hdf5_superblock", 2560),
    ("hdf5_index", 8192),
    ("hdf5_heap", 8192),
    ("hdf5_image", 8192),
    ("hdf5_file", 8192),
    ("hdf5_change", 8192),
];

/// Targets whose inputs are structures rather than files.
const PARTS: [&str; 9] = [
    "cache_journal",
    "ea_index",
    "global_heap",
    "hdf5_datatype",
    "hdf5_filter",
    "hdf5_heap",
    "hdf5_index",
    "hdf5_object_header",
    "hdf5_superblock",
];

/// What one target's run came to.
pub(crate) struct Outcome {
    pub(crate) target: String,
    pub(crate) executions: u64,
    pub(crate) failure: Option<String>,
}

/// What is asked for.
pub(crate) struct Options {
    pub(crate) seconds: u64,
    /// Whether the address sanitizer looks on. It has nothing to look at in safe code, which without it runs up to ten
    /// times as often.
    pub(crate) sanitizer: bool,
    /// All where there are none.
    pub(crate) names: Vec<String>,
}

/// Runs the named targets, or all, for `--seconds N` each (60), with the address sanitizer or with `--no-sanitizer`.
pub(crate) fn main(args: &[String]) -> Result<()> {
    let outcomes = run_targets(&options(args, 60)?)?;
    let mut failed = 0_usize;
    for outcome in &outcomes {
        match &outcome.failure {
            None => println!("fuzz: {}: {} executions, nothing found", outcome.target, outcome.executions),
            Some(why) => {
                failed += 1;
                println!("fuzz: {}: FAILED after {} executions: {why}", outcome.target, outcome.executions);
            }
        }
    }
    if failed == 0 { Ok(()) } else { Err(format!("{failed} of {} targets failed", outcomes.len())) }
}

/// The options and the names that are left.
pub(crate) fn options(args: &[String], default: u64) -> Result<Options> {
    let mut options = Options { seconds: default, sanitizer: true, names: Vec::new() };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--seconds" => {
                let number = args.next().ok_or("--seconds needs a number")?;
                options.seconds = number.parse().map_err(|_| format!("--seconds {number}: not a number"))?;
            }
            "--no-sanitizer" => options.sanitizer = false,
            other if other.starts_with('-') => return Err(format!("{arg}: no such option")),
            _ => options.names.push(arg.clone()),
        }
    }
    Ok(options)
}

/// Every file in `fuzz/fuzz_targets` is a target, and `fuzz/Cargo.toml` must list it.
pub(crate) fn targets() -> Result<Vec<String>> {
    let manifest = read(&root().join("fuzz/Cargo.toml"))?;
    let mut names = Vec::new();
    for file in files_below(&root().join("fuzz/fuzz_targets"))? {
        let Some(name) = file.to_str().and_then(|f| f.strip_suffix(".rs")) else { continue };
        if !manifest.contains(&format!("name = \"{name}\"")) {
            return Err(format!("fuzz/fuzz_targets/{name}.rs has no [[bin]] in fuzz/Cargo.toml"));
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

/// Compiles the targets without linking libFuzzer, so that they cannot fall behind the crates.
pub(crate) fn check() -> Result<()> {
    let count = targets()?.len();
    let mut check = cargo();
    check.args(["check", "--manifest-path"]).arg(root().join("fuzz/Cargo.toml"));
    check.env("CARGO_TARGET_DIR", target().join("fuzz-check"));
    // The library is linked when targets run; a check needs no C++ compiler.
    check.env("CUSTOM_LIBFUZZER_PATH", "/nonexistent/libfuzzer.a");
    run(&mut check)?;
    eprintln!("fuzz: {count} targets compile");
    Ok(())
}

/// Runs targets one after the other; a finding stops its own target only.
pub(crate) fn run_targets(options: &Options) -> Result<Vec<Outcome>> {
    let all = targets()?;
    if let Some(unknown) = options.names.iter().find(|name| !all.contains(name)) {
        return Err(format!("there is no fuzz target {unknown:?}; there are: {}", all.join(", ")));
    }
    let tool = cargo_fuzz()?;
    let chosen = if options.names.is_empty() { &all } else { &options.names };
    chosen.iter().map(|name| run_target(&tool, name, options)).collect()
}

fn run_target(tool: &Path, name: &str, options: &Options) -> Result<Outcome> {
    let seconds = options.seconds;
    let corpus = root().join("fuzz/corpus").join(name);
    make_dir(&corpus)?;
    let mut fuzz = command(tool);
    // Run from `fuzz/`: cargo-fuzz looks for its own manifest from the current directory.
    fuzz.current_dir(root().join("fuzz")).env("RUSTC_BOOTSTRAP", "1");
    fuzz.env("CARGO_TARGET_DIR", target().join(if options.sanitizer { "fuzz" } else { "fuzz-plain" }));
    fuzz.args(["fuzz", "run", "--fuzz-dir", "."]);
    if !options.sanitizer {
        fuzz.args(["--sanitizer", "none"]);
    }
    fuzz.arg(name).arg(&corpus).arg("--");
    let smaller = SMALLER.iter().find(|(target, _)| *target == name);
    let most = smaller.map_or(MAX_INPUT, |(_, most)| *most);
    let seeds = seed_files(name, most)?;
    // An empty list is an error to the fuzzer.
    if !seeds.is_empty() {
        let list = target().join(format!("fuzz-{name}.seeds"));
        write(&list, &seeds.join(","))?;
        fuzz.arg(format!("-seed_inputs=@{}", list.display()));
    }
    fuzz.arg(format!("-max_total_time={seconds}"));
    fuzz.arg(format!("-rss_limit_mb={MEMORY_MIB}"));
    fuzz.arg(format!("-malloc_limit_mb={MEMORY_MIB}"));
    fuzz.arg(format!("-timeout={TIMEOUT_SECONDS}"));
    fuzz.arg(format!("-max_len={most}"));
    let words = root().join("fuzz/dictionaries").join(format!("{}.dict", format_of(name)));
    if words.is_file() {
        fuzz.arg(format!("-dict={}", words.display()));
    }
    fuzz.args(["-print_final_stats=1", "-verbosity=0", "-close_fd_mask=1"]);
    eprintln!("fuzz: {name} for {seconds} s");
    let log = target().join(format!("fuzz-{name}.log"));
    let file = std::fs::File::create(&log).map_err(|e| format!("{}: {e}", log.display()))?;
    let status = fuzz.stdout(std::process::Stdio::null()).stderr(file).status();
    let status = status.map_err(|e| format!("cargo fuzz run {name}: {e}"))?;
    let text = std::fs::read(&log).map_err(|e| format!("{}: {e}", log.display()))?;
    let text = String::from_utf8_lossy(&text);
    let executions = text
        .lines()
        .find_map(|line| line.strip_prefix("stat::number_of_executed_units:"))
        .and_then(|number| number.trim().parse().ok())
        .unwrap_or(0);
    let failure = (!status.success()).then(|| format!("{} (see {})", reason(&text), log.display()));
    Ok(Outcome { target: name.to_owned(), executions, failure })
}

/// What a failed run's log says of the cause: the panic with its message, else the sanitizer's or compiler's line.
fn reason(log: &str) -> String {
    let mut lines = log.lines();
    if let Some(panic) = lines.by_ref().find(|line| line.contains("panicked at")) {
        let place = panic.split("panicked at").nth(1).unwrap_or(panic);
        return format!("panic at {} {}", place.trim(), lines.next().unwrap_or_default().trim());
    }
    let marks = ["ERROR:", "SUMMARY:", "error[", "error:"];
    let line = marks.iter().find_map(|mark| log.lines().find(|line| line.contains(mark)));
    line.unwrap_or("no reason given").trim().to_owned()
}

/// What a target's name begins with.
fn format_of(name: &str) -> &str {
    name.split('_').next().unwrap_or(name)
}

/// The fixtures and sample files that a target starts from, by the format that its name begins with.
fn seeds(name: &str) -> Vec<PathBuf> {
    let folders: &[&str] = match format_of(name) {
        "npy" => &["npy"],
        "npz" => &["npz"],
        "raw" => &["raw"],
        "nco" | "unpickle" | "pickle" => &["nco", "demo"],
        "pacman" => &["demo", "larpix"],
        "log" => &["larpix"],
        "hdf5" | "ea" | "global" | "larpix" => &["hdf5", "larpix"],
        _ => &[],
    };
    let corpora: &[&str] = match format_of(name) {
        "npy" => &["npy/npy"],
        "npz" => &["npy/npz"],
        "nco" | "unpickle" | "pickle" => &["nengo"],
        "log" => &["larpix"],
        "hdf5" | "ea" | "global" | "larpix" => &["hdf5/files", "larpix"],
        _ => &[],
    };
    let own = folders.iter().map(|folder| root().join("fixtures/files").join(folder));
    let sample = test::corpus().into_iter().flat_map(|corpus| corpora.iter().map(move |c| corpus.join(c)));
    let hostile = std::iter::once(root().join("fixtures/hostile"));
    // Inputs that no file of the format is: what the target itself reads before it.
    let made = [name].into_iter().chain(matches!(name, "hdf5_image" | "hdf5_change").then_some("hdf5_file"));
    let made = made.map(|name| root().join("fuzz/seeds").join(name));
    // Whole files say nothing to a target of one structure, and take half a minute to load.
    if PARTS.contains(&name) {
        return made.filter(|path| path.is_dir()).collect();
    }
    own.chain(sample).chain(hostile).chain(made).filter(|path| path.is_dir()).collect()
}

/// Those of the seeds that are not longer than what the target is given: half a file is no seed, and a few large ones
/// take most of the time.
fn seed_files(name: &str, most: u32) -> Result<Vec<String>> {
    let mut files = Vec::new();
    for folder in seeds(name) {
        for file in files_below(&folder)? {
            let path = folder.join(file);
            let len = path.metadata().map_err(|e| format!("{}: {e}", path.display()))?.len();
            let text = path.to_string_lossy();
            // The list is separated by commas.
            if (1..=u64::from(most)).contains(&len) && !text.contains(',') {
                files.push(text.into_owned());
            }
        }
    }
    Ok(files)
}

/// cargo-fuzz from `target/tools`, installed there when it is missing.
fn cargo_fuzz() -> Result<PathBuf> {
    let tools = target().join("tools");
    let tool = tools.join("bin/cargo-fuzz");
    if ask(&tool.to_string_lossy(), &["--version"]).is_some_and(|v| v.ends_with(CARGO_FUZZ)) {
        return Ok(tool);
    }
    eprintln!("fuzz: installing cargo-fuzz {CARGO_FUZZ} into {}", tools.display());
    let mut install: Command = cargo();
    install.args(["install", "cargo-fuzz", "--locked", "--version", CARGO_FUZZ, "--root"]).arg(&tools);
    run(&mut install)?;
    output(command(&tool).arg("--version"))?;
    Ok(tool)
}
