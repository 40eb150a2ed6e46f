//! `slab log show`: messages by slice or mask.

use super::form::{Form, Printer};
use crate::exit::{self, Outcome};
use hyperslab::larpix::log::{LogReader, Rows};
use hyperslab::{Dtype, Error, Limits, Result, Shape, npy};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Show messages by slice or mask
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
    let rows = match &args.mask {
        Some(_) if !selection.is_all() => return Err(exit::usage("a mask and a slice exclude each other")),
        Some(file) => mask(file, log.len())?,
        None => Rows::select(&selection, log.len()).map_err(|e| e.file(target.file()))?,
    };
    let mut printer = Printer::new(&args.form)?;
    printer.rows(&log, &rows)?;
    printer.finish()
}

/// The messages where a boolean array is true, which has an element for each message.
fn mask(file: &Path, messages: u64) -> Result<Rows> {
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
    Rows::mask(view.to_bytes(&limits)?.iter().map(|b| *b != 0), messages)
}
