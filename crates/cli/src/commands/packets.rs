//! `slab packets`: the packets in a raw message log as a table, whole at once or growing with the log.

use crate::exit::{self, Answer, Outcome};
use crate::output;
use crate::progress::Progress;
use crate::render::packets as render;
use hyperslab::Error;
use hyperslab::larpix::convert::{Options, Report, convert, follow};
use hyperslab::larpix::packet::Asic;
use hyperslab::larpix::packets::{RowForm, TableFormat};
use hyperslab::larpix::pacman::Check;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Turn a raw message log into a LArPix packet table
#[derive(Debug, clap::Args)]
#[command(after_help = "\
OUT is a packet file as larpix-control's hdf5format reads it, rows byte for byte the same; it appears when
it is complete. A message that cannot be decoded (no header, an unknown or torn word, a count that lies)
stops the conversion, and is named by its number; with --lenient it is left out as far as need be, and
counted. --follow makes a table that grows with the log and can be read meanwhile, until a signal ends it;
the table knows how many messages it has, so the same command continues it where it ended.")]
pub(crate) struct Args {
    /// The log
    #[arg(value_name = "RAW")]
    raw: PathBuf,
    /// The packet file
    #[arg(value_name = "OUT")]
    out: PathBuf,
    /// Format of the packet file; 2.4 for packets of version 2, else 3.0
    #[arg(long, value_name = "VERSION", value_parser = ["2.4", "3.0"])]
    format_version: Option<String>,
    /// Version of the ASICs that sent the packets
    #[arg(long, value_name = "VERSION", default_value = "2", value_parser = ["2", "3"])]
    asic: String,
    /// Leave out, and count, what cannot be decoded
    #[arg(long)]
    lenient: bool,
    /// Threads that decode [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// Keep the table up to date with a log that another process is writing
    #[arg(long)]
    follow: bool,
    /// Replace OUT when it exists
    #[arg(long, short)]
    force: bool,
    /// Print what was done as JSON
    #[arg(long)]
    json: bool,
}

impl Args {
    /// Whether the file grows with the log, and is not made at once.
    pub(crate) fn follows(&self) -> bool {
        self.follow
    }
}

/// The version that an option names.
pub(super) fn asic(version: &str) -> Asic {
    if version == "3" { Asic::V3 } else { Asic::V2 }
}

pub(crate) fn run(args: &Args) -> Outcome {
    let asic = asic(&args.asic);
    let format = match (&args.format_version, asic) {
        (Some(version), _) => version.parse()?,
        (None, Asic::V2) => TableFormat::V2_4,
        (None, Asic::V3) => TableFormat::V3_0,
    };
    let options = Options {
        form: RowForm::new(format, asic)?,
        check: if args.lenient { Check::Lenient } else { Check::Strict },
        jobs: args.jobs.map_or(0, usize::from),
        replace: args.force,
    };
    let report = match args.follow {
        true => followed(args, &options)?,
        false => {
            let mut progress = None;
            convert(&args.raw, &args.out, &options, &mut |done, total| {
                progress.get_or_insert_with(|| Progress::messages(total)).set(done);
            })?
        }
    };
    report.notes.iter().for_each(|n| exit::note(n));
    if let Some(line) = render::skipped(&report.skipped) {
        exit::note(&format!("{}: {line}", args.raw.display()));
    }
    if args.json {
        output::json(&mut output::bytes(), &render::json(&args.raw, &args.out, &options, &report))?;
    }
    Ok(Answer::Yes)
}

/// Follows the log until a signal comes.
fn followed(args: &Args, options: &Options) -> Outcome<Report> {
    let stop = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&stop);
    ctrlc::set_handler(move || told.store(true, Ordering::Release))
        .map_err(|e| Error::usage(format!("cannot listen for signals: {e}")))?;
    let go_on = &mut |_, _| !stop.load(Ordering::Acquire);
    Ok(follow(&args.raw, &args.out, options, go_on)?)
}
