//! `slab`: list, show, sum, convert and follow arrays and message logs.
//!
//! The command line is a thin skin: what a command does is in `commands/`, how it looks in `render/`, how it ends in
//! `exit.rs`; everything about files is in the `hyperslab` library.
#![forbid(unsafe_code)]

mod args;
mod commands;
mod exit;
mod help;
mod output;
mod progress;
mod render;

use std::process::ExitCode;

fn main() -> ExitCode {
    help::set_colors();
    output::outlive_size_limits();
    match args::Cli::parse_arguments() {
        Ok(cli) => exit::code(commands::run(&cli)),
        Err(e) => help::explain(&e),
    }
}
