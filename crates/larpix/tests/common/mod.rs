//! What the tests of the log share: messages that follow from their number, and larpix-control as the judge.

#![allow(dead_code, reason = "each test file uses its part")]

use hyperslab_core::testing;
use hyperslab_larpix::log::LogReader;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Message `i`: group, and bytes of a length between 0 and a few thousand.
pub(crate) fn message(i: u64) -> (u8, Vec<u8>) {
    let words = match i % 29 {
        0 => return (i as u8, Vec::new()),
        7 => 200,
        k => k,
    };
    let len = 8 + 16 * words + u64::from(i.is_multiple_of(5));
    let bytes = (0..len).map(|j| (i.wrapping_mul(0x9E37_79B9).wrapping_add(j * 7) >> 3) as u8).collect();
    (i as u8, bytes)
}

pub(crate) fn messages(range: std::ops::Range<u64>) -> Vec<(u8, Vec<u8>)> {
    range.map(message).collect()
}

pub(crate) fn borrowed(messages: &[(u8, Vec<u8>)]) -> impl Iterator<Item = (u8, &[u8])> {
    messages.iter().map(|(g, m)| (*g, m.as_slice()))
}

/// Reads a whole log with ours and checks that it is the first messages; returns how many.
pub(crate) fn check_ours(path: &Path) -> u64 {
    let reader = LogReader::open(path).unwrap();
    assert_eq!(reader.uneven(), None);
    let mut count = 0;
    reader
        .for_each(0..reader.len(), |i, group, bytes| {
            assert_eq!(i, count);
            assert!((group, bytes.to_vec()) == message(i), "message {i} differs");
            count += 1;
            Ok(())
        })
        .unwrap();
    count
}

/// The interpreters that are there, with the HDF5 version that each has.
pub(crate) fn pythons() -> Vec<(&'static str, PathBuf)> {
    testing::oracles().into_iter().map(|(hdf5, _, python)| (hdf5, python)).collect()
}

/// The generator above in Python, and checks by larpix-control and h5py. `check` reads a file in every way that there
/// is and returns the number of messages, which must be the first ones.
pub(crate) const PRELUDE: &str = r#"
import sys, warnings, time
import h5py, numpy as np
from larpix.format import rawhdf5format as raw
warnings.simplefilter("error", RuntimeWarning)

def message(i):
    k = i % 29
    if k == 0:
        return i % 256, b""
    n = 8 + 16 * (200 if k == 7 else k) + (i % 5 == 0)
    v = (i * 0x9E3779B9 + np.arange(n, dtype=np.uint64) * np.uint64(7)) >> np.uint64(3)
    return i % 256, v.astype(np.uint8).tobytes()

def check_rows(n, msgs, groups, start=0):
    assert len(msgs) == len(groups) == n, (len(msgs), len(groups), n)
    for i in range(n):
        g, m = message(start + i)
        assert bytes(msgs[i]) == m and int(groups[i]) == g, i

def check(path, raw_too=True):
    if raw_too:
        rd = raw.from_rawfile(path)
        n = raw.len_rawfile(path)
        check_rows(n, rd["msgs"], rd["msg_headers"]["io_groups"])
        assert rd["version"] == "0.0", rd["version"]
    for mode in ({}, {"swmr": True}):
        with h5py.File(path, "r", libver="latest", **mode) as f:
            n = len(f["msgs"])
            assert f["msg_headers"].dtype.names == ("io_groups",)
            check_rows(n, f["msgs"][:], f["msg_headers"]["io_groups"])
            assert f["msgs"].maxshape == f["msg_headers"].maxshape == (None,)
            assert {"version", "created", "modified"} <= set(f["meta"].attrs) and len(f["meta"].attrs) <= 4
    return n

def append(path, start, stop, io_version=None):
    rows = [message(i) for i in range(start, stop)]
    raw.to_rawfile(path, msgs=[m for _, m in rows], msg_headers={"io_groups": [g for g, _ in rows]}, io_version=io_version)
"#;

/// Runs a script after the prelude.
pub(crate) fn run(python: &Path, script: &str, args: &[&dyn AsRef<OsStr>]) -> String {
    let args: Vec<&OsStr> = args.iter().map(|a| (*a).as_ref()).collect();
    testing::run_python(python, &format!("{PRELUDE}\n{script}"), &args)
}

/// Reads a log with larpix-control and h5py, plainly and with SWMR; returns the number of messages.
pub(crate) fn check_theirs(python: &Path, path: &Path) -> u64 {
    run(python, "print(check(sys.argv[1]))", &[&path]).trim().parse().unwrap()
}

/// How many times longer the tests run when they may.
pub(crate) fn soak() -> u64 {
    std::env::var("HYPERSLAB_SOAK").ok().map_or(1, |v| v.parse().unwrap_or(1).max(50))
}
