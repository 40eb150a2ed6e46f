//! `slab show`: the values of arrays and attributes, and the metadata that an object carries.

mod json;
mod stream;

use super::headerless::Headerless;
use crate::exit::{self, Answer, Outcome, Stop};
use crate::output;
use crate::render::style::{DIM, NAME, paint};
use crate::render::{array, dtype, text, value};
use hyperslab::{
    Container, Error, Limits, Node, NodeKind, Place, Result, Selection, Target, Value, View, blocks,
};
use serde_json::json as object;
use std::ffi::OsString;
use std::io::Write;

/// Show values, as NumPy prints them
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A file, an array in it, a part of one, or an attribute
    #[arg(value_name = "TARGET")]
    target: OsString,
    #[command(flatten)]
    form: Form,
    #[command(flatten)]
    headerless: Headerless,
}

/// How values are written; as NumPy prints them when nothing is asked for.
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
struct Form {
    /// Every element, however many
    #[arg(long)]
    full: bool,
    /// One JSON document
    #[arg(long)]
    json: bool,
    /// Comma-separated values: a row a line, fields of structs in columns
    #[arg(long)]
    csv: bool,
    /// An NPY file to standard output
    #[arg(long)]
    npy: bool,
    /// The bytes of the elements, in C order
    #[arg(long)]
    raw: bool,
    /// The same bytes in hexadecimal
    #[arg(long)]
    hex: bool,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let target = super::target(&args.target);
    run_target(args, &target).map_err(|stop| match stop {
        Stop::Error(e) => Stop::Error(e.file(target.file())),
        output => output,
    })
}

fn run_target(args: &Args, target: &Target) -> Outcome {
    let limits = Limits::default();
    let container = super::open(target, &args.headerless.options()?)?;
    let place = target.find(&*container, &limits)?;
    let show = Show { form: &args.form, target, container: &*container, limits: &limits };
    match &place.attribute {
        Some(name) => show.attribute(&place.path, name).map(|()| Answer::Yes),
        None => show.nodes(&place),
    }
}

/// Type and shape on one line.
fn kind_of(node: &Node) -> String {
    let dtype = node.dtype.as_ref().map(dtype::short).unwrap_or_default();
    let shape = node.shape.as_ref().map_or("null".into(), ToString::to_string);
    format!("{dtype} {shape}")
}

struct Show<'s> {
    form: &'s Form,
    target: &'s Target,
    container: &'s dyn Container,
    limits: &'s Limits,
}

impl Show<'_> {
    fn attribute(&self, path: &str, name: &str) -> Outcome<()> {
        let value = self.container.attribute(path, name, self.limits)?;
        let head = object!({ "file": self.target.file().to_string_lossy(), "path": path, "attribute": name });
        match value {
            Value::Array(view) => self.view(&view, head),
            _ if self.form.json => {
                let mut document = head;
                document["value"] = hyperslab::json::shown(&value, self.limits)?;
                Ok(output::json(&mut output::bytes(), &document)?)
            }
            Value::Bytes(b) if self.form.raw => Ok(output::bytes().write_all(&b)?),
            Value::String(s) if self.form.raw => Ok(output::bytes().write_all(s.as_bytes())?),
            _ if self.form.raw || self.form.npy || self.form.csv || self.form.hex => {
                Err(Error::usage("is not an array, so it is shown as it is or with --json")
                    .object(format!("{path}@{name}"))
                    .into())
            }
            Value::String(s) => Ok(writeln!(output::text(), "{}", text::plain(&s))?),
            value => {
                let mut out = output::text();
                value::lines(&value, self.limits)?.iter().try_for_each(|l| writeln!(out, "{l}"))?;
                Ok(out.flush()?)
            }
        }
    }

    /// An array that is in memory.
    fn view(&self, view: &View<'_>, head: serde_json::Value) -> Outcome<()> {
        let form = self.form;
        let mut each = |f: &mut dyn FnMut(&View<'_>) -> Result<()>| f(view);
        if form.json {
            let mut out = output::bytes();
            self.json_array(&mut out, head, view.dtype(), Some(view.shape()), &mut each)?;
            out.write_all(b"\n")?;
            return Ok(out.flush()?);
        }
        if form.csv || form.npy || form.raw || form.hex {
            return self.stream(view.dtype(), view.shape(), &mut each);
        }
        let mut out = output::text();
        writeln!(out, "{}", array::view(view, form.full, self.limits)?)?;
        Ok(out.flush()?)
    }

    fn nodes(&self, place: &Place) -> Outcome {
        let nodes = self.container.nodes(&place.path, None, false, &hyperslab::ls::limits())?;
        let arrays: Vec<&Node> = nodes.iter().filter(|n| n.kind == NodeKind::Array).collect();
        let form = self.form;
        // What cannot be listed may hold arrays: showing the others alone would hide that.
        let mut answer = Answer::Yes;
        for e in nodes.iter().filter(|n| n.kind != NodeKind::Array).filter_map(|n| n.error.as_ref()) {
            exit::say(e);
            answer = Answer::Failed;
        }
        match arrays.as_slice() {
            // JSON carries the error in its document.
            [Node { error: Some(e), .. }] if !form.json => {
                exit::say(e);
                answer = Answer::Failed;
            }
            [one] => self.array(one, &place.selection)?,
            _ if !place.selection.is_all() || form.csv || form.npy || form.raw || form.hex => {
                return Err(self.not_one(&arrays).into());
            }
            [] if form.json && self.has_metadata() => self.pickle_json(&place.path)?,
            [] if self.has_metadata() => self.metadata(&place.path, &mut output::text())?,
            many if form.json => return Ok(answer.and(self.json_group(&place.path, many)?)),
            many => return Ok(answer.and(self.group(many)?)),
        }
        Ok(answer)
    }

    /// Every array under its name; one that cannot be read does not keep the others from being shown.
    fn group(&self, arrays: &[&Node]) -> Outcome {
        let mut out = output::text();
        let mut answer = Answer::Yes;
        for (i, node) in arrays.iter().enumerate() {
            if i > 0 {
                writeln!(out)?;
            }
            let kind = if node.dtype.is_none() { "cannot be read".into() } else { kind_of(node) };
            writeln!(out, "{} {}", paint(NAME, &text::name(&node.path)), paint(DIM, &kind))?;
            if let Some(e) = &node.error {
                exit::say(e);
                answer = Answer::Failed;
                continue;
            }
            match self.text(node, &Selection::ALL, &mut out) {
                Err(Stop::Error(e)) => {
                    exit::say(&e.file(self.target.file()));
                    answer = Answer::Failed;
                }
                other => other?,
            }
        }
        out.flush()?;
        Ok(answer)
    }

    /// Whether the format keeps metadata that belongs to showing its objects.
    fn has_metadata(&self) -> bool {
        matches!(self.container.format(), "nco" | "nco-pack" | "pickle")
    }

    fn not_one(&self, arrays: &[&Node]) -> Error {
        let some: Vec<&str> = arrays.iter().take(4).map(|n| n.path.as_str()).collect();
        match some.first() {
            None => Error::usage("holds no array"),
            Some(first) => {
                let dots = if arrays.len() > some.len() { ", .." } else { "" };
                Error::usage(format!("holds {} arrays: {}{dots}", arrays.len(), some.join(", ")))
                    .hint(format!("name one: '{}'", hyperslab::target::display(self.target.file(), first)))
            }
        }
    }

    fn array(&self, node: &Node, selection: &Selection) -> Outcome<()> {
        let form = self.form;
        if form.json {
            let mut out = output::bytes();
            match self.json_node(&mut out, node, selection) {
                Err(Stop::Error(e)) => {
                    let e = e.file(self.target.file());
                    let file = self.target.file().to_string_lossy();
                    let document = object!({ "file": file, "path": node.path, "error": e.to_string() });
                    output::json(&mut out, &document)?;
                    return Err(e.into());
                }
                written => written?,
            }
            out.write_all(b"\n")?;
            return Ok(out.flush()?);
        }
        if form.csv || form.npy || form.raw || form.hex {
            let Some((dtype, shape)) = node.dtype.as_ref().zip(node.shape.as_ref()) else {
                return Err(Error::usage("has no elements to write").object(node.path.as_str()).into());
            };
            if selection.is_all() {
                return self.stream(dtype, shape, &mut |f| {
                    blocks::for_each(self.container, node, self.limits, |v| f(v))
                });
            }
            let view = self.container.read(&node.path, selection, self.limits)?;
            return self.view(&view, serde_json::Value::Null);
        }
        let mut out = output::text();
        if self.has_metadata() && selection.is_all() {
            self.metadata(&node.path, &mut out)?;
            self.extension(&node.path, &mut out)?;
            writeln!(out, "{} {}", paint(NAME, "array"), paint(DIM, &kind_of(node)))?;
        }
        self.text(node, selection, &mut out)?;
        Ok(out.flush()?)
    }

    /// The values of one array as NumPy prints them.
    fn text(&self, node: &Node, selection: &Selection, out: &mut dyn Write) -> Outcome<()> {
        let text = array::stored(self.container, node, selection, self.form.full, self.limits)?;
        Ok(writeln!(out, "{text}")?)
    }

    fn metadata(&self, path: &str, out: &mut dyn Write) -> Outcome<()> {
        let attributes = self.container.attributes(path, self.limits)?;
        writeln!(out, "{}", paint(NAME, "metadata"))?;
        let lines = value::named_lines(&attributes, "", self.limits)?;
        lines.iter().try_for_each(|l| writeln!(out, "  {l}"))?;
        let mut names = self.container.code_names(path, self.limits)?;
        // Arrays in metadata are made by NumPy's own names, which say nothing to who looks at an object.
        if self.container.format() != "pickle" && names.iter().all(|n| n.known) {
            names.clear();
        }
        if !names.is_empty() {
            writeln!(out, "{} {}", paint(NAME, "names"), paint(DIM, "(none of them imported or called)"))?;
        }
        for n in names {
            let unknown = if n.known { "" } else { ", not among the types that are read" };
            writeln!(out, "  {} at byte {}{unknown}", text::name(&n.name), n.offset)?;
        }
        Ok(out.flush()?)
    }

    /// What the file says beside the metadata: the key and the time of a cache object, where it has them.
    fn extension(&self, path: &str, out: &mut dyn Write) -> Outcome<()> {
        let fields = self.container.extension(path, self.limits)?;
        if fields.is_empty() {
            return Ok(());
        }
        writeln!(out, "{}", paint(NAME, "extension"))?;
        let lines = value::named_lines(&fields, "", self.limits)?;
        Ok(lines.iter().try_for_each(|l| writeln!(out, "  {l}"))?)
    }
}

/// Hands the parts of an array to a reader of parts.
type Parts<'p> = &'p mut dyn FnMut(&mut dyn FnMut(&View<'_>) -> Result<()>) -> Result<()>;
