//! `cargo xtask ci`: what must hold before anything lands.

use std::time::Instant;

use crate::run::{Result, cargo, root, run};
use crate::{fixtures, fuzz, test};

/// Formatting, lints, docs, fixtures, fuzz targets, tests; stops at the first that fails.
pub(crate) fn main(args: &[String]) -> Result<()> {
    if !args.is_empty() {
        return Err("takes no arguments".to_owned());
    }
    // The lock file is part of what is tested: a build that would change it is an error.
    let mut metadata = cargo();
    metadata.args(["metadata", "--locked", "--format-version", "1"]).stdout(std::process::Stdio::null());
    step("lock file", || run(&mut metadata))?;
    step("formatting", || {
        run(cargo().args(["fmt", "--all", "--check"]))?;
        run(cargo().args(["fmt", "--check", "--manifest-path"]).arg(root().join("fuzz/Cargo.toml")))
    })?;
    step("lints", || {
        run(cargo().args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--all-features",
            "--",
            "-D",
            "warnings",
        ]))
    })?;
    step("docs", || {
        run(cargo()
            .args(["doc", "--no-deps", "--workspace", "--all-features"])
            .env("RUSTDOCFLAGS", "-D warnings"))
    })?;
    step("fuzz targets", fuzz::check)?;
    step("fixtures", || fixtures::main(&["--check".to_owned()]))?;
    step("tests", || test::main(&[]))
}

fn step(name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    eprintln!("ci: {name}");
    let start = Instant::now();
    let result = work();
    eprintln!(
        "ci: {name}: {} after {:.0} s",
        if result.is_ok() { "passed" } else { "FAILED" },
        start.elapsed().as_secs_f64()
    );
    result.map_err(|why| format!("{name}: {why}"))
}
