//! `slab repack`: the same container written anew, with other compression.

use super::headerless::Headerless;
use super::storage::Storage;
use crate::exit::{self, Answer, Outcome};
use crate::progress::Wheel;
use hyperslab::hdf5::write::Libver;
use hyperslab::repack::{RepackOptions, repack};
use std::path::{Path, PathBuf};

/// Write the same container anew: compressed, plain, headers as they are written today
#[derive(Debug, clap::Args)]
#[command(after_help = "\
What is kept: names and their order, types, shapes, order of elements, raw members, attributes; the
pickle of a Nengo cache object, byte for byte; members of an NPZ that were compressed are compressed
again, unless --no-compression says otherwise; of HDF5 also chunks, filters, fill values, greatest
extents, references, named types, soft and external links. Objects with several names become several
objects.
What the container or its writer cannot honour or keep is refused with the reason.")]
pub(crate) struct Args {
    /// The file
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// The new file, of the same container whatever its name
    #[arg(value_name = "OUT")]
    out: PathBuf,
    #[command(flatten)]
    storage: Storage,
    /// No compression
    #[arg(long, conflicts_with_all = ["gzip", "lzf", "lz4", "zstd", "shuffle"])]
    no_compression: bool,
    /// HDF5 versions whose readers the file is for: earliest is 1.6, v110 all since 1.8, latest 1.10 and later
    #[arg(long, value_name = "VERSION", value_parser = super::storage::libver())]
    libver: Option<Libver>,
    /// Replace OUT when it exists, also when it is IN
    #[arg(long, short)]
    force: bool,
    #[command(flatten)]
    headerless: Headerless,
}

pub(crate) fn run(args: &Args) -> Outcome {
    if [&args.input, &args.out].iter().any(|p| p.as_path() == Path::new("-")) {
        return Err(exit::usage("repack reads a file and writes a file; 'slab convert' streams"));
    }
    let options = RepackOptions {
        array: args.storage.options(),
        libver: args.libver,
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
