//! File names of raw arrays: what a name says resolves without overflow, and a name that can be written says the same.
#![no_main]

use hyperslab_core::Shape;
use hyperslab_npy::filename;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((size, name)) = data.split_first_chunk() else { return };
    let Ok(name) = std::str::from_utf8(name) else { return };
    let Ok(Some(named)) = filename::parse(name) else { return };
    let size = u64::from_le_bytes(*size);
    let layout = named.layout_for(size);
    if let Ok(shape) = layout.resolve(size) {
        assert_eq!(shape.bytes(layout.dtype.itemsize()).unwrap(), size - layout.offset);
    }
    let Some(extents) = named.layout.shape.clone().unwrap_or_default().into_iter().collect::<Option<Shape>>()
    else {
        return;
    };
    if let Ok(written) = filename::format(&named.name, &named.layout.dtype, &extents, "dat") {
        let again = filename::parse(&written).unwrap().unwrap();
        assert_eq!((again.name, again.layout.dtype), (named.name, named.layout.dtype));
    }
});
