//! Superblocks: what is parsed and can be written comes back the same, and a file that starts with it never panics.
#![no_main]

use hyperslab_core::Limits;
use hyperslab_core::container::Container;
use hyperslab_core::source::SliceSource;
use hyperslab_fuzz::Positioned;
use hyperslab_hdf5::File;
use hyperslab_hdf5::format::superblock::Superblock;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(superblock) = Superblock::parse(data, 0) {
        let mut out = Vec::new();
        if superblock.emit(&mut out).is_ok() {
            let again = Superblock::parse(&out, 0).unwrap();
            assert_eq!(
                (again.root, again.end, again.flags),
                (superblock.root, superblock.end, superblock.flags)
            );
        }
    }
    let limits = Limits::new(1 << 20, 1000, 32);
    let here = File::from_image(data).map(|f| f.nodes("/", None, true, &limits).map(|n| n.len()).ok()).ok();
    let limits = Limits::new(1 << 20, 1000, 32);
    let there = File::from_source(Positioned(SliceSource(data)));
    let there = there.map(|f| f.nodes("/", None, true, &limits).map(|n| n.len()).ok()).ok();
    assert_eq!(here, there);
});
