//! `slab verify`: whether files are sound, and if not, what is damaged at which byte.

use super::headerless::Headerless;
use crate::exit::{self, Answer, Outcome, Stop};
use crate::progress::Wheel;
use crate::{output, render};
use hyperslab::verify::{self, Verdict, Verified};
use hyperslab::{Error, OpenOptions};
use serde_json::json as object;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Check files: every checksum, every element, every offset; name each damage and its byte
#[derive(Debug, clap::Args)]
#[command(after_help = "\
What is checked:
  all    every array is read and decoded to its end, every attribute is read
  NPY    header and size of the data; bytes behind them are noted (NumPy ignores them)
  NPZ    the same for each member, CRCs, local headers against the directory, overlaps,
         bytes that belong to nothing
  raw    the size of the file against the shape and type in its name or in the options
  NCO    headers, the metadata's pickle (never run), arrays, the checksums of extension blocks,
         overlaps
  HDF5   all that the root group leads to: checksums of structures and chunks, every chunk
         decoded, overlaps, the mark of a writer; bytes that nothing leads to are noted
  logs   besides: equal lengths, every message's reference, every heap collection, versions
Exit codes: 0 sound; 1 damaged, truncated or lying; 2 not recognised, not readable, or not all
of it could be checked and nothing is known to be damaged. With several files the greatest.")]
pub(crate) struct Args {
    /// Files; '-' is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print nothing about files that are sound
    #[arg(long, short)]
    quiet: bool,
    /// Print one JSON document
    #[arg(long, conflicts_with = "quiet")]
    json: bool,
    #[command(flatten)]
    headerless: Headerless,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let options = args.headerless.options()?;
    let mut answer = Answer::Yes;
    let mut documents = Vec::new();
    let mut out = output::text();
    for file in &args.files {
        let wheel = Wheel::start("checking");
        let checked = one(file, &options);
        drop(wheel);
        match checked {
            Ok(found) => {
                answer = answer.and(match found.verdict() {
                    Verdict::Sound => Answer::Yes,
                    Verdict::Damaged => Answer::No,
                    Verdict::Unknown => Answer::Failed,
                });
                if args.json {
                    documents.push(found.to_json(file));
                    continue;
                }
                for line in render::verify::lines(&file.to_string_lossy(), &found, args.quiet) {
                    writeln!(out, "{line}")?;
                }
                out.flush()?;
            }
            Err(Stop::Error(e)) => {
                let e = e.file(file);
                exit::say(&e);
                documents
                    .push(object!({ "file": file.to_string_lossy(), "sound": null, "error": e.to_string() }));
                answer = Answer::Failed;
            }
            Err(stop) => return Err(stop),
        }
    }
    if args.json {
        output::json(&mut output::bytes(), &documents.into())?;
    }
    out.flush()?;
    Ok(answer)
}

fn one(file: &Path, options: &OpenOptions) -> Outcome<Verified> {
    let mut progress = |_| {};
    if file == Path::new("-") {
        let bytes = output::all_of_stdin(super::MAX_STDIN)?;
        return Ok(verify::bytes(bytes.into(), file, options, &mut progress)?);
    }
    // A target is a natural mistake here.
    if !file.exists() && super::target(file.as_os_str()).file().is_file() {
        return Err(Error::usage("a file is checked as a whole").file(file).into());
    }
    Ok(verify::file(file, options, &mut progress)?)
}
