//! What the tests of every crate share: the oracle interpreters and the folder of real files.
//!
//! Not part of the public interface.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The repository's root.
pub fn repo() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().and_then(Path::parent).unwrap_or(here).to_path_buf()
}

/// The Python with the reference tools, named by `HYPERSLAB_PYTHON`; says so when there is none.
pub fn oracle_python() -> Option<PathBuf> {
    oracle("HYPERSLAB_PYTHON")
}

/// An oracle interpreter named by another variable (`HYPERSLAB_PYTHON_112`: h5py on HDF5 1.12, `_114`: 1.14).
pub fn oracle(variable: &str) -> Option<PathBuf> {
    let python = std::env::var_os(variable).map(PathBuf::from);
    if python.is_none() {
        println!("oracle: not run ({variable} is not set; use cargo xtask test)");
    }
    python
}

/// Every oracle interpreter that there is, with the versions of HDF5 and NumPy in it.
pub fn oracles() -> Vec<(&'static str, &'static str, PathBuf)> {
    const ALL: [(&str, &str, &str); 3] = [
        ("2.0", "2.4", "HYPERSLAB_PYTHON"),
        ("1.12", "1.24", "HYPERSLAB_PYTHON_112"),
        ("1.14", "1.26", "HYPERSLAB_PYTHON_114"),
    ];
    ALL.into_iter().filter_map(|(hdf5, numpy, variable)| Some((hdf5, numpy, oracle(variable)?))).collect()
}

/// The folder of real files: `HYPERSLAB_CORPUS`, else beside the checkout; says so when there is none.
pub fn corpus() -> Option<PathBuf> {
    let beside = || repo().parent().map(|p| p.join("shared/corpus"));
    let found =
        std::env::var_os("HYPERSLAB_CORPUS").map(PathBuf::from).or_else(beside).filter(|p| p.is_dir());
    if found.is_none() {
        println!("corpus: not run (set HYPERSLAB_CORPUS)");
        note_not_run();
    }
    found
}

/// Adds the running test's name to the file that `cargo xtask test` counts, since a passing test's output is hidden.
fn note_not_run() {
    let Some(list) = std::env::var_os("HYPERSLAB_NOT_RUN") else { return };
    let thread = std::thread::current();
    let line = format!("{}\n", thread.name().unwrap_or("unnamed"));
    // A count that cannot be kept fails no test.
    let _ = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(list)
        .and_then(|mut f| f.write_all(line.as_bytes()));
}

/// A file of the project's fixtures.
pub fn fixture(name: &str) -> PathBuf {
    repo().join("fixtures/files").join(name)
}

/// Runs a script in an oracle interpreter and returns what it prints.
///
/// # Panics
/// When it fails: the script's own message is the test's failure.
#[expect(clippy::panic, reason = "a test helper: the panic is the failure report")]
pub fn run_python(python: &Path, script: &str, args: &[&std::ffi::OsStr]) -> String {
    let out = Command::new(python)
        .args(["-W", "error::DeprecationWarning:__main__", "-c", script])
        .args(args)
        .output();
    match out {
        Ok(o) if o.status.success() => String::from_utf8_lossy(&o.stdout).into_owned(),
        Ok(o) => panic!("oracle script failed:\n{}", String::from_utf8_lossy(&o.stderr)),
        Err(e) => panic!("cannot run {}: {e}", python.display()),
    }
}

/// The same options with their filters by name: what is asked for, of what a file says.
///
/// # Panics
/// For filters that have no name in the options.
#[expect(clippy::panic, reason = "a test helper: the panic is the failure report")]
pub fn filters_by_name(mut options: crate::ArrayOptions) -> crate::ArrayOptions {
    for f in std::mem::take(&mut options.filters) {
        let first = f.values.first().copied();
        match f.id {
            1 => options.deflate = first,
            2 => options.shuffle = true,
            3 => options.fletcher32 = true,
            307 => options.bzip2 = first,
            32000 => options.lzf = true,
            32004 => options.lz4 = true,
            32015 => options.zstd = first,
            id => panic!("filter {id} has no name"),
        }
    }
    options
}
