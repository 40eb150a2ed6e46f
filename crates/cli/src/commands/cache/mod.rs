//! `slab cache`: directories of Nengo cache objects, listed, checked, put in order.

mod ls;
mod pack;
mod recover;
mod shrink;
mod unpack;
mod verify;

use crate::exit::Outcome;
use clap::Subcommand;
use hyperslab::nco::cache::{self, Cache, CacheOptions, Mode};
use hyperslab::{Error, Result};
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
}

pub(crate) fn run(args: &Args) -> Outcome {
    match &args.command {
        Command::Ls(args) => ls::run(args),
        Command::Verify(args) => verify::run(args),
        Command::Pack(args) => pack::run(args),
        Command::Unpack(args) => unpack::run(args),
        Command::Shrink(args) => shrink::run(args),
        Command::Recover(args) => recover::run(args),
    }
}

/// Opens a directory that is a cache: none is made here.
fn open(dir: &Path, readonly: bool) -> Result<Cache> {
    if !cache::is_cache(dir) {
        return Err(Error::usage("is no cache directory: it has neither index nor packs").file(dir));
    }
    Cache::open(dir, &CacheOptions { readonly, ..CacheOptions::default() })
        .map_err(|e| if e.kind() == hyperslab::Kind::Invalid { hinted(e, dir) } else { e })
}

/// A damaged index can be made again.
fn hinted(e: Error, dir: &Path) -> Error {
    e.hint(format!("try 'slab cache recover {}'", dir.display()))
}

fn mode(cache: &Cache) -> (&'static str, &'static str) {
    match cache.mode() {
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
