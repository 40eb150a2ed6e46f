//! `slab cache recover`: the index of a cache made anew.

use super::{count, open};
use crate::exit::{Answer, Outcome};
use crate::output;
use crate::progress::Wheel;
use crate::render::text;
use serde_json::json as object;
use std::io::Write as _;
use std::path::PathBuf;

/// Make the index anew from the packs; one that is damaged is kept beside it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Objects that this program wrote carry their keys and are found again, removed ones among them;
nengo writes no keys: of its objects, those are found that a sound index leads to.")]
pub(super) struct Args {
    /// The cache directory
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Print a JSON document
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Outcome {
    let wheel = Wheel::start("reading the packs");
    let done = open(&args.dir, false)?.recover()?;
    drop(wheel);
    if args.json {
        let document = object!({
            "dir": args.dir.to_string_lossy(), "kept": done.kept, "found": done.found,
            "dropped": done.dropped, "nameless": done.nameless,
        });
        output::json(&mut output::bytes(), &document)?;
        return Ok(Answer::Yes);
    }
    let mut out = output::text();
    let name = text::name(&args.dir.to_string_lossy());
    let kept = count(done.kept, "entry", "entries");
    writeln!(
        out,
        "{name}: {kept} kept, {} found in the packs, {} dropped that led nowhere",
        done.found, done.dropped
    )?;
    if done.nameless > 0 {
        let what = count(done.nameless, "object says no key and stays", "objects say no key and stay");
        writeln!(out, "{name}: {what} without a name")?;
    }
    out.flush()?;
    Ok(Answer::Yes)
}
