//! `slab show --json`: one document, arrays written as they are read.

use super::{Parts, Show};
use crate::exit::{self, Answer, Outcome, Stop};
use crate::output;
use crate::render::json;
use hyperslab::{Error, Node, NodeKind, Result, Selection, View, blocks, ls};
use serde_json::json as object;
use std::io::Write;

impl Show<'_> {
    pub(super) fn json_node(&self, out: &mut dyn Write, node: &Node, selection: &Selection) -> Outcome<()> {
        let mut head = object!({ "file": self.target.file().to_string_lossy(), "path": node.path });
        if self.has_metadata() && selection.is_all() {
            head["metadata"] = self.metadata_json(&node.path)?;
            let extension = self.container.extension(&node.path, self.limits)?;
            if !extension.is_empty() {
                head["extension"] = self.named_json(extension)?;
            }
        }
        let Some(dtype) = &node.dtype else {
            let why = node.error.as_ref().map_or("has no type".into(), ToString::to_string);
            return Err(Error::invalid(why).object(node.path.as_str()).into());
        };
        if selection.is_all() {
            // An array is written as it is read: one that cannot be read must be known before.
            self.readable(node)?;
            return self.json_array(out, head, dtype, node.shape.as_ref(), &mut |f| {
                blocks::for_each(self.container, node, self.limits, |v| f(v))
            });
        }
        let view = self.container.read(&node.path, selection, self.limits)?;
        decodable(&view)?;
        self.json_array(out, head, view.dtype(), Some(view.shape()), &mut |f| f(&view))
    }

    /// An object whose last key, `value`, is the array.
    pub(super) fn json_array(
        &self,
        out: &mut dyn Write,
        mut head: serde_json::Value,
        dtype: &hyperslab::Dtype,
        shape: Option<&hyperslab::Shape>,
        each: Parts<'_>,
    ) -> Outcome<()> {
        head["dtype"] = dtype.to_json();
        head["shape"] = object!(shape.map(|s| s.to_vec()));
        let head = head.to_string();
        write!(out, "{},\"value\":", head.strip_suffix('}').unwrap_or(&head))?;
        match shape {
            None => write!(out, "null")?,
            Some(shape) => {
                let mut lists = json::Lists::new(shape);
                each(&mut |view| lists.write(out, view, self.limits))?;
                lists.finish(out)?;
            }
        }
        Ok(write!(out, "}}")?)
    }

    pub(super) fn json_group(&self, path: &str, arrays: &[&Node]) -> Outcome {
        let mut out = output::bytes();
        let mut answer = Answer::Yes;
        let head = object!({
            "file": self.target.file().to_string_lossy(), "path": path, "kind": ls::kind(NodeKind::Group),
        })
        .to_string();
        write!(out, "{},\"nodes\":[", head.strip_suffix('}').unwrap_or(&head))?;
        for (i, node) in arrays.iter().enumerate() {
            if i > 0 {
                out.write_all(b",")?;
            }
            match self.json_node(&mut out, node, &Selection::ALL) {
                Err(Stop::Error(e)) => {
                    let e = e.file(self.target.file());
                    write!(out, "{}", object!({ "path": node.path, "error": e.to_string() }))?;
                    exit::say(&e);
                    answer = Answer::Failed;
                }
                written => written?,
            }
        }
        out.write_all(b"]}\n")?;
        out.flush()?;
        Ok(answer)
    }

    fn readable(&self, node: &Node) -> Result<()> {
        blocks::for_each(self.container, node, self.limits, decodable)
    }

    fn metadata_json(&self, path: &str) -> Result<serde_json::Value> {
        self.named_json(self.container.attributes(path, self.limits)?)
    }

    fn named_json(&self, named: Vec<(String, hyperslab::Value)>) -> Result<serde_json::Value> {
        let mut object = serde_json::Map::new();
        for (name, value) in named {
            object.insert(name, hyperslab::json::shown(&value, self.limits)?);
        }
        Ok(object.into())
    }

    pub(super) fn pickle_json(&self, path: &str) -> Outcome<()> {
        let document = object!({
            "file": self.target.file().to_string_lossy(), "path": path, "metadata": self.metadata_json(path)?,
        });
        Ok(output::json(&mut output::bytes(), &document)?)
    }
}

/// Whether every element of a view has a value.
fn decodable(view: &View<'_>) -> Result<()> {
    let heap = view.heap().map(|h| &**h);
    view.for_each(|e| hyperslab::scalar::decode(view.dtype(), e, heap).map(drop))
}
