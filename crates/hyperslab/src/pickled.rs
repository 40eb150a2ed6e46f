//! A Python pickle as a container: an array when it holds one, otherwise metadata on a root group.
//!
//! Nothing is executed. Objects of unknown classes are inert records of their name and parts.

use crate::container::Node;
use crate::pickle::{self, Policy};
use crate::{Container, Error, Limits, NodeKind, Result, Selection, Source, Value, View};

/// The name of the attribute that holds a pickle which is no dict with text for keys.
pub const WHOLE: &str = "value";

/// An open pickle, read whole.
#[derive(Debug)]
pub struct PickleFile {
    bytes: Vec<u8>,
}

impl PickleFile {
    /// Reads a pickle and checks that it can be read.
    ///
    /// # Errors
    /// As [`pickle::load`]; `Limit`, `Io`.
    pub fn open(source: &dyn Source, limits: &Limits) -> Result<PickleFile> {
        let bytes = source.bytes_at(0, source.len()?, limits)?.into_owned();
        let file = PickleFile { bytes };
        file.value(limits)?;
        Ok(file)
    }

    /// The whole value.
    ///
    /// # Errors
    /// As [`pickle::load`].
    pub fn value(&self, limits: &Limits) -> Result<Value> {
        pickle::load(&self.bytes, Policy::Inspect, limits)?.to_value(limits)
    }

    fn array(&self, path: &str, limits: &Limits) -> Result<Option<View<'static>>> {
        if !matches!(path, "" | "/") {
            return Err(Error::usage("a pickle has no parts by name").object(path));
        }
        Ok(match self.value(limits)? {
            Value::Array(view) => Some(*view),
            _ => None,
        })
    }
}

impl Container for PickleFile {
    fn format(&self) -> &'static str {
        "pickle"
    }

    fn nodes(&self, path: &str, _depth: Option<u32>, attributes: bool, limits: &Limits) -> Result<Vec<Node>> {
        if let Some(view) = self.array(path, limits)? {
            return Ok(vec![Node::array("", view.dtype().clone(), view.shape().clone())]);
        }
        let mut node = Node::new("", NodeKind::Group);
        if attributes {
            node.attributes = self.attributes(path, limits)?;
        }
        Ok(vec![node])
    }

    fn read<'a>(&'a self, path: &str, selection: &Selection, limits: &Limits) -> Result<View<'a>> {
        match self.array(path, limits)? {
            Some(view) => view.select(selection),
            None => Err(Error::usage("the pickle is not an array")),
        }
    }

    fn attributes(&self, path: &str, limits: &Limits) -> Result<Vec<(String, Value)>> {
        if self.array(path, limits)?.is_some() {
            return Ok(Vec::new());
        }
        Ok(match self.value(limits)? {
            Value::Map(pairs) if pairs.iter().all(|(k, _)| k.as_str().is_some()) => {
                pairs.into_iter().map(|(k, v)| (k.as_str().unwrap_or_default().to_owned(), v)).collect()
            }
            other => vec![(WHOLE.to_owned(), other)],
        })
    }
}
