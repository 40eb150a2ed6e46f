//! NPZ archives, edited: what is not touched stays, what is put in is there, and where the editor refuses an archive
//! the file is as it was.
#![no_main]

use hyperslab_core::container::Container;
use hyperslab_core::source::SliceSource;
use hyperslab_core::{Limits, Selection, View};
use hyperslab_fuzz::{choice, pool, repair_crcs};
use hyperslab_npy::{Npz, NpzEditor};
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use std::path::Path;
use std::sync::LazyLock;

/// Members of an archive that are compared.
const MEMBERS: usize = 6;

/// Where the archives lie: in memory where the system has such a folder, since the editor waits for the disk.
static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
});

fn limits() -> Limits {
    Limits::new(1 << 20, 10_000, 64)
}

fn content(npz: &Npz<SliceSource<'_>>, key: &str) -> Option<Vec<u8>> {
    let view = npz.read(key, &Selection::ALL, &limits()).ok()?;
    Some([view.dtype().to_string().as_bytes(), &view.to_bytes(&limits()).unwrap()].concat())
}

fuzz_mutator!(|data: &mut [u8], size: usize, most: usize, seed: u32| {
    let size = fuzzer_mutate(data, size, most);
    if seed % 4 != 0 {
        repair_crcs(&mut data[..size]);
    }
    size
});

fuzz_target!(init: pool(), |archive: &[u8]| {
    let Ok(before) = Npz::open(SliceSource(archive), &limits()) else { return };
    let path = FOLDER.path().join("x.npz");
    std::fs::write(&path, archive).unwrap();
    let Ok(mut edit) = NpzEditor::open(&path, &limits()) else { return };
    let keys: Vec<&str> = before.keys().collect();
    let how = choice(archive);
    let small = View::from_slice([2], &[1i64, 2]).unwrap();
    let pack = (how >> 4 == 0).then_some(1);
    let chosen = keys.get(usize::from(how >> 2 & 3)).copied();
    let mut want = keys.clone();
    let mut new = None;
    match (how & 3, chosen) {
        (0, Some(key)) if edit.remove(key).is_ok() => want.retain(|k| *k != key),
        (1, Some(key)) if edit.replace(key, &small, pack).is_ok() => new = Some(key),
        (2, Some(key)) => {
            let _ = edit.set_attribute(key, "unit", &"mV".into());
        }
        _ if edit.put("fuzz", &small, pack).is_ok() => {
            want.push("fuzz");
            new = Some("fuzz");
        }
        _ => {}
    }
    let done = edit.commit();
    let bytes = std::fs::read(&path).unwrap();
    let names = std::fs::read_dir(FOLDER.path()).unwrap();
    assert_eq!(names.count(), 1, "something was left beside the archive");
    if done.is_err() {
        assert_eq!(bytes, archive);
        return;
    }
    let after = Npz::open(SliceSource(&bytes), &limits()).unwrap();
    // Where the attributes are is a member that comes, goes and moves.
    let named = |keys: Vec<&str>| keys.into_iter().filter(|k| *k != "metadata.json").map(String::from).collect();
    let (found, want): (Vec<String>, Vec<String>) = (named(after.keys().collect()), named(want));
    assert_eq!(found, want);
    for key in want.iter().take(MEMBERS) {
        if Some(key.as_str()) == new {
            let view = after.read(key, &Selection::ALL, &limits()).unwrap();
            assert_eq!(view.to_vec::<i64>().unwrap(), [1, 2]);
        } else {
            assert_eq!(content(&before, key), content(&after, key), "{key:?}");
        }
    }
});
