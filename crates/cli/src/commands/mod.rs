//! One file per command: its arguments, what it does, its tests. A new command is a file here, a variant in
//! `args.rs` and a place in the groups of `help.rs`.

pub(crate) mod append;
pub(crate) mod cache;
pub(crate) mod completions;
pub(crate) mod convert;
pub(crate) mod demo;
pub(crate) mod diff;
pub(crate) mod headerless;
pub(crate) mod log;
pub(crate) mod ls;
pub(crate) mod packets;
pub(crate) mod recover;
pub(crate) mod repack;
pub(crate) mod show;
pub(crate) mod storage;
pub(crate) mod sum;
pub(crate) mod verify;

use crate::args::{Cli, Command, GUARD};
use crate::exit::{Outcome, Stop};
use crate::output;
use hyperslab::{Container, Error, OpenOptions, Target};
use std::ffi::OsStr;
use std::path::Path;

/// Runs the command that was asked for.
pub(crate) fn run(cli: &Cli) -> Outcome {
    let makes_a_file = match &cli.command {
        Command::Convert(_) | Command::Append(_) | Command::Repack(_) | Command::Recover(_) => true,
        Command::Packets(args) => !args.follows(),
        Command::Log(args) => args.makes_files(),
        _ => false,
    };
    if makes_a_file {
        // A file that is being made does not stay behind when nobody waits for it any more.
        let stop = || {
            hyperslab::output::discard_unfinished();
            std::process::exit(130);
        };
        ctrlc::set_handler(stop).map_err(|e| Error::usage(format!("cannot handle signals: {e}")))?;
    }
    match &cli.command {
        Command::Ls(args) => ls::run(args),
        Command::Show(args) => show::run(args),
        Command::Sum(args) => sum::run(args),
        Command::Convert(args) => convert::run(args),
        Command::Append(args) => append::run(args),
        Command::Repack(args) => repack::run(args),
        Command::Diff(args) => diff::run(args),
        Command::Verify(args) => verify::run(args),
        Command::Recover(args) => recover::run(args),
        Command::Log(args) => log::run(args),
        Command::Cache(args) => cache::run(args),
        Command::Packets(args) => packets::run(args),
        Command::Demo(args) => demo::run(args),
        Command::Completions(args) => completions::run(args),
    }
}

/// The target that an argument names.
fn target(argument: &OsStr) -> Target {
    // See `args::guarded`.
    match argument.to_str().and_then(|t| t.strip_prefix(GUARD)) {
        Some(text) => Target::parse(text),
        None => Target::parse(argument),
    }
}

/// Bytes of standard input that are taken into memory.
const MAX_STDIN: u64 = 4 << 30;

/// Opens the file of a target; `-` is standard input, read whole.
fn open(target: &Target, options: &OpenOptions) -> Result<Box<dyn Container>, Stop> {
    let file = target.file();
    if file == Path::new("-") {
        let bytes = output::all_of_stdin(MAX_STDIN)?;
        return Ok(hyperslab::open_bytes(bytes.into(), file, options)?);
    }
    Ok(hyperslab::open_with(file, options)?)
}
