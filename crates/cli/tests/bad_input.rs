//! What cannot be written as HDF5, by `slab convert` and `slab repack`: one line that says why, exit code 2, nothing
//! left behind, and every file that was there as it was.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "tests: a panic is the failure report")]

use hyperslab::hdf5::Writer;
use hyperslab::npy::NpzWriter;
use hyperslab::{ArrayOptions, ContainerWriter as _, View};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Every file of a folder, with its bytes.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut out = BTreeMap::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let bytes = if path.is_dir() { Vec::new() } else { std::fs::read(&path).unwrap() };
        out.insert(path.file_name().unwrap().to_string_lossy().into_owned(), bytes);
    }
    out
}

/// Runs the program in a folder, by a shell that does something `first`; it must refuse, say so on one line that has
/// these words, and change nothing.
fn refused(dir: &Path, first: &str, args: &[&str], says: &str) {
    let before = files(dir);
    let out = Command::new("sh")
        .args(["-c", &format!("{first}exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_slab")])
        .args(args)
        .current_dir(dir)
        .output()
        .unwrap();
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(2), "{args:?}: {said}");
    assert!(said.starts_with("slab: ") && said.contains(says), "{args:?}: {said}: not {says}");
    // What the options themselves do not allow is said with the usage behind it.
    let lines = said.lines().count();
    assert!(lines == 1 || said.contains("--help"), "{args:?}: {said}");
    assert!(!said.contains("panicked") && !said.contains(".slab-"), "{args:?}: {said}");
    assert!(files(dir) == before, "{args:?}: {:?} where {:?}", files(dir).keys(), before.keys());
}

/// A folder with files to start from.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let rows = View::from_slice([4, 3], &[1i32; 12]).unwrap();
    let mut w = NpzWriter::create(dir.path().join("in.npz"), false).unwrap();
    w.add("run/x", &rows, None).unwrap();
    w.add("one", &View::from_slice([], &[1.0]).unwrap(), None).unwrap();
    Box::new(w).finish().unwrap();
    let mut w = Writer::create(dir.path().join("in.h5"), false).unwrap();
    w.array("/run/x", &rows, &ArrayOptions::default()).unwrap();
    w.dataset("/one").write(&View::from_slice([], &[1.0]).unwrap()).unwrap();
    w.finish().unwrap();
    std::fs::write(dir.path().join("there.h5"), b"somebody's").unwrap();
    std::fs::create_dir(dir.path().join("folder.h5")).unwrap();
    dir
}

#[test]
fn targets_that_cannot_be() {
    let dir = folder();
    for command in ["convert", "repack"] {
        for (out, says) in [
            ("there.h5", "already exists"),
            ("in.h5", "already exists"),
            ("folder.h5", "already exists"),
            ("none/out.h5", "there is no folder"),
            ("in.h5/out.h5", "there is no folder"),
            ("", ""),
            ("..", ""),
        ] {
            refused(dir.path(), "", &[command, "in.h5", out, "--gzip", "1"], says);
        }
        for (out, says) in [("folder.h5", "not a regular file"), ("none/out.h5", "there is no folder")] {
            refused(dir.path(), "", &[command, "in.h5", out, "--force"], says);
        }
        if cfg!(target_os = "linux") {
            // Nobody makes files there, not even who may write everywhere.
            refused(dir.path(), "", &[command, "in.h5", "/proc/out.h5"], "cannot create");
            refused(dir.path(), "", &[command, "in.h5", "/dev/full", "--force"], "");
        }
        refused(dir.path(), "", &[command, "none.h5", "out.h5"], "none.h5");
        refused(dir.path(), "", &[command, "folder.h5", "out.h5"], "directory");
        refused(dir.path(), "", &[command, "there.h5", "out.h5"], "");
    }
}

#[test]
fn options_that_do_not_apply() {
    let dir = folder();
    for input in ["in.npz", "in.h5"] {
        for (args, says) in [
            (&["--gzip", "10"][..], "10 is not in 1..=9"),
            (&["--gzip", "4", "--lzf"], "cannot be used with"),
            (&["--chunks", "0,3"], "is not like"),
            (&["--chunks", "18446744073709551616,1"], "is not like"),
            (&["--libver", "v42"], "v42"),
        ] {
            for out in ["out.h5", "there.h5"] {
                let args = [&["convert", input, out, "--force"], args].concat();
                refused(dir.path(), "", &args, says);
            }
        }
    }
}

/// Keys of an NPZ that HDF5 has no names for. The name of a member has no checksum, so it can be put there.
#[test]
fn names_that_hdf5_lacks() {
    let dir = folder();
    let path = dir.path().join("odd.npz");
    let rows = View::from_slice([4, 3], &[1i32; 12]).unwrap();
    for (keys, names) in [
        (["q", "w"], ["/", "w"]),
        (["qq", "w"], ["..", "w"]),
        (["q", "w"], [".", "w"]),
        (["qqqq", "w"], ["q/..", "w"]),
        (["qqqq", "w"], ["../q", "w"]),
        (["qqqq", "w"], ["q//q", "w"]),
        (["qqq", "w"], ["/qq", "w"]),
        (["qqq", "w"], ["qq/", "w"]),
        (["qqq", "w"], ["q\0q", "w"]),
        // A name that is an array and a group.
        (["qq", "ww/x"], ["ww", "ww/x"]),
    ] {
        let mut w = NpzWriter::create(&path, true).unwrap();
        keys.iter().for_each(|key| w.add(key, &rows, None).unwrap());
        Box::new(w).finish().unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        for (key, name) in keys.iter().zip(names) {
            let member = format!("{key}.npy");
            let places: Vec<usize> = (0..bytes.len() - member.len())
                .filter(|&at| bytes[at..].starts_with(member.as_bytes()))
                .filter(|&at| at < 2 || !bytes[..at].ends_with(b"/"))
                .collect();
            for at in places {
                bytes[at..at + name.len()].copy_from_slice(name.as_bytes());
            }
        }
        std::fs::write(&path, bytes).unwrap();
        for out in ["out.h5", "there.h5"] {
            refused(dir.path(), "", &["convert", "odd.npz", out, "--force"], "odd.npz");
        }
    }
}

/// Metadata that HDF5 has no names for or cannot hold.
#[test]
fn metadata_that_hdf5_lacks() {
    let dir = folder();
    for meta in [r#"k={"a": 1}"#, "k=[[1], [2]]", r#"k="a\u0000b""#, "=1", "k"] {
        refused(dir.path(), "", &["convert", "in.npz", "out.h5", "--meta", meta], "");
        refused(dir.path(), "", &["convert", "in.npz", "there.h5", "--force", "--meta", meta], "");
    }
}

/// Files that lie about their shapes.
#[test]
fn shapes_that_overflow() {
    let dir = folder();
    let hostile = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/hostile");
    for name in [
        "overflowing_dims.h5",
        "lying_dims.h5",
        "rank_255.h5",
        "dims_beyond_max.h5",
        "overflowing_shape.npy",
        "overflowing_bytes.npy",
        "negative_dimension.npy",
        "huge_item.npy",
        "lying_shape.npy",
    ] {
        let input: PathBuf = hostile.join(name);
        let input = input.to_str().unwrap();
        refused(dir.path(), "", &["convert", input, "out.h5"], name);
        refused(dir.path(), "", &["convert", input, "there.h5", "--force", "--gzip", "4"], name);
        if name.ends_with(".h5") {
            refused(dir.path(), "", &["repack", input, "out.h5"], name);
            refused(dir.path(), "", &["repack", input, "there.h5", "--force"], name);
        }
    }
}

/// No file may have more than 64 KiB: a limit stands for a full disk.
#[test]
fn a_full_disk() {
    let dir = folder();
    let noise: Vec<u64> =
        (0..1u64 << 15).map(|i| i.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23)).collect();
    let mut w = Writer::create(dir.path().join("large.h5"), false).unwrap();
    for i in 0..8 {
        let part = View::from_slice([1 << 12], &noise[i << 12..(i + 1) << 12]).unwrap();
        w.array(&format!("/{i}"), &part, &ArrayOptions::default()).unwrap();
    }
    w.finish().unwrap();
    let first = "ulimit -f 64; ";
    let large = "File too large";
    for libver in ["earliest", "v110", "latest"] {
        for options in [&[][..], &["--gzip", "1"], &["--chunks", "500"]] {
            for command in ["convert", "repack"] {
                let new = [&[command, "large.h5", "out.h5", "--libver", libver], options].concat();
                refused(dir.path(), first, &new, large);
                let old =
                    [&[command, "large.h5", "there.h5", "--force", "--libver", libver], options].concat();
                refused(dir.path(), first, &old, large);
                let itself = [&[command, "large.h5", "large.h5", "--force", "--libver", libver], options];
                refused(dir.path(), first, &itself.concat(), large);
            }
        }
    }
    refused(dir.path(), first, &["convert", "large.h5", "out.npz"], large);
}
