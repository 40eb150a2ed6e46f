//! Whole HDF5 files: everything is listed, every array and attribute read, within limits.
#![no_main]

use hyperslab_core::{Container, Limits, NodeKind, Selection};
use hyperslab_hdf5::read::File;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let limits = Limits::new(64 << 20, 20_000, 64);
    let Ok(file) = File::from_image(data) else { return };
    let Ok(nodes) = file.nodes("", None, true, &limits) else { return };
    for node in nodes.iter().filter(|node| node.kind == NodeKind::Array && node.error.is_none()).take(100) {
        if node.nbytes.is_none_or(|n| n > 1 << 20) {
            continue;
        }
        let Ok(view) = file.read(&node.path, &Selection::default(), &limits) else { continue };
        assert_eq!(Some(view.dtype()), node.dtype.as_ref());
        assert_eq!(Some(view.shape()), node.shape.as_ref());
        let _ = hyperslab_core::digest::digest(&view);
    }
});
