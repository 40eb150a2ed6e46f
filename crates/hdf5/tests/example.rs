//! The example of a new file does what it says.

#![allow(clippy::unwrap_used, reason = "tests: a panic is the failure report")]

#[path = "../examples/write.rs"]
mod write;

#[test]
fn the_example_runs() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.h5");
    assert_eq!(write::write(&path).unwrap(), 1000);
    // A file that is there is never replaced.
    assert!(write::write(&path).is_err());
}
