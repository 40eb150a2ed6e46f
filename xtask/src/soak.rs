//! `cargo xtask soak`: what takes too long for every change, with a record in `docs/soak.md`.
//!
//! The long forms of the crates' own tests (a thousand kills of a log writer, millions of mutated headers) run when
//! `HYPERSLAB_SOAK=1`; each fuzz target runs for `--seconds N`.

use std::time::Instant;

use crate::fuzz;
use crate::machine;
use crate::run::{Result, cargo, read, root, run, shown, target, write};
use crate::test::with_oracles;

const HEAD: &str = "\
# Soak runs

What takes too long for every change: `cargo xtask soak` runs it and adds a section here, newest first.
";

/// Runs the long tests and every fuzz target, and writes down what came of it.
pub(crate) fn main(args: &[String]) -> Result<()> {
    let options = fuzz::options(args, 300)?;
    let typed = format!("cargo xtask soak {}", args.join(" "));
    let mut rows = Vec::new();
    let mut failed = 0_usize;
    if options.names.is_empty() {
        // What users get has bounds of its own.
        run(cargo().args(["build", "--release", "--package", "hyperslab-cli"]))?;
        let start = Instant::now();
        let mut tests = cargo();
        tests.env("HYPERSLAB_SLAB", target().join("release/slab"));
        tests.args(["test", "--workspace", "--all-features", "--", "--nocapture"]);
        tests.env("HYPERSLAB_SOAK", "1");
        let count = with_oracles(&mut tests)?;
        failed += usize::from(!count.success);
        let result = format!("{} passed, {} failed", count.passed, count.failed);
        let line =
            |text: &String| format!("| &nbsp; | | {} |", text.trim().trim_start_matches("soak:").trim());
        rows.push(row(&format!("`HYPERSLAB_SOAK=1 {}`", shown(&tests)), start, &result));
        rows.extend(count.soak.iter().map(line));
    }
    for outcome in fuzz::run_targets(&options)? {
        let result = match &outcome.failure {
            None => format!("{} executions, nothing found", outcome.executions),
            Some(why) => {
                failed += 1;
                format!("**failed** after {} executions: {why}", outcome.executions)
            }
        };
        println!("soak: fuzz {}: {result}", outcome.target);
        rows.push(format!("| fuzz `{}` | {} | {result} |", outcome.target, options.seconds));
    }
    let title = format!("## {}, commit {}", machine::today(), machine::commit());
    let machine = machine::lines().join("; ");
    let table = format!("| what | seconds | result |\n|---|---|---|\n{}", rows.join("\n"));
    record(&format!("{title}\n\n`{}`, {machine}\n\n{table}\n", typed.trim()))?;
    if failed == 0 { Ok(()) } else { Err(format!("{failed} parts failed; see docs/soak.md")) }
}

fn row(what: &str, start: Instant, result: &str) -> String {
    format!("| {what} | {:.0} | {result} |", start.elapsed().as_secs_f64())
}

/// Puts a section before the older ones.
fn record(section: &str) -> Result<()> {
    let path = root().join("docs/soak.md");
    let old = if path.exists() { read(&path)? } else { String::new() };
    let older = old.strip_prefix(HEAD).unwrap_or(&old).trim_start();
    write(&path, &format!("{HEAD}\n{section}\n{older}"))
}
