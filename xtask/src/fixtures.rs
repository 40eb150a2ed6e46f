//! `cargo xtask fixtures`: every fixture from its generator script, or whether the files are what the scripts make.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::run::{Result, command, files_below, make_dir, output, read, remove_dir, root, run, target};
use crate::venv::{self, ORACLES};

/// What the scripts make, and where it is kept: all that is there is generated, apart from the notes beside it, but
/// for seeds, of which some are written by hand.
const GENERATED: [(&str, &str); 3] =
    [("files", "fixtures/files"), ("hostile", "fixtures/hostile"), (SEEDS, "fuzz/seeds")];
const SEEDS: &str = "seeds";

/// Makes all fixtures aside and compares; what differs is replaced, or with `--check` an error.
pub(crate) fn main(args: &[String]) -> Result<()> {
    let only_check = match args {
        [] => false,
        [flag] if flag == "--check" => true,
        _ => return Err("takes nothing or --check".to_owned()),
    };
    let fresh = target().join("fixtures-fresh");
    remove_dir(&fresh)?;
    make_dir(&fresh)?;
    generate(&fresh)?;
    compare(&fresh, only_check)?;
    remove_dir(&fresh)
}

/// Runs each `fixtures/make/NAME.py ROOT` with each environment that its `# run with:` line names.
fn generate(into: &Path) -> Result<()> {
    let make = root().join("fixtures/make");
    for name in files_below(&make)? {
        let text = name.to_string_lossy();
        if !text.ends_with(".py") || text.starts_with('_') || name.components().count() != 1 {
            continue;
        }
        let script = make.join(&name);
        for oracle in oracles_of(&script)? {
            let found = ORACLES.iter().find(|o| o.name == oracle);
            let found =
                found.ok_or_else(|| format!("{}: there is no environment {oracle:?}", script.display()))?;
            eprintln!("fixtures: {text} ({oracle})");
            let mut python = command(found.python()?);
            // Solvers' last digits, and where iterative ones stop, depend on the kernels that OpenBLAS chooses.
            python.env("OPENBLAS_CORETYPE", "Haswell");
            python.arg("-B").arg(&script).arg(into);
            run(&mut python)?;
        }
    }
    Ok(())
}

/// The environments of a script's line `# run with: current 114`; the current one when there is no such line.
fn oracles_of(script: &Path) -> Result<Vec<String>> {
    let text = read(script)?;
    let named = text.lines().find_map(|line| line.strip_prefix("# run with:"));
    Ok(named.unwrap_or("current").split_whitespace().map(str::to_owned).collect())
}

fn compare(fresh: &Path, only_check: bool) -> Result<()> {
    let (mut equal, mut close, mut problems) = (0_usize, 0_usize, 0_usize);
    let mut problem = |name: &Path, what: &str| {
        problems += 1;
        eprintln!("fixtures: {} {what}", name.display());
    };
    for (folder, kept) in GENERATED {
        let here = root().join(kept);
        let made = files_below(&fresh.join(folder))?;
        let mut old = files_below(&here)?;
        if folder == SEEDS {
            old.retain(|name| made.iter().any(|m| m.parent() == name.parent()));
        }
        let names: BTreeSet<PathBuf> = old.into_iter().chain(made).collect();
        for name in names.iter().filter(|name| !name.ends_with("README.md")) {
            let (kept, made) = (here.join(name), fresh.join(folder).join(name));
            let shown = Path::new(folder).join(name);
            match (std::fs::read(&kept).ok(), std::fs::read(&made).ok()) {
                (Some(a), Some(b)) if a == b => equal += 1,
                // Never for hostile files: the comparison loads cache objects, which runs their pickles.
                (Some(_), Some(_)) if folder == "files" && nearly(&kept, &made)? => close += 1,
                (Some(_), None) => problem(&shown, "is made by no script"),
                (old, _) if only_check => {
                    problem(
                        &shown,
                        if old.is_some() { "differs from what its script makes" } else { "is missing" },
                    );
                }
                (old, _) => {
                    kept.parent().map_or(Ok(()), make_dir)?;
                    std::fs::copy(&made, &kept).map_err(|e| format!("{}: {e}", kept.display()))?;
                    eprintln!(
                        "fixtures: {} is {}",
                        shown.display(),
                        if old.is_some() { "replaced" } else { "new" }
                    );
                }
            }
        }
    }
    eprintln!("fixtures: {equal} files are the same byte for byte, {close} in what they hold");
    match problems {
        0 => Ok(()),
        n => Err(format!(
            "{n} files are not what the scripts in fixtures/make make; run `cargo xtask fixtures`"
        )),
    }
}

/// Two kinds of file cannot be the same bytes every time: solver output depends in its last digits on the kernels of
/// the processor, and HDF5 before 2.0 writes the time into groups. They are compared by what they hold.
fn nearly(kept: &Path, made: &Path) -> Result<bool> {
    if kept.extension().is_none_or(|e| e != "nco" && e != "h5") {
        return Ok(false);
    }
    let compare = root().join("fixtures/make/_same.py");
    let answer = output(command(venv::current()?).arg("-B").arg(compare).arg(kept).arg(made))?;
    Ok(answer.trim() == "same")
}
