//! The filters that a chunk goes through, one module each, and the pipeline that runs them.
//!
//! A new filter is one module, and one line in `registered`. What is not built in can be added to a [`Registry`].
//! Codecs that several filters share are in `codec`.

mod bitshuffle;
mod blosc;
mod blosc2;
mod bzip2;
mod codec;
mod complete;
pub mod deflate;
pub mod fletcher32;
mod lz4;
mod lzf;
mod nbit;
mod registered;
mod registry;
mod scale_offset;
pub mod shuffle;
mod szip;
mod zstd;

pub use complete::forget_elements;
pub(crate) use complete::{Chunked, complete};
pub use registered::{built_in_filters, registered_name};
pub use registry::{Decoder, Registry};

use crate::format::message::filter_pipeline::Filter;
use hyperslab_core::{Error, Limits, Result};
use std::borrow::Cow;

/// The number of deflate.
pub const DEFLATE: u16 = 1;
/// The number of the shuffle filter.
pub const SHUFFLE: u16 = 2;
/// The number of the checksum.
pub const FLETCHER32: u16 = 3;
/// The number of szip.
pub const SZIP: u16 = 4;
/// The number of the n-bit filter.
pub const NBIT: u16 = 5;
/// The number of the scale-offset filter.
pub const SCALE_OFFSET: u16 = 6;
/// The number of bzip2.
pub const BZIP2: u16 = 307;
/// The number of LZF.
pub const LZF: u16 = 32000;
/// The number of Blosc.
pub const BLOSC: u16 = 32001;
/// The number of LZ4.
pub const LZ4: u16 = 32004;
/// The number of bitshuffle.
pub const BITSHUFFLE: u16 = 32008;
/// The number of Zstandard.
pub const ZSTD: u16 = 32015;

/// How many bytes come out of undoing a filter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// As many, as far as is known: exact for the filter that was applied first.
    expected: u64,
    /// More are damage.
    most: u64,
}

impl Room {
    /// Exactly so many.
    #[cfg(test)]
    fn exactly(n: u64) -> Room {
        Room { expected: n, most: n }
    }

    /// Room for a result of `len` bytes, which is what a header says of it.
    ///
    /// # Errors
    /// `Invalid` for more than can be; `Limit`.
    fn zeroed(self, len: u64, limits: &Limits) -> Result<Vec<u8>> {
        if len > self.most {
            return Err(Error::invalid(format!("{len} bytes announced where at most {} belong", self.most)));
        }
        // What is decoded is accounted for by whoever keeps it.
        let (mut out, _held) = limits.vec(len)?;
        out.resize(usize::try_from(len).unwrap_or(usize::MAX), 0);
        Ok(out)
    }
}

/// What undoes a filter: its parameters, the bytes, how much comes out.
type Undo = for<'a> fn(&[u32], Cow<'a, [u8]>, Room, &Limits) -> Result<Cow<'a, [u8]>>;

/// What applies a filter: its parameters, the bytes; `None` where they would not become fewer.
pub(crate) type Apply = fn(&[u32], &[u8]) -> Result<Option<Vec<u8>>>;

/// The name under which a filter is listed.
pub fn name(filter: &Filter) -> String {
    Registry::BUILT_IN.name(filter)
}

/// Undoes a pipeline with the filters that are built in; see [`Registry::decode`].
///
/// # Errors
/// As [`Registry::decode`].
pub fn decode<'a>(
    filters: &[Filter],
    mask: u32,
    bytes: Cow<'a, [u8]>,
    expected: u64,
    limits: &Limits,
) -> Result<Cow<'a, [u8]>> {
    Registry::BUILT_IN.decode(filters, mask, bytes, expected, limits)
}

/// What a filter makes of `n` bytes at the most: the room there must be before it is undone.
fn greatest(id: u16, n: u64) -> u64 {
    match id {
        // As long as what went in, and a few bytes.
        2 => n,
        3 => n.saturating_add(4),
        // A word for each block, and a block may be a byte.
        32004 | 32008 => n.saturating_mul(5).saturating_add(16),
        _ => n.saturating_add(n / 8).saturating_add(4096),
    }
}

/// Applies a pipeline, first filter first; the mask has a bit for each filter that was passed over.
///
/// LZF and szip that do not make a chunk smaller are passed over where they are optional, as they are where this crate
/// asks for them. Elements that scale-offset would round are stored with all their bits.
///
/// # Errors
/// `Unsupported` for a filter that is not written, that cannot do without what it did not reach, or that has parameters
/// of other elements; `Usage` for parameters that it lacks.
pub fn encode(filters: &[Filter], bytes: Vec<u8>) -> Result<(Vec<u8>, u32)> {
    encode_with(filters, bytes, false)
}

/// The same; `rounded` where filters may round elements.
///
/// # Errors
/// As [`encode`].
pub fn encode_with(filters: &[Filter], mut bytes: Vec<u8>, rounded: bool) -> Result<(Vec<u8>, u32)> {
    let mut mask = 0;
    for (i, filter) in filters.iter().enumerate() {
        let apply = match encoder(filter)? {
            _ if filter.id == SCALE_OFFSET && !rounded => scale_offset::apply_exactly,
            apply => apply,
        };
        match apply(&filter.values, &bytes)? {
            Some(out) => bytes = out,
            None if filter.optional => mask |= 1u32.checked_shl(i as u32).unwrap_or(0),
            None => {
                let what =
                    format!("filter {} makes a chunk no smaller, and it is not optional", name(filter));
                return Err(Error::unsupported(what));
            }
        }
    }
    Ok((bytes, mask))
}

/// What applies a filter.
///
/// # Errors
/// `Unsupported` for a filter that is not written.
pub(crate) fn encoder(filter: &Filter) -> Result<Apply> {
    registered::find(filter.id).and_then(|r| r.apply).ok_or_else(|| {
        Error::unsupported(format!("{} is not written", Registry::BUILT_IN.number_and_name(filter)))
    })
}

fn apply_deflate(values: &[u32], bytes: &[u8]) -> Result<Option<Vec<u8>>> {
    let mut out = Vec::new();
    let level = values.first().copied().unwrap_or(6);
    if level > 9 {
        return Err(Error::unsupported(format!("deflate at level {level}")));
    }
    deflate::deflate(bytes, level, &mut out)?;
    // Also where that is longer: libhdf5 never passes deflate over. When it writes over a chunk for which the filter was
    // passed over, and the new bytes are as many as the old ones, it forgets to say that they are compressed.
    Ok(Some(out))
}

fn undo_deflate<'a>(_: &[u32], bytes: Cow<'a, [u8]>, room: Room, limits: &Limits) -> Result<Cow<'a, [u8]>> {
    deflate::inflate(&bytes, room.expected, room.most, limits).map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipeline_is_undone_backwards() {
        let plain: Vec<u8> = (0..100u8).map(|i| i / 10).collect();
        let filter = |id, values| Filter { id, name: None, optional: id == 1, values };
        let filters = [filter(2, vec![4]), filter(3, vec![]), filter(1, vec![6])];
        let (summed, _) = encode(&filters[..2], plain.clone()).unwrap();
        let (z, mask) = encode(&filters, plain.clone()).unwrap();
        assert_eq!((summed.len(), mask), (104, 0));
        let limits = Limits::default();
        let run = |mask, bytes: &[u8], n| decode(&filters, mask, Cow::Owned(bytes.to_vec()), n, &limits);
        assert_eq!(&*run(0, &z, 100).unwrap(), plain);
        assert_eq!(&*run(0b100, &summed, 100).unwrap(), plain);
        assert_eq!(&*run(0b111, &plain, 100).unwrap(), plain);
        assert!(run(0, &z, 99).is_err());
        assert!(run(0, &summed, 100).is_err());
    }

    #[test]
    fn what_gets_no_smaller_is_passed_over() {
        let noise: Vec<u8> =
            (0..200u64).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect();
        for (id, passed) in [(1, 0), (32000, 1)] {
            let filter = |optional| Filter { id, name: None, optional, values: vec![9] };
            let checksum = Filter { id: 3, name: None, optional: false, values: vec![] };
            let filters = [filter(true), checksum];
            let (bytes, mask) = encode(&filters, noise.clone()).unwrap();
            assert_eq!((bytes.len() == 204, mask), (passed == 1, passed));
            let back = decode(&filters, mask, Cow::Owned(bytes), 200, &Limits::default()).unwrap();
            assert_eq!(&*back, noise);
            assert_eq!(encode(&[filter(false)], noise.clone()).is_err(), passed == 1);
        }
        let blosc = Filter { id: 32026, name: None, optional: true, values: vec![] };
        let e = encode(&[blosc], noise).unwrap_err();
        assert_eq!(e.message(), "filter 32026 (blosc2) is not written");
    }

    /// Parameters come from files: whatever they are, what is written is what comes back, or it is refused.
    #[test]
    fn any_parameters_are_survived() {
        let mut seed = 3u64;
        let mut next = |n: u64| {
            seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            (seed >> 33) % n
        };
        let ids = [1, 2, 3, 4, 6, 307, 32000, 32001, 32004, 32008, 32015, 5];
        let (mut written, mut refused) = ([0; 12], 0);
        let rounds = if std::env::var_os("HYPERSLAB_SOAK").is_some() { 400_000 } else { 6000 };
        for _ in 0..rounds {
            let plain: Vec<u8> = match next(3) {
                0 => (0..next(300)).map(|_| next(256) as u8).collect(),
                1 => (0..8 * next(40)).map(|i| (i / 9) as u8).collect(),
                _ => (0..next(64)).flat_map(|_| (next(50) as f32).to_le_bytes()).collect(),
            };
            let kinds: Vec<usize> = (0..1 + next(3)).map(|_| next(ids.len() as u64) as usize).collect();
            let filters: Vec<Filter> = kinds
                .iter()
                .map(|&k| {
                    let mut values: Vec<u32> = (0..next(24))
                        .map(|_| match next(12) {
                            0 => u32::MAX - next(3) as u32,
                            1 => next(1 << 31) as u32,
                            2 => plain.len() as u32 / [1, 4, 8][next(3) as usize],
                            _ => [0, 1, 2, 3, 4, 8, 16, 32][next(8) as usize],
                        })
                        .collect();
                    if ids[k] == 6 && next(2) == 0 {
                        let (float, size) = [(0, 1), (0, 4), (1, 4), (1, 8)][next(4) as usize];
                        values.resize(20, 0);
                        let (count, factor) = (plain.len() as u32 / size, values[1] % 9);
                        values[..7].copy_from_slice(&[2 - 2 * float, factor, count, float, size, 0, 0]);
                    }
                    Filter { id: ids[k], name: None, optional: next(2) == 0, values }
                })
                .collect();
            let Ok((bytes, mask)) = encode(&filters, plain.clone()) else {
                refused += 1;
                continue;
            };
            kinds.iter().for_each(|&k| written[k] += 1);
            let back = decode(&filters, mask, Cow::Owned(bytes), plain.len() as u64, &Limits::default());
            // Bits that n-bit is not told of are not kept.
            if filters.iter().all(|f| f.id != NBIT) {
                assert!(*back.unwrap() == plain, "{filters:?} {plain:?}");
            }
        }
        assert!(refused > rounds / 10 && written[..11].iter().all(|&n| n > 10), "{refused} {written:?}");
    }

    #[test]
    fn nothing_is_rounded_unless_it_may_be() {
        let plain = [1.25f64, 2.5, 3.128].map(f64::to_le_bytes).concat();
        let scaled = |digits| {
            let mut values = vec![0, digits, 3, 1, 8, 0, 0, 0];
            values.resize(20, 0);
            [Filter { id: SCALE_OFFSET, name: None, optional: true, values }]
        };
        let back = |bytes| decode(&scaled(1), 0, Cow::Owned(bytes), 24, &Limits::default()).unwrap();
        let exactly = |digits, bytes: &[u8]| encode(&scaled(digits), bytes.to_vec()).unwrap().0;
        assert!(exactly(3, &plain).len() < 30);
        assert_eq!(exactly(1, &plain).len(), 21 + 24);
        assert_eq!(*back(exactly(1, &plain)), plain);
        let rounded = back(encode_with(&scaled(1), plain.clone(), true).unwrap().0);
        assert_ne!(*rounded, plain);
        // What was rounded once is kept.
        assert!(exactly(1, &rounded).len() < 30);
    }

    #[test]
    fn what_is_not_built_in_is_named() {
        let filter = |id, name: Option<&str>| Filter {
            id,
            name: name.map(Into::into),
            optional: false,
            values: vec![],
        };
        let told = |f: Filter| decode(&[f], 0, Cow::Borrowed(&[]), 0, &Limits::default()).unwrap_err();
        assert_eq!(told(filter(32013, None)).message(), "filter 32013 (zfp) is not built in");
        assert_eq!(told(filter(40000, Some("ours"))).message(), "filter 40000 (ours) is not built in");
        assert_eq!(told(filter(40001, None)).message(), "filter 40001 is not built in");
        assert_eq!(name(&filter(40001, None)), "filter 40001");
    }
}
