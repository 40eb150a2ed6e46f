//! `cargo xtask fixtures`: every fixture from its generator script, or whether the files are what the scripts make.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::run::{Result, command, files_below, make_dir, output, read, remove_dir, root, run, target};
use crate::venv::{self, ORACLES};

/// The folders below `fixtures/` whose content is generated, apart from the notes beside it.
const GENERATED: [&str; 2] = ["files", "hostile"];

/// Makes the fixtures, or with `--check` makes them elsewhere and compares.
pub(crate) fn main(args: &[String]) -> Result<()> {
    match args {
        [] => generate(&root().join("fixtures")),
        [flag] if flag == "--check" => check(),
        _ => Err("takes nothing or --check".to_owned()),
    }
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

/// Every generated file is the same as in the repository, and nothing there comes from nowhere.
fn check() -> Result<()> {
    let fresh = target().join("fixtures-check");
    remove_dir(&fresh)?;
    make_dir(&fresh)?;
    generate(&fresh)?;
    let mut problems = Vec::new();
    let mut equal = 0_usize;
    let mut close = 0_usize;
    for folder in GENERATED {
        let (kept, made) = (root().join("fixtures").join(folder), fresh.join(folder));
        let names: BTreeSet<PathBuf> = files_below(&kept)?.into_iter().chain(files_below(&made)?).collect();
        for name in names.iter().filter(|name| !name.ends_with("README.md")) {
            let (kept, made) = (kept.join(name), made.join(name));
            let shown = Path::new("fixtures").join(folder).join(name);
            match (std::fs::read(&kept), std::fs::read(&made)) {
                (Ok(a), Ok(b)) if a == b => equal += 1,
                (Ok(_), Ok(_)) if nearly(&kept, &made)? => close += 1,
                (Ok(_), Ok(_)) => {
                    problems.push(format!("{} differs from what its script makes", shown.display()))
                }
                (Ok(_), Err(_)) => problems.push(format!("{} is made by no script", shown.display())),
                (Err(_), _) => problems.push(format!("{} is missing", shown.display())),
            }
        }
    }
    eprintln!(
        "fixtures: {equal} files are the same byte for byte, {close} in what they hold"
    );
    if problems.is_empty() {
        remove_dir(&fresh)
    } else {
        problems.iter().for_each(|problem| eprintln!("fixtures: {problem}"));
        Err(format!("{} files are not up to date; run `cargo xtask fixtures`", problems.len()))
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
