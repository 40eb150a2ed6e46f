//! `slab completions`: the completion script of a shell, from the definitions that make the help.

use crate::args::Cli;
use crate::exit::{Answer, Outcome};
use crate::output;
use std::io::Write as _;

/// Print a shell's completion script
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell
    shell: clap_complete::Shell,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::definition(), "slab", &mut script);
    let mut out = output::bytes();
    out.write_all(&script)?;
    out.flush()?;
    Ok(Answer::Yes)
}
