//! Extensible arrays: the input is a file with the array's header at its start; every chunk is visited.
#![no_main]

use hyperslab_core::Limits;
use hyperslab_core::source::SliceSource;
use hyperslab_hdf5::format::Sizes;
use hyperslab_hdf5::index::extensible_array::ExtensibleArray;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let limits = Limits::new(16 << 20, 10_000, 64);
    let source = SliceSource(data);
    let Ok(array) = ExtensibleArray::open(&source, 0, Sizes::STANDARD, &limits) else { return };
    let mut seen = Vec::new();
    let visited = array.visit(&source, 0..2000, &limits, |number, chunk| {
        seen.push((number, chunk));
        Ok(())
    });
    if visited.is_err() {
        return;
    }
    assert!(seen.is_sorted_by_key(|(number, _)| *number));
    for (number, chunk) in seen.into_iter().take(20) {
        assert_eq!(array.chunk(&source, number, &limits).unwrap(), Some(chunk));
    }
});
