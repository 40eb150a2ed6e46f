//! Pickles: whatever is loaded becomes a tree within limits, a tree that is written, in any protocol, is read back the
//! same, and names are told however the pickle ends.
#![no_main]

use hyperslab_core::Limits;
use hyperslab_pickle::{Item, Policy, Protocol, dump_as, load, names};
use libfuzzer_sys::fuzz_target;

const PROTOCOLS: [Protocol; 4] = [Protocol::Two, Protocol::Three, Protocol::Four, Protocol::Five];

fuzz_target!(|data: &[u8]| {
    let limits = || Limits::new(64 << 20, 100_000, 64);
    let strict = load(data, Policy::Strict, &limits());
    let inspect = load(data, Policy::Inspect, &limits());
    // What the strict reader takes, the lenient one takes.
    assert!(strict.is_err() || inspect.is_ok(), "{:?}", inspect.err());
    let (told, end) = names(data, &limits());
    assert_eq!(end.ok(), inspect.as_ref().ok().map(|p| p.consumed()));
    if let Ok(pickle) = &inspect {
        assert_eq!(told, pickle.names());
        assert!(strict.is_err() || told.iter().all(|n| n.known));
        let _ = pickle.to_value(&Limits::new(1 << 20, 20_000, 64));
        if let Item::Dict(pairs) = pickle.get(pickle.root()) {
            // Every key that is text is found, and there is no other like it.
            for &[key, value] in pairs.as_chunks::<2>().0.iter().take(64) {
                if let Item::Str(key) = pickle.get(key) {
                    assert_eq!(pickle.entry(pickle.root(), key), Some(value));
                }
            }
        }
    }
    let Ok(pickle) = strict else { return };
    assert!(pickle.consumed() <= data.len());
    // A value that is shared becomes many: few enough that the target stays fast.
    let Ok(value) = pickle.to_value(&Limits::new(1 << 20, 2_000, 64)) else { return };
    let protocol = PROTOCOLS[usize::from(hyperslab_fuzz::choice(data)) % 4];
    let Ok(written) = dump_as(&value, protocol) else { return };
    let again = load(&written, Policy::Strict, &Limits::new(64 << 20, 1 << 20, 64)).unwrap();
    assert_eq!(again.protocol(), protocol.number());
    let again = again.to_value(&limits()).unwrap();
    // Compared as text: a NaN is not equal to itself.
    assert_eq!(format!("{again:?}"), format!("{value:?}"));
});
