//! `slab log show`: messages by range or mask.

use super::form::{Form, Printer};
use crate::exit::{self, Outcome, Stop};
use hyperslab::larpix::log::{LogReader, Messages};
use hyperslab::{Dtype, Error, Limits, Result, Selection, Shape, npy};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Show messages by range
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The log, and which messages: 'run.h5[-10:]'
    #[arg(value_name = "FILE[SLICE]")]
    target: OsString,
    /// Show the messages where a boolean array is true; it has an element for each message
    #[arg(long, value_name = "FILE.npy")]
    mask: Option<PathBuf>,
    #[command(flatten)]
    form: Form,
}

/// Messages read at once where they are not next to each other in the order asked for.
const BLOCK: u64 = 4096;

pub(super) fn run(args: &Args) -> Outcome {
    let target = super::super::target(&args.target);
    let selection = match target.readings()?.as_slice() {
        [place] if place.path.is_empty() && place.attribute.is_none() => place.selection.clone(),
        _ => return Err(Error::usage("a log is named by its file alone").file(target.file()).into()),
    };
    let log = LogReader::open(target.file())?;
    if let Some((messages, headers)) = log.uneven() {
        exit::note(&format!(
            "{}: {messages} messages and {headers} headers: what has not both is not shown",
            target.file().display()
        ));
    }
    let mut printer = Printer::new(&args.form)?;
    match &args.mask {
        Some(_) if !selection.is_all() => return Err(exit::usage("a mask and a slice exclude each other")),
        Some(file) => {
            let mask = mask(file, log.len())?;
            masked(&log, &mask, &mut printer)?;
        }
        None => sliced(&log, &selection, target.file(), &mut printer)?,
    }
    printer.finish()
}

/// The bytes of a boolean array with an element for each message.
fn mask(file: &Path, messages: u64) -> Result<Vec<u8>> {
    let limits = Limits::default();
    let view = npy::npy::load(file, &limits)?;
    if *view.dtype() != Dtype::Bool || *view.shape() != Shape::from([messages]) {
        return Err(Error::usage(format!(
            "a mask of {} {} for {messages} messages: it must be |b1 ({messages},)",
            view.dtype(),
            view.shape()
        ))
        .file(file));
    }
    Ok(view.to_bytes(&limits)?.into_owned())
}

fn masked(log: &LogReader, mask: &[u8], printer: &mut Printer<'_>) -> Outcome<()> {
    let mut at = 0usize;
    // Runs of true are read at once.
    for run in mask.chunk_by(|a, b| (*a != 0) == (*b != 0)) {
        if run.first().is_some_and(|m| *m != 0) {
            forward(log, at as u64, run.len() as u64, 1, printer)?;
        }
        at += run.len();
    }
    Ok(())
}

fn sliced(log: &LogReader, selection: &Selection, file: &Path, printer: &mut Printer<'_>) -> Outcome<()> {
    let ranges = selection.resolve(&Shape::from([log.len()])).map_err(|e| e.file(file))?;
    let Some(range) = ranges.first() else { return Ok(()) };
    match u64::try_from(range.step) {
        Ok(step) => forward(log, range.start, range.count, step, printer),
        Err(_) => {
            let mut messages = Messages::new();
            for i in 0..range.count {
                let back = range.step.unsigned_abs().saturating_mul(i);
                let at = range.start.saturating_sub(back);
                log.read_into(at..at + 1, &mut messages)?;
                print(&messages, 1, printer)?;
            }
            Ok(())
        }
    }
}

/// Every `step`th of the messages from `start` on.
fn forward(log: &LogReader, start: u64, count: u64, step: u64, printer: &mut Printer<'_>) -> Outcome<()> {
    let mut messages = Messages::new();
    let mut done = 0;
    while done < count {
        // Blocks that begin with a message that is wanted.
        let many = if step > BLOCK { 1 } else { (count - done).min(BLOCK / step.max(1)).max(1) };
        let at = start + done * step;
        log.read_into(at..at + (many - 1) * step + 1, &mut messages)?;
        print(&messages, step, printer)?;
        done += many;
    }
    Ok(())
}

fn print(messages: &Messages, step: u64, printer: &mut Printer<'_>) -> Outcome<()> {
    let step = usize::try_from(step).unwrap_or(usize::MAX).max(1);
    for (i, (io_group, message)) in messages.iter().enumerate().step_by(step) {
        printer.message(messages.first() + i as u64, io_group, message).map_err(Stop::Output)?;
    }
    Ok(())
}
