//! Heaps: a group whose links lie in the fractal heap and trees, or the local heap and symbol nodes, of the input.
#![no_main]

use hyperslab_core::Limits;
use hyperslab_core::container::Container;
use hyperslab_core::source::SliceSource;
use hyperslab_fuzz::{Positioned, rooted};
use hyperslab_hdf5::File;
use libfuzzer_sys::fuzz_target;

/// Where the input begins in the file.
const AT: u64 = 128;

fuzz_target!(|data: &[u8]| {
    let Some(([how, far], rest)) = data.split_first_chunk() else { return };
    let (heap, tree) = (AT, AT + u64::from(*far));
    let body = [heap.to_le_bytes(), tree.to_le_bytes()].concat();
    let message = match how % 3 {
        // Symbol table: the tree comes first.
        0 => [vec![17, 16, 0, 0], tree.to_le_bytes().to_vec(), heap.to_le_bytes().to_vec()].concat(),
        1 => [vec![2, 18, 0, 0, 0, 0], body].concat(),
        // Attributes of a group without links.
        _ => [vec![2, 18, 0, 0, 0, 0], [u64::MAX.to_le_bytes(); 2].concat(), vec![21, 18, 0, 0, 0, 0], body]
            .concat(),
    };
    let bytes = rooted(&message, AT, rest);
    let list = |file: hyperslab_core::Result<File<'_>>| {
        let limits = Limits::new(1 << 20, 20_000, 32);
        let nodes = file.unwrap().nodes("/", Some(2), true, &limits);
        nodes.map(|all| all.iter().map(|n| format!("{n:?}")).collect::<Vec<_>>()).map_err(|e| e.to_string())
    };
    assert_eq!(list(File::from_image(&bytes)), list(File::from_source(Positioned(SliceSource(&bytes)))));
    // A name is found by the tree or by the list, never in neither.
    let limits = Limits::new(1 << 20, 20_000, 32);
    let _ = File::from_image(&bytes).unwrap().attribute("/a", "b", &limits);
});
