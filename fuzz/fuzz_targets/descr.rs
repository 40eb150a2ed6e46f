//! NumPy type descriptions: a type that was read is written so that it is read as the same type.
#![no_main]

use hyperslab_core::Dtype;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(dtype) = Dtype::from_descr(text) else { return };
    let _ = (dtype.itemsize(), dtype.canonical(), dtype.to_json());
    if let Some(descr) = dtype.descr() {
        assert_eq!(Dtype::from_descr(&descr).unwrap(), dtype, "{descr}");
    }
});
