//! `slab log merge`: logs joined.

use crate::exit::{self, Answer, Outcome};
use crate::progress::Wheel;
use hyperslab::larpix::log::merge;
use std::path::PathBuf;

/// Join logs: the messages of each after those of the one before, with the metadata of the first
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The new log
    #[arg(value_name = "OUT")]
    out: PathBuf,
    /// The logs
    #[arg(value_name = "IN", required = true)]
    inputs: Vec<PathBuf>,
    /// Replace OUT when it exists
    #[arg(long, short)]
    force: bool,
}

pub(super) fn run(args: &Args) -> Outcome {
    let wheel = Wheel::start("joining");
    let done = merge(&args.out, &args.inputs, args.force, &mut |_| {})?;
    drop(wheel);
    done.notes.iter().for_each(|n| exit::note(n));
    Ok(Answer::Yes)
}
