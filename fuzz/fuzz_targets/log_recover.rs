//! Damaged message logs: whatever is salvaged stays within limits, and is the same however the bytes come.
#![no_main]

use hyperslab_core::source::SliceSource;
use hyperslab_core::{Limits, Result, Source};
use hyperslab_fuzz::Positioned;
use hyperslab_larpix::log::{Report, Salvage, check};
use libfuzzer_sys::fuzz_target;

fn salvaged(source: &dyn Source) -> Result<(Report, u64)> {
    let limits = Limits::new(16 << 20, 100_000, 32);
    let mut sum = 0u64;
    let report = Salvage::open(source, &limits)?.into_each(&mut |header, message| {
        for &b in header.iter().chain(message) {
            sum = sum.rotate_left(5).wrapping_add(b.into());
        }
        Ok(())
    })?;
    Ok((report, sum))
}

fuzz_target!(|data: &[u8]| {
    let mut bytes = data.to_vec();
    // The last byte says whether checksums are put right, so that damage gets behind them.
    if data.last().is_some_and(|b| b & 1 == 1) {
        hyperslab_hdf5::testing::repair(&mut bytes);
    }
    let slice = salvaged(&SliceSource(&bytes));
    let positioned = salvaged(&Positioned(SliceSource(&bytes)));
    match (slice, positioned) {
        (Ok(a), Ok(b)) => assert_eq!(a, b),
        (Err(a), Err(b)) => assert_eq!(a.kind(), b.kind()),
        (a, b) => panic!("{:?} and {:?}", a.err(), b.err()),
    }
    let _ = check(&SliceSource(&bytes), &Limits::new(16 << 20, 100_000, 32));
});
