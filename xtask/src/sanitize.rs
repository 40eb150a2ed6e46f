//! `cargo xtask sanitize`: what is `unsafe`, and the tests that go through it under AddressSanitizer and valgrind, with a
//! table in `docs/unsafe.md`.
//!
//! Images are here, too: they hold no unsafe code, and hand out views that must lie where they say.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::machine;
use crate::run::{Result, ask, cargo, command, files_below, output, read, root, shown, target, write};

const PLACE: [&str; 2] = ["<!-- runs -->", "<!-- /runs -->"];
/// The only files that may hold unsafe code, and how many blocks of it.
const UNSAFE: [(&str, usize); 2] = [("crates/core/src/source/map.rs", 2), ("python/src/buffer.rs", 5)];
/// Package, test programs, and what the names of their tests begin with or hold (all where it is empty).
const TESTS: [(&str, &[&str], &str); 4] = [
    ("hyperslab-core", &["--lib"], ""),
    ("hyperslab-npy", &["--lib"], "map"),
    ("hyperslab-hdf5", &["--lib"], "image::"),
    ("hyperslab-hdf5", &["--test", "image_mutations"], ""),
];

/// Checks where unsafe code is, runs the tests both ways, and writes down what came of them.
pub(crate) fn main(args: &[String]) -> Result<()> {
    if !args.is_empty() {
        return Err("takes no arguments".to_owned());
    }
    only_where_it_may_be()?;
    let mut rows = Vec::new();
    let mut failed = 0_usize;
    let mut row = |tool: &str, tests: &str, start: Instant, result: Result<String>| {
        failed += usize::from(result.is_err());
        let result = result.unwrap_or_else(|why| format!("**failed**: {why}"));
        eprintln!("sanitize: {tool}: {tests}: {result}");
        rows.push(format!("| {tool} | {tests} | {:.0} | {result} |", start.elapsed().as_secs_f64()));
    };
    let host = host()?;
    for (package, programs, filter) in TESTS {
        let start = Instant::now();
        let mut tests = address_sanitized(&host);
        tests.args(["test", "--package", package, "--target", &host]).args(programs);
        tests.args(["--", filter]);
        row("AddressSanitizer", &named(package, programs, filter), start, passed(&mut tests));
    }
    match ask("valgrind", &["--version"]) {
        None => row("valgrind", "all", Instant::now(), Ok("not run: it is not installed".to_owned())),
        Some(version) => {
            for (package, programs, filter) in TESTS {
                let start = Instant::now();
                let result = program(package, programs).and_then(|program| {
                    let mut tests = command("valgrind");
                    // Addresses alone: a compiler may look at the payload of an `Option` before it looks whether there
                    // is one, which is reported as a value that was never set.
                    tests.args(["--quiet", "--undef-value-errors=no", "--error-exitcode=99"]);
                    tests.arg(program).arg(filter);
                    // Everything takes thirty times as long.
                    passed(tests.env("PROPTEST_CASES", "8"))
                });
                row(&version, &named(package, programs, filter), start, result);
            }
        }
    }
    record(&rows)?;
    if failed == 0 { Ok(()) } else { Err(format!("{failed} runs failed; see docs/unsafe.md")) }
}

fn named(package: &str, programs: &[&str], filter: &str) -> String {
    let mut text = format!("`{package}` {}", programs.join(" "));
    if !filter.is_empty() {
        text.push_str(&format!(", `{filter}`"));
    }
    text
}

/// Fails when a crate has unsafe code that `docs/unsafe.md` does not speak of.
fn only_where_it_may_be() -> Result<()> {
    let below = |folder: &str| -> Result<Vec<PathBuf>> {
        Ok(files_below(&root().join(folder))?.into_iter().map(|file| Path::new(folder).join(file)).collect())
    };
    for path in below("crates")?.into_iter().chain(below("python")?) {
        if path.extension().is_none_or(|e| e != "rs") {
            continue;
        }
        let text = read(&root().join(&path))?;
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let is_unsafe =
            |line: &&str| ["unsafe {", "unsafe fn", "unsafe impl"].iter().any(|u| line.contains(u));
        let blocks = code.filter(is_unsafe).count();
        let may = UNSAFE.iter().find(|(file, _)| Path::new(file) == path).map_or(0, |(_, n)| *n);
        if blocks != may {
            return Err(format!("{}: {blocks} blocks of unsafe code, not {may}", path.display()));
        }
    }
    Ok(())
}

/// The triple of this machine: with it named, the flags are not those of programs that run while compiling.
fn host() -> Result<String> {
    let said = output(command("rustc").arg("-vV"))?;
    let line = said.lines().find_map(|line| line.strip_prefix("host: "));
    line.map(str::to_owned).ok_or_else(|| "rustc -vV names no host".to_owned())
}

/// The toolchain that is there, as the fuzzer uses it.
fn address_sanitized(host: &str) -> Command {
    let mut tests = cargo();
    tests.env("RUSTC_BOOTSTRAP", "1").env("CARGO_TARGET_DIR", target().join("sanitize"));
    let flags = format!("CARGO_TARGET_{}_RUSTFLAGS", host.to_uppercase().replace('-', "_"));
    tests.env(flags, "-Zsanitizer=address -Cforce-frame-pointers=yes");
    tests
}

/// Builds a test program; its path.
fn program(package: &str, programs: &[&str]) -> Result<PathBuf> {
    let mut build = cargo();
    build.args(["test", "--no-run", "--message-format=json", "--package", package]).args(programs);
    let said = output(&mut build)?;
    let path = |line: &str| {
        let json: serde_json::Value = serde_json::from_str(line).ok()?;
        json.get("executable")?.as_str().map(PathBuf::from)
    };
    said.lines().filter_map(path).next_back().ok_or_else(|| format!("{} makes no program", shown(&build)))
}

/// Runs tests to their end; how many passed.
fn passed(tests: &mut Command) -> Result<String> {
    let out = tests.stderr(Stdio::inherit()).output().map_err(|e| format!("{}: {e}", shown(tests)))?;
    let text = String::from_utf8_lossy(&out.stdout);
    if !out.status.success() {
        eprint!("{text}");
        return Err(out.status.to_string());
    }
    let result = text.lines().find_map(|line| line.strip_prefix("test result: ok. "));
    let count = result.and_then(|rest| rest.split(' ').next()).unwrap_or("0");
    match count {
        "0" => Err("no test ran".to_owned()),
        n => Ok(format!("{n} tests, nothing found")),
    }
}

/// Puts the rows into the page.
fn record(rows: &[String]) -> Result<()> {
    let path = root().join("docs/unsafe.md");
    let page = read(&path)?;
    let (before, rest) = page.split_once(PLACE[0]).ok_or("docs/unsafe.md has no place for the runs")?;
    let (_, after) = rest.split_once(PLACE[1]).ok_or("docs/unsafe.md has no end of the runs")?;
    let said = format!(
        "{}, commit {}, `cargo xtask sanitize`, {}",
        machine::today(),
        machine::commit(),
        machine::lines().join("; ")
    );
    let table = format!("| tool | tests | seconds | result |\n|---|---|---|---|\n{}", rows.join("\n"));
    write(&path, &format!("{before}{}\n\n{said}\n\n{table}\n\n{}{after}", PLACE[0], PLACE[1]))
}
