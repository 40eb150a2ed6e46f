//! Pickles: whatever is loaded becomes a tree within limits, and a tree that is written is read back the same.
#![no_main]

use hyperslab_core::Limits;
use hyperslab_pickle::{Policy, dump, load};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let limits = || Limits::new(64 << 20, 100_000, 64);
    let strict = load(data, Policy::Strict, &limits());
    let inspect = load(data, Policy::Inspect, &limits());
    // What the strict reader takes, the lenient one takes.
    assert!(strict.is_err() || inspect.is_ok(), "{:?}", inspect.err());
    let Ok(pickle) = strict else { return };
    assert!(pickle.consumed() <= data.len());
    let Ok(value) = pickle.to_value(&limits()) else { return };
    let Ok(written) = dump(&value) else { return };
    let again = load(&written, Policy::Strict, &limits()).unwrap();
    let again = again.to_value(&limits()).unwrap();
    // Compared as text: a NaN is not equal to itself.
    assert_eq!(format!("{again:?}"), format!("{value:?}"));
});
