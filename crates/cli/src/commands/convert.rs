//! `slab convert`: any container to any other, lossless or refused with the reason.

use super::headerless::{Headerless, separator};
use super::storage::Storage;
use crate::exit::{self, Answer, Outcome, Stop};
use crate::output;
use crate::progress::Wheel;
use hyperslab::hdf5::write::Libver;
use hyperslab::npy::text::{Format, Separator};
use hyperslab::npy::{filename, parse_dtype};
use hyperslab::{ConvertOptions, Converted, Dtype, Error, Output, Result, Target, Value, convert, json};
use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Write arrays and metadata to another container
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A file, or an array, part of an array or group in it
    #[arg(value_name = "IN")]
    input: OsString,
    /// The new file; '-' writes it to standard output
    #[arg(value_name = "OUT")]
    out: PathBuf,
    /// Container to write; without it the extension of OUT says it
    #[arg(long, value_name = "FORMAT", value_parser = output_format)]
    to: Option<Output>,
    #[command(flatten)]
    storage: Storage,
    /// HDF5 versions whose readers the file is for: earliest is 1.6, v110 all since 1.8, latest 1.10 and later
    #[arg(long, value_name = "VERSION", value_parser = super::storage::libver())]
    libver: Option<Libver>,
    /// Convert the elements of every array to this type; a value that it lacks is refused, floats are rounded
    #[arg(long, value_name = "DTYPE", value_parser = parse_dtype)]
    astype: Option<Dtype>,
    /// How the elements of a text are printed, for example '%2d' or '%.17g'
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
    /// What stands between the elements of IN, where both IN and OUT are text; --sep is then that of OUT
    #[arg(long, value_name = "SEP", value_parser = separator)]
    in_sep: Option<String>,
    /// Write dtype and shape into the name of a raw file
    #[arg(long)]
    name_scheme: bool,
    /// Add metadata; VALUE is JSON, or text where it is not
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    meta: Vec<(String, String)>,
    /// Add the keys of a JSON file as metadata
    #[arg(long, value_name = "FILE")]
    meta_json: Option<PathBuf>,
    /// Leave out or simplify what OUT cannot hold, and say what
    #[arg(long)]
    allow_loss: bool,
    /// Replace OUT when it exists
    #[arg(long, short)]
    force: bool,
    #[command(flatten)]
    headerless: Headerless,
}

fn output_format(text: &str) -> std::result::Result<Output, String> {
    let names = || Output::NAMES.iter().map(|(n, _)| *n).collect::<Vec<_>>().join(", ");
    text.parse().map_err(|_| format!("possible values: {}", names()))
}

fn pair(text: &str) -> std::result::Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.into(), value.into())),
        _ => Err("is not KEY=VALUE".into()),
    }
}

pub(crate) fn run(args: &Args) -> Outcome {
    let target = super::target(&args.input);
    converted(args, &target).map_err(|stop| match stop {
        Stop::Error(e) => Stop::Error(e.file(target.file())),
        output => output,
    })
}

fn converted(args: &Args, target: &Target) -> Outcome {
    let mut open = args.headerless.options()?;
    let output = args.to.or_else(|| Output::of_name(&args.out).ok());
    let mut sep = None;
    if output == Some(Output::Text) {
        sep = args.headerless.sep().map(Separator::new).transpose()?;
        open.declared.sep.clone_from(&args.in_sep);
    } else if args.format.is_some() || args.in_sep.is_some() {
        return Err(exit::usage("--format and --in-sep are for text output: say --to text"));
    }
    let container = super::open(target, &open)?;
    let place = target.find(&*container, &open.limits)?;
    if place.attribute.is_some() {
        return Err(Error::usage("an attribute is not converted by itself")
            .hint("'slab show --npy' writes its values")
            .into());
    }
    let options = ConvertOptions {
        output: args.to,
        replace: args.force,
        allow_loss: args.allow_loss,
        array: args.storage.options(),
        objects: open.objects,
        sep,
        format: args.format.clone().unwrap_or_default(),
        astype: args.astype.clone(),
        keep_compression: false,
        uncompressed: false,
        name: name(target.file())?,
        name_scheme: args.name_scheme,
        libver: args.libver.unwrap_or_default(),
        limits: open.limits,
    };
    let metadata = metadata(args)?;
    let wheel = Wheel::start("converting");
    if args.out == Path::new("-") {
        let Some(output) = options.output else {
            return Err(exit::usage(
                "say what to write to standard output: --to npy, npz, h5, nco, raw or text",
            ));
        };
        let dir = tempfile::tempdir().map_err(|e| Error::io(e, "cannot make a temporary directory"))?;
        let file = dir.path().join("out").with_extension(output.extension());
        if args.name_scheme {
            return Err(exit::usage("standard output has no name to write dtype and shape into"));
        }
        let named = |e: Error| match e.file_path() == Some(&file) {
            true => e.renamed(&args.out),
            false => e,
        };
        let done = convert(&*container, &place, &file, metadata, &options).map_err(named)?;
        drop(wheel);
        report(&done);
        let mut made = std::fs::File::open(&file).map_err(|e| Error::io(e, "cannot open"))?;
        let mut out = output::bytes();
        std::io::copy(&mut made, &mut out)?;
        out.flush()?;
        return Ok(Answer::Yes);
    }
    let done = convert(&*container, &place, &args.out, metadata, &options)?;
    drop(wheel);
    report(&done);
    if args.name_scheme {
        // The name is the result here.
        let mut out = output::text();
        writeln!(out, "{}", done.path.display())?;
        out.flush()?;
    }
    Ok(Answer::Yes)
}

fn report(done: &Converted) {
    done.notes.iter().for_each(|n| exit::note(n));
    done.lost.iter().for_each(|l| exit::note(&format!("lost: {l}")));
}

/// What the array of a file of one array is called: the file's name without what describes it.
pub(super) fn name(file: &Path) -> Result<String> {
    let stem = || file.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let named = match file.extension() {
        Some(e) if e == "npy" || e == "nco" => None,
        _ => filename::parse(file).ok().flatten(),
    };
    Ok(match named {
        _ if file == Path::new("-") => "data".into(),
        Some(n) if !n.name.is_empty() => n.name,
        _ => stem(),
    })
}

fn metadata(args: &Args) -> Result<Vec<(String, Value)>> {
    let mut all = Vec::new();
    if let Some(file) = &args.meta_json {
        let text = std::fs::read(file).map_err(|e| Error::io(e, "cannot read").file(file))?;
        let document: serde_json::Value = serde_json::from_slice(&text)
            .map_err(|e| Error::invalid(format!("is not JSON: {e}")).file(file))?;
        let serde_json::Value::Object(keys) = document else {
            return Err(Error::invalid("is not a JSON object").file(file));
        };
        for (key, value) in keys {
            all.push((key, json::to_value(&value)?));
        }
    }
    for (key, text) in &args.meta {
        let value = match serde_json::from_str::<serde_json::Value>(text) {
            Ok(document) => json::to_value(&document)?,
            Err(_) => Value::from(text.as_str()),
        };
        all.retain(|(k, _)| k != key);
        all.push((key.clone(), value));
    }
    Ok(all)
}
