//! NumPy files and text.

use super::{Goal, ROW, Row};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "npy-load",
        what: "open and load a small NPY (100 f64)",
        peer: "`numpy.load`",
        script: Some(("npy.py", "load")),
        goal: Goal::AtMost(4e-6),
        ..ROW
    },
    Row {
        name: "npz-write-f32",
        what: "16 MB of f32 (a field with noise) to a deflated NPZ, one thread",
        peer: "`numpy.savez_compressed`",
        script: Some(("npy.py", "write-f32")),
        goal: Goal::Ratio(0.2),
        ..ROW
    },
    Row {
        name: "npz-write-f32-two",
        what: "the same, two threads",
        peer: "`numpy.savez_compressed`",
        script: Some(("npy.py", "write-f32")),
        goal: Goal::Ratio(0.125),
        ..ROW
    },
    Row {
        name: "npz-write-f32-rust",
        what: "the same, one thread, build without C",
        peer: "`numpy.savez_compressed`",
        script: Some(("npy.py", "write-f32")),
        goal: Goal::Ratio(1.0),
        ..ROW
    },
    Row {
        name: "npz-write-i16",
        what: "16 MB of i16 (detector samples) to a deflated NPZ, one thread",
        peer: "`numpy.savez_compressed`",
        script: Some(("npy.py", "write-i16")),
        goal: Goal::Ratio(0.2),
        ..ROW
    },
    Row {
        name: "npz-write-i16-two",
        what: "the same, two threads",
        peer: "`numpy.savez_compressed`",
        script: Some(("npy.py", "write-i16")),
        goal: Goal::Ratio(0.125),
        ..ROW
    },
    Row {
        name: "npz-write-i16-rust",
        what: "the same, one thread, build without C",
        peer: "`numpy.savez_compressed`",
        script: Some(("npy.py", "write-i16")),
        goal: Goal::Ratio(1.0),
        ..ROW
    },
    Row {
        name: "npz-read-f32",
        what: "NumPy's deflated NPZ of the f32 read, one thread",
        peer: "`numpy.load`",
        script: Some(("npy.py", "read-f32")),
        goal: Goal::Ratio(0.4),
        ..ROW
    },
    Row {
        name: "npz-read-i16",
        what: "NumPy's deflated NPZ of the i16 read, one thread",
        peer: "`numpy.load`",
        script: Some(("npy.py", "read-i16")),
        goal: Goal::Ratio(0.4),
        ..ROW
    },
    Row {
        name: "npz-read-many",
        what: "32 deflated members of 1 MB read, two threads",
        peer: "`numpy.load`",
        script: Some(("npy.py", "read-many")),
        goal: Goal::Ratio(0.25),
        ..ROW
    },
    Row {
        name: "npz-list",
        what: "NPZ of 5,000 members opened, listed and read, two threads",
        peer: "`numpy.load`",
        script: Some(("npy.py", "list")),
        goal: Goal::Ratio(1.0 / 60.0),
        ..ROW
    },
    Row {
        name: "npy-load-large",
        what: "400 MB NPY into memory of our own",
        peer: "`numpy.load`",
        script: Some(("npy.py", "load-large")),
        goal: Goal::Ratio(1.05),
        ..ROW
    },
    Row {
        name: "npy-map",
        what: "400 MB NPY as a map, opened and closed",
        peer: "`numpy.load(mmap_mode='r')`",
        script: Some(("npy.py", "map")),
        goal: Goal::AtMost(20e-6),
        ..ROW
    },
    Row {
        name: "text-read",
        what: "10^7 doubles from text, one thread",
        peer: "`numpy.fromfile(sep=',')`",
        script: Some(("text.py", "read")),
        goal: Goal::Ratio(1.0 / 15.0),
        heavy: true,
        ..ROW
    },
    Row {
        name: "text-read-two",
        what: "the same, two threads",
        peer: "`numpy.fromfile(sep=',')`",
        script: Some(("text.py", "read")),
        goal: Goal::Ratio(1.0 / 25.0),
        heavy: true,
        ..ROW
    },
    Row {
        name: "text-write",
        what: "10^7 doubles to text, one thread",
        peer: "`ndarray.tofile(sep=',')`",
        script: Some(("text.py", "write")),
        goal: Goal::Ratio(1.0 / 20.0),
        heavy: true,
        ..ROW
    },
    Row {
        name: "text-write-two",
        what: "the same, two threads",
        peer: "`ndarray.tofile(sep=',')`",
        script: Some(("text.py", "write")),
        goal: Goal::Ratio(1.0 / 20.0),
        heavy: true,
        ..ROW
    },
];
