//! Whole NPY files: an array that was read has all its elements in the file, and is written as it was read.
#![no_main]

use hyperslab_core::Limits;
use hyperslab_core::source::SliceSource;
use hyperslab_npy::{header, npy};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let limits = Limits::new(64 << 20, 10_000, 64);
    let source = SliceSource(data);
    let Ok(view) = npy::read(&source, &limits) else { return };
    assert!(view.nbytes() <= data.len() as u64);
    let mut out = Vec::new();
    npy::write_to(&mut out, &view).unwrap();
    // With a header longer than NumPy, and so anybody, reads.
    if header::length(&out).is_ok_and(|n| n as u64 > header::MAX_CHARS) {
        return;
    }
    let again = SliceSource(&out);
    let again = npy::read(&again, &limits).unwrap();
    assert_eq!((again.dtype(), again.shape()), (view.dtype(), view.shape()));
    assert_eq!(again.to_bytes(&limits).unwrap(), view.to_bytes(&limits).unwrap());
});
