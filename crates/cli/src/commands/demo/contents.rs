//! What a file holds, in the form in which two files are compared: dtype, shape, digest and metadata of every array.

use super::data::TRUTH;
use hyperslab::sum::{self, Sum};
use hyperslab::{Container, Error, Limits, NodeKind, Result, Value, ls, same};

/// Every array below a path, in stored order.
pub(super) struct Contents(Vec<Array>);

struct Array {
    name: String,
    sum: Sum,
    attributes: Vec<(String, Value)>,
}

impl Contents {
    pub(super) fn of(container: &dyn Container, path: &str) -> Result<Contents> {
        let limits = Limits::default();
        let nodes = ls::nodes(container, path, None, true, &limits)?;
        let mut arrays = Vec::new();
        for mut node in nodes.into_iter().filter(|n| n.kind == NodeKind::Array) {
            let attributes = std::mem::take(&mut node.attributes);
            let mut sum = sum::array(container, node, &limits, &mut |_| {});
            if let Some(e) = sum.error.take() {
                return Err(e);
            }
            arrays.push(Array { name: sum.path.trim_matches('/').to_owned(), sum, attributes });
        }
        Ok(Contents(arrays))
    }

    /// What the original tool reads from a shipped file.
    pub(super) fn truth(file: &str) -> Result<Contents> {
        let of_file = TRUTH.iter().filter(|(f, ..)| *f == file);
        let array = |(_, path, dtype, shape, sha256): &(&str, &str, &str, &[u64], &str)| {
            let sum = Sum {
                path: (*path).to_owned(),
                dtype: Some(dtype.parse()?),
                shape: Some((*shape).into()),
                sha256: Some((*sha256).to_owned()),
                error: None,
            };
            Ok(Array { name: (*path).to_owned(), sum, attributes: Vec::new() })
        };
        of_file.map(array).collect::<Result<_>>().map(Contents)
    }

    /// The first arrays.
    pub(super) fn first(mut self, n: usize) -> Contents {
        self.0.truncate(n);
        self
    }

    /// Why two are not the same, if they are not. One array alone is compared without its name, which many
    /// containers have no place for; `metadata` compares that too.
    pub(super) fn difference(&self, other: &Contents, metadata: bool) -> Option<Error> {
        let differs = |what: String| Some(Error::invalid(what));
        if self.0.len() != other.0.len() {
            return differs(format!("{} arrays where {} are expected", other.0.len(), self.0.len()));
        }
        for want in &self.0 {
            let found = match other.0.as_slice() {
                [one] => Some(one),
                many => many.iter().find(|a| a.name == want.name),
            };
            let Some(found) = found else { return differs(format!("{:?} is missing", want.name)) };
            if !found.sum.same_as(&want.sum) {
                return differs(format!(
                    "{:?}: {} where {} is expected",
                    want.name,
                    found.text(),
                    want.text()
                ));
            }
            if let Some(name) =
                same::first_difference(&want.attributes, &found.attributes).filter(|_| metadata)
            {
                return differs(format!("{:?}: the metadata {name:?} is another", want.name));
            }
        }
        None
    }
}

impl Array {
    fn text(&self) -> String {
        let dtype = self.sum.dtype.as_ref().map(ToString::to_string).unwrap_or_default();
        let shape = self.sum.shape.as_ref().map(ToString::to_string).unwrap_or_default();
        format!("{dtype} {shape} {}", self.sum.sha256.as_deref().unwrap_or("-"))
    }
}
