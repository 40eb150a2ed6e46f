//! `slab log tail`: the last messages, and those that another process appends.

use super::form::{Form, Printer};
use crate::exit::{self, Outcome, Stop};
use hyperslab::larpix::log::{LogReader, Messages, Rows};
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
    /// Wait for what is appended, and show it as it is committed; also across writers, and in the log that takes the
    /// place of this one
    #[arg(short, long)]
    follow: bool,
    #[command(flatten)]
    form: Form,
}

pub(super) fn run(args: &Args) -> Outcome {
    let mut printer = Printer::new(&args.form)?;
    let mut log = LogReader::open(&args.file)?;
    let end = log.len();
    printer.rows(&log, &Rows::range(end.saturating_sub(args.n)..end))?;
    printer.flush()?;
    if args.follow {
        let (mut messages, mut next) = (Messages::new(), end);
        loop {
            match follow(&mut log, &mut next, &mut messages, &mut printer) {
                // Another log has taken the place of this one, as a recorder that begins a new run does: that one
                // is followed from its first message on.
                Err(Stop::Error(_)) if !log.is_current()? => {
                    exit::note(&format!(
                        "{}: another log has taken the place of this one after {next} messages",
                        args.file.display()
                    ));
                    log = LogReader::open(&args.file)?;
                    next = 0;
                }
                done => done?,
            }
        }
    }
    printer.finish()
}

/// Prints what comes; returns with an error alone.
fn follow(
    log: &mut LogReader,
    next: &mut u64,
    messages: &mut Messages,
    printer: &mut Printer<'_>,
) -> Outcome<()> {
    let mut follow = log.follow(*next, None);
    while follow.next_into(messages)? {
        printer.messages(messages)?;
        printer.flush()?;
        *next = follow.position();
    }
    Ok(())
}
