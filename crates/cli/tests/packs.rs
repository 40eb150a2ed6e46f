//! Packs of cache objects through the program: damaged ones recovered, keys and checksums shown, compared and carried.

#![expect(clippy::unwrap_used, reason = "tests: a panic is the failure report")]

use hyperslab::nco::{Extension, Nco, Pack, pack};
use hyperslab::source::{FileSource, SliceSource};
use hyperslab::{Container, Limits, Selection, View, digest, testing};
use serde_json::Value as Json;
use std::path::Path;
use std::process::{Command, Output};

fn slab(args: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_slab")).args(args).current_dir(folder).output().unwrap()
}

fn printed(out: &Output) -> String {
    String::from_utf8(out.stdout.clone()).unwrap() + &String::from_utf8(out.stderr.clone()).unwrap()
}

/// Five objects with keys, whose arrays hold their number.
fn keyed(path: &Path) {
    let mut pack = Pack::create(path).unwrap();
    for i in 0..5u8 {
        let array = View::from_slice([3], &[f64::from(i); 3]).unwrap();
        let created = Some(1_000_000_000_000_000_000 + i64::from(i));
        let extension = Extension { created, ..Extension::for_key(format!("key-{i}")) };
        pack.append(&[b"\x80\x02}X\x01\0\0\0iK", &[i, b's', b'.'][..]].concat(), &array, Some(&extension))
            .unwrap();
    }
}

#[test]
fn damaged_packs_are_recovered() {
    let Some(corpus) = testing::corpus().map(|c| c.join("nengo/packed")) else { return };
    let manifest: Json =
        serde_json::from_slice(&std::fs::read(corpus.join("manifest.json")).unwrap()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    for file in manifest.as_array().unwrap() {
        let name = file["file"].as_str().unwrap();
        let input = corpus.join(name);
        let before = std::fs::read(&input).unwrap();
        let out = slab(&["recover", "--json", input.to_str().unwrap(), name], dir.path());
        let done: Json = serde_json::from_slice(&out.stdout).unwrap_or_else(|_| panic!("{}", printed(&out)));
        let one = vec![file.clone()];
        let want = file.get("entries").map_or(&one, |e| e.as_array().unwrap());
        assert_eq!(done["saved"], want.len(), "{name}: {done}");
        let lost = u64::from(
            ["torn_tail.nco", "lost_header_10.nco", "bad_magic_10.nco", "loop_10.nco"].contains(&name),
        );
        // Another magic is not seen to have been an object's.
        let lost = if name == "bad_magic_10.nco" { done["lost"].as_u64().unwrap() } else { lost };
        assert_eq!(done["lost"], lost, "{name}: {done}");
        assert_eq!(out.status.code(), Some(i32::from(lost > 0)), "{name}");
        assert_eq!(std::fs::read(&input).unwrap(), before);
        // What was saved is sound, and holds what the manifest says in the order of the file.
        let verified = slab(&["verify", name], dir.path());
        assert_eq!(verified.status.code(), Some(0), "{}", printed(&verified));
        let nco = Nco::open(FileSource::open(dir.path().join(name)).unwrap(), &Limits::default()).unwrap();
        assert_eq!(nco.entries().len(), want.len());
        let source = SliceSource(&before);
        let old = pack::walk(&source, &Limits::default()).unwrap();
        for (i, want) in want.iter().enumerate() {
            let path = if nco.is_pack() { i.to_string() } else { String::new() };
            let view = nco.read(&path, &Selection::ALL, &Limits::default()).unwrap();
            if let Some(sum) = want.get("sha256_c") {
                let bytes = view.to_bytes(&Limits::default()).unwrap();
                let bytes = View::from_slice([bytes.len() as u64], &bytes).unwrap();
                assert_eq!(digest::digest(&bytes).unwrap().unwrap(), sum.as_str().unwrap(), "{name} {i}");
            }
            assert_eq!(
                nco.entries()[i].pickle(nco.source(), &Limits::default()).unwrap(),
                old.entries[i].pickle(&source, &Limits::default()).unwrap()
            );
        }
    }
}

#[test]
fn keys_survive_lost_headers() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keyed.nco");
    keyed(&path);
    let good = std::fs::read(&path).unwrap();
    assert_eq!(slab(&["verify", "keyed.nco"], dir.path()).status.code(), Some(0));
    let starts: Vec<usize> = pack::walk(&SliceSource(&good), &Limits::default())
        .unwrap()
        .entries
        .iter()
        .map(|e| e.header().start as usize)
        .collect();
    // The first header and another one.
    let mut bytes = good.clone();
    for start in [starts[0], starts[3]] {
        bytes[start..start + 40].fill(0);
    }
    std::fs::write(dir.path().join("lost.nco"), &bytes).unwrap();
    let out = slab(&["recover", "lost.nco", "found.nco"], dir.path());
    let text = printed(&out);
    assert_eq!(out.status.code(), Some(0), "{text}");
    assert!(
        text.contains("saved 5 objects") && text.contains("object 3: found by its extension block"),
        "{text}"
    );
    assert!(std::fs::read(dir.path().join("found.nco")).unwrap() == good);
    // The others that start with an object are told to be damaged where it is.
    bytes[..40].copy_from_slice(&good[..40]);
    std::fs::write(dir.path().join("lost.nco"), &bytes).unwrap();
    let out = slab(&["verify", "lost.nco"], dir.path());
    let text = printed(&out);
    assert_eq!(out.status.code(), Some(1), "{text}");
    assert!(
        text.contains(&format!("3: NCO header at byte {}: a header that was never written", starts[3])),
        "{text}"
    );
    assert!(text.contains("slab recover"), "{text}");
}

#[test]
fn flipped_bits_are_named() {
    let dir = tempfile::tempdir().unwrap();
    keyed(&dir.path().join("keyed.nco"));
    let good = std::fs::read(dir.path().join("keyed.nco")).unwrap();
    let entry = pack::walk(&SliceSource(&good), &Limits::default()).unwrap().entries[2].clone();
    let header = entry.header();
    let cases = [
        (header.array.end - 1, "array at byte", "the array is damaged: its checksum is", 4),
        (header.pickle.start + 8, "metadata at byte", "the pickle is damaged: its checksum is", 4),
        (header.gap().start + 12, "extension block at byte", "the extension block is damaged", 5),
    ];
    for (at, place, what, saved) in cases {
        let mut bytes = good.clone();
        bytes[at as usize] ^= 1;
        std::fs::write(dir.path().join("bad.nco"), bytes).unwrap();
        for command in
            [&["verify", "bad.nco"][..], &["show", "bad.nco:2"], &["convert", "bad.nco", "bad.npz"]]
        {
            let out = slab(command, dir.path());
            let text = printed(&out);
            assert_eq!(
                out.status.code(),
                Some(if command[0] == "verify" { 1 } else { 2 }),
                "{command:?} {text}"
            );
            assert!(text.contains(place) && text.contains(what), "{command:?} {text}");
        }
        assert!(!dir.path().join("bad.npz").exists());
        // The others are whole.
        let out = slab(&["recover", "bad.nco", "rest.nco", "--force", "--json"], dir.path());
        let done: Json = serde_json::from_slice(&out.stdout).unwrap();
        assert_eq!((&done["saved"], &done["complete"]), (&saved.into(), &false.into()), "{done}");
        let rest = std::fs::read(dir.path().join("rest.nco")).unwrap();
        let (keys, without) = pack::index(&SliceSource(&rest), &Limits::default()).unwrap();
        assert_eq!((keys.len(), without), (4, saved - 4));
    }
}

#[test]
fn extensions_are_shown_and_carried() {
    let dir = tempfile::tempdir().unwrap();
    keyed(&dir.path().join("keyed.nco"));
    let out = slab(&["show", "keyed.nco:1"], dir.path());
    assert_eq!(
        printed(&out),
        concat!(
            "metadata\n  i: 1\nextension\n  key: 'key-1'\n  created: 2001-09-09T01:46:40.000000001\n  writer: 'hyperslab ",
            env!("CARGO_PKG_VERSION"),
            "'\n  checksums:\n    - 'metadata'\n    - 'array'\narray <f8 (3,)\n[1. 1. 1.]\n"
        )
    );
    let out = slab(&["show", "keyed.nco:1", "--json"], dir.path());
    let document: Json = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(document["extension"]["key"], "key-1");
    assert_eq!(document["metadata"]["i"], 1);

    // Pack to pack, converted or repacked, nothing changes; a container without a place for it says so.
    let good = std::fs::read(dir.path().join("keyed.nco")).unwrap();
    for command in [["repack", "keyed.nco", "repacked.nco"], ["convert", "keyed.nco", "converted.nco"]] {
        let out = slab(&command, dir.path());
        assert_eq!(out.status.code(), Some(0), "{}", printed(&out));
        let made = std::fs::read(dir.path().join(command[2])).unwrap();
        let (keys, without) = pack::index(&SliceSource(&made), &Limits::default()).unwrap();
        assert_eq!((keys.len(), without), (5, 0));
        assert!(
            keys.iter().enumerate().all(|(i, k)| k.created == Some(1_000_000_000_000_000_000 + i as i64))
        );
        // Pickles that are copied as they are leave every byte in its place.
        assert!(command[0] == "convert" || made == good);
        assert_eq!(slab(&["diff", "keyed.nco", command[2]], dir.path()).status.code(), Some(0));
        assert_eq!(slab(&["verify", command[2]], dir.path()).status.code(), Some(0));
    }
    let out = slab(&["convert", "keyed.nco:4", "one.npz"], dir.path());
    let text = printed(&out);
    assert_eq!(out.status.code(), Some(0), "{text}");
    assert!(text.contains("the extension block") && text.contains("key, created, writer"), "{text}");
    let out = slab(&["convert", "keyed.nco:4", "one.nco"], dir.path());
    assert_eq!(out.status.code(), Some(0), "{}", printed(&out));
    assert!(printed(&slab(&["show", "one.nco"], dir.path())).contains("key: 'key-4'"));
    // Of a part of the array the key would not be true.
    let out = slab(&["convert", "keyed.nco:4[:2]", "part.nco"], dir.path());
    assert_eq!(out.status.code(), Some(0), "{}", printed(&out));
    assert!(!printed(&slab(&["show", "part.nco"], dir.path())).contains("key"));
}
