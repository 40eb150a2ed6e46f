//! `slab cache`: directories of Nengo cache objects, listed, checked, put in order.

mod ls;
mod migrate;
mod pack;
mod recover;
mod shrink;
mod unpack;
mod verify;

use crate::exit::Outcome;
use clap::Subcommand;
use hyperslab::nco::cache::{self, Cache, CacheOptions, Layout, Mode};
use hyperslab::{Error, Kind, Limits, Result};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Look at and tidy up a directory of Nengo cache objects, also while nengo uses it
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true, disable_help_subcommand = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Ls(ls::Args),
    Verify(verify::Args),
    Pack(pack::Args),
    Unpack(unpack::Args),
    Shrink(shrink::Args),
    Recover(recover::Args),
    Migrate(migrate::Args),
}

pub(crate) fn run(args: &Args) -> Outcome {
    match &args.command {
        Command::Ls(args) => ls::run(args),
        Command::Verify(args) => verify::run(args),
        Command::Pack(args) => pack::run(args),
        Command::Unpack(args) => unpack::run(args),
        Command::Shrink(args) => shrink::run(args),
        Command::Recover(args) => recover::run(args),
        Command::Migrate(args) => migrate::run(args),
    }
}

/// Opens a directory that is a cache: none is made here.
fn open(dir: &Path, readonly: bool) -> Result<Cache> {
    folder(dir)?;
    if !cache::is_cache(dir) {
        return Err(match cache::layout_of(dir, &Limits::default())? {
            Some(_) => Error::usage("has the layout of nengo 2.0: one file for each entry, and no index")
                .hint(format!("try 'slab cache migrate {}'", dir.display())),
            None => Error::usage("is no cache directory: it has neither index nor packs"),
        }
        .file(dir));
    }
    if readonly {
        return Cache::open(dir, &options(true)).map_err(|e| mending(e, dir));
    }
    let what = made_anew(dir);
    // To write, what is damaged is made anew, but where nothing says that it was ever a cache's.
    let foreign = |e: Error| match e.kind() {
        Kind::Invalid => {
            e.hint("there is neither a lock nor a pack of a cache beside it; move it away if it is none")
        }
        _ => e,
    };
    let cache = Cache::open(dir, &options(false)).map_err(foreign)?;
    if let Some(what) = what {
        cache.size().map_err(foreign)?;
        crate::exit::note(&what);
    }
    Ok(cache)
}

fn options(readonly: bool) -> CacheOptions {
    CacheOptions { readonly, ..CacheOptions::default() }
}

/// What opening a directory to write will do to its index, if that is another than to read it.
fn made_anew(dir: &Path) -> Option<String> {
    let read = Cache::open(dir, &options(true)).and_then(|cache| cache.size());
    match read {
        Err(e) if e.kind() == Kind::Invalid => {
            Some(format!("{e}: made anew from the keys in the packs; a damaged one is kept as index.damaged"))
        }
        Ok(_) if matches!(cache::layout_of(dir, &Limits::default()), Ok(Some(Layout::Unversioned))) => {
            let what =
                "the index is of nengo 2.1 or 2.2: it is kept as index.older, and one of today is made";
            Some(format!("{}: {what}", dir.display()))
        }
        _ => None,
    }
}

/// Checks that there is a directory that can be listed.
fn folder(dir: &Path) -> Result<()> {
    let meta = dir.metadata().map_err(|e| Error::io(e, "cannot open the cache").file(dir))?;
    if !meta.is_dir() {
        let what = "is a file, and a cache is a directory: an index, and packs in folders of two digits";
        return Err(Error::usage(what).file(dir));
    }
    dir.read_dir().map(drop).map_err(|e| Error::io(e, "cannot list the cache").file(dir))
}

/// What is wrong with the index can be mended.
fn mending(e: Error, dir: &Path) -> Error {
    if e.kind() == Kind::Invalid { hinted(e, dir) } else { e }
}

/// A damaged index can be made again.
fn hinted(e: Error, dir: &Path) -> Error {
    e.hint(format!("try 'slab cache recover {}'", dir.display()))
}

/// A mode as JSON has it, and as it is said.
fn mode(mode: Mode) -> (&'static str, &'static str) {
    match mode {
        Mode::Shared => ("shared", "shared with nengo"),
        Mode::Native => ("native", "native"),
    }
}

/// `1 entry`, `2 entries`.
fn count(n: u64, one: &str, many: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {many}") }
}

/// How long ago something was, in its largest unit; nothing for what lies in the future.
fn age(then: Option<SystemTime>) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")];
    let seconds = then.and_then(|t| t.elapsed().ok()).as_ref().map(Duration::as_secs);
    let Some(seconds) = seconds else { return "-".into() };
    let (unit, name) = UNITS.into_iter().find(|(unit, _)| seconds >= *unit).unwrap_or((1, "s"));
    format!("{} {name}", seconds / unit)
}

/// Seconds since 1970.
fn unix(time: Option<SystemTime>) -> Option<f64> {
    Some(time?.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages() {
        let ago = |s| age(SystemTime::now().checked_sub(Duration::from_secs(s)));
        assert_eq!([ago(5), ago(61), ago(7200), ago(9 * 86_400)], ["5 s", "1 min", "2 h", "9 d"]);
        assert_eq!(age(None), "-");
    }
}
