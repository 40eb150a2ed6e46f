//! `slab append`: rows added to an NPY where it lies, members added to an NPZ.

use super::headerless::Headerless;
use crate::exit::{Answer, Outcome, Stop};
use hyperslab::detect::{Format, detect};
use hyperslab::npy::NpzEditor;
use hyperslab::npy::append::{AppendOptions, Appender};
use hyperslab::source::FileSource;
use hyperslab::{Error, Kind, Limits, Result, Target, View};
use std::ffi::OsString;
use std::thread;
use std::time::{Duration, Instant};

/// Add rows to an NPY in place, or a member to an NPZ
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Rows go behind the last ones of an NPY before its header counts them: whoever reads meanwhile, or after a
crash, sees the old rows or all of them. Byte order and padding of IN may differ. An NPZ is written anew
beside the old one and takes its place at once; members that stay are copied as they are packed.")]
pub(crate) struct Args {
    /// An array, or part of one
    #[arg(value_name = "IN")]
    input: OsString,
    /// An NPY file, or FILE:NAME for a member of an NPZ
    #[arg(value_name = "OUT")]
    out: OsString,
    /// Replace a member of this name
    #[arg(long)]
    replace: bool,
    /// Deflate level of the member
    #[arg(long, value_name = "LEVEL", value_parser = clap::value_parser!(u32).range(1..=9))]
    gzip: Option<u32>,
    /// Overwrite bytes that follow the array of an NPY, such as an append that was cut off left
    #[arg(long)]
    discard_tail: bool,
    #[command(flatten)]
    headerless: Headerless,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let (from, to) = (super::target(&args.input), super::target(&args.out));
    let open = args.headerless.options()?;
    let container = super::open(&from, &open)?;
    let place = from.find(&*container, &open.limits)?;
    if place.attribute.is_some() {
        return Err(Error::usage("an attribute is not appended").into());
    }
    let view = container
        .read(&place.path, &place.selection, &open.limits)
        .map_err(|e| Stop::Error(e.object(place.path.as_str()).file(from.file())))?;
    put(args, &view, &from, &to).map_err(|e| Stop::Error(e.file(to.file())))?;
    Ok(Answer::Yes)
}

fn put(args: &Args, view: &View<'_>, from: &Target, to: &Target) -> Result<()> {
    let file = to.file();
    if !file.exists() {
        return Err(Error::usage("does not exist").hint("'slab convert' writes a new file"));
    }
    let name = to.rest().strip_prefix(':').unwrap_or_default();
    if name.is_empty() && !to.rest().is_empty() {
        return Err(Error::usage(format!("{:?} is not the name of a member", to.rest())));
    }
    match detect(&FileSource::open(file)?)? {
        Some(Format::Npy) if !name.is_empty() => {
            Err(Error::usage("an NPY holds one array and no names").object(name))
        }
        Some(Format::Npy) => {
            if args.replace || args.gzip.is_some() {
                return Err(Error::usage("--replace and --gzip are for the members of an NPZ"));
            }
            let options = AppendOptions { discard_tail: args.discard_tail, ..AppendOptions::default() };
            in_turn(|| Appender::open(file, &options))?.append(view).map(drop)
        }
        Some(Format::Npz) => {
            let name = match name {
                "" => super::convert::name(from.file())?,
                name => name.to_owned(),
            };
            let mut edit = in_turn(|| NpzEditor::open(file, &Limits::default()))?;
            match args.replace {
                true => edit.replace(&name, view, args.gzip)?,
                false if edit.before().keys().any(|k| k == name) => {
                    let e = Error::usage("there is a member of this name").object(name);
                    return Err(e.hint("--replace replaces it"));
                }
                false => edit.put(&name, view, args.gzip)?,
            }
            edit.commit()
        }
        _ => Err(Error::unsupported("is neither NPY nor NPZ")
            .hint("'slab log append' adds messages to a raw message log")),
    }
}

/// Opens a file that other programs append to, too: waits a while for them.
fn in_turn<T>(open: impl Fn() -> Result<T>) -> Result<T> {
    let end = Instant::now() + PATIENCE;
    loop {
        match open() {
            Err(e) if e.kind() == Kind::Conflict && Instant::now() < end => thread::sleep(PAUSE),
            opened => return opened,
        }
    }
}

const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(20);
