//! Filters of chunks on hostile parameters and bytes: what comes out is as long as was asked for, within the limits.
#![no_main]

use hyperslab_core::Limits;
use hyperslab_hdf5::filter::Registry;
use hyperslab_hdf5::format::message::filter_pipeline::Filter;
use libfuzzer_sys::fuzz_target;

/// Those that are built in.
const IDS: [u16; 14] = [1, 2, 3, 4, 5, 6, 307, 32000, 32001, 32004, 32008, 32015, 32026, 32026];

fuzz_target!(|data: &[u8]| {
    // One or two filters, how much shall come out, parameters, the bytes.
    let [which, counts, a, b, c, rest @ ..] = data else { return };
    let expected = u64::from(u32::from_le_bytes([*a, *b, *c & 15, 0]));
    let (mut filters, mut rest) = (Vec::new(), rest);
    for shift in [0, 4] {
        let id = IDS.get(usize::from((which >> shift) & 15)).copied();
        let count = usize::from((counts >> shift) & 15) * 2;
        let Some((words, after)) = rest.split_at_checked(count * 2) else { return };
        rest = after;
        // Small numbers are the ones that mean something; a few are large.
        let word = |w: &[u8]| match *w {
            [low, high] if high >= 0xf0 => u32::from(low) << (high & 31),
            [low, high] => u32::from(u16::from_le_bytes([low, high])),
            _ => 0,
        };
        let values: Vec<u32> = words.chunks(2).map(word).collect();
        filters.extend(id.map(|id| Filter { id, name: None, optional: false, values }));
    }
    let limits = Limits::new(64 << 20, 100_000, 32);
    if let Ok(out) = Registry::BUILT_IN.decode(&filters, 0, rest.into(), expected, &limits) {
        assert_eq!(out.len() as u64, expected);
    }
});
