//! Soundness: what is sound passes, what is damaged is named, and nothing that changes what is read goes unseen.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic here is the failure report")]

use hyperslab::verify::{self, Verdict, Verified};
use hyperslab::{Limits, OpenOptions, Result, sum, testing};
use std::path::Path;

fn file(path: &Path) -> Result<Verified> {
    verify::file(path, &OpenOptions::default(), &mut |_| {})
}

/// 0, 1 or 2, as the command answers.
fn code(path: &Path) -> u8 {
    match file(path).map(|v| v.verdict()) {
        Ok(Verdict::Sound) => 0,
        Ok(Verdict::Damaged) => 1,
        Ok(Verdict::Unknown) | Err(_) => 2,
    }
}

#[test]
fn what_the_real_tools_wrote_is_sound() {
    for folder in ["npy", "npz", "nco", "hdf5", "raw", "larpix"] {
        for entry in std::fs::read_dir(testing::fixture(folder)).unwrap() {
            let path = entry.unwrap().path();
            let want = match path.file_name().unwrap().to_str().unwrap() {
                // Longer than NumPy accepts unless told to.
                "struct_wide.npy" => 2,
                // Bytes behind a pack may have been an object.
                "pack_trailing.nco" => 1,
                _ => 0,
            };
            assert_eq!(code(&path), want, "{}: {:?}", path.display(), file(&path));
        }
    }
}

#[test]
fn what_cannot_be_read_belongs_to_something() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.npz");
    let plain = std::fs::read(testing::fixture("npz/stored.npz")).unwrap();
    let place = |mark: &[u8]| plain.windows(4).position(|w| w == mark).unwrap();
    let (local, central) = (place(b"PK\x03\x04"), place(b"PK\x01\x02"));
    // The flag of encryption and three methods, in the header of the first member and in its directory entry.
    for (field, value) in [(6, 1), (8, 12), (8, 14), (8, 99)] {
        let mut bytes = plain.clone();
        bytes[local + field] = value;
        bytes[central + field + 2] = value;
        std::fs::write(&path, bytes).unwrap();
        let found = file(&path).unwrap();
        assert!(found.damage.is_empty() && found.unchecked.len() == 1, "{value}: {found:?}");
        assert!(found.notes.is_empty() && found.verdict() == Verdict::Unknown, "{value}: {found:?}");
    }
}

#[test]
fn every_hostile_file_is_judged() {
    let folder = testing::repo().join("fixtures/hostile");
    let text = std::fs::read_to_string(folder.join("verdicts.json")).unwrap();
    let verdicts: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
    // Sound as files, hostile to whoever runs pickles.
    let harmless = ["pickle_runs.nco", "pickle_itself.nco", "pickle_memo.nco"];
    let mut damaged = 0;
    for (name, verdict) in &verdicts {
        let code = code(&folder.join(name));
        if name == "open_for_writing.h5" {
            assert_eq!(code, 2, "nobody knows whether its writer is alive");
            continue;
        }
        let sound = verdict == "sound" || harmless.contains(&name.as_str());
        assert_eq!(code == 0, sound, "{name}: {verdict}, but {code}");
        damaged += usize::from(code == 1);
    }
    assert!(damaged > 50, "{damaged} are known to be damaged");
}

#[test]
fn the_corpus_is_judged_as_expected() {
    let Some(corpus) = testing::corpus() else { return };
    let truth = std::fs::read_to_string(corpus.join("npy/truth.jsonl")).unwrap();
    let mut seen = [0; 3];
    for line in truth.lines() {
        let case: serde_json::Value = serde_json::from_str(line).unwrap();
        if !matches!(case["kind"].as_str(), Some("npy" | "npz")) {
            continue;
        }
        let code = code(&corpus.join("npy").join(case["path"].as_str().unwrap()));
        seen[usize::from(code)] += 1;
        match case["expect"].as_str().unwrap() {
            "ok" => assert_eq!(code, 0, "{case}"),
            "error" | "member_error" => assert_ne!(code, 0, "{case}"),
            _ => {}
        }
    }
    assert!(seen[0] > 200 && seen[1] > 40, "{seen:?}");
}

/// Flips bits of a file one byte at a time: either that is seen, or everything is read as before.
fn flips_are_seen(name: &str, step: usize) {
    let original = std::fs::read(testing::fixture(name)).unwrap();
    let options = OpenOptions::default();
    let read = |bytes: &[u8]| {
        let c = hyperslab::open_bytes(bytes.to_vec().into(), Path::new(name), &options)?;
        let sums = sum::tree(&*c, "", &Limits::default(), &mut |_| {})?;
        Ok::<_, hyperslab::Error>(sums.into_iter().map(|s| (s.path, s.sha256)).collect::<Vec<_>>())
    };
    let want = read(&original).unwrap();
    let mut seen = 0;
    for i in (0..original.len()).step_by(step) {
        let mut bytes = original.clone();
        bytes[i] ^= 0x11;
        let found = verify::bytes(bytes.clone().into(), Path::new(name), &options, &mut |_| {});
        match found.map(|v| v.verdict()) {
            Ok(Verdict::Sound) => assert_eq!(read(&bytes).unwrap(), want, "{name}: byte {i}"),
            Ok(Verdict::Damaged) => seen += 1,
            _ => {}
        }
    }
    assert!(seen * step > original.len() / 4, "{name}: {seen} of {} flips seen", original.len() / step);
}

#[test]
fn no_flipped_bit_changes_what_is_read_unseen() {
    flips_are_seen("npz/stored.npz", 3);
    flips_are_seen("npz/deflated.npz", 3);
}

#[test]
fn truncation_is_damage_and_trailing_bytes_are_noted() {
    let options = OpenOptions::default();
    for name in ["npy/type_f8.npy", "npz/deflated.npz", "nco/solver_random.nco", "raw/name_int32_4_5.dat"] {
        let original = std::fs::read(testing::fixture(name)).unwrap();
        let check = |bytes: &[u8]| {
            verify::bytes(bytes.to_vec().into(), Path::new(name), &options, &mut |_| {}).map(|v| v.verdict())
        };
        for len in (8..original.len()).step_by(7) {
            assert_eq!(check(&original[..len]).unwrap(), Verdict::Damaged, "{name} cut to {len}");
        }
    }
    let mut npy = std::fs::read(testing::fixture("npy/type_f8.npy")).unwrap();
    let size = npy.len() as u64;
    npy.extend(b"more");
    let found = verify::bytes(npy.into(), Path::new("x.npy"), &options, &mut |_| {}).unwrap();
    assert_eq!(found.verdict(), Verdict::Sound);
    assert_eq!(found.notes.iter().map(|n| (n.offset, n.len)).collect::<Vec<_>>(), [(size, 4)]);
    let mut nco = std::fs::read(testing::fixture("demo/solver_a.nco")).unwrap();
    let size = nco.len() as u64;
    nco.extend([0; 30]);
    let found = verify::bytes(nco.into(), Path::new("x.nco"), &options, &mut |_| {}).unwrap();
    assert_eq!(found.verdict(), Verdict::Sound);
    assert_eq!(found.notes.iter().map(|n| (n.offset, n.len)).collect::<Vec<_>>(), [(size, 30)]);
    let e = verify::file(&testing::fixture("demo/messages.bin"), &options, &mut |_| {}).unwrap_err();
    assert_eq!(e.kind(), hyperslab::Kind::Usage);
}

/// Two contiguous datasets and a chunked one without checksums on their headers, as the oldest library writes them.
const OLD_FILE: &str = r#"
import sys, h5py, numpy as np
with h5py.File(sys.argv[1], "w", libver="earliest") as f:
    f["a"], f["b"] = np.arange(100.0), np.arange(100.0)
    f.create_dataset("c", data=np.arange(5000), chunks=(100,), compression=1)
    print(*(f[n].id.get_offset() for n in "ab"), *(f["c"].id.get_chunk_info(i).byte_offset for i in (7, 8)))
"#;

#[test]
fn overlaps_and_marks_of_a_writer_in_hdf5_are_seen() {
    let Some(python) = testing::oracle_python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.h5");
    let said = testing::run_python(&python, OLD_FILE, &[path.as_os_str()]);
    let places: Vec<u64> = said.split_whitespace().map(|n| n.parse().unwrap()).collect();
    assert_eq!(file(&path).unwrap().verdict(), Verdict::Sound);
    let plain = std::fs::read(&path).unwrap();
    // One dataset, then one chunk, moved half onto another.
    for (from, onto, what) in [(places[1], places[0] + 400, "elements"), (places[3], places[2] + 8, "chunk")]
    {
        let mut bytes = plain.clone();
        let at = bytes.windows(8).position(|w| w == from.to_le_bytes()).unwrap();
        bytes[at..at + 8].copy_from_slice(&onto.to_le_bytes());
        std::fs::write(&path, &bytes).unwrap();
        let found = file(&path).unwrap();
        let overlap = format!("{what} at byte {onto}: overlaps the {what}");
        assert!(found.damage.iter().any(|e| e.to_string().contains(&overlap)), "{:?}", found.damage);
    }
    let marked = r#"
import os, sys, h5py
f = h5py.File(sys.argv[1], "w", libver="latest")
f["a"] = 1
f.flush()
os._exit(0)
"#;
    testing::run_python(&python, marked, &[path.as_os_str()]);
    let found = file(&path).unwrap();
    assert_eq!((found.verdict(), found.damage.len()), (Verdict::Unknown, 0));
    assert!(found.unchecked[0].to_string().contains("marked as open for writing"), "{found:?}");
}
