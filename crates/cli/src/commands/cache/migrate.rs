//! `slab cache migrate`: directories of older versions of nengo, and caches of one mode as another.

use super::{count, folder, mending, mode};
use crate::exit::{Answer, Outcome};
use crate::output;
use crate::progress::Wheel;
use crate::render::{size, text};
use hyperslab::nco::cache::{self, CacheOptions, Layout, Migrated, Mode, Upgraded};
use hyperslab::{Error, Limits};
use serde_json::{Value as Json, json as object};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Make a directory of nengo 2.0 to 2.2 one that is read today, or copy a cache into a new one
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Nothing is deleted. Nengo 2.0 kept one file for each entry: its entries are copied into packs, the files stay.
Nengo 2.1 and 2.2 had an index of another form: it is kept as index.older, the packs stay as they are.
With OUT, the directory stays as it is, and its entries are put into the other, which may be there already.
Exit codes: 0 done, or nothing to do; 1 entries that cannot be read stayed behind; 2 could not do it.")]
pub(super) struct Args {
    /// The cache directory
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Another directory to put the entries into, in place of changing DIR
    #[arg(value_name = "OUT")]
    out: Option<PathBuf>,
    /// How OUT keeps the names of its entries, where it is made
    #[arg(long, value_name = "MODE", requires = "out")]
    mode: Option<Choice>,
    /// Print a JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Choice {
    /// In the index of nengo 2.3 to 4.1, which use the directory too
    Shared,
    /// In a journal of its own, which nengo leaves alone
    Native,
}

pub(super) fn run(args: &Args) -> Outcome {
    folder(&args.dir)?;
    if cache::mode_of(&args.dir).is_none() && cache::is_cache(&args.dir) {
        let e = Error::usage("has packs and no index, so no layout can be told").file(&args.dir);
        return Err(super::hinted(e, &args.dir).into());
    }
    let wheel = Wheel::start("migrating");
    let (to, all) = match &args.out {
        None => (
            &args.dir,
            cache::upgrade(&args.dir, &CacheOptions::default()).map_err(|e| mending(e, &args.dir))?,
        ),
        Some(out) => {
            let mode = match args.mode {
                Some(Choice::Native) => Mode::Native,
                Some(Choice::Shared) | None => Mode::Shared,
            };
            (out, copied(args, out, mode)?)
        }
    };
    drop(wheel);
    let damaged = all.done.as_ref().is_some_and(|done| !done.damaged.is_empty());
    let answer = if damaged { Answer::No } else { Answer::Yes };
    if args.json {
        output::json(&mut output::bytes(), &json(&args.dir, to, &all))?;
        return Ok(answer);
    }
    let mut out = output::text();
    for line in lines(args, to, &all) {
        writeln!(out, "{line}")?;
    }
    out.flush()?;
    Ok(answer)
}

/// The entries put into another directory.
fn copied(args: &Args, out: &Path, mode: Mode) -> Result<Upgraded, Error> {
    let options = CacheOptions { mode, ..CacheOptions::default() };
    let from = cache::layout_of(&args.dir, &Limits::default()).map_err(|e| mending(e, &args.dir))?;
    let done = cache::migrate(&args.dir, out, &options).map_err(|e| mending(e, &args.dir))?;
    let from = from.unwrap_or(Layout::Current(Mode::Shared));
    Ok(Upgraded { from, done: Some(done), kept: None, old_files: 0, old_bytes: 0, gone: 0 })
}

fn lines(args: &Args, to: &Path, all: &Upgraded) -> Vec<String> {
    let name = text::name(&args.dir.to_string_lossy());
    let was = match all.from {
        Layout::Keyed => "layout of nengo 2.0",
        Layout::Unversioned => "layout of nengo 2.1 or 2.2",
        Layout::Current(m) => mode(m).1,
    };
    let is = cache::mode_of(to).map_or("", |m| mode(m).1);
    let mut out = Vec::new();
    let none = Migrated::default();
    let done = all.done.as_ref().unwrap_or(&none);
    let entries = count(done.entries, "entry", "entries");
    let known = if done.known > 0 { format!(", {} of them there before", done.known) } else { String::new() };
    out.push(match (&args.out, &all.done) {
        (_, None) => format!("{name}: needs no migration: {was}"),
        (Some(_), _) => {
            format!("{}: {entries} of {name} ({was}){known}; {is}", text::name(&to.to_string_lossy()))
        }
        (None, _) if was == is => format!("{name}: {entries} of nengo 2.0{known}; {is}"),
        (None, _) => format!("{name}: {was} before, {is} now; {entries}{known}"),
    });
    if let Some(kept) = all.kept.as_ref().and_then(|k| k.file_name()) {
        out.push(format!("{name}: the old index is kept as {}", text::name(&kept.to_string_lossy())));
    }
    if all.old_files > 0 {
        let files = count(all.old_files, "file of nengo 2.0 stays", "files of nengo 2.0 stay");
        out.push(format!("{name}: {files}, {}: nothing reads them any more", size::bytes(all.old_bytes)));
    }
    if all.gone > 0 {
        let what =
            count(all.gone, "entry leads to a file that is gone", "entries lead to files that are gone");
        out.push(format!("{name}: {what}"));
    }
    for (key, e) in &done.damaged {
        out.push(format!("{name}: left behind: entry {}: {}", text::name(key), text::name(&e.to_string())));
    }
    out
}

fn json(dir: &Path, to: &Path, all: &Upgraded) -> Json {
    let from = match all.from {
        Layout::Keyed => "nengo 2.0",
        Layout::Unversioned => "nengo 2.1",
        Layout::Current(m) => mode(m).0,
    };
    let none = Migrated::default();
    let done = all.done.as_ref().unwrap_or(&none);
    let damaged = |(key, e): &(String, Error)| object!({ "key": key, "error": e.to_string() });
    object!({
        "dir": dir.to_string_lossy(), "from": from, "to": to.to_string_lossy(),
        "mode": cache::mode_of(to).map(|m| mode(m).0), "needed": all.done.is_some(),
        "entries": done.entries, "known": done.known,
        "damaged": done.damaged.iter().map(damaged).collect::<Vec<_>>(), "gone": all.gone,
        "kept": all.kept.as_ref().map(|k| k.to_string_lossy()),
        "old_files": all.old_files, "old_bytes": all.old_bytes,
    })
}
