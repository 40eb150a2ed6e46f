//! HDF5: images, opening, reading, listing, writing.

use super::{Goal, ROW, Row};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "image-deserialize",
        what: "image of 1000x500 f64: bytes to a checked view",
        peer: "h5py `File.in_memory(image)[..][()]`",
        script: Some(("image.py", "read-in-memory")),
        goal: Goal::AtMost(0.3e-6),
        ..ROW
    },
    Row {
        name: "image-deserialize",
        what: "the same",
        peer: "h5py `File(BytesIO(image))[..][()]`",
        script: Some(("image.py", "read-bytesio")),
        goal: Goal::AtMost(0.3e-6),
        ..ROW
    },
    Row {
        name: "image-serialize-fresh",
        what: "1000x500 f64 to an image, fresh memory",
        peer: "memcpy into fresh memory",
        script: None,
        goal: Goal::Ratio(1.1),
        ..ROW
    },
    Row {
        name: "image-serialize-warm",
        what: "1000x500 f64 to an image, memory used again",
        peer: "memcpy into memory used again",
        script: None,
        goal: Goal::Ratio(1.1),
        ..ROW
    },
    Row {
        name: "image-serialize",
        what: "1000x500 f64 to an image, memory from the allocator",
        peer: "h5py `File(BytesIO(), 'w')`, `create_dataset`, `getvalue`",
        script: Some(("image.py", "write-bytesio")),
        goal: Goal::Ratio(1.0),
        ..ROW
    },
    Row {
        name: "image-parts",
        what: "the header of an image of 1000x500 f64, to be sent before the array's own bytes",
        peer: "h5py `File.in_memory()`, `create_dataset`, `get_file_image`",
        script: Some(("image.py", "write-in-memory")),
        goal: Goal::AtMost(2.5e-6),
        ..ROW
    },
    Row {
        name: "image-parts-sized",
        what: "the header for 1 GB",
        peer: "the same for 1 kB",
        script: None,
        goal: Goal::Ratio(1.2),
        ..ROW
    },
    Row {
        name: "image-view-sized",
        what: "image of 1 GB: bytes to a checked view",
        peer: "the same of 1 kB",
        script: None,
        goal: Goal::Ratio(1.2),
        ..ROW
    },
    Row {
        name: "hdf5-attribute",
        what: "open a small HDF5 file, read one attribute",
        peer: "h5py",
        script: Some(("hdf5.py", "attribute")),
        goal: Goal::AtMost(5e-6),
        ..ROW
    },
    Row {
        name: "hdf5-view",
        what: "400 MB contiguous HDF5 dataset as a view over a map, opened and closed",
        peer: "h5py, into memory",
        script: Some(("hdf5.py", "read-large")),
        goal: Goal::AtMost(30e-6),
        ..ROW
    },
    Row {
        name: "hdf5-copy",
        what: "the same into memory of our own",
        peer: "h5py",
        script: Some(("hdf5.py", "read-large")),
        goal: Goal::Ratio(1.05),
        ..ROW
    },
    Row {
        name: "hdf5-packed",
        what: "200 MB of f32 in shuffled and deflated chunks, one thread",
        peer: "h5py",
        script: Some(("hdf5.py", "read-packed")),
        goal: Goal::Ratio(1.0),
        ..ROW
    },
    Row {
        name: "hdf5-packed-two",
        what: "the same, two threads",
        peer: "h5py",
        script: Some(("hdf5.py", "read-packed")),
        goal: Goal::Ratio(1.0 / 2.2),
        ..ROW
    },
    Row {
        name: "hdf5-packed-hdf5-reader",
        what: "the same, two threads",
        peer: "`hdf5-reader`, two threads",
        script: None,
        goal: Goal::Ratio(1.0),
        ..ROW
    },
    Row {
        name: "hdf5-packed-rust-hdf5",
        what: "the same, all threads",
        peer: "`rust-hdf5`, all threads",
        script: None,
        goal: Goal::Ratio(1.0),
        ..ROW
    },
    Row {
        name: "hdf5-list",
        what: "HDF5 file of 15,000 objects listed",
        peer: "h5py `visititems`, type and shape",
        script: Some(("hdf5.py", "list")),
        goal: Goal::Ratio(1.0 / 20.0),
        ..ROW
    },
    Row {
        name: "hdf5-list-v18",
        what: "the same with groups of the older style",
        peer: "h5py `visititems`, type and shape",
        script: Some(("hdf5.py", "list-v18")),
        goal: Goal::Ratio(1.0 / 20.0),
        ..ROW
    },
    Row {
        name: "hdf5-row",
        what: "one row of 1 GB in shuffled and deflated chunks of 1 MB, opened and closed, two threads",
        peer: "h5py",
        script: Some(("hdf5.py", "row")),
        goal: Goal::Ratio(1.0),
        ..ROW
    },
    Row {
        name: "hdf5-write",
        what: "100 MB of f64 to a new HDF5 file, contiguous",
        peer: "a plain write of the bytes to a new file",
        script: None,
        goal: Goal::Ratio(1.0 / 0.95),
        ..ROW
    },
    Row {
        name: "hdf5-write-packed",
        what: "16 MB of f32 (a field with noise) to shuffled and deflated chunks, level 4, two threads",
        peer: "h5py",
        script: Some(("hdf5.py", "write-packed")),
        goal: Goal::Ratio(1.0 / 3.0),
        ..ROW
    },
];
