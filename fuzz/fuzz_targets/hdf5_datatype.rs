//! Datatype messages: a type that was read and can be written is read back as the same type.
#![no_main]

use hyperslab_hdf5::format::Sizes;
use hyperslab_hdf5::format::message::datatype;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(dtype) = datatype::parse(data, Sizes::STANDARD, 0) else { return };
    let _ = (dtype.itemsize(), dtype.canonical(), dtype.descr(), dtype.to_json());
    let mut out = Vec::new();
    if datatype::emit(&dtype, &mut out).is_ok() {
        assert_eq!(datatype::parse(&out, Sizes::STANDARD, 0).unwrap(), dtype);
    }
});
