//! Virtual environments with the real tools, made from pinned requirements.
//!
//! Three of them: the current tools (HDF5 2.0), and older h5py wheels that carry HDF5 1.12 and 1.14, the last with
//! nengo under NumPy 1.26. Each is made
//! once below the target directory and made again when its requirements or the Python behind it change.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{Result, ask, command, make_dir, output, read, remove_dir, root, run, target};

/// One environment: its requirements, the variable that tests find it by, what it must be able to do.
pub(crate) struct Oracle {
    /// How tasks and generator scripts name it.
    pub(crate) name: &'static str,
    /// The environment variable that names its Python.
    pub(crate) variable: &'static str,
    directory: &'static str,
    requirements: &'static str,
    /// The minor versions of Python 3 for which all its wheels exist.
    pythons: std::ops::RangeInclusive<u32>,
    /// A script that fails when something is missing and prints the versions.
    check: &'static str,
}

const CURRENT_CHECK: &str = "\
import numpy, h5py, hdf5plugin, nengo, nengo.utils.nco, larpix.format.rawhdf5format, larpix.format.pacman_msg_format
from importlib.metadata import version
assert h5py.version.hdf5_version.startswith('2.0.'), h5py.version.hdf5_version
print(f'numpy {numpy.__version__}, h5py {h5py.__version__} (HDF5 {h5py.version.hdf5_version}), '
      f'nengo {nengo.__version__}, larpix-control {version(\"larpix-control\")}')";

const CHECK_112: &str = "\
import numpy, h5py, larpix.format.rawhdf5format
assert h5py.version.hdf5_version.startswith('1.12.'), h5py.version.hdf5_version
assert numpy.__version__.startswith('1.24.'), numpy.__version__
print(f'numpy {numpy.__version__}, h5py {h5py.__version__} (HDF5 {h5py.version.hdf5_version})')";

const CHECK_114: &str = "\
import numpy, h5py, nengo, nengo.utils.nco, larpix.format.rawhdf5format
assert h5py.version.hdf5_version.startswith('1.14.'), h5py.version.hdf5_version
assert numpy.__version__.startswith('1.26.'), numpy.__version__
print(f'numpy {numpy.__version__}, h5py {h5py.__version__} (HDF5 {h5py.version.hdf5_version}), '
      f'nengo {nengo.__version__}')";

/// All environments, the current tools first.
pub(crate) const ORACLES: [Oracle; 3] = [
    Oracle {
        name: "current",
        variable: "HYPERSLAB_PYTHON",
        directory: "oracle-venv",
        requirements: "fixtures/requirements.txt",
        pythons: 11..=14,
        check: CURRENT_CHECK,
    },
    Oracle {
        name: "112",
        variable: "HYPERSLAB_PYTHON_112",
        directory: "oracle-112",
        requirements: "fixtures/requirements-112.txt",
        pythons: 9..=11,
        check: CHECK_112,
    },
    Oracle {
        name: "114",
        variable: "HYPERSLAB_PYTHON_114",
        directory: "oracle-114",
        requirements: "fixtures/requirements-114.txt",
        pythons: 9..=12,
        check: CHECK_114,
    },
];

/// Makes what is missing and returns each environment's variable and Python.
pub(crate) fn all() -> Result<Vec<(&'static str, PathBuf)>> {
    ORACLES.iter().map(|o| Ok((o.variable, o.python()?))).collect()
}

/// The Python with the current tools.
pub(crate) fn current() -> Result<PathBuf> {
    let [current, ..] = &ORACLES;
    current.python()
}

/// What the Python package is built and tested in.
const PACKAGE: Oracle = Oracle {
    name: "python",
    variable: "",
    directory: "python-venv",
    requirements: "python/requirements.txt",
    pythons: 11..=14,
    check: "import maturin, pytest, numpy; print(f'numpy {numpy.__version__}, pytest {pytest.__version__}')",
};

/// The Python that the package is built and tested with, and what installs into its environment.
pub(crate) fn package() -> Result<(PathBuf, Command)> {
    let python = PACKAGE.python()?;
    let (base, _) = PACKAGE.base()?;
    let pip = pip(&base, &python);
    Ok((python, pip))
}

/// `pip install` into an environment: its own, or where it has none that of the Python behind it.
fn pip(base: &Path, python: &Path) -> Command {
    let own = command(python).args(["-m", "pip", "--version"]).output();
    let mut pip = command(if own.is_ok_and(|out| out.status.success()) { python } else { base });
    pip.args(["-m", "pip"]);
    if pip.get_program() == base {
        pip.arg("--python").arg(python);
    }
    pip.args(["install", "--quiet", "--disable-pip-version-check", "--no-deps"]);
    pip
}

/// `cargo xtask oracle`: prints shell lines that set the variables.
pub(crate) fn print(_args: &[String]) -> Result<()> {
    for (variable, python) in all()? {
        println!("export {variable}={}", python.display());
    }
    Ok(())
}

impl Oracle {
    /// The environment's Python; the environment is made first if it is not there or out of date.
    pub(crate) fn python(&self) -> Result<PathBuf> {
        let dir = target().join(self.directory);
        let python = dir.join("bin/python");
        let stamp = dir.join("hyperslab-stamp");
        let (base, version) = self.base()?;
        let wanted = format!("{version}\n{}", read(&root().join(self.requirements))?);

        // Two tasks at once must not make the same directory.
        make_dir(&target())?;
        let lock_path = target().join(format!("{}.lock", self.directory));
        let lock = File::create(&lock_path).map_err(|e| format!("{}: {e}", lock_path.display()))?;
        lock.lock().map_err(|e| format!("{}: {e}", lock_path.display()))?;

        if std::fs::read_to_string(&stamp).is_ok_and(|made| made == wanted) && python.exists() {
            return Ok(python);
        }
        eprintln!("oracle: making {} from {} with {version}", dir.display(), self.requirements);
        remove_dir(&dir)?;
        self.make(&base, &dir).map_err(|why| {
            format!("{} could not be made from {}: {why}", dir.display(), self.requirements)
        })?;
        let versions = output(command(&python).args(["-c", self.check]))
            .map_err(|why| format!("{} was made but does not work: {why}", dir.display()))?;
        eprintln!("oracle: {} has {}", self.directory, versions.trim());
        // The stamp comes last: an environment without it is made again.
        std::fs::write(&stamp, wanted).map_err(|e| format!("{}: {e}", stamp.display()))?;
        Ok(python)
    }

    /// A Python on the path for which the pinned wheels exist, and its version text.
    fn base(&self) -> Result<(PathBuf, String)> {
        let mut seen = Vec::new();
        let names = [
            "python3.11",
            "python3",
            "python3.10",
            "python3.9",
            "python3.12",
            "python3.13",
            "python3.14",
            "python",
        ];
        for name in names {
            let question = "import sys, platform; print(sys.executable); print(*sys.version_info[:2]); print(platform.python_version())";
            let Some(answer) = ask(name, &["-c", question]) else { continue };
            let mut lines = answer.lines();
            let (Some(path), Some(pair), Some(full)) = (lines.next(), lines.next(), lines.next()) else {
                continue;
            };
            let minor = pair.strip_prefix("3 ").and_then(|m| m.parse::<u32>().ok());
            if minor.is_some_and(|m| self.pythons.contains(&m)) {
                return Ok((PathBuf::from(path), format!("Python {full}")));
            }
            seen.push(format!("{name} is {full}"));
        }
        let (low, high) = (self.pythons.start(), self.pythons.end());
        let seen = if seen.is_empty() { "none is on the path".to_owned() } else { seen.join(", ") };
        Err(format!("{} needs a Python from 3.{low} to 3.{high}: {seen}", self.requirements))
    }

    fn make(&self, base: &Path, dir: &Path) -> Result<()> {
        let python = dir.join("bin/python");
        let plain = command(base).args(["-m", "venv"]).arg(dir).output();
        if !plain.is_ok_and(|out| out.status.success()) {
            // Some systems ship Python without ensurepip: their own pip can install into another environment.
            remove_dir(dir)?;
            run(command(base).args(["-m", "venv", "--without-pip"]).arg(dir)).map_err(|why| {
                format!("{why}; on Debian and Ubuntu `apt-get install python3-venv` brings what is missing")
            })?;
        }
        let mut pip = pip(base, &python);
        pip.arg("--only-binary=:all:");
        pip.arg("--requirement").arg(self.requirements);
        run(&mut pip).or_else(|why| {
            eprintln!("oracle: {why}; trying once more");
            run(&mut pip)
        })
    }
}
