//! The examples do what they say.

#![allow(clippy::unwrap_used, reason = "tests: a panic is the failure report")]

#[path = "../examples/image.rs"]
mod image;
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

#[test]
fn images_are_made_changed_and_kept() {
    image::arrays().unwrap();
    image::tree().unwrap();
    let dir = tempfile::tempdir().unwrap();
    image::kept(&dir.path().join("kept.h5")).unwrap();
}
