//! Random arrays of every type, order and shape between nengo and us, both ways: the same bytes, the same values.

#![expect(clippy::unwrap_used, reason = "a panic is the failure report")]

use hyperslab_core::source::FileSource;
use hyperslab_core::{Limits, Selection, digest, testing};
use hyperslab_nco::{Nco, write};
use hyperslab_pickle::Policy;
use serde_json::Value as Json;
use std::ffi::OsStr;
use std::path::PathBuf;

const SCRIPT: &str = include_str!("interchange.py");

/// The Pythons that have nengo: with NumPy 2, and with NumPy 1.26.
fn pythons() -> Vec<PathBuf> {
    [testing::oracle_python(), testing::oracle("HYPERSLAB_PYTHON_114")].into_iter().flatten().collect()
}

fn lines(out: &str) -> Vec<Json> {
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn random_arrays_are_the_same_to_nengo_and_to_us() {
    let soak = std::env::var_os("HYPERSLAB_SOAK").is_some();
    let seed = std::env::var("HYPERSLAB_SEED").unwrap_or_else(|_| "1".into());
    let count = if soak { 5000 } else { 300 };
    let pythons = pythons();
    let mut both_ways = 0;
    for python in &pythons {
        let dir = tempfile::tempdir().unwrap();
        let theirs = dir.path().join("theirs.nco");
        let number = count.to_string();
        let args = [OsStr::new("write"), OsStr::new(&seed), OsStr::new(&number), theirs.as_os_str()];
        let truth = lines(&testing::run_python(python, SCRIPT, &args));
        assert_eq!(truth.len(), count);

        let nco = Nco::open(FileSource::open(&theirs).unwrap(), &Limits::default()).unwrap();
        assert!(nco.damage().is_empty(), "{:?}", nco.damage());
        assert_eq!(nco.entries().len(), count);
        let mut again = std::io::Cursor::new(Vec::new());
        let (mut ours, mut at) = (std::io::Cursor::new(Vec::new()), 0);
        let mut starts = Vec::new();
        for (entry, line) in nco.entries().iter().zip(&truth) {
            let limits = Limits::default();
            let (start, end) = (entry.header().start, entry.header().array.end);
            assert_eq!([&line[0], &line[1]], [&Json::from(start), &Json::from(end)]);
            let array = entry.array(nco.source(), &Selection::ALL, &limits).unwrap();
            let [_, shape, fortran, values] = line[2].as_array().unwrap().as_slice() else { unreachable!() };
            assert_eq!(&Json::from(array.shape().to_vec()), shape, "{line}");
            let is_fortran = array.is_f_contiguous() && !array.is_c_contiguous();
            assert_eq!(&Json::from(is_fortran), fortran, "{line}");
            if !values.is_null() {
                let canonical = digest::canonical(&array).unwrap();
                assert_eq!(&Json::from(sha256(&canonical)), values, "{line}");
            }
            // Given nengo's pickle, our bytes are nengo's.
            let pickle = entry.pickle(nco.source(), &limits).unwrap();
            assert_eq!(write::write_to(&mut again, start, &pickle, &array).unwrap(), end, "{line}");
            // With our own pickle, nengo reads the same.
            let metadata = entry.metadata(nco.source(), Policy::Strict, &limits).unwrap();
            let pickle = hyperslab_pickle::dump(&metadata).unwrap();
            starts.push(at.to_string());
            at = write::write_to(&mut ours, at, &pickle, &array).unwrap();
        }
        let (again, theirs) = (again.into_inner(), std::fs::read(&theirs).unwrap());
        let first = again.iter().zip(&theirs).position(|(a, b)| a != b);
        assert!(again == theirs, "byte {first:?} of {} and {}", again.len(), theirs.len());

        let path = dir.path().join("ours.nco");
        std::fs::write(&path, ours.into_inner()).unwrap();
        for reader in &pythons {
            for (starts, truth) in starts.chunks(2000).zip(truth.chunks(2000)) {
                let args = [OsStr::new("read"), path.as_os_str()];
                let args: Vec<&OsStr> = args.into_iter().chain(starts.iter().map(OsStr::new)).collect();
                let read = lines(&testing::run_python(reader, SCRIPT, &args));
                assert_eq!(read.len(), truth.len());
                for (got, want) in read.iter().zip(truth) {
                    assert_eq!([&got[2], &got[3]], [&want[2], &want[3]]);
                    both_ways += 1;
                }
            }
        }
    }
    println!(
        "soak: {both_ways} random cache objects written by nengo, read, written as the same bytes and read back by nengo"
    );
}

fn sha256(b: &[u8]) -> String {
    let view = hyperslab_core::View::from_slice([b.len() as u64], b).unwrap();
    digest::digest(&view).unwrap().unwrap()
}
