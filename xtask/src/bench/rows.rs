//! What the benchmarks claim, a row each.

/// One claim.
pub(super) struct Row {
    /// The name on the command line, and the operation's name in our program.
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    pub(super) peer: &'static str,
    /// The peer's script and operation; none: our program times the peer too, call by call in turns.
    pub(super) script: Option<(&'static str, &'static str)>,
    pub(super) unit: Unit,
    pub(super) goal: Goal,
    /// One operation takes a second and more: fewer rounds, and the peer is timed once for all rows that name it.
    pub(super) heavy: bool,
}

/// What most rows are.
const ROW: Row = Row {
    name: "",
    what: "",
    peer: "",
    script: None,
    unit: Unit::Seconds,
    goal: Goal::Ratio(1.0),
    heavy: false,
};

#[derive(Clone, Copy)]
pub(super) enum Unit {
    /// Samples are seconds for one operation.
    Seconds,
    /// Samples are seconds for one message; shown as messages per second.
    Messages,
    /// Samples are seconds for one row of a table; shown as rows per second.
    Rows,
}

#[derive(Clone, Copy)]
pub(super) enum Goal {
    /// At most so many seconds.
    AtMost(f64),
    /// At least so many messages or rows per second.
    Rate(f64),
    /// At most so many times the peer.
    Ratio(f64),
}

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
        name: "log-append",
        what: "append 206 B messages by thousands to a raw message log",
        peer: "larpix-control `to_rawfile`, by thousands",
        script: Some(("log.py", "append-1000")),
        unit: Unit::Messages,
        goal: Goal::Rate(8e6),
        ..ROW
    },
    Row {
        name: "log-append",
        what: "the same",
        peer: "larpix-control, as a ratio",
        script: Some(("log.py", "append-1000")),
        goal: Goal::Ratio(1.0 / 30.0),
        ..ROW
    },
    Row {
        name: "log-append",
        what: "the same",
        peer: "h5py, the file held open, flushed after each thousand",
        script: Some(("log.py", "held-1000")),
        unit: Unit::Messages,
        goal: Goal::Rate(8e6),
        ..ROW
    },
    Row {
        name: "log-append-hundred",
        what: "append by hundreds",
        peer: "larpix-control `to_rawfile`, by hundreds",
        script: Some(("log.py", "append-100")),
        unit: Unit::Messages,
        goal: Goal::Rate(3e6),
        ..ROW
    },
    Row {
        name: "log-append-one",
        what: "append one by one, each committed",
        peer: "larpix-control `to_rawfile`, one by one",
        script: Some(("log.py", "append-1")),
        unit: Unit::Messages,
        goal: Goal::Rate(80e3),
        ..ROW
    },
    Row {
        name: "log-append-one",
        what: "the same",
        peer: "h5py, the file held open, flushed after each",
        script: Some(("log.py", "held-1")),
        unit: Unit::Messages,
        goal: Goal::Rate(80e3),
        ..ROW
    },
    Row {
        name: "log-append-queue",
        what: "append one by one to a queue that commits every 10 ms or 256 KiB, file at most 1.19x the messages",
        peer: "larpix-control `to_rawfile`, one by one",
        script: Some(("log.py", "append-1")),
        unit: Unit::Messages,
        goal: Goal::Rate(2e6),
        ..ROW
    },
    Row {
        name: "log-append-ordered",
        what: "append by thousands, ordered sync, on the disk where the program lies",
        peer: "larpix-control `to_rawfile`, by thousands, which never syncs",
        script: Some(("log.py", "append-1000")),
        unit: Unit::Messages,
        goal: Goal::Rate(500e3),
        ..ROW
    },
    Row {
        name: "log-append-long",
        what: "append by hundreds to a log of 10^7 messages",
        peer: "the same to one of 10^3",
        script: None,
        goal: Goal::Ratio(1.5),
        ..ROW
    },
    Row {
        name: "log-merge",
        what: "join two raw message logs of 206 B messages, the new one on the disk at the end",
        peer: "larpix-control `raw_hdf5_tool.py --merge`",
        script: Some(("log_tools.py", "merge")),
        unit: Unit::Messages,
        goal: Goal::Ratio(1.0 / 100.0),
        heavy: true,
    },
    Row {
        name: "log-read",
        what: "read all messages of a log, 206 B each, where they lie",
        peer: "larpix-control `from_rawfile`",
        script: Some(("log_read.py", "read")),
        unit: Unit::Messages,
        goal: Goal::Rate(10e6),
        ..ROW
    },
    Row {
        name: "log-read-copied",
        what: "the same, into memory",
        peer: "h5py, `msgs[:]` and `msg_headers[:]` of a file held open",
        script: Some(("log_read.py", "read-h5py")),
        unit: Unit::Messages,
        goal: Goal::Rate(5e6),
        ..ROW
    },
    Row {
        name: "log-open",
        what: "open a log of 10^6 messages and ask for its length",
        peer: "larpix-control `len_rawfile` (10^5 messages)",
        script: Some(("log_read.py", "len")),
        goal: Goal::AtMost(50e-6),
        ..ROW
    },
    Row {
        name: "log-len",
        what: "look again at a log held open and ask for its length",
        peer: "h5py, `refresh()` and `len` of a file held open with SWMR",
        script: Some(("log_read.py", "len-h5py")),
        goal: Goal::AtMost(20e-6),
        ..ROW
    },
    Row {
        name: "log-follow",
        what: "commit a message to a log of 10^7 messages, until its follower has it",
        peer: "the same at 10^3 messages",
        goal: Goal::Ratio(1.5),
        heavy: true,
        ..ROW
    },
    Row {
        name: "packets",
        what: "raw log of detector-like messages (5 to 10 words) to a packet file, one thread, less than 100 MB of memory",
        peer: "larpix-control `parse` and `to_file`, 4,000 messages",
        script: Some(("packets.py", "rows")),
        unit: Unit::Rows,
        goal: Goal::Rate(10e6),
        ..ROW
    },
    Row {
        name: "packets",
        what: "the same",
        peer: "larpix-control `parse` and `to_file`, 4,000 messages",
        script: Some(("packets.py", "rows")),
        unit: Unit::Rows,
        goal: Goal::Ratio(1.0 / 150.0),
        ..ROW
    },
    Row {
        name: "packets-all",
        what: "the same, all threads, less than 100 MB of memory",
        peer: "larpix-control `parse` and `to_file`, 4,000 messages",
        script: Some(("packets.py", "rows")),
        unit: Unit::Rows,
        goal: Goal::Ratio(1.0 / 150.0),
        ..ROW
    },
    Row {
        name: "packets-start",
        what: "raw log of two messages to a packet file",
        peer: "larpix-control `parse` and `to_file`",
        script: Some(("packets.py", "start")),
        goal: Goal::AtMost(20e-3),
        ..ROW
    },
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
        what: "write one of 1,000 objects of 8 KiB to a new pack, gathered to 256 KiB",
        peer: "`nengo.utils.nco.write`",
        script: Some(("nco.py", "pack")),
        goal: Goal::AtMost(6e-6),
        ..ROW
    },
    Row {
        name: "nco-pack-keyed",
        what: "the same with key, time and checksums",
        peer: "`nengo.utils.nco.write`",
        script: Some(("nco.py", "pack")),
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
