//! Nengo cache objects, the cache, pickles.

use super::{Goal, ROW, Row};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "nco-read",
        what: "open and read a small NCO (decoders 60x2, solver info)",
        peer: "`nengo.utils.nco.read`",
        script: Some(("nco.py", "read")),
        goal: Goal::AtMost(10e-6),
        ..ROW
    },
    Row {
        name: "nco-read-8k",
        what: "open and read an NCO of 8 KiB (decoders 512x2, solver info)",
        peer: "`nengo.utils.nco.read`",
        script: Some(("nco.py", "read-8k")),
        goal: Goal::AtMost(10e-6),
        ..ROW
    },
    Row {
        name: "nco-read-pack",
        what: "the same from an open pack of 1,000 (a map), into memory of our own",
        peer: "`nengo.utils.nco.read`",
        script: Some(("nco.py", "read-pack")),
        goal: Goal::Ratio(1.0 / 13.0),
        ..ROW
    },
    Row {
        name: "nco-map",
        what: "NCO of 4 MiB as a view over a map, opened and closed",
        peer: "`nengo.utils.nco.read`",
        script: Some(("nco.py", "read-large")),
        goal: Goal::AtMost(30e-6),
        ..ROW
    },
    Row {
        name: "nco-pack",
        what: "write one of 1,000 objects of 8 KiB to a new pack on the disk, gathered to 256 KiB",
        peer: "`nengo.utils.nco.write`",
        script: Some(("nco.py", "pack")),
        on_disk: true,
        goal: Goal::AtMost(6e-6),
        ..ROW
    },
    Row {
        name: "nco-pack-keyed",
        what: "the same with key, time and checksums",
        peer: "`nengo.utils.nco.write`",
        script: Some(("nco.py", "pack")),
        on_disk: true,
        goal: Goal::AtMost(8e-6),
        ..ROW
    },
    Row {
        name: "cache-index",
        what: "read a cache index of 10,000 entries",
        peer: "`nengo.cache.CacheIndex`",
        script: Some(("cache.py", "index")),
        goal: Goal::Ratio(1.0 / 4.0),
        ..ROW
    },
    Row {
        name: "cache-open",
        what: "open a cache of 100,000 entries that nengo uses too, look for a key, close",
        peer: "`nengo.cache.DecoderCache`",
        script: Some(("cache.py", "open")),
        goal: Goal::Ratio(1.0 / 10.0),
        ..ROW
    },
    Row {
        name: "cache-open-native",
        what: "the same with a journal (our native mode)",
        peer: "`nengo.cache.DecoderCache`",
        script: Some(("cache.py", "open")),
        goal: Goal::AtMost(5e-3),
        ..ROW
    },
    Row {
        name: "cache-put",
        what: "open a cache of nengo's with 100,000 entries, put one, close, all on the disk (nengo syncs nothing)",
        peer: "`nengo.cache.DecoderCache`",
        script: Some(("cache.py", "put")),
        goal: Goal::Ratio(1.0),
        ..ROW
    },
    Row {
        name: "cache-shrink",
        what: "delete half of 10,000 packs of a cache",
        peer: "`nengo.cache.DecoderCache.shrink`",
        script: Some(("cache.py", "shrink")),
        goal: Goal::AtMost(60e-3),
        ..ROW
    },
    Row {
        name: "unpickle-solver",
        what: "solver dict unpickled: every part found by name and viewed",
        peer: "`pickle.loads` (C), nothing looked at",
        script: Some(("pickles.py", "solver")),
        goal: Goal::AtMost(6e-6),
        ..ROW
    },
    Row {
        name: "unpickle-solver",
        what: "the same",
        peer: "the same",
        script: Some(("pickles.py", "solver")),
        goal: Goal::Ratio(0.2),
        ..ROW
    },
    Row {
        name: "unpickle-solver-tree",
        what: "solver dict unpickled to a tree that owns its parts",
        peer: "`pickle.loads` (C)",
        script: Some(("pickles.py", "solver")),
        goal: Goal::Ratio(0.5),
        ..ROW
    },
    Row {
        name: "unpickle-index",
        what: "cache index of 10,000 entries unpickled, every entry visited",
        peer: "`pickle.loads` (C, collector on), nothing visited",
        script: Some(("pickles.py", "index")),
        goal: Goal::Ratio(0.25),
        ..ROW
    },
];
