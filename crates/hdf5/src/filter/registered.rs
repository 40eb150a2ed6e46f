//! The filters that have a number, and those of them that are built in.
//!
//! Source: HDF5 1.14 (numbers below 256) and The HDF Group's list of registered filter plugins of 2025.

use super::{
    Apply, Undo, bitshuffle, blosc, blosc2, bzip2, fletcher32, lz4, lzf, nbit, scale_offset, shuffle, szip,
    zstd,
};

/// A filter that has a number.
pub(super) struct Registered {
    id: u16,
    pub(super) name: &'static str,
    pub(super) undo: Option<Undo>,
    pub(super) apply: Option<Apply>,
}

const fn both_ways(id: u16, name: &'static str, undo: Undo, apply: Apply) -> Registered {
    Registered { id, name, undo: Some(undo), apply: Some(apply) }
}

const fn built_in(id: u16, name: &'static str, undo: Undo) -> Registered {
    Registered { id, name, undo: Some(undo), apply: None }
}

const fn named(id: u16, name: &'static str) -> Registered {
    Registered { id, name, undo: None, apply: None }
}

/// By their numbers, rising.
static ALL: &[Registered] = &[
    both_ways(1, "deflate", super::undo_deflate, super::apply_deflate),
    both_ways(2, "shuffle", shuffle::undo, shuffle::apply),
    both_ways(3, "fletcher32", fletcher32::undo, fletcher32::apply),
    both_ways(4, "szip", szip::undo, szip::apply),
    both_ways(5, "nbit", nbit::undo, nbit::apply),
    both_ways(6, "scaleoffset", scale_offset::undo, scale_offset::apply),
    named(257, "hzip"),
    named(258, "fpzip"),
    named(305, "lzo"),
    both_ways(307, "bzip2", bzip2::undo, bzip2::apply),
    both_ways(32000, "lzf", lzf::undo, lzf::apply),
    both_ways(32001, "blosc", blosc::undo, blosc::apply),
    named(32002, "mafisc"),
    named(32003, "snappy"),
    both_ways(32004, "lz4", lz4::undo, lz4::apply),
    named(32005, "apax"),
    named(32006, "cbf"),
    named(32007, "jpeg-xr"),
    both_ways(32008, "bitshuffle", bitshuffle::undo, bitshuffle::apply),
    named(32009, "spdp"),
    named(32010, "lpc-rice"),
    named(32011, "ccsds-123"),
    named(32012, "jpeg-ls"),
    named(32013, "zfp"),
    named(32014, "fpzip"),
    both_ways(32015, "zstd", zstd::undo, zstd::apply),
    named(32016, "b3d"),
    named(32017, "sz"),
    named(32018, "fcidecomp"),
    named(32019, "jpeg"),
    named(32020, "vbz"),
    named(32021, "fapec"),
    named(32022, "bitgroom"),
    named(32023, "granular bitround"),
    named(32024, "sz3"),
    named(32025, "delta-rice"),
    built_in(32026, "blosc2", blosc2::undo),
    named(32027, "flac"),
    named(32028, "sperr"),
    named(32029, "terse/prolix"),
    named(32030, "ffmpeg"),
];

/// Numbers and names of the filters that are built in.
pub fn built_in_filters() -> impl Iterator<Item = (u16, &'static str)> {
    ALL.iter().filter(|r| r.undo.is_some()).map(|r| (r.id, r.name))
}

/// The name of a registered number.
pub fn registered_name(id: u16) -> Option<&'static str> {
    find(id).map(|r| r.name)
}

/// The filter with a number.
pub(super) fn find(id: u16) -> Option<&'static Registered> {
    ALL.get(ALL.binary_search_by_key(&id, |r| r.id).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_filter_is_documented() {
        let text = std::fs::read_to_string(hyperslab_core::testing::repo().join("docs/support.md")).unwrap();
        for r in ALL {
            let row = text.lines().find(|l| l.starts_with(&format!("| {} | {} |", r.id, r.name)));
            let row = row.unwrap_or_else(|| panic!("no row for {} {}", r.id, r.name));
            assert_eq!(row.contains("| yes"), r.undo.is_some(), "{row}");
        }
    }

    #[test]
    fn every_filter_is_found() {
        assert!(ALL.is_sorted_by_key(|r| r.id));
        assert!(ALL.iter().all(|r| find(r.id).is_some_and(|f| f.name == r.name)));
        assert!(find(7).is_none());
    }
}
