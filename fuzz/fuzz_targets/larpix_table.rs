//! Packet files: every row, text and configuration that can be read is read within the limits, in pieces as at once.
#![no_main]

use hyperslab_core::Limits;
use hyperslab_core::source::SliceSource;
use hyperslab_hdf5::testing;
use hyperslab_larpix::packets::PacketTable;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut bytes = data.to_vec();
    // The last byte says whether checksums are put right, so that damage gets behind them.
    if data.last().is_some_and(|b| b & 1 == 1) {
        testing::repair(&mut bytes);
    }
    let limits = Limits::new(16 << 20, 100_000, 32);
    let Ok(table) = PacketTable::from_source(SliceSource(&bytes), limits) else { return };
    let _ = (table.messages(), table.configs());
    let Ok(all) = table.read(0..table.len().min(1000)) else { return };
    let cut = all.len() as u64 / 3;
    let first = table.read(0..cut).unwrap();
    let second = table.read(cut..all.len() as u64).unwrap();
    assert_eq!(all, [first, second].concat());
});
