//! Which filters chunks go through, in which order.
//!
//! Those that are given by number come first, in their own order; what is asked for by name is put among them where h5py
//! puts it: shuffle, compression, checksum. A compression takes the place of those that are there.

use crate::filter::{self, Chunked, complete};
use crate::format::message::filter_pipeline::Filter;
use hyperslab_core::codec::deflate::check_level;
use hyperslab_core::{ArrayOptions, Error, Result};

/// Filters that are there for nothing but making chunks smaller, whatever is in them.
const COMPRESSIONS: [u16; 10] = [
    filter::DEFLATE,
    filter::SZIP,
    filter::BZIP2,
    filter::LZF,
    filter::BLOSC,
    filter::LZ4,
    filter::BITSHUFFLE,
    filter::ZSTD,
    // Snappy and Blosc 2, which have no encoder here.
    32003,
    32026,
];

/// The pipeline that is asked for, its parameters complete.
///
/// # Errors
/// `Usage` for what does not go together, `Unsupported` for filters that are not written.
pub(super) fn settle(options: &ArrayOptions, of: Chunked<'_>) -> Result<Vec<Filter>> {
    let mut filters = options.filters.clone();
    let is_checked = |filters: &[Filter]| filters.iter().any(|f| f.id == filter::FLETCHER32);
    let compression = compression(options)?;
    let first = |filters: &[Filter]| filters.iter().position(|f| COMPRESSIONS.contains(&f.id));
    // Behind everything but a checksum at the end.
    let end = match filters.last() {
        Some(f) if f.id == filter::FLETCHER32 => filters.len() - 1,
        _ => filters.len(),
    };
    let mut at = first(&filters).unwrap_or(end);
    if let Some(compression) = compression {
        filters.retain(|f| !COMPRESSIONS.contains(&f.id));
        at = at.min(filters.len());
        filters.insert(at, compression);
    }
    let shuffled = |f: &Filter| f.id == filter::SHUFFLE || f.id == filter::BITSHUFFLE;
    if options.shuffle && !filters.iter().any(shuffled) {
        filters.insert(at, named(filter::SHUFFLE, None, true, vec![]));
    }
    if options.fletcher32 && !is_checked(&filters) {
        filters.push(named(filter::FLETCHER32, None, false, vec![]));
    }
    for f in &mut filters {
        filter::encoder(f)?;
        complete(f, of)?;
    }
    Ok(filters)
}

fn named(id: u16, name: Option<&str>, optional: bool, values: Vec<u32>) -> Filter {
    Filter { id, name: name.map(str::to_owned), optional, values }
}

/// What compresses, if anything is asked for.
fn compression(options: &ArrayOptions) -> Result<Option<Filter>> {
    let some = |id, name, values| named(id, name, true, values);
    let all: [Option<Filter>; 5] = [
        options.deflate.map(|level| some(filter::DEFLATE, None, vec![level])),
        options.lzf.then(|| some(filter::LZF, Some("lzf"), vec![])),
        options.lz4.then(|| some(filter::LZ4, Some("lz4"), vec![0])),
        options.zstd.map(|level| some(filter::ZSTD, Some("zstd"), vec![level])),
        options.bzip2.map(|level| some(filter::BZIP2, Some("bzip2"), vec![level])),
    ];
    let mut asked = all.into_iter().flatten();
    let first = asked.next();
    if asked.next().is_some() {
        return Err(Error::usage("several compressions are asked for; one is enough"));
    }
    if let Some(level) = options.deflate {
        check_level(level)?;
    }
    if let Some(level) = options.bzip2.filter(|n| !(1..=9).contains(n)) {
        return Err(Error::usage(format!("bzip2 level {level} (possible: 1 to 9)")));
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyperslab_core::container::Fill;
    use hyperslab_core::{Dtype, Kind, Shape};

    fn ids(options: &ArrayOptions) -> Vec<u16> {
        let of = Chunked { dtype: &Dtype::F64, chunk: &Shape::from([10]), fill: &Fill::Zeros };
        settle(options, of).unwrap().iter().map(|f| f.id).collect()
    }

    fn kept(ids: &[u16]) -> ArrayOptions {
        let filters = ids.iter().map(|&id| match id {
            filter::SCALE_OFFSET => named(id, None, true, vec![0, 3]),
            _ => named(id, None, true, vec![]),
        });
        ArrayOptions { filters: filters.collect(), ..ArrayOptions::default() }
    }

    #[test]
    fn what_is_asked_for_is_put_where_it_belongs() {
        let asked = ArrayOptions { deflate: Some(4), shuffle: true, fletcher32: true, ..kept(&[]) };
        assert_eq!(ids(&asked), [2, 1, 3]);
        let asked = |filters| ArrayOptions { filters, ..asked.clone() };
        for (before, after) in [
            (&[3u16][..], &[2, 1, 3][..]),
            (&[3, 2], &[3, 2, 1]),
            (&[1, 2, 3], &[1, 2, 3]),
            (&[6], &[6, 2, 1, 3]),
            (&[6, 32001, 32015], &[6, 2, 1, 3]),
            (&[2, 32001, 3], &[2, 1, 3]),
            (&[32001, 3, 307], &[2, 1, 3]),
            (&[3, 32004], &[3, 2, 1]),
        ] {
            assert_eq!(ids(&asked(kept(before).filters)), after, "{before:?}");
            assert_eq!(ids(&kept(before)), before);
        }
        let shuffled = ArrayOptions { shuffle: true, ..kept(&[6, 1, 3]) };
        assert_eq!(ids(&shuffled), [6, 2, 1, 3]);
    }

    #[test]
    fn what_is_not_written_is_named() {
        let of = Chunked { dtype: &Dtype::F64, chunk: &Shape::from([10]), fill: &Fill::Zeros };
        for (id, what) in [(32013, "filter 32013 (zfp) is not written"), (777, "filter 777 is not written")] {
            let e = settle(&kept(&[id]), of).unwrap_err();
            assert_eq!((e.kind(), e.message()), (Kind::Unsupported, what));
        }
    }
}
