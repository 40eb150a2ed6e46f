//! The raw message log, and the way from it to packets.

use super::{Goal, ROW, Row, Unit};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "log-append",
        what: "append 206 B messages by thousands to a raw message log on the disk",
        peer: "larpix-control `to_rawfile`, by thousands",
        script: Some(("log.py", "append-1000")),
        unit: Unit::Messages,
        goal: Goal::Rate(8e6),
        on_disk: true,
        ..ROW
    },
    Row {
        name: "log-append",
        what: "the same",
        peer: "larpix-control, as a ratio",
        script: Some(("log.py", "append-1000")),
        goal: Goal::Ratio(1.0 / 30.0),
        on_disk: true,
        ..ROW
    },
    Row {
        name: "log-append",
        what: "the same",
        peer: "h5py, the file held open, flushed after each thousand",
        script: Some(("log.py", "held-1000")),
        unit: Unit::Messages,
        goal: Goal::Rate(8e6),
        on_disk: true,
        ..ROW
    },
    Row {
        name: "log-append-plain",
        what: "the same to a log in memory",
        peer: "a plain write of as many bytes to another file there",
        unit: Unit::Messages,
        goal: Goal::Ratio(2.0),
        ..ROW
    },
    Row {
        name: "log-append-hundred",
        what: "append by hundreds, in memory",
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
        what: "append by thousands, ordered sync, on the disk",
        peer: "larpix-control `to_rawfile`, by thousands, which never syncs",
        script: Some(("log.py", "append-1000")),
        unit: Unit::Messages,
        goal: Goal::Rate(500e3),
        on_disk: true,
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
        ..ROW
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
];
