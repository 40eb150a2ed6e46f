//! `slab cache verify`: whether every entry of a cache is sound.

use super::{count, open};
use crate::exit::{Answer, Outcome, Stop};
use crate::output;
use crate::progress::Progress;
use crate::render::style::{BAD, DIM, GOOD, paint};
use crate::render::{size, text};
use hyperslab::nco::cache::{Checked, PackState, Problem};
use hyperslab::{Error, Kind};
use serde_json::{Value as Json, json as object};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Check every entry: index against packs, checksums, metadata and arrays read to their end
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Notes are no damage: an entry whose pack is gone is a miss, objects without a name take space only.
Entries written by nengo have no checksums: what is wrong with their numbers cannot be seen.
Exit codes: 0 sound; 1 damaged; 2 not a cache, or not readable.")]
pub(super) struct Args {
    /// The cache directory
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Print a JSON document
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Outcome {
    let checked = match check(&args.dir) {
        Ok(checked) => checked,
        Err(e) if e.kind() == Kind::Invalid => return damaged(args, &e),
        Err(e) => return Err(e.into()),
    };
    let answer = if checked.is_sound() { Answer::Yes } else { Answer::No };
    if args.json {
        output::json(&mut output::bytes(), &json(&args.dir, &checked))?;
        return Ok(answer);
    }
    let mut out = output::text();
    for line in lines(&args.dir, &checked) {
        writeln!(out, "{line}")?;
    }
    out.flush()?;
    Ok(answer)
}

fn check(dir: &Path) -> Result<Checked, Error> {
    let cache = open(dir, true)?;
    let mut progress = Progress::bytes(cache.size()?.bytes);
    cache.verify(&mut |bytes| progress.add(bytes))
}

/// The index itself is damaged.
fn damaged(args: &Args, e: &Error) -> Result<Answer, Stop> {
    let dir = args.dir.to_string_lossy();
    if args.json {
        let document = object!({ "dir": dir, "sound": false, "error": e.to_string() });
        output::json(&mut output::bytes(), &document)?;
    } else {
        let mut out = output::text();
        let hint = format!("try 'slab cache recover {dir}'");
        let what = text::name(&format!("{e}; {hint}"));
        writeln!(out, "{}: {}: {what}", text::name(&dir), paint(BAD, "damaged"))?;
        out.flush()?;
    }
    Ok(Answer::No)
}

fn lines(dir: &Path, c: &Checked) -> Vec<String> {
    let name = text::name(&dir.to_string_lossy());
    let line =
        |style, word: &str, what: String| format!("{name}: {}: {}", paint(style, word), text::name(&what));
    let mut out = Vec::new();
    for p in c.problems.iter().filter(|p| !p.gone) {
        out.push(line(BAD, "damaged", format!("entry {}: {}", p.key, p.error)));
    }
    if c.is_sound() {
        let packs = count(c.packs.len() as u64, "pack", "packs");
        let bytes = size::bytes(c.packs.iter().map(|p| p.file.bytes).sum());
        let entries = count(c.sound, "entry", "entries");
        out.push(line(GOOD, "sound", format!("{entries} in {packs}, {bytes}")));
    }
    let mut note = |n: u64, one: &str, many: &str| {
        if n > 0 {
            out.push(line(DIM, "note", count(n, one, many)));
        }
    };
    note(
        c.sound - c.checksummed,
        "entry has no checksums: nengo wrote it",
        "entries have no checksums: nengo wrote them",
    );
    let gone = c.problems.iter().filter(|p| p.gone).count() as u64;
    note(gone, "entry leads to a pack that is gone", "entries lead to packs that are gone");
    note(c.elsewhere, "entry of the index lies in no pack here", "entries of the index lie in no pack here");
    let orphans = c.packs.iter().map(|p| p.orphans).sum();
    note(orphans, "object has no name", "objects have no name");
    let stretches = c.packs.iter().map(|p| p.damage.len() as u64).sum();
    note(stretches, "stretch of a pack holds no object", "stretches of packs hold no object");
    for p in &c.packs {
        if let Some(e) = &p.error {
            out.push(line(DIM, "note", format!("{}: {e}", p.file.name)));
        }
    }
    out
}

fn json(dir: &Path, c: &Checked) -> Json {
    let problem = |p: &Problem| {
        object!({ "key": p.key, "pack": p.place.pack.to_string(), "start": p.place.start,
                  "gone": p.gone, "error": p.error.to_string() })
    };
    let pack = |p: &PackState| {
        let damage = |d: &hyperslab::nco::Damage| object!({ "start": d.range.start, "end": d.range.end, "what": d.what });
        object!({ "file": p.file.name.to_string(), "bytes": p.file.bytes, "named": p.named, "orphans": p.orphans,
                  "recoverable": p.recoverable, "damage": p.damage.iter().map(damage).collect::<Vec<_>>(),
                  "error": p.error.as_ref().map(ToString::to_string) })
    };
    object!({
        "dir": dir.to_string_lossy(), "sound": c.is_sound(), "entries": c.sound, "checksummed": c.checksummed,
        "elsewhere": c.elsewhere, "problems": c.problems.iter().map(problem).collect::<Vec<_>>(),
        "packs": c.packs.iter().map(pack).collect::<Vec<_>>(),
    })
}
