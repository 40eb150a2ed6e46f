//! Cache directories as nengo 2.0 to 2.2 left them, made here: the layouts, with objects of our own in them.

use hyperslab::View;
use hyperslab::nco::{Pack, write};
use std::fs;
use std::path::Path;

/// Keys as nengo makes them.
pub(crate) const KEYS: [&str; 3] = [
    "b6589fc6ab0dc82cf12099d1c2d40ab994e8410c",
    "356a192b7913b04c54574d18c28d46e6395428ab",
    "da4b9237bacccdf19c0760cab7aec4a8359010b0",
];

/// The array of a key.
pub(crate) fn array(i: usize) -> View<'static> {
    View::from_slice([3], &[i as f64, 0.5, -1.0]).unwrap().into_owned().unwrap()
}

/// The metadata of every one, pickled: `{"rmse": 1}`.
const PICKLE: &[u8] = b"\x80\x02}q\0X\x04\0\0\0rmseK\x01s.";

/// Nengo 2.0: one file for each entry, the key in its path.
pub(crate) fn keyed(dir: &Path) {
    fs::create_dir(dir).unwrap();
    fs::write(dir.join("legacy.txt"), "0\n").unwrap();
    for (i, key) in KEYS.iter().enumerate() {
        let path = dir.join(&key[..2]).join(format!("{}.nco", &key[2..]));
        fs::create_dir(path.parent().unwrap()).unwrap();
        let mut file = fs::File::create(path).unwrap();
        write::write_to(&mut file, 0, PICKLE, &array(i)).unwrap();
    }
}

/// Nengo 2.1 and 2.2: a pack, and an index that is one pickled dict `{key: (file, start, end)}`.
pub(crate) fn unversioned(dir: &Path) {
    let pack = dir.join("e8/676bda-e5ea-11f1-ac7c-02fc00000001.nco");
    fs::create_dir_all(pack.parent().unwrap()).unwrap();
    fs::write(dir.join("legacy.txt"), "1.2\n").unwrap();
    let mut index = b"\x80\x02}q\0(".to_vec();
    let text = |s: &str| [b"X", &u32::to_le_bytes(s.len() as u32)[..], s.as_bytes()].concat();
    let number = |n: u64| [b"J", &i32::to_le_bytes(n as i32)[..]].concat();
    let mut file = Pack::create(&pack).unwrap();
    for (i, key) in KEYS.iter().enumerate() {
        let start = file.end();
        file.append(PICKLE, &array(i), None).unwrap();
        let path =
            format!("/home/somebody/.cache/nengo/decoders/{}", &pack.strip_prefix(dir).unwrap().display());
        index.extend([text(key), text(&path), number(start), number(file.end()), b"\x87".to_vec()].concat());
    }
    index.extend_from_slice(b"u.");
    file.sync().unwrap();
    fs::write(dir.join("index"), index).unwrap();
}
