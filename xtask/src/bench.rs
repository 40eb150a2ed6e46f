//! `cargo xtask bench`: us and each peer in turns on the same data, in one run, into `docs/benchmarks.md`.
//!
//! Both sides are programs that time one operation many times and print the samples as JSON: `bench/` is ours,
//! `bench/peers/*.py` are the peers. A round is one run of each; a side's number is the median over rounds of the
//! round's median, and a row is the ratio of the two. What a row claims is written once, in `bench/rows/`.

mod rows;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::machine;
use crate::run::{Result, cargo, command, make_dir, output, read, remove_dir, root, run, target, write};
use crate::venv;
use rows::{Goal, Row, Unit};

/// Rounds of a whole run: enough that one disturbed round moves no median.
const ROUNDS: usize = 7;
/// Rounds of a heavy row.
const HEAVY_ROUNDS: usize = 3;

/// Runs the named rows, or all; only a run of all rows writes the file.
pub(crate) fn main(args: &[String]) -> Result<()> {
    if let Some(unknown) = args.iter().find(|arg| rows::all().all(|row| row.name != *arg)) {
        let mut names: Vec<&str> = rows::all().map(|row| row.name).collect();
        names.dedup();
        return Err(format!("there is no row {unknown:?}; there are: {}", names.join(", ")));
    }
    let python = venv::current()?;
    run(cargo().args(["build", "--release", "--package", "hyperslab-bench"]))?;
    let ours = target().join("release/hyperslab-bench");
    let scratch = Scratch { memory: memory(), disk: target().join(format!("bench-{}", std::process::id())) };
    for folder in [&scratch.memory, &scratch.disk] {
        remove_dir(folder)?;
        make_dir(folder)?;
    }
    let result = table(&ours, &python, &scratch, args);
    for folder in [&scratch.memory, &scratch.disk] {
        remove_dir(folder)?;
    }
    let table = result?;
    print!("{table}");
    if args.is_empty() {
        let notes = read(&root().join("bench/notes.md"))?;
        let text = format!("{}\n{table}\n{notes}", head(&python, &scratch.memory)?);
        write(&root().join("docs/benchmarks.md"), &text)?;
    }
    Ok(())
}

/// Where the files of a run lie.
struct Scratch {
    memory: PathBuf,
    disk: PathBuf,
}

/// Memory-backed where there is such a place: most numbers are about the programs, not about a disk.
fn memory() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let base = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
    base.join(format!("hyperslab-bench-{}", std::process::id()))
}

fn table(ours: &Path, python: &Path, scratch: &Scratch, only: &[String]) -> Result<String> {
    for script in ["data.py", "hdf5_data.py"] {
        run(command(python).arg("-B").arg(root().join("bench/peers").join(script)).arg(&scratch.memory))?;
    }
    run(command(ours).arg("prepare").arg(&scratch.memory))?;
    let messages = "messages.bin";
    std::fs::copy(scratch.memory.join(messages), scratch.disk.join(messages))
        .map_err(|e| format!("cannot copy {messages} to {}: {e}", scratch.disk.display()))?;
    let mut text = String::from(
        "| what | ours | peer | peer's | time, ours / peer's | goal | met |\n|---|---|---|---|---|---|---|\n",
    );
    let mut heavy: HashMap<(&str, &str), f64> = HashMap::new();
    for row in rows::all().filter(|row| only.is_empty() || only.iter().any(|name| name == row.name)) {
        let (mut mine, mut theirs, mut note) = (Vec::new(), Vec::new(), None);
        let folder = if row.on_disk { &scratch.disk } else { &scratch.memory };
        let known = row.script.and_then(|s| heavy.get(&s)).copied();
        for _ in 0..if row.heavy { HEAVY_ROUNDS } else { ROUNDS } {
            let round = samples(command(ours).arg(row.name).arg(folder))?;
            mine.push(median(round.samples)?);
            note = round.note;
            theirs.push(median(match row.script {
                None => round.peer,
                Some(_) if known.is_some() => known.into_iter().collect(),
                Some((script, operation)) => {
                    let mut peer = command(python);
                    // A numpy on the kernels chosen for older builds would be a slower peer than it is.
                    peer.env_remove("OPENBLAS_CORETYPE").env_remove("OPENBLAS_L2_SIZE");
                    peer.arg("-B").arg(root().join("bench/peers").join(script)).arg(operation).arg(folder);
                    samples(&mut peer)?.samples
                }
            })?);
        }
        let (mine, theirs) = (median(mine)?, median(theirs)?);
        if let Some(script) = row.script.filter(|_| row.heavy) {
            heavy.insert(script, theirs);
        }
        eprintln!(
            "bench: {}: {} beside {} ({})",
            row.name,
            row.unit.show(mine),
            row.unit.show(theirs),
            row.peer
        );
        text.push_str(&row.line(mine, theirs, note.as_deref()));
    }
    Ok(text)
}

impl Row {
    fn line(&self, mine: f64, theirs: f64, note: Option<&str>) -> String {
        let ratio = mine / theirs;
        let ratio_shown = if ratio < 0.1 { format!("1 / {:.0}", 1.0 / ratio) } else { format!("{ratio:.2}") };
        let (goal, met) = match self.goal {
            Goal::AtMost(limit) => (format!("≤ {}", self.unit.show(limit)), mine <= limit),
            Goal::Rate(rate) => (format!("≥ {}", self.unit.show(1.0 / rate)), 1.0 / mine >= rate),
            Goal::Ratio(limit) if limit < 0.1 => (format!("≤ 1 / {:.0}", 1.0 / limit), ratio <= limit),
            Goal::Ratio(limit) => (format!("≤ {limit} x"), ratio <= limit),
        };
        let met = if met { "yes" } else { "**no**" };
        let (mine, theirs) = (self.unit.show(mine), self.unit.show(theirs));
        let what = note.map_or(self.what.to_owned(), |note| format!("{} ({note})", self.what));
        format!("| {what} | {mine} | {} | {theirs} | {ratio_shown} | {goal} | {met} |\n", self.peer)
    }
}

impl Unit {
    fn show(self, seconds: f64) -> String {
        match self {
            Unit::Seconds if seconds < 1e-6 => format!("{:.2} µs", seconds * 1e6),
            Unit::Seconds if seconds < 1e-3 => format!("{:.1} µs", seconds * 1e6),
            Unit::Seconds => format!("{:.2} ms", seconds * 1e3),
            Unit::Rows if seconds <= 1e-6 => format!("{:.2} M rows/s", 1e-6 / seconds),
            Unit::Rows => format!("{:.1} k rows/s", 1e-3 / seconds),
            Unit::Messages if seconds <= 1e-6 => format!("{:.2} M msg/s", 1e-6 / seconds),
            Unit::Messages => format!("{:.1} k msg/s", 1e-3 / seconds),
        }
    }
}

/// What one side of a round prints.
struct Round {
    samples: Vec<f64>,
    peer: Vec<f64>,
    note: Option<String>,
}

/// Runs one side of a round; it prints `{"samples": [seconds, ..]}`, `"peer"` when it timed that too, and perhaps a `"note"`.
fn samples(side: &mut std::process::Command) -> Result<Round> {
    let text = output(side)?;
    let shown = crate::run::shown(side);
    let json: serde_json::Value = serde_json::from_str(&text).map_err(|e| format!("{shown}: {e}"))?;
    let numbers = |key: &str| -> Vec<f64> {
        let list = json.get(key).and_then(serde_json::Value::as_array);
        list.into_iter().flatten().filter_map(serde_json::Value::as_f64).collect()
    };
    let note = json.get("note").and_then(serde_json::Value::as_str).map(str::to_owned);
    Ok(Round { samples: numbers("samples"), peer: numbers("peer"), note })
}

fn median(mut values: Vec<f64>) -> Result<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = values.get(middle).ok_or("a benchmark gave no samples")?;
    match values.len() % 2 {
        0 => Ok((upper + values.get(middle.wrapping_sub(1)).unwrap_or(upper)) / 2.0),
        _ => Ok(*upper),
    }
}

fn head(python: &Path, scratch: &Path) -> Result<String> {
    let versions = output(command(python).args(["-c", "\
import sys, numpy, h5py, nengo
from importlib.metadata import version
print(f'Python {sys.version.split()[0]}, numpy {numpy.__version__}, h5py {h5py.__version__} '
      f'(HDF5 {h5py.version.hdf5_version}), nengo {nengo.__version__}, larpix-control {version(\"larpix-control\")}')"]))?;
    let place = if scratch.starts_with("/dev/shm") {
        "memory-backed storage (`/dev/shm`)"
    } else {
        "the temporary folder"
    };
    let mut text = format!(
        "# Benchmarks\n\n\
         Written by `cargo xtask bench`; the one place where speed is claimed. Do not edit.\n\n\
         Each row is one run of us and one of the peer in turns, {ROUNDS} rounds, on the same data: medians over\n\
         rounds of each round's median ({HEAVY_ROUNDS} rounds where one operation takes a second). Times drift on shared machines; the ratios are what to trust. All files, the\n\
         message log of both sides included, lie in {place}, warm; where a row says \"on the disk\", both sides' lie where our program does. What is timed for a file includes opening and\n\
         closing it. A log append by larpix-control opens and closes the file each time, as its `to_rawfile` does.\n\n\
         - date: {}, commit {}\n",
        machine::today(),
        machine::commit(),
    );
    for line in machine::lines() {
        text.push_str(&format!("- {line}\n"));
    }
    text.push_str(&format!("- peers: {}\n", versions.trim()));
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::{Unit, median};

    #[test]
    fn medians() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Ok(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Ok(2.5));
        assert!(median(Vec::new()).is_err());
    }

    #[test]
    fn units() {
        assert_eq!(Unit::Seconds.show(2.0e-7), "0.20 µs");
        assert_eq!(Unit::Seconds.show(5.4e-3), "5.40 ms");
        assert_eq!(Unit::Messages.show(1.0 / 8.9e6), "8.90 M msg/s");
        assert_eq!(Unit::Messages.show(1.0 / 58e3), "58.0 k msg/s");
    }
}
