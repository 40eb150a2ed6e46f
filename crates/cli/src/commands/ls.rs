//! `slab ls`: what is in a file.

use super::headerless::Headerless;
use crate::exit::{self, Answer, Outcome, Stop};
use crate::{output, render};
use hyperslab::{Error, Limits, Node, Target, ls};
use std::ffi::OsString;
use std::io::Write as _;

/// List what is in files: paths, types, shapes, storage, sizes
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Files, or nodes in them
    #[arg(required = true, value_name = "TARGET")]
    targets: Vec<OsString>,
    /// Show attributes
    #[arg(long, short)]
    attrs: bool,
    /// Levels of groups to go down
    #[arg(long, short, value_name = "N")]
    depth: Option<u32>,
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
    for (i, target) in args.targets.iter().enumerate() {
        let target = super::target(target);
        match one(args, &target, i > 0, &mut out, &mut documents) {
            Ok(sound) if sound => {}
            Ok(_) => answer = Answer::Failed,
            Err(Stop::Error(e)) => {
                let e = e.file(target.file());
                exit::say(&e);
                documents.push(ls::refused_json(target.file(), &e));
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

/// Says what could not be read: the listing shows all of it, stderr the first. Whether there was nothing to say.
fn unreadable(nodes: &[Node], target: &Target) -> bool {
    let mut errors = nodes.iter().filter_map(|n| n.error.as_ref().map(|e| (n, e)));
    let Some((node, first)) = errors.next() else { return true };
    let mut line = first.to_string();
    if first.file_path().is_none() {
        line = format!("{}: {line}", hyperslab::target::display(target.file(), &node.path));
    }
    match errors.count() {
        0 => {}
        more => line.push_str(&format!("; and {more} more nodes that cannot be read")),
    }
    exit::message(&line);
    false
}

/// Lists one target; whether every node of it could be read.
fn one(
    args: &Args,
    target: &Target,
    gap: bool,
    out: &mut dyn std::io::Write,
    documents: &mut Vec<serde_json::Value>,
) -> Result<bool, Stop> {
    let limits = Limits::default();
    let container = super::open(target, &args.headerless.options()?)?;
    let place = target.find(&*container, &limits)?;
    if place.attribute.is_some() || !place.selection.is_all() {
        return Err(Error::usage(format!("{:?} is not a node", target.rest()))
            .hint("'slab show' prints attributes and parts of arrays")
            .into());
    }
    let nodes = ls::nodes(&*container, &place.path, args.depth, args.attrs, &ls::limits())?;
    let sound = unreadable(&nodes, target);
    if args.json {
        documents.push(ls::file_json(target.file(), &*container, &nodes, args.attrs, &limits)?);
        return Ok(sound);
    }
    if gap {
        writeln!(out)?;
    }
    let title = target.to_string();
    render::tree::write(out, &title, container.format(), &nodes, args.attrs, &limits)??;
    Ok(sound)
}
