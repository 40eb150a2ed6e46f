//! From a raw message log to a file of packets.
//!
//! [`convert`] makes a new file that appears whole or not at all: `/packets` with a row for every packet, and around
//! it what larpix-control's `hdf5format` expects: `/_header`, `/messages`, `/configs`; `/daq_configs` and what the
//! log says of its run are carried over. [`follow`] makes a table that grows with the log. What a row is, is decided in
//! [`crate::packets`].
//!
//! Memory does not depend on the log: messages are read in blocks, decoded by several threads, and written in their
//! order. Facts: larpix-control 3.7.0 `hdf5format.to_file`; its `convert_rawhdf5_to_hdf5` for what is carried over.

mod blocks;
mod file;
mod follow;

pub use follow::follow;

use crate::log::LogReader;
use crate::packets::{PacketRows, RowForm};
use crate::pacman::Check;
use blocks::{Block, Blocks};
use file::Surroundings;
use hyperslab_core::{Error, Kind, Result};
use hyperslab_hdf5::write::{RowsWriter, Writer};
use std::path::Path;

/// How a log is converted.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Format of the file, and which ASICs sent the packets.
    pub form: RowForm,
    /// What happens to a message or word that cannot be decoded: an error, or it is left out and counted.
    pub check: Check,
    /// Threads that decode; one more writes. 0 for as many as there are processors, 16 at most.
    pub jobs: usize,
    /// Replaces a file that is there.
    pub replace: bool,
}

impl Options {
    fn threads(&self) -> usize {
        match self.jobs {
            // More of them than one thread can write for would only take memory.
            0 => std::thread::available_parallelism().map_or(1, usize::from).min(16),
            n => n,
        }
    }
}

/// What a conversion did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Messages gone through.
    pub messages: u64,
    /// Rows written.
    pub rows: u64,
    /// What was left out.
    pub skipped: Skipped,
    /// What of the log's other contents could not be carried over, and why.
    pub notes: Vec<String>,
}

impl Report {
    fn add(&mut self, block: &Block) {
        self.rows += block.rows.len();
        self.messages += block.messages;
        self.skipped.add(&block.skipped);
    }
}

/// What lenient decoding left out or overlooked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Messages without a header that can be parsed.
    pub messages: u64,
    /// Words that are torn or of an unknown type.
    pub words: u64,
    /// Messages whose header counts another number of words than follow; their words were taken.
    pub miscounted: u64,
    /// The first of these messages, by its position in the log, and what is wrong with it.
    pub first: Option<(u64, String)>,
}

impl Skipped {
    /// Whether nothing was.
    pub fn is_empty(&self) -> bool {
        self.messages == 0 && self.words == 0 && self.miscounted == 0
    }

    fn add(&mut self, later: &Skipped) {
        self.messages += later.messages;
        self.words += later.words;
        self.miscounted += later.miscounted;
        if self.first.is_none() {
            self.first.clone_from(&later.first);
        }
    }
}

/// Makes a file of the packets in the log's messages, as many as there are now; `progress` is told how many messages
/// are done, and of how many.
///
/// # Errors
/// `Usage` when the file exists and must not be replaced, or is the log itself; `Invalid` for damage in the log, and
/// with [`Check::Strict`] for the first message that cannot be decoded, by its position; `Unsupported` when it is not
/// a log; `Io`. No file is left behind, and one that was there stays.
pub fn convert(
    raw: &Path,
    out: &Path,
    options: &Options,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Report> {
    let log = LogReader::open(raw)?;
    file::check_distinct(raw, out)?;
    let mut writer = Writer::create(out, options.replace)?;
    let mut report = Report::default();
    let around = Surroundings::of(raw, &mut report.notes)?;
    let format = options.form.format();
    // First what may be refused, then the work.
    around.write(&mut writer, format, &[]).map_err(|e| e.file(out))?;
    let total = log.len();
    let mut rows =
        writer.rows(file::PACKETS, &format.dtype(), file::chunk_rows(total)).map_err(|e| e.file(out))?;
    let blocks = Blocks::new(&log, 0..total, options.form, options.check);
    let mut take = |rows: &mut RowsWriter<'_>, block: Block| -> Result<PacketRows> {
        rows.push(block.rows.bytes()).map_err(|e| e.file(out))?;
        report.add(&block);
        progress(report.messages, total);
        Ok(block.rows)
    };
    blocks.each(options.threads(), |block| take(&mut rows, block))?;
    rows.finish().map_err(|e| e.file(out))?;
    file::describe(&mut writer, format).map_err(|e| e.file(out))?;
    writer.finish()?;
    Ok(report)
}

/// An error in a message, with its place in the log.
fn in_message(e: Error, raw: &Path, position: u64) -> Error {
    let helps = e.kind() != Kind::Unsupported;
    let e = e.object(format!("/msgs[{position}]")).file(raw);
    if helps { e.hint("leave out what cannot be decoded with --lenient") } else { e }
}
