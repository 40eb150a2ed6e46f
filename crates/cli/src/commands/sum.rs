//! `slab sum`: the content digest of every array, the same in every container.

use super::headerless::Headerless;
use crate::exit::{self, Answer, Outcome, Stop};
use crate::output;
use crate::progress::Progress;
use crate::render::{array, text};
use hyperslab::sum::{self, Sum};
use hyperslab::{Error, Limits, Target, target};
use std::ffi::OsString;
use std::io::Write;

/// Print the content digest, type and shape of every array
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Files, or nodes in them
    #[arg(required = true, value_name = "TARGET")]
    targets: Vec<OsString>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    headerless: Headerless,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let mut answer = Answer::Yes;
    let mut documents = Vec::new();
    let mut out = output::text();
    for target in &args.targets {
        let target = super::target(target);
        let sums = match sums(args, &target) {
            Ok(sums) => sums,
            Err(Stop::Error(e)) => vec![Sum::refused(e)],
            Err(stop) => return Err(stop),
        };
        for mut sum in sums {
            if let Some(e) = sum.error.take() {
                let e = e.file(target.file());
                exit::say(&e);
                sum.error = Some(e);
                answer = Answer::Failed;
            }
            match args.json {
                true => documents.push(sum.to_json(target.file())),
                false => line(&mut out, &target, &sum)?,
            }
        }
    }
    if args.json {
        output::json(&mut output::bytes(), &documents.into())?;
    }
    out.flush()?;
    Ok(answer)
}

fn sums(args: &Args, target: &Target) -> Result<Vec<Sum>, Stop> {
    let limits = Limits::default();
    let container = super::open(target, &args.headerless.options()?)?;
    let place = target.find(&*container, &limits)?;
    if place.attribute.is_some() {
        return Err(Error::usage("attributes have no digest").into());
    }
    if !place.selection.is_all() {
        let mut sum = sum::part(&*container, &place.path, &place.selection, &limits)?;
        // The path says which part it is of.
        sum.path = target.rest().trim_start_matches(':').to_owned();
        return Ok(vec![sum]);
    }
    let nodes = container.nodes(&place.path, None, false, &hyperslab::ls::limits())?;
    let arrays: Vec<_> = nodes.into_iter().filter(sum::counts).collect();
    let mut progress = Progress::bytes(arrays.iter().filter_map(|n| n.nbytes).sum());
    Ok(arrays.into_iter().map(|n| sum::array(&*container, n, &limits, &mut |b| progress.add(b))).collect())
}

/// `DIGEST DTYPE SHAPE FILE:PATH`, one space between, none inside the first three.
fn line(out: &mut dyn Write, target: &Target, sum: &Sum) -> std::io::Result<()> {
    // A file that was refused is an error on stderr, and no array.
    let Some(dtype) = sum.dtype.as_ref().map(array::dtype) else { return Ok(()) };
    let digest = match (&sum.sha256, &sum.error) {
        (Some(d), _) => d.as_str(),
        (None, Some(_)) => "error",
        (None, None) => "-",
    };
    let shape = sum.shape.as_ref().map_or("null".into(), |s| s.to_string().replace(' ', ""));
    let name = match sum.path.as_str() {
        path if target.rest() == path => text::name(&target.to_string()),
        path => text::name(&target::display(target.file(), path)),
    };
    writeln!(out, "{digest} {} {shape} {name}", dtype.replace(' ', "\\u0020"))
}
