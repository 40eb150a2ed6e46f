//! Heaps: a group whose links lie in the fractal heap and trees, or the local heap and symbol nodes, of the input.
#![no_main]

use hyperslab_core::Limits;
use hyperslab_core::container::Container;
use hyperslab_core::source::SliceSource;
use hyperslab_fuzz::{Positioned, rooted};
use hyperslab_hdf5::File;
use libfuzzer_sys::fuzz_target;

/// Where the input can begin in the file.
const AT: u64 = 512;

fuzz_target!(|data: &[u8]| {
    // Where the bytes begin, and heap, tree and tree by order of creation in them.
    let Some(([how, places @ ..], rest)) = data.split_first_chunk::<9>() else { return };
    let [at, heap, tree, other] =
        [0, 2, 4, 6].map(|i| u64::from(u16::from_le_bytes([places[i], places[i + 1]])));
    let at = AT + at % 4096;
    let [heap, tree, other] = [heap, tree, other].map(|place| (at + place).to_le_bytes());
    let ordered = how & 4 != 0;
    let info = |kind: u8, most: usize| {
        let most = if ordered { &[0; 8][..most] } else { &[] };
        let body = [&[0, if ordered { 3 } else { 0 }][..], most, &heap, &tree, &other].concat();
        let len = body.len() - if ordered { 0 } else { 8 };
        [&[kind, len as u8, 0, 0], &body[..len]].concat()
    };
    let message = match how & 3 {
        // Symbol table: the tree comes first.
        0 => [&[17, 16, 0, 0][..], &tree, &heap].concat(),
        1 => info(2, 8),
        // Attributes of a group without links.
        _ => [&[2, 18, 0, 0, 0, 0][..], &[0xff; 16], &info(21, 2)].concat(),
    };
    let bytes = rooted(&message, at, rest);
    let list = |file: hyperslab_core::Result<File<'_>>| {
        let limits = Limits::new(1 << 20, 5000, 32);
        let nodes = file.unwrap().nodes("/", Some(2), true, &limits);
        nodes.map(|all| all.iter().map(|n| format!("{n:?}")).collect::<Vec<_>>()).map_err(|e| e.to_string())
    };
    assert_eq!(list(File::from_image(&bytes)), list(File::from_source(Positioned(SliceSource(&bytes)))));
    // A name is found by the tree or by the list, never in neither.
    let limits = Limits::new(1 << 20, 5000, 32);
    let _ = File::from_image(&bytes).unwrap().attribute("/a", "b", &limits);
});
