//! NCO files: objects and packs are listed and read, or refused; what was read and can be written reads the same.
#![no_main]

use hyperslab_core::source::SliceSource;
use hyperslab_core::{Container, Limits, Selection};
use hyperslab_nco::{Nco, object, write};
use hyperslab_pickle::{Policy, dump};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let source = SliceSource(data);
    let limits = Limits::new(1 << 26, 1 << 18, 64);
    if let Ok(nco) = Nco::open(source, &limits) {
        for node in nco.nodes("", None, true, &limits).unwrap_or_default().iter().take(100) {
            let _ = nco.read(&node.path, &Selection::ALL, &limits);
        }
    }
    let limits = Limits::new(1 << 26, 1 << 18, 64);
    let Ok(first) = object::read(&source, 0, Policy::Strict, &limits) else { return };
    let Ok(pickle) = dump(&first.metadata) else { return };
    let mut out = std::io::Cursor::new(Vec::new());
    if write::write_to(&mut out, 0, &pickle, &first.array).is_ok() {
        let again = SliceSource(out.get_ref());
        let limits = Limits::new(1 << 26, 1 << 22, 100);
        let second = object::read(&again, 0, Policy::Strict, &limits).unwrap();
        assert_eq!(second.metadata, first.metadata);
        assert_eq!((second.array.dtype(), second.array.shape()), (first.array.dtype(), first.array.shape()));
        assert_eq!(second.array.to_bytes(&limits).unwrap(), first.array.to_bytes(&limits).unwrap());
    }
});
