//! `cargo xtask test`: every test of the workspace, with the real tools at hand.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::run::{Result, cargo, read, root, shown, target};
use crate::{python, venv};

/// Runs `cargo test --workspace --all-features ARGS`.
pub(crate) fn main(args: &[String]) -> Result<()> {
    let mut tests = cargo();
    tests.args(["test", "--workspace", "--all-features"]).args(args);
    let mut count = with_oracles(&mut tests)?;
    // Arguments choose among the tests in Rust.
    if args.is_empty() {
        count.join(python::tested(&[])?);
    }
    println!("{}", count.summary());
    if count.success { Ok(()) } else { Err(format!("{}: not every test passed", shown(&tests))) }
}

/// Runs a test command with the real tools and the sample files at hand, and counts.
pub(crate) fn with_oracles(tests: &mut Command) -> Result<Count> {
    for (variable, python) in venv::all()? {
        tests.env(variable, python);
    }
    match corpus() {
        Some(corpus) => tests.env("HYPERSLAB_CORPUS", corpus),
        None => tests.env_remove("HYPERSLAB_CORPUS"),
    };
    // Tests write their names there when there are no sample files for them.
    let not_run = target().join("tests-not-run");
    std::fs::write(&not_run, "").map_err(|e| format!("{}: {e}", not_run.display()))?;
    tests.env("HYPERSLAB_NOT_RUN", &not_run);
    let mut count = counted(tests)?;
    let names: std::collections::BTreeSet<String> = read(&not_run)?.lines().map(str::to_owned).collect();
    count.without_corpus = names.len();
    Ok(count)
}

/// The folder of sample files, where there is one.
pub(crate) fn corpus() -> Option<PathBuf> {
    let path = match std::env::var_os("HYPERSLAB_CORPUS") {
        Some(path) => PathBuf::from(path),
        None => root().join("../shared/corpus"),
    };
    path.canonicalize().ok()
}

/// What the closing lines of cargo's test runners add up to.
#[derive(Default)]
pub(crate) struct Count {
    pub(crate) success: bool,
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) ignored: u64,
    /// Tests that found no sample files.
    pub(crate) without_corpus: usize,
    /// Lines by which long tests report what they did, `soak: 1000 kills, ..`.
    pub(crate) soak: Vec<String>,
    /// Table rows of the runs with live readers, `live: | ..`.
    pub(crate) live: Vec<String>,
}

impl Count {
    /// Adds what another run counted.
    pub(crate) fn join(&mut self, other: Count) {
        self.success &= other.success;
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }

    fn add(&mut self, line: &str) {
        if line.starts_with("soak:") {
            self.soak.push(line.trim().to_owned());
        }
        if let Some(row) = line.strip_prefix("live:") {
            self.live.push(row.trim().to_owned());
        }
        let Some(rest) = closing(line.trim()) else { return };
        for part in rest.split([';', '.', ',']) {
            let mut words = part.split_whitespace();
            let (Some(number), Some(what)) = (words.next(), words.next()) else { continue };
            let Ok(number) = number.parse::<u64>() else { continue };
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "error" | "errors" => self.failed += number,
                "ignored" | "skipped" => self.ignored += number,
                _ => {}
            }
        }
    }

    /// What was not run is said, not left out; the last line is the count.
    pub(crate) fn summary(&self) -> String {
        let oracles = "oracles: numpy, h5py on HDF5 2.0, 1.14 and 1.12, nengo, larpix-control";
        let corpus = match corpus() {
            Some(path) => format!("corpus: {}", path.display()),
            None => {
                format!("corpus: {} tests not run (HYPERSLAB_CORPUS names the folder)", self.without_corpus)
            }
        };
        let skipped = if self.ignored > 0 { format!(", {} skipped", self.ignored) } else { String::new() };
        format!("{oracles}\n{corpus}\ntests: {} passed, {} failed{skipped}", self.passed, self.failed)
    }
}

/// What a closing line counts: `test result: ok. 1 passed; 0 failed` of cargo, `1 failed, 2 passed in 0.3s` of pytest.
fn closing(line: &str) -> Option<&str> {
    let pytest = || {
        let (counts, time) = line.rsplit_once(" in ")?;
        let seconds = time.split(' ').next()?.strip_suffix('s')?.parse::<f64>().is_ok();
        let counted = counts.starts_with(|c: char| c.is_ascii_digit());
        (seconds && counted && ["passed", "failed", "error"].iter().any(|w| counts.contains(w)))
            .then_some(counts)
    };
    line.strip_prefix("test result:").or_else(pytest)
}

/// Runs a test command, passes its output on as it comes, and adds up its closing lines.
pub(crate) fn counted(tests: &mut Command) -> Result<Count> {
    let problem = |e: std::io::Error| e.to_string();
    let mut child = tests.stdout(Stdio::piped()).spawn().map_err(|e| format!("{}: {e}", shown(tests)))?;
    let mut count = Count::default();
    if let Some(stdout) = child.stdout.take() {
        let mut reader = BufReader::new(stdout);
        let mut line = Vec::new();
        loop {
            line.clear();
            if reader.read_until(b'\n', &mut line).map_err(problem)? == 0 {
                break;
            }
            let mut out = std::io::stdout().lock();
            out.write_all(&line).and_then(|()| out.flush()).map_err(problem)?;
            count.add(&String::from_utf8_lossy(&line));
        }
    }
    count.success = child.wait().map_err(problem)?.success();
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::Count;

    #[test]
    fn closing_lines_add_up() {
        let mut count = Count::default();
        count.add("test result: ok. 12 passed; 0 failed; 3 ignored; 0 measured; 0 filtered out; finished in 0.12s\n");
        count.add("test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 7 filtered out; finished in 1.00s\n");
        count.add("test tests::other ... ok\n");
        assert_eq!((count.passed, count.failed, count.ignored), (13, 2, 3));
        count.add("2 failed, 343 passed, 4 skipped, 1 error in 4.19s\n");
        count.add("1 passed in 61.00s (0:01:01)\n");
        count.add("12 messages passed in a moment\n");
        assert_eq!((count.passed, count.failed, count.ignored), (357, 5, 7));
    }
}
