//! What the benchmarks claim, a row each.

mod hdf5;
mod log;
mod nco;
mod npy;

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
    /// Files lie on the disk where our program does, for both sides, and not in memory.
    pub(super) on_disk: bool,
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
    on_disk: false,
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

/// Every claim, in the order of the table.
pub(super) fn all() -> impl Iterator<Item = &'static Row> {
    [hdf5::ROWS, log::ROWS, nco::ROWS, npy::ROWS].into_iter().flatten()
}
