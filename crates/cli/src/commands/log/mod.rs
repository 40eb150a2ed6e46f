//! `slab log`: raw message logs, recorded, shown, followed, joined and cut.

mod append;
mod form;
mod frames;
mod info;
mod merge;
mod show;
mod split;
mod tail;

use crate::exit::{Outcome, Stop};
use clap::{Subcommand, ValueEnum};
use hyperslab::{Error, Kind};

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
    Info(info::Args),
    Merge(merge::Args),
    Split(split::Args),
}

impl Args {
    /// Whether the command makes files that appear when they are complete.
    pub(crate) fn makes_files(&self) -> bool {
        matches!(self.command, Command::Merge(_) | Command::Split(_))
    }
}

pub(crate) fn run(args: &Args) -> Outcome {
    command(args).map_err(|stop| match stop {
        Stop::Error(e) => Stop::Error(hinted(e)),
        other => other,
    })
}

/// What is damaged can be recovered, if it is a log at all.
fn hinted(e: Error) -> Error {
    let file = e.file_path().map(|p| p.display().to_string());
    match file {
        Some(file) if e.kind() == Kind::Invalid && !e.message().starts_with("not a message log") => {
            e.hint(format!("try 'slab recover {file} OUT'"))
        }
        _ => e,
    }
}

fn command(args: &Args) -> Outcome {
    match &args.command {
        Command::Append(args) => append::run(args),
        Command::Show(args) => show::run(args),
        Command::Tail(args) => tail::run(args),
        Command::Info(args) => info::run(args),
        Command::Merge(args) => merge::run(args),
        Command::Split(args) => split::run(args),
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
