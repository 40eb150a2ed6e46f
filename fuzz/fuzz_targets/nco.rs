//! NCO files: objects and packs are listed, indexed and read, or refused; what was read and can be written reads the
//! same, with an extension too, and lies in a pack where it is looked for.
#![no_main]

use hyperslab_core::source::SliceSource;
use hyperslab_core::walk::Seen;
use hyperslab_core::{Container, Limits, Selection};
use hyperslab_nco::ext::{Block, Place};
use hyperslab_nco::{Extension, Nco, object, pack, write};
use hyperslab_pickle::{Policy, dump};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let source = SliceSource(data);
    let limits = Limits::new(1 << 26, 1 << 18, 64);
    if let Ok(nco) = Nco::open(source, &limits) {
        for node in nco.nodes("", None, true, &limits).unwrap_or_default().iter().take(100) {
            let _ = nco.read(&node.path, &Selection::ALL, &limits);
            let _ = nco.extension(&node.path, &limits);
        }
        let mut end = 0;
        let _ = nco.walk(&limits, &mut |seen| {
            if let Seen::Region(region) = seen
                && nco.is_pack()
            {
                assert!(region.offset >= end && region.end() <= data.len() as u64, "{region:?}");
                end = region.end();
            }
            Ok(())
        });
    }
    if let Ok((keys, without)) = pack::index(&source, &limits) {
        let walk = pack::walk(&source, &limits).unwrap_or_default();
        assert!(keys.len() as u64 + without == walk.entries.len() as u64 || walk.entries.is_empty());
    }
    // The block alone, wherever its bytes come from.
    if let Ok(Some(Block::Known(extension, _))) = Block::parse(data.get(40..).unwrap_or(data), 40) {
        let place = Place { start: 0, pickle_len: 0, array_len: 0 };
        if let Ok(bytes) = extension.emit(place, 1, 2) {
            let again = Block::parse(&bytes, 40).unwrap().unwrap();
            assert_eq!(again.extension(), Some(&extension));
        }
    }
    let limits = Limits::new(1 << 26, 1 << 18, 64);
    let Ok(first) = object::read(&source, 0, Policy::Strict, &limits) else { return };
    let Ok(pickle) = dump(&first.metadata) else { return };
    let extension = Extension::for_key(data.get(..20).unwrap_or_default());
    for extension in [None, Some(&extension)] {
        // Not at the start, and with bytes before it that are no object.
        let mut out = std::io::Cursor::new(Vec::new());
        if write::write_with(&mut out, 21, &pickle, &first.array, extension).is_err() {
            return;
        }
        let again = SliceSource(out.get_ref());
        let limits = Limits::new(1 << 26, 1 << 22, 100);
        let second = object::read(&again, 21, Policy::Strict, &limits).unwrap();
        assert_eq!(second.metadata, first.metadata);
        assert_eq!((second.array.dtype(), second.array.shape()), (first.array.dtype(), first.array.shape()));
        assert_eq!(second.array.to_bytes(&limits).unwrap(), first.array.to_bytes(&limits).unwrap());
        let walk = pack::walk(&again, &limits).unwrap();
        assert_eq!(walk.entries.len(), 1);
        assert_eq!(walk.entries[0].header().start, 21);
        let (keys, _) = pack::index(&again, &limits).unwrap();
        assert_eq!(keys.first().map(|k| &k.key), extension.and_then(|e| e.key.as_ref()));
    }
});
