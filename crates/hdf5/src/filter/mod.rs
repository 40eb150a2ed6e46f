//! The filters that a chunk goes through, one module each, and the pipeline that runs them.
//!
//! A new filter is one module, and one line in `FILTERS`.

pub mod deflate;
pub mod fletcher32;
mod lzf;
pub mod shuffle;

use crate::format::message::filter_pipeline::Filter;
use hyperslab_core::{Error, Limits, Result};
use std::borrow::Cow;

/// What undoes a filter: its parameters, the bytes, the most bytes that can come out.
type Decode = for<'a> fn(&[u32], Cow<'a, [u8]>, u64, &Limits) -> Result<Cow<'a, [u8]>>;

/// A filter by its registered number.
struct Known {
    id: u16,
    name: &'static str,
    decode: Option<Decode>,
}

const fn known(id: u16, name: &'static str, decode: Option<Decode>) -> Known {
    Known { id, name, decode }
}

/// Every filter whose name is worth knowing; those that can be undone say how.
const FILTERS: &[Known] = &[
    known(1, "deflate", Some(undo_deflate)),
    known(2, "shuffle", Some(shuffle::undo)),
    known(3, "fletcher32", Some(fletcher32::undo)),
    known(4, "szip", None),
    known(5, "nbit", None),
    known(6, "scaleoffset", None),
    known(305, "lzo", None),
    known(307, "bzip2", None),
    known(32000, "lzf", Some(lzf::undo)),
    known(32001, "blosc", None),
    known(32004, "lz4", None),
    known(32008, "bitshuffle", None),
    known(32013, "zfp", None),
    known(32015, "zstd", None),
    known(32017, "sz", None),
    known(32026, "blosc2", None),
];

fn find(id: u16) -> Option<&'static Known> {
    FILTERS.iter().find(|k| k.id == id)
}

/// The name under which a filter is listed.
pub fn name(filter: &Filter) -> String {
    match (find(filter.id), &filter.name) {
        (Some(k), _) => k.name.into(),
        (None, Some(name)) => name.clone(),
        (None, None) => format!("filter {}", filter.id),
    }
}

/// Undoes a pipeline, last filter first, but for those whose bit is set in `mask`. The result has exactly
/// `expected` bytes.
///
/// # Errors
/// `Unsupported` for a filter that cannot be undone, `Invalid` for damaged bytes, `Limit`.
pub fn decode<'a>(
    filters: &[Filter],
    mask: u32,
    bytes: Cow<'a, [u8]>,
    expected: u64,
    limits: &Limits,
) -> Result<Cow<'a, [u8]>> {
    let mut bytes = bytes;
    // Checksums make what lies between two filters a little longer than the elements.
    let most = expected.saturating_add(4 * filters.len() as u64);
    for (i, filter) in filters.iter().enumerate().rev() {
        if mask & (1u32.checked_shl(i as u32).unwrap_or(0)) != 0 {
            continue;
        }
        let undo = find(filter.id)
            .and_then(|k| k.decode)
            .ok_or_else(|| Error::unsupported(format!("filter {} ({})", filter.id, name(filter))))?;
        bytes = undo(&filter.values, bytes, most, limits)?;
    }
    if bytes.len() as u64 == expected {
        return Ok(bytes);
    }
    Err(Error::invalid(format!("the filters give {} bytes instead of {expected}", bytes.len())))
}

fn undo_deflate<'a>(_: &[u32], bytes: Cow<'a, [u8]>, most: u64, limits: &Limits) -> Result<Cow<'a, [u8]>> {
    deflate::inflate(&bytes, most, most, limits).map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipeline_is_undone_backwards() {
        let plain: Vec<u8> = (0..100u8).collect();
        let shuffled = shuffle::apply(4, &plain);
        let mut summed = shuffled.clone();
        summed.extend(fletcher32::checksum(&shuffled).to_le_bytes());
        let mut z = Vec::new();
        deflate::deflate(&summed, 6, &mut z).unwrap();
        let filter = |id, values| Filter { id, name: None, optional: false, values };
        let filters = [filter(2, vec![4]), filter(3, vec![]), filter(1, vec![6])];
        let limits = Limits::default();
        let run = |mask, bytes: &[u8], n| decode(&filters, mask, Cow::Owned(bytes.to_vec()), n, &limits);
        assert_eq!(&*run(0, &z, 100).unwrap(), plain);
        assert_eq!(&*run(0b100, &summed, 100).unwrap(), plain);
        assert_eq!(&*run(0b111, &plain, 100).unwrap(), plain);
        assert!(run(0, &z, 99).is_err());
        assert!(run(0, &summed, 100).is_err());
        let unknown = [filter(32008, vec![])];
        let e = decode(&unknown, 0, Cow::Borrowed(&[]), 0, &limits).unwrap_err();
        assert_eq!(e.message(), "filter 32008 (bitshuffle)");
    }
}
