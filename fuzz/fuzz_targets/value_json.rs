//! Metadata as JSON: any document becomes a value or an error, and a value's own JSON is stable.
#![no_main]

use hyperslab_core::{Limits, json};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(document) = serde_json::from_slice(data) else { return };
    let Ok(value) = json::to_value(&document) else { return };
    let limits = Limits::new(1 << 24, 1 << 20, 64);
    let Ok(once) = json::from_value(&value, &limits) else { return };
    let Ok(again) = json::to_value(&once) else { panic!("{once} is not read back") };
    assert_eq!(json::from_value(&again, &limits).unwrap(), once);
});
