//! `slab log split`: a log cut into several.

use crate::exit::{self, Answer, Outcome};
use crate::output;
use crate::progress::Wheel;
use crate::render::text;
use hyperslab::larpix::log::{SplitAt, split};
use std::io::Write as _;
use std::path::PathBuf;

/// Cut a log into several: 'run.h5' into 'run.0.h5', 'run.1.h5', .., each with the metadata of the whole
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The log
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The folder of the new logs, made if need be
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Most messages of a file
    #[arg(long, value_name = "N", required_unless_present = "max_bytes", value_parser = clap::value_parser!(u64).range(1..))]
    max_messages: Option<u64>,
    /// Most bytes of a file, approximately
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_bytes: Option<u64>,
    /// Replace files that exist
    #[arg(long, short)]
    force: bool,
}

pub(super) fn run(args: &Args) -> Outcome {
    let wheel = Wheel::start("cutting");
    let at = SplitAt { messages: args.max_messages, bytes: args.max_bytes };
    let done = split(&args.file, &args.dir, at, args.force, &mut |_| {})?;
    drop(wheel);
    done.notes.iter().for_each(|n| exit::note(n));
    let mut out = output::text();
    for (file, messages) in &done.files {
        writeln!(out, "{}: {messages} messages", text::name(&file.to_string_lossy()))?;
    }
    out.flush()?;
    Ok(Answer::Yes)
}
