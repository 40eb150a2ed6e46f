//! Salvaging a damaged log into a new one. The damaged file is read, by position, and never written.
//!
//! Nothing in it is believed that something else does not bear out: a message is saved when a row's length and number
//! agree with an object of the heap, or when it is an object between those of its neighbours. In the order in which
//! less and less is left of a file: flags and the end of file in the superblock do not matter; a block of the index or
//! a header with a wrong checksum is used as far as what it leads to holds; what no link leads to is looked for by its
//! signature; and of a file without rows the messages come out of the heap, in file order.
//!
//! Facts: larpix-control 3.7.0 killed while appending under HDF5 1.12 to 2.0, measured; the global heap as those
//! libraries write it.

mod carry;
mod check;
mod column;
mod find;
mod heap;
mod index;
mod input;
mod object;
mod report;
mod rows;
mod scan;
mod survey;

pub(super) use check::dialect;
pub use check::{Dialect, check};
pub use report::{Loss, Report};

use super::foreign;
use super::fresh::{Meta, NewLog};
use carry::Others;
use find::Found;
use heap::Heap;
use hyperslab_core::source::FileSource;
use hyperslab_core::{Error, Limits, Result, Source};
use input::Input;
use rows::Rows;
pub use rows::Take;
use std::path::Path;

/// How a log is recovered.
#[derive(Clone, Debug, Default)]
pub struct RecoverOptions {
    /// Whether a file that is there may be replaced by the new one.
    pub replace: bool,
    /// What may be used.
    pub limits: Limits,
}

/// Saves all that can be read of the log at `path` into a new log at `out`, which appears when it is complete.
///
/// Messages keep their order; where some are lost, those after them move up. [`Report`] says which.
///
/// ```
/// use hyperslab_larpix::log::{LogOptions, LogReader, LogWriter, RecoverOptions, recover};
/// # fn main() -> hyperslab_core::Result<()> {
/// # let dir = tempfile::tempdir().unwrap();
/// # let (path, out) = (dir.path().join("run.h5"), dir.path().join("saved.h5"));
/// let mut log = LogWriter::create(&path, &LogOptions::default())?;
/// log.append(1, b"a message")?;
/// log.close()?;
/// # let mut bytes = std::fs::read(&path).unwrap();
/// // Its first sector is lost: the superblock and the headers of both datasets.
/// bytes[..512].fill(0);
/// # std::fs::write(&path, bytes).unwrap();
///
/// let report = recover(&path, &out, &RecoverOptions::default())?;
/// assert_eq!((report.saved, report.lost), (1, 0));
/// assert_eq!(LogReader::open(&out)?.read(0..1)?.get(0), Some((1, &b"a message"[..])));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// `Usage` when `out` is `path`, or is there and may not be replaced; `Unsupported` when nothing of a log is left in
/// the file; `Limit`, `Io`. Nothing is written then.
pub fn recover(path: impl AsRef<Path>, out: impl AsRef<Path>, options: &RecoverOptions) -> Result<Report> {
    let (path, out) = (path.as_ref(), out.as_ref());
    apart(path, out, options.replace)?;
    let source = FileSource::open(path)?;
    let mut salvage = Salvage::open(&source, &options.limits).map_err(|e| foreign::instead(e, path))?;
    let mut new = NewLog::create(out, options.replace, &mut salvage.meta, salvage.header.as_ref())?;
    let others = Others {
        objects: std::mem::take(&mut salvage.foreign),
        attributes: std::mem::take(&mut salvage.meta.left),
    };
    let root = salvage.root.ok_or_else(|| Error::invalid("the superblock is lost"));
    let file = root.and_then(|root| Input::new(&source, options.limits.clone())?.file(root));
    let mut failed = None;
    let report = salvage.into_each(&mut |header, message| {
        new.push(header, message).map_err(|e| {
            failed.get_or_insert(e);
            Error::usage("stopped")
        })
    });
    if let Some(e) = failed {
        return Err(e.file(out));
    }
    let mut report = report.map_err(|e| e.file(path))?;
    let left = new.finish_with(|extra| others.carry(file, extra, &options.limits))?;
    for (what, why) in left {
        report.notes.push(format!("{what} is left out: {why}"));
        report.left_out.push(what);
    }
    Ok(report)
}

/// Checks that a new file is not put in the place of the one that it is made from, or of another.
pub(super) fn apart(path: &Path, out: &Path, replace: bool) -> Result<()> {
    let same = match (path.canonicalize(), out.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    };
    if same {
        return Err(Error::usage("is the file that is read, which is never written").file(out));
    }
    hyperslab_core::output::place(out, replace).map(drop)
}

/// A damaged log that was looked at: what of it can be saved.
pub struct Salvage<'s> {
    input: Input<'s>,
    rows: Rows,
    report: Report,
    meta: Meta,
    /// The type of a header row.
    header: Option<hyperslab_core::Dtype>,
    /// Where the root group is, and its members that belong to no log.
    root: Option<u64>,
    foreign: Vec<String>,
}

impl<'s> Salvage<'s> {
    /// Looks at all of it.
    ///
    /// # Errors
    /// As [`recover`], of what concerns reading.
    pub fn open(source: &'s dyn Source, limits: &Limits) -> Result<Salvage<'s>> {
        let input = Input::new(source, limits.clone())?;
        let mut report = Report::default();
        let (rows, meta, root, foreign) = {
            let mut heap = Heap::new(&input);
            let mut found = Found::look(&input, &mut heap)?;
            let meta = found.meta(&input, &mut heap)?;
            report.notes.append(&mut found.notes);
            let foreign = std::mem::take(&mut found.foreign);
            uneven(&found, &mut report);
            (Rows::survey(&input, &mut heap, &mut found, &mut report)?, meta, found.root, foreign)
        };
        let header = rows.header_type().cloned();
        Ok(Salvage { input, rows, report, meta, header, root, foreign })
    }

    /// Hands out each message with its header row, in order, and returns the account.
    ///
    /// # Errors
    /// What `take` returns; `Limit`.
    pub fn into_each(self, take: Take<'_>) -> Result<Report> {
        let Salvage { input, rows, mut report, meta, foreign, .. } = self;
        report.left_out.extend(foreign.iter().map(|name| format!("/{name}")));
        report.left_out.extend(meta.left.iter().map(|name| format!("/meta@{name}")));
        let mut heap = Heap::new(&input);
        rows.each(&input, &mut heap, &mut report, take)?;
        Ok(report)
    }
}

/// Lengths that differ are what a writer leaves that was killed between the two.
fn uneven(found: &Found, report: &mut Report) {
    let messages = found.messages.as_ref().and_then(|c| c.rows);
    let headers = found.headers.as_ref().and_then(|(c, _)| c.rows);
    if let (Some(m), Some(h)) = (messages, headers)
        && m != h
    {
        report
            .notes
            .push(format!("/msgs has {m} rows and /msg_headers {h}: a writer was killed between the two"));
    }
    if found.headers.is_none() {
        report.notes.push("the dataset of headers is lost: all groups are 0".into());
    }
}
