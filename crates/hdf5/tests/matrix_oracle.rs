//! Every type × layout × filter × shape × version (each two of them; all with `HYPERSLAB_SOAK=1`), written by us and by
//! h5py from one list: h5py on three versions of libhdf5 and h5dump see the same in both, h5py changes ours, and we read the result.

#![allow(clippy::unwrap_used, reason = "tests: a panic is the failure report")]

mod matrix;

use hyperslab_core::testing::{oracle, run_python};
use hyperslab_core::{Container, Limits, NodeKind, Selection};
use hyperslab_hdf5::File;
use hyperslab_hdf5::write::Libver;
use sha2::{Digest, Sha256};
use std::path::Path;
use std::process::Command;

const ORACLES: [&str; 3] = ["HYPERSLAB_PYTHON", "HYPERSLAB_PYTHON_114", "HYPERSLAB_PYTHON_112"];
/// Compares the first file with each of the others.
const SAME: &str = concat!(
    include_str!("oracle/same.py"),
    "\nfor other in sys.argv[3:]:\n    try:\n        main(sys.argv[2], other)\n",
    "    except SystemExit as e:\n        raise SystemExit(f'{other}: {e}')\n",
);
const MATRIX: &str = concat!(include_str!("oracle/_varies.py"), include_str!("oracle/matrix.py"));
const CHANGE: &str = concat!(include_str!("oracle/_varies.py"), include_str!("oracle/change.py"));

/// What h5dump prints of a file, word for word, but for the file's name, the addresses of objects, and the positions
/// that it puts before lines, which depend on how long those are.
fn dumped(file: &Path) -> Option<Vec<String>> {
    let out = Command::new("h5dump").arg(file).output().ok()?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    let text = text.replace(file.to_str().unwrap(), "FILE");
    let (mut words, mut before) = (Vec::new(), "");
    for word in text.split_whitespace() {
        let is_address =
            before.ends_with("GROUP") || before.ends_with("DATASET") || before.ends_with("DATATYPE");
        let is_number = word.bytes().all(|b| b.is_ascii_digit());
        if !(is_address && is_number || word.starts_with('(') && word.ends_with("):")) {
            words.push(word.to_owned());
        }
        before = word;
    }
    Some(words)
}

/// Writes cells by h5py and, for every version, by us; each of these interpreters sees the same in both files.
fn compared(cells: &[serde_json::Value], oracles: &[&str], then: impl Fn(&str, &Path, &Path)) {
    let Some(first) = oracle(ORACLES[0]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let (list, theirs) = (dir.path().join("list.json"), dir.path().join("theirs.h5"));
    std::fs::write(&list, serde_json::to_string(cells).unwrap()).unwrap();
    run_python(&first, MATRIX, &[list.as_os_str(), theirs.as_os_str()]);
    let ours = Libver::NAMES.map(|(name, libver)| {
        let ours = dir.path().join(format!("{name}.h5"));
        matrix::write(cells, &ours, libver);
        (name, ours)
    });
    for python in oracles.iter().filter_map(|v| oracle(v)) {
        let files = ours.iter().map(|(_, file)| file.as_os_str());
        let args: Vec<_> = ["all".as_ref(), theirs.as_os_str()].into_iter().chain(files).collect();
        let said = run_python(&python, SAME, &args);
        assert_eq!(said.lines().filter(|l| l.starts_with("same")).count(), ours.len(), "{said}");
    }
    for (name, file) in &ours {
        then(name, &theirs, file);
    }
}

#[test]
fn libhdf5_sees_what_h5py_would_have_written() {
    compared(&matrix::cells(&matrix::common()), &ORACLES, |name, theirs, ours| {
        let (Some(want), Some(got)) = (dumped(theirs), dumped(ours)) else {
            return println!("oracle: not run (h5dump is not installed)");
        };
        assert!(want.len() > 5_000 && !want.iter().any(|w| w == "unable"));
        let different = want.iter().zip(&got).enumerate().find(|(_, (a, b))| a != b);
        assert!(different.is_none() && want.len() == got.len(), "{name}: {different:?}");
    });
}

#[test]
fn h5py_reads_its_own_filter() {
    compared(&matrix::cells(&matrix::of_h5py()), &ORACLES, |_, _, _| {});
}

#[test]
fn hdf5plugin_reads_its_filters() {
    compared(&matrix::cells(&matrix::of_plugins()), &ORACLES[..1], |_, _, _| {});
}

#[test]
fn hdf5plugin_reads_its_packing_filters() {
    compared(&matrix::cells(&matrix::of_packing_plugins()), &ORACLES[..1], |_, _, _| {});
}

#[test]
fn filters_that_know_types_have_the_same_parameters() {
    compared(&matrix::cells_of_types(), &ORACLES, |name, theirs, ours| {
        if let (Some(want), Some(got)) = (dumped(theirs), dumped(ours)) {
            assert!(want == got, "{name}");
        }
    });
}

/// Every version of HDF5 with files of every version: of the objects a part each, so that all are changed by one of them;
/// in the long form all objects by each.
#[test]
fn what_h5py_changes_in_our_files_is_read() {
    let soak = std::env::var_os("HYPERSLAB_SOAK").is_some();
    let all = matrix::cells(&matrix::common());
    let dir = tempfile::tempdir().unwrap();
    let mut pairs = 0;
    for (v, (name, libver)) in Libver::NAMES.into_iter().enumerate() {
        for (o, variable) in ORACLES.into_iter().enumerate() {
            let Some(python) = oracle(variable) else { continue };
            // What others lead to, and what is no array, is in every part.
            let mine = |path: &str| match path.rsplit_once('/') {
                Some((group, array)) if !group.is_empty() => {
                    array.bytes().fold(0, |sum, b| sum + usize::from(b)) % 3 == (v + o) % 3
                }
                _ => true,
            };
            let needed = |cell: &serde_json::Value| {
                let path = cell["path"].as_str().unwrap();
                let refers = ["hard", "named"].iter().find_map(|k| cell[k].as_str());
                soak || refers.is_none_or(mine) && mine(path)
            };
            let cells: Vec<_> = all.iter().filter(|cell| needed(cell)).cloned().collect();
            let path = dir.path().join(format!("{name} {variable}.h5"));
            matrix::write(&cells, &path, libver);
            let said = run_python(&python, CHANGE, &[path.as_os_str()]);
            let count = read_again(&path, &said, &format!("{name} {variable}"));
            assert!(count > if soak { 500 } else { 60 }, "{name} {variable}: {count}");
            pairs += 1;
            std::fs::remove_file(&path).unwrap();
        }
    }
    println!("soak: {pairs} pairs of versions of files and of HDF5, changed by h5py");
}

/// Reads a file that h5py has changed, and said what is in it: the number of arrays.
fn read_again(path: &Path, said: &str, name: &str) -> usize {
    let (file, limits) = (File::open(path).unwrap(), Limits::default());
    let mut count = 0;
    for row in said.lines() {
        let row: serde_json::Value = serde_json::from_str(row).unwrap();
        let path = row["path"].as_str().unwrap();
        let view = file.read(path, &Selection::ALL, &limits).unwrap();
        assert_eq!(serde_json::json!(view.shape().to_vec()), row["shape"], "{name} {path}");
        let bytes = view.to_bytes(&limits).unwrap();
        let sum: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(sum, row["sha256"].as_str().unwrap(), "{name} {path}");
        count += 1;
    }
    for node in file.nodes("/", None, true, &limits).unwrap() {
        assert!(node.error.is_none(), "{name} {}: {:?}", node.path, node.error);
        if node.kind == NodeKind::Array && !node.path.ends_with("/added group/x") {
            assert!(node.attributes.iter().any(|(n, _)| n == "added"), "{name} {}", node.path);
        }
    }
    count
}
