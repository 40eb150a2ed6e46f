//! A Python pickle as a container: an array when it holds one, otherwise metadata on a root group.
//!
//! Nothing is executed. Objects of unknown classes are inert records of their name and parts. Several pickles may
//! follow one another in a file, as in the index of a cache: each is then metadata under its number.

use crate::container::{CodeName, Node};
use crate::pickle::{self, Policy};
use crate::{Container, Error, Limits, NodeKind, Result, Selection, Source, Value, View};

/// The name of the attribute that holds a pickle which is no dict with text for keys.
pub const WHOLE: &str = "value";

/// Most pickles in one file.
const MOST: usize = 1000;

/// An open pickle, read whole.
#[derive(Debug)]
pub struct PickleFile {
    bytes: Vec<u8>,
}

impl PickleFile {
    /// Reads a pickle and checks that it can be read.
    ///
    /// # Errors
    /// As [`pickle::load`], with the unknown names that the pickle refers to before it breaks off; `Limit`, `Io`.
    pub fn open(source: &dyn Source, limits: &Limits) -> Result<PickleFile> {
        let bytes = source.bytes_at(0, source.len()?, limits)?.into_owned();
        let file = PickleFile { bytes };
        match file.value(limits) {
            Ok(_) => Ok(file),
            Err(e) => Err(pickle::naming(e, &file.bytes, 0)),
        }
    }

    /// The first value.
    ///
    /// # Errors
    /// As [`pickle::load`].
    pub fn value(&self, limits: &Limits) -> Result<Value> {
        let value = pickle::load(&self.bytes, Policy::Inspect, limits).and_then(|p| p.to_value(limits));
        value.map_err(|e| e.reading("pickle").at(0))
    }

    /// Every value, and why what is behind the last one is no pickle.
    fn values(&self, limits: &Limits) -> Result<(Vec<Value>, Option<Error>)> {
        let (mut values, mut at) = (Vec::new(), 0);
        loop {
            let rest = self.bytes.get(at..).unwrap_or_default();
            if rest.is_empty() && !values.is_empty() {
                return Ok((values, None));
            }
            let read = match values.len() < MOST {
                true => pickle::load(rest, Policy::Inspect, limits)
                    .and_then(|p| Ok((p.to_value(limits)?, p.consumed())))
                    .map_err(|e| e.reading("pickle").at(0)),
                false => Err(Error::limit(format!("more than {MOST} pickles in one file"))),
            };
            match read {
                Ok((value, size)) => {
                    values.push(value);
                    at += size;
                }
                Err(e) if values.is_empty() => return Err(e),
                Err(e) => {
                    let behind = format!("the last {} bytes of the file are behind its pickle", rest.len());
                    return Ok((values, Some(e.shifted(at as u64).hint(behind))));
                }
            }
        }
    }

    fn array(&self, path: &str, limits: &Limits) -> Result<(Option<View<'static>>, Option<Error>)> {
        if !matches!(path, "" | "/") {
            return Err(Error::usage("a pickle has no parts by name").object(path));
        }
        let (mut values, rest) = self.values(limits)?;
        Ok(match (values.pop(), values.is_empty(), &rest) {
            (Some(Value::Array(view)), true, None) => (Some(*view), rest),
            _ => (None, rest),
        })
    }
}

impl Container for PickleFile {
    fn format(&self) -> &'static str {
        "pickle"
    }

    fn nodes(&self, path: &str, _depth: Option<u32>, attributes: bool, limits: &Limits) -> Result<Vec<Node>> {
        let (array, error) = self.array(path, limits)?;
        if let Some(view) = array {
            return Ok(vec![Node::array("", view.dtype().clone(), view.shape().clone())]);
        }
        let mut node = Node { error, ..Node::new("", NodeKind::Group) };
        if attributes {
            node.attributes = self.attributes(path, limits)?;
        }
        Ok(vec![node])
    }

    fn read<'a>(&'a self, path: &str, selection: &Selection, limits: &Limits) -> Result<View<'a>> {
        match self.array(path, limits)?.0 {
            Some(view) => view.select(selection),
            None => Err(Error::usage("the pickle is not an array")),
        }
    }

    fn attributes(&self, path: &str, limits: &Limits) -> Result<Vec<(String, Value)>> {
        if self.array(path, limits)?.0.is_some() {
            return Ok(Vec::new());
        }
        let (mut values, _) = self.values(limits)?;
        if values.len() > 1 {
            return Ok(values.into_iter().enumerate().map(|(i, v)| (i.to_string(), v)).collect());
        }
        Ok(match values.pop().unwrap_or_default() {
            Value::Map(pairs) if pairs.iter().all(|(k, _)| k.as_str().is_some()) => {
                pairs.into_iter().map(|(k, v)| (k.as_str().unwrap_or_default().to_owned(), v)).collect()
            }
            other => vec![(WHOLE.to_owned(), other)],
        })
    }

    fn code_names(&self, _path: &str, limits: &Limits) -> Result<Vec<CodeName>> {
        let (mut out, mut at) = (Vec::new(), 0usize);
        for _ in 0..MOST {
            let rest = self.bytes.get(at..).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            let (names, end) = pickle::names(rest, limits);
            out.extend(names.into_iter().map(|n| CodeName {
                name: format!("{}.{}", n.module, n.name),
                offset: n.offset.saturating_add(at as u64),
                known: n.known,
            }));
            match end {
                Ok(size) => at += size,
                Err(_) => break,
            }
        }
        Ok(out)
    }
}
