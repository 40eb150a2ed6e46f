//! `slab recover`: what can still be read of a damaged file, in a new one.

use crate::exit::{self, Answer, Outcome};
use crate::output;
use crate::progress::Wheel;
use crate::render::{size, text};
use hyperslab::larpix::log::RecoverOptions;
use hyperslab::recover::recover;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Salvage all that still decodes of a damaged file into a new one
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Raw message logs are recovered: marked as open by a killed writer, with a stale end of file, cut, with
messages and headers of different number, with damaged chunks, index, headers, superblock or heap. Messages
keep their order; where some are lost, those after them move up. Of packs of Nengo cache objects the whole
objects are kept, and of NPZ files the whole members, also where the directory is lost. The damaged file is
only read.
Exit codes: 0 all that the file states was saved; 1 OUT is there, and something was lost or had to be guessed,
which is told; 2 nothing was written.")]
pub(crate) struct Args {
    /// The damaged file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The new file
    #[arg(value_name = "OUT")]
    out: PathBuf,
    /// Replace OUT when it exists
    #[arg(long, short)]
    force: bool,
    /// Print the account as a JSON document
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Outcome {
    if [&args.file, &args.out].iter().any(|p| p.as_path() == Path::new("-")) {
        return Err(exit::usage("recover reads a file and writes a file"));
    }
    let wheel = Wheel::start("recovering");
    let options = RecoverOptions { replace: args.force, ..RecoverOptions::default() };
    let done = recover(&args.file, &args.out, &options)?;
    drop(wheel);
    let answer = if done.report.is_complete() { Answer::Yes } else { Answer::No };
    if args.json {
        output::json(&mut output::bytes(), &done.to_json(&args.file, &args.out))?;
        return Ok(answer);
    }
    let r = &done.report;
    let mut out = output::text();
    let name = text::name(&args.file.to_string_lossy());
    let of = r.stated.map_or_else(String::new, |n| format!(" of {n}"));
    let unit = if r.saved == 1 && r.stated.is_none() { done.unit.trim_end_matches('s') } else { done.unit };
    writeln!(out, "{name}: saved {}{of} {unit}, {}", r.saved, size::bytes(r.bytes))?;
    let counts = [
        (r.lost, "lost"),
        (r.placed, "found in the heap, without a row that leads to them, and put in file order"),
        (r.without_group, "whose group is lost: written with group 0"),
        (r.unwritten, "stated and never written"),
    ];
    for (count, what) in counts.iter().filter(|(n, _)| *n > 0) {
        writeln!(out, "{name}: {count} {what}")?;
    }
    for left in &r.left_out {
        writeln!(out, "{name}: not carried over: {}", text::name(left))?;
    }
    for loss in &r.losses {
        writeln!(out, "{name}: {}", text::name(&loss.to_string()))?;
    }
    for note in &r.notes {
        writeln!(out, "{name}: note: {}", text::name(note))?;
    }
    out.flush()?;
    Ok(answer)
}
