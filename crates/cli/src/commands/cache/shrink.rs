//! `slab cache shrink`: a cache made smaller.

use super::{count, open};
use crate::exit::{Answer, Outcome};
use crate::output;
use crate::render::{size, text};
use serde_json::json as object;
use std::io::Write as _;
use std::path::PathBuf;

/// Delete the packs that were not used for the longest time, and their entries
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Sizes are counted as nengo counts them: each pack in whole blocks of the disk; '512 MB' is 512 x 1024 x 1024 bytes.
Only packs are deleted: regular files XX/UUID.nco that start with an object.")]
pub(super) struct Args {
    /// The cache directory
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// What the packs may take: '512 MB', '1.5 GiB', a number of bytes
    #[arg(long, value_name = "SIZE", value_parser = parse)]
    to: u64,
    /// Print a JSON document
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Outcome {
    let done = open(&args.dir, false)?.shrink(args.to)?;
    if args.json {
        let document = object!({
            "dir": args.dir.to_string_lossy(), "packs_deleted": done.packs, "entries_removed": done.entries,
            "gained": done.bytes, "bytes": done.left,
        });
        output::json(&mut output::bytes(), &document)?;
        return Ok(Answer::Yes);
    }
    let mut out = output::text();
    let name = text::name(&args.dir.to_string_lossy());
    let (packs, entries) = (count(done.packs, "pack", "packs"), count(done.entries, "entry", "entries"));
    let (bytes, left) = (size::bytes(done.bytes), size::bytes(done.left));
    writeln!(out, "{name}: {packs} deleted with {entries}, {bytes}; {left} left")?;
    out.flush()?;
    Ok(Answer::Yes)
}

/// Bytes from `512`, `512 MB`, `1.5GiB`: all units are powers of 1024, as nengo has them.
pub(super) fn parse(text: &str) -> Result<u64, String> {
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let unit = unit.trim_start().to_ascii_lowercase();
    const UNITS: [&str; 7] = ["", "k", "m", "g", "t", "p", "e"];
    let power =
        UNITS.iter().position(|u| unit.strip_suffix("ib").or(unit.strip_suffix('b')).unwrap_or(&unit) == *u);
    let bytes = number.parse::<f64>().ok().zip(power).map(|(n, p)| n * 1024f64.powi(p as i32));
    match bytes {
        Some(bytes) if bytes < u64::MAX as f64 => Ok(bytes as u64),
        _ => Err("a size is a number of bytes, or a number and B, KB, MB, GB or TB".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_as_nengo_reads_them() {
        for (text, bytes) in [
            ("0", 0),
            ("1B", 1),
            ("14 B", 14),
            ("1 MB", 1 << 20),
            ("1.5 GB", 3 << 29),
            ("1   KiB", 1024),
            ("2k", 2048),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for no in ["", "MB", "1 XB", "-1", "1.2.3 KB", "99999999 EB"] {
            assert!(parse(no).is_err(), "{no}");
        }
    }
}
