//! `slab repack`: the same container written anew, with other compression.

use super::headerless::Headerless;
use crate::exit::{self, Answer, Outcome};
use crate::progress::Wheel;
use hyperslab::repack::{RepackOptions, repack};
use hyperslab::{ArrayOptions, Shape};
use std::path::{Path, PathBuf};

/// Write the same container anew: compressed, plain, headers as they are written today
#[derive(Debug, clap::Args)]
#[command(after_help = "\
What is kept: names and their order, types, shapes, order of elements, raw members, attributes; the
pickle of a Nengo cache object, byte for byte; members of an NPZ that were compressed are compressed
again, unless --no-compression says otherwise. HDF5 is written with contiguous datasets only, for now.
What the container or its writer cannot honour or keep is refused with the reason.")]
pub(crate) struct Args {
    /// The file
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// The new file, of the same container whatever its name
    #[arg(value_name = "OUT")]
    out: PathBuf,
    /// Deflate level
    #[arg(long, value_name = "LEVEL", value_parser = clap::value_parser!(u32).range(1..=9))]
    gzip: Option<u32>,
    /// No compression
    #[arg(long, conflicts_with_all = ["gzip", "shuffle"])]
    no_compression: bool,
    /// Shuffle bytes before they are compressed
    #[arg(long)]
    shuffle: bool,
    /// Extents of a chunk, for example 1000,100
    #[arg(long, value_name = "SHAPE", value_parser = chunks)]
    chunks: Option<Shape>,
    /// HDF5 versions whose readers the file is for
    #[arg(long, value_name = "VERSION", value_parser = ["earliest", "v110", "latest"])]
    libver: Option<String>,
    /// Replace OUT when it exists, also when it is IN
    #[arg(long, short)]
    force: bool,
    #[command(flatten)]
    headerless: Headerless,
}

fn chunks(text: &str) -> Result<Shape, String> {
    let extents = text.split([',', 'x']).map(|t| t.trim().parse().ok().filter(|&n: &u64| n > 0));
    extents.collect::<Option<Shape>>().ok_or_else(|| "is not like 1000,100".into())
}

pub(crate) fn run(args: &Args) -> Outcome {
    if [&args.input, &args.out].iter().any(|p| p.as_path() == Path::new("-")) {
        return Err(exit::usage("repack reads a file and writes a file; 'slab convert' streams"));
    }
    let options = RepackOptions {
        array: ArrayOptions {
            deflate: args.gzip,
            shuffle: args.shuffle,
            chunks: args.chunks.clone(),
            member: None,
        },
        libver: args.libver.clone(),
        uncompressed: args.no_compression,
        replace: args.force,
        open: args.headerless.options()?,
    };
    let wheel = Wheel::start("writing");
    let done = repack(&args.input, &args.out, &options).map_err(|e| e.file(&args.input))?;
    drop(wheel);
    done.notes.iter().for_each(|n| exit::note(n));
    Ok(Answer::Yes)
}
