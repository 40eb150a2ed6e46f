//! `cargo xtask python`: the Python package built as a wheel, installed in an environment of its own, and tested there.

use crate::run::{Result, cargo, command, files_below, make_dir, output, remove_dir, root, run, target};
use crate::test::{Count, counted};
use crate::venv;
use std::path::PathBuf;

/// Builds, installs, tests; `args` go to pytest.
pub(crate) fn main(args: &[String]) -> Result<()> {
    let count = tested(args)?;
    match count.success {
        true => Ok(()),
        false => Err("not every test of the Python package passed".to_owned()),
    }
}

/// The Python of the environment, with the package as it is now, built with a profile of cargo.
pub(crate) fn installed(profile: &str) -> Result<PathBuf> {
    let (python, mut pip) = venv::package()?;
    let wheels = target().join("wheels").join(profile);
    remove_dir(&wheels)?;
    make_dir(&wheels)?;
    let mut build = command(&python);
    build.args([
        "-m",
        "maturin",
        "build",
        "--quiet",
        "--locked",
        "--profile",
        profile,
        "--manifest-path",
        "python/Cargo.toml",
    ]);
    build.arg("--out").arg(&wheels).env("CARGO", cargo().get_program());
    run(&mut build)?;
    let wheel = files_below(&wheels)?.pop().ok_or_else(|| format!("no wheel in {}", wheels.display()))?;
    run(pip.args(["--force-reinstall"]).arg(wheels.join(wheel)))?;
    Ok(python)
}

/// The tests of the package, counted: its own, the originals', and the examples in its documentation.
pub(crate) fn tested(args: &[String]) -> Result<Count> {
    let python = installed("dev")?;
    let version = output(
        command(&python)
            .args(["-c", "import hyperslab; print(hyperslab.__version__, hyperslab.__path__[0])"]),
    )?;
    println!("python: hyperslab {}", version.trim());
    let place = version.trim().split_once(' ').map(|(_, place)| place.to_owned()).unwrap_or_default();
    let mut count = Count { success: true, ..Count::default() };
    // From elsewhere: in `python/` the sources would be found before what is installed.
    let tests = root().join("python/tests");
    for what in [vec![tests.display().to_string()], vec!["--doctest-modules".to_owned(), place]] {
        let mut pytest = command(&python);
        pytest
            .args(["-m", "pytest", "-p", "no:cacheprovider", "--config-file"])
            .arg(root().join("python/pyproject.toml"));
        pytest.args(what).args(args).current_dir(target());
        count.join(counted(&mut pytest)?);
    }
    Ok(count)
}
