//! `slab cache ls`: the entries of a cache.

use super::{age, count, mode, open, unix};
use crate::exit::{Answer, Outcome};
use crate::output;
use crate::render::style::{BAD, DIM, NAME, paint};
use crate::render::{dtype, size, text};
use hyperslab::nco::cache::Listed;
use serde_json::{Value as Json, json as object};
use std::io::Write as _;
use std::path::PathBuf;

/// List the entries: key, bytes, age, and the array's type and shape
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
    let cache = open(&args.dir, true)?;
    let entries = cache.list().map_err(|e| super::mending(e, &args.dir))?;
    let total = cache.size()?;
    let elsewhere = total.entries.saturating_sub(entries.len() as u64);
    if args.json {
        let document = object!({
            "dir": args.dir.to_string_lossy(), "mode": mode(cache.mode()).0,
            "entries": entries.iter().map(json).collect::<Vec<_>>(), "elsewhere": elsewhere,
            "packs": total.packs, "bytes": total.bytes, "index_bytes": total.index_bytes,
        });
        output::json(&mut output::bytes(), &document)?;
        return Ok(Answer::Yes);
    }
    let mut out = output::text();
    for entry in &entries {
        let bytes = size::bytes(entry.place.end.saturating_sub(entry.place.start));
        let array = match &entry.array {
            Ok((t, shape)) => paint(DIM, &format!("{} {shape}", dtype::short(t))),
            Err(e) => paint(BAD, &text::name(&e.to_string())),
        };
        let key = paint(NAME, &text::name(&entry.key));
        writeln!(out, "{key}  {bytes:>8}  {:>6}  {array}", age(entry.created))?;
    }
    let entries = count(entries.len() as u64, "entry", "entries");
    let packs = count(total.packs, "pack", "packs");
    let (bytes, index) = (size::bytes(total.bytes), size::bytes(total.index_bytes));
    writeln!(out, "{entries} in {packs}, {bytes} on the disk, index {index}; {}", mode(cache.mode()).1)?;
    if elsewhere > 0 {
        let what = count(elsewhere, "entry of the index lies", "entries of the index lie");
        writeln!(out, "{what} in no pack of this directory")?;
    }
    out.flush()?;
    Ok(Answer::Yes)
}

fn json(entry: &Listed) -> Json {
    let mut out = object!({
        "key": entry.key, "pack": entry.place.pack.to_string(),
        "start": entry.place.start, "end": entry.place.end,
        "created": unix(entry.created), "used": unix(entry.used),
    });
    match &entry.array {
        Ok((dtype, shape)) => {
            out["dtype"] = dtype.to_json();
            out["shape"] = shape.to_vec().into();
        }
        Err(e) => out["error"] = e.to_string().into(),
    }
    out
}
