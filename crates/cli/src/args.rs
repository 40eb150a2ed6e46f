//! The command line as a whole: its commands and the options that all of them take.

use crate::commands::{
    append, cache, completions, convert, demo, diff, log, ls, packets, recover, repack, show, sum, verify,
};
use crate::help;
use std::ffi::OsString;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};

/// Arrays, their metadata and message logs: NumPy files, HDF5, Nengo cache objects, LArPix raw logs
#[derive(Debug, Parser)]
#[command(
    name = "slab",
    version,
    disable_help_subcommand = true,
    arg_required_else_help = true,
    after_help = "A TARGET is FILE[:PATH][[SLICE]], or FILE:PATH@NAME for an attribute; '-' is standard input.\n\
                  Exit codes: 0 yes or done; 1 the answer is no; 2 could not do it."
)]
pub(crate) struct Cli {
    /// Colors: when standard output is a terminal, always, or never
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// When output is colored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

/// One variant per command; the file of its name in `commands/` has the rest.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Ls(ls::Args),
    Show(show::Args),
    Sum(sum::Args),
    Convert(Box<convert::Args>),
    Append(append::Args),
    Repack(repack::Args),
    Diff(diff::Args),
    Verify(verify::Args),
    Recover(recover::Args),
    Log(log::Args),
    Packets(packets::Args),
    Cache(cache::Args),
    Demo(demo::Args),
    Completions(completions::Args),
}

impl Cli {
    /// The definition from which help and completions are made.
    pub(crate) fn definition() -> clap::Command {
        help::grouped(Cli::command())
    }

    /// Parses this process's arguments.
    pub(crate) fn parse_arguments() -> Result<Cli, clap::Error> {
        let mut definition = Cli::definition();
        let matches = definition.try_get_matches_from_mut(std::env::args_os().map(guarded))?;
        Cli::from_arg_matches(&matches).map_err(|e| e.format(&mut definition))
    }
}

/// Stands before an argument that begins with a hyphen and is no option.
pub(crate) const GUARD: char = '\u{1}';

/// `-:PATH` and `-[SLICE]` are parts of standard input, and no cluster of short options.
fn guarded(argument: OsString) -> OsString {
    match argument.as_encoded_bytes() {
        [b'-', b':' | b'[', ..] => {
            let mut guarded = OsString::from(GUARD.to_string());
            guarded.push(argument);
            guarded
        }
        _ => argument,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::definition().debug_assert();
    }
}
