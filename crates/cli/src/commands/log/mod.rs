//! `slab log`: raw message logs, recorded, shown and followed.

mod append;
mod form;
mod frames;
mod show;
mod tail;

use crate::exit::Outcome;
use clap::{Subcommand, ValueEnum};

/// Record and look at raw message logs
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true, disable_help_subcommand = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Append(append::Args),
    Show(show::Args),
    Tail(tail::Args),
}

pub(crate) fn run(args: &Args) -> Outcome {
    match &args.command {
        Command::Append(args) => append::run(args),
        Command::Show(args) => show::run(args),
        Command::Tail(args) => tail::run(args),
    }
}

/// How messages follow one another in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Framing {
    /// Each after its length, a little-endian u32
    U32le,
    /// A line each, its end not included
    Lines,
    /// A line of hexadecimal digits each
    Hex,
    /// A JSON object a line: {"io_group": 1, "hex": ".."}
    Jsonl,
}
