//! The tables of `docs/support.md` are true: every row that says "yes" is a file that h5py writes and we read.

#![allow(clippy::unwrap_used, reason = "tests: a panic is the failure report")]

use hyperslab_core::testing::{oracle_python, repo, run_python};
use hyperslab_core::{Limits, Selection, digest};
use hyperslab_hdf5::File;
use std::collections::BTreeSet;

/// Rows that other tests show, because they take more than one file or a library that is not h5py.
const ELSEWHERE: [(&str, &str); 3] = [
    ("file", "shared-message table"),
    ("file", "metadata cache image"),
    ("file", "SWMR, while it is written"),
];

/// The rows of the tables on reading that say yes, as table and row.
fn promised() -> BTreeSet<(String, String)> {
    let text = std::fs::read_to_string(repo().join("docs/support.md")).unwrap();
    let section = text.split("## HDF5, reading\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let mut out = BTreeSet::new();
    for table in section.split("\n### ").skip(1) {
        let (name, rows) = table.split_once('\n').unwrap();
        let cells = rows.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
        let yes = cells.filter(|(_, read)| read.starts_with("yes"));
        out.extend(yes.map(|(key, _)| (name.to_owned(), key.to_owned())));
    }
    out
}

#[test]
fn what_the_tables_promise_is_read() {
    let promised = promised();
    assert!(promised.len() > 40, "{promised:?}");
    let Some(python) = oracle_python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let said = run_python(
        &python,
        include_str!("../../../fixtures/make/fresh/hdf5_support.py"),
        &[folder.path().as_os_str()],
    );
    let limits = Limits::default();
    let mut shown: BTreeSet<(String, String)> =
        ELSEWHERE.iter().map(|(t, k)| ((*t).into(), (*k).into())).collect();
    for line in said.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        let file = File::open(folder.path().join(text("file"))).unwrap();
        let view = file.read(&text("path"), &Selection::ALL, &limits).unwrap();
        let sum = digest::digest(&view).unwrap();
        assert_eq!(sum.as_deref(), row["sha256"].as_str(), "{line}: {} {}", view.dtype(), view.shape());
        shown.insert((text("table"), text("key")));
    }
    assert_eq!(shown, promised);
}
