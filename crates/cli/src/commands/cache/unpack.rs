//! `slab cache unpack`: every entry in a pack of its own.

use super::open;
use crate::exit::Outcome;
use crate::progress::Wheel;
use std::path::PathBuf;

/// Give every entry a pack of its own, so that each can be deleted alone
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The cache directory
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Print a JSON document
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Outcome {
    let wheel = Wheel::start("unpacking");
    let done = open(&args.dir, false)?.unpack()?;
    drop(wheel);
    super::pack::say(&args.dir, &done, args.json)
}
