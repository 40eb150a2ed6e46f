//! HDF5 images: a view that is handed out lies in the image, and an array survives the way there and back.
#![no_main]

use hyperslab_core::Limits;
use hyperslab_hdf5::image::{self, DeserializeOptions, Elements};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let ask = DeserializeOptions { name: None, elements: Elements::Borrowed };
    if let Ok(view) = image::deserialize_with(data, &ask) {
        assert!(view.is_view());
        let (image, part) = (data.as_ptr_range(), view.bytes().unwrap().as_ptr_range());
        assert!(view.is_empty() || (image.start <= part.start && part.end <= image.end));
    }
    let Ok(view) = image::deserialize(data) else { return };
    if let Some(bytes) = view.bytes() {
        // Every byte of the view can be read; the sanitizer watches.
        std::hint::black_box(bytes.iter().fold(0_u8, |sum, byte| sum ^ byte));
        if view.is_view() && !bytes.is_empty() {
            let (image, part) = (data.as_ptr_range(), bytes.as_ptr_range());
            assert!(image.start <= part.start && part.end <= image.end);
        }
    }
    // What was never written is as large as it says.
    if view.nbytes() > 1 << 20 {
        return;
    }
    let Ok(written) = image::serialize(&view, "data") else { return };
    let again = image::deserialize(&written).unwrap();
    assert!(again.dtype().same_values(view.dtype()));
    assert_eq!(again.shape(), view.shape());
    let limits = Limits::new(64 << 20, 10_000, 64);
    assert_eq!(again.to_bytes(&limits).unwrap(), view.to_bytes(&limits).unwrap());
});
