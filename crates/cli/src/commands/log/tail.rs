//! `slab log tail`: the last messages, and those that another process appends.

use super::form::{Form, Printer};
use crate::exit::Outcome;
use hyperslab::larpix::log::{LogReader, Messages};
use std::path::PathBuf;

/// Show the last messages, and follow a log that is being written
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The log
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How many of the last messages
    #[arg(short, long = "lines", value_name = "N", default_value_t = 10)]
    n: u64,
    /// Wait for what is appended, and show it as it is committed
    #[arg(short, long)]
    follow: bool,
    #[command(flatten)]
    form: Form,
}

pub(super) fn run(args: &Args) -> Outcome {
    let mut log = LogReader::open(&args.file)?;
    let mut printer = Printer::new(&args.form)?;
    let end = log.len();
    let start = end.saturating_sub(args.n);
    let mut written = Ok(());
    log.for_each(start..end, |i, io_group, message| {
        if written.is_ok() {
            written = printer.message(i, io_group, message);
        }
        Ok(())
    })?;
    written?;
    printer.flush()?;
    if args.follow {
        let mut messages = Messages::new();
        let mut follow = log.follow(end, None);
        while follow.next_into(&mut messages)? {
            for (i, (io_group, message)) in messages.iter().enumerate() {
                printer.message(messages.first() + i as u64, io_group, message)?;
            }
            printer.flush()?;
        }
    }
    printer.finish()
}
