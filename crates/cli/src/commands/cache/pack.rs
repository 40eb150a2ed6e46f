//! `slab cache pack`: many small packs put together.

use super::{count, open};
use crate::exit::{Answer, Outcome};
use crate::output;
use crate::progress::Wheel;
use crate::render::{size, text};
use hyperslab::nco::cache::Packed;
use serde_json::json as object;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Put small packs together into larger ones, leaving out what no entry leads to
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A cache is shrunk by whole packs: packs of moderate size let the oldest entries go alone.
Packs with objects that have no name are left alone for a day: somebody may be about to name them.")]
pub(super) struct Args {
    /// The cache directory
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Packs below this size are put together into packs of about this size
    #[arg(long, value_name = "SIZE", default_value = "64 MB", value_parser = super::shrink::parse)]
    size: u64,
    /// Print a JSON document
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Outcome {
    let wheel = Wheel::start("packing");
    let done = open(&args.dir, false)?.pack(args.size)?;
    drop(wheel);
    say(&args.dir, &done, args.json)
}

/// What became of the packs.
pub(super) fn say(dir: &Path, done: &Packed, json: bool) -> Outcome {
    if json {
        let document = object!({
            "dir": dir.to_string_lossy(), "packs_before": done.before, "packs": done.after,
            "moved": done.moved, "gained": done.gained, "left_alone": done.left,
        });
        output::json(&mut output::bytes(), &document)?;
        return Ok(Answer::Yes);
    }
    let mut out = output::text();
    let name = text::name(&dir.to_string_lossy());
    let (before, moved) = (count(done.before, "pack", "packs"), count(done.moved, "entry", "entries"));
    writeln!(
        out,
        "{name}: {before}, now {}; {moved} moved, {} gained",
        done.after,
        size::bytes(done.gained)
    )?;
    if done.left > 0 {
        let left = count(done.left, "pack", "packs");
        writeln!(out, "{name}: {left} left alone: damaged, or with objects that have no name")?;
    }
    out.flush()?;
    Ok(Answer::Yes)
}
