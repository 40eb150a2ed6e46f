//! `slab demo`: the whole mission on small real data, every step checked.

mod cache;
mod contents;
mod data;
mod folder;
mod image;
mod log;
mod nengo;
mod numpy;
mod table;

use crate::exit::{Answer, Outcome};
use crate::output;
use crate::render::size;
use std::path::PathBuf;
use std::time::Instant;

/// Carry real data through every container and back, and check every step
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder to fill: a new one, an empty one, or that of an earlier demo
    #[arg(value_name = "DIR", default_value = "slab-demo")]
    dir: PathBuf,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let start = Instant::now();
    let folder = folder::Folder::open(&args.dir)?;
    let mut out = output::text();
    let mut demo = table::Demo::new(folder, &mut out);
    demo.title(1, "NumPy files: a grid of ground elevations (USGS)");
    numpy::run(&mut demo);
    demo.title(2, "Nengo cache objects: decoders, with their metadata");
    nengo::run(&mut demo);
    demo.title(3, "HDF5 in memory and on disk");
    image::run(&mut demo);
    demo.title(4, "The raw message log: generated PACMAN messages");
    log::run(&mut demo);
    let (steps, differ) = (demo.steps, demo.differ);
    let time = size::time(start.elapsed());
    let verdict = match differ {
        0 => format!("{steps} steps in {time}, every one agrees"),
        n => format!("{steps} steps in {time}, {n} of them DIFFER"),
    };
    demo.line("");
    demo.line(&format!("{verdict}; the files are in {}", demo.folder.path().display()));
    demo.finish()?;
    Ok(if differ == 0 { Answer::Yes } else { Answer::No })
}
