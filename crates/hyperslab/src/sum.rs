//! The content digest of every array of a container, read a part at a time.

use crate::{Container, Dtype, Error, Limits, Node, NodeKind, Result, Selection, Shape, blocks, digest};
use serde_json::{Value as Json, json};
use std::path::Path;

/// One array and its digest.
#[derive(Debug)]
pub struct Sum {
    /// Path in the container.
    pub path: String,
    /// Element type, where known.
    pub dtype: Option<Dtype>,
    /// Extents; `None` for a null dataspace, and where unknown.
    pub shape: Option<Shape>,
    /// The digest as 64 hexadecimal digits; `None` for a type without one, and beside an error.
    pub sha256: Option<String>,
    /// Why the array could not be read.
    pub error: Option<Error>,
}

impl Sum {
    /// A whole file that was refused.
    pub fn refused(error: Error) -> Sum {
        Sum { path: String::new(), dtype: None, shape: None, sha256: None, error: Some(error) }
    }

    /// An entry of `slab sum --json`.
    pub fn to_json(&self, file: &Path) -> Json {
        json!({
            "file": file.to_string_lossy(),
            "path": self.path,
            "dtype": self.dtype.as_ref().map(Dtype::to_json),
            "shape": self.shape.as_ref().map(|s| s.to_vec()),
            "sha256": self.sha256,
            "error": self.error.as_ref().map(ToString::to_string),
        })
    }

    /// Whether two arrays hold the same: dtype up to byte order, shape and digest.
    ///
    /// Arrays without a digest are never known to be the same.
    pub fn same_as(&self, other: &Sum) -> bool {
        let types = self.dtype.as_ref().zip(other.dtype.as_ref());
        self.sha256.is_some()
            && self.sha256 == other.sha256
            && self.shape == other.shape
            && types.is_some_and(|(a, b)| a.same_values(b))
    }
}

/// The digests of all arrays at and below `path`, in stored order; of links and named types there are none.
///
/// An array that cannot be read is an entry with its error. `progress` is told of decoded bytes as they come.
///
/// # Errors
/// Only what listing the container reports.
pub fn tree(
    container: &dyn Container,
    path: &str,
    limits: &Limits,
    progress: &mut dyn FnMut(u64),
) -> Result<Vec<Sum>> {
    let nodes = container.nodes(path, None, false, limits)?;
    Ok(nodes.into_iter().filter(counts).map(|n| array(container, n, limits, progress)).collect())
}

/// Whether a node is an entry of its own: every array, and whatever could not be read and may hide some.
pub fn counts(node: &Node) -> bool {
    node.kind == NodeKind::Array || node.error.is_some()
}

/// The digest of one listed array.
pub fn array(
    container: &dyn Container,
    mut node: Node,
    limits: &Limits,
    progress: &mut dyn FnMut(u64),
) -> Sum {
    let result = match node.error.take() {
        Some(e) => Err(e),
        None => whole(container, &node, limits, progress),
    };
    let (sha256, error) = match result {
        Ok(sha256) => (sha256, None),
        Err(e) => (None, Some(e.object(node.path.as_str()))),
    };
    Sum { path: node.path, dtype: node.dtype, shape: node.shape, sha256, error }
}

fn whole(
    container: &dyn Container,
    node: &Node,
    limits: &Limits,
    progress: &mut dyn FnMut(u64),
) -> Result<Option<String>> {
    if !node.dtype.as_ref().is_some_and(digest::is_digestible) {
        return Ok(None);
    }
    let mut hasher = digest::Hasher::new();
    blocks::for_each(container, node, limits, |view| {
        hasher.update(view)?;
        progress(view.nbytes());
        Ok(())
    })?;
    Ok(Some(hasher.finish()))
}

/// The digest of a part of one array, with the shape of the part.
///
/// # Errors
/// As [`Container::read`].
pub fn part(container: &dyn Container, path: &str, selection: &Selection, limits: &Limits) -> Result<Sum> {
    let view = container.read(path, selection, limits)?;
    let sha256 = digest::digest(&view)?;
    Ok(Sum {
        path: path.into(),
        dtype: Some(view.dtype().clone()),
        shape: Some(view.shape().clone()),
        sha256,
        error: None,
    })
}
