//! Journals of caches: any bytes are listed, searched and appended to, or refused; what is put is found.
#![no_main]

use hyperslab_nco::cache::journal_testing::{look, repair};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut bytes = data.to_vec();
    // The last byte says whether checksums are put right, so that damage gets behind them.
    if data.last().is_some_and(|b| b & 3 != 0) {
        repair(&mut bytes);
        look(&bytes).unwrap();
    }
    if let Ok(seen) = look(&bytes) {
        assert!(seen.put, "what was put is not found");
        assert!(seen.found.iter().all(|key| seen.listed.contains(key)));
    }
});
