//! Global heap collections: objects lie in the collection, and the table finds what the walk finds.
#![no_main]

use hyperslab_hdf5::format::Sizes;
use hyperslab_hdf5::format::global_heap::Collection;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(collection) = Collection::parse(data, Sizes::STANDARD, 0) else { return };
    assert!(collection.bytes().len() <= data.len());
    let walked: usize = collection.objects().map_while(Result::ok).map(|object| object.data.len()).sum();
    assert!(walked <= data.len());
    let Ok(table) = collection.table() else { return };
    for object in collection.objects().map_while(Result::ok) {
        assert_eq!(collection.find(object.index).is_ok(), object.index != 0);
        assert_eq!(table.position(object.index).is_some(), object.index != 0);
    }
});
