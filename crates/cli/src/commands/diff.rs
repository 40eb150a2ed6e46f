//! `slab diff`: whether two containers hold the same, and if not, where and by how much.

use super::headerless::Headerless;
use crate::exit::{self, Answer, Outcome, Stop};
use crate::progress::Wheel;
use crate::{output, render};
use hyperslab::diff::{DiffOptions, Side, diff};
use hyperslab::{Container, Error, Kind, Limits, OpenOptions, Target};
use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;

/// Compare trees, types, shapes, attributes and values of any two containers
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Nodes are matched by path; an array without a name (of a file that is one array, or that a target
names) is compared with the only array of the other side. How elements are stored makes no
difference, nor does byte order. An index that is printed counts from the start of a slice.
Exit codes: 0 equal, and nothing is printed; 1 different; 2 something could not be read, and
everything else was compared.")]
pub(crate) struct Args {
    /// A file, or a group, an array, part of an array or an attribute in it
    #[arg(value_name = "A")]
    a: OsString,
    /// What it is compared with
    #[arg(value_name = "B")]
    b: OsString,
    /// Relative tolerance of numbers: equal where |a - b| <= atol + rtol * |b|, whatever their types
    #[arg(long, value_name = "RTOL", allow_hyphen_values = true, value_parser = tolerance, default_value = "0", hide_default_value = true)]
    rtol: f64,
    /// Absolute tolerance
    #[arg(long, value_name = "ATOL", allow_hyphen_values = true, value_parser = tolerance, default_value = "0", hide_default_value = true)]
    atol: f64,
    /// Not-a-number (and not-a-time) equals itself; else it differs from everything, as in NumPy
    #[arg(long)]
    equal_nan: bool,
    /// Print nothing; the exit code says it
    #[arg(long, short)]
    quiet: bool,
    /// Print one JSON document
    #[arg(long, conflicts_with = "quiet")]
    json: bool,
    #[command(flatten)]
    headerless: Headerless,
}

fn tolerance(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(v) if v >= 0.0 => Ok(v),
        _ => Err("is not a number from 0 on".into()),
    }
}

pub(crate) fn run(args: &Args) -> Outcome {
    let (a, b) = (super::target(&args.a), super::target(&args.b));
    let stdin = |t: &Target| t.file() == Path::new("-");
    if stdin(&a) && stdin(&b) {
        return Err(exit::usage("standard input can be only one of the two"));
    }
    let open = args.headerless.options()?;
    let limits = Limits::default();
    let options = DiffOptions {
        atol: args.atol,
        rtol: args.rtol,
        equal_nan: args.equal_nan,
        listing: hyperslab::ls::limits(),
        limits: limits.clone(),
    };
    let (one, two) = (container(&a, &open)?, container(&b, &open)?);
    if !open.declared.is_empty() && one.format() != "raw" && two.format() != "raw" {
        return Err(exit::usage("neither file is headerless, so no dtype can be told"));
    }
    let place = |t: &Target, c: &dyn Container| t.find(c, &limits).map_err(|e| e.file(t.file()));
    let (here, there) = (place(&a, &*one)?, place(&b, &*two)?);
    let wheel = Wheel::start("comparing");
    let report = diff(
        Side { container: &*one, place: &here, file: a.file() },
        Side { container: &*two, place: &there, file: b.file() },
        &options,
        &mut |_| {},
    )?;
    drop(wheel);
    if args.json {
        output::json(&mut output::bytes(), &report.to_json(&limits)?)?;
    } else if !args.quiet {
        let names = (a.file().to_string_lossy(), b.file().to_string_lossy());
        let mut out = output::text();
        for difference in &report.differences {
            writeln!(out, "{}", render::diff::line(difference, (&names.0, &names.1), &limits)?)?;
        }
        out.flush()?;
    }
    report.errors.iter().for_each(exit::say);
    Ok(match (report.errors.is_empty(), report.differences.is_empty()) {
        (false, _) => Answer::Failed,
        (true, false) => Answer::No,
        (true, true) => Answer::Yes,
    })
}

/// Opens one side; what describes headerless input is for the side that is.
fn container(target: &Target, options: &OpenOptions) -> Result<Box<dyn Container>, Stop> {
    let named = |stop| match stop {
        Stop::Error(e) => Stop::Error(Error::file(e, target.file())),
        stop => stop,
    };
    match super::open(target, options) {
        Err(Stop::Error(e)) if e.kind() == Kind::Usage && !options.declared.is_empty() => {
            let plain = OpenOptions { declared: Default::default(), ..options.clone() };
            match target.file() == Path::new("-") {
                true => Err(named(Stop::Error(e))),
                false => super::open(target, &plain).map_err(|_| named(Stop::Error(e))),
            }
        }
        opened => opened.map_err(named),
    }
}
