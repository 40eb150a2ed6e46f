//! NPY headers: what was parsed is emitted so that it is parsed as the same.
#![no_main]

use hyperslab_npy::header;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = header::length(data);
    let Ok(first) = header::parse(data) else { return };
    let Ok(bytes) = header::emit(&first.dtype, &first.shape, first.order) else { return };
    // Emitted it can be longer than NumPy, and so anybody, reads.
    if bytes.len() as u64 > header::MAX_CHARS {
        return;
    }
    let second = header::parse(&bytes).unwrap();
    assert_eq!((&second.dtype, &second.shape, second.order), (&first.dtype, &first.shape, first.order));
    assert_eq!(header::emit(&second.dtype, &second.shape, second.order).unwrap(), bytes);
});
